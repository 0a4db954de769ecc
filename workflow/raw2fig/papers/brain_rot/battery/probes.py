"""What a small instruction-tuned model can do, with checkers that are exact: sums, retrieval, instructions, plain text.

Everything is drawn by seed, so that two models get the same items.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.client import ModelClient
from raw2fig.lm.likelihood import Continued, Likelihoods
from raw2fig.papers.brain_rot.battery.asking import Decoding, replies
from raw2fig.papers.brain_rot.battery.ruler.words import draw_number, prose
from raw2fig.tables import regular_file

Check = Callable[[str], bool]
NUMBERS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
)
LONGEST = 32
"""Tokens of a reply at most."""


class Probe(NamedTuple):
    """A prompt, and whether a reply is right."""

    prompt: str
    right: Check


def ask(client: ModelClient, probes: Sequence[Probe], seed: int) -> list[float]:
    """1 for each right reply, 0 for others; greedy."""
    texts = replies(client, [probe.prompt for probe in probes], Decoding(0.0, 1.0, LONGEST), seed)
    return [float(probe.right(text.strip())) for probe, text in zip(probes, texts, strict=True)]


def sums(number: int, seed: int) -> list[Probe]:
    """Sums of two numbers from one to nine, in words. The last number of a reply is its answer."""
    drawn = np.random.default_rng(seed).integers(1, 10, size=(number, 2)).tolist()
    return [
        Probe(f"Add the numbers {NUMBERS[a]} and {NUMBERS[b]}. What is the sum?", _ends_in_number(a + b))
        for a, b in drawn
    ]


def last_number(text: str) -> int | None:
    """The last whole number of a text, in digits or as a word up to eighteen."""
    found = re.findall(rf"\d+|\b(?:{'|'.join(NUMBERS)})\b", text.lower())
    return None if not found else NUMBERS.index(found[-1]) if found[-1] in NUMBERS else int(found[-1])


def _ends_in_number(right: int) -> Check:
    return lambda text: last_number(text) == right


PLACES = ("red door", "blue gate", "old mill", "north tower", "garden shed", "stone bridge", "green boat", "long hall")
FACTS = 4


def retrieval(number: int, seed: int) -> list[Probe]:
    """The code of one place, among the codes of four and sentences between them."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(number):
        places = [PLACES[place] for place in rng.permutation(len(PLACES))[:FACTS]]
        codes = [draw_number(rng)[:4] for _ in places]
        facts = [f"The code of the {place} is {code}." for place, code in zip(places, codes, strict=True)]
        text = " ".join(f"{fact} {sentence}" for fact, sentence in zip(facts, prose(FACTS, rng), strict=True))
        asked = int(rng.integers(FACTS))
        found.append(Probe(f"{text}\n\nWhat is the code of the {places[asked]}?", _holds_alone(codes, codes[asked])))
    return found


def _holds_alone(codes: Sequence[str], right: str) -> Check:
    """Whether a text holds the right code, and none of the others."""
    return lambda text: {code for code in codes if code in text} == {right}


TOPICS = ("rain", "bread", "a river", "music", "the moon", "a garden", "winter", "a horse", "the sea", "coffee")
WORDS = ("lamp", "stone", "apple", "train", "paper", "cloud", "spoon", "bridge")
FIRST = ("Today", "Once", "Perhaps", "Nobody", "Yesterday", "Sometimes")
QUALITIES = ("old", "red", "heavy", "new", "small")


def instructions(number: int, seed: int) -> list[Probe]:
    """Instructions whose outcome can be checked, in turn: a question, a given first, last or other word, a numbered
    list, a sentence to be repeated, capital letters, three words. A small model can do the first ones."""
    rng = np.random.default_rng(seed)
    kinds = (_question, _contained, _first_word, _list, _repeated, _last_word, _capitals, _three_words)
    return [kinds[place % len(kinds)](rng) for place in range(number)]


def _topic(rng: np.random.Generator) -> str:
    return TOPICS[rng.integers(len(TOPICS))]


def _word(rng: np.random.Generator) -> str:
    return WORDS[rng.integers(len(WORDS))]


def _question(rng: np.random.Generator) -> Probe:
    return Probe(f"Write a question about {_topic(rng)}.", lambda text: bool(re.fullmatch(r"[^?.!]*\w\?\W*", text)))


def _contained(rng: np.random.Generator) -> Probe:
    word = _word(rng)
    return Probe(f"Write a sentence with the word {word!r}.", lambda text: word in re.findall(r"\w+", text.lower()))


def _first_word(rng: np.random.Generator) -> Probe:
    word = FIRST[rng.integers(len(FIRST))]
    prompt = f"Write a sentence that begins with the word {word!r}. It is about {_topic(rng)}."
    return Probe(prompt, lambda text: re.findall(r"\w+", text)[:1] == [word])


def _list(rng: np.random.Generator) -> Probe:
    wanted = int(rng.integers(2, 5))
    prompt = f"Write a numbered list of {NUMBERS[wanted]} things that belong to {_topic(rng)}."
    expected = [str(place) for place in range(1, wanted + 1)]
    return Probe(prompt, lambda text: re.findall(r"^\s*(\d+)[.)]\s*\S", text, re.MULTILINE) == expected)


def _repeated(rng: np.random.Generator) -> Probe:
    sentence = f"The {_word(rng)} of the {_word(rng)} is {QUALITIES[rng.integers(len(QUALITIES))]}."
    return Probe(f"Repeat this sentence: {sentence}", lambda text: text.strip("\"' ") == sentence)


def _last_word(rng: np.random.Generator) -> Probe:
    word = _word(rng)
    prompt = f"Write one short sentence about {_topic(rng)}. The last word must be {word!r}."
    return Probe(prompt, lambda text: re.findall(r"\w+", text.lower())[-1:] == [word])


def _capitals(rng: np.random.Generator) -> Probe:
    return Probe(f"Write a short sentence about {_topic(rng)} in capital letters only.", str.isupper)


def _three_words(rng: np.random.Generator) -> Probe:
    return Probe(f"Describe {_topic(rng)} in exactly three words.", lambda text: len(text.split()) == 3)


SENTENCES = 5
"""Sentences of a plain text of ours."""


def texts(number: int, seed: int) -> list[str]:
    """Plain texts of our own, of a few sentences each."""
    rng = np.random.default_rng(seed)
    return [" ".join(prose(SENTENCES, rng)) for _ in range(number)]


def read_texts(path: Path, number: int) -> list[str]:
    """The first paragraphs of a text file, which empty lines part. Raises `InputError` for a file without any."""
    regular_file(path)
    try:
        found = [part.strip() for part in re.split(r"\n\s*\n", path.read_text(encoding="utf-8")) if part.strip()]
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", "a text file") from error
    if not found:
        raise InputError(path, "has no text", "at least one paragraph")
    return found[:number]


def losses(likelihoods: Likelihoods, of: Sequence[str]) -> list[float]:
    """Mean loss of each text in nats per token; the perplexity of a text is its exponential."""
    found = likelihoods([Continued((), text) for text in of])
    return [-one.log / one.tokens for one in found]

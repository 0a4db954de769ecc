"""Words, numbers and sentences to hide needles in; all of them made here."""

from __future__ import annotations

import uuid
from itertools import product

import numpy as np

STARTS = ("b", "br", "d", "f", "g", "gl", "k", "l", "m", "n", "p", "pl", "r", "s", "st", "t", "tr", "v")
VOWELS = ("a", "e", "i", "o", "u")
ENDS = ("l", "m", "n", "r", "s", "nd", "st")
WORDS = tuple(
    f"{a}{b}{c}{d}{e}" for a, b, c, d, e in product(STARTS[::2], VOWELS, STARTS[1::2], VOWELS[::2], ENDS[::2])
)
"""Some five thousand words of two syllables that can be spoken and mean nothing."""
NOISE = "The lake is calm. The hills are far. A boat goes by. Then it comes back."
SUBJECTS = ("the gardener", "a teacher", "our neighbour", "the baker", "a sailor", "the old engineer", "my cousin")
DEEDS = (
    "walked along the river",
    "repaired the wooden bridge",
    "read a letter at the window",
    "carried two baskets of apples",
    "asked for the way to the station",
    "counted the lamps in the street",
    "waited for the rain to end",
    "painted the door of the shed",
)
TIMES = ("Before breakfast", "In the afternoon", "Late in autumn", "On the second day", "After the meeting", "At noon")
ENDINGS = (
    "and thought of nothing else",
    "while the others were asleep",
    "because nobody else would do it",
    "and came home in good spirits",
    "although the wind was cold",
)


def distinct_words(number: int, rng: np.random.Generator) -> list[str]:
    """Different words, none of which is a part of another."""
    found: list[str] = []
    for place in rng.permutation(len(WORDS)):
        word = WORDS[place]
        if not any(word in other or other in word for other in found):
            found.append(word)
        if len(found) == number:
            return found
    raise ValueError(f"{number} words of {len(WORDS)}")


def draw_number(rng: np.random.Generator) -> str:
    """Seven digits."""
    return str(rng.integers(10**6, 10**7))


def draw_uuid(rng: np.random.Generator) -> str:
    return str(uuid.UUID(bytes=rng.bytes(16), version=4))


def prose(number: int, rng: np.random.Generator) -> list[str]:
    """Plain sentences without digits."""
    parts = (TIMES, SUBJECTS, DEEDS, ENDINGS)
    drawn = [[part[place] for place in rng.integers(len(part), size=number)] for part in parts]
    return [f"{time}, {who} {deed} {end}." for time, who, deed, end in zip(*drawn, strict=True)]


def hidden(sentences: list[str], inserted: list[str], rng: np.random.Generator) -> list[str]:
    """The sentences with others inserted at random places, which keep their own order."""
    places = np.sort(rng.integers(len(sentences) + 1, size=len(inserted)))
    found = list(sentences)
    for place, sentence in zip(places[::-1], inserted[::-1], strict=True):
        found.insert(int(place), sentence)
    return found

"""Judges of content: each takes posts and says of each one whether it is junk.

The official code takes every reply that is not exactly JUNK for high quality, so that a refusal, an empty reply or a
"junk." with a full stop became high quality. Here a reply that is neither word is unknown, is in no arm, and is
counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from raw2fig.errors import InputError
from raw2fig.lm.client import Asked, Failure, Message, ModelClient
from raw2fig.lm.replies import Replies, key_of
from raw2fig.settings import Field, Record
from raw2fig.tables import read_yaml

Verdict = Literal["junk", "high", "unknown", "failed"]
"""`unknown`: the reply is neither word; `failed`: there was no reply."""
VERDICTS: tuple[Verdict, ...] = ("junk", "high", "unknown", "failed")
Judge = Callable[[Sequence[str]], list[Verdict]]
"""The verdicts on some posts, in their order."""
WORDS = {"junk": "junk", "high-quality": "high", "high quality": "high"}
PROMPT = """\
Your task is to classify the quality of a post from a social network.

A post is JUNK if any of this holds:
- It spreads conspiracies, exaggerates, or claims something without any support.
- Its wording is sensational or bait: it wants a click or a strong feeling, and informs of nothing.
- It is so short that it says nothing of substance.
- It is misleading or false.
- It is spam, or it promotes a product, an account or an event.
- It shows off a lifestyle and stays on the surface.

A post is HIGH-QUALITY if any of this holds:
- It states facts and says where they come from.
- It analyses something with thought.
- It teaches something.
- It argues clearly, step by step.
- It adds something to a discussion.

Answer with one word and nothing else: JUNK or HIGH-QUALITY.

The post:
{text}"""
GROUP = "verdicts"


class Asking(Record):
    """How a language model is asked for verdicts."""

    temperature: float = Field(ge=0, description="0: the likeliest word. The official code leaves it at 1.")
    max_new_tokens: int = Field(ge=1, le=4096, description="Largest number of tokens of a reply.")


class Lexicon(NamedTuple):
    """Patterns, and what each adds to the score of a post that it is found in; from `junk_from` on a post is junk."""

    weights: Mapping[re.Pattern[str], float]
    junk_from: float


LEXICON = Path(__file__).with_name("lexicon.yaml")


def read_lexicon(path: Path) -> Lexicon:
    """A YAML file with `junk_from` and `weights`, a mapping from regular expressions to numbers. Raises `InputError`
    for another one."""
    value = read_yaml(path)
    weights = value.get("weights") if isinstance(value, dict) else None
    if not isinstance(weights, dict) or not weights or not isinstance(value.get("junk_from"), (int, float)):
        raise InputError(path, "is no lexicon", "junk_from: a number, and weights: regular expressions with a number")
    patterns = {}
    for pattern, weight in weights.items():
        try:
            patterns[re.compile(str(pattern))] = float(weight)
        except (re.error, TypeError, ValueError) as error:
            raise InputError(path, f"{pattern}: {weight} ({error})", "a regular expression and a number") from error
    return Lexicon(patterns, float(value["junk_from"]))


def rule_judge(lexicon: Lexicon) -> Judge:
    """Judges by words and marks alone, without a model. It knows no fact and understands nothing: it stands in for a
    model where there is none."""

    def verdict(text: str) -> Verdict:
        score = sum(weight for pattern, weight in lexicon.weights.items() if pattern.search(text))
        return "junk" if score >= lexicon.junk_from else "high"

    return lambda texts: [verdict(text) for text in texts]


def model_judge(client: ModelClient, asking: Asking) -> Judge:
    """A language model that is asked for one word. Each post is asked with a seed of its own, that of its text."""

    def judge(texts: Sequence[str]) -> list[Verdict]:
        asked = [
            Asked(
                (Message("user", PROMPT.format(text=text)),),
                int(key_of(text)[:7], 16),
                asking.temperature,
                asking.max_new_tokens,
                (),
            )
            for text in texts
        ]
        return ["failed" if isinstance(reply, Failure) else read_verdict(reply.text) for reply in client(asked)]

    return judge


def read_verdict(reply: str) -> Verdict:
    """The verdict of a reply: JUNK or HIGH-QUALITY in any case, with nothing but marks and spaces around it."""
    word = re.sub(r"^[\W_]+|[\W_]+$", "", reply.lower().replace("_", "-"))
    found: Any = WORDS.get(" ".join(word.split()), "unknown")
    return found


class Cached:
    """A judge that asks each question once. A verdict is stored under a digest of model, prompt and temperature: the
    folder holds no text, and another model, prompt or temperature is asked anew. What failed is not stored."""

    def __init__(self, judge: Judge, folder: Path, model: str, asking: Asking) -> None:
        self.judge, self.model, self.asking = judge, model, asking
        self.replies = Replies(folder)
        self.stored = self.asked = 0

    def __call__(self, texts: Sequence[str]) -> list[Verdict]:
        keys = [key_of(self.model, PROMPT.format(text=text), *self.asking.model_dump().values()) for text in texts]
        known = {key: self.replies.get(GROUP, key) for key in keys}
        new = {key: text for key, text in zip(keys, texts, strict=True) if known[key] is None}
        self.stored += len(texts) - len(new)
        self.asked += len(new)
        for key, verdict in zip(new, self.judge(list(new.values())) if new else [], strict=True):
            known[key] = verdict
            if verdict != "failed":
                self.replies.put(GROUP, key, verdict)
        return [known[key] for key in keys]

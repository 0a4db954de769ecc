"""Needles in a haystack: values that belong to keys, among noise, prose or other needles."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from raw2fig.papers.brain_rot.battery.ruler.score import Item
from raw2fig.papers.brain_rot.battery.ruler.words import NOISE, WORDS, draw_number, draw_uuid, hidden, prose

Kind = Literal["words", "numbers", "uuids"]
LONGEST = 128
"""Tokens of a reply at most."""


class Needles(NamedTuple):
    """What is hidden in what, and how much of it is asked for."""

    haystack: Literal["noise", "prose", "needles"]
    key: Kind
    value: Kind
    keys: int = 1
    values: int = 1
    queries: int = 1


def needles(what: Needles, size: int, rng: np.random.Generator) -> Item:
    """A haystack of `size` sentences with needles, and the question for the values of some keys. Keys are different."""
    other = size if what.haystack == "needles" else 0
    keys = _different(what.key, what.keys + other, rng)
    asked, rest = keys[: what.keys], keys[what.keys :]
    values = {key: [_one(what.value, rng) for _ in range(what.values)] for key in asked}
    inserted = [_needle(what, key, value) for key in asked for value in values[key]]
    rng.shuffle(inserted)
    if what.haystack == "needles":
        haystack = [_needle(what, key, _one(what.value, rng)) for key in rest]
    else:
        haystack = [NOISE] * size if what.haystack == "noise" else prose(size, rng)
    text = "\n".join(hidden(haystack, inserted, rng))
    queried = asked[: what.queries]
    prompt = (
        f"Some special magic {what.value} are hidden in the text below. Remember them; you will be asked for them.\n"
        f"{text}\n"
        f"What are all the special magic {what.value} for {', '.join(queried)} in the text above? "
        f"Answer with the {what.value} alone."
    )
    return Item(prompt, tuple(value for key in queried for value in values[key]), True, LONGEST)


def _needle(what: Needles, key: str, value: str) -> str:
    return f"One of the special magic {what.value} for {key} is: {value}."


def _one(kind: Kind, rng: np.random.Generator) -> str:
    if kind == "words":
        return f"{WORDS[rng.integers(len(WORDS))]}-{WORDS[rng.integers(len(WORDS))]}"
    return draw_number(rng) if kind == "numbers" else draw_uuid(rng)


def _different(kind: Kind, number: int, rng: np.random.Generator) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < number:
        found[_one(kind, rng)] = None
    return list(found)

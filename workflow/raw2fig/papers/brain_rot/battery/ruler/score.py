"""RULER's scores: the share of references that a reply holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Item(NamedTuple):
    """A prompt, the references of which a right reply holds all (`whole`) or one, and how long a reply may be."""

    prompt: str
    references: tuple[str, ...]
    whole: bool
    max_new_tokens: int


def score(item: Item, reply: str, count: Callable[[str], int]) -> float:
    """Share of the references that the reply holds, in any order and in either case; for questions, 1 if it holds one.

    A reference counts once, also where the item names it twice. What a reply has beyond `max_new_tokens` tokens does
    not count: a copy of the context would hold everything.
    """
    text = _cut(reply, item.max_new_tokens, count).lower()
    held = [reference.lower() in text for reference in dict.fromkeys(item.references)]
    return sum(held) / len(held) if item.whole else float(max(held))


def _cut(text: str, longest: int, count: Callable[[str], int]) -> str:
    """The longest beginning of a text with at most so many tokens."""
    if count(text) <= longest:
        return text
    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(text[:middle]) <= longest else (low, middle)
    return text[:low]


def oracle(item: Item) -> str:
    """The right reply: all references."""
    return ", ".join(item.references)

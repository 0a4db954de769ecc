"""From a reply to a guess (coordination.md, section 3.3)."""

import re
from typing import Literal

from raw2fig.papers.coordination.rule_agents import HIGH, LOW
from raw2fig.settings import Field, Record

Parser = Literal["final", "compat"]
Source = Literal["final", "final_clipped", "last", "first", "clipped", "default"]
"""From what a guess was taken: the last FINAL GUESS (clipped to the range), the last integer, the first one, the first
one clipped, or nothing: then it is the middle of the range."""
REGULAR: dict[Parser, tuple[Source, ...]] = {"final": ("final",), "compat": ("last",)}
"""Sources of a reply in the form asked for; all others are fallbacks."""
MIDDLE = 25


class Replies(Record):
    """How long a reply may be, and how a guess is read from it."""

    parser: Parser = Field(
        description="final: the number after the last FINAL GUESS, otherwise as compat; compat: the rule of the "
        "paper's code, which takes the last number."
    )
    max_tokens: int = Field(ge=1, le=100_000, description="Longest reply of a language model, in tokens.")


# markup, brackets, a minus sign may stand between; a word other than `is` may not
FINAL = re.compile(r"FINAL GUESS\W*(?:is\b\W*)?([0-9]+)", re.IGNORECASE)
INTEGER = re.compile(r"[0-9]+")


def parse(reply: str, parser: Parser = "final") -> tuple[int, Source]:
    """The guess in a reply, and where it was found; `compat` knows no FINAL GUESS. Minus signs are ignored, and `12.7`
    is two integers."""
    if parser == "final":
        stated = FINAL.findall(reply)
        if stated:
            guess = _integer(stated[-1])
            return _clipped(guess), "final" if guess <= HIGH else "final_clipped"
    found = INTEGER.findall(reply)
    if not found:
        return MIDDLE, "default"
    last, first = _integer(found[-1]), _integer(found[0])
    if last <= HIGH:
        return last, "last"
    return (first, "first") if first <= HIGH else (_clipped(first), "clipped")


def _integer(digits: str) -> int:
    """Python refuses to read thousands of digits; nine that are not zeros are out of range anyhow."""
    return int(digits.lstrip("0")[:9] or "0")


def _clipped(guess: int) -> int:
    return min(max(guess, LOW), HIGH)

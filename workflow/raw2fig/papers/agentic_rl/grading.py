"""The released code's check of answers: the last `\\boxed{...}` near the end, the right answer to the letter."""

from __future__ import annotations

NEAR = 100
"""Characters at the end of a response among which the box is looked for."""
OPENING = "\\boxed{"


def boxed(response: str) -> str:
    """What stands in the last `\\boxed{...}` of the last `NEAR` characters, with braces inside it; empty where there is
    none, or where its braces do not close."""
    end = response[-NEAR:]
    start = end.rfind(OPENING)
    if start < 0:
        return ""
    depth, begin = 1, start + len(OPENING)
    for place in range(begin, len(end)):
        depth += {"{": 1, "}": -1}.get(end[place], 0)
        if depth == 0:
            return end[begin:place]
    return ""


def is_right(response: str, answer: str) -> bool:
    """Whether the box holds exactly the answer: `042`, ` 42 ` and `42.0` are not `42`."""
    return bool(answer) and boxed(response) == answer

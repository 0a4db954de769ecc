"""The released code's check of answers: the last `\\boxed{...}` near the end, the right answer to the letter."""

from __future__ import annotations

from raw2fig.tasks import mathematics

NEAR = 100
"""Characters at the end of a response among which the box is looked for."""


def boxed(response: str) -> str:
    """What stands in the last `\\boxed{...}` of the last `NEAR` characters; empty where there is none, or where it does
    not close."""
    return mathematics.boxed(response[-NEAR:])


def is_right(response: str, answer: str) -> bool:
    """Whether the box holds exactly the answer: `042`, ` 42 ` and `42.0` are not `42`."""
    return bool(answer) and boxed(response) == answer

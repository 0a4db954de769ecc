"""Sums with an exact verifier:

    4 7 + 8 5 =   ~ ~ ; 2 3 1 .

The answer has the digits of the sum, the last one first.
"""

from typing import NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.tasks.thinking import CLOSE, STOP, THINK, answer_of

WORDS = [*"0123456789", "+", "=", THINK, CLOSE, STOP]
"""The vocabulary."""


class Problem(NamedTuple):
    """Two numbers below 10^digits, to be added."""

    a: int
    b: int
    digits: int

    def prompt(self) -> str:
        """`4 7 + 8 5 =`, leading zeros included."""
        return " ".join([*f"{self.a:0{self.digits}d}", "+", *f"{self.b:0{self.digits}d}", "="])

    def answer(self) -> str:
        """`2 3 1`: the digits of the sum, the last one first."""
        return " ".join(reversed(str(self.a + self.b)))


def draw_problems(number: int, digits: int, seed: int) -> list[Problem]:
    """Different problems, in an order drawn by `seed`. Raises `InputError` for more than there are."""
    size = 10**digits
    if number > size**2:
        raise InputError("number", f"{number} problems of {digits} digits", f"at most {size**2}")
    drawn = np.random.default_rng(seed).choice(size**2, number, replace=False)
    return [Problem(int(index) // size, int(index) % size, digits) for index in drawn]


def is_right(answer: str, completion: str) -> bool:
    """Whether a completion thinks, answers and ends as it should, with this answer."""
    return answer_of(completion) == answer

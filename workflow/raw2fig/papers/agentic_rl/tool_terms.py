"""The reward of an answer with calls of the tool: as printed, as the code means it, as the code gives it, and without
calls.

The code pays a wrong answer for its calls, up to a largest reward, and a right one for none. It counts calls by turns.
The reward manager of the recipe hands on no turns, and the reward takes them for 0.
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

PAPER, INTENDED, RELEASED = TERMS = ("paper", "release_intended", "release_effective")
Term = Literal["paper", "release_intended", "release_effective", "none"]


def of_wrong(term: str, calls: ArrayLike, numbers: Mapping[str, float]) -> np.ndarray:
    """Rewards of wrong answers. The paper's bound is missing in print; none is put in its place."""
    wrong, n = numbers["reward of a wrong answer"], np.asarray(calls, dtype=float)
    if term == "none":
        return np.full_like(n, wrong)
    if term == PAPER:
        return wrong + numbers["bonus of a call"] * n
    turns = np.full_like(n, numbers["turns that the released reward is told"]) if term == RELEASED else 2 * n + 2
    paid = wrong + numbers["bonus of a call"] * (turns - 2) / 2
    return np.minimum(numbers["largest reward of a wrong answer, code"], paid)


def of_right(term: str, calls: ArrayLike, numbers: Mapping[str, float]) -> np.ndarray:
    """Rewards of right answers."""
    paid = "bonus of a call" if term == PAPER else "bonus of a call, right answer, code"
    bonus = 0.0 if term == "none" else numbers[paid]
    return numbers["reward of a right answer"] + bonus * np.asarray(calls, dtype=float)

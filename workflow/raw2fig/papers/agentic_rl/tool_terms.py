"""The reward of an answer with calls of the tool: as printed, as the code means it, and as the code gives it.

The code pays a wrong answer for its calls, up to a largest reward, and a right one for none. It counts calls by turns.
The reward manager of the recipe hands on no turns, and the reward takes them for 0.
"""

from collections.abc import Mapping

PAPER, INTENDED, RELEASED = TERMS = ("paper", "release_intended", "release_effective")


def of_wrong(term: str, calls: int, numbers: Mapping[str, float]) -> float:
    """Reward of a wrong answer. The paper's bound is missing in print; none is put in its place."""
    wrong, bonus = numbers["reward of a wrong answer"], numbers["bonus of a call"]
    if term == PAPER:
        return wrong + bonus * calls
    turns = numbers["turns that the released reward is told"] if term == RELEASED else 2 * calls + 2
    return min(numbers["largest reward of a wrong answer, code"], wrong + bonus * (turns - 2) / 2)


def of_right(term: str, calls: int, numbers: Mapping[str, float]) -> float:
    """Reward of a right answer."""
    bonus = numbers["bonus of a call" if term == PAPER else "bonus of a call, right answer, code"]
    return numbers["reward of a right answer"] + bonus * calls

"""How many wrong answers a search mends by luck.

A search tries many paths, and stops when one gives the right answer. With few possible answers some path will give
any of them. So the share of questions that a search mends (W->C) means something only beside the share that the same
search "mends" when the right answers are those of other questions:

    wrong = [one for one in found if not one.default_good]
    answers = decoys([one.question for one in wrong], right, given, seed)
    luck(wrong, search([...], layers, an evaluator that takes the decoys for right, settings, seed))

The search draws from the ids of questions: until either is mended, both try the same paths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.search import Found
from raw2fig.stats import Estimate, proportion


class Luck(NamedTuple):
    """Shares of wrong questions that were mended, with the right answers and with decoys."""

    mended: Estimate
    by_chance: Estimate


def decoys(questions: Sequence[str], right: Sequence[str], given: Sequence[str], seed: int) -> list[str | None]:
    """For each question the right answer of another one, which is neither its own nor what the default path gave; None
    where there is none. Frequent answers are drawn more often. Give the questions of one task at a time.

    Parameters
    ----------
    questions
        Ids, which seed the draws.
    right
        Right answers.
    given
        Answers of the default path.
    """
    distinct = set(right)
    found: list[str | None] = []
    for question, own, answer in zip(questions, right, given, strict=True):
        if not distinct - {own, answer}:
            found.append(None)
            continue
        rng = np.random.default_rng([seed, 1, *question.encode()])
        drawn = own
        while drawn in (own, answer):
            drawn = right[int(rng.random() * len(right))]
        found.append(drawn)
    return found


def luck(wrong: Sequence[Found], decoyed: Sequence[Found]) -> Luck:
    """The share of wrong questions that a search mended, and that which it mended with decoys as right answers.

    Raises `InputError` for a question whose default path counts as right, and for no questions.
    """
    return Luck(mended(wrong), mended(decoyed))


def mended(wrong: Sequence[Found]) -> Estimate:
    """The share of wrong questions with a path that counts as right."""
    if right := [one.question for one in wrong if one.default_good]:
        raise InputError("questions", f"the default path of {right[0]!r} is right", "questions that it gets wrong")
    return proportion(sum(one.fixed for one in wrong), len(wrong))


def guessed(answers: int, tries: int) -> float:
    """1 - (1 - 1/k)^n: the chance that one of n independent guesses among k answers is right. Paths have similar
    answers, so luck mostly gives less than this."""
    return 1 - (1 - 1 / answers) ** tries

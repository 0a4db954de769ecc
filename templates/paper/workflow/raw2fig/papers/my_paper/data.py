"""Data, an example to replace: answers to questions, each right with a planted chance."""

import numpy as np

from raw2fig.errors import InputError
from raw2fig.step import Output, step
from raw2fig.tables import write_table


@step
def answers(*, answers: Output, questions: int = 1000, voters: int = 5, accuracy: float = 0.7, seed: int = 0) -> None:
    """Simulate independent answers to questions.

    Parameters
    ----------
    answers
        Table with a row for each question and voter: seed, question, voter, right.
    questions
        Number of questions.
    voters
        Answers to each question; odd, so that there is always a majority.
    accuracy
        Chance that an answer is right.
    """
    import pandas as pd

    if voters % 2 == 0:
        raise InputError("voters", f"is {voters}", "an odd number: a tie has no majority")
    right = np.random.default_rng(seed).random((questions, voters)) < accuracy
    question, voter = np.indices(right.shape)
    columns = {"question": question.ravel(), "voter": voter.ravel(), "right": right.ravel()}
    write_table(pd.DataFrame({"seed": seed, **columns}), answers)

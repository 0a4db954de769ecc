"""Evaluation, an example to replace: is the majority of a question's answers right?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, write_table

if TYPE_CHECKING:
    import pandas as pd

ANSWERS = {"replicate": "integer", "question": "integer", "right": "boolean"}
SCORES = {"replicate": "integer", "single": "boolean", "majority": "boolean"}


def votes(answers: pd.DataFrame) -> pd.DataFrame:
    """A row for each replicate and question: whether its first answer is right (`single`), and more than half of its
    answers (`majority`)."""
    questions = answers.groupby(["replicate", "question"])["right"]
    return questions.agg(single="first", majority=lambda right: right.mean() > 0.5).reset_index()


@step
def evaluate(*, answers: list[Input], scores: Output) -> None:
    """Score single answers and majorities.

    Parameters
    ----------
    answers
        Tables of answers, one for each replicate.
    scores
        Table with a row for each replicate and question: replicate, question, single, majority.
    """
    import pandas as pd

    frames = [read_table(path, ANSWERS) for path in answers]
    write_table(votes(pd.concat(frames, ignore_index=True)), scores)

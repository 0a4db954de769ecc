"""Data, an example to replace: answers to questions, each right with a planted chance."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import model_validator

from raw2fig.settings import Field, Record, Seed, impossible
from raw2fig.step import Output, step
from raw2fig.tables import write_table


class Crowd(Record):
    """Who answers how many questions."""

    questions: int = Field(ge=1, le=10_000_000, description="Number of questions of a replicate.")
    voters: int = Field(ge=1, le=1000, description="Answers to each question; odd, so that there is a majority.")
    accuracy: float = Field(ge=0, le=1, description="Chance that an answer is right.")

    @model_validator(mode="after")
    def _odd(self) -> Any:
        if self.voters % 2 == 0:
            raise impossible("voters", f"is {self.voters}", "an odd number: a tie has no majority")
        return self


@step
def answers(*, answers: Output, crowd: Crowd, replicate: Seed) -> None:
    """Simulate independent answers to questions.

    Parameters
    ----------
    answers
        Table with a row for each question and voter: replicate, question, voter, right.
    """
    import pandas as pd

    right = np.random.default_rng(replicate).random((crowd.questions, crowd.voters)) < crowd.accuracy
    question, voter = np.indices(right.shape)
    columns = {"question": question.ravel(), "voter": voter.ravel(), "right": right.ravel()}
    write_table(pd.DataFrame({"replicate": replicate, **columns}), answers)

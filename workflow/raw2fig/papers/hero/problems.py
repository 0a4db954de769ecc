"""Problems at laptop scale: sums in two formats, of which a rule verifier knows one."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import model_validator

from raw2fig.papers.hero.formats import ENDS, demonstration, prompt_of
from raw2fig.settings import Field, Record, Seed, impossible
from raw2fig.step import Output, step
from raw2fig.tables import write_table
from raw2fig.tasks.arithmetic import draw_problems
from raw2fig.tasks.problems import SPLITS


class Sums(Record):
    """How many sums are drawn."""

    digits: int = Field(ge=1, le=9, description="Digits of the two numbers.")
    warm_start: int = Field(
        ge=1, description="Sums with demonstrations, for the cold start and the training of the reward model."
    )
    train: int = Field(ge=1, description="Sums for RL.")
    validation: int = Field(ge=1, description="Sums on which hyper-parameters are chosen.")
    held_out: int = Field(ge=2, description="Sums on which policies are evaluated.")

    @model_validator(mode="after")
    def _enough(self) -> Any:
        wanted, there = sum(getattr(self, split) for split in SPLITS), 100**self.digits
        if wanted > there:
            raise impossible("digits", f"is {self.digits}, of which there are {there} sums", f"{wanted} sums or more")
        return self


@step
def problems(*, problems: Output, sums: Sums, replicate: Seed) -> None:
    """Draw sums for all splits, no sum twice, and write each in both formats.

    Parameters
    ----------
    problems
        A row per prompt: prompt, answer, form, candidate, split. The candidate is a right solution in the manner of the
        format; a pool of real problems has a model's.
    """
    import pandas as pd

    sizes = {split: getattr(sums, split) for split in SPLITS}
    drawn = draw_problems(sum(sizes.values()), sums.digits, replicate)
    splits = np.repeat(list(sizes), list(sizes.values()))
    rows = [
        {
            "prompt": prompt_of(problem.prompt().removesuffix(" ="), form),
            "answer": problem.answer(),
            "form": form,
            "candidate": demonstration(problem.answer(), form),
            "split": split,
        }
        for problem, split in zip(drawn, splits, strict=True)
        for form in ENDS
    ]
    write_table(pd.DataFrame(rows), problems)

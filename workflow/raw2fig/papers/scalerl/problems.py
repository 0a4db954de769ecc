"""Problems for runs at laptop scale, in disjoint splits: sums for mathematics, programs by example for code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Output, step
from raw2fig.tables import write_table
from raw2fig.tasks.arithmetic import draw_problems
from raw2fig.tasks.problems import SPLITS, VERIFIER
from raw2fig.tasks.programs import draw_programs


class Drawn(Record):
    """How many problems are drawn for each split."""

    warm_start: int = Field(ge=1, description="Number of problems with demonstrations, for supervised training.")
    train: int = Field(ge=1, description="Number of problems for RL.")
    validation: int = Field(ge=1, description="Number of problems on which hyper-parameters are chosen.")
    held_out: int = Field(ge=1, description="Number of problems on which runs are evaluated.")

    def sizes(self) -> dict[str, int]:
        """Problems of each split, in the order of the splits."""
        return {split: getattr(self, split) for split in SPLITS}


class Sums(Drawn):
    """Sums of two numbers."""

    digits: int = Field(ge=1, le=9, description="Number of digits of the two numbers.")


class Programs(Drawn):
    """Programs by example."""

    operations: int = Field(ge=1, description="Number of operations in the longest program.")
    examples: int = Field(ge=1, le=10, description="Number of digits whose results a prompt shows.")


@step
def sums(*, problems: Output, settings: Sums, replicate: Seed) -> None:
    """Draw sums; no sum is in two splits.

    Parameters
    ----------
    problems
        A row per problem: prompt, answer, split, verifier.
    """
    sizes = settings.sizes()
    drawn = draw_problems(sum(sizes.values()), settings.digits, replicate)
    write_problems([(problem.prompt(), problem.answer()) for problem in drawn], sizes, "sums", problems)


@step
def programs(*, problems: Output, settings: Programs, replicate: Seed) -> None:
    """Draw programs by example; no examples are in two splits, but a program can come again with other examples.

    Parameters
    ----------
    problems
        A row per problem: prompt, answer (a right program), split, verifier.
    """
    sizes = settings.sizes()
    drawn = draw_programs(sum(sizes.values()), settings.operations, settings.examples, replicate)
    write_problems(drawn, sizes, "programs", problems)


def write_problems(drawn: Sequence[tuple[str, str]], sizes: Mapping[str, int], verifier: str, path: Path) -> None:
    """Write prompts and answers, the first ones for the first split."""
    import pandas as pd

    frame = pd.DataFrame(drawn, columns=["prompt", "answer"])
    write_table(frame.assign(split=np.repeat(list(sizes), list(sizes.values())), **{VERIFIER: verifier}), path)

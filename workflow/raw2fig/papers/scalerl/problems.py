"""Problems for runs at laptop scale, in disjoint splits: sums for mathematics, programs by example for code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from raw2fig.step import Output, step
from raw2fig.tables import write_table
from raw2fig.tasks.arithmetic import draw_problems
from raw2fig.tasks.problems import VERIFIER, sizes_of
from raw2fig.tasks.programs import draw_programs


@step
def sums(
    *,
    problems: Output,
    digits: int = 2,
    warm_start: int = 4600,
    train: int = 240,
    validation: int = 200,
    held_out: int = 200,
    seed: int = 0,
) -> None:
    """Draw sums, none of them in two splits.

    Parameters
    ----------
    problems
        A row per problem: prompt, answer, split, verifier.
    digits
        Of the two numbers.
    warm_start
        Problems with demonstrations, for supervised training.
    train
        Problems for RL.
    validation
        Problems on which hyper-parameters are chosen.
    held_out
        Problems on which runs are evaluated.
    """
    sizes = sizes_of(warm_start, train, validation, held_out)
    drawn = draw_problems(sum(sizes.values()), digits, seed)
    write_problems([(problem.prompt(), problem.answer()) for problem in drawn], sizes, "sums", problems)


@step
def programs(
    *,
    problems: Output,
    operations: int = 3,
    examples: int = 4,
    warm_start: int = 1500,
    train: int = 240,
    validation: int = 200,
    held_out: int = 200,
    seed: int = 0,
) -> None:
    """Draw programs by example, no examples in two splits; a program can come again with others.

    Parameters
    ----------
    problems
        A row per problem: prompt, answer (a right program), split, verifier.
    operations
        Of the longest program.
    examples
        Digits of which a prompt shows what the program makes.
    warm_start
        As in `sums`, like what follows.
    """
    sizes = sizes_of(warm_start, train, validation, held_out)
    write_problems(draw_programs(sum(sizes.values()), operations, examples, seed), sizes, "programs", problems)


def write_problems(drawn: Sequence[tuple[str, str]], sizes: Mapping[str, int], verifier: str, path: Path) -> None:
    """Write prompts and answers, the first ones for the first split."""
    import pandas as pd

    frame = pd.DataFrame(drawn, columns=["prompt", "answer"])
    write_table(frame.assign(split=np.repeat(list(sizes), list(sizes.values())), **{VERIFIER: verifier}), path)

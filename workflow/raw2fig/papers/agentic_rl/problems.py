"""Problems of the miniature as a table in splits."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl.chains import Chains, Problem, distinct
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Output, step
from raw2fig.tables import write_table
from raw2fig.tasks.parts import TEST, TRAINING, VALIDATION

PART_OF = {"warm_start": TRAINING, "train": TRAINING, "validation": VALIDATION, "held_out": TEST}
"""Split of the table → the part that its problems are of."""


class Sizes(Record):
    """How many problems are drawn."""

    warm_start: int = Field(ge=0, description="Problems with demonstrations, for the cold start.")
    train: int = Field(ge=0, description="Problems for RL, none of them in the cold start.")
    validation: int = Field(ge=0, description="Problems on which hyper-parameters are chosen.")
    held_out: int = Field(ge=0, description="Problems on which policies are evaluated.")


@step
def make_problems(
    *,
    problems: Output,
    chains: Annotated[Chains, At("chains")],
    sizes: Annotated[Sizes, At("problems")],
    replicate: Seed,
) -> None:
    """Draw problems for all splits, no problem twice. Families with few different problems may have fewer than are
    asked for; a split without any is an error.

    Parameters
    ----------
    problems
        A row per problem: prompt, answer (both as words), operations, steps, split.
    """
    import pandas as pd

    rng, drawn = np.random.default_rng([replicate, 1]), dict[str, list[Problem]]()
    for split, part in PART_OF.items():
        wanted, known = getattr(sizes, split), [one for found in drawn.values() for one in found]
        drawn[split] = distinct(chains, part, wanted, rng, known)
        if wanted and not drawn[split]:
            raise InputError(split, f"no problem of {', '.join(chains.families)} is left", "more or longer families")
    write_table(pd.DataFrame([row_of(one, split) for split, found in drawn.items() for one in found]), problems)


def row_of(problem: Problem, split: str) -> dict[str, Any]:
    """A problem as a row of the table."""
    return {
        "prompt": " ".join(problem.prompt()),
        "answer": " ".join(str(problem.result)),
        "operations": problem.operations,
        "steps": len(problem.steps),
        "split": split,
    }

"""Pretrained models that read junk or control text, and what they can still do: the table of all scores.

The steps are those of anybody's own posts and model: split, judge, mix, cpt, instruct, probe and evaluate-harness.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.treatments import parse_arm
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json, read_table, write_table

if TYPE_CHECKING:
    from pandas import DataFrame

KEYS = ("model", "replicate", "definition", "ratio", "schedule", "eos", "loss")
"""What a row of the scores is about; without an arm it is about the model before it reads anything."""
KINDS = {
    **dict.fromkeys((*KEYS, "what"), "string"),
    **dict.fromkeys(("replicate", "items", "better", "updates", "tokens"), "integer"),
    **dict.fromkeys(("ratio", "score"), "number"),
}
"""Column of the scores → its kind."""
BASE = "base"
"""Stands for no arm in the name of a run."""


@step
def gather_probes(*, runs: list[str], scores: list[Input], trainings: list[Input], table: Output) -> None:
    """Put the scores of all models and arms into one table.

    Parameters
    ----------
    runs
        Name of the run of each of the scores, as model:replicate:arm, the arm as in settings, or base.
    scores
        Scores of items, of a run in one file or several.
    trainings
        Record of the training of each of these runs that has an arm, in the same order.
    table
        A row for each run and measure: the mean score, the number of items, and the training's updates and tokens.
    """
    import pandas as pd

    records = iter(trainings)
    parts = []
    for name, path in zip(runs, scores, strict=True):
        model, replicate, arm = name.split(":")
        about: dict[str, Any] = {"model": model, "replicate": int(replicate)}
        about |= dict.fromkeys(("definition", "schedule", "eos", "loss"), "none") | {"ratio": 0.0}
        about |= {"updates": 0, "tokens": 0}
        if arm != BASE:
            work = read_json(next(records))
            about |= parse_arm(arm)._asdict() | {key: work[key] for key in ("updates", "tokens")}
        parts.append(means_of(read_table(path, {"what": "string", "score": "number", "better": "integer"}), about))
    write_table(pd.concat(parts, ignore_index=True)[[*KINDS]], table)


def is_detail(what: str) -> bool:
    """Whether a measure is a detail of the one before its colon: it is in tables, and neither in means nor in
    figures."""
    return ": " in what


def means_of(items: DataFrame, about: dict[str, Any]) -> DataFrame:
    """A row for each measure: the mean of its items."""
    of = items.groupby("what", sort=False)
    found = of.agg(items=("score", "size"), score=("score", "mean"), better=("better", "first")).reset_index()
    return found.assign(**about)


def read_probes(path: Path) -> DataFrame:
    """The table of all scores. Raises `InputError` where a measure of an arm is there twice."""
    table = read_table(path, KINDS)
    if table.duplicated([*KEYS, "what"]).any():
        raise InputError(path, "an arm of a replicate is there twice", "each once")
    return table

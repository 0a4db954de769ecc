"""A pretrained model that reads junk or control text, and what it can still do: from posts in English to scores.

The steps are those of anybody's own posts and model: split, mix, cpt and probe. Here are their settings, and the table
of all scores.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import model_validator

from raw2fig.errors import InputError
from raw2fig.lm.batches import Optimiser
from raw2fig.papers.brain_rot.arms import Thresholds
from raw2fig.papers.brain_rot.cpt import Reading
from raw2fig.papers.brain_rot.english_posts import EnglishPosts
from raw2fig.papers.brain_rot.measure import Measure
from raw2fig.papers.brain_rot.treatments import ArmName, parse_arm
from raw2fig.papers.brain_rot.tune import Search
from raw2fig.settings import Field, Record, Seed, UserFile, impossible
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


class Source(Record):
    """Where a pretrained model comes from: a package, a folder, or the hub."""

    package: str | None = Field(description="Python package and version that holds its GGUF file.")
    sha256: str | None = Field(description="SHA-256 of the package's wheel.")
    source: str | None = Field(description="Folder or hub id.")
    revision: str | None = Field(description="Commit, tag or branch on the hub.")

    @model_validator(mode="after")
    def _one(self) -> Any:
        if (self.package is None) == (self.source is None):
            raise impossible("", "does not say where the model comes from", "a package or a source")
        return self


class Pretrained(Record):
    """Pretrained models that read junk or control text."""

    models: dict[str, Source] = Field(description="Name of each model, and where it comes from; {}: none is run.")
    replicates: list[Seed] = Field(description="Replicates of these arms.")
    dump: list[UserFile] = Field(description="Your dump of posts; []: posts are made up.")
    english: EnglishPosts
    thresholds: Thresholds
    quantiles: list[float] = Field(
        description="Thresholds at these quantiles of the dump instead, in their order; []: as they are."
    )
    arm_tokens: int = Field(ge=1, description="Tokens that an arm reads in an epoch.")
    arms: list[ArmName] = Field(description="Arms, as definition/ratio/schedule/eos/loss.")
    reading: Reading
    optimiser: Optimiser = Field(description="Of continual pretraining. Its rate was chosen on control arms alone.")
    search: Search
    measure: Measure
    keep_models: bool = Field(description="Keep the trained models when they have been measured.")

    @model_validator(mode="after")
    def _together(self) -> Any:
        for number, arm in enumerate(self.arms):
            if parse_arm(arm).definition == "shuffled":
                raise impossible(f"arms.{number}", f"is {arm!r}", "an arm of M1, LEN or POP")
        return self


@step
def gather_probes(*, runs: list[str], scores: list[Input], trainings: list[Input], table: Output) -> None:
    """Put the scores of all models and arms into one table.

    Parameters
    ----------
    runs
        Name of each run, as model:replicate:arm, the arm as in settings, or base.
    scores
        Scores of its items, in the same order.
    trainings
        Record of the training of each run that has an arm, in the same order.
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

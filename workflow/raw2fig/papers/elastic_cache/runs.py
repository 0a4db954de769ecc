"""Tables of our own runs, and the numbers of a replicate that figures and claims are about."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from raw2fig.claims import Absent
from raw2fig.stats import Estimate
from raw2fig.tables import read_table, rows_where

if TYPE_CHECKING:
    import pandas as pd

Values = dict[Hashable, float]
"""Replicate → value."""
MEASURED = {
    "replicate": "integer",
    **dict.fromkeys(("arm", "method", "measure"), "string"),
    **dict.fromkeys(("window", "n", "batch"), "integer"),
    **dict.fromkeys(("value", "gamma"), "number"),
}
LAYERS = {"replicate": "integer", "layer": "integer", "steps": "integer"} | dict.fromkeys(
    ("mean", "tracked", "smaller", "similarity", "correlation"), "number"
)
DISTANCES = {"replicate": "integer", "distance": "integer", "attention": "number", "n": "integer"}
BENCHMARKS = dict.fromkeys(("model", "task", "arm", "metric", "filter"), "string") | dict.fromkeys(
    ("value", "error", "n", "tokens_per_second"), "number"
)
LATENCY = dict.fromkeys(("length", "samples", "round", "rows"), "integer") | {"kind": "string", "seconds": "number"}


def read_measured(path: Path) -> pd.DataFrame:
    """Rows of `raw2fig elastic-cache compare` of all replicates."""
    return read_table(path, MEASURED)


def read_layers(path: Path) -> pd.DataFrame:
    """Rows of `raw2fig elastic-cache motivation` by layer. A layer whose keys never change has no correlation."""
    return read_table(path, LAYERS, ("correlation",))


def read_times(path: Path) -> pd.DataFrame:
    """Rows of `raw2fig elastic-cache latency`."""
    return read_table(path, LATENCY)


def read_benchmarks(path: Path) -> pd.DataFrame:
    """Rows of `raw2fig elastic-cache evaluate-harness` of all models."""
    return read_table(path, BENCHMARKS, ("error",))


def arms_of(rows: pd.DataFrame, panel: str) -> list[str]:
    """Arms of a panel, whose names begin with it and a slash, in their order."""
    return [arm for arm in rows["arm"].unique() if arm.startswith(f"{panel}/")]


def label(arm: str) -> str:
    """An arm's name within its panel."""
    return arm.partition("/")[2]


def measured(rows: pd.DataFrame, arm: str, measure: str) -> Values:
    """A measure of an arm in each replicate. Raises `Absent` where it was not run."""
    found = rows_where(rows, arm=arm, measure=measure)
    if found.empty:
        raise Absent(f"no arm {arm} has the measure {measure}")
    return dict(zip(found["replicate"].tolist(), found["value"].tolist(), strict=True))


def ratio(rows: pd.DataFrame, arm: str, other: str, measure: str) -> Values:
    """A measure of an arm over that of another one, in each replicate."""
    above, below = measured(rows, arm, measure), measured(rows, other, measure)
    return {replicate: above[replicate] / below[replicate] for replicate in above}


def change(rows: pd.DataFrame, arm: str, other: str, measure: str) -> Values:
    """A measure of an arm less that of another one, in each replicate."""
    one, rest = measured(rows, arm, measure), measured(rows, other, measure)
    return {replicate: one[replicate] - rest[replicate] for replicate in one}


def trend(rows: pd.DataFrame, arms: list[str], by: list[float], measure: str) -> Values:
    """Spearman's correlation of a measure with what is changed, over arms, in each replicate; 0 where it never
    changes."""
    from scipy.stats import spearmanr

    columns = [measured(rows, arm, measure) for arm in arms]
    if len(columns) < 3:
        raise Absent("a trend needs three arms at least")
    found = {}
    for replicate in columns[0]:
        values = [column[replicate] for column in columns]
        found[replicate] = float(spearmanr(by, values).statistic) if min(values) < max(values) else 0.0
    return found


def at_equal_updates(rows: pd.DataFrame, arm: str, others: list[str], measure: str) -> Values:
    """A measure of an arm less that of other arms at as many updates, between the nearest of them on a line."""
    import numpy as np

    here, updates = measured(rows, arm, measure), measured(rows, arm, "updates")
    lines = [(measured(rows, other, "updates"), measured(rows, other, measure)) for other in others]
    found = {}
    for replicate, value in here.items():
        points = np.array(sorted((work[replicate], found_[replicate]) for work, found_ in lines))
        if not points[0, 0] <= updates[replicate] <= points[-1, 0]:
            raise Absent("no two of the other arms have fewer and more updates")
        found[replicate] = value - float(np.interp(updates[replicate], points[:, 0], points[:, 1]))
    return found


def over_rounds(values: Iterable[float]) -> Estimate:
    """Median of n rounds, and their range, which holds the true median with probability 1 - 2^(1 - n): .97 for six."""
    found = [float(value) for value in values]
    return Estimate(median(found), min(found), max(found), len(found))

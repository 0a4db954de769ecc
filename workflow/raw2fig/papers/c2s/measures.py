"""What figures and claims measure in the tables of the evaluation: each replicate gives one value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raw2fig.claims import Absent
from raw2fig.papers.c2s.predictions import CONDITION
from raw2fig.papers.c2s.screen import Ranking, context_split, rank_screen
from raw2fig.stats import SEED, Estimate, by_replicate, over_replicates, paired
from raw2fig.tables import read_json, rows_where

if TYPE_CHECKING:
    from collections.abc import Hashable
    from pathlib import Path

    import pandas as pd

REPLICATE = {"replicate": "integer"}
SCALING = REPLICATE | dict.fromkeys(("size", "metric", "task", "cell"), "string")
SCALING |= {"parameters": "number", "value": "number"}
MATCHES = REPLICATE | {"method": "string", "pairs": "integer", "value": "number"}
ANSWERS = REPLICATE | dict.fromkeys(("model", "task", "response", "predicted"), "string") | {"value": "boolean"}
GUESSES = REPLICATE | dict.fromkeys(("method", "metric", "task", "cell"), "string") | {"value": "number"}
PERTURBATION = REPLICATE | dict.fromkeys(("method", "metric", "tier", *CONDITION), "string")
PERTURBATION |= {"value": "number", "n": "integer"}
SCREEN = REPLICATE | dict.fromkeys(("drug", "context", "cell"), "string") | {"score": "number"}
"""Columns of the tables that a replicate's evaluation writes, and their kinds."""
RANDOM = 0.5
"""FOSCTTM of vectors that say nothing."""
SHARE = (0.0, 1.0)
"""The least and the most that a share can be."""


def values(rows: pd.DataFrame) -> dict[Hashable, float]:
    """Mean of the column `value` in each replicate."""
    return by_replicate(rows["value"], rows["replicate"].tolist())


def items(rows: pd.DataFrame) -> int:
    """Number of rows of a replicate."""
    return int(rows["replicate"].value_counts().max())


def mean(rows: pd.DataFrame, bounds: tuple[float, float] = SHARE) -> Estimate:
    """Mean over replicates of their means of `value`, which is from bounds[0] to bounds[1]."""
    return over_replicates(values(rows), items(rows), *bounds)


def change(base: pd.DataFrame, other: pd.DataFrame) -> Estimate:
    """Change of the mean of `value` from `base` to `other`, two arms of each replicate."""
    return over_replicates(paired(values(base), values(other)), items(other))


def matching(scores: pd.DataFrame, method: str) -> Estimate:
    """FOSCTTM of a method, with the number of pairs of a replicate."""
    rows = rows_where(scores, method=method)
    return mean(rows)._replace(n=int(rows["pairs"].max()))


def matching_change(scores: pd.DataFrame, base: str, method: str) -> Estimate:
    """FOSCTTM of `method` minus that of `base` on the same pairs."""
    both = (rows_where(scores, method=name) for name in (base, method))
    return change(*both)._replace(n=int(scores["pairs"].max()))


def of_tier(scores: pd.DataFrame, method: str, metric: str, tier: str = "tier1") -> pd.DataFrame:
    """Scores of a method on the conditions of a tier. Raises `Absent` where there are none."""
    rows = rows_where(scores, metric=metric, tier=tier)
    if rows.empty:
        raise Absent(f"no condition of {tier} in the data")
    rows = rows_where(rows, method=method)
    if rows.empty:
        raise Absent(f"no run of {method}")
    return rows


def ratios(scores: pd.DataFrame, base: str, method: str) -> tuple[dict[Hashable, float], int]:
    """scFID on the programme of `method`, mean over conditions, relative to that of `base` in each replicate; and the
    number of conditions."""
    before, after = (of_tier(scores, name, "scfid_programme") for name in (base, method))
    means = values(before)
    return {name: value / means[name] for name, value in values(after).items()}, items(after)


def relative(scores: pd.DataFrame, base: str, method: str) -> Estimate:
    """Relative change of scFID on the programme from `base` to `method`; -0.16 is "16 % lower"."""
    found, conditions = ratios(scores, base, method)
    return over_replicates({name: value - 1 for name, value in found.items()}, conditions, least=-1.0)


def gain(scores: pd.DataFrame, base: str, method: str, metric: str) -> Estimate:
    """Difference of a metric from `base` to `method`."""
    return change(of_tier(scores, base, metric), of_tier(scores, method, metric))


def rankings(scores: pd.DataFrame, truth: Path, margin: float) -> dict[Hashable, Ranking]:
    """How well the screen of each replicate finds the drugs that were planted."""
    planted = {name for name, drug in read_json(truth)["drugs"].items() if drug["planted"]}
    return {
        replicate: rank_screen(context_split(part, np.random.default_rng(SEED), margin), planted)
        for replicate, part in scores.groupby("replicate")
    }

"""What figures and claims measure in the tables of the evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raw2fig.claims import Absent
from raw2fig.papers.c2s.predictions import CONDITION
from raw2fig.stats import SEED, Estimate, bootstrap_mean, difference, relative_change
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

RANDOM = 0.5
"""FOSCTTM of vectors that say nothing."""


def matching(scores: pd.DataFrame, method: str) -> Estimate:
    """FOSCTTM of a method, from a table of scores, with an interval over pairs within 0 and 1."""
    mean = bootstrap_mean(scores.loc[scores["method"] == method, "value"], SEED)
    return mean._replace(low=max(mean.low, 0.0), high=min(mean.high, 1.0))


def matching_change(scores: pd.DataFrame, base: str, method: str) -> Estimate:
    """FOSCTTM of `method` minus that of `base` on the same pairs."""
    values = scores.pivot(index="pair", columns="method", values="value")
    return difference(values[base], values[method], SEED, paired=True)


class Pairs(NamedTuple):
    """Scores of two methods on the same conditions and seeds, for the functions of `raw2fig.stats`."""

    a: np.ndarray
    b: np.ndarray
    groups: list[tuple[str, ...]]  # conditions
    seeds: list[int]


def method_pairs(scores: pd.DataFrame, base: str, method: str, metric: str, tier: str = "tier1") -> Pairs:
    """Scores of `base` and `method` over the conditions of a tier; a base without training seeds stands beside each.
    Raises `Absent` where there are none."""
    rows = rows_where(scores, metric=metric, tier=tier)
    first, last = (rows[rows["method"] == name] for name in (base, method))
    if rows.empty:
        raise Absent(f"no condition of {tier} in the data")
    if last.empty:
        raise Absent(f"no run of {method}")
    on = [*CONDITION, "seed"] if len(set(first["seed"])) > 1 else CONDITION
    both = last.merge(first[[*on, "value"]], on=on, suffixes=("", "_base"), validate="many_to_one")
    return Pairs(
        both["value_base"].to_numpy(),
        both["value"].to_numpy(),
        list(both[CONDITION].itertuples(index=False, name=None)),
        both["seed"].tolist(),
    )


def relative(scores: pd.DataFrame, base: str, method: str) -> Estimate:
    """Relative change of scFID on the programme from `base` to `method`."""
    pairs = method_pairs(scores, base, method, "scfid_programme")
    return relative_change(pairs.a, pairs.b, SEED, pairs.groups, pairs.seeds)


def gain(scores: pd.DataFrame, base: str, method: str, metric: str) -> Estimate:
    """Difference of a metric from `base` to `method`."""
    pairs = method_pairs(scores, base, method, metric)
    return difference(pairs.a, pairs.b, SEED, True, pairs.groups, pairs.seeds)

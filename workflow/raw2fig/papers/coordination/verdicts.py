"""The rule that turns tests into one word for a group: independent, synchronised or coordinated.

Fixed, for a single group and for the groups of a condition pooled alike. Four criteria are tested (capacity, practical
criterion, I3, G3), each at .05 over all four (Holm).

1. No criterion beats the column null: `independent`. Nothing says that the agents have to do with one another.
2. A criterion beats the column null, and also both functional nulls (its largest p of the three counts): `coordinated`.
   The agents' doings fit together better than those of agents that react by themselves to what the group is told.
3. Otherwise: `synchronised`. The agents move together, and shared feedback suffices to explain it.

Where the functional nulls cannot be computed, what is not independent is `dependent`: synchronised or coordinated,
these data cannot say. A pooled p is the larger of Fisher's, which many slightly small p make small, and Wilcoxon's for
values above the median of the null: both must be small. Against the column null the share of groups below .05 must also
be above .10, the largest that persistent but independent agents reach by calibration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from raw2fig.papers.coordination.group_tests import LEVEL, MAIN
from raw2fig.papers.coordination.measures import CRITERIA
from raw2fig.papers.coordination.nulls import FUNCTIONAL
from raw2fig.papers.coordination.pooling import holm

if TYPE_CHECKING:
    import pandas as pd

INDEPENDENT, SYNCHRONISED, COORDINATED = "independent", "synchronised", "coordinated"
DEPENDENT, NOT_TESTED = "dependent", "not tested"
VERDICTS = (INDEPENDENT, SYNCHRONISED, COORDINATED, DEPENDENT, NOT_TESTED)
COLUMN = "column"
LEAST_GROUPS = 7
"""Fewer cannot be pooled: the smallest p of Wilcoxon's test is 1 / 2**groups, of four criteria."""


class Verdict(NamedTuple):
    """The word, the null models that decided, the criterion they decided on, and its adjusted p against the column null
    and against all nulls (NaN where the latter is missing)."""

    verdict: str
    decided_by: str
    criterion: str
    p_column: float
    p_all: float


def verdict_of(p: Mapping[str, ArrayLike]) -> Verdict:
    """The verdict on p values by null model ("column", and "sync" and "matched" if there are), each in the order of
    `CRITERIA`; NaN where a criterion does not exist or a null could not be simulated."""
    column = np.asarray(p[COLUMN], dtype=np.float64)
    if np.isnan(column).all():
        return Verdict(NOT_TESTED, "", "", np.nan, np.nan)
    against_column = holm(column)
    functional = [np.asarray(p[null], dtype=np.float64) for null in FUNCTIONAL if null in p]
    complete = len(functional) == len(FUNCTIONAL)
    # np.maximum keeps a NaN: a criterion that misses one null is not tested against all
    largest = np.maximum(np.maximum(column, functional[0]), functional[1]) if complete else np.full(len(column), np.nan)
    against_all = holm(largest)
    best = int(np.nanargmin(against_column))
    if against_column[best] > LEVEL:
        return Verdict(INDEPENDENT, COLUMN, CRITERIA[best], float(against_column[best]), float(against_all[best]))
    if not np.isnan(against_all).all() and np.nanmin(against_all) <= LEVEL:
        best = int(np.nanargmin(against_all))
        decided = " and ".join((COLUMN, *FUNCTIONAL))
        return Verdict(COORDINATED, decided, CRITERIA[best], float(against_column[best]), float(against_all[best]))
    passed = against_column <= LEVEL
    if np.isnan(against_all[passed]).any():
        return Verdict(DEPENDENT, COLUMN, CRITERIA[best], float(against_column[best]), float(against_all[best]))
    explaining = [null for null, values in zip(FUNCTIONAL, functional, strict=True) if values[best] > LEVEL]
    # a criterion may beat each functional null by itself, and none after adjustment
    decided = " and ".join(explaining or FUNCTIONAL)
    return Verdict(SYNCHRONISED, decided, CRITERIA[best], float(against_column[best]), float(against_all[best]))


def group_verdicts(tests: pd.DataFrame) -> pd.DataFrame:
    """A row per game with its verdict and all p: game, condition, model, rounds, agents, fields of `Verdict`, and
    p_<null>_<criterion>; `tests` is a table of `against_nulls`."""
    import pandas as pd

    keys = ["game", "condition", "model", "rounds", "agents"]
    rows = []
    for names, part in _main(tests).groupby(keys, sort=False):
        p = {str(null): _in_order(values, "p") for null, values in part.groupby("null", sort=False)}
        rows.append(dict(zip(keys, names, strict=True)) | verdict_of(p)._asdict() | _flat(p))
    return pd.DataFrame(rows)


def pooled_verdicts(pooled: pd.DataFrame) -> pd.DataFrame:
    """A row per condition with the verdict on its groups together ("not tested" for fewer than `LEAST_GROUPS`), from a
    table of `pool_tests`."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for (model, condition), part in _main(pooled).groupby(["model", "condition"], sort=True):
        p = {}
        for null, values in part.groupby("null", sort=False):
            p[str(null)] = np.maximum(_in_order(values, "fisher_p"), _in_order(values, "wilcoxon_p"))
            if null == COLUMN:
                p[str(null)] = np.maximum(p[str(null)], _in_order(values, "share_p"))
        groups = int(part["groups"].max())
        found = verdict_of(p) if groups >= LEAST_GROUPS else Verdict(NOT_TESTED, "", "", np.nan, np.nan)
        rows.append({"model": model, "condition": condition, "groups": groups} | found._asdict() | _flat(p))
    return pd.DataFrame(rows)


def _main(table: pd.DataFrame) -> pd.DataFrame:
    return table[(table["variant"] == MAIN) & table["criterion"].isin(CRITERIA)]


def _in_order(part: pd.DataFrame, column: str) -> np.ndarray:
    """One value per criterion, NaN where there is none."""
    return part.set_index("criterion")[column].reindex(list(CRITERIA)).to_numpy(dtype=np.float64)


def _flat(p: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {
        f"p_{null}_{name}": float(value)
        for null, values in p.items()
        for name, value in zip(CRITERIA, values, strict=True)
    }

"""Estimates with intervals from the tables of this paper: means, shares and medians over groups, gains between
conditions. `Absent` says why one cannot be made (`raw2fig.claims`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.claims import Absent, Undecided
from raw2fig.papers.coordination.group_tests import MAIN
from raw2fig.papers.coordination.results import CONDITIONS, estimate, read_effects, read_odds, title_of
from raw2fig.stats import (
    LEVEL,
    SEED,
    Estimate,
    bootstrap_mean,
    by_replicate,
    difference,
    over_replicates,
    paired,
    proportion,
)
from raw2fig.tables import read_json, rows_where

if TYPE_CHECKING:
    import pandas as pd

HORIZON = 10
"""Number of first rounds that the claims on regression and mediation are about."""


def mean_of(pooled: pd.DataFrame, criterion: str, null: str, condition: str, variant: str = MAIN) -> Estimate:
    """Mean bias-corrected value over the groups of a condition; `pooled` is of one player."""
    rows = _rows(pooled, criterion, null, condition, variant)
    return estimate(rows, ("mean", "mean_low", "mean_high", "groups"))


def share_of_groups(pooled: pd.DataFrame, criterion: str, null: str, condition: str) -> Estimate:
    """Share of the groups of a condition with p < .05."""
    rows = _rows(pooled, criterion, null, condition, MAIN)
    return estimate(rows, ("share", "share_low", "share_high", "groups"), 0, 1)


def _rows(pooled: pd.DataFrame, criterion: str, null: str, condition: str, variant: str) -> pd.DataFrame:
    found = rows_where(pooled, criterion=criterion, null=null, condition=condition, variant=variant)
    if found.empty:
        raise Absent(f"no groups of {condition} with {criterion} under the {null} null ({variant})")
    return found


def values_of(tests: pd.DataFrame, criterion: str, null: str, condition: str) -> np.ndarray:
    """Bias-corrected values of the groups of a condition (n,), main analysis."""
    wanted = {"criterion": criterion, "null": null, "condition": condition, "variant": MAIN}
    found = tests[(tests[list(wanted)] == list(wanted.values())).all(axis=1)]["bias_corrected"].dropna()
    if found.empty:
        raise Absent(f"no groups of {condition} with {criterion} under the {null} null")
    return found.to_numpy(dtype=np.float64)


def median_of(values: np.ndarray) -> Estimate:
    """Median of values (n,) between the order statistics that enclose it with at least 95 %, whatever their
    distribution; without interval for fewer than 6."""
    from scipy.stats import binom

    ordered, n = np.sort(values), len(values)
    below = int(binom.ppf((1 - LEVEL) / 2, n, 0.5))
    low, high = (ordered[below - 1], ordered[n - below]) if below else (np.nan, np.nan)
    return Estimate(float(np.median(ordered)), float(low), float(high), n)


def rate(calibration: pd.DataFrame, process: str, null: str, criterion: str, rounds: int = 20) -> Estimate:
    """Share of groups with known truth in which a test rejects (Wilson)."""
    wanted = {"process": process, "null": null, "criterion": criterion, "rounds": rounds}
    found = calibration[(calibration[list(wanted)] == list(wanted.values())).all(axis=1)]
    if found.empty or not found.iloc[0]["reps"]:
        raise Absent(f"{criterion} is not calibrated on {process} under the {null} null with {rounds} rounds")
    return proportion(int(found.iloc[0]["rejected"]), int(found.iloc[0]["reps"]))


def success_of(outcomes: pd.DataFrame, model: str, condition: str, trained: Collection[str] = ()) -> Estimate:
    """Success rate of a player: over replicates if it is one of the `trained`, else over games."""
    solved = _solved(outcomes, model, condition, trained)
    if model in trained:
        return over_replicates(solved, least=0, most=1)
    return proportion(int(sum(solved.values())), len(solved))


def gain(outcomes: pd.DataFrame, model: str, base: str, condition: str, trained: Collection[str] = ()) -> Estimate:
    """Success in a condition less that in `base`."""
    return _mean(_change(outcomes, model, base, condition, trained), model in trained)


def interplay(
    outcomes: pd.DataFrame, larger: str, smaller: str, trained: Collection[str] = (), condition: str = "tom"
) -> Estimate:
    """What a condition adds to Plain for the larger model less what it adds for the smaller one."""
    small, large = (_change(outcomes, model, "plain", condition, trained) for model in (smaller, larger))
    return _mean(_less(small, large, larger in trained), larger in trained)


Units = dict[Hashable, float]
"""A value for each replicate of players that were trained there, and for each game of others, by number."""


def _mean(values: Units, trained: bool) -> Estimate:
    return over_replicates(values) if trained else bootstrap_mean(list(values.values()), SEED)


def _change(outcomes: pd.DataFrame, model: str, base: str, condition: str, trained: Collection[str]) -> Units:
    before, after = (_solved(outcomes, model, name, trained) for name in (base, condition))
    return _less(before, after, model in trained)


def _less(a: Units, b: Units, trained: bool) -> Units:
    """b - a in each replicate, or of games of equal number, which have nothing else in common."""
    return paired(a, b) if trained else {number: b[number] - value for number, value in a.items() if number in b}


def _solved(outcomes: pd.DataFrame, model: str, condition: str, trained: Collection[str]) -> Units:
    found = rows_where(outcomes, model=model, condition=condition).sort_values("game", kind="stable")
    if found.empty:
        raise Absent(f"{model} has not played {condition}")
    if model in trained:
        return by_replicate(found["success"], found["replicate"].tolist())
    return dict(enumerate(found["success"].astype(float)))


def between(tests: pd.DataFrame, criterion: str, null: str, base: str, condition: str) -> Estimate:
    """Mean bias-corrected value of the groups of a condition less that of the groups of `base`."""
    before, after = (values_of(tests, criterion, null, name) for name in (base, condition))
    return difference(before, after, SEED)


def differentiated(groups: pd.DataFrame, model: str) -> dict[str, Estimate]:
    """Change of the share of differentiated groups (prewhitened test) from each condition to the next."""
    mine = groups[groups["model"] == model]
    shares = {c: mine.loc[mine["condition"] == c, "differentiated_robust"].astype(float) for c in CONDITIONS}
    if any(part.empty for part in shares.values()):
        raise Absent(f"{model} has no tested groups in some condition")
    return {
        f"{title_of(after)} minus {title_of(before)}": difference(shares[before], shares[after], SEED)
        for before, after in pairwise(CONDITIONS)
    }


def effect(path: Path, model: str, chosen: dict[str, str], value: str) -> Estimate:
    """An effect of a table of regression or mediation over the first `HORIZON` rounds."""
    frame = read_effects(path, ("model", *chosen), ("horizon", value, "low", "high", "n"))
    wanted = {"model": model, "horizon": HORIZON, **chosen}
    found = frame[(frame[list(wanted)] == list(wanted.values())).all(axis=1)]
    if found.empty or np.isnan(found.iloc[0][value]):
        raise Absent(f"no estimate of {' '.join(chosen.values())} for {model}")
    row = found.iloc[0]
    return Estimate(row[value], row["low"], row["high"], int(row["n"]))


def odds_of(path: Path, over: str) -> dict[str, Estimate]:
    """Odds ratio of success per member or unit of temperature in Plain, for each player."""
    found = rows_where(read_odds([path]), over=over, condition="plain")
    if found.empty:
        raise Absent(f"nobody has played over {over}")
    missing = found[found["odds_ratio"].isna()]
    if len(missing):
        raise Undecided(f"no finite odds ratio over {over} for {', '.join(missing['model'].unique())}")
    columns = ("odds_ratio", "low", "high", "n")
    return {str(model): estimate(rows, columns, least=0) for model, rows in found.groupby("model")}


def truncated(paths: Sequence[Path], model: str) -> dict[str, dict[str, Estimate]]:
    """Share of replies cut at the longest length, without and with the line to repeat, by condition."""
    cut: Counter[str] = Counter()
    replies: Counter[str] = Counter()
    for row in (row for path in paths for row in read_json(path) if row["model"] == model):
        cut[row["condition"]] += round(row["truncated"] * row["replies"])
        replies[row["condition"]] += row["replies"]
    found: dict[str, dict[str, Estimate]] = {"without the line": {}, "with it": {}}
    for condition, number in replies.items():
        base, plus, _ = condition.partition("+")
        found["with it" if plus else "without the line"][title_of(base)] = proportion(cut[condition], number)
    if not all(found.values()):
        raise Absent(f"{model} has not played with and without the line")
    return found

"""Estimates with intervals from the tables of this paper: means, shares and medians over groups, gains between
conditions. `Absent` says why one cannot be made (`raw2fig.claims`)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.claims import Absent
from raw2fig.papers.coordination.group_tests import MAIN
from raw2fig.papers.coordination.results import CONDITIONS, read_effects, read_odds, title_of
from raw2fig.stats import LEVEL, SEED, Estimate, bootstrap_mean, difference, proportion, within_unit
from raw2fig.tables import read_json, rows_where

if TYPE_CHECKING:
    import pandas as pd

HORIZON = 10
"""Number of first rounds that the claims on regression and mediation are about."""


def mean_of(pooled: pd.DataFrame, criterion: str, null: str, condition: str, variant: str = MAIN) -> Estimate:
    """Mean bias-corrected value over the groups of a condition; `pooled` is of one player."""
    row = _row(pooled, criterion, null, condition, variant)
    return Estimate(row["mean"], row["mean_low"], row["mean_high"], int(row["groups"]))


def share_of_groups(pooled: pd.DataFrame, criterion: str, null: str, condition: str) -> Estimate:
    """Share of the groups of a condition with p < .05."""
    row = _row(pooled, criterion, null, condition, MAIN)
    return Estimate(row["share"], row["share_low"], row["share_high"], int(row["groups"]))


def _row(pooled: pd.DataFrame, criterion: str, null: str, condition: str, variant: str) -> pd.Series:
    wanted = {"criterion": criterion, "null": null, "condition": condition, "variant": variant}
    found = pooled[(pooled[list(wanted)] == list(wanted.values())).all(axis=1)]
    if found.empty:
        raise Absent(f"no groups of {condition} with {criterion} under the {null} null ({variant})")
    return found.iloc[0]


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


def success_of(outcomes: pd.DataFrame, models: Sequence[str], condition: str) -> Estimate:
    """Success rate of players that differ in their training seed, resampling games and seeds."""
    cells = [_solved(outcomes, model, condition) for model in models]
    return within_unit(bootstrap_mean(np.concatenate(cells), SEED, seeds=_seeds(cells)))


def gain(outcomes: pd.DataFrame, models: Sequence[str], base: str, condition: str) -> Estimate:
    """Success in a condition less that in `base`, resampling games and seeds."""
    changes = _changes(outcomes, models, base, condition)
    return bootstrap_mean(np.concatenate(changes), SEED, seeds=_seeds(changes))


def interplay(
    outcomes: pd.DataFrame, larger: Sequence[str], smaller: Sequence[str], base: str = "plain", condition: str = "tom"
) -> Estimate:
    """What a condition adds for the larger model less what it adds for the smaller one."""
    pairs = [_changes(outcomes, models, base, condition) for models in (larger, smaller)]
    both = []
    for a, b in zip(*pairs, strict=True):
        n = min(len(a), len(b))
        both.append(a[:n] - b[:n])
    return bootstrap_mean(np.concatenate(both), SEED, seeds=_seeds(both))


def _changes(outcomes: pd.DataFrame, models: Sequence[str], base: str, condition: str) -> list[np.ndarray]:
    """For each model the change between games of equal number, which have nothing else in common."""
    changes = []
    for model in models:
        before, after = (_solved(outcomes, model, name) for name in (base, condition))
        n = min(len(before), len(after))
        changes.append(after[:n] - before[:n])
    return changes


def _solved(outcomes: pd.DataFrame, model: str, condition: str) -> np.ndarray:
    found = rows_where(outcomes, model=model, condition=condition).sort_values("game")
    if found.empty:
        raise Absent(f"{model} has not played {condition}")
    return found["success"].to_numpy(dtype=np.float64)


def _seeds(parts: Sequence[np.ndarray]) -> list[int]:
    return [seed for seed, part in enumerate(parts) for _ in part]


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


def odds_of(path: Path, over: str, condition: str = "plain") -> dict[str, Estimate]:
    """Odds ratio of success per member or unit of temperature in a condition, for each player."""
    frame = read_odds([path])
    found = rows_where(frame, over=over, condition=condition)
    if found.empty:
        raise Absent(f"no finite odds ratio over {over}")
    named = {row.model: Estimate(row.odds_ratio, row.low, row.high, row.n) for row in found.itertuples()}
    return named


def truncated(paths: Sequence[Path], model: str) -> dict[str, dict[str, Estimate]]:
    """Share of replies cut at the longest length, without and with the line to repeat, by condition."""
    rows = [row for path in paths for row in read_json(path) if row["model"] == model]
    found: dict[str, dict[str, Estimate]] = {"without the line": {}, "with it": {}}
    for row in rows:
        base, plus, _ = row["condition"].partition("+")
        share = proportion(round(row["truncated"] * row["replies"]), row["replies"])
        found["with it" if plus else "without the line"][title_of(base)] = share
    if not all(found.values()):
        raise Absent(f"{model} has not played with and without the line")
    return found

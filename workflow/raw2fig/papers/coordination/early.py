"""Synergy and redundancy of the first rounds of a game: what regression and mediation use.

A game that is solved stops, so that the length of a game, and with it every criterion, depends on success. Criteria of
the first H rounds do not; but games solved before H have none, and those that stand for them weigh more: one over the
probability to be observed at H, given condition and the course of the first rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.coordination.group_tests import Variant, parse_variant
from raw2fig.papers.coordination.logs import Game, read_series
from raw2fig.papers.coordination.measures import Options, measure, summarise
from raw2fig.settings import Field, Record
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_table

START = 5
"""Rounds whose course predicts whether a game lasts."""
RIDGE = 0.1
"""Penalty on standardised coefficients of that prediction: it must exist also where some condition always lasts."""
TRIM = (0.01, 0.99)
"""Quantiles to which the weights are trimmed."""


class Early(Record):
    """Which first rounds of a game are measured, and how."""

    horizons: list[Annotated[int, Field(ge=START, le=100_000)]] = Field(
        min_length=1, description="Numbers of first rounds."
    )
    variant: Variant = Field(description="main, or changed settings as in the step criteria.")


@step
def early(*, series: Input, table: Output, early: Early) -> None:
    """Measure synergy, redundancy and I3 in the first rounds of each game, with weights for games that ended earlier.

    Parameters
    ----------
    series
        Games of several agents, as the step series writes them. Short games count too.
    table
        A row for each game and horizon: game, condition, model, success, horizon, observed, synergy, redundancy, i3,
        ipw. The last four are missing where the game ended before the horizon.
    """
    import pandas as pd

    games = [one for one in read_series(series) if one.guesses.shape[1] > 1 and len(one.guesses)]
    if not games:
        raise InputError(series, "no group of several agents", "games of at least 2 agents")
    options = parse_variant(early.variant)
    tables = [_at(games, horizon, options) for horizon in early.horizons]
    write_table(pd.DataFrame([row for rows in tables for row in rows]), table)


def _at(games: Sequence[Game], horizon: int, options: Options) -> list[dict[str, Any]]:
    """Rows of one horizon; weights are those within a model."""
    observed = np.array([len(one.guesses) >= horizon for one in games])
    weights = np.full(len(games), np.nan)
    for model in sorted({one.model for one in games}):
        here = np.array([one.model == model for one in games])
        covariates = _covariates([one for one in games if one.model == model])
        weights[here] = observation_weights(observed[here], covariates)
    rows = []
    for one, seen, weight in zip(games, observed, weights, strict=True):
        row: dict[str, Any] = {"game": one.game, "condition": one.condition, "model": one.model}
        row |= {"success": one.success, "horizon": horizon, "observed": bool(seen)}
        found = summarise(measure(one.guesses[None, :horizon], options)) if seen else {}
        for name, criterion in (("synergy", "capacity"), ("redundancy", "redundancy"), ("i3", "i3")):
            row[name] = float(found[criterion][0]) if seen else float("nan")
        rows.append(row | {"ipw": float(weight)})
    return rows


def _covariates(games: Sequence[Game]) -> np.ndarray:
    """(games, k): condition dummies, and of the first rounds the mean distance from the target (from the mean sum where
    no target is known), the mean spread between agents and the mean size of a move."""
    conditions = sorted({one.condition for one in games})[1:]
    rows = []
    for one in games:
        first = one.guesses[:START]
        sums = first.sum(axis=1)
        aim = sums.mean() if np.isnan(one.target) else one.target
        moves = np.abs(np.diff(first, axis=0)).mean() if len(first) > 1 else 0.0
        course = [np.abs(sums - aim).mean(), first.std(axis=1).mean(), moves]
        rows.append([*(float(one.condition == name) for name in conditions), *course])
    return np.array(rows)


def observation_weights(observed: np.ndarray, covariates: np.ndarray) -> np.ndarray:
    """1 / P(observed | covariates) of the observed games, NaN of the others; (games,) from (games,) and (games, k).

    P is a logit with a small ridge penalty; weights are trimmed to the 1 % and 99 % quantiles. All 1 where every game
    is observed.
    """
    weights = np.where(observed, 1.0, np.nan)
    if observed.all() or not observed.any():
        return weights
    spread = covariates.std(axis=0)
    varying = spread > 0
    X = np.column_stack(
        [np.ones(len(observed)), (covariates[:, varying] - covariates[:, varying].mean(axis=0)) / spread[varying]]
    )
    weights[observed] = 1 / _probabilities(X, observed.astype(np.float64))[observed]
    low, high = np.quantile(weights[observed], TRIM)
    return np.clip(weights, low, high)


def _probabilities(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Fitted probabilities of a logit of y (n,) on X (n, k) with a ridge penalty on all but the first coefficient, by
    Newton's method."""
    penalty = RIDGE * np.eye(X.shape[1])
    penalty[0, 0] = 1e-6
    beta = np.zeros(X.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-X @ beta))
        move = np.linalg.solve(X.T @ (X * (p * (1 - p))[:, None]) + penalty, X.T @ (y - p) - penalty @ beta)
        beta = beta + move
        if np.abs(move).max() < 1e-10:
            break
    return 1 / (1 + np.exp(-X @ beta))

"""How often groups find the number: by condition, and over group size and temperature (coordination.md, section 5)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.coordination.results import samples
from raw2fig.stats import Z, proportion
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_tables, write_table

if TYPE_CHECKING:
    import pandas as pd

OUTCOMES = {
    "replicate": "integer",
    "game": "string",
    "condition": "string",
    "model": "string",
    "agents": "integer",
    "temperature": "number",
    "rounds": "integer",
    "success": "boolean",
    "complete": "boolean",
}
CELL = ["model", "condition", "agents", "temperature"]

CERTAIN = 1e-6
"""Fitted probabilities that are closer to 0 or 1 than this show that the slope is on its way to infinity."""


class Odds(NamedTuple):
    """A row of the table of odds ratios."""

    replicate: str
    model: str
    condition: str
    over: str
    n: int
    odds_ratio: float
    low: float
    high: float
    p: float


@step
def success(*, outcomes: list[Input], rates: Output, odds: Output, trained: list[str] | None = None) -> None:
    """Compute the success rates of all cells, and the odds ratios of success over group size and temperature.

    Incomplete games are left out and counted.

    Parameters
    ----------
    outcomes
        Tables of outcomes.
    rates
        CSV with a row for each replicate (players that were trained here; all: the games of all replicates), model,
        condition, group size and temperature: games, solved, rate with its Wilson interval low and high, median_rounds
        of the solved games, incomplete.
    odds
        CSV of logistic regressions of success on group size and temperature, as far as they vary, with a row for each
        replicate, model, condition and regressor: over (agents or temperature), n, odds_ratio per agent or unit of
        temperature with its Wald interval low and high, p; NaN where there is no finite estimate.
    trained
        Players that were trained here, in each replicate.
    """
    import pandas as pd

    frame = read_tables(outcomes, OUTCOMES)[list(OUTCOMES)]
    double = frame.loc[frame.duplicated(["replicate", "game"]), "game"]
    if len(double):
        raise InputError(outcomes[0], f"game {double.iloc[0]} comes twice", "every game once")
    if not frame["complete"].all():
        logging.warning("%d incomplete games are left out", len(frame) - frame["complete"].sum())
    rows: list[dict[str, Any]] = []
    found: list[Odds] = []
    for name, sample in samples(frame, trained or []):
        rows += [{"replicate": name} | _rate(cell, games) for cell, games in sample.groupby(CELL)]
        for (model, condition), games in sample[sample["complete"]].groupby(["model", "condition"]):
            found += _odds(name, model, condition, games)
    write_table(pd.DataFrame(rows), rates)
    write_table(pd.DataFrame(found, columns=list(Odds._fields)), odds)


def _rate(cell: tuple[Any, ...], games: pd.DataFrame) -> dict[str, Any]:
    complete = games[games["complete"]]
    solved = complete[complete["success"]]
    known = proportion(len(solved), len(complete)) if len(complete) else None
    return {
        **dict(zip(CELL, cell, strict=True)),
        "games": len(complete),
        "solved": len(solved),
        "rate": known.value if known else np.nan,
        "low": known.low if known else np.nan,
        "high": known.high if known else np.nan,
        "median_rounds": solved["rounds"].median(),
        "incomplete": len(games) - len(complete),
    }


def _odds(replicate: str, model: str, condition: str, games: pd.DataFrame) -> Iterator[Odds]:
    """Logistic regression of success. NaN where no finite slope is the likeliest: all games end alike, or a size at
    which none or all are solved leaves only games of one kind on its side."""
    import statsmodels.api as sm

    varied = [name for name in ("agents", "temperature") if len(set(games[name])) > 1]
    if not varied:
        return
    fit = None
    if len(set(games["success"])) > 1:
        design = sm.add_constant(games[varied].astype(float))
        fit = sm.GLM(games["success"].astype(float), design, sm.families.Binomial()).fit()
    if fit is None or min(fit.fittedvalues.min(), 1 - fit.fittedvalues.max()) < CERTAIN:
        logging.warning("%s, %s: success is decided by %s, no odds ratio", model, condition, " and ".join(varied))
        fit = None
    for name in varied:
        values = [float("nan")] * 4
        if fit is not None:
            slope, error = fit.params[name], fit.bse[name]
            values = [*np.exp([slope, slope - Z * error, slope + Z * error]), fit.pvalues[name]]
        yield Odds(replicate, model, condition, name, len(games), *values)

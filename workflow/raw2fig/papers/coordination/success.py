"""How often groups find the number: by condition, and over group size and temperature (coordination.md, section 5)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.stats import Z, proportion
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_tables, write_table

if TYPE_CHECKING:
    import pandas as pd

OUTCOMES = {
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

    model: str
    condition: str
    over: str
    n: int
    odds_ratio: float
    low: float
    high: float
    p: float


@step
def success(*, outcomes: list[Input], rates: Output, odds: Output) -> None:
    """Compute the success rates of all cells, and the odds ratios of success over group size and temperature.

    Incomplete games are left out and counted.

    Parameters
    ----------
    outcomes
        Tables of outcomes.
    rates
        CSV with a row for each model, condition, group size and temperature: games, solved, rate with its Wilson
        interval low and high, median_rounds of the solved games, incomplete.
    odds
        CSV of logistic regressions of success on group size and temperature, as far as they vary, with a row for each
        model, condition and regressor: over (agents or temperature), n, odds_ratio per agent or unit of temperature
        with its Wald interval low and high, p. There are no rows where there is no finite estimate.
    """
    import pandas as pd

    frame = read_tables(outcomes, OUTCOMES)[list(OUTCOMES)]
    double = frame.loc[frame["game"].duplicated(), "game"]
    if len(double):
        raise InputError(outcomes[0], f"game {double.iloc[0]} comes twice", "every game once")
    write_table(pd.DataFrame([_rate(cell, games) for cell, games in frame.groupby(CELL)]), rates)
    complete = frame[frame["complete"]]
    if len(complete) < len(frame):
        logging.warning("%d incomplete games are left out", len(frame) - len(complete))
    groups = complete.groupby(["model", "condition"])
    found = [row for (model, condition), games in groups for row in _odds(model, condition, games)]
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


def _odds(model: str, condition: str, games: pd.DataFrame) -> Iterator[Odds]:
    """Logistic regression of success. None where no finite slope is the likeliest: all games end alike, or a size at
    which none or all are solved leaves only games of one kind on its side."""
    import statsmodels.api as sm

    varied = [name for name in ("agents", "temperature") if len(set(games[name])) > 1]
    if not varied or len(set(games["success"])) == 1:
        return
    design = sm.add_constant(games[varied].astype(float))
    fit = sm.GLM(games["success"].astype(float), design, sm.families.Binomial()).fit()
    if min(fit.fittedvalues.min(), 1 - fit.fittedvalues.max()) < CERTAIN:
        logging.warning("%s, %s: success is decided by %s, no odds ratio", model, condition, " and ".join(varied))
        return
    for name in varied:
        slope, error = fit.params[name], fit.bse[name]
        low, high = np.exp(slope - Z * error), np.exp(slope + Z * error)
        yield Odds(model, condition, name, len(games), np.exp(slope), low, high, fit.pvalues[name])

"""How often groups find the number: by condition, and over group size and temperature (coordination.md, section 5)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.stats import Z, proportion
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, write_json, write_table

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


@step
def success(*, outcomes: list[Input], rates: Output, odds: Output) -> None:
    """Success rates of all cells, and odds ratios of success over group size and temperature.

    Incomplete games are left out, and counted.

    Parameters
    ----------
    outcomes
        Tables of outcomes.
    rates
        CSV with a row per model, condition, group size and temperature: games, solved, rate with its Wilson interval
        low and high, median_rounds of the solved games, incomplete.
    odds
        JSON: for each model and condition that was played at several sizes or temperatures a logistic regression of
        success on them: n, and odds_ratio, low, high, p of each per agent or unit of temperature.
    """
    import pandas as pd

    frame = pd.concat([read_table(path, OUTCOMES)[list(OUTCOMES)] for path in outcomes], ignore_index=True)
    double = frame.loc[frame["game"].duplicated(), "game"]
    if len(double):
        raise InputError(outcomes[0], f"game {double.iloc[0]} comes twice", "every game once")
    write_table(pd.DataFrame([_rate(cell, games) for cell, games in frame.groupby(CELL)]), rates)
    complete = frame[frame["complete"]]
    if len(complete) < len(frame):
        logging.warning("%d incomplete games are left out", len(frame) - len(complete))
    fits = [_odds(of, games) for of, games in complete.groupby(["model", "condition"])]
    write_json([fit for fit in fits if fit["over"]], odds)


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


def _odds(of: tuple[Any, ...], games: pd.DataFrame) -> dict[str, Any]:
    """Logistic regression on what varies of group size and temperature; nothing where all games end alike."""
    import statsmodels.api as sm

    varied = [name for name in ("agents", "temperature") if len(set(games[name])) > 1]
    row: dict[str, Any] = {"model": of[0], "condition": of[1], "n": len(games), "over": {}}
    if not varied or len(set(games["success"])) == 1:
        return row
    fit = sm.GLM(games["success"].astype(float), sm.add_constant(games[varied].astype(float)), sm.families.Binomial())
    found = fit.fit()
    for name in varied:
        slope, error = found.params[name], found.bse[name]
        bounds = {"low": np.exp(slope - Z * error), "high": np.exp(slope + Z * error)}
        row["over"][name] = {"odds_ratio": np.exp(slope), **bounds, "p": found.pvalues[name]}
    return row

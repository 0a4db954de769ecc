"""Table A2 for the players of this run, beside the paper's: success and differentiation by model and condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raw2fig.claims import published_numbers
from raw2fig.papers.coordination.calibrate import DIFFERENTIATION
from raw2fig.papers.coordination.group_tests import MAIN
from raw2fig.papers.coordination.results import (
    estimate,
    in_order,
    read_calibration,
    read_pooled,
    read_rates,
    read_shares,
    title_of,
)
from raw2fig.step import Input, table
from raw2fig.tables import Table, rows_where

if TYPE_CHECKING:
    import pandas as pd

TESTS = {"capacity": "capacity", "s_macro": "practical", "i3": "I3", "g3": "G3"}


@table
def table_models(
    *, rates: list[Input], shares: Input, pooled: Input, calibration: list[Input], published: Input
) -> Table:
    """Players and conditions: success, differentiation by two tests, and groups below .05 under each null.

    Parameters
    ----------
    rates
        Success rates.
    shares
        Shares of differentiated groups.
    pooled
        Tests pooled by condition.
    calibration
        Rejection rates for groups with known truth.
    published
        The paper's claims with their numbers, config/published/coordination.yaml.
    """
    import pandas as pd

    tests = read_pooled(pooled)
    tests = tests[tests["variant"] == MAIN]
    differ = read_shares(shares)
    found, rows = read_rates(rates), []
    for model in dict.fromkeys(found["model"]):
        mine = found[found["model"] == model]
        for condition in in_order(mine["condition"].tolist()):
            row: dict[str, Any] = {"source": "this run", "model": model, "condition": title_of(condition)}
            cell = rows_where(mine, condition=condition)
            row |= {"games": int(cell["games"].sum()), "success": _interval(cell, ("rate", "low", "high", "games"))}
            for test, name in (("plain", "differentiated"), ("robust", "prewhitened")):
                of = rows_where(differ, model=model, condition=condition, test=test)
                row[name] = _interval(of, ("share", "low", "high", "groups"))
            chosen = rows_where(tests, model=model, condition=condition)
            row |= {"tested": str(chosen.groupby("replicate")["groups"].max().sum()) if len(chosen) else ""}
            row |= {label: _by_null(chosen, criterion) for criterion, label in TESTS.items()}
            rows.append(row)
    for given in published_numbers(published, "table A2"):
        row = {"source": f"paper ({given['source']}, notes)", "model": given["model"], "games": given["games"]}
        row |= {"condition": title_of(given["condition"]), "success": f"{given['success']:g}"}
        rows.append(row | {"differentiated": f"{given['differentiated']:g}"})
    frame = pd.DataFrame(rows).fillna("")
    return Table(frame, _markdown(frame, read_calibration(calibration)))


def _interval(rows: pd.DataFrame, columns: tuple[str, ...]) -> str:
    """Percent with the interval."""
    value, low, high, n, *_ = estimate(rows, columns, 0, 1)
    return f"{100 * value:.0f} [{100 * low:.0f}, {100 * high:.0f}]" if n else ""


def _by_null(pooled: pd.DataFrame, criterion: str) -> str:
    """Percent of groups below .05 under the row, column, sync and matched null, mean over replicates."""
    of = pooled[pooled["criterion"] == criterion].groupby("null")["share"].mean()
    return " / ".join(f"{100 * of[null]:.0f}" for null in ("row", "column", "sync", "matched") if null in of.index)


def _markdown(frame: pd.DataFrame, calibration: pd.DataFrame) -> str:
    lines = [list(frame.columns), ["---"] * len(frame.columns), *frame.astype(str).to_numpy().tolist()]
    known = calibration[(calibration["null"] == DIFFERENTIATION) & (calibration["process"] == "ar")]
    rate = known.set_index("criterion")["rate"]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    plain, robust = (f"{100 * rate[name]:.0f} %" for name in ("differentiated", "differentiated_robust"))
    return (
        f"{text}\n\nPercent with 95 % intervals: over replicates for players that were trained here; for the others "
        "Wilson, and Clopper-Pearson for tests of groups. The numbers of games and of tested groups are those of all "
        f"replicates. differentiated: plain mixed model, which also rejects {plain} of AR(0.7) groups without any "
        f"identity (prewhitened: {robust}). capacity, practical, I3, G3: groups with p < .05 under the row / column / "
        "sync / matched null; only what beats the last two is more than a shared reaction to the feedback.\n"
    )

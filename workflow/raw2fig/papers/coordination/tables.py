"""Table A2 for the players of this run, beside the paper's: success and differentiation by model and condition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raw2fig.claims import published_numbers
from raw2fig.papers.coordination.calibrate import DIFFERENTIATION
from raw2fig.papers.coordination.group_tests import MAIN
from raw2fig.papers.coordination.results import (
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
    *, rates: list[Input], shares: list[Input], pooled: Input, calibration: list[Input], published: Input
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
        mine = found[found["model"] == model].set_index("condition")
        for condition in in_order(mine.index.tolist()):
            row: dict[str, Any] = {"source": "this run", "model": model, "condition": title_of(condition)}
            cell = mine.loc[condition]
            row |= {"games": int(cell["games"]), "success": _interval(cell["rate"], cell["low"], cell["high"])}
            of = rows_where(differ, model=model, condition=condition).set_index("test")
            for test, name in (("plain", "differentiated"), ("robust", "prewhitened")):
                row[name] = _interval(*of.loc[test, ["share", "low", "high"]]) if test in of.index else ""
            chosen = rows_where(tests, model=model, condition=condition)
            row |= {"tested": str(chosen["groups"].max()) if len(chosen) else ""}
            row |= {label: _by_null(chosen, criterion) for criterion, label in TESTS.items()}
            rows.append(row)
    for given in published_numbers(published, "table A2"):
        row = {"source": f"paper ({given['source']}, notes)", "model": given["model"], "games": given["games"]}
        row |= {"condition": title_of(given["condition"]), "success": f"{given['success']:g}"}
        rows.append(row | {"differentiated": f"{given['differentiated']:g}"})
    frame = pd.DataFrame(rows).fillna("")
    return Table(frame, _markdown(frame, read_calibration(calibration)))


def _interval(value: float, low: float, high: float) -> str:
    """Percent with the interval."""
    return "" if value != value else f"{100 * value:.0f} [{100 * low:.0f}, {100 * high:.0f}]"


def _by_null(pooled: pd.DataFrame, criterion: str) -> str:
    """Percent of groups below .05 under the row, column, sync and matched null."""
    of = pooled[pooled["criterion"] == criterion].set_index("null")["share"]
    return " / ".join(f"{100 * of[null]:.0f}" for null in ("row", "column", "sync", "matched") if null in of.index)


def _markdown(frame: pd.DataFrame, calibration: pd.DataFrame) -> str:
    lines = [list(frame.columns), ["---"] * len(frame.columns), *frame.astype(str).to_numpy().tolist()]
    known = calibration[(calibration["null"] == DIFFERENTIATION) & (calibration["process"] == "ar")]
    rate = known.set_index("criterion")["rate"]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return (
        f"{text}\n\nPercent with 95 % intervals (Wilson; tests of groups Clopper-Pearson). differentiated: plain "
        f"mixed model, which also rejects {100 * rate['differentiated']:.0f} % of AR(0.7) groups without any "
        f"identity (prewhitened: {100 * rate['differentiated_robust']:.0f} %). capacity, practical, I3, G3: groups "
        "with p < .05 under the row / column / sync / matched null; only what beats the last two is more than a shared "
        "reaction to the feedback.\n"
    )

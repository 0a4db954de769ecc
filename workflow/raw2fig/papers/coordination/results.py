"""Tables of this paper's steps as claims, tables and figures read them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.papers.coordination.prompts import CONDITIONS as PROMPTS
from raw2fig.stats import Estimate, over_replicates
from raw2fig.tables import read_table, read_tables, rows_where

if TYPE_CHECKING:
    import pandas as pd

CONDITIONS = ("plain", "persona", "tom")
"""The paper's three, in its order; the fourth arm and lines to repeat come after them."""
TITLES = {"plain": "Plain", "persona": "Persona", "tom": "ToM", "reasoning": "Reasoning"}
"""What figures and claims call the conditions; Reasoning is ToM without persona."""
POOLED = ("fisher_p", "wilcoxon_p", "share", "share_low", "share_high", "mean", "mean_low", "mean_high", "median")
RATES = ("agents", "games", "solved")
ALL = "all"
"""Stands for all replicates together, or all conditions."""
REPLICATES = "95 % intervals: over replicates for trained players, over groups for the others"
"""What the intervals of a figure are that shows both."""


def in_order(conditions: Sequence[str]) -> list[str]:
    """Conditions in the order of figures, those with a line to repeat after those without."""
    known = list(PROMPTS)
    return sorted(set(conditions), key=lambda name: ("+" in name, known.index(name.partition("+")[0])))


def title_of(condition: str) -> str:
    """`'tom+repeat'` → `'ToM + repeat'`."""
    base, plus, extra = condition.partition("+")
    return TITLES[base] + (f" + {extra}" if plus else "")


def samples(frame: pd.DataFrame, trained: Collection[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows that are one sample each, by name: those of players that were trained here, replicate by replicate, and
    those of all others together (`ALL`), whose games are independent of one another."""
    here = frame["model"].isin(trained)
    if not here.all():
        yield ALL, frame[~here]
    yield from ((str(replicate), part) for replicate, part in frame[here].groupby("replicate"))


def estimate(
    rows: pd.DataFrame, columns: Sequence[str], least: float = float("-inf"), most: float = float("inf")
) -> Estimate:
    """What the rows of a player and condition say, one for each sample, from their columns with value, low, high and n:
    the mean over replicates, or the one value of all with its interval; NaN without any.

    `least` and `most` are the range of the values (`over_replicates`).
    """
    value, _, _, n = columns
    rows = rows.dropna(subset=[value])
    if rows.empty:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    if ALL in set(rows["replicate"]):
        found, low, high, items = rows[list(columns)].iloc[0]
        return Estimate(float(found), float(low), float(high), int(items))
    return over_replicates(rows.set_index("replicate")[value], int(rows[n].max()), least, most)


def estimates(
    frame: pd.DataFrame,
    conditions: Sequence[str],
    columns: Sequence[str],
    least: float = float("-inf"),
    most: float = float("inf"),
) -> list[Estimate]:
    """`estimate` of each condition."""
    return [estimate(rows_where(frame, condition=name), columns, least, most) for name in conditions]


def stamp(frame: pd.DataFrame, n: str) -> dict[str, Any]:
    """What the stamp of a figure says of these samples: `n`, and what the intervals are over."""
    replicates = frame.loc[frame["replicate"] != ALL, "replicate"].nunique()
    given: dict[str, Any] = {"n": n, "replicates": replicates, "intervals": REPLICATES}
    return given if replicates else {"n": n, "note": f"n = {n} · 95 % intervals over groups"}


def span_of(values: Sequence[int] | pd.Series) -> str:
    """`25 to 100` for the least and the largest number, one number where they are equal."""
    low, high = int(min(values)), int(max(values))
    return f"{low}" if low == high else f"{low} to {high}"


def read_pooled(path: Path) -> pd.DataFrame:
    """Table of the step pool."""
    text = dict.fromkeys(("model", "condition", "replicate", "null", "variant", "criterion"), "string")
    return read_table(path, text | {"groups": "integer"} | dict.fromkeys(POOLED, "number"), allow_nan=POOLED)


def read_calibration(paths: Sequence[Path]) -> pd.DataFrame:
    """Tables of the step calibrate."""
    text = dict.fromkeys(("process", "null", "criterion"), "string")
    whole = dict.fromkeys(("rounds", "reps", "rejected"), "integer")
    return read_tables(paths, text | whole | dict.fromkeys(("rate", "low", "high"), "number"), ("rate", "low", "high"))


def read_differentiation(paths: Sequence[Path]) -> pd.DataFrame:
    """Tables of groups of the step differentiation."""
    text = dict.fromkeys(("game", "condition", "model"), "string")
    tests = dict.fromkeys(("differentiated", "differentiated_robust"), "boolean")
    numbers = dict.fromkeys(("plain_p_intercept_naive", "plain_p_slope_naive", "p_ends"), "number")
    return read_tables(paths, text | {"replicate": "integer"} | tests | numbers)


def read_shares(path: Path) -> pd.DataFrame:
    """Table of the step shares."""
    text = dict.fromkeys(("condition", "model", "replicate", "test"), "string")
    return read_table(path, text | {"groups": "integer"} | dict.fromkeys(("share", "low", "high"), "number"))


def read_outcomes(paths: Sequence[Path]) -> pd.DataFrame:
    """Complete games of the step play."""
    kinds = dict.fromkeys(("game", "condition", "model"), "string") | dict.fromkeys(("replicate", "rounds"), "integer")
    frame = read_tables(paths, kinds | {"success": "boolean", "complete": "boolean"})
    return frame[frame["complete"]].reset_index(drop=True)


def read_rates(paths: Sequence[Path]) -> pd.DataFrame:
    """Success rates of the step success."""
    kinds = dict.fromkeys(("model", "condition", "replicate"), "string") | dict.fromkeys(RATES, "integer")
    real = ("temperature", "rate", "low", "high", "median_rounds")
    return read_tables(paths, kinds | dict.fromkeys(real, "number"), real[1:])


def read_odds(paths: Sequence[Path]) -> pd.DataFrame:
    """Odds ratios of the step success, NaN where none is finite; there may be none."""
    kinds = dict.fromkeys(("model", "condition", "replicate", "over"), "string") | {"n": "integer"}
    real = ("odds_ratio", "low", "high", "p")
    return read_tables(paths, kinds | dict.fromkeys(real, "number"), real, allow_empty=True)


def read_effects(path: Path, names: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    """A table of regression, mediation or planted: names are text, numbers may be missing."""
    return read_table(path, dict.fromkeys(names, "string") | dict.fromkeys(numbers, "number"), allow_nan=numbers)

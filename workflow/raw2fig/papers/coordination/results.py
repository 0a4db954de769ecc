"""Tables of this paper's steps as claims, tables and figures read them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from raw2fig.papers.coordination.prompts import CONDITIONS as PROMPTS
from raw2fig.stats import Estimate
from raw2fig.tables import read_table, read_tables

if TYPE_CHECKING:
    import pandas as pd

CONDITIONS = ("plain", "persona", "tom")
"""The paper's three, in its order; the fourth arm and lines to repeat come after them."""
TITLES = {"plain": "Plain", "persona": "Persona", "tom": "ToM", "reasoning": "Reasoning"}
"""What figures and claims call the conditions; Reasoning is ToM without persona."""
POOLED = ("fisher_p", "wilcoxon_p", "share", "share_low", "share_high", "mean", "mean_low", "mean_high", "median")
RATES = ("agents", "games", "solved")


def in_order(conditions: Sequence[str]) -> list[str]:
    """Conditions in the order of figures, those with a line to repeat after those without."""
    known = list(PROMPTS)
    return sorted(set(conditions), key=lambda name: ("+" in name, known.index(name.partition("+")[0])))


def title_of(condition: str) -> str:
    """`'tom+repeat'` → `'ToM + repeat'`."""
    base, plus, extra = condition.partition("+")
    return TITLES[base] + (f" + {extra}" if plus else "")


def estimates(frame: pd.DataFrame, labels: Sequence[str], columns: Sequence[str]) -> list[Estimate]:
    """Estimates of these rows, by label of the index, from columns with value, low, high and n; NaN for no such row."""
    found = frame[list(columns)].reindex(list(labels)).to_numpy(dtype=float)
    return [Estimate(value, low, high, 0 if n != n else int(n)) for value, low, high, n in found]


def span_of(values: Sequence[int] | pd.Series) -> str:
    """`25 to 100` for the least and the largest number, one number where they are equal."""
    low, high = int(min(values)), int(max(values))
    return f"{low}" if low == high else f"{low} to {high}"


def seeds_of(models: Sequence[str]) -> int:
    """Training seeds among players: `large-0` and `large-1` are two, players that are not trained here count as one."""
    return max(1, len({name.rpartition("-")[2] for name in models if re.search(r"-\d+$", name)}))


def read_pooled(path: Path) -> pd.DataFrame:
    """Table of the step pool."""
    text = dict.fromkeys(("model", "condition", "null", "variant", "criterion"), "string")
    return read_table(path, text | {"groups": "integer"} | dict.fromkeys(POOLED, "number"), allow_nan=POOLED)


def read_calibration(paths: Sequence[Path]) -> pd.DataFrame:
    """Tables of the step calibrate."""
    text = dict.fromkeys(("process", "null", "criterion"), "string")
    whole = dict.fromkeys(("rounds", "reps", "rejected"), "integer")
    return read_tables(paths, text | whole | dict.fromkeys(("rate", "low", "high"), "number"), ("rate", "low", "high"))


def read_differentiation(paths: Sequence[Path]) -> pd.DataFrame:
    """Tables of groups of the step differentiation."""
    text = dict.fromkeys(("game", "condition", "model"), "string")
    return read_tables(paths, text | dict.fromkeys(("differentiated", "differentiated_robust"), "boolean"))


def read_shares(paths: Sequence[Path]) -> pd.DataFrame:
    """Tables of shares of the step differentiation."""
    text = dict.fromkeys(("condition", "model", "test"), "string")
    return read_tables(paths, text | {"groups": "integer"} | dict.fromkeys(("share", "low", "high"), "number"))


def read_outcomes(paths: Sequence[Path]) -> pd.DataFrame:
    """Complete games of the step play."""
    text = dict.fromkeys(("game", "condition", "model"), "string")
    frame = read_tables(paths, text | {"rounds": "integer", "success": "boolean", "complete": "boolean"})
    return frame[frame["complete"]].reset_index(drop=True)


def read_rates(paths: Sequence[Path]) -> pd.DataFrame:
    """Success rates of the step success."""
    kinds = dict.fromkeys(("model", "condition"), "string") | dict.fromkeys(RATES, "integer")
    real = ("temperature", "rate", "low", "high", "median_rounds")
    return read_tables(paths, kinds | dict.fromkeys(real, "number"), real[1:])


def read_odds(paths: Sequence[Path]) -> pd.DataFrame:
    """Odds ratios of the step success; there may be none."""
    kinds = dict.fromkeys(("model", "condition", "over"), "string") | {"n": "integer"}
    return read_tables(paths, kinds | dict.fromkeys(("odds_ratio", "low", "high", "p"), "number"), allow_empty=True)


def read_effects(path: Path, names: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    """A table of regression, mediation or planted: names are text, numbers may be missing."""
    return read_table(path, dict.fromkeys(names, "string") | dict.fromkeys(numbers, "number"), allow_nan=numbers)

"""Tables of a paper's published numbers, which ship with the repository: a row for each number, with its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

from raw2fig.errors import InputError
from raw2fig.stats import Estimate, Z, proportion
from raw2fig.tables import read_table, rows_where

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = {"name": "string", "value": "number", "source": "string"}
SETTINGS = {"stage": "string", "setting": "string", "value": "string", "source": "string"}


def read_published(
    path: Path, columns: Mapping[str, str], key: Sequence[str], allow_nan: Sequence[str] = ()
) -> pd.DataFrame:
    """A table with these columns, as `read_table` has them, whose rows differ in the columns `key`. Raises `InputError`
    for a number that is there twice."""
    rows = read_table(path, columns, allow_nan)
    again = rows[rows.duplicated(list(key))]
    if len(again):
        raise InputError(path, f"{', '.join(map(str, again.iloc[0][list(key)]))} is there twice", "each number once")
    return rows


def read_numbers(path: Path) -> dict[str, float]:
    """Single numbers by name."""
    rows = read_published(path, NUMBERS, ["name"])
    return dict(zip(rows["name"], rows["value"], strict=True))


def read_settings(path: Path) -> pd.DataFrame:
    """Settings as text. One that two sources give differently has a row for each."""
    return read_published(path, SETTINGS, ["stage", "setting", "source"])


def setting(rows: pd.DataFrame, stage: str, name: str) -> str:
    """A setting that one source gives."""
    (value,) = rows_where(rows, stage=stage, setting=name)["value"]
    return str(value)


def conflicts(rows: pd.DataFrame) -> pd.DataFrame:
    """The settings that several sources give."""
    return rows[rows.duplicated(["stage", "setting"], keep=False)]


def number_in(rows: pd.DataFrame, **where: object) -> float:
    """The one value in rows of a published table. Raises `InputError` unless there is exactly one."""
    found = rows_where(rows, **where)
    if len(found) != 1:
        raise InputError("published numbers", f"{len(found)} rows have {where}", "one")
    return float(found["value"].iloc[0])


def chance(one: float, other: float, items: int) -> float:
    """Points that two accuracies in percent, each on `items` questions, may differ by without a reason."""
    variance = sum(share * (100 - share) for share in (one, other)) / items
    return Z * sqrt(variance)


def in_percent(percent: float, items: int) -> Estimate:
    """A share of so many items with its interval, in percent."""
    found = proportion(round(percent * items / 100), items)
    return Estimate(percent, 100 * found.low, 100 * found.high, items)


def off_grid(percent: float, items: int) -> float:
    """Points between a percentage and the nearest share k / `items`."""
    step = 100 / items
    return abs(percent - step * round(percent / step))


def as_printed(frame: pd.DataFrame) -> pd.DataFrame:
    """The table for reading: numbers as they were printed, nothing in place of those that were not seen."""
    shown = frame.copy()
    for name in shown.select_dtypes("number"):
        shown[name] = [f"{value:g}" if value == value else "" for value in frame[name]]
    return shown

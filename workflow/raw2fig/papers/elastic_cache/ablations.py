"""What follows from the published ablations: order, and what windows lose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from raw2fig.published import number_in
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

NO_CACHE = "no cache"
STATES_PER_TOKEN = ("layers of LLaDA-8B", "width of LLaDA-8B", "states that the caches hold", "bytes of a number")


def series(rows: pd.DataFrame, ablation: str, metric: str) -> list[float]:
    """Values of a metric in the order of the settings, without that of no cache."""
    found = rows_where(rows, ablation=ablation, metric=metric)
    return found[found["setting"] != NO_CACHE]["value"].tolist()


def places(rows: pd.DataFrame, ablation: str) -> list[float]:
    """The settings as numbers."""
    found = rows_where(rows, ablation=ablation, metric="accuracy")
    return [float(setting) for setting in found["setting"] if setting != NO_CACHE]


def out_of_order(values: Sequence[float]) -> int:
    """Steps from one value to the next that go against the way from the first to the last."""
    way = 1 if values[-1] > values[0] else -1
    return sum(way * (after - before) < 0 for before, after in pairwise(values))


def at(rows: pd.DataFrame, ablation: str, setting: str, metric: str) -> float:
    """One value of an ablation."""
    return number_in(rows, ablation=ablation, setting=setting, metric=metric)


def range_at(windows: pd.DataFrame, window: str, size: int) -> tuple[float, float]:
    """Ends of the accuracy that was read off for a window."""
    found = rows_where(windows, window=window, size=size, metric="accuracy").iloc[0]
    return float(found["low"]), float(found["high"])


def widest(windows: pd.DataFrame, window: str, sizes: Sequence[int]) -> float:
    """Largest difference of accuracy that windows of these sizes may have."""
    ends = [end for size in sizes for end in range_at(windows, window, size)]
    return max(ends) - min(ends)


def gigabytes(single: Mapping[str, float], tokens: int) -> float:
    """Memory of the cached inputs, queries, keys and values of all layers for so many tokens, in GB."""
    bytes_of_token = 1.0
    for name in STATES_PER_TOKEN:
        bytes_of_token *= single[name]
    return tokens * bytes_of_token / 1e9

"""The paper's numbers beside those of the groups that ran its methods again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from raw2fig.papers.elastic_cache.aup import aup
from raw2fig.papers.elastic_cache.published import (
    ACCURACY,
    ELASTIC,
    FAST_DLLM,
    HEADLINE,
    METHODS,
    MODEL,
    NEWER,
    PARALLEL,
    PER_FORWARD,
    SPEED,
    SPEED_UP,
    UNCACHED,
    Setting,
    corrected,
    original,
    value_of,
)
from raw2fig.published import chance, number_in
from raw2fig.stats import Estimate
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

HALF_DIGIT = 0.05
"""What rounding may have changed of a throughput or speed-up, which are printed with one decimal."""


def corrected_speed(results: pd.DataFrame) -> float:
    """Tokens per second of LLaDA-1.5 on GSM8K-512 that the corrected speed-up gives, with the printed ones uncached."""
    times = value_of(corrected(results), HEADLINE, ELASTIC, SPEED_UP, NEWER)
    return times * value_of(original(results), HEADLINE, UNCACHED, SPEED, NEWER)


def implied_speed(anchors: pd.DataFrame, setting: Setting) -> float:
    """Tokens per second of Elastic-Cache that the same authors' next paper implies: its own over its speed-up."""
    where = {"benchmark": setting.benchmark, "length": str(setting.length), "model": NEWER}
    return number_in(anchors, metric=SPEED, **where) / number_in(anchors, metric=f"times {ELASTIC}", **where)


class Printed(NamedTuple):
    """A printed speed-up, and the throughputs beside it."""

    where: str
    method: str
    value: float
    fast: float
    slow: float

    def explained(self) -> bool:
        """Whether it is the ratio of the throughputs, as far as rounding allows."""
        low, high = ((self.fast + side * HALF_DIGIT) / (self.slow - side * HALF_DIGIT) for side in (-1, 1))
        return low - HALF_DIGIT <= self.value <= high + HALF_DIGIT


def printed_speed_ups(results: pd.DataFrame) -> list[Printed]:
    """The printed speed-ups whose throughputs were seen."""
    rows = original(results)
    found = []
    for row in rows_where(rows, metric=SPEED_UP).dropna(subset="value").itertuples():
        setting = Setting(str(row.benchmark), int(row.length))
        fast, slow = (value_of(rows, setting, method, SPEED, row.model) for method in (row.method, UNCACHED))
        if fast == fast and slow == slow:
            found.append(Printed(f"{row.model}, {setting}", str(row.method), float(row.value), fast, slow))
    return found


def items_of(again: pd.DataFrame, setting: Setting) -> int:
    """Questions of a benchmark."""
    rows = rows_where(again, benchmark=setting.benchmark)
    return int(rows["items"].iloc[0])


def change_again(again: pd.DataFrame, setting: Setting, method: str = ELASTIC, model: str = MODEL) -> Estimate:
    """Points of accuracy that a method changed when others ran it. The pairs of answers are not published: the
    interval is that of two independent samples."""
    before, after = (value_of(again, setting, name, ACCURACY, model) for name in (UNCACHED, method))
    items = items_of(again, setting)
    half = chance(before, after, items)
    return Estimate(after - before, after - before - half, after - before + half, items)


def forwards(again: pd.DataFrame, setting: Setting, method: str) -> float:
    """Forwards per second: tokens per second over tokens per forward."""
    return value_of(again, setting, method, SPEED) / value_of(again, setting, method, PER_FORWARD)


def best_of(again: pd.DataFrame, setting: Setting) -> float:
    """Best accuracy of all methods in a setting."""
    return max(value_of(again, setting, method, ACCURACY) for method in METHODS)


def points_of(again: pd.DataFrame, setting: Setting, method: str) -> list[tuple[float, float]]:
    """Tokens per forward and accuracy: without a cache or parallel decoding, and with the method."""
    return [
        (value_of(again, setting, name, PER_FORWARD), value_of(again, setting, name, ACCURACY))
        for name in dict.fromkeys([UNCACHED, method])
    ]


def aup_again(again: pd.DataFrame, setting: Setting, method: str) -> float | None:
    """AUP of a method as others ran it; None if it is undefined."""
    return aup(points_of(again, setting, method), best_of(again, setting))


def groups(
    results: pd.DataFrame, again: pd.DataFrame, own: pd.DataFrame, setting: Setting
) -> Mapping[str, list[float]]:
    """Throughput of the methods that three groups ran: the authors of this paper, of Polestar and of Fast-dLLM."""
    names = {UNCACHED: "uncached", PARALLEL: "parallel", FAST_DLLM: "both"}
    return {
        method: [
            *(value_of(rows, setting, method, SPEED) for rows in (original(results), again)),
            number_in(own, method=name, metric=SPEED, **setting._asdict()),
        ]
        for method, name in names.items()
    }


def spread(values: list[float]) -> float:
    """Largest over smallest."""
    return max(values) / min(values)

"""Two models on the same items: the change with its interval.

Items that are right or wrong have Newcombe's score interval for a difference of paired shares, and the exact p-value of
McNemar's test. Other scores have the paired bootstrap of `raw2fig.stats`. Items are what is drawn here: intervals say
what more items would show of these two models, and not what another training would make.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from raw2fig.stats import SEED, Estimate, bootstrap_mean, proportion

SHARES, MEANS = "Newcombe's score interval", "bootstrap"


class Change(NamedTuple):
    """Scores before and after, their change, how the intervals were made, and McNemar's p, NaN for other scores than
    right and wrong."""

    before: Estimate
    after: Estimate
    change: Estimate
    interval: str
    p: float


def compare(before: Sequence[float], after: Sequence[float]) -> Change:
    """The change from scores before to scores after, item by item."""
    a, b = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if np.isin([a, b], (0, 1)).all():
        first, second = (proportion(int(one.sum()), len(one)) for one in (a, b))
        return Change(first, second, paired_shares(a, b), SHARES, mcnemar(a, b))
    first, second = (bootstrap_mean(one, SEED) for one in (a, b))
    return Change(first, second, bootstrap_mean(b - a, SEED), MEANS, float("nan"))


def paired_shares(before: np.ndarray, after: np.ndarray) -> Estimate:
    """Difference of two shares of the same items, with Newcombe's interval (1998, method 10): both Wilson intervals,
    put together by the correlation of the outcomes."""
    n = len(before)
    first, second = (proportion(int(one.sum()), n) for one in (before, after))
    both, neither = float((before * after).sum()), float(((1 - before) * (1 - after)).sum())
    only_first, only_second = float((before * (1 - after)).sum()), float(((1 - before) * after).sum())
    product = float(before.sum() * after.sum() * (n - before.sum()) * (n - after.sum()))
    covered = both * neither - only_first * only_second
    # corrected for continuity where it is positive
    covered = max(covered - n / 2, 0.0) if covered > 0 else covered
    phi = covered / np.sqrt(product) if product else 0.0

    def half(up: float, down: float) -> float:
        return float(np.sqrt(max(up**2 - 2 * phi * up * down + down**2, 0.0)))

    value = second.value - first.value
    low = value - half(second.value - second.low, first.high - first.value)
    high = value + half(second.high - second.value, first.value - first.low)
    return Estimate(value, low, high, n)


def mcnemar(before: np.ndarray, after: np.ndarray) -> float:
    """Exact two-sided p of as many items that got better as got worse; 1 where none changed."""
    from scipy.stats import binomtest

    worse, better = int((before > after).sum()), int((after > before).sum())
    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0

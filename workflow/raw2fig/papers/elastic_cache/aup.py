"""Accuracy under parallelism (AUP), as the leaderboard of the d3LLM authors defines it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import exp

DROP = 5.0
"""Points of accuracy that a method may lose against its first point."""


def aup(points: Sequence[tuple[float, float]], best: float, alpha: float = 3) -> float | None:
    """rho_1 y_1 + 1/2 sum (rho_i - rho_{i-1}) (y_i W(y_i) + y_{i-1} W(y_{i-1})) with the weights
    W(y) = min(exp(-alpha (1 - y / best)), 1).

    `points` are pairs of tokens per forward rho and accuracy y in percent, `best` is the best accuracy of any method on
    the task. Points more than 5 below the first are left out; None (undefined) if that of the most tokens per forward
    is one of them. It does not count what a forward costs.
    """
    ordered = sorted(points, key=lambda point: point[0])
    first, last = ordered[0], ordered[-1]
    if first[1] - last[1] > DROP:
        return None
    kept = [(rho, y) for rho, y in ordered if y >= first[1] - DROP]

    def weighted(y: float) -> float:
        return y * min(exp(-alpha * (1 - y / best)), 1.0)

    area = sum((rho - before) * (weighted(y) + weighted(y_before)) for (before, y_before), (rho, y) in pairwise(kept))
    return first[0] * first[1] + area / 2

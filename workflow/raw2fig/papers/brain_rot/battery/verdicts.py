"""What a change between two models is: better, worse, or not clear."""

from __future__ import annotations

from raw2fig.stats import LEVEL, Estimate, interval_at

BETTER, WORSE, CHANGED, SAME = "better", "worse", "changed", "no clear change"


def verdict(change: Estimate, better: int, rows: int) -> str:
    """What the change is, with an interval that is widened for `rows` comparisons (Bonferroni). `better` is the sign of
    an improvement, 0 where a change is neither."""
    low, high = interval_at(change, 1 - (1 - LEVEL) / rows)
    if not (low > 0 or high < 0):
        return SAME
    sign = (1 if low > 0 else -1) * better
    return BETTER if sign > 0 else WORSE if sign < 0 else CHANGED

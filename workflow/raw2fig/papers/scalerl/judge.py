"""What a curve says of the law: parameters with intervals, a forecast, and whether the range can tell."""

from __future__ import annotations

from typing import Any

import numpy as np

from raw2fig.papers.scalerl.fitting import Curve, Fit, fit_power
from raw2fig.papers.scalerl.law import sigmoid

NEEDED = 2.0
"""In units of C_mid: a range that ends earlier is not taken to identify the asymptote."""
BOUND = 0.995
"""An asymptote beyond it is the bound of 1."""
NO_LEARNING = "the curve does not rise 3 standard deviations above R_0: there is no asymptote to fit"
TAILS = (2.5, 97.5)
"""Percentiles of the intervals."""


def identified(found: Fit, curve: Curve) -> bool:
    """Whether the range of a curve can tell A: it reaches 2 C_mid, and A is not at its bound."""
    return float(curve.compute[-1]) >= NEEDED * found.c_mid and found.a <= BOUND


def judged(curve: Curve, found: Fit, samples: np.ndarray, fixed_a: bool = False) -> dict[str, Any]:
    """The parameters with the intervals of bootstrapped ones (3, resamples), the power law beside them, and what the
    range can tell of A."""
    intervals = np.percentile(samples, TAILS, axis=1).T.tolist()
    names = ("a", "b", "c_mid")
    power, spread = fit_power(curve), float(((curve.score - curve.score.mean()) ** 2).sum())
    reach = float(curve.compute[-1]) / found.c_mid
    warnings = []
    if reach < NEEDED and not fixed_a:
        warnings.append(
            f"the largest compute is {reach:.2g} C_mid, below {NEEDED:g}: the range does not identify A, "
            "which then tends to come out too large"
        )
    if found.a > BOUND and not fixed_a:
        warnings.append("A is at its bound of 1: the curve does not bend yet")
    return {
        "verdict": "A fixed" if fixed_a else "not identified" if warnings else "estimated",
        "warnings": warnings,
        **{name: getattr(found, name) for name in names},
        "intervals": dict(zip(names, intervals, strict=True)),
        "ssr": found.ssr,
        "r2": 1 - found.ssr / spread,
        "reach": reach,
        "power_law": {"a": power.a, "d": power.d, "b": power.b, "ssr": power.ssr},
    }


def forecast(
    curve: Curve, found: Fit, samples: np.ndarray, until: float, points: int = 200, tails: tuple[float, float] = TAILS
) -> dict[str, np.ndarray]:
    """The law from the first point to `until`, with bands of the fitted curve (not of single points): compute, score,
    low, high, each (points,)."""
    compute = np.geomspace(curve.compute[0], max(until, curve.compute[-1]), points)
    curves = sigmoid(compute, curve.r0, *samples[:, :, None])
    low, high = np.percentile(curves, tails, axis=0)
    return {"compute": compute, "score": found.predict(compute, curve.r0), "low": low, "high": high}

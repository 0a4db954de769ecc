"""What a curve says of the law: parameters with intervals, a forecast, and whether the range can tell."""

from __future__ import annotations

from typing import Any

import numpy as np

from raw2fig.papers.scalerl.law import sigmoid
from raw2fig.papers.scalerl.least_squares import LEAST_POINTS, Curve, Fit, fit_power, learns

NEEDED = 2.0
"""In units of C_mid: a range that ends earlier is not taken to identify the asymptote."""
BOUND = 0.995
"""An asymptote beyond it is the bound of 1."""
SAME = 1e-9
"""Pass rates that differ by less are the same."""
UNFIT = {
    "too few points": f"fewer than {LEAST_POINTS} points are in the range",
    "no learning": "the last third of the curve is not 3 standard deviations above R_0: there is no asymptote to fit",
    "not identified": "all points have the same pass rate: any B, and any C_mid well below them, meets them",
}
"""Verdict of a curve that no law is fitted to → why."""
TAILS = (2.5, 97.5)
"""Percentiles of the intervals."""


def unfit(curve: Curve) -> str:
    """The verdict, of `UNFIT`, on a curve that no law can be fitted to; empty for another."""
    if len(curve.score) < LEAST_POINTS:
        return "too few points"
    if not learns(curve):
        return "no learning"
    return "not identified" if np.ptp(curve.score) < SAME else ""


def doubts(found: Fit, curve: Curve) -> list[str]:
    """Why the range of a curve cannot tell all parameters: it ends before 2 C_mid, begins after C_mid, or A is at its
    bound."""
    first, last = float(curve.compute[0]) / found.c_mid, float(curve.compute[-1]) / found.c_mid
    reasons = []
    if last < NEEDED:
        reasons.append(
            f"the largest compute is {last:.2g} C_mid, below {NEEDED:g}: the range does not identify A, "
            "which then tends to come out too large"
        )
    if first > 1:
        reasons.append(
            f"the smallest compute is {first:.2g} C_mid, above 1: the rise that B describes is not in the range"
        )
    if found.a > BOUND:
        reasons.append("A is at its bound of 1: the curve does not bend yet")
    return reasons


def assess(curve: Curve, found: Fit, samples: np.ndarray, fixed_a: bool = False) -> dict[str, Any]:
    """The parameters with the intervals of bootstrapped ones (4, resamples), the power law beside them, and what the
    range can tell of A; the points must not all be the same."""
    names = ("a", "b", "c_mid")
    intervals = np.percentile(samples[:3], TAILS, axis=1).T.tolist()
    mean = np.average(curve.score, weights=curve.weights)
    power, spread = fit_power(curve), float((curve.score - mean) ** 2 @ curve.weights)
    warnings = [] if fixed_a else doubts(found, curve)
    return {
        "verdict": "A fixed" if fixed_a else "not identified" if warnings else "estimated",
        "warnings": warnings,
        **{name: getattr(found, name) for name in names},
        "intervals": dict(zip(names, intervals, strict=True)),
        "ssr": found.ssr,
        "r2": 1 - found.ssr / spread,
        "reach": float(curve.compute[-1]) / found.c_mid,
        "power_law": {"a": power.a, "d": power.d, "b": power.b, "ssr": power.ssr},
    }


def forecast(
    curve: Curve, found: Fit, samples: np.ndarray, until: float, points: int = 200, tails: tuple[float, float] = TAILS
) -> dict[str, np.ndarray]:
    """The law from the first point to `until`: compute, score, and two bands, each (points,). `low` to `high` is that
    of the curve; `point_low` to `point_high` that of a further validation, whose own error it includes: the one that a
    measured pass rate is compared with."""
    compute = np.geomspace(curve.compute[0], max(until, curve.compute[-1]), points)
    curves = sigmoid(compute, curve.r0, *samples[:3, :, None])
    low, high = np.percentile(curves, tails, axis=0)
    point_low, point_high = np.percentile(curves + samples[3][:, None], tails, axis=0)
    bands = {"low": low, "high": high, "point_low": point_low, "point_high": point_high}
    return {"compute": compute, "score": found.predict(compute, curve.r0), **bands}


def against(found: Fit, samples: np.ndarray, beyond: Curve) -> dict[str, Any]:
    """The mean of measured points against its forecast, with an interval that includes the points' own errors."""
    weights = beyond.weights
    means = np.average(sigmoid(beyond.compute, beyond.r0, *samples[:3, :, None]), axis=1, weights=weights)
    low, high = np.percentile(means + samples[3] / np.sqrt(weights.sum()), TAILS).tolist()
    observed = float(np.average(beyond.score, weights=weights))
    foretold = float(np.average(found.predict(beyond.compute, beyond.r0), weights=weights))
    return {
        "validations": int(weights.sum()),
        "observed": observed,
        "forecast": foretold,
        "interval": [low, high],
        "inside": low <= observed <= high,
    }

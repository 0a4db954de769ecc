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
A_TOLD = ("estimated", "B not identified")
"""Verdicts on a curve that tells its asymptote."""
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
    """Why a curve cannot tell the law and its asymptote: its range ends before 2 C_mid or begins after C_mid, A is at
    its bound, or it falls after its peak, which the law never does."""
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
    if falls(curve):
        reasons.append("after its peak the curve falls, which the law does not: A describes no level that it keeps")
    return reasons


def doubts_of_slope(found: Fit, curve: Curve) -> list[str]:
    """Why a curve that may tell A cannot tell B: half of the gain is made before its second point, or a step, which is
    the law with an infinite B, meets the points as well."""
    reasons = []
    if curve.compute[0] <= found.c_mid < curve.compute[1]:
        reasons.append("half of the gain is made before the second point: no points tell how steep the rise was")
    if is_step(found, curve):
        reasons.append("a step meets the points as well as the curve does: any larger B would do")
    return reasons


def is_step(found: Fit, curve: Curve) -> bool:
    """Whether the best step from R_0 to the mean of what follows, one point on its way up, has a sum of squares that
    an F test for one parameter at .05 cannot tell from that of the fit."""
    from scipy.stats import f

    score, weights = curve.score, curve.weights
    below = np.concatenate([[0], np.cumsum(weights * (score - curve.r0) ** 2)])
    best = np.inf
    for on_the_way in range(len(score) - 1):
        level, weight = score[on_the_way + 1 :], weights[on_the_way + 1 :]
        above = float(weight @ (level - np.average(level, weights=weight)) ** 2)
        best = min(best, float(below[on_the_way]) + above)
    free = len(score) - 3
    return best <= found.ssr * (1 + f.ppf(0.95, 1, free) / free)


def falls(curve: Curve) -> bool:
    """Whether the points after the highest one have a slope in ln C whose two-sided 95 % interval lies below 0. The
    highest point itself is left out: it was chosen for being high, the others were not chosen."""
    from scipy.stats import t

    after = int(np.argmax(curve.score)) + 1
    x, score, weights = np.log(curve.compute[after:]), curve.score[after:], curve.weights[after:]
    free = len(x) - 2
    if free < 1:
        return False
    (slope, _), covariance = np.polyfit(x, score, 1, w=np.sqrt(weights), cov=True)
    return bool(slope + t.ppf(0.975, free) * np.sqrt(covariance[0, 0]) < 0)


def assess(curve: Curve, found: Fit, samples: np.ndarray, fixed_a: bool = False) -> dict[str, Any]:
    """The parameters with the intervals of bootstrapped ones (4, resamples), the power law beside them, and what the
    range can tell of A; the points must not all be the same."""
    names = ("a", "b", "c_mid")
    intervals = np.percentile(samples[:3], TAILS, axis=1).T.tolist()
    mean = np.average(curve.score, weights=curve.weights)
    power, spread = fit_power(curve), float((curve.score - mean) ** 2 @ curve.weights)
    of_law, of_slope = ([], []) if fixed_a else (doubts(found, curve), doubts_of_slope(found, curve))
    verdict = "not identified" if of_law else "B not identified" if of_slope else "estimated"
    return {
        "verdict": "A fixed" if fixed_a else verdict,
        "warnings": of_law + of_slope,
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

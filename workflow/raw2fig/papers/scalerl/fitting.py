"""Fitting the laws (ScaleRL, appendices A.4 and A.5): the free fit, the paper's grid, and intervals.

R_0 is never fitted: it is the pass rate before training. Least squares in R, every point with the same weight.
"""

from typing import NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.scalerl.law import logistic, power_law, sigmoid

ITERATIONS, ITERATIONS_B = 80, 30
"""Of Levenberg-Marquardt for three parameters and for B alone; a fit has converged long before."""
LEAST_POINTS = 5
PAPER_A = np.linspace(0.45, 0.8, 71)
"""Asymptotes of the paper's grid."""
PAPER_C_PRINTED = np.linspace(100, 40_000, 100)
"""Midpoints of the paper's grid, in GPU-hours, as its text describes them."""
PAPER_C_USED = np.union1d(np.linspace(100, 4_000, 100), np.linspace(4_000, 40_000, 100))
"""Midpoints that its published fits lie on, rounded down; that of the Scout model lies on neither grid."""


class Curve(NamedTuple):
    """Points of a run: compute (n,) increasing and positive, pass rates (n,) between 0 and 1; and R_0."""

    compute: np.ndarray
    score: np.ndarray
    r0: float


class Fit(NamedTuple):
    """Parameters of the sigmoid and the sum of its squared residuals."""

    a: float
    b: float
    c_mid: float
    ssr: float

    def predict(self, compute: np.ndarray, r0: float) -> np.ndarray:
        return sigmoid(compute, r0, self.a, self.b, self.c_mid)


def fit_free(curve: Curve, a: float | None = None) -> Fit:
    """All three parameters by least squares, R_0 < A <= 1, from 60 starts; with `a` only B and C_mid (for comparing
    efficiency at a common asymptote, appendix A.5).

    Raises `InputError` for fewer than 5 points.
    """
    _check(curve)
    x, top = np.log(curve.compute), max(float(curve.score.max()), curve.r0 + 0.01)
    span = x[-1] - x[0]
    asymptotes = [a] if a is not None else [min(0.999, top + gap) for gap in (0.01, 0.1, 0.3)]
    starts = [
        (_to_unbounded(asymptote, curve.r0), np.log(b), x[0] + share * span)
        for asymptote in asymptotes
        for b in (0.5, 1, 2, 4)
        for share in (0.1, 0.3, 0.6, 1.0, 1.5)
    ]
    weights = np.ones((len(starts), len(x)))
    parameters, ssr = _levenberg_marquardt(x, curve.score, curve.r0, weights, np.array(starts), a is not None)
    best = int(np.argmin(ssr))
    (asymptote,), (b,), (c_mid,) = _to_law(parameters[best : best + 1], curve.r0)
    return Fit(float(asymptote), float(b), float(c_mid), float(ssr[best]))


def fit_grid(curve: Curve, a_values: np.ndarray, c_values: np.ndarray) -> Fit:
    """The paper's procedure: B alone by least squares for each pair (A, C_mid) of the grid, from B = 1; the pair with
    the least sum of squares.

    All pairs at once: 14,000 pairs and 75 points take about a second. Pairs that do not converge are left out.
    """
    _check(curve)
    a, c_mid = (grid.ravel()[:, None] for grid in np.meshgrid(a_values, c_values, indexing="ij"))
    z, height = np.log(curve.compute) - np.log(c_mid), a - curve.r0

    def residuals(b: np.ndarray) -> np.ndarray:
        return curve.r0 + height * logistic(b[:, None] * z) - curve.score

    b, damping = np.ones(len(a)), np.full(len(a), 1e-3)
    ssr = (residuals(b) ** 2).sum(1)
    for _ in range(ITERATIONS_B):
        share = logistic(b[:, None] * z)
        slope = height * share * (1 - share) * z
        error = curve.r0 + height * share - curve.score
        curvature = (slope**2).sum(1)
        trial = b - (slope * error).sum(1) / (curvature * (1 + damping) + 1e-300)
        found = (residuals(trial) ** 2).sum(1)
        better = found <= ssr
        b, ssr = np.where(better, trial, b), np.where(better, found, ssr)
        damping = np.clip(np.where(better, damping / 3, damping * 4), 1e-9, 1e9)
    best = int(np.nanargmin(ssr))
    return Fit(float(a[best, 0]), float(b[best]), float(c_mid[best, 0]), float(ssr[best]))


def scaled_grid(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """The paper's grid for another unit of compute: A in steps of 0.005 from the largest pass rate to 1, and 199
    midpoints, linearly spaced, from the smallest compute to twice the largest."""
    first, last = float(curve.compute[0]), float(curve.compute[-1])
    top = max(float(curve.score.max()), curve.r0 + 0.005)
    return np.append(np.arange(top, 1, 0.005), 1.0), np.linspace(first, 2 * last, 199)


class PowerFit(NamedTuple):
    """Parameters of the power law and the sum of its squared residuals."""

    a: float
    d: float
    b: float
    ssr: float

    def predict(self, compute: np.ndarray) -> np.ndarray:
        return power_law(compute, self.a, self.d, self.b)


def fit_power(curve: Curve) -> PowerFit:
    """The power law by least squares, A <= 1, D >= 0, 0.001 <= B <= 10: A and D are linear for a given B, which is
    searched for alone."""
    from scipy.optimize import minimize_scalar

    _check(curve)
    # in units of the largest compute the parameters are of order one
    c, unit, score = curve.compute / curve.compute[-1], float(curve.compute[-1]), curve.score

    def linear(b: float) -> tuple[float, float, float]:
        """A, D and the sum of squares of the best line in C^-B."""
        x = c**-b
        spread = x - x.mean()
        d = max(0.0, -float(spread @ score / max(spread @ spread, 1e-300)))
        a = float(score.mean() + d * x.mean())
        if a > 1:
            a, d = 1.0, float(x @ (1 - score) / (x @ x))
        return a, d, float(((a - d * x - score) ** 2).sum())

    tried = np.geomspace(1e-3, 10, 200)
    best = int(np.argmin([linear(b)[2] for b in tried]))
    around = (tried[max(0, best - 1)], tried[min(best + 1, len(tried) - 1)])
    b = float(minimize_scalar(lambda b: linear(b)[2], bounds=around, method="bounded", options={"xatol": 1e-10}).x)
    a, d, ssr = linear(b)
    return PowerFit(a, d * unit**b, b, ssr)


def bootstrap_fits(
    curve: Curve, fit: Fit, resamples: int, rng: np.random.Generator, fixed_a: bool = False
) -> np.ndarray:
    """A, B and C_mid of fits to resampled points, (3, resamples), with `fixed_a` all with the A of `fit`: each resample
    draws as many points as there are, with replacement. Resamples of fewer than 4 different points, which three
    parameters would meet exactly, are drawn anew."""
    n = len(curve.compute)
    weights = rng.multinomial(n, np.full(n, 1 / n), 4 * resamples)
    weights = weights[(weights > 0).sum(1) >= 4][:resamples].astype(np.float64)
    start = (_to_unbounded(fit.a, curve.r0), np.log(fit.b), np.log(fit.c_mid))
    starts = np.tile(np.array(start), (len(weights), 1))
    parameters, _ = _levenberg_marquardt(np.log(curve.compute), curve.score, curve.r0, weights, starts, fixed_a)
    return _to_law(parameters, curve.r0)


def noise(curve: Curve) -> float:
    """Standard deviation of a point about the curve, from second differences: sqrt(mean(d**2) / 6), which a straight
    stretch of the curve does not enter. Infinite for fewer than three points."""
    if len(curve.score) < 3:
        return float("inf")
    return float(np.sqrt((np.diff(curve.score, 2) ** 2).mean() / 6))


def learns(curve: Curve) -> bool:
    """Whether the largest pass rate is 3 standard deviations of a point or more above R_0: a flat curve has no
    asymptote that could be estimated."""
    return float(curve.score.max()) - curve.r0 >= max(3 * noise(curve), 1e-6)


def _check(curve: Curve) -> None:
    if len(curve.compute) < LEAST_POINTS:
        raise InputError("curve", f"{len(curve.compute)} points in the range", f"at least {LEAST_POINTS}")


def _to_unbounded(a: float, r0: float) -> float:
    """A in (R_0, 1) as a number without bounds."""
    share = min(max((a - r0) / (1 - r0), 1e-6), 1 - 1e-6)
    return float(np.log(share / (1 - share)))


def _to_law(parameters: np.ndarray, r0: float) -> np.ndarray:
    """A, B, C_mid (3, fits) of unbounded parameters (fits, 3)."""
    u, log_b, log_c = parameters.T
    return np.stack([r0 + (1 - r0) * logistic(u), np.exp(log_b), np.exp(log_c)])


def _levenberg_marquardt(
    x: np.ndarray, score: np.ndarray, r0: float, weights: np.ndarray, starts: np.ndarray, fixed_a: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Many fits of the sigmoid at once: to points x = ln C (n,) with weights (fits, n), from unbounded parameters
    (fits, 3). Returns the parameters and the weighted sums of squares (fits,)."""

    def evaluate(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals (fits, n) and their derivatives (fits, n, 3)."""
        u, log_b, log_c = parameters.T[:, :, None]
        share_a, b = logistic(u), np.exp(log_b)
        share, height = logistic(b * (x - log_c)), (1 - r0) * share_a
        steep = height * share * (1 - share) * b
        derivatives = [height * (1 - share_a) * share, steep * (x - log_c), -steep]
        if fixed_a:
            derivatives[0] = np.zeros_like(share)
        return r0 + height * share - score, np.stack(derivatives, axis=2)

    parameters, damping = starts.astype(np.float64), np.full(len(starts), 1e-2)
    errors, slopes = evaluate(parameters)
    ssr = (weights * errors**2).sum(1)
    low, high = np.array([-14.0, np.log(1e-3), x[0] - 10]), np.array([14.0, np.log(1e2), x[-1] + 10])
    for _ in range(ITERATIONS):
        weighted = slopes * weights[:, :, None]
        curvature = np.einsum("fni,fnj->fij", weighted, slopes)
        gradient = np.einsum("fni,fn->fi", weighted, errors)
        scale = np.einsum("fii->fi", curvature)
        lifted = curvature + (damping[:, None] * scale + 1e-12)[:, :, None] * np.eye(3)
        step = np.linalg.solve(lifted, gradient[:, :, None])[:, :, 0]
        trial = np.clip(parameters - np.clip(step, -2, 2), low, high)
        trial_errors, trial_slopes = evaluate(trial)
        found = (weights * trial_errors**2).sum(1)
        better = found < ssr
        parameters = np.where(better[:, None], trial, parameters)
        errors = np.where(better[:, None], trial_errors, errors)
        slopes = np.where(better[:, None, None], trial_slopes, slopes)
        ssr = np.where(better, found, ssr)
        damping = np.clip(np.where(better, damping / 3, damping * 4), 1e-9, 1e9)
    return parameters, ssr

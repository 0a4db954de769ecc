"""Fitting the laws (ScaleRL, appendices A.4 and A.5): the free fit, the paper's grid, and intervals.

R_0 is never fitted: it is the pass rate before training. Least squares in R, every point with the same weight.
"""

from typing import NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.scalerl.law import logistic, power_law, sigmoid

ITERATIONS, ITERATIONS_B = 80, 30
"""Iterations of Levenberg-Marquardt for three parameters and for B alone; a fit has converged long before."""
LEAST_POINTS = 5
BOUND = 14.0
"""Bound of ln((A - R_0) / (1 - A)), at which A is exactly 1."""
MOST_RESAMPLES = 100_000
"""More change no digit of an interval, and the memory they need has no bound."""
BLOCK = 250
"""Resampled curves that are fitted at once."""
PAPER_A = np.linspace(0.45, 0.8, 71)
"""Asymptotes of the paper's grid."""
PAPER_C_PRINTED = np.linspace(100, 40_000, 100)
"""Midpoints of the paper's grid, in GPU-hours, as its text describes them."""
PAPER_C_USED = np.union1d(np.linspace(100, 4_000, 100), np.linspace(4_000, 40_000, 100))
"""Midpoints that its published fits lie on, rounded down; that of the Scout model lies on neither grid."""


class Curve(NamedTuple):
    """Points of a run: compute (n,) increasing and positive, pass rates (n,) between 0 and 1; R_0; and of how many
    validations each point is the mean, (n,), where that is not one."""

    compute: np.ndarray
    score: np.ndarray
    r0: float
    validations: np.ndarray | None = None

    @property
    def weights(self) -> np.ndarray:
        """Weights of the points (n,): every validation has the same."""
        return np.ones(len(self.score)) if self.validations is None else self.validations.astype(np.float64)


class Fit(NamedTuple):
    """Parameters of the sigmoid and the sum of its squared residuals."""

    a: float
    b: float
    c_mid: float
    ssr: float

    def predict(self, compute: np.ndarray, r0: float) -> np.ndarray:
        return sigmoid(compute, r0, self.a, self.b, self.c_mid)


def fit_free(curve: Curve, a: float | None = None) -> Fit:
    """All three parameters by least squares, R_0 < A <= 1, from 80 starts; with `a` only B and C_mid (for comparing
    efficiency at a common asymptote, appendix A.5). A is exactly 1 where no smaller one fits better.

    Raises `InputError` for fewer than 5 points.
    """
    _check(curve)
    x, top = np.log(curve.compute), max(float(curve.score.max()), curve.r0 + 0.01)
    span = x[-1] - x[0]
    asymptotes = [a] if a is not None else [1.0, *(min(0.999, top + gap) for gap in (0.01, 0.1, 0.3))]
    starts = [
        (_to_unbounded(asymptote, curve.r0), np.log(b), x[0] + share * span)
        for asymptote in asymptotes
        for b in (0.5, 1, 2, 4)
        for share in (0.1, 0.3, 0.6, 1.0, 1.5)
    ]
    parameters, ssr = _levenberg_marquardt(x, curve.score, curve.r0, curve.weights, np.array(starts), a is not None)
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
    z, height, weights = np.log(curve.compute) - np.log(c_mid), a - curve.r0, curve.weights

    def residuals(b: np.ndarray) -> np.ndarray:
        return curve.r0 + height * logistic(b[:, None] * z) - curve.score

    b, damping = np.ones(len(a)), np.full(len(a), 1e-3)
    ssr = residuals(b) ** 2 @ weights
    for _ in range(ITERATIONS_B):
        share = logistic(b[:, None] * z)
        slope = height * share * (1 - share) * z
        error = curve.r0 + height * share - curve.score
        curvature = slope**2 @ weights
        trial = b - (slope * error) @ weights / (curvature * (1 + damping) + 1e-300)
        found = residuals(trial) ** 2 @ weights
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
    weights, mean_score = curve.weights, float(np.average(curve.score, weights=curve.weights))

    def linear(b: float) -> tuple[float, float, float]:
        """A, D and the sum of squares of the best line in C^-B."""
        x = c**-b
        mean = np.average(x, weights=weights)
        spread = weights * (x - mean)
        d = max(0.0, -float(spread @ score / max(spread @ (x - mean), 1e-300)))
        a = float(mean_score + d * mean)
        if a > 1:
            a, d = 1.0, float((weights * x) @ (1 - score) / ((weights * x) @ x))
        return a, d, float((a - d * x - score) ** 2 @ weights)

    tried = np.geomspace(1e-3, 10, 200)
    best = int(np.argmin([linear(b)[2] for b in tried]))
    around = (tried[max(0, best - 1)], tried[min(best + 1, len(tried) - 1)])
    b = float(minimize_scalar(lambda b: linear(b)[2], bounds=around, method="bounded", options={"xatol": 1e-10}).x)
    a, d, ssr = linear(b)
    return PowerFit(a, d * unit**b, b, ssr)


def bootstrap_fits(
    curve: Curve, fit: Fit, resamples: int, rng: np.random.Generator, fixed_a: bool = False
) -> np.ndarray:
    """A, B and C_mid of fits to curves as they might have come out, and the error of one further validation of each:
    (4, resamples); with `fixed_a` all with the A of `fit`.

    A resampled curve is the fitted law with normal errors whose variance is the sum of squares over a draw of
    chi-squared with n - 3 degrees of freedom (n - 2 with `fixed_a`): percentiles are then those of Student's t where
    the law is linear in its parameters. Resampling the points themselves is too narrow for few of them: of curves of 5,
    7 and 10 points the band of 90 % held the true value at twice the range in 68, 84 and 85 % of 1,000, this one in 90,
    88 and 89 %. Errors are taken to be independent and alike for all validations, and R_0 to be exact.
    """
    x, mean = np.log(curve.compute), fit.predict(curve.compute, curve.r0)
    free = len(x) - (2 if fixed_a else 3)
    deviations = np.sqrt(fit.ssr / rng.chisquare(free, resamples))
    # from within the bounds: at the bound nothing tells a fit to leave it
    u = _to_unbounded(fit.a, curve.r0)
    start = (u if fixed_a else min(u, 4.0), np.log(fit.b), np.log(fit.c_mid))
    found = []
    for first in range(0, resamples, BLOCK):
        sd = deviations[first : first + BLOCK, None]
        scores = mean + sd * rng.standard_normal((len(sd), len(x))) / np.sqrt(curve.weights)
        starts = np.tile(np.array(start), (len(sd), 1))
        parameters, _ = _levenberg_marquardt(x, scores, curve.r0, curve.weights, starts, fixed_a)
        found.append(_to_law(parameters, curve.r0))
    return np.vstack([np.hstack(found), deviations * rng.standard_normal(resamples)])


def noise(curve: Curve) -> float:
    """Standard deviation of a validation about the curve, from second differences, which a straight stretch of the
    curve does not enter: sqrt(mean(d**2) / 6) for points of one validation each. Infinite for fewer than three
    points."""
    if len(curve.score) < 3:
        return float("inf")
    variances = np.convolve(1 / curve.weights, (1, 4, 1), "valid")
    return float(np.sqrt((np.diff(curve.score, 2) ** 2 / variances).mean()))


def learns(curve: Curve) -> bool:
    """Whether the mean of the last third of the points is 3 of its standard deviations or more above R_0, the error of
    one validation at R_0 included: a flat curve has no asymptote that could be estimated.

    The largest pass rate instead of the mean, 3 standard deviations of a point above R_0, is exceeded by chance the
    more often the more points there are: flat curves of 10, 30, 100 and 300 points were said to learn in 6, 6, 13 and
    35 % (R_0 exact) or 17, 22, 33 and 45 % (R_0 a validation like the others) of 4,000 each. This rule says so in 0 %,
    or 1.4, 0.6, 0.2 and 0.2 %.
    """
    first = 2 * len(curve.score) // 3
    score, weights = curve.score[first:], curve.weights[first:]
    rise = float(np.average(score, weights=weights)) - curve.r0
    return rise >= max(3 * noise(curve) * np.sqrt(1 + 1 / weights.sum()), 1e-6)


def _check(curve: Curve) -> None:
    if len(curve.compute) < LEAST_POINTS:
        raise InputError("curve", f"{len(curve.compute)} points in the range", f"at least {LEAST_POINTS}")


def _to_unbounded(a: float, r0: float) -> float:
    """ln((A - R_0) / (1 - A)): A in (R_0, 1) as a number that is bounded only at +-BOUND."""
    share = min(max((a - r0) / (1 - r0), 0.0), 1.0)
    with np.errstate(divide="ignore"):
        return float(np.clip(np.log(share) - np.log1p(-share), -BOUND, BOUND))


def _to_law(parameters: np.ndarray, r0: float) -> np.ndarray:
    """A, B, C_mid (3, fits) of unbounded parameters (fits, 3)."""
    u, log_b, log_c = parameters.T
    return np.stack([r0 + (1 - r0) * _share(u), np.exp(log_b), np.exp(log_c)])


def _share(u: np.ndarray) -> np.ndarray:
    """(A - R_0) / (1 - R_0), exactly 1 at the bound."""
    return np.where(u >= BOUND, 1.0, logistic(u))


def _levenberg_marquardt(
    x: np.ndarray, score: np.ndarray, r0: float, weights: np.ndarray, starts: np.ndarray, fixed_a: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Many fits of the sigmoid at once: to points x = ln C (n,) with weights (n,) and scores (n,) or (fits, n), from
    unbounded parameters (fits, 3). Returns the parameters and the weighted sums of squares (fits,)."""

    def evaluate(parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals (fits, n) and their derivatives (fits, n, 3)."""
        u, log_b, log_c = parameters.T[:, :, None]
        share_a, b = _share(u), np.exp(log_b)
        share, height = logistic(b * (x - log_c)), (1 - r0) * share_a
        steep = height * share * (1 - share) * b
        derivatives = [height * (1 - share_a) * share, steep * (x - log_c), -steep]
        if fixed_a:
            derivatives[0] = np.zeros_like(share)
        return r0 + height * share - score, np.stack(derivatives, axis=2)

    parameters, damping = starts.astype(np.float64), np.full(len(starts), 1e-2)
    errors, slopes = evaluate(parameters)
    ssr = errors**2 @ weights
    low, high = np.array([-BOUND, np.log(1e-3), x[0] - 10]), np.array([BOUND, np.log(1e2), x[-1] + 10])
    for _ in range(ITERATIONS):
        weighted = slopes * weights[:, None]
        curvature = np.einsum("fni,fnj->fij", weighted, slopes)
        gradient = np.einsum("fni,fn->fi", weighted, errors)
        scale = np.einsum("fii->fi", curvature)
        lifted = curvature + (damping[:, None] * scale + 1e-12)[:, :, None] * np.eye(3)
        step = np.linalg.solve(lifted, gradient[:, :, None])[:, :, 0]
        trial = np.clip(parameters - np.clip(step, -2, 2), low, high)
        trial_errors, trial_slopes = evaluate(trial)
        found = trial_errors**2 @ weights
        better = found < ssr
        parameters = np.where(better[:, None], trial, parameters)
        errors = np.where(better[:, None], trial_errors, errors)
        slopes = np.where(better[:, None, None], trial_slopes, slopes)
        ssr = np.where(better, found, ssr)
        damping = np.clip(np.where(better, damping / 3, damping * 4), 1e-9, 1e9)
    return parameters, ssr

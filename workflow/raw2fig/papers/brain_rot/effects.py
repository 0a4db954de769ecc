"""Effect sizes of junk against control text, with models (or replicates) as items.

The paper's Fig. 3 prints a paired effect: the mean difference of four models over the standard deviation of their
differences. Its factor for small samples is Hedges', 1 - 3 / (4 N - 9), in which N is the number of models where the
formula has the number of values of both arms. The usual Hedges' g divides by the pooled deviation within arms. Models
differ much more from each other than by junk, so both measures can disagree by a factor of four.
"""

from __future__ import annotations

from math import exp, lgamma, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from raw2fig.errors import InputError
from raw2fig.stats import LEVEL

RESAMPLES = 1000
"""Resamples of the paper's interval."""
PAPER_LEVEL = 0.9
"""Coverage of the paper's interval."""
TINY = 1e-12
"""Deviations up to this part of a difference are errors of rounding."""


class Effect(NamedTuple):
    """An effect size with an interval."""

    value: float
    low: float
    high: float


def correction(freedom: float, exact: bool = False) -> float:
    """Hedges' factor J for a standardised difference with `freedom` degrees of freedom: exactly
    Gamma(f/2) / (sqrt(f/2) Gamma((f-1)/2)), or approximately 1 - 3 / (4 f - 1)."""
    if exact:
        return exp(lgamma(freedom / 2) - lgamma((freedom - 1) / 2)) / sqrt(freedom / 2)
    return 1 - 3 / (4 * freedom - 1)


def correction_of_figure(models: int) -> float:
    """The factor of Fig. 3: 1 - 3 / (4 N - 9) with N models, 4/7 for four of them."""
    return 1 - 3 / (4 * models - 9)


def d_paired(junk: ArrayLike, control: ArrayLike) -> float:
    """Mean of the differences over their standard deviation."""
    difference = np.subtract(*_pairs(junk, control))
    return _over(float(difference.mean()), float(difference.std(ddof=1)))


def g_paired(junk: ArrayLike, control: ArrayLike) -> float:
    """The effect size as Fig. 3 computes it."""
    return correction_of_figure(len(_pairs(junk, control)[0])) * d_paired(junk, control)


def d_usual(junk: ArrayLike, control: ArrayLike) -> float:
    """Difference of the means over the pooled standard deviation of both arms."""
    a, b = _sample(junk, "junk"), _sample(control, "control")
    freedom = len(a) + len(b) - 2
    pooled = ((len(a) - 1) * a.var(ddof=1) + (len(b) - 1) * b.var(ddof=1)) / freedom
    return _over(float(a.mean() - b.mean()), sqrt(pooled))


def g_usual(junk: ArrayLike, control: ArrayLike, exact: bool = False) -> float:
    """Hedges' g of two independent samples, with the approximate factor or the exact one."""
    return correction(np.size(junk) + np.size(control) - 2, exact) * d_usual(junk, control)


def resampled(junk: ArrayLike, control: ArrayLike, rng: np.random.Generator | int) -> Effect:
    """The paper's effect with its kind of interval: 90 % percentiles of 1,000 resamples of models.

    A resample that holds one model alone has no deviation: it counts as an infinite effect (no effect, if the model
    does not differ). With four models that is one in 64, so the ends stay finite in most tables.
    """
    a, b = _pairs(junk, control)
    rows = np.random.default_rng(rng).integers(len(a), size=(RESAMPLES, len(a)))
    values = [g_paired(a[row], b[row]) for row in rows]
    tail = (1 - PAPER_LEVEL) / 2
    # an order statistic, for between a number and infinity there is nothing to interpolate
    low, high = np.quantile(values, [tail, 1 - tail], method="inverted_cdf")
    return Effect(g_paired(a, b), float(low), float(high))


def paired_effect(junk: ArrayLike, control: ArrayLike) -> Effect:
    """The paper's effect with the 95 % interval from the noncentral t distribution of n - 1 degrees of freedom."""
    a, b = _pairs(junk, control)
    return _scaled(d_paired(a, b), sqrt(len(a)), len(a) - 1, correction_of_figure(len(a)))


def usual_effect(junk: ArrayLike, control: ArrayLike) -> Effect:
    """The usual Hedges' g with the 95 % interval from the noncentral t distribution. It takes the arms as independent;
    where they are the same models, as here, it is too wide rather than too short."""
    n, m = np.size(junk), np.size(control)
    return _scaled(d_usual(junk, control), sqrt(n * m / (n + m)), n + m - 2, correction(n + m - 2))


def _scaled(d: float, root: float, freedom: int, factor: float) -> Effect:
    """d times a factor, with the interval of d: the parameters of noncentrality, over `root`, of which t = root * d is
    an outer percentile."""
    from scipy.special import nctdtrinc

    t, tail = root * d, (1 - LEVEL) / 2
    low, high = (factor * float(nctdtrinc(freedom, p, t)) / root for p in (1 - tail, tail))
    return Effect(factor * d, low, high)


def _over(difference: float, deviation: float) -> float:
    """The quotient; without a deviation, but for rounding, it is infinite, and 0 without a difference either."""
    if deviation > TINY * abs(difference):
        return difference / deviation
    return float(np.copysign(np.inf, difference)) if difference else 0.0


def _sample(values: ArrayLike, name: str) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) < 2 or not np.isfinite(array).all():
        raise InputError(name, f"{array.size} values", "at least two finite numbers, for a standard deviation")
    return array


def _pairs(junk: ArrayLike, control: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    a, b = _sample(junk, "junk"), _sample(control, "control")
    if len(a) != len(b):
        raise InputError("pairs", f"{len(a)} and {len(b)} values", "both arms of each model")
    if len(a) < 4:
        raise InputError("pairs", f"{len(a)} models", "at least 4: for three the paper's factor is 0")
    return a, b

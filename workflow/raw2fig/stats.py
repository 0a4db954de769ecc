"""Point estimates with 95 % intervals, for every paper.

The outcome of a training depends on its data, first weights, warm start and order, which all arms of a run share. So an
estimate about trained models is a mean over replicates, which draw all of that anew (`over_replicates`): each replicate
gives one value, or one difference between two arms that were trained in it (`by_replicate`, `paired`), and the interval
is the t interval over these values. More items in a replicate make its value less noisy, but they are not further
evidence.

The other functions have intervals over items, for what involves no training: a fit on real data, a verifier on fixed
answers.

Bootstrap intervals are percentile intervals with their tails widened for few items, as a t interval is wider than a
normal one (Hesterberg 2015, "What teachers should know about the bootstrap", section 4.3). No resample leaves the range
of the data, so over two or three items such an interval covers little (half, for two). Intervals of means are therefore
stretched about the mean until they are as long as the t interval. Resampling is vectorised over resamples.
"""

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from raw2fig.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    ByReplicate: TypeAlias = Mapping[Any, float] | pd.Series
    """A value for each replicate: a mapping from replicates to values, or a Series that has replicates as its index."""

LEVEL = 0.95
"""Coverage of every interval."""
Z = 1.959963984540054
"""Normal quantile of (1 + LEVEL) / 2."""
RESAMPLES = 2000
SEED = 0
"""Seed of the bootstrap of every interval in figures, claims and tables."""
Seed = np.random.Generator | int
"""A generator, or the seed of a new one."""


class Replicates(NamedTuple):
    """What an estimate over replicates was made of: the standard deviation of the `n` values, and the range that a
    value can have."""

    n: int
    deviation: float
    least: float = float("-inf")
    most: float = float("inf")


class _Estimate(NamedTuple):
    value: float
    low: float
    high: float
    n: int
    replicates: Replicates | None = None


class Estimate(_Estimate):
    """A value with its 95 % interval, from `n` items or over `replicates`.

    `low` and `high` are NaN when a single independent unit gives no interval; every comparison with them is then
    false, so that no criterion is decided by it.
    """

    __slots__ = ()

    def _asdict(self) -> dict[str, Any]:
        """The columns of an estimate in a table: `replicates` is their number, and only there where there are some."""
        columns = super()._asdict()
        found = columns.pop("replicates")
        return columns | ({"replicates": found.n} if found else {})


def fact(value: float, n: int) -> Estimate:
    """A number that follows from `n` published ones and is no estimate: its interval has no length."""
    return Estimate(float(value), float(value), float(value), n)


def by_replicate(values: ArrayLike, replicates: Sequence[Hashable]) -> dict[Hashable, float]:
    """Mean of the items of each replicate, from all items (n,) and the replicate of each (n,).

    Raises `InputError` for no values, values that are not finite, or a replicate for not every value.
    """
    values = _vector(values, "values")
    row = _index(replicates, len(values), "replicates")
    names = list(dict.fromkeys(replicates))
    return dict(zip(names, (np.bincount(row, values) / np.bincount(row)).tolist(), strict=True))


def paired(a: "ByReplicate", b: "ByReplicate") -> dict[Hashable, float]:
    """b - a in each replicate. Raises `InputError` unless both have the same replicates."""
    before, after = _values_of(a, "a"), _values_of(b, "b")
    if lone := sorted(map(str, set(before) ^ set(after))):
        raise InputError("replicates", f"{', '.join(lone)} have one of two values", "both values in each replicate")
    return {name: after[name] - value for name, value in before.items()}


def over_replicates(
    values: "ByReplicate", items: int = 0, least: float = float("-inf"), most: float = float("inf")
) -> Estimate:
    """Mean over replicates of the one value of each, with the t interval over replicates.

    One replicate gives no interval, two give one that decides next to nothing (t = 12.7). Where all replicates have the
    same value the interval has no length; that is right for an identity, and says of anything else that its replicates
    share something.

    Parameters
    ----------
    values
        The value of each replicate.
    items
        How many items a value is the mean of, to be shown; none means the replicates themselves.
    least, most
        The range that a value can have, such as 0 and 1 for a share. Intervals end there.

    Raises `InputError` for no values, values that are not finite, or two of one replicate.
    """
    array = _vector(list(_values_of(values, "values").values()), "values")
    n = len(array)
    deviation = float(array.std(ddof=1)) if n > 1 else float("nan")
    made_of = Replicates(n, deviation, least, most)
    found = Estimate(float(array.mean()), float("nan"), float("nan"), items or n, made_of)
    low, high = _around(found, LEVEL, 1 / n)
    return found._replace(low=low, high=high)


def interval_at(estimate: Estimate, level: float) -> tuple[float, float]:
    """Both ends of the interval of an estimate at another level of coverage.

    Over replicates it is the t interval. Other intervals do not say what they were made of, so they are widened about
    the value by the square of a ratio of t quantiles, whose degrees of freedom are one less than the items. The ratio
    itself is what an interval of a mean needs; its square is what a score interval needs at the worst, where the value
    is 0 or 1. So they are too wide rather than too short. Raises `ValueError` for a level below `LEVEL`, for which this
    would not be cautious.
    """
    if not LEVEL <= level < 1:
        raise ValueError(f"level {level}: must be from {LEVEL} to 1")
    if level == LEVEL:
        return estimate.low, estimate.high
    if estimate.replicates:
        return _around(estimate, level, 1 / estimate.replicates.n)
    freedom = max(1, estimate.n - 1)
    factor = (_quantile(freedom, level) / _quantile(freedom, LEVEL)) ** 2
    low, high = (estimate.value + factor * (end - estimate.value) for end in (estimate.low, estimate.high))
    return low, high


def prediction(estimate: Estimate) -> tuple[float, float] | None:
    """Where the value of one more replicate would fall, at 95 %: value -+ t s sqrt(1 + 1/n), for normal values.

    None for an estimate that is not over replicates, NaN for a single replicate.
    """
    return _around(estimate, LEVEL, 1 + 1 / estimate.replicates.n) if estimate.replicates else None


def _around(estimate: Estimate, level: float, variances: float) -> tuple[float, float]:
    """value -+ t s sqrt(variances) over replicates, within the range of values."""
    n, deviation, least, most = estimate.replicates or Replicates(1, float("nan"))
    if n < 2:
        return float("nan"), float("nan")
    half = _quantile(n - 1, level) * deviation * float(np.sqrt(variances))
    return max(estimate.value - half, least), min(estimate.value + half, most)


def _quantile(freedom: int, level: float) -> float:
    """Quantile of the t distribution at (1 + level) / 2."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + level) / 2))


def _values_of(values: "ByReplicate", name: str) -> dict[Hashable, float]:
    """A value for each replicate as a mapping, checked for replicates that come twice, as an index may have them."""
    rows = list(values.items())
    found = {label: float(value) for label, value in rows}
    if len(found) < len(rows):
        raise InputError(name, f"{len(rows)} values for {len(found)} replicates", "one value for each replicate")
    return found


def bootstrap_mean(values: ArrayLike, rng: Seed, resamples: int = RESAMPLES) -> Estimate:
    """Mean of `values` (n,). Raises `InputError` for no values, and values that are not finite."""
    values = _vector(values, "values")
    means = _resampled_means(values, np.random.default_rng(rng), resamples)
    return _stretched(_interval(float(values.mean()), means, len(values)), _half_length(values))


def difference(a: ArrayLike, b: ArrayLike, rng: Seed, resamples: int = RESAMPLES) -> Estimate:
    """Change from `a` to `b`, which are samples of different items: mean(b) - mean(a). `n` is the size of the smaller
    one. Raises `InputError` as `bootstrap_mean`."""
    a, b = _vector(a, "a"), _vector(b, "b")
    generator = np.random.default_rng(rng)
    means_a, means_b = (_resampled_means(x, generator, resamples) for x in (a, b))
    found = _interval(float(b.mean() - a.mean()), means_b - means_a, min(len(a), len(b)))
    return _stretched(found, float(np.hypot(_half_length(a), _half_length(b))))


def relative_change(a: ArrayLike, b: ArrayLike, rng: Seed, resamples: int = RESAMPLES) -> Estimate:
    """(mean(b) - mean(a)) / mean(a), where item i of both is the same condition; -0.16 is "16 % lower".

    Raises `InputError` as `bootstrap_mean`, for samples of unequal size, and when `a` is not positive throughout.
    """
    a, b = _vector(a, "a"), _vector(b, "b")
    if len(a) != len(b):
        raise InputError("pairs", f"{len(a)} and {len(b)} values", "one partner for each")
    if a.min() <= 0:
        raise InputError("a", f"has {a.min():g}", "positive values, for a change relative to them")
    means = _resampled_means(np.stack([a, b]), np.random.default_rng(rng), resamples)
    ratio = float(b.mean() / a.mean())
    found = _interval(ratio - 1, means[1] / means[0] - 1, len(a))
    return _stretched(found, _half_length((b - ratio * a) / a.mean()))


def proportion(k: int, n: int) -> Estimate:
    """k successes of n with Wilson's score interval. Raises `InputError` unless 0 <= k <= n and n > 0."""
    if not 0 <= k <= n or n == 0:
        raise InputError("proportion", f"{k} of {n}", "0 <= k <= n, n > 0")
    share = k / n
    centre = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * np.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    # the ends that are 0 and 1 exactly, whatever was rounded
    return Estimate(share, float(centre - half) if k > 0 else 0.0, float(centre + half) if k < n else 1.0, n)


def deviation(values: ArrayLike) -> Estimate:
    """Sample standard deviation of `values` (n,), of a normal quantity, with the interval of the chi-squared
    distribution of (n - 1) s^2 / sigma^2. Raises `InputError` for fewer than two values."""
    from scipy.stats import chi2

    values = _vector(values, "values")
    if len(values) < 2:
        raise InputError("values", "1 value", "at least 2, for a deviation")
    freedom = len(values) - 1
    s = float(values.std(ddof=1))
    high, low = np.sqrt(freedom / chi2.ppf([(1 - LEVEL) / 2, (1 + LEVEL) / 2], freedom))
    return Estimate(s, s * float(low), s * float(high), len(values))


def auroc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve: chance that a positive scores above a negative, ties counting half.

    `labels` (n,) are true for positives. Raises `InputError` when a class is empty or a score is not finite.
    """
    return float(_wins(labels, scores).mean())


def _wins(labels: ArrayLike, scores: ArrayLike) -> np.ndarray:
    """1 where positive p scores above negative n, 1/2 for a tie, else 0; shape (positives, negatives)."""
    scores = _vector(scores, "scores")
    positive = np.asarray(labels).astype(bool)
    if positive.shape != scores.shape:
        raise InputError("labels", f"shape {positive.shape}", f"one label for each of {len(scores)} scores")
    if positive.all() or not positive.any():
        raise InputError("labels", "one class only", "positives and negatives")
    return (np.sign(scores[positive][:, None] - scores[~positive][None, :]) + 1) / 2


def _vector(values: ArrayLike, name: str) -> np.ndarray:
    """`values` as float64 of shape (n,), n > 0, all finite."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not len(array):
        raise InputError(name, f"shape {array.shape}", "one row of at least one number")
    if not np.isfinite(array).all():
        raise InputError(name, f"{np.count_nonzero(~np.isfinite(array))} not finite", "finite numbers")
    return array


def _half_length(values: np.ndarray) -> float:
    """Half the length of the t interval of a mean; NaN for one value."""
    n = len(values)
    return _quantile(n - 1, LEVEL) * float(values.std(ddof=1)) / n**0.5 if n > 1 else float("nan")


def _stretched(found: Estimate, half: float) -> Estimate:
    """The interval, at least 2 `half` long, with its value where it was in it."""
    length = found.high - found.low
    factor = max(1.0, 2 * half / length) if length > 0 else 1.0
    low, high = (found.value + factor * (end - found.value) for end in (found.low, found.high))
    return found._replace(low=low, high=high)


def _index(labels: Sequence[object], n: int, name: str) -> np.ndarray:
    """Number of each item's label, in order of first appearance; shape (n,)."""
    if len(labels) != n:
        raise InputError(name, f"{len(labels)} for {n} values", "one for each value")
    numbers: dict[object, int] = {}
    return np.array([numbers.setdefault(label, len(numbers)) for label in labels])


def _resampled_means(values: np.ndarray, rng: np.random.Generator, resamples: int) -> np.ndarray:
    """Means over resamples of the items of values (..., n), whose rows are resampled together; (..., resamples)."""
    n = values.shape[-1]
    block = max(1, 4_000_000 // n)  # bounds the memory of the drawn weights
    means = []
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = rng.integers(n, size=(size, n)) + n * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=n * size).reshape(size, n).astype(np.float64)
        means.append(values @ times.T / n)
    return np.concatenate(means, axis=-1)


def _interval(value: float, resampled: np.ndarray, n: int) -> Estimate:
    """Percentile interval of `resampled` with tails widened for `n` independent items."""
    from scipy.special import ndtr, stdtrit

    if n < 2:
        return Estimate(value, float("nan"), float("nan"), n)
    tail = ndtr(np.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 - LEVEL) / 2))
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Estimate(value, float(low), float(high), n)

"""Point estimates with 95 % intervals, for every paper.

The outcome of a training depends on its data, first weights, warm start and order, which all arms of a run share. So an
estimate about trained models is a mean over replicates, which draw all of that anew (`over_replicates`): each replicate
gives one value, or one difference between two arms that were trained in it (`by_replicate`, `paired`), and the interval
is the t interval over these values. More items in a replicate make its value less noisy, but they are not further
evidence.

The other functions have intervals over items, for what involves no training: a fit on real data, a verifier on fixed
answers. Crossing items with training seeds says how far seeds move a result that shares all else.

Bootstrap intervals are percentile intervals with their tails widened for few items, as a t interval is wider than a
normal one (Hesterberg 2015, "What teachers should know about the bootstrap", section 4.3). No resample leaves the range
of the data, so over two or three items or training seeds such an interval covers little (half, for two). Intervals of
means are therefore stretched about the mean until they are as long as the t interval; over items crossed with seeds, as
that of a sum of two components of variance (Graybill and Wang 1980). Two seeds that differ by more than their items do
thus decide next to nothing. Resampling is vectorised over resamples.
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
    seeds: int = 1
    replicates: Replicates | None = None


class Estimate(_Estimate):
    """A value with its 95 % interval, from `n` items and `seeds` training seeds, or over `replicates`.

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
    found = Estimate(float(array.mean()), float("nan"), float("nan"), items or n, 1, made_of)
    low, high = _around(found, LEVEL, 1 / n)
    return found._replace(low=low, high=high)


def interval_at(estimate: Estimate, level: float) -> tuple[float, float]:
    """Both ends of the interval of an estimate at another level of coverage.

    Over replicates it is the t interval. Other intervals do not say what they were made of, so they are widened about
    the value by the square of a ratio of t quantiles, whose degrees of freedom are one less than the fewest of items
    and (if there are several) seeds. The ratio itself is what an interval of a mean needs; its square is what a score
    interval needs at the worst, where the value is 0 or 1. So they are too wide rather than too short, and very wide
    over two seeds. Raises `ValueError` for a level below `LEVEL`, for which this would not be cautious.
    """
    if not LEVEL <= level < 1:
        raise ValueError(f"level {level}: must be from {LEVEL} to 1")
    if level == LEVEL:
        return estimate.low, estimate.high
    if estimate.replicates:
        return _around(estimate, level, 1 / estimate.replicates.n)
    freedom = max(1, min(estimate.n, estimate.seeds if estimate.seeds > 1 else estimate.n) - 1)
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


def bootstrap_mean(
    values: ArrayLike,
    rng: Seed,
    groups: Sequence[object] | None = None,
    seeds: Sequence[object] | None = None,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Mean of `values` (n,); with `groups` (n,) whole groups are resampled (cluster bootstrap), with `seeds` (n,)
    training seeds too, crossed with the groups (with the items, where there are no groups).

    The value is the mean over items, not over groups; `n` counts items of one seed. Raises `InputError` for no values,
    values that are not finite, or a group or seed for not every value.
    """
    values = _vector(values, "values")
    return _ratio(values, np.ones(len(values)), rng, groups, seeds, resamples)


def difference(
    a: ArrayLike,
    b: ArrayLike,
    rng: Seed,
    paired: bool = False,
    groups: Sequence[object] | None = None,
    seeds: Sequence[object] | None = None,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Change from `a` to `b`: mean(b) - mean(a). `paired`: item i of both is the same condition, and `groups` and
    `seeds` are those of the pairs, as in `bootstrap_mean`.

    `n` is the number of pairs, or the smaller sample. Raises `InputError` as `bootstrap_mean`, and for pairs of unequal
    number.
    """
    a, b = _vector(a, "a"), _vector(b, "b")
    if paired:
        _check_pairs(a, b)
        return bootstrap_mean(b - a, rng, groups, seeds, resamples)
    generator = np.random.default_rng(rng)
    means_a, means_b = (_resampled_ratios(x[None], np.ones((1, len(x))), generator, resamples) for x in (a, b))
    smaller = min(len(a), len(b))
    found = _interval(float(b.mean() - a.mean()), means_b - means_a, smaller, units=smaller)
    half_a, half_b = (_half_length((x - x.mean())[None]) for x in (a, b))
    return _stretched(found, float(np.hypot(half_a, half_b)))


def relative_change(
    a: ArrayLike,
    b: ArrayLike,
    rng: Seed,
    groups: Sequence[object] | None = None,
    seeds: Sequence[object] | None = None,
    resamples: int = RESAMPLES,
) -> Estimate:
    """(mean(b) - mean(a)) / mean(a) over paired conditions, which are resampled as pairs (`groups` and `seeds` as in
    `bootstrap_mean`); -0.16 is "16 % lower".

    For positive quantities. Raises `InputError` as `difference`, and when `a` is not positive throughout.
    """
    a, b = _vector(a, "a"), _vector(b, "b")
    _check_pairs(a, b)
    if a.min() <= 0:
        raise InputError("a", f"has {a.min():g}", "positive values, for a change relative to them")
    change = _ratio(b, a, rng, groups, seeds, resamples)
    return change._replace(value=change.value - 1, low=change.low - 1, high=change.high - 1)


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
    return Estimate(s, s * float(low), s * float(high), len(values), len(values))


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


def _check_pairs(a: np.ndarray, b: np.ndarray) -> None:
    if len(a) != len(b):
        raise InputError("pairs", f"{len(a)} and {len(b)} values", "one partner for each")


def _ratio(
    numerators: np.ndarray,
    denominators: np.ndarray,
    rng: Seed,
    groups: Sequence[object] | None,
    seeds: Sequence[object] | None,
    resamples: int,
) -> Estimate:
    """sum(numerators) / sum(denominators) of items (n,), resampled by groups crossed with seeds.

    Means, cluster means and ratios of means are all of this form.
    """
    n = len(numerators)
    row = np.zeros(n, dtype=np.int64) if seeds is None else _index(seeds, n, "seeds")
    n_seeds = int(row.max()) + 1
    if groups is None:  # item i of each seed is one unit
        groups = [int((row[:i] == row[i]).sum()) for i in range(n)]
    column = _index(groups, n, "groups")
    shape = (n_seeds, int(column.max()) + 1)
    above, below = np.zeros(shape), np.zeros(shape)
    np.add.at(above, (row, column), numerators)
    np.add.at(below, (row, column), denominators)
    resampled = _resampled_ratios(above, below, np.random.default_rng(rng), resamples)
    value = float(numerators.sum() / denominators.sum())
    found = _interval(value, resampled, n // n_seeds, units=shape[1])
    return _stretched(found, _half_length((above - value * below) / below.mean()))._replace(seeds=n_seeds)


def _half_length(deviations: np.ndarray) -> float:
    """Half the length of the interval of a mean, from its items' deviations (seeds, units).

    Seeds and units are drawn independently of each other: the mean's variance is that over seeds plus that over units,
    where what they have in common, the variance of single cells, counts once. Each is multiplied by the square of its t
    quantile. NaN for one unit.
    """
    from scipy.special import stdtrit

    seeds, units = deviations.shape
    if units < 2:
        return float("nan")
    of_seeds, of_units = deviations.mean(axis=1), deviations.mean(axis=0)
    square = stdtrit(units - 1, (1 - LEVEL) / 2) ** 2 * of_units.var(ddof=1) / units
    if seeds > 1:
        cells = deviations - of_seeds[:, None] - of_units + deviations.mean()
        common = (cells**2).sum() / ((seeds - 1) * (units - 1)) / (seeds * units)
        square += stdtrit(seeds - 1, (1 - LEVEL) / 2) ** 2 * max(of_seeds.var(ddof=1) / seeds - common, 0.0)
    return float(np.sqrt(square))


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


def _resampled_ratios(
    numerators: np.ndarray, denominators: np.ndarray, rng: np.random.Generator, resamples: int
) -> np.ndarray:
    """sum(numerators) / sum(denominators) of tables (seeds, units), both drawn with replacement; shape (resamples,)."""
    n_seeds, n = numerators.shape
    block = max(1, 4_000_000 // n)  # bounds the memory of the drawn weights
    ratios = []
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        weights = _times_drawn(n, size, rng)
        if n_seeds > 1:
            by_seed = _times_drawn(n_seeds, size, rng)
            sums = [((by_seed @ table) * weights).sum(axis=1) for table in (numerators, denominators)]
        else:
            sums = [weights @ table[0] for table in (numerators, denominators)]
        ratios.append(sums[0] / sums[1])
    return np.concatenate(ratios)


def _times_drawn(n: int, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """How often each of `n` units occurs in each resample of n draws, (resamples, n)."""
    drawn = rng.integers(n, size=(resamples, n)) + n * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=n * resamples).reshape(resamples, n).astype(np.float64)


def _interval(value: float, resampled: np.ndarray, n: int, units: int) -> Estimate:
    """Percentile interval of `resampled` with tails widened for `units` independent units."""
    from scipy.special import ndtr, stdtrit

    if units < 2:
        return Estimate(value, float("nan"), float("nan"), n)
    tail = ndtr(np.sqrt(units / (units - 1)) * stdtrit(units - 1, (1 - LEVEL) / 2))
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return Estimate(value, float(low), float(high), n)

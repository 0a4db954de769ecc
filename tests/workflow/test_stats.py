"""Intervals: agreement with scipy, coverage, invariances, refusals."""

import numpy as np
import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.stats import (
    Estimate,
    auroc,
    bootstrap_mean,
    by_replicate,
    difference,
    interval_at,
    over_replicates,
    paired,
    prediction,
    proportion,
    relative_change,
)


def test_bootstrap_mean_agrees_with_normal_theory_for_many_items() -> None:
    values = np.random.default_rng(0).normal(3, 2, 4000)
    estimate = bootstrap_mean(values, 1)
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    assert estimate.value == pytest.approx(values.mean(), abs=1e-12)
    assert estimate.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert estimate.high == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert estimate.n == 4000


def test_bootstrap_mean_agrees_with_scipy() -> None:
    from scipy.stats import bootstrap

    values = np.random.default_rng(3).exponential(size=1000)
    other = bootstrap((values,), np.mean, method="percentile", vectorized=True, n_resamples=4000, rng=0)
    estimate = bootstrap_mean(values, 0, resamples=4000)
    width = other.confidence_interval.high - other.confidence_interval.low
    assert estimate.low == pytest.approx(other.confidence_interval.low, abs=0.06 * width)
    assert estimate.high == pytest.approx(other.confidence_interval.high, abs=0.06 * width)


def test_seed_decides_the_interval() -> None:
    values = np.arange(20.0)
    assert bootstrap_mean(values, 5) == bootstrap_mean(values, np.random.default_rng(5))
    assert bootstrap_mean(values, 5) != bootstrap_mean(values, 6)


@pytest.mark.parametrize("n", [2, 3, 4, 8])
def test_coverage_with_few_items(n: int) -> None:
    rng = np.random.default_rng(n)
    intervals = [bootstrap_mean(rng.normal(size=n), rng, resamples=400) for _ in range(1000)]
    covered = np.mean([low <= 0 <= high for _, low, high, *_ in intervals])
    # the percentile interval alone covers about 0.5 (n = 2), 0.75 (n = 3), 0.87 (n = 4)
    assert 0.925 <= covered <= 0.985


def test_coverage_of_an_unpaired_difference() -> None:
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(500):
        estimate = difference(rng.normal(1, 1, 10), rng.normal(3, 2, 30), rng, resamples=300)
        inside += estimate.low <= 2 <= estimate.high
    assert 0.92 <= inside / 500 <= 0.985


@pytest.mark.parametrize(("k", "n"), [(0, 5), (0, 125), (5, 5), (3, 7), (433, 1000)])
def test_proportion_is_wilson(k: int, n: int) -> None:
    from scipy.stats import binomtest

    expected = binomtest(k, n).proportion_ci(method="wilson")
    assert proportion(k, n)[:3] == pytest.approx((k / n, expected.low, expected.high), abs=1e-12)
    assert proportion(k, n).n == n
    assert (proportion(k, n).low == 0) == (k == 0)
    assert (proportion(k, n).high == 1) == (k == n)


def test_auroc_agrees_with_sklearn_also_with_ties() -> None:
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    for scores in (rng.normal(size=200), rng.integers(0, 4, 200), np.zeros(200)):
        labels = rng.random(200) < 0.3
        assert auroc(labels, scores) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        assert auroc(~labels, scores) == pytest.approx(1 - auroc(labels, scores), abs=1e-12)


def test_few_values_have_the_t_interval_and_any_scale_and_place() -> None:
    from scipy.stats import t

    values = np.array([1.0, 2.0, 4.0])
    estimate = bootstrap_mean(values, 0)
    assert estimate.high - estimate.low == pytest.approx(2 * t.ppf(0.975, 2) * values.std(ddof=1) / np.sqrt(3))
    moved = bootstrap_mean(5 - 10 * values, 0)
    assert moved.high - moved.low == pytest.approx(10 * (estimate.high - estimate.low))
    other = np.array([0.0, 1.0])
    apart = difference(values, other, 0)
    halves = [t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)) for x in (values, other)]
    assert apart.high - apart.low == pytest.approx(2 * np.hypot(*halves))


def test_relative_change_is_free_of_scale_and_has_the_ratio_of_means() -> None:
    rng = np.random.default_rng(0)
    before = rng.uniform(1, 20, 12)
    after = before * rng.uniform(0.7, 0.95, 12)
    change = relative_change(before, after, 0)
    assert change.value == pytest.approx((after.mean() - before.mean()) / before.mean())
    assert change.low < change.value < change.high < 0
    assert relative_change(1000 * before, 1000 * after, 0)[:3] == pytest.approx(change[:3])
    constant = relative_change(before, 0.84 * before, 0)
    assert constant[:3] == pytest.approx((-0.16, -0.16, -0.16))
    with pytest.raises(InputError, match="positive"):
        relative_change([1, 0], [1, 1], 0)


def test_a_single_item_has_no_interval() -> None:
    estimate = bootstrap_mean([2.0], 0)
    assert estimate.value == 2
    assert not estimate.low > 0
    assert not estimate.low <= 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: bootstrap_mean([], 0),
        lambda: bootstrap_mean([1.0, float("nan")], 0),
        lambda: bootstrap_mean([[1.0]], 0),
        lambda: relative_change([1.0, 2.0], [1.0], 0),
        lambda: proportion(3, 2),
        lambda: proportion(0, 0),
        lambda: auroc([1, 1], [0.1, 0.2]),
        lambda: auroc([1, 0, 1], [0.1, 0.2]),
    ],
)
def test_bad_input_is_refused(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError):
        call()


def test_an_estimate_over_replicates_is_the_t_interval_of_scipy() -> None:
    from scipy.stats import t, ttest_1samp

    values = {"a": 0.31, "b": 0.52, "c": 0.38, "d": 0.44, "e": 0.29}
    found = over_replicates(values)
    expected = ttest_1samp(list(values.values()), 0).confidence_interval(0.95)
    assert found[:3] == pytest.approx((0.388, expected.low, expected.high))
    assert (found.n, found.replicates.n) == (5, 5)
    at_99 = ttest_1samp(list(values.values()), 0).confidence_interval(0.99)
    assert interval_at(found, 0.99) == pytest.approx((at_99.low, at_99.high))
    half = t.ppf(0.975, 4) * np.std(list(values.values()), ddof=1) * np.sqrt(1 + 1 / 5)
    assert prediction(found) == pytest.approx((0.388 - half, 0.388 + half))
    assert over_replicates(values, items=200)[:4] == (*found[:3], 200)
    assert over_replicates(pd.Series(values)) == found


def test_ends_over_replicates_stay_in_the_range_of_values() -> None:
    found = over_replicates({0: 0.9, 1: 1.0, 2: 0.98}, least=0, most=1)
    free = over_replicates({0: 0.9, 1: 1.0, 2: 0.98})
    assert free.high > 1
    assert found[:3] == (free.value, free.low, 1)
    assert interval_at(found, 0.999)[0] == 0
    assert prediction(found) == (pytest.approx(prediction(free)[0]), 1)


def test_one_replicate_has_no_interval_and_two_decide_next_to_nothing() -> None:
    one = over_replicates({0: 3.0})
    assert one.value == 3
    assert np.isnan([one.low, one.high, *prediction(one), *interval_at(one, 0.99)]).all()
    rng = np.random.default_rng(0)
    # an effect of two standard deviations, in 400 pairs of replicates
    pairs = [over_replicates(dict(enumerate(rng.normal(2, 1, 2)))) for _ in range(400)]
    assert np.mean([pair.low > 0 for pair in pairs]) < 0.3  # 0.18; five replicates: 0.91
    assert prediction(bootstrap_mean([1.0, 2.0, 3.0], 0)) is None


def test_replicates_are_paired_and_items_within_them_averaged() -> None:
    values, labels = [1.0, 2.0, 6.0, 3.0, 5.0], ["a", "b", "a", "b", "b"]
    assert by_replicate(values, labels) == {"a": 3.5, "b": pytest.approx(10 / 3)}
    rng = np.random.default_rng(0)
    shared = rng.normal(scale=10, size=5)
    base = dict(enumerate(shared))
    better = dict(reversed([(name, value + 1 + rng.normal(scale=0.1)) for name, value in base.items()]))
    found = over_replicates(paired(base, better))
    assert 0.7 < found.low < 1 < found.high < 1.3
    assert over_replicates(paired(better, base))[:3] == pytest.approx((-found.value, -found.high, -found.low))
    with pytest.raises(InputError, match="replicates: 4 have one of two values"):
        paired(base, {name: better[name] for name in range(4)})
    with pytest.raises(InputError, match="2 values for 1 replicates"):
        over_replicates(pd.Series([1.0, 2.0], index=["a", "a"]))
    with pytest.raises(InputError, match="not finite"):
        over_replicates({0: 1.0, 1: float("nan")})


@pytest.mark.parametrize("replicates", [3, 5, 20])
def test_coverage_over_replicates_and_of_one_more_run(replicates: int) -> None:
    rng = np.random.default_rng(replicates)
    runs = 2000
    drawn = rng.normal(3, 2, (runs, replicates + 1))
    found = [over_replicates(dict(enumerate(row[:-1]))) for row in drawn]
    covered = np.mean([one.low <= 3 <= one.high for one in found])
    held = np.mean([prediction(one)[0] <= row[-1] <= prediction(one)[1] for one, row in zip(found, drawn, strict=True)])
    # 0.95 with a standard error of 0.005
    assert 0.93 <= covered <= 0.97
    assert 0.93 <= held <= 0.97
    wider = np.mean([interval_at(one, 1 - 0.05 / 4)[0] <= 3 <= interval_at(one, 1 - 0.05 / 4)[1] for one in found])
    assert 0.978 <= wider <= 0.997


def test_columns_of_tables_stay_those_of_items() -> None:
    names = ["value", "low", "high", "n"]
    assert list(bootstrap_mean([1.0, 2.0], 0)._asdict()) == names
    found = over_replicates({0: 1.0, 1: 2.0, 2: 4.0})
    assert list(found._asdict()) == [*names, "replicates"]
    assert found._asdict()["replicates"] == 3
    assert found._replace(n=7).replicates == found.replicates


@pytest.mark.parametrize("parts", [1, 2, 4, 8])
def test_intervals_over_items_are_widened_for_another_level_by_enough(parts: int) -> None:
    """At least as far as the interval that knows its distribution would be."""
    from scipy.stats import binomtest, t

    level = 1 - 0.05 / parts
    for k, n in ((0, 20), (1, 20), (10, 20), (433, 1000), (1000, 1000)):
        low, high = interval_at(proportion(k, n), level)
        expected = binomtest(k, n).proportion_ci(level, method="wilson")
        assert low <= expected.low + 1e-12
        assert high >= expected.high - 1e-12
    values = np.random.default_rng(0).normal(size=12)
    found = bootstrap_mean(values, 0)
    exact = t.ppf(1 - 0.025 / parts, 11) / t.ppf(0.975, 11) * (found.high - found.value)
    assert interval_at(found, level)[1] - found.value >= exact - 1e-12
    assert interval_at(found, 0.95) == (found.low, found.high)
    with pytest.raises(ValueError, match="must be from"):
        interval_at(found, 0.9)


def test_two_machines_agree_over_replicates_and_not_over_items() -> None:
    """Why verdicts rest on replicates. On each of two machines a warm start and problems are drawn, on which a method's
    gain depends. Intervals over the problems of runs that share one start often lie apart although the gain is the same
    on both machines; intervals over replicates, each with its own start, do not."""
    rng = np.random.default_rng(0)
    trials, runs, items = 150, 5, 60
    start, seed, item = 0.05, 0.02, 0.2  # standard deviations of the gain

    def apart(one: Estimate, other: Estimate) -> bool:
        return one.high < other.low or other.high < one.low

    def machine(starts: np.ndarray) -> np.ndarray:
        """Gains (runs, items) of runs with these starts (runs, 1)."""
        return 0.03 + starts + rng.normal(0, seed, (runs, 1)) + rng.normal(0, item, (runs, items))

    replicate = np.repeat(np.arange(runs), items).tolist()
    shared, own, covered = [], [], []
    for _ in range(trials):
        tables = [machine(np.full((runs, 1), rng.normal(0, start))) for _ in range(2)]
        shared.append(apart(*(bootstrap_mean(table.mean(axis=0), rng, 100) for table in tables)))
        tables = [machine(rng.normal(0, start, (runs, 1))) for _ in range(2)]
        found = [over_replicates(by_replicate(table.ravel(), replicate), items) for table in tables]
        own.append(apart(*found))
        covered += [one.low <= 0.03 <= one.high for one in found]
    assert np.mean(shared) > 0.2
    assert np.mean(own) < 0.05
    assert 0.9 <= np.mean(covered) <= 0.985

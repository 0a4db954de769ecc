"""Intervals: agreement with scipy, coverage, invariances, refusals."""

import numpy as np
import pytest

from raw2fig.errors import InputError
from raw2fig.stats import (
    auroc,
    auroc_gain,
    auroc_interval,
    bootstrap_mean,
    difference,
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
    assert (estimate.n, estimate.seeds) == (4000, 1)


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


def test_groups_that_repeat_an_item_widen_the_interval_to_that_of_the_groups() -> None:
    values = np.random.default_rng(1).normal(size=60)
    repeated, groups = np.repeat(values, 25), np.repeat(np.arange(60), 25)
    alone, clustered, naive = (
        bootstrap_mean(values, 2),
        bootstrap_mean(repeated, 2, groups=groups),
        bootstrap_mean(repeated, 2),
    )
    assert clustered[:3] == pytest.approx(alone[:3], rel=1e-9)
    assert clustered.n == 1500
    assert naive.high - naive.low < 0.4 * (alone.high - alone.low)


def test_groups_may_interleave_and_be_any_label() -> None:
    values = np.array([1.0, 10.0, 2.0, 11.0, 3.0, 15.0, 7.0])
    groups = ["a", "b", "a", "c", "c", "b", ("d",)]
    order = np.array([5, 2, 0, 1, 3, 4, 6])
    one = bootstrap_mean(values, 0, groups=groups)
    assert one.value == pytest.approx(7.0)
    other = bootstrap_mean(values[order], 0, groups=[groups[i] for i in order])
    assert other.value == pytest.approx(one.value)
    assert other.low == pytest.approx(one.low, abs=1)
    lone = bootstrap_mean([1.0, 2.0], 0, groups=["g", "g"])
    assert lone.value == 1.5
    assert np.isnan([lone.low, lone.high]).all()


def test_paired_difference_removes_what_pairs_share() -> None:
    rng = np.random.default_rng(0)
    base = rng.normal(scale=10, size=50)
    a, b = base, base + 1 + rng.normal(scale=0.1, size=50)
    paired, unpaired = difference(a, b, 0, paired=True), difference(a, b, 0)
    assert paired.value == pytest.approx(unpaired.value)
    assert 0.9 < paired.low < paired.high < 1.1
    assert unpaired.low < 0 < unpaired.high


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


@pytest.mark.parametrize(("positives", "negatives", "shift"), [(20, 40, 1.0), (4, 20, 2.0), (10, 10, 0.0)])
def test_auroc_interval_covers(positives: int, negatives: int, shift: float) -> None:
    from scipy.special import ndtr

    rng = np.random.default_rng(1)
    labels = np.arange(positives + negatives) < positives
    truth = ndtr(shift / np.sqrt(2))  # two unit normals, means `shift` apart
    inside = 0
    for _ in range(600):
        estimate = auroc_interval(labels, rng.normal(size=len(labels)) + shift * labels)
        inside += estimate.low <= truth <= estimate.high
    assert 0.92 <= inside / 600 <= 0.99


def test_auroc_interval_ends_at_z_standard_errors() -> None:
    from scipy.optimize import brentq

    labels = np.arange(24) < 4
    for shift in (0.0, 1.0, 2.0):
        found = auroc_interval(labels, np.random.default_rng(5).normal(size=24) + shift * labels)

        def errors(area: float, seen: float = found.value) -> float:
            share = 1 + 11 * ((1 - area) / (2 - area) + area / (1 + area))
            return (seen - area) ** 2 - 1.959963984540054**2 * area * (1 - area) * share / (4 * 20)

        assert 0 < found.value < 1
        ends = (brentq(errors, 0, found.value, xtol=1e-12), brentq(errors, found.value, 1, xtol=1e-12))
        assert (found.low, found.high) == pytest.approx(ends, abs=1e-9)


def test_auroc_interval_mirrors_and_keeps_its_width() -> None:
    rng = np.random.default_rng(2)
    labels, scores = np.arange(24) < 4, rng.normal(size=24)
    one, other = auroc_interval(labels, scores), auroc_interval(labels, -scores)
    assert other[:3] == pytest.approx((1 - one.value, 1 - one.high, 1 - one.low), abs=1e-9)
    apart = auroc_interval(labels, labels * 1.0)
    assert apart.value == apart.high == 1
    assert 0.6 < apart.low < 0.9  # 4 of 24 separated cannot tell 0.9 from 1
    many = auroc_interval(np.arange(400) < 200, (np.arange(400) < 200) * 1.0)
    assert many.low > 0.98


def test_auroc_gain_is_that_of_pairs() -> None:
    rng = np.random.default_rng(3)
    labels = np.arange(80) < 30
    a = rng.normal(size=80) + 0.5 * labels
    b = a + 1.5 * labels + rng.normal(scale=0.3, size=80)
    gain = auroc_gain(labels, a, b, 0)
    assert gain.value == pytest.approx(auroc(labels, b) - auroc(labels, a))
    assert 0 < gain.low < gain.value < gain.high
    assert auroc_gain(labels, a, 3 * a + 1, 0)[:3] == (0, 0, 0)


def test_seeds_are_crossed_with_items() -> None:
    rng = np.random.default_rng(0)
    items, shifts = rng.normal(size=40), np.array([-1.0, 0.0, 1.5])
    values = (items[None] + shifts[:, None]).ravel()
    seeds, groups = np.repeat([0, 1, 2], 40).tolist(), list(range(40)) * 3
    crossed = bootstrap_mean(values, 0, groups, seeds)
    clustered = bootstrap_mean(values, 0, groups)
    assert (crossed.n, crossed.seeds) == (40, 3)
    assert crossed.value == clustered.value
    # seeds that differ widen the interval, seeds that agree do not
    assert crossed.high - crossed.low > 2 * (clustered.high - clustered.low)
    same = bootstrap_mean(np.tile(items, 3), 0, groups, seeds)
    alone = bootstrap_mean(items, 0)
    assert same[:3] == pytest.approx(alone[:3], rel=0.2)
    # without groups, item i of each seed is one unit
    assert bootstrap_mean(values, 0, seeds=seeds) == crossed
    change = relative_change(np.tile(np.exp(items), 3), np.tile(0.5 * np.exp(items), 3), 0, groups, seeds)
    assert change[:3] == pytest.approx((-0.5, -0.5, -0.5))


def test_intervals_over_two_seeds_cover_when_items_dominate() -> None:
    rng = np.random.default_rng(5)
    inside = 0
    for _ in range(400):
        values = rng.normal(size=12)[None] + rng.normal(scale=0.15, size=(2, 1)) + rng.normal(scale=0.3, size=(2, 12))
        estimate = bootstrap_mean(values.ravel(), rng, list(range(12)) * 2, [0] * 12 + [1] * 12, resamples=300)
        inside += estimate.low <= 0 <= estimate.high
    assert 0.92 <= inside / 400 <= 0.995


@pytest.mark.parametrize("seeds", [2, 3, 5])
@pytest.mark.parametrize("between", [0.0, 0.3, 1.0])
def test_coverage_over_few_seeds(seeds: int, between: float) -> None:
    """Three seeds that differ much: 0.75 by percentiles alone."""
    rng = np.random.default_rng(seeds)
    inside = 0
    for _ in range(400):
        table = rng.normal(0, between, (seeds, 1)) + rng.normal(0, 0.3, (1, 20)) + rng.normal(0, 0.5, (seeds, 20))
        estimate = bootstrap_mean(
            table.ravel(), rng, list(range(20)) * seeds, np.repeat(range(seeds), 20).tolist(), 200
        )
        inside += estimate.low <= 0 <= estimate.high
    assert 0.9 <= inside / 400 <= 0.995


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
        lambda: bootstrap_mean([1.0, 2.0], 0, groups=["a"]),
        lambda: difference([1.0, 2.0], [1.0], 0, paired=True),
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

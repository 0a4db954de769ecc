"""Metrics against independent references: scipy's sqrtm and kendalltau, loops, and laws they must obey."""

import itertools

import numpy as np
import pytest

from raw2fig.errors import InputError
from raw2fig.papers.c2s import metrics


def cells(seed: int, n: int = 40, d: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + rng.normal(size=d)


def rotation(d: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(9).normal(size=(d, d)))[0]


# --- scFID -----------------------------------------------------------------------------------------------------------


def test_check_11_scfid_laws() -> None:
    x, y = cells(0), cells(1, n=55)
    delta = np.arange(6.0)
    turn = rotation(6)
    scale = np.trace(np.cov(x, rowvar=False))
    assert metrics.scfid(x, x) == pytest.approx(0, abs=1e-10 * scale)
    assert metrics.scfid(x, x[::-1]) == pytest.approx(0, abs=1e-10 * scale)
    assert metrics.scfid(x, x + delta) == pytest.approx(delta @ delta)
    doubled = x.mean(axis=0) + 2 * (x - x.mean(axis=0))
    assert metrics.scfid(x, doubled) == pytest.approx(scale)
    assert metrics.scfid(x, y) == pytest.approx(metrics.scfid(y, x))
    assert metrics.scfid(x @ turn + 3, y @ turn + 3) == pytest.approx(metrics.scfid(x, y))


@pytest.mark.parametrize("n", [8, 40, 300])
def test_check_11_scfid_agrees_with_sqrtm(n: int) -> None:
    from scipy.linalg import sqrtm

    x, y = cells(0, n), cells(1, n + 5)
    mean = x.mean(axis=0) - y.mean(axis=0)
    covariance_x, covariance_y = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    root = sqrtm(covariance_x @ covariance_y).real
    expected = mean @ mean + np.trace(covariance_x + covariance_y - 2 * root)
    assert metrics.scfid(x, y) == pytest.approx(expected, rel=1e-6)


def test_check_11_scfid_is_the_formula_of_the_sheet_for_fewer_cells_than_dimensions() -> None:
    x, y = cells(2, n=5, d=12), cells(3, n=7, d=12)
    value = metrics.scfid(x, y)

    def root(covariance: np.ndarray) -> np.ndarray:
        values, vectors = np.linalg.eigh(covariance)
        return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T

    half = root(np.cov(x, rowvar=False))
    other = np.cov(y, rowvar=False)
    eigenvalues = np.clip(np.linalg.eigvalsh(half @ other @ half), 0, None)
    mean = x.mean(axis=0) - y.mean(axis=0)
    expected = mean @ mean + np.trace(half @ half) + np.trace(other) - 2 * np.sqrt(eigenvalues).sum()
    assert np.isfinite(value)
    assert value == pytest.approx(expected, rel=1e-6)


def test_check_12_scfid_is_per_condition() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b", "c"], 50)
    centre = np.repeat([[0.0], [5.0], [10.0]], 50, axis=0)
    real, generated = (centre + rng.normal(size=(150, 4)) for _ in range(2))
    right = metrics.scfid_by_condition(real, labels, generated, labels)
    assert list(right) == ["a", "b", "c"]
    assert right["b"] == pytest.approx(metrics.scfid(real[50:100], generated[50:100]))
    swapped = np.repeat(["b", "a", "c"], 50)
    wrong = metrics.scfid_by_condition(real, labels, generated, swapped)
    assert np.mean(list(wrong.values())) > 10 * np.mean(list(right.values()))
    # the pooled scFID is blind to the swap
    assert metrics.scfid(real, generated) < 0.5


def test_conditions_may_be_tuples_in_any_order() -> None:
    real, generated = cells(0), cells(1)
    labels = [("B", "IFNB"), ("T", "IFNB")] * 20
    order = np.random.default_rng(0).permutation(40)
    one = metrics.scfid_by_condition(real, labels, generated, labels)
    other = metrics.scfid_by_condition(real, labels, generated[order], [labels[i] for i in order])
    assert other == pytest.approx(one)
    distances = metrics.by_condition(metrics.mmd, real, labels, generated, labels)
    assert distances[("T", "IFNB")] == pytest.approx(metrics.mmd(real[1::2], generated[1::2]))


def test_a_condition_needs_two_cells_on_either_side() -> None:
    x = cells(0, 4)
    with pytest.raises(InputError, match="condition b has 1 real"):
        metrics.scfid_by_condition(x, list("aaab"), x, list("aabb"))
    with pytest.raises(InputError, match="condition b has 0 generated"):
        metrics.scfid_by_condition(x, list("aabb"), x, list("aaaa"))
    with pytest.raises(InputError, match="condition c has 0 real"):
        metrics.scfid_by_condition(x, list("aaaa"), x, list("aacc"))
    with pytest.raises(InputError, match="3 for 4 cells"):
        metrics.scfid_by_condition(x, list("aaa"), x, list("aaaa"))


# --- MMD and W2 ------------------------------------------------------------------------------------------------------


def test_check_13_mmd_is_zero_on_identical_sets_and_agrees_with_loops() -> None:
    x, y = cells(0, 9, 3) / 3, cells(1, 7, 3) / 3

    def mean_kernel(a: np.ndarray, b: np.ndarray, gamma: float) -> float:
        return float(np.mean([np.exp(-gamma * sum((p - q) ** 2)) for p, q in itertools.product(a, b)]))

    expected = np.mean(
        [
            mean_kernel(x, x, gamma) + mean_kernel(y, y, gamma) - 2 * mean_kernel(x, y, gamma)
            for gamma in (2, 1, 0.5, 0.1, 0.01, 0.005)
        ]
    )
    assert metrics.mmd(x, y) == pytest.approx(expected, rel=1e-12)
    assert metrics.mmd(x, x[::-1]) == pytest.approx(0, abs=1e-14)
    assert metrics.mmd(x, y) == pytest.approx(metrics.mmd(y, x))
    assert metrics.mmd(x, x + 5) > metrics.mmd(x, x + 1) > 0


def test_check_13_w2_of_a_translation_and_of_permutations() -> None:
    x = cells(0, 30, 3)
    delta = np.array([0.3, -2.0, 1.0])
    shuffled = np.random.default_rng(0).permutation(x + delta)
    assert np.sqrt(metrics.wasserstein2(x, shuffled)) == pytest.approx(np.linalg.norm(delta))
    assert metrics.wasserstein2(x, x[::-1]) == pytest.approx(0, abs=1e-12)
    y = cells(1, 6, 3)
    best = min(np.mean(((x[:6] - y[list(order)]) ** 2).sum(axis=1)) for order in itertools.permutations(range(6)))
    assert metrics.wasserstein2(x[:6], y) == pytest.approx(best)


def test_check_13_w2_of_unequal_numbers_is_that_of_repeated_cells() -> None:
    x, y = cells(0, 4, 2), cells(1, 6, 2)
    repeated = metrics.wasserstein2(np.repeat(x, 3, axis=0), np.repeat(y, 2, axis=0))
    assert metrics.wasserstein2(x, y) == pytest.approx(repeated)


def test_w2_by_simplex_equals_w2_by_assignment(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = cells(0, 20, 3), cells(1, 20, 3)
    by_assignment = metrics.wasserstein2(x, y)
    monkeypatch.setattr(metrics, "ASSIGNMENT_LIMIT", 10)
    assert metrics.wasserstein2(x, y) == pytest.approx(by_assignment)


def test_w2_of_large_gaussians_is_near_scfid() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(500, 2)), rng.normal(size=(500, 2)) * [1, 3] + [4, 0]
    assert metrics.wasserstein2(x, y) == pytest.approx(metrics.scfid(x, y), rel=0.05)


# --- agreement of vectors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("levels", [3, 10, 10_000])
def test_check_14_kendall_is_tau_b(levels: int) -> None:
    from scipy.stats import kendalltau

    rng = np.random.default_rng(levels)
    x, y = rng.integers(0, levels, (2, 15, 18)) / 7
    expected = [kendalltau(a, b, variant="b").statistic for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(metrics.kendall(x, y), expected, atol=1e-12)
    # one reference for all rows, and plain vectors
    against_first = [kendalltau(a, y[0]).statistic for a in x]
    np.testing.assert_allclose(metrics.kendall(x, y[0]), against_first, atol=1e-12)
    assert metrics.kendall(x[0], y[0]).shape == ()
    assert float(metrics.kendall(x[0], y[0])) == pytest.approx(expected[0])


def test_check_14_constant_prediction_is_zero() -> None:
    y = np.arange(3.0)
    for measure in (metrics.kendall, metrics.pearson):
        # the mean of three times 0.1 is not exactly 0.1
        for constant in (np.zeros(3), np.full(3, 0.1)):
            assert float(measure(constant, y)) == 0.0
            assert float(measure(y, constant)) == 0.0
            assert float(measure(constant, constant)) == 0.0
        assert float(measure(y, y)) == pytest.approx(1)
        np.testing.assert_array_equal(measure(np.stack([np.full(3, 0.1), y]), y)[0], 0.0)


def test_kendall_does_not_overflow_for_many_genes() -> None:
    x = np.arange(200.0)
    assert float(metrics.kendall(x, x)) == pytest.approx(1)
    assert float(metrics.kendall(x, -x)) == pytest.approx(-1)


def test_pearson_agrees_with_numpy() -> None:
    x, y = cells(0, 10, 12), cells(1, 10, 12)
    expected = [np.corrcoef(a, b)[0, 1] for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(metrics.pearson(x, y), expected, atol=1e-12)


def test_gene_overlap_counts_the_first_k_without_repeats() -> None:
    assert metrics.gene_overlap(["A", "B", "C", "D"], ["D", "B", "X", "A"], 2) == 0.5
    assert metrics.gene_overlap(["A", "B", "C", "D"], ["D", "B", "X", "A"], 4) == 0.75
    assert metrics.gene_overlap(["A", "A", "B"], ["A", "B", "C"], 3) == pytest.approx(2 / 3)
    assert metrics.gene_overlap([1, 2], [2, 1], 4) == 0.5
    assert metrics.gene_overlap([], [1], 4) == 0
    with pytest.raises(InputError):
        metrics.gene_overlap([1], [1], 0)


# --- sets of embeddings ----------------------------------------------------------------------------------------------


def test_foscttm_is_perfect_random_and_agrees_with_loops() -> None:
    a, b = cells(0, 30), cells(1, 30)
    assert metrics.foscttm(a, 3 * a) == 0
    assert metrics.foscttm(np.ones((30, 4)), np.ones((30, 4))) == 0.5
    noise = np.random.default_rng(0).normal(size=(2, 400, 8))
    assert metrics.foscttm(*noise) == pytest.approx(0.5, abs=0.05)

    def distance(x: np.ndarray, y: np.ndarray) -> float:
        return 1 - float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))

    n = len(a)
    forth = [np.mean([distance(a[i], b[j]) < distance(a[i], b[i]) for j in range(n) if j != i]) for i in range(n)]
    back = [np.mean([distance(a[j], b[i]) < distance(a[i], b[i]) for j in range(n) if j != i]) for i in range(n)]
    assert metrics.foscttm(a, b) == pytest.approx((np.mean(forth) + np.mean(back)) / 2)
    with pytest.raises(InputError, match="one match for each"):
        metrics.foscttm(a, b[:5])
    with pytest.raises(InputError, match="zero vector"):
        metrics.foscttm(a, b * (np.arange(30) > 0)[:, None])


def test_foscttm_of_the_reversed_match_is_not_perfect() -> None:
    angles = np.linspace(0, np.pi / 2, 10)
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert metrics.foscttm(circle, circle[::-1]) > 0.5


def test_spread_ratio_sees_collapse() -> None:
    x = cells(0)
    assert metrics.spread_ratio(x, x + 7) == pytest.approx(1)
    assert metrics.spread_ratio(x, 0.5 * x) == pytest.approx(0.25)
    assert metrics.spread_ratio(x, np.tile(x[0], (10, 1))) == pytest.approx(0, abs=1e-12)
    with pytest.raises(InputError):
        metrics.spread_ratio(np.full((3, 2), 0.1), x[:, :2])


@pytest.mark.parametrize("metric", [metrics.scfid, metrics.mmd, metrics.wasserstein2, metrics.spread_ratio])
def test_bad_sets_are_refused(metric) -> None:  # type: ignore[no-untyped-def]
    x = cells(0)
    for real, generated in ((x, x[:1]), (x, x[:, :3]), (x, x * np.nan), (x[0], x)):
        with pytest.raises(InputError):
            metric(real, generated)


def test_bad_vectors_are_refused() -> None:
    for x, y in (
        ([1.0], [2.0]),
        ([1.0, 2], [1.0, 2, 3]),
        ([1.0, np.nan], [1.0, 2]),
        (np.ones((2, 3)), np.ones((4, 3))),
    ):
        for measure in (metrics.kendall, metrics.pearson):
            with pytest.raises(InputError):
                measure(x, y)

"""Mixed models in closed form: statsmodels as oracle, invariances, and what cannot be told apart."""

import warnings

import numpy as np
import pytest
from scipy.stats import chi2, kstest

from raw2fig.papers.coordination.differentiation import (
    NOTHING,
    either,
    ends_test,
    likelihood_ratios,
    prewhiten,
)

MATRICES = ((1, 0.8, 0.6), (2, 1.0, 1.0), (5, 0.6, 1.2))
"""Seed, standard deviations of intercepts and of slopes: the optimum of all three is inside its bounds."""


def values(rounds: int, agents: int, seed: int, intercept: float = 0, slope: float = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    time = np.linspace(-1, 1, rounds)[:, None]
    own = intercept * rng.standard_normal(agents) + slope * rng.standard_normal(agents) * time
    return rng.standard_normal((rounds, agents)) + own + 3 * rng.standard_normal((rounds, 1))


def by_statsmodels(y: np.ndarray) -> tuple[float, float]:
    """LR of m1 against m0 and of m2 against m1, restricted likelihood, the best of three optimisers."""
    import statsmodels.api as sm

    rounds, agents = y.shape
    X = np.kron(np.eye(rounds), np.ones((agents, 1)))
    groups, time = np.tile(np.arange(agents), rounds), np.repeat(np.linspace(-1, 1, rounds), agents)

    def fitted(random: np.ndarray) -> float:
        found = []
        for method in ("lbfgs", "powell", "nm"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.append(sm.MixedLM(y.ravel(), X, groups, exog_re=random).fit(reml=True, method=method).llf)
        return max(value for value in found if np.isfinite(value))

    residuals = (y - y.mean(axis=1, keepdims=True)).ravel()
    n = rounds * (agents - 1)
    _, determinant = np.linalg.slogdet(X.T @ X)
    l0 = -0.5 * (n * np.log(2 * np.pi * (residuals**2).sum() / n) + n + determinant)
    l1 = fitted(np.ones((rounds * agents, 1)))
    l2 = fitted(np.column_stack([np.ones(rounds * agents), time]))
    return 2 * (l1 - l0), 2 * (l2 - l1)


@pytest.mark.parametrize(("seed", "intercept", "slope"), MATRICES)
def test_check_12_likelihood_ratios_equal_those_of_statsmodels(seed: int, intercept: float, slope: float) -> None:
    y = values(20, 10, seed, intercept, slope)
    found = likelihood_ratios(y)
    assert [found.lr_intercept, found.lr_slope] == pytest.approx(by_statsmodels(y), abs=1e-3)
    assert min(found.lr_intercept, found.lr_slope) > 0


def test_check_12_the_f_test_is_exact() -> None:
    p = [likelihood_ratios(values(20, 10, seed)).p_f for seed in range(600)]
    assert kstest(p, "uniform").pvalue > 0.01


def test_check_13_power_for_intercepts_half_as_large_as_the_noise() -> None:
    assert np.mean([either(likelihood_ratios(values(20, 10, seed, 0.5))) for seed in range(200)]) > 0.9


def test_naive_and_mixture_references() -> None:
    found = likelihood_ratios(values(20, 10, 0, 0.3, 0.3))
    assert found.p_intercept == pytest.approx(chi2.sf(found.lr_intercept, 1) / 2)
    assert found.p_intercept_naive == pytest.approx(2 * found.p_intercept)
    assert found.p_slope == pytest.approx((chi2.sf(found.lr_slope, 1) + chi2.sf(found.lr_slope, 2)) / 2)
    assert found.p_slope_naive > found.p_slope


def test_levels_of_rounds_scale_and_order_of_agents_do_not_matter() -> None:
    y = values(15, 6, 3, 0.5, 0.5)
    changed = 7 * (y + np.random.default_rng(0).normal(size=(15, 1)))[:, ::-1]
    np.testing.assert_allclose(likelihood_ratios(changed), likelihood_ratios(y), atol=1e-8)


def test_slopes_are_found_by_the_slope_test_only() -> None:
    found = [likelihood_ratios(values(20, 10, seed, slope=1.5)) for seed in range(50)]
    assert np.mean([one.p_slope < 0.05 for one in found]) > 0.95
    assert np.mean([one.p_intercept < 0.05 for one in found]) < 0.1


@pytest.mark.parametrize("shape", [(20, 1), (4, 5)])
def test_too_little_to_compare(shape: tuple[int, int]) -> None:
    assert likelihood_ratios(values(*shape, 0)) == NOTHING


def test_agents_that_always_do_alike_have_p_of_one() -> None:
    assert likelihood_ratios(np.repeat(np.arange(20.0)[:, None] ** 2 / 7, 5, axis=1)) == NOTHING
    assert ends_test(np.ones((20, 5)), np.random.default_rng(0)) == 1
    assert prewhiten(np.ones((20, 5)))[1] == 0


def test_agents_that_differ_without_any_noise_differ() -> None:
    assert either(likelihood_ratios(np.tile(np.arange(6.0), (20, 1))))


@pytest.mark.parametrize("phi", [0.0, 0.3, 0.7])
def test_prewhitening_finds_the_autocorrelation_and_rather_too_much(phi: float) -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(100):
        noise = rng.standard_normal((70, 10))
        for t in range(1, 70):
            noise[t] += phi * noise[t - 1]
        white, estimate = prewhiten(noise[50:])
        np.testing.assert_array_equal(white, noise[51:] - estimate * noise[50:-1])
        found.append(estimate)
    assert -0.02 <= np.mean(found) - phi <= 0.08


def test_the_permutation_test_has_its_size_and_its_power() -> None:
    rng = np.random.default_rng(0)
    null = [ends_test(values(20, 10, seed), rng, 99) for seed in range(300)]
    assert np.mean(np.array(null) <= 0.05) == pytest.approx(0.05, abs=0.035)
    power = [ends_test(values(20, 10, seed, 1.0), rng, 99) for seed in range(100)]
    assert np.mean(np.array(power) <= 0.05) > 0.8

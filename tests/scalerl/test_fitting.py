"""Fits of the law: checks 2, 3 and 4 of the ScaleRL sheet, an independent solver, and intervals."""

import warnings

import numpy as np
import pytest
from scipy.optimize import curve_fit, least_squares

from raw2fig.errors import InputError
from raw2fig.papers.scalerl.fitting import (
    PAPER_A,
    PAPER_C_PRINTED,
    PAPER_C_USED,
    Curve,
    bootstrap_fits,
    fit_free,
    fit_grid,
    fit_power,
    learns,
    noise,
    scaled_grid,
)
from raw2fig.papers.scalerl.law import power_law, sigmoid

R0 = 0.25


def curve(
    compute: np.ndarray, sd: float = 0.0, seed: int = 0, law: tuple[float, float, float] = (0.61, 1.92, 2542)
) -> Curve:
    score = sigmoid(compute, R0, *law)
    return Curve(compute, score + np.random.default_rng(seed).normal(0, sd, len(compute)) if sd else score, R0)


@pytest.mark.parametrize("law", [(0.61, 1.92, 2542), (0.645, 1.7, 10909), (0.95, 0.6, 4000), (0.3, 5, 2000)])
def test_check_2_without_noise_the_law_is_found_again(law: tuple[float, float, float]) -> None:
    found = fit_free(curve(np.linspace(1500, 8000, 20), law=law))
    assert found[:3] == pytest.approx(law, rel=1e-4)
    assert found.ssr < 1e-12


@pytest.mark.parametrize("seed", range(5))
def test_the_free_fit_is_that_of_an_independent_solver(seed: int) -> None:
    data = curve(np.linspace(500, 20_000, 40), 0.01, seed)

    def residuals(p: np.ndarray) -> np.ndarray:
        return sigmoid(data.compute, R0, p[0], p[1], 1000 * p[2]) - data.score

    found, oracle = fit_free(data), least_squares(residuals, (0.6, 1, 3), xtol=1e-12, ftol=1e-12)
    assert found.ssr == pytest.approx(2 * oracle.cost, rel=1e-6)
    assert found[:3] == pytest.approx((oracle.x[0], oracle.x[1], 1000 * oracle.x[2]), rel=1e-3)
    fixed = fit_free(data, a=0.65)
    oracle = least_squares(lambda p: residuals(np.array([0.65, *p])), (1, 3), xtol=1e-12, ftol=1e-12)
    assert fixed[:3] == pytest.approx((0.65, oracle.x[0], 1000 * oracle.x[1]), rel=1e-3)
    assert fixed.ssr >= found.ssr


def test_check_3_the_grid_fit_is_the_double_loop() -> None:
    data = curve(np.linspace(1500, 8000, 25), 0.004)
    a_values, c_values = PAPER_A[20:50:2], PAPER_C_USED[40:80:4]
    least = None
    for a in a_values:
        for c_mid in c_values:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                (b,), _ = curve_fit(
                    lambda c, b, a=a, m=c_mid: sigmoid(c, R0, a, b, m), data.compute, data.score, p0=[1.0]
                )
            ssr = ((sigmoid(data.compute, R0, a, b, c_mid) - data.score) ** 2).sum()
            if least is None or ssr < least[3]:
                least = (a, b, c_mid, ssr)
    found = fit_grid(data, a_values, c_values)
    assert len(a_values) * len(c_values) == 150
    assert (found.a, found.c_mid) == pytest.approx((least[0], least[2]), rel=1e-12)
    assert found.b == pytest.approx(least[1], rel=1e-4)
    assert found.ssr == pytest.approx(least[3], rel=1e-9)


def test_check_4_published_midpoints_lie_on_the_grid_as_used() -> None:
    published = (1675, 2542, 2818, 2857, 2896, 2936, 3054, 10909, 11272)
    for value in published:
        assert value in np.floor(PAPER_C_USED + 1e-9).astype(int), value
    assert 4242 not in np.floor(PAPER_C_USED).astype(int)  # the Scout model's, on neither grid
    assert not {*published, 4242} & set(np.floor(PAPER_C_PRINTED).astype(int).tolist())
    for exact in (2542.42, 2857.58, 11272.7):
        assert np.abs(PAPER_C_USED - exact).min() < 0.05
        assert np.abs(PAPER_C_PRINTED - exact).min() > 1
    assert (len(PAPER_A), len(PAPER_C_PRINTED)) == (71, 100)


def test_the_grid_of_another_unit_gives_the_same_fit() -> None:
    data = curve(np.linspace(1500, 12_000, 30), 0.003)
    unit = 3.6e18
    there = fit_grid(
        data._replace(compute=data.compute * unit), *scaled_grid(data._replace(compute=data.compute * unit))
    )
    here = fit_grid(data, *scaled_grid(data))
    assert there[:3] == pytest.approx((here.a, here.b, here.c_mid * unit), rel=1e-6)
    free = fit_free(data._replace(compute=data.compute * unit))
    assert free[:3] == pytest.approx((here.a, here.b, here.c_mid * unit), rel=0.05)


def test_early_points_mislead_the_power_law_and_not_the_sigmoid() -> None:
    data = curve(np.linspace(500, 4000, 30), 0.002)
    power = fit_power(data)
    assert power.a > 0.8
    assert abs(fit_free(data).a - 0.61) < 0.05
    late = Curve(np.linspace(500, 5000, 20), power_law(np.linspace(500, 5000, 20), 0.7, 40.0, 0.8), 0.1)
    assert fit_power(late)[:3] == pytest.approx((0.7, 40, 0.8), rel=1e-3)


def test_intervals_cover_the_truth() -> None:
    inside = np.zeros(3)
    for seed in range(80):
        data = curve(np.linspace(200, 12_000, 40), 0.006, seed)
        samples = bootstrap_fits(data, fit_free(data), 300, np.random.default_rng(seed))
        low, high = np.percentile(samples, [2.5, 97.5], axis=1)
        inside += (low <= (0.61, 1.92, 2542)) & (high >= (0.61, 1.92, 2542))
    assert (inside / 80 >= 0.85).all()
    assert (inside / 80 < 1).any()


def test_resampled_fits_with_a_fixed_asymptote_keep_it() -> None:
    data = curve(np.linspace(500, 8000, 20), 0.005)
    samples = bootstrap_fits(data, fit_free(data, 0.6), 50, np.random.default_rng(0), fixed_a=True)
    assert samples.shape == (3, 50)
    np.testing.assert_allclose(samples[0], 0.6, rtol=1e-6)
    assert np.ptp(samples[1]) > 0


def test_five_points_are_resampled_as_often_as_asked() -> None:
    data = curve(np.linspace(1000, 9000, 5), 0.003)
    assert bootstrap_fits(data, fit_free(data), 500, np.random.default_rng(0)).shape == (3, 500)


def test_a_flat_curve_does_not_learn() -> None:
    compute = np.linspace(100, 5000, 30)
    learnt = [learns(Curve(compute, R0 + np.random.default_rng(seed).normal(0, 0.01, 30), R0)) for seed in range(40)]
    assert sum(learnt) <= 8
    assert learns(curve(compute, 0.01))
    assert not learns(Curve(compute, np.full(30, R0), R0))


def test_noise_is_that_of_points_not_the_rise_of_the_curve() -> None:
    found = [noise(curve(np.linspace(500, 20_000, 60), 0.01, seed)) for seed in range(30)]
    assert np.mean(found) == pytest.approx(0.01, rel=0.1)


def test_four_points_are_too_few() -> None:
    with pytest.raises(InputError, match="at least 5"):
        fit_free(curve(np.linspace(500, 8000, 4)))

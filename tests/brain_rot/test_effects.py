"""Effect sizes: Fig. 3's values from the published tables, the usual Hedges' g, and their intervals."""

from itertools import product
from math import gamma, sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import nct
from statsmodels.stats.meta_analysis import effectsize_smd

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.effects import (
    correction,
    correction_of_figure,
    d_paired,
    d_usual,
    g_paired,
    g_usual,
    paired_effect,
    resampled,
    usual_effect,
)
from raw2fig.papers.brain_rot.published import COMPARED, CORE, DEFINITIONS, arms, read_effects, read_scores
from raw2fig.published import number_in

TABLES = Path(__file__).parents[2] / "config/brain_rot"
PUBLISHED = read_scores(TABLES / "scores.csv")
JUNK, CONTROL = [3.0, 5.5, 4.0, 9.0], [4.0, 7.0, 4.5, 9.5]


@pytest.mark.parametrize("definition", DEFINITIONS)
@pytest.mark.parametrize("metric", COMPARED)
def test_check_9_the_paired_effect_gives_the_28_values_of_fig_3(metric: str, definition: str) -> None:
    """To 0.02, the error of digitising, with both numbers of two digits."""
    printed = number_in(read_effects(TABLES / "effects.csv"), metric=metric, definition=definition)
    assert round(abs(round(g_paired(*arms(PUBLISHED, metric, definition)), 2) - printed), 6) <= 0.02


USUAL = {  # recomputed for the reference sheet by another program
    "arc_easy": (-0.78, -0.14),
    "arc_challenge": (-0.48, -0.22),
    "arc_cot": (-0.26, -0.12),
    "ruler": (-0.56, -0.25),
    "advbench": (0.48, 0.03),
    "hh_rlhf": (0.69, 0.28),
    "narcissism": (0.84, -0.07),
    "agreeableness": (-0.62, 1.06),
    "psychopathy": (0.35, 0.26),
    "machiavellianism": (0.64, -0.11),
    "neuroticism": (-0.26, -0.32),
    "conscientiousness": (-0.80, 0.07),
    "openness": (-0.09, 1.04),
    "extraversion": (0.54, 0.60),
}


def test_check_9_the_usual_effects_of_the_same_tables() -> None:
    assert set(USUAL) == set(COMPARED)
    for metric, values in USUAL.items():
        for definition, value in zip(DEFINITIONS, values, strict=True):
            assert g_usual(*arms(PUBLISHED, metric, definition)) == pytest.approx(value, abs=0.0055), metric


def test_the_paired_effects_are_beyond_03_and_the_usual_ones_are_not() -> None:
    paired, usual = (
        {(metric, one): abs(measure(*arms(PUBLISHED, metric, one))) > 0.3 for metric, one in product(CORE, DEFINITIONS)}
        for measure in (g_paired, g_usual)
    )
    assert all(paired.values())
    assert [pair for pair, beyond in usual.items() if beyond] == [
        ("arc_easy", "M1"),
        ("arc_challenge", "M1"),
        ("ruler", "M1"),
    ]


@pytest.mark.parametrize("sizes", [(4, 4), (3, 9), (12, 5)])
def test_check_9_the_usual_g_is_that_of_statsmodels(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(sizes))
    a, b = rng.normal(0.4, 1, sizes[0]), rng.normal(0, 2, sizes[1])
    expected, _ = effectsize_smd(a.mean(), a.std(ddof=1), len(a), b.mean(), b.std(ddof=1), len(b))
    assert g_usual(a, b) == pytest.approx(expected, abs=1e-9)


def test_the_factors() -> None:
    assert correction(6) == pytest.approx(0.8696, abs=5e-5)
    assert correction(6, exact=True) == pytest.approx(0.8686, abs=5e-5)
    assert correction(6, exact=True) == pytest.approx(gamma(3) / (sqrt(3) * gamma(2.5)), abs=1e-12)
    assert correction_of_figure(4) == pytest.approx(4 / 7)
    # the figure's is the usual formula with four values in place of eight
    assert correction_of_figure(4 + 4) == pytest.approx(correction(4 + 4 - 2))
    assert correction(400, exact=True) == pytest.approx(correction(400), abs=1e-6)


@pytest.mark.parametrize("measure", [g_paired, g_usual])
def test_check_9_effects_turn_with_the_arms_and_not_with_the_scale(measure) -> None:  # type: ignore[no-untyped-def]
    a, b = np.array(JUNK), np.array(CONTROL)
    found = measure(a, b)
    assert found < 0
    assert measure(b, a) == pytest.approx(-found)
    assert measure(2.5 * a - 7, 2.5 * b - 7) == pytest.approx(found)
    assert measure(-a, -b) == pytest.approx(-found)
    assert measure(a[::-1], b[::-1]) == pytest.approx(found)


def test_check_9_the_factor_makes_effects_smaller() -> None:
    assert 0 < abs(g_paired(JUNK, CONTROL)) < abs(d_paired(JUNK, CONTROL))
    for exact in (False, True):
        assert 0 < abs(g_usual(JUNK, CONTROL, exact)) < abs(d_usual(JUNK, CONTROL))


def test_only_the_paired_effect_sees_the_pairs() -> None:
    turned = CONTROL[1:] + CONTROL[:1]
    assert g_usual(JUNK, turned) == pytest.approx(g_usual(JUNK, CONTROL))
    assert abs(g_paired(JUNK, turned)) < 0.5 * abs(g_paired(JUNK, CONTROL))


def test_the_paired_d_is_t_over_the_root_of_n() -> None:
    from scipy.stats import ttest_ind, ttest_rel

    assert d_paired(JUNK, CONTROL) == pytest.approx(ttest_rel(JUNK, CONTROL).statistic / 2)
    assert d_usual(JUNK, CONTROL) == pytest.approx(ttest_ind(JUNK, CONTROL).statistic * sqrt(1 / 4 + 1 / 4))


def test_our_intervals_are_those_of_the_noncentral_t_distribution() -> None:
    paired, usual = paired_effect(JUNK, CONTROL), usual_effect(JUNK, CONTROL)
    for found, factor, root, freedom in ((paired, 4 / 7, 2, 3), (usual, correction(6), sqrt(2), 6)):
        t, low, high = (root * end / factor for end in found)
        assert nct.cdf(t, freedom, low) == pytest.approx(0.975, abs=1e-6)
        assert nct.cdf(t, freedom, high) == pytest.approx(0.025, abs=1e-6)
    assert paired.value == pytest.approx(g_paired(JUNK, CONTROL))
    assert usual.value == pytest.approx(g_usual(JUNK, CONTROL))


def test_the_papers_interval_is_near_that_of_all_resamples() -> None:
    a, b = np.array(JUNK), np.array(CONTROL)
    every = np.sort([g_paired(a[list(rows)], b[list(rows)]) for rows in product(range(4), repeat=4)])
    found = resampled(a, b, 0)
    assert found == resampled(a, b, 0)
    assert found.value == pytest.approx(g_paired(a, b))
    for end, share in ((found.low, 0.05), (found.high, 0.95)):
        near = np.quantile(every, [share - 0.025, share + 0.025], method="inverted_cdf")
        assert near[0] <= end <= near[1]


def test_a_model_alone_is_an_infinite_effect() -> None:
    assert g_paired([1.1, 2.2, 3.3, 7.1], [1.0, 2.1, 3.2, 7.0]) == np.inf  # which differ by rounding alone
    assert g_paired([1.0, 2.1, 3.2, 7.0], [1.1, 2.2, 3.3, 7.1]) == -np.inf
    assert g_paired(JUNK, JUNK) == 0
    assert resampled([0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0], 0).low == 0


def test_too_few_values_and_odd_pairs_are_refused() -> None:
    with pytest.raises(InputError, match=r"4 and 3 values; expected both arms of each model"):
        g_paired(JUNK, CONTROL[:3])
    with pytest.raises(InputError, match=r"expected at least 4: for three the paper's factor is 0"):
        g_paired(JUNK[:3], CONTROL[:3])
    with pytest.raises(InputError, match=r"junk: 1 values; expected at least two"):
        g_usual(JUNK[:1], CONTROL)

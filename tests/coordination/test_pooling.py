"""Pooling: Fisher, Wilcoxon, shares with exact intervals, and Holm's adjustment."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from raw2fig.papers.coordination.pooling import (
    ALL,
    fisher,
    holm,
    pool_tests,
    share_of,
    share_p,
    wilcoxon_above,
)


@pytest.mark.parametrize("p", [[1 / 201] * 10, [0.2] * 60])
def test_check_19_fisher_equals_scipy(p: list[float]) -> None:
    assert fisher(p) == pytest.approx(stats.combine_pvalues(p).pvalue, rel=1e-12)


def table_of(p: np.ndarray, condition: str = "plain", model: str = "m") -> pd.DataFrame:
    labels = {"condition": condition, "model": model, "rounds": 20, "agents": 10, "null": "column"}
    labels |= {"variant": "main", "criterion": "i3", "observed": 1.0, "null_median": 0.5, "share": 0.0}
    frame = pd.DataFrame({"game": [f"{condition}{i}" for i in range(len(p))], "p": p, "bias_corrected": 0.5 - p})
    return frame.assign(**labels, surrogates=200)


def test_check_19_the_share_of_significant_groups_stands_beside_fisher() -> None:
    p = np.concatenate([np.full(5, 0.01), np.linspace(0.1, 0.9, 45)])
    row = pool_tests(table_of(p)).iloc[0]
    assert row["fisher_p"] == pytest.approx(stats.combine_pvalues(p).pvalue)
    exact = stats.binomtest(5, 50).proportion_ci(0.95, "exact")
    assert row[["share", "share_low", "share_high"]].tolist() == pytest.approx([0.1, exact.low, exact.high])
    assert row["wilcoxon_p"] == pytest.approx(stats.wilcoxon(np.round(0.5 - p, 9), alternative="greater").pvalue)
    assert row["mean_low"] < row["mean"] < row["mean_high"]
    assert row["groups"] == 50


def test_conditions_are_pooled_by_themselves_and_together_within_a_model() -> None:
    half = np.linspace(0.05, 1, 20)
    tests = pd.concat([table_of(half), table_of(half, "tom"), table_of(half, "plain", "other")])
    pooled = pool_tests(tests)
    found = list(zip(pooled["model"], pooled["condition"], pooled["groups"], strict=True))
    assert found == [("m", ALL, 40), ("m", "plain", 20), ("m", "tom", 20), ("other", "plain", 20)]


def test_groups_without_a_test_are_left_out() -> None:
    pooled = pool_tests(table_of(np.array([0.5, np.nan, 0.2])))
    assert pooled["groups"].tolist() == [2]
    assert pool_tests(table_of(np.array([np.nan]))).empty


def test_wilcoxon_of_nothing_but_zeros_is_one() -> None:
    assert wilcoxon_above(np.zeros(9)) == 1
    assert wilcoxon_above(np.full(9, 1e-14)) == 1
    assert wilcoxon_above(np.arange(1.0, 6)) == 1 / 32  # exact: all five signs alike
    assert wilcoxon_above(np.array([0.0, 1, 1, 2, 3, 3, 4])) == pytest.approx(0.0134, abs=2e-3)  # ties and a zero
    assert wilcoxon_above(np.arange(1.0, 20)) < 0.001
    assert wilcoxon_above(-np.arange(1.0, 20)) > 0.999


def test_exact_intervals_and_the_test_against_the_worst_size() -> None:
    assert share_of(0, 20)[:3] == pytest.approx((0, 0, 1 - 0.025 ** (1 / 20)))
    for k, n in ((0, 7), (1, 7), (5, 50), (49, 50), (7, 7)):
        exact = stats.binomtest(k, n).proportion_ci(0.95, "exact")
        assert share_of(k, n)[:4] == pytest.approx((k / n, exact.low, exact.high, n))
    p = [0.01] * 6 + [0.5] * 19
    assert share_p(p) == pytest.approx(sum(stats.binom.pmf(k, 25, 0.1) for k in range(6, 26)))
    assert share_p([0.5] * 10) == 1


def test_holm_is_that_of_statsmodels_and_skips_what_does_not_exist() -> None:
    from statsmodels.stats.multitest import multipletests

    p = [0.01, 0.04, 0.03, 0.005]
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])
    np.testing.assert_allclose(holm([0.02, np.nan, 0.03]), [0.04, np.nan, 0.04])
    assert np.isnan(holm([np.nan])).all()

"""Reliability over repeats, by values worked out by hand and by libraries."""

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from sklearn.metrics import brier_score_loss

from raw2fig.papers.hal.reliability import (
    brier,
    calibration,
    distribution_consistency,
    divergence,
    edit_distance,
    of_task,
    outcome_consistency,
    resource_consistency,
    risk_coverage,
    robustness,
    safety,
    sequence_consistency,
)


def test_check_15_outcome_consistency() -> None:
    assert outcome_consistency([True, True, True]) == 1
    assert outcome_consistency([True, False]) == 0
    assert outcome_consistency([True, True, False]) == pytest.approx(1 / 9)
    assert np.isnan(outcome_consistency([True]))


def test_the_divergence_is_in_bits_and_is_that_of_scipy() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        p, q = rng.dirichlet(np.ones(5)), rng.dirichlet(np.ones(5))
        assert divergence(p, q) == pytest.approx(jensenshannon(p, q, base=2) ** 2)
    assert divergence(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == pytest.approx(1)
    assert distribution_consistency([["a", "b"], ["b", "a"]]) == pytest.approx(1)
    assert distribution_consistency([["a"], ["b"]]) == pytest.approx(0)
    assert np.isnan(distribution_consistency([["a"]]))


@pytest.mark.parametrize(
    ("a", "b", "distance"), [("kitten", "sitting", 3), ("flaw", "lawn", 2), ("", "abc", 3), ("same", "same", 0)]
)
def test_edit_distance(a: str, b: str, distance: int) -> None:
    assert edit_distance(a, b) == edit_distance(b, a) == distance
    assert sequence_consistency([list(a), list(b)]) == pytest.approx(1 - distance / max(len(a), len(b), 1))


def test_resources_are_compared_by_their_variation() -> None:
    assert resource_consistency({"cost": [2.0, 2.0], "calls": [5.0, 5.0]}) == 1
    spread = np.std([1.0, 3.0], ddof=1) / 2
    assert resource_consistency({"cost": [1.0, 3.0], "calls": [5.0, 5.0]}) == pytest.approx(np.exp(-spread / 2))
    assert resource_consistency({"cost": [10.0, 30.0]}) == pytest.approx(resource_consistency({"cost": [1.0, 3.0]}))
    assert np.isnan(resource_consistency({"cost": [1.0]}))


def test_all_metrics_of_a_task() -> None:
    found = of_task([True, True, False], [["a", "b"], ["a", "c"], ["z"]], {"cost": [1.0, 1.0, 1.0]})
    assert found["outcome"] == pytest.approx(1 / 9)
    assert found["distribution"] == pytest.approx(0.5)
    assert found["sequence"] == pytest.approx(0.5)
    assert found["aggregate"] == pytest.approx((1 / 9 + 0.5 + 1) / 3)


def test_calibration_and_brier_score() -> None:
    confidence, success = np.array([0.95, 1.0, 0.15, 0.05]), np.array([1, 1, 0, 1])
    gaps = 0.5 * abs(0.975 - 1) + 0.25 * 0.15 + 0.25 * 0.95
    assert calibration(confidence, success) == pytest.approx(1 - gaps)
    assert brier(confidence, success) == pytest.approx(1 - brier_score_loss(success, confidence))


def test_risk_is_best_where_the_surest_answers_are_right() -> None:
    success = np.array([1, 1, 0, 0, 1, 0, 1, 0] * 10)
    assert risk_coverage(success.astype(float), success) == pytest.approx(1)
    assert risk_coverage(1.0 - success, success) == 0
    assert 0 < risk_coverage(np.random.default_rng(0).random(80) + 0.5 * success, success) < 1
    assert risk_coverage(np.ones(3), np.ones(3)) == 1


def test_robustness_and_safety() -> None:
    assert robustness(0.3, 0.6) == 0.5
    assert robustness(0.9, 0.6) == 1
    assert np.isnan(robustness(0.5, 0))
    assert safety(0.5, 0.5) == 0.75

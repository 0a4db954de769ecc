"""Check 15 of the C2S-Scale sheet: advantages of groups."""

import numpy as np
import pytest

from raw2fig.rl.advantages import group_advantages


def test_equal_rewards_have_no_advantage() -> None:
    assert (group_advantages(np.array([[0.3] * 5, [-2.0] * 5])) == 0).all()


def test_the_formula_by_hand() -> None:
    """Mean 3, standard deviation 2 with n - 1 = 2 in the denominator."""
    found = group_advantages(np.array([[1.0, 3.0, 5.0], [10.0, 10.0, 10.0]]))
    np.testing.assert_allclose(found, [[-2 / 2.0001, 0, 2 / 2.0001], [0, 0, 0]], rtol=1e-12, atol=0)


def test_advantages_sum_to_zero_in_every_group_and_ignore_shift_and_scale() -> None:
    rewards = np.random.default_rng(0).normal(3, 20, (6, 8))
    found = group_advantages(rewards)
    np.testing.assert_allclose(found.sum(1), 0, atol=1e-12)
    np.testing.assert_allclose(group_advantages(5 * rewards - 7), found, rtol=1e-4)
    np.testing.assert_allclose(found[2:3], group_advantages(rewards[2:3]), rtol=1e-12)
    assert (np.argsort(found) == np.argsort(rewards)).all()
    assert found.std(1, ddof=1) == pytest.approx(1, abs=1e-4)

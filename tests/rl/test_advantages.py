"""Check 15 of C2S-Scale: advantages of groups."""

import numpy as np
import pytest

from raw2fig.rl.advantages import centred, group_advantages, scaled_advantages


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


ALL = np.ones(6, bool)


@pytest.fixture
def rewards() -> np.ndarray:
    """Groups of unequal means and spreads."""
    rng = np.random.default_rng(0)
    return rng.normal(rng.normal(size=(6, 1)) * 3, rng.uniform(0.5, 2, (6, 1)), (6, 8))


@pytest.mark.parametrize("kept", [ALL, np.arange(6) > 1])
def test_check_11_batch_advantages_have_unit_deviation_over_what_is_kept(rewards: np.ndarray, kept: np.ndarray) -> None:
    found = scaled_advantages(rewards, "batch_advantage", kept, ddof=0, epsilon=0.0)
    assert found[kept].std() == pytest.approx(1, abs=1e-12)
    assert (found[~kept] == 0).all()
    np.testing.assert_allclose(found.sum(1), 0, atol=1e-12)


def test_check_11_that_is_not_trls_batch_when_means_differ(rewards: np.ndarray) -> None:
    ours, trls = (scaled_advantages(rewards, scale, ALL) for scale in ("batch_advantage", "batch_reward"))
    assert abs(ours / trls - 1).min() > 0.1
    np.testing.assert_allclose(trls, centred(rewards) / (rewards.std(ddof=1) + 1e-4), rtol=1e-12)
    level = centred(rewards)  # equal means
    same = [scaled_advantages(level, scale, ALL) for scale in ("batch_advantage", "batch_reward")]
    np.testing.assert_allclose(*same, rtol=1e-12)


def test_group_scale_and_none(rewards: np.ndarray) -> None:
    np.testing.assert_array_equal(scaled_advantages(rewards, "group", ALL), group_advantages(rewards))
    np.testing.assert_array_equal(scaled_advantages(rewards, "none", ALL), rewards - rewards.mean(1, keepdims=True))


def test_with_nothing_kept_all_are_zero(rewards: np.ndarray) -> None:
    for scale in ("group", "batch_advantage", "batch_reward", "none"):
        assert (scaled_advantages(rewards, scale, ~ALL) == 0).all()  # type: ignore[arg-type]

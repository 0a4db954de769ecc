"""Rewards: loops, and what each of them prefers."""

import numpy as np
import pytest

from raw2fig.errors import InputError
from raw2fig.papers.c2s.metrics import GAMMAS
from raw2fig.papers.c2s.rewards import rewards_kendall, rewards_mmd, rewards_mse_pair


def sets(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(7, 4)), rng.normal(size=(5, 4))


def test_mse_pair_is_minus_the_mean_square_of_each_row() -> None:
    generated, _ = sets()
    real = generated.copy()
    real[2] += [1.0, 0, 0, 3]
    np.testing.assert_allclose(rewards_mse_pair(generated, real), [0, 0, -2.5, 0, 0, 0, 0])
    with pytest.raises(InputError):
        rewards_mse_pair(generated, real[:3])


def test_mse_pair_prefers_the_mean_over_a_real_cell() -> None:
    real = np.random.default_rng(0).normal(size=(2000, 4))
    partner = np.random.default_rng(1).permutation(real)
    means = np.tile(real.mean(axis=0), (2000, 1))
    assert rewards_mse_pair(means, partner).mean() > 0.6 * rewards_mse_pair(real, partner).mean()


def test_kendall_of_each_row_with_one_reference() -> None:
    from scipy.stats import kendalltau

    generated, _ = sets()
    reference = np.array([0.0, 0.0, 2.0, 1.0])
    expected = [kendalltau(row, reference).statistic for row in generated]
    np.testing.assert_allclose(rewards_kendall(generated, reference), expected)
    assert rewards_kendall(np.zeros((3, 4)), reference).tolist() == [0, 0, 0]


def test_mmd_reward_agrees_with_loops() -> None:
    generated, real = sets()

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.mean([np.exp(-gamma * ((x - y) ** 2).sum()) for gamma in GAMMAS]))

    expected = [
        np.mean([kernel(x, y) for y in real]) - np.mean([kernel(x, y) for j, y in enumerate(generated) if j != i])
        for i, x in enumerate(generated)
    ]
    np.testing.assert_allclose(rewards_mmd(generated, real), expected, atol=1e-12)
    with pytest.raises(InputError):
        rewards_mmd(generated[:1], real)
    with pytest.raises(InputError):
        rewards_mmd(generated, real[:, :2])


def test_mmd_reward_attracts_and_repels() -> None:
    rng = np.random.default_rng(0)
    real, generated = rng.normal(size=(200, 3)), rng.normal(size=(200, 3))
    assert abs(rewards_mmd(generated, real).mean()) < 0.02
    outlier = np.vstack([generated[:20], np.full((1, 3), 8.0)])
    assert rewards_mmd(outlier, real).argmin() == 20
    # a group collapsed to the mean scores below one with the spread of the real cells
    collapsed = np.tile(real.mean(axis=0), (20, 1))
    assert rewards_mmd(collapsed, real).mean() < rewards_mmd(generated[:20], real).mean() - 0.05

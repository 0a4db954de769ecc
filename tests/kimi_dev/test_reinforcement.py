"""What the objective of Kimi k1.5 learns from a group of completions (check 10 of the reference sheet)."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pytest
from recipes import changed
from toy_language import PROMPTS

from raw2fig.config import SHIPPED, load
from raw2fig.rl.advantages import scaled_advantages
from raw2fig.rl.filters import has_variance
from raw2fig.rl.recipe import Recipe
from raw2fig.rl.trainer import grpo
from raw2fig.settings import read

if TYPE_CHECKING:
    from torch import Tensor

RECIPE = read(Recipe, load([SHIPPED])["kimi_dev"]["miniature"]["reinforcement"]["recipe"])
SMALL = changed(RECIPE, steps=2, prompts=2, generations=4, lr=1e-2, warmup=0, max_new_tokens=8)
"""The miniature's recipe, with two updates on completions that one policy drew, of two prompts each."""
WHOLE = changed(SMALL, drop_zero_variance=False)
"""The same with all groups in the loss."""
MIXED, EQUAL, TAKEN_OUT = [1.0, 0.0, 0.0, 1.0], [1.0] * 4, [float("nan")] * 4
"""Rewards of the completions of a prompt."""


class Course(NamedTuple):
    """All weights before and after each update, and the gradient of each."""

    weights: "list[Tensor]"
    gradients: "list[Tensor]"


Trained = Callable[..., Course]


@pytest.fixture
def trained(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trained:
    """Trains with these rewards of the completions of each prompt."""
    import torch

    from raw2fig.lm.models import load as opened
    from raw2fig.rl import group_trainer

    class Recording(group_trainer.GroupTrainer):
        def training_step(self, model: Any, *others: Any, **options: Any) -> Any:
            loss = super().training_step(model, *others, **options)
            gradients.append(torch.cat([one.grad.flatten().clone() for one in model.parameters()]))
            return loss

    gradients: list[Tensor] = []
    monkeypatch.setattr(group_trainer, "GroupTrainer", Recording)

    def train(settings: Recipe, *rewards: list[float]) -> Course:
        weights: list[Tensor] = []
        gradients.clear()

        def keep(step: int, model: Any) -> dict[str, float]:
            weights.append(torch.cat([one.detach().flatten() for one in model.parameters()]))
            return {}

        def given(completions: list[str], prompts: list[int], step: int) -> list[float]:
            return [rewards[prompt][place % settings.generations] for place, prompt in enumerate(prompts)]

        keep(0, opened(str(base))[0])
        output = Path(tempfile.mkdtemp(dir=tmp_path)) / "model"
        grpo(base, PROMPTS[:2], given, settings, output, 0, snapshot_every=1, on_snapshot=keep)
        return Course(weights, [*gradients])

    return train


def test_check_10_advantages_sum_to_zero_for_every_prompt_and_are_not_divided() -> None:
    rewards = np.random.default_rng(0).integers(0, 2, (500, RECIPE.generations)).astype(float)
    found = scaled_advantages(rewards, RECIPE.scale, has_variance(rewards), RECIPE.ddof, RECIPE.epsilon)
    np.testing.assert_allclose(found.sum(1), 0, atol=1e-12)
    np.testing.assert_array_equal(found, rewards - rewards.mean(1, keepdims=True))
    equal = ~has_variance(rewards)
    assert 0 < equal.sum() < 50
    assert (found[equal] == 0).all()


@pytest.mark.training
def test_check_10_a_prompt_with_equal_rewards_changes_no_weight(trained: Trained) -> None:
    """With it and without it the weights are the same to the bit, also after the second update, whose completions are
    another policy's: such prompts are dropped, and the square with them."""
    start, first, second = trained(SMALL, MIXED, EQUAL).weights
    for one, other in zip((start, first, second), trained(SMALL, MIXED, TAKEN_OUT).weights, strict=True):
        assert one.equal(other)
    assert not start.equal(first)
    assert not first.equal(second)
    assert all(one.equal(start) for one in trained(SMALL, EQUAL, [0.0] * 4).weights)


@pytest.mark.training
def test_check_10_without_the_filter_only_the_square_of_an_older_policy_remains(trained: Trained) -> None:
    """On completions of the policy itself a prompt with equal rewards has no gradient. On those of an older policy the
    square of its log-ratio has one, in proportion to tau, which leads back to that policy."""
    alone = trained(WHOLE, EQUAL, EQUAL)
    assert (alone.gradients[0] == 0).all()
    assert alone.gradients[1].abs().max() < 1e-6  # the sampler adds up in another order

    shares = {}
    for tau in (1e-6, 1.0):
        settings = changed(WHOLE, tau=tau)
        both, mixed = trained(settings, MIXED, EQUAL), trained(settings, MIXED, TAKEN_OUT)
        # a mean over twice as many completions
        equal = [2 * one - other for one, other in zip(both.gradients, mixed.gradients, strict=True)]
        assert equal[0].norm() < 1e-5 * mixed.gradients[0].norm()
        shares[tau] = float(equal[1].norm() / mixed.gradients[1].norm())
    assert shares[1e-6] < 1e-3
    assert shares[1.0] > 0.1
    assert equal[1] @ (both.weights[1] - both.weights[0]) > 0

"""Losses and averages against trl's own code, in float64, and against closed forms."""

from typing import Any

import numpy as np
import pytest
from recipes import recipe
from trl_losses import loss_of_trl

from raw2fig.rl.aggregation import Aggregation, completion_weights
from raw2fig.rl.losses import clip_loss, kl_penalty, log_ratio, reinforce_loss
from raw2fig.rl.update import token_losses

GENERATIONS, GROUPS, TOKENS = 4, 5, 7


@pytest.fixture
def batch() -> dict[str, Any]:
    """Random tensors of a batch: completions of unequal length, ratios far from 1."""
    import torch

    rng = np.random.default_rng(0)
    rows = GENERATIONS * GROUPS
    lengths = rng.integers(1, TOKENS + 1, rows)
    mask = (np.arange(TOKENS) < lengths[:, None]).astype(float)
    logps = torch.tensor(-rng.exponential(1.5, (rows, TOKENS)), requires_grad=True)
    return {
        "logps": logps,
        "old": logps.detach() + torch.tensor(rng.normal(0, 0.6, (rows, TOKENS))),
        "reference": logps.detach() + torch.tensor(rng.normal(0, 0.4, (rows, TOKENS))),
        "advantages": torch.tensor(rng.normal(size=rows)),
        "mask": torch.tensor(mask),
        "lengths": lengths,
    }


def weights(batch: dict[str, Any], how: Aggregation, kept: np.ndarray | None = None) -> Any:
    import torch

    kept = np.ones(GROUPS, bool) if kept is None else kept
    return torch.from_numpy(completion_weights(batch["lengths"], GENERATIONS, how, kept, 11))


def our_loss(batch: dict[str, Any], how: Aggregation, beta: float = 0.0, **settings: Any) -> Any:
    losses, _ = token_losses(recipe(**settings), batch["logps"], batch["old"], batch["advantages"], batch["mask"])
    losses = losses + beta * kl_penalty(batch["logps"], batch["reference"])
    return (losses * batch["mask"]).sum(1) @ weights(batch, how)


@pytest.mark.parametrize(
    ("how", "ours", "trl"),
    [
        ("sample", {"eps_high": 0.2}, {"loss_type": "grpo"}),
        ("sample", {"eps_high": 0.28, "beta": 0.05}, {"loss_type": "grpo", "epsilon_high": 0.28, "beta": 0.05}),
        ("sample", {"dual": 1.5}, {"loss_type": "grpo", "delta": 1.5}),
        ("token", {"eps_high": 0.28}, {"loss_type": "dapo", "epsilon_high": 0.28}),
        ("token", {"beta": 0.1}, {"loss_type": "bnpo", "beta": 0.1}),
        ("constant", {}, {"loss_type": "dr_grpo"}),
        ("token", {"loss": "cispo", "eps_max": 1.3}, {"loss_type": "cispo", "epsilon_high": 1.3}),
        ("token", {"loss": "cispo", "eps_max": 5.0}, {"loss_type": "cispo", "epsilon_high": 5.0}),
        (
            "sample",
            {"loss": "gspo", "eps_low": 3e-3, "eps_high": 5e-3},
            {"loss_type": "grpo", "importance_sampling_level": "sequence", "epsilon_low": 3e-3, "epsilon_high": 5e-3},
        ),
    ],
    ids=["grpo", "kl", "dual", "dapo", "bnpo", "dr_grpo", "cispo", "cispo-5", "gspo"],
)
def test_check_7_losses_and_gradients_are_those_of_trl(
    batch: dict[str, Any], how: Aggregation, ours: dict[str, Any], trl: dict[str, Any]
) -> None:
    import torch

    found, expected = our_loss(batch, how, **ours), loss_of_trl(batch, **trl)
    assert abs(float(expected)) > 1e-3
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)
    gradients = [torch.autograd.grad(loss, batch["logps"])[0] for loss in (found, expected)]
    torch.testing.assert_close(*gradients, atol=1e-9, rtol=0)
    assert gradients[0].abs().max() > 1e-3


def test_check_8_no_token_of_cispo_loses_its_gradient() -> None:
    import torch

    advantages = torch.tensor([2.0, -0.5], dtype=torch.float64)
    behaviour = torch.zeros(2, 1, dtype=torch.float64)
    logps = torch.full((2, 1), np.log(100.0), dtype=torch.float64, requires_grad=True)
    ratio = log_ratio(logps, behaviour, torch.ones(2, 1)).exp()
    (cispo,) = torch.autograd.grad(reinforce_loss(logps, ratio, advantages, 5.0).sum(), logps, retain_graph=True)
    torch.testing.assert_close(cispo[:, 0], -5.0 * advantages)
    (dapo,) = torch.autograd.grad(clip_loss(ratio, advantages, 0.2, 0.28).sum(), logps)
    assert dapo[0] == 0
    torch.testing.assert_close(dapo[1, 0], torch.tensor(100 * 0.5, dtype=torch.float64))


def test_check_8_cispo_on_policy_is_reinforce(batch: dict[str, Any]) -> None:
    import torch

    ratio = log_ratio(batch["logps"], batch["logps"].detach(), batch["mask"]).exp()
    losses = [reinforce_loss(batch["logps"], ratio, batch["advantages"], cap) for cap in (5.0, None)]
    torch.testing.assert_close(*losses, atol=0, rtol=0)
    torch.testing.assert_close(losses[1], -batch["advantages"][:, None] * batch["logps"], atol=0, rtol=0)
    # and so has the clip loss its gradient
    gradients = [
        torch.autograd.grad(loss.sum(), batch["logps"], retain_graph=True)[0]
        for loss in (losses[0], clip_loss(ratio, batch["advantages"], 0.2, 0.2))
    ]
    torch.testing.assert_close(*gradients)


def test_dual_clip_bounds_the_loss_of_a_bad_completion() -> None:
    """max(min(rho A, clip(rho) A), c A) for A < 0, as the paper writes it."""
    import torch

    ratio = torch.logspace(-2, 2, 41, dtype=torch.float64)[None]
    for advantage in (-1.5, 2.0):
        given = torch.tensor([advantage], dtype=torch.float64)
        found = -clip_loss(ratio, given, 0.2, 0.2, dual=3.0)
        plain = torch.minimum(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage)
        expected = torch.maximum(plain, 3.0 * given) if advantage < 0 else plain
        torch.testing.assert_close(found, expected)


def test_the_ratio_of_sequences_is_the_geometric_mean() -> None:
    import torch

    ratios = torch.tensor([[2.0, 8.0, 123.0]], dtype=torch.float64)
    found = log_ratio(ratios.log(), torch.zeros(1, 3), torch.tensor([[1.0, 1.0, 0.0]]), sequence=True).exp()
    torch.testing.assert_close(found, torch.tensor([[4.0]], dtype=torch.float64))


def test_the_penalty_estimates_the_divergence() -> None:
    import torch

    rng = np.random.default_rng(1)
    policy, reference = (torch.log_softmax(torch.tensor(rng.normal(size=6)), 0) for _ in range(2))
    expected = (policy.exp() * (policy - reference)).sum()
    torch.testing.assert_close((policy.exp() * kl_penalty(policy, reference)).sum(), expected)
    assert (kl_penalty(policy, reference) >= 0).all()


def brute_force(losses: np.ndarray, mask: np.ndarray, how: Aggregation, kept: np.ndarray) -> float:
    """The averages, written as loops."""
    groups = [
        [losses[row][mask[row] > 0] for row in range(start, start + GENERATIONS)]
        for start in range(0, len(losses), GENERATIONS)
    ]
    groups = [group for group, keep in zip(groups, kept, strict=True) if keep]
    completions = [completion for group in groups for completion in group]
    if how == "sample":
        return float(np.mean([completion.mean() for completion in completions]))
    if how == "prompt":
        return float(np.mean([np.concatenate(group).mean() for group in groups]))
    if how == "token":
        return float(np.concatenate(completions).mean())
    return float(np.mean([completion.sum() / 11 for completion in completions]))


@pytest.mark.parametrize("how", ["sample", "prompt", "token", "constant"])
@pytest.mark.parametrize("dropped", [(), (1,), (0, 3, 4)])
def test_averages_are_those_of_loops(batch: dict[str, Any], how: Aggregation, dropped: tuple[int, ...]) -> None:
    kept = ~np.isin(np.arange(GROUPS), dropped)
    losses = np.random.default_rng(2).normal(size=(GENERATIONS * GROUPS, TOKENS))
    mask = batch["mask"].numpy()
    found = (losses * mask).sum(1) @ weights(batch, how, kept).numpy()
    assert found == pytest.approx(brute_force(losses, mask, how, kept), abs=1e-12)


def test_check_9_averages_coincide_for_equal_lengths_only(batch: dict[str, Any]) -> None:
    losses = np.random.default_rng(3).normal(size=(GENERATIONS * GROUPS, TOKENS))
    kept = np.ones(GROUPS, bool)

    def averages(lengths: np.ndarray) -> list[float]:
        mask = np.arange(TOKENS) < lengths[:, None]
        return [
            float((losses * mask).sum(1) @ completion_weights(lengths, GENERATIONS, how, kept, TOKENS))
            for how in ("sample", "prompt", "token", "constant")
        ]

    equal = averages(np.full(GENERATIONS * GROUPS, TOKENS))
    np.testing.assert_allclose(equal, equal[0], atol=1e-12)
    unequal = averages(batch["lengths"])
    assert min(abs(a - b) for i, a in enumerate(unequal) for b in unequal[:i]) > 1e-3


def test_check_10_a_group_without_variance_changes_the_loss_only_if_kept(batch: dict[str, Any]) -> None:
    """Its advantages are zero; what it changes are the denominators."""
    losses = np.random.default_rng(4).normal(size=(GENERATIONS * GROUPS, TOKENS)) * batch["mask"].numpy()
    losses[-GENERATIONS:] = 0
    without = losses[:-GENERATIONS].sum(1) @ completion_weights(
        batch["lengths"][:-GENERATIONS], GENERATIONS, "prompt", np.ones(GROUPS - 1, bool), 11
    )
    kept = np.ones(GROUPS, bool)
    assert losses.sum(1) @ weights(batch, "prompt", kept).numpy() != pytest.approx(without)
    kept[-1] = False
    assert losses.sum(1) @ weights(batch, "prompt", kept).numpy() == pytest.approx(without, abs=1e-15)


def test_check_10_with_every_group_dropped_nothing_is_divided_by_zero(batch: dict[str, Any]) -> None:
    for how in ("sample", "prompt", "token", "constant"):
        found = weights(batch, how, np.zeros(GROUPS, bool))
        assert (found == 0).all()


def test_a_completion_that_is_masked_counts_among_the_samples(batch: dict[str, Any]) -> None:
    """As in trl: truncated completions have no loss, and their place in the mean."""
    batch["mask"][3] = 0
    batch["lengths"][3] = 0
    assert float(our_loss(batch, "sample")) == pytest.approx(float(loss_of_trl(batch, loss_type="grpo")), abs=1e-9)


def test_the_squared_log_ratio_of_a_completion_has_the_gradient_of_kimi_k1_5(batch: dict[str, Any]) -> None:
    import torch

    logps, old, mask = batch["logps"], batch["old"], batch["mask"]
    losses, _ = token_losses(recipe(loss="squared", tau=0.7), logps, old, batch["advantages"], mask)
    (found,) = torch.autograd.grad((losses * mask).sum(), logps)
    # grad log pi(y) (r - mean) - tau / 2 grad (log pi(y) / mu(y))^2, to be climbed, with grad log pi(y) = 1 for a token
    distance = ((logps - old) * mask).sum(1).detach()
    expected = -(batch["advantages"] - 0.7 * distance)[:, None] * mask
    torch.testing.assert_close(found, expected.to(found))
    assert distance.abs().min() > 1e-3


def test_on_policy_the_square_does_nothing(batch: dict[str, Any]) -> None:
    import torch

    logps, mask = batch["logps"], batch["mask"]
    squared, plain = (
        token_losses(recipe(**settings), logps, logps.detach(), batch["advantages"], mask)[0]
        for settings in ({"loss": "squared", "tau": 0.7}, {"loss": "reinforce"})
    )
    gradients = [torch.autograd.grad((loss * mask).sum(), logps, retain_graph=True)[0] for loss in (squared, plain)]
    torch.testing.assert_close(*gradients, atol=0, rtol=0)

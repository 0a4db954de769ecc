"""Checks 1 to 9 and 14 of the losses and rewards of this paper's recipes, as config/config.yaml has them, on the
engine's functions: the sheet's own numbers, closed forms, and trl."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from trl_losses import loss_of_trl

from raw2fig.config import SHIPPED, load
from raw2fig.papers.agentic_rl.chain_tool import calculator, replies_of
from raw2fig.papers.agentic_rl.chains import CALL, END_CALL, END_RESULT, RESULT, chain_tokenizer
from raw2fig.rl.advantages import group_advantages, scaled_advantages
from raw2fig.rl.aggregation import completion_weights
from raw2fig.rl.losses import kl_penalty, log_ratio
from raw2fig.rl.recipe import Recipe
from raw2fig.rl.update import overlong_cost, token_losses

RECIPES = ("T", "TC", "TR", "TCR", "SCR", "TCR-0.315", "TCR-0.35")
SMALL = 1e-6
"""Distance of a ratio from a bound."""


@cache
def recipe(name: str) -> Recipe:
    section = load([SHIPPED])["agentic_rl"]
    return Recipe.model_validate({**section["own"]["recipe"], **section["pretrained"]["recipes"][name]})


def batch(rng: np.random.Generator, lengths: np.ndarray, generations: int = 4, spread: float = 0.5) -> dict[str, Any]:
    """Random tensors of a batch, in float64; each completion has a result of the tool at its second and third token
    where it is long enough, which is no token of the model's."""
    import torch

    rows, tokens = len(lengths), int(lengths.max())
    attended = np.arange(tokens) < lengths[:, None]
    own = attended & ~((np.arange(tokens) >= 1) & (np.arange(tokens) < 3) & (lengths[:, None] > 4))
    logps = torch.tensor(-rng.exponential(1.5, (rows, tokens)), requires_grad=True)
    rewards = rng.choice([1.0, -1.0, -0.9], (rows // generations, generations))
    return {
        "logps": logps,
        "old": logps.detach() + torch.tensor(rng.normal(0, spread, (rows, tokens))),
        "reference": logps.detach() + torch.tensor(rng.normal(0, 0.4, (rows, tokens))),
        "advantages": torch.tensor(group_advantages(rewards, 1, 1e-6).ravel()),
        "mask": torch.tensor(own.astype(float)),
        "lengths": own.sum(1),
        "generations": generations,
    }


def loss_of(how: Recipe, given: dict[str, Any]) -> Any:
    """The loss of a batch, as the engine's trainer puts it together."""
    import torch

    logps, mask = given["logps"], given["mask"]
    losses, _ = token_losses(how, logps, given["old"], given["advantages"], mask)
    if how.beta:
        losses = losses + how.beta * kl_penalty(logps, given["reference"])
    kept = np.ones(len(given["lengths"]) // given["generations"], bool)
    weights = completion_weights(given["lengths"], given["generations"], how.aggregation, kept, how.max_new_tokens)
    return (losses * mask).sum(1) @ torch.from_numpy(weights)


def test_check_01_the_overlong_reward_by_the_sheet() -> None:
    from trl.rewards import get_soft_overlong_punishment

    how = recipe("TCR")
    assert (how.max_new_tokens, how.cache) == (20480, 4096)
    anything = np.ones(3, bool)
    assert overlong_cost(how, np.array([16384, 18432, 20480]), anything).tolist() == [0, -0.5, -1]
    lengths = np.concatenate([np.arange(0, 20481, 640), [16383, 16384, 16385, 20479, 20480, 20481, 24576]])
    longest, cache_ = 20480, 4096
    branches = [
        0.0 if n <= longest - cache_ else (longest - cache_ - n) / cache_ if n <= longest else -1.0 for n in lengths
    ]
    found = overlong_cost(how, lengths, np.zeros(len(lengths), bool))
    np.testing.assert_allclose(found, branches, atol=1e-12)
    of_trl = get_soft_overlong_punishment(longest, cache_)(completion_ids=[range(n) for n in lengths])
    np.testing.assert_allclose(found, of_trl, atol=1e-12)
    assert recipe("T").overlong == recipe("TC").overlong == "none"


def test_check_02_the_length_counts_tokens_of_the_tool_and_the_loss_does_not() -> None:
    """Two rollouts of 18,432 tokens, of which the model wrote all or half: one penalty, two weights in the loss. That
    the trainer does so is a check of tests/agentic_rl/test_train.py."""
    how, lengths, own = recipe("TCR"), np.array([18432, 18432]), np.array([18432, 9216])
    assert overlong_cost(how, lengths, np.ones(2, bool)).tolist() == [-0.5, -0.5]
    weights = completion_weights(own, 2, how.aggregation, np.ones(1, bool), how.max_new_tokens)
    assert weights * own @ [1, 0] == pytest.approx(2 / 3)


def test_check_03_averages_of_the_sheet_s_rows() -> None:
    losses = [np.ones(8), np.array([-3.0, -3.0])]
    found = {
        name: sum(
            weight * row.sum()
            for weight, row in zip(
                completion_weights(np.array([8, 2]), 2, recipe(name).aggregation, np.ones(1, bool), 20480),
                losses,
                strict=True,
            )
        )
        for name in ("TCR", "T", "SCR")
    }
    assert found == {"TCR": pytest.approx(0.2), "T": pytest.approx(0.2), "SCR": pytest.approx(-1.0)}


@pytest.mark.parametrize("name", RECIPES)
def test_check_04_results_of_the_tool_have_no_gradient(name: str) -> None:
    import torch

    rng = np.random.default_rng(4)
    given = batch(rng, np.array([9, 9, 5, 6, 8, 9, 7, 5]))
    logits = torch.tensor(rng.normal(size=(8, 9, 12)), requires_grad=True)
    drawn = torch.tensor(rng.integers(12, size=(8, 9, 1)))
    given["logps"] = torch.log_softmax(logits, -1).gather(2, drawn)[..., 0]
    spread = torch.tensor(rng.normal(0, 1e-4 if name == "SCR" else 0.1, (8, 9)))
    given["old"] = given["logps"].detach() + spread
    loss = loss_of(recipe(name), given)
    (gradient,) = torch.autograd.grad(loss, logits)
    told = given["mask"] == 0
    assert told.any()
    assert (gradient[told] == 0).all()
    assert (gradient[~told].abs().sum(-1) > 0).any()
    noise = torch.tensor(rng.normal(size=(8, 9))) * told
    for changed in ("logps", "old", "reference"):
        assert loss_of(recipe(name), {**given, changed: given[changed] + noise}).item() == loss.item()


def gradient_at(name: str, ratio: float, advantage: float) -> tuple[float, float]:
    """Loss and its derivative by the log-probability, of a single token with some ratio."""
    import torch

    logps = torch.tensor([[np.log(ratio)]], dtype=torch.float64, requires_grad=True)
    advantages = torch.tensor([advantage], dtype=torch.float64)
    losses, _ = token_losses(recipe(name), logps, torch.zeros(1, 1), advantages, torch.ones(1, 1))
    (gradient,) = torch.autograd.grad(losses.sum(), logps)
    return losses.item(), gradient.item()


@pytest.mark.parametrize("name", ["T", "TCR", "SCR", "TCR-0.315", "TCR-0.35"])
def test_check_05_what_the_clip_stops(name: str) -> None:
    how = recipe(name)
    above, below = 1 + how.eps_high + SMALL, 1 - how.eps_low - SMALL
    assert gradient_at(name, above, 2.0)[1] == 0
    assert gradient_at(name, above - 2 * SMALL, 2.0)[1] != 0
    assert gradient_at(name, below, 2.0)[1] == pytest.approx(-2.0 * below)
    assert gradient_at(name, below, -2.0)[1] == 0
    assert gradient_at(name, below + 2 * SMALL, -2.0)[1] != 0
    assert gradient_at(name, above, -2.0)[1] == pytest.approx(2.0 * above)
    if how.dual:
        assert how.dual == 10
        loss, gradient = gradient_at(name, 10 + SMALL, -2.0)
        assert gradient == 0
        assert loss == pytest.approx(10 * 2.0)
        assert gradient_at(name, 10 - SMALL, -2.0)[1] != 0


@pytest.mark.parametrize("name", RECIPES)
def test_check_06_on_policy_the_gradient_is_that_of_the_policy_whatever_the_clip(name: str) -> None:
    import torch

    given = batch(np.random.default_rng(6), np.array([9, 9, 5, 6, 8, 9, 7, 5]), spread=0.0)
    how = recipe(name).model_copy(update={"beta": 0.0})
    gradients = [
        torch.autograd.grad(loss_of(how.model_copy(update=changes), given), given["logps"])[0]
        for changes in ({}, {"eps_low": 0.01, "eps_high": 5.0})
    ]
    torch.testing.assert_close(*gradients, atol=0, rtol=0)
    kept = np.ones(2, bool)
    weights = torch.from_numpy(completion_weights(given["lengths"], 4, how.aggregation, kept, how.max_new_tokens))
    plain = -(given["advantages"][:, None] * given["logps"] * given["mask"]).sum(1) @ weights
    (policy,) = torch.autograd.grad(plain, given["logps"])
    torch.testing.assert_close(gradients[0], policy, atol=1e-12, rtol=0)


@pytest.mark.parametrize("name", RECIPES)
def test_check_07_advantages_of_groups(name: str) -> None:
    how = recipe(name)
    assert (how.scale, how.ddof, how.epsilon, how.generations) == ("group", 1, 1e-6, 16)
    rewards = np.random.default_rng(7).choice([1.0, -1.0, -0.9, -0.6], (5, 16))
    rewards[2] = -0.9
    every = np.ones(5, bool)

    def found(values: np.ndarray) -> np.ndarray:
        return scaled_advantages(values, how.scale, every, how.ddof, how.epsilon)

    advantages = found(rewards)
    assert (advantages[2] == 0).all()
    others = np.delete(advantages, 2, 0)
    np.testing.assert_allclose(others.sum(1), 0, atol=1e-12)
    np.testing.assert_allclose(others.std(1, ddof=1), 1, atol=1e-5)
    np.testing.assert_allclose(found(3 * rewards + 7), advantages, atol=1e-5)


def test_check_08_ratios_of_sequences_are_geometric_means() -> None:
    import torch

    given = batch(np.random.default_rng(8), np.array([9, 9, 5, 6]))
    found = log_ratio(given["logps"], given["old"], given["mask"], sequence=True).exp()[:, 0]
    ratios = (given["logps"] - given["old"]).detach().exp().numpy()
    for row, own in enumerate(given["mask"].numpy().astype(bool)):
        assert found[row].item() == pytest.approx(ratios[row][own].prod() ** (1 / own.sum()))
    single = batch(np.random.default_rng(8), np.ones(8, int))
    alike = {"eps_low": 0.2, "eps_high": 0.28, "dual": None}
    losses = [loss_of(recipe(name).model_copy(update=alike), single) for name in ("SCR", "TCR")]
    torch.testing.assert_close(*losses, atol=1e-12, rtol=0)
    gradients = [torch.autograd.grad(loss, single["logps"])[0] for loss in losses]
    torch.testing.assert_close(*gradients, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    ("name", "trl", "spread"),
    [
        ("T", {"loss_type": "dapo", "epsilon_high": 0.2, "beta": 0.001, "delta": 10.0}, 0.5),
        ("TC", {"loss_type": "bnpo", "epsilon_high": 0.28, "beta": 0.001, "delta": 10.0}, 0.5),
        ("TCR", {"loss_type": "dapo", "epsilon_high": 0.28, "delta": 10.0}, 0.5),
        ("TCR", {"loss_type": "bnpo", "epsilon_high": 0.28, "delta": 10.0}, 2.0),  # ratios beyond 10
        ("TCR-0.315", {"loss_type": "dapo", "epsilon_high": 0.315, "delta": 10.0}, 0.5),
        ("TCR-0.35", {"loss_type": "dapo", "epsilon_high": 0.35, "delta": 10.0}, 0.5),
        (
            "SCR",
            {
                **{"loss_type": "grpo", "importance_sampling_level": "sequence"},
                **{"epsilon_low": 3e-4, "epsilon_high": 4e-4},
            },
            2e-3,
        ),
    ],
)
def test_check_09_losses_and_gradients_are_those_of_trl(name: str, trl: dict[str, Any], spread: float) -> None:
    import torch

    for seed in range(3):
        given = batch(np.random.default_rng(seed), np.array([9, 9, 5, 6, 8, 9, 7, 5]), spread=spread)
        found, expected = loss_of(recipe(name), given), loss_of_trl(given, **trl)
        torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)
        gradients = [torch.autograd.grad(loss, given["logps"])[0] for loss in (found, expected)]
        torch.testing.assert_close(*gradients, atol=1e-9, rtol=0)
        assert gradients[0].abs().max() > 1e-4


def test_check_14_replaying_a_rollout_gives_its_log_probabilities() -> None:
    """A policy of random weights, which calls the tool and reads it at random places."""
    import torch

    from raw2fig.lm.models import build_tiny_llama
    from raw2fig.lm.sample import sample
    from raw2fig.lm.tool_use import ToolUse

    words = chain_tokenizer()
    ids = words.get_vocab()
    network = build_tiny_llama("32/2/2", words, 2, 128, True, 0)
    tools = ToolUse(ids[CALL], ids[END_CALL], replies_of(calculator, words), most=4)
    rng = np.random.default_rng(0)
    prompts = [[ids[word] for word in text] for text in ("47A8?", "5M12S3?", "9A9?", "81S7?")] * 4
    drawn = sample(network, words, prompts, 60, rng.random((16, 60)), 1.0, tools=tools)
    injected = 0
    for prompt, tokens, logps, own in zip(prompts, drawn.ids, drawn.logprobs, drawn.drawn, strict=True):
        with torch.no_grad():
            logits = network(torch.tensor([[*prompt, *tokens]])).logits[0, len(prompt) - 1 : -1]
        replayed = torch.log_softmax(logits.float(), -1).gather(1, torch.tensor(tokens)[:, None])[:, 0].numpy()
        mine = np.array(own, bool)
        np.testing.assert_allclose(np.array(logps)[mine], replayed[mine], atol=1e-4)
        assert (np.array(logps)[~mine] == 0).all()
        # own tokens and those of results are the response: what is not drawn is what the tool said
        told = words.convert_ids_to_tokens([token for token, one in zip(tokens, mine, strict=True) if not one])
        injected += told.count(RESULT)
        assert set(told) <= {RESULT, END_RESULT, "E", "-", *"0123456789"}
        assert len(mine) == len(tokens)
    assert injected > 3

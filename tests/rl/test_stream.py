"""Off-policy modes, interruptions and the effective batch, as the trainer meets them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from toy_language import PROMPTS, Killed, toy_network, weights

from raw2fig.lm.models import evaluating
from raw2fig.lm.sample import Interruption, advance, begin, bf16_head, finished, sample
from raw2fig.rl.filters import Curriculum
from raw2fig.rl.recipe import Recipe
from raw2fig.rl.stream import Rollouts, Stream
from raw2fig.rl.trainer import grpo

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TOKENS = 8
RECIPE = Recipe(steps=6, prompts=2, generations=4, lr=1e-2, max_new_tokens=TOKENS, checkpoint_every=0)
CISPO: dict[str, Any] = {"loss": "cispo", "eps_max": 5.0, "aggregation": "prompt", "scale": "batch_advantage"}


def stream(words: "PreTrainedTokenizerBase", **settings: Any) -> Stream:
    recipe = replace(RECIPE, **settings)
    ids = words(PROMPTS)["input_ids"]
    return Stream(recipe, words, ids, Curriculum(len(PROMPTS), recipe.seed, recipe.retire_at))


@pytest.fixture(scope="module")
def policies(words: "PreTrainedTokenizerBase") -> "list[PreTrainedModel]":
    """Policies that differ: one for each update."""
    return [toy_network(words, sharpness=20, seed=seed) for seed in range(30)]


def lags(rollouts: Rollouts, update: int) -> list[int]:
    """Updates between sampling and training, of every token."""
    return [update - version for row in rollouts.versions for version in row]


def test_check_15_no_token_is_older_than_k_and_completions_mix_policies(
    words: "PreTrainedTokenizerBase", policies: "list[PreTrainedModel]"
) -> None:
    for k in (2, 3, 4, 8, 11):
        flights = stream(words, off_policy="pipeline", k=k)
        mixed, seen = 0, []
        for update in range(25):
            rollouts = flights.next(policies[update], update)
            assert len(flights.flights) == k - 1
            lag = lags(rollouts, update)
            assert min(lag) >= 0
            assert max(lag) <= k
            if update >= k:
                mixed += sum(len(set(row)) > 1 for row in rollouts.versions)
                seen += lag
        assert mixed > 0
        assert max(seen) == k - 1
        assert len(set(seen)) == min(k, TOKENS)


def test_batches_are_staggered_from_the_start(
    words: "PreTrainedTokenizerBase", policies: "list[PreTrainedModel]"
) -> None:
    """In lock-step, all batches of the first round would be drawn by the first policy alone."""
    flights = stream(words, off_policy="pipeline", k=4)
    assert set(lags(flights.next(policies[0], 0), 0)) == {0}
    assert [len(flight.drawing.tokens) for flight in flights.flights] == [6, 4, 2]
    second = flights.next(policies[1], 1)
    assert max(len(row) for row in second.versions) > 6
    assert all(row == ([0] * 6 + [1] * 2)[: len(row)] for row in second.versions)


def test_check_15_one_batch_in_flight_is_on_policy(
    words: "PreTrainedTokenizerBase", policies: "list[PreTrainedModel]"
) -> None:
    streams = [stream(words, off_policy=mode, k=1) for mode in ("on", "ppo", "pipeline")]
    for update in range(5):
        on, *others = (each.next(policies[update], update) for each in streams)
        assert others == [on, on]
        assert set(lags(on, update)) == {0}


def test_check_15_log_probabilities_are_those_of_the_policy_that_sampled(
    words: "PreTrainedTokenizerBase", policies: "list[PreTrainedModel]"
) -> None:
    """A part drawn with a fresh cache is compared with a pass over the whole text."""
    import torch

    flights = stream(words, off_policy="pipeline", k=2)
    for update in range(4):
        rollouts = flights.next(policies[update], update)
        for prompt, ids, logprobs, versions in zip(
            rollouts.prompt_ids, rollouts.ids, rollouts.logprobs, rollouts.versions, strict=True
        ):
            first = [place for place, version in enumerate(versions) if version == versions[0]]
            with torch.no_grad():
                logits = policies[versions[0]](torch.tensor([prompt + ids])).logits[0].float()
            expected = torch.log_softmax(logits, -1)
            for place in first:
                found = expected[len(prompt) + place - 1, ids[place]]
                assert logprobs[place] == pytest.approx(float(found), abs=1e-5)


def test_check_16_ppo_draws_k_batches_of_whole_groups_with_one_policy(
    words: "PreTrainedTokenizerBase", policies: "list[PreTrainedModel]"
) -> None:
    batches = stream(words, off_policy="ppo", k=3)
    for update in range(9):
        rollouts = batches.next(policies[update], update)
        assert set(lags(rollouts, update)) == {update % 3}
        assert rollouts.indices == [index for index in rollouts.indices[::4] for _ in range(4)]


def test_equally_stale_on_average(words: "PreTrainedTokenizerBase", policies: "list[PreTrainedModel]") -> None:
    """(k - 1) / 2 in both modes for completions of full length: what differs is how it is spread."""
    both = []
    for mode in ("ppo", "pipeline"):
        batches = stream(words, off_policy=mode, k=4)
        found = [lags(batches.next(policies[0], update), update) for update in range(24)]
        both.append(np.mean([np.mean(batch) for batch in found[4:]]))
        if mode == "pipeline":  # every batch has old and new tokens
            assert all({0, 3} <= set(batch) for batch in found[4:])
    assert both[0] == pytest.approx(1.5)
    assert both[1] == pytest.approx(1.5, abs=0.7)  # completions that end early have old tokens


@pytest.mark.parametrize("mode", [("ppo", 3), ("pipeline", 3), ("on", 1)])
def test_a_stream_goes_on_from_its_state(
    mode: tuple[Any, int], words: "PreTrainedTokenizerBase", policies: "list[PreTrainedModel]", tmp_path: Path
) -> None:
    """In the middle of its batches, with interruptions, through a file."""
    import torch

    settings: dict[str, Any] = {"off_policy": mode[0], "k": mode[1], "interrupt": (2, 4), "phrase": "G1 G2"}
    whole, again = (stream(words, **settings) for _ in range(2))
    for update in range(4):
        whole.next(policies[update], update)
    torch.save(whole.state(), tmp_path / "state.pt")
    expected = [whole.next(policies[update], update) for update in range(4, 12)]
    again.restore(torch.load(tmp_path / "state.pt", weights_only=True), policies[4])
    assert [again.next(policies[update], update) for update in range(4, 12)] == expected


def test_check_13_an_interruption_is_put_in_where_thinking_has_not_ended(words: "PreTrainedTokenizerBase") -> None:
    import torch

    network, ids = toy_network(words, sharpness=5), words([PROMPTS[0]] * 60)["input_ids"]
    uniforms = np.random.default_rng(0).random((60, 12))
    phrase = words(" G1 G2", add_special_tokens=False)["input_ids"]
    budget = torch.tensor([3, 5] * 30)
    drawing = begin(network, words, ids, 12)
    with evaluating(network):
        advance(network, words, drawing, uniforms, 12, interruption=Interruption(budget, phrase, phrase[-1]))
    found, free = finished(drawing, words), sample(network, words, ids, 12, uniforms)
    kinds = set()
    for row, place in enumerate(budget.tolist()):
        ended = len(free.ids[row]) <= place or phrase[-1] in free.ids[row][:place]
        kinds.add(ended)
        if ended:
            assert found.ids[row] == free.ids[row]
            assert set(found.drawn[row]) == {1}
            continue
        assert found.ids[row][:place] == free.ids[row][:place]
        assert found.ids[row][place : place + 2] == phrase
        assert found.drawn[row][: place + 3] == ([1] * place + [0, 0, 1])[: len(found.ids[row])]
        assert found.logprobs[row][place : place + 2] == [0.0, 0.0]
    assert kinds == {True, False}


def train(base: Path, output: Path, **settings: Any) -> list[dict[str, float]]:
    rewards, keep_at = settings.pop("rewards", begins), settings.pop("keep_at", ())
    return grpo(base, PROMPTS, rewards, replace(RECIPE, **settings), output, keep_at=keep_at)


def begins(completions: list[str], prompts: list[int], step: int) -> list[float]:
    """1 for a sentence with an even gene at its beginning."""
    return [float(text[:2] in ("G0", "G2", "G4", "G6", "G8")) for text in completions]


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the loss was given at each update, and its gradient with respect to the log-probabilities."""
    import raw2fig.rl.trainer as trainer

    found: list[dict[str, Any]] = []
    method: Callable[..., Any] = trainer.token_losses

    def record(recipe: Recipe, logps: Any, behaviour: Any, advantages: Any, mask: Any) -> Any:
        result = method(recipe, logps, behaviour, advantages, mask)
        entry = {"mask": mask, "ratio": result[1].detach(), "advantages": advantages, "losses": result[0].detach()}
        found.append(entry)
        if logps.requires_grad:
            logps.register_hook(lambda gradient: entry.update(gradient=gradient.clone()))
        return result

    monkeypatch.setattr(trainer, "token_losses", record)
    return found


def test_check_16_the_ratio_is_one_on_policy_and_not_later(base: Path, tmp_path: Path, losses: list[Any]) -> None:
    log = train(base, tmp_path / "model", off_policy="ppo", k=3)
    for update, entry in enumerate(losses):
        gap = (entry["ratio"] - 1).abs()[entry["mask"].bool()].max()
        assert (gap == 0) == (update % 3 == 0)
    assert [record["staleness/max"] for record in log] == [0, 1, 2, 0, 1, 2]


def test_check_15_on_policy_and_one_in_flight_are_one_training(base: Path, tmp_path: Path) -> None:
    logs = [train(base, tmp_path / mode, off_policy=mode, k=1, **CISPO) for mode in ("on", "ppo", "pipeline")]
    assert logs[0] == logs[1] == logs[2]
    assert len({weights(tmp_path / mode) for mode in ("on", "ppo", "pipeline")}) == 1
    assert weights(tmp_path / "on") != weights(base)


def test_a_generator_of_another_precision_is_seen_in_the_ratio(
    base: Path, tmp_path: Path, losses: list[Any], words: "PreTrainedTokenizerBase"
) -> None:
    logs = {head: train(base, tmp_path / head, head=head, steps=1) for head in ("fp32", "bf16")}
    assert logs["fp32"][0]["ratio_gap"] == 0
    assert 1e-5 < logs["bf16"][0]["ratio_gap"] < 0.1
    network = toy_network(words)
    before = network(**words(PROMPTS[0], return_tensors="pt")).logits
    with bf16_head(network):
        assert not network(**words(PROMPTS[0], return_tensors="pt")).logits.equal(before)
    assert network(**words(PROMPTS[0], return_tensors="pt")).logits.equal(before)


def test_check_13_injected_tokens_have_no_loss_and_no_gradient(
    base: Path, tmp_path: Path, losses: list[Any], words: "PreTrainedTokenizerBase"
) -> None:

    def rewards(completions: list[str], prompts: list[int], step: int) -> list[float]:
        return np.random.default_rng(step).normal(size=len(completions)).tolist()

    train(base, tmp_path / "model", interrupt=(2, 4), phrase="G1 G2", steps=2, rewards=rewards)
    injected = 0
    for entry in losses:
        outside = ~entry["mask"].bool()
        injected += int(outside[:, 2:5].sum())
        assert (entry["gradient"][outside] == 0).all()
        assert (entry["gradient"][~outside] != 0).any()
    assert injected > 0


def test_check_10_a_batch_without_variance_is_skipped_and_counted(base: Path, tmp_path: Path) -> None:
    """Also when earlier gradients would move the weights on."""
    import torch
    from safetensors.torch import load_file

    def rewards(completions: list[str], prompts: list[int], step: int) -> list[float]:
        return begins(completions, prompts, step) if step < 3 else [1.0] * len(completions)

    settings: dict[str, Any] = {"drop_zero_variance": True, "rewards": rewards, "weight_decay": 0.1, **CISPO}
    log = train(base, tmp_path / "model", **settings)
    assert [record["skipped"] for record in log[3:]] == [1, 1, 1]
    assert [record["kept"] for record in log[3:]] == [0, 0, 0]
    assert all(np.isfinite(record["loss"]) for record in log)
    train(base, tmp_path / "short", **settings, steps=3)
    one, other = (load_file(tmp_path / name / "model.safetensors") for name in ("model", "short"))
    for name in one:
        torch.testing.assert_close(one[name], other[name], atol=0, rtol=0)


def test_dropped_groups_do_not_change_the_loss_of_the_others(base: Path, tmp_path: Path, losses: list[Any]) -> None:
    """Prompt averages over what is kept: twice the weight when one of two groups is dropped."""

    def rewards(completions: list[str], prompts: list[int], step: int) -> list[float]:
        return [float(index % 2) if row < 4 else 1.0 for row, index in enumerate(range(len(completions)))]

    gradients = []
    for drop in (False, True):
        losses.clear()
        train(base, tmp_path / str(drop), drop_zero_variance=drop, rewards=rewards, steps=1, aggregation="prompt")
        gradients.append(losses[0]["gradient"])
    np.testing.assert_allclose(gradients[1], 2 * gradients[0], atol=1e-7)
    assert gradients[0].abs().max() > 0


def test_truncated_completions_can_be_left_out_of_the_loss(base: Path, tmp_path: Path, losses: list[Any]) -> None:
    log = train(base, tmp_path / "model", overlong="mask", steps=2)
    for record, entry in zip(log, losses, strict=True):
        assert record["truncated"] == (entry["mask"].sum(1) == 0).float().mean()
    assert 0 < log[0]["truncated"] < 1


@pytest.mark.parametrize("overlong", ["shape", "penalise_correct"])
def test_long_completions_can_be_made_to_cost(base: Path, tmp_path: Path, overlong: Any) -> None:
    """Rewards as trl logs them, less those without a cost, are the penalty of the lengths."""
    plain, costly = (
        train(base, tmp_path / name, overlong=name, cache=4, steps=1)[0]["reward"] for name in ("none", overlong)
    )
    assert costly < plain


@pytest.mark.parametrize(
    "settings",
    [
        {"off_policy": "pipeline", "k": 3, **CISPO, "retire_at": 0.9, "drop_zero_variance": True},
        {"off_policy": "ppo", "k": 4},
    ],
    ids=["pipeline", "ppo"],
)
def test_check_19_a_killed_run_goes_on_to_the_same_bytes_and_log(
    settings: dict[str, Any], base: Path, tmp_path: Path
) -> None:
    """Killed with batches in flight, prompts retired, and one checkpoint behind it."""
    seen: list[int] = []

    def rewards(completions: list[str], prompts: list[int], step: int) -> list[float]:
        seen.append(step)
        # two prompts are mastered
        values = begins(completions, prompts, step)
        return [1.0 if index < 2 else value for index, value in zip(prompts, values, strict=True)]

    def killed(completions: list[str], prompts: list[int], step: int) -> list[float]:
        if step == 5:
            raise Killed
        return rewards(completions, prompts, step)

    options = {**settings, "steps": 8, "checkpoint_every": 3, "keep_at": range(0, 9, 2)}
    whole = train(base, tmp_path / "whole", rewards=rewards, **options)
    with pytest.raises(Killed):
        train(base, tmp_path / "again", rewards=killed, **options)
    seen.clear()
    assert train(base, tmp_path / "again", rewards=rewards, **options) == whole
    assert seen == [3, 4, 5, 6, 7]
    assert weights(tmp_path / "again") == weights(tmp_path / "whole")
    kept = [
        {path.name: path.read_bytes() for path in (tmp_path / name / "policies").iterdir()}
        for name in ("whole", "again")
    ]
    assert kept[0] == kept[1]
    assert sorted(kept[0]) == [f"{step}.safetensors" for step in (0, 2, 4, 6, 8)]
    if settings.get("retire_at"):
        assert whole[-1]["retired"] == 2

"""Off-policy modes, interruptions and the effective batch, as the trainer meets them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from recipes import changed, recipe
from toy_language import GENES, PROMPTS, Killed, toy_network, weights

from raw2fig.lm.generate import once_mask
from raw2fig.lm.models import evaluating
from raw2fig.lm.sample import Interruption, advance, begin, finished, head_in, sample
from raw2fig.lm.tool_use import ToolUse
from raw2fig.rl.filters import Curriculum
from raw2fig.rl.length import soft_overlong
from raw2fig.rl.recipe import Recipe
from raw2fig.rl.stream import Rollouts, Stream
from raw2fig.rl.trainer import grpo
from raw2fig.rl.update import repeat_mask

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

pytestmark = pytest.mark.training
TOKENS = 8
RECIPE = recipe(steps=6, prompts=2, generations=4, lr=1e-2, max_new_tokens=TOKENS, checkpoint_every=0)
CISPO: dict[str, Any] = {"loss": "cispo", "eps_max": 5.0, "aggregation": "prompt", "scale": "batch_advantage"}


def stream(words: "PreTrainedTokenizerBase", tools: ToolUse | None = None, **settings: Any) -> Stream:
    asked = changed(RECIPE, **settings)
    ids = words(PROMPTS)["input_ids"]
    return Stream(asked, words, ids, Curriculum(len(PROMPTS), 0, asked.retire_at), tools=tools)


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
    for k in (2, 3, 4, 7, 8):
        flights = stream(words, off_policy="pipeline", k=k)
        mixed, seen = 0, []
        for update in range(25):
            rollouts = flights.next(policies[update], update)
            assert len(flights.flights) == k - 1
            lag = lags(rollouts, update)
            assert min(lag) >= 0
            assert max(lag) < k
            if update >= k:
                mixed += sum(len(set(row)) > 1 for row in rollouts.versions)
                seen += lag
        assert mixed > 0
        assert max(seen) == k - 1
        assert len(set(seen)) == k


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


@pytest.mark.parametrize(("longest", "k"), [(12, 8), (8, 3), (8, 7), (10, 4), (9, 3), (7, 3), (8, 8)])
def test_parts_that_are_no_whole_numbers_of_tokens_do_not_make_completions_staler(
    longest: int, k: int, words: "PreTrainedTokenizerBase"
) -> None:
    """(k - 1) / 2 over the tokens of a full-length completion, as many as there are or not a multiple of k; every
    update has its part of it, and parts differ by a token."""
    flights = stream(words, off_policy="pipeline", k=k, max_new_tokens=longest)
    network, full = toy_network(words), 0
    for update in range(3 * k):
        for row in flights.next(network, update).versions:
            if len(row) == longest and update >= k:
                full += 1
                parts = [row.count(update - lag) for lag in range(k)]
                assert np.mean([update - version for version in row]) == pytest.approx((k - 1) / 2)
                assert set(parts) <= {longest // k, -(-longest // k)}
    assert full > 5


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


def test_a_stream_goes_on_in_the_middle_of_a_tools_result(
    words: "PreTrainedTokenizerBase", policies: "list[PreTrainedModel]", tmp_path: Path
) -> None:
    import torch

    opens, *result = (words.convert_tokens_to_ids(word) for word in ("G3", "G1", "G2", "G4"))
    # most tokens end a call, so that batches in flight wait for the rest of a result
    tools = [ToolUse(opens, closes, lambda calls: [result for _ in calls], 3) for closes in range(len(words))]
    waiting = 0
    for one in tools[::4]:
        whole, again = (stream(words, one, off_policy="pipeline", k=4) for _ in range(2))
        for update in range(5):
            whole.next(policies[update], update)
        torch.save(whole.state(), tmp_path / "state.pt")
        waiting += sum(map(bool, (queue for flight in whole.flights for queue in flight.drawing.queues)))
        expected = [whole.next(policies[update], update) for update in range(5, 12)]
        again.restore(torch.load(tmp_path / "state.pt", weights_only=True), policies[5])
        assert [again.next(policies[update], update) for update in range(5, 12)] == expected
    assert waiting


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
    return grpo(base, PROMPTS, rewards, changed(RECIPE, **settings), output, 0, keep_at=keep_at)


def begins(completions: list[str], prompts: list[int], step: int) -> list[float]:
    """1 for a sentence with an even gene at its beginning."""
    return [float(text[:2] in ("G0", "G2", "G4", "G6", "G8")) for text in completions]


@pytest.fixture
def losses(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the loss was given at each update, and its gradient with respect to the log-probabilities."""
    from raw2fig.rl import update

    found: list[dict[str, Any]] = []
    method: Callable[..., Any] = update.token_losses

    def record(recipe: Recipe, logps: Any, behaviour: Any, advantages: Any, mask: Any) -> Any:
        result = method(recipe, logps, behaviour, advantages, mask)
        entry = {"mask": mask, "ratio": result[1].detach(), "advantages": advantages, "losses": result[0].detach()}
        entry |= {"logps": logps.detach(), "behaviour": behaviour}
        found.append(entry)
        if logps.requires_grad:
            logps.register_hook(lambda gradient: entry.update(gradient=gradient.clone()))
        return result

    monkeypatch.setattr(update, "token_losses", record)
    return found


@pytest.fixture
def autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings compute in bfloat16 where autocast does, as on a GPU."""
    import trl

    method = trl.GRPOConfig.__post_init__

    def settle(self: Any) -> None:
        self.bf16 = self.use_cpu = True
        method(self)

    monkeypatch.setattr(trl.GRPOConfig, "__post_init__", settle)


def test_check_16_the_ratio_is_one_on_policy_and_not_later(base: Path, tmp_path: Path, losses: list[Any]) -> None:
    """What the log has is what was measured: the sampler's passes with a cache sum in another order than one pass over
    the whole text."""
    log = train(base, tmp_path / "model", off_policy="ppo", k=3)
    for update, (entry, record) in enumerate(zip(losses, log, strict=True)):
        gap = (entry["ratio"] - 1).abs()[entry["mask"].bool()]
        if update % 3 == 0:
            assert gap.max() == 0
            assert record["ratio_gap"] < 1e-5
        else:
            assert gap.max() > 1e-3
            assert record["ratio_gap"] == pytest.approx(float(gap.mean()), rel=1e-4)
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
    assert logs["fp32"][0]["ratio_gap"] < logs["bf16"][0]["ratio_gap"] / 10
    assert logs["bf16"][0]["ratio_gap"] < 0.1


@pytest.mark.parametrize("autocast", [False, True])
def test_the_scores_of_the_vocabulary_are_a_product_of_the_precision_asked_for(
    autocast: bool, words: "PreTrainedTokenizerBase"
) -> None:
    import torch

    network, text = toy_network(words), words(PROMPTS[0], return_tensors="pt")
    head = network.get_output_embeddings().weight

    def scores() -> torch.Tensor:
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            return network(**text).logits

    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        hidden = network.base_model(**text).last_hidden_state
    before = scores()
    with head_in(network, torch.float32):
        exact = scores()
    with head_in(network, torch.bfloat16):
        rounded = scores()
    assert exact.dtype == rounded.dtype == torch.float32
    assert exact.equal(hidden.float() @ head.T)
    assert rounded.equal((hidden.bfloat16() @ head.bfloat16().T).float())
    assert exact.equal(before) == (not autocast)
    assert not exact.equal(rounded)
    assert scores().equal(before)


@pytest.mark.parametrize("once", [(), GENES], ids=["trl's method", "repeat mask"])
def test_under_autocast_the_head_is_float32_in_sampling_and_in_training(
    once: Sequence[str], base: Path, tmp_path: Path, autocast: None, losses: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log-probabilities are those of float32 scores of the same hidden states, which a bfloat16 product is far
    from."""
    import torch

    from raw2fig.rl import group_trainer

    found: list[tuple[torch.Tensor, torch.Tensor]] = []

    class Recording(group_trainer.GroupTrainer):
        def compute_loss(self, model: Any, inputs: dict[str, Any], *others: Any, **options: Any) -> Any:
            network = self.accelerator.unwrap_model(model)
            ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
            attended = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
            length = inputs["completion_ids"].shape[1]
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
                hidden = network.base_model(input_ids=ids, attention_mask=attended).last_hidden_state
            assert hidden.dtype in (torch.bfloat16, torch.float32)
            weight = network.get_output_embeddings().weight.detach()
            expected = []
            for precision in (torch.float32, torch.bfloat16):
                logits = (hidden[:, -length - 1 : -1].to(precision) @ weight.to(precision).T).float()
                if once:
                    mask = repeat_mask(ids, ids.shape[1] - length, once_mask(self.processing_class, once))
                    logits = logits.masked_fill(mask, float("-inf"))
                expected.append(torch.log_softmax(logits, -1).gather(2, inputs["completion_ids"][..., None])[..., 0])
            found.append((*expected, inputs["mask"].bool(), inputs["behaviour"]))
            return super().compute_loss(model, inputs, *others, **options)

    monkeypatch.setattr(group_trainer, "GroupTrainer", Recording)
    log = grpo(base, PROMPTS, begins, changed(RECIPE, steps=2), tmp_path / "model", 0, once)
    for (exact, rounded, mask, stored), entry, record in zip(found, losses, log, strict=True):
        assert (exact - rounded)[mask].abs().mean() > 1e-4
        assert (exact - stored)[mask].abs().mean() < 1e-5
        torch.testing.assert_close(entry["logps"][mask], exact[mask], atol=1e-6, rtol=0)
        # the body computes in bfloat16, and in another order with a cache: a gap that is real, and is not hidden
        assert entry["behaviour"][mask].equal(stored[mask])
        assert record["ratio_gap"] == pytest.approx(float((entry["ratio"] - 1).abs()[mask].mean()), rel=1e-3)
        assert record["ratio_gap"] > 0


def test_check_13_injected_tokens_have_no_loss_and_no_gradient(
    base: Path, tmp_path: Path, losses: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what the stream says was injected. Other log-probabilities of these tokens are the same training, and they
    are not counted in averages."""
    import torch

    from raw2fig.rl import trainer, update

    injected: list[torch.Tensor] = []

    class Recording(Stream):
        def next(self, *arguments: Any) -> Rollouts:
            rollouts = super().next(*arguments)
            rows = [torch.tensor(row) == 0 for row in rollouts.drawn]
            injected.append(torch.nn.utils.rnn.pad_sequence(rows, batch_first=True))
            assert sum(map(len, rollouts.drawn)) > injected[-1].sum() > 0
            lengths.append([len(row) for row in rollouts.ids])
            return rollouts

    def rewards(completions: list[str], prompts: list[int], step: int) -> list[float]:
        return np.random.default_rng(step).normal(size=len(completions)).tolist()

    lengths: list[list[int]] = []
    monkeypatch.setattr(trainer, "Stream", Recording)
    settings: dict[str, Any] = {"interrupt": (2, 4), "phrase": "G1 G2", "steps": 2, "rewards": rewards}
    log = train(base, tmp_path / "model", aggregation="token", **settings)
    for entry, inside, own, record in zip(losses, injected, lengths, log, strict=True):
        assert entry["mask"].sum(1).tolist() == [n - int(row.sum()) for n, row in zip(own, inside, strict=True)]
        assert not entry["mask"][inside].any()
        assert (entry["gradient"][inside] == 0).all()
        assert (entry["gradient"][entry["mask"].bool()] != 0).all()
        assert record["trained_tokens"] == entry["mask"].sum()

    method, rows = update.token_losses, iter(list(injected))

    def shifted(recipe: Recipe, logps: Any, *others: Any) -> Any:
        return method(recipe, logps + 2.0 * next(rows), *others)

    monkeypatch.setattr(update, "token_losses", shifted)
    again = train(base, tmp_path / "again", aggregation="token", **settings)
    assert [record["loss"] for record in again] == [record["loss"] for record in log]
    assert weights(tmp_path / "again") == weights(tmp_path / "model") != weights(base)


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
def test_check_14_long_completions_can_be_made_to_cost_all_of_them_or_correct_ones(
    overlong: Any, base: Path, tmp_path: Path, losses: list[Any]
) -> None:
    """Advantages that are not scaled are rewards less the mean of their group."""
    correct = np.arange(8) % 2 == 0

    def rewards(completions: list[str], prompts: list[int], step: int) -> np.ndarray:
        return np.where(correct, 1.0, -1.0)

    train(base, tmp_path / "model", overlong=overlong, cache=4, steps=1, scale="none", rewards=rewards)
    cost = soft_overlong(losses[0]["mask"].sum(1).numpy(), TOKENS, 4)
    assert (cost[correct] < 0).any()
    assert (cost[~correct] < 0).any()
    if overlong == "penalise_correct":
        cost[~correct] = 0
    expected = (np.where(correct, 1.0, -1.0) + cost).reshape(2, 4)
    expected -= expected.mean(1, keepdims=True)
    np.testing.assert_allclose(losses[0]["advantages"], expected.ravel(), atol=1e-6)


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

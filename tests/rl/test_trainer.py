"""GRPO on trl's trainer: the policy that is scored is the one that was sampled; runs can be repeated and resumed."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from recipes import changed, recipe
from toy_language import GENES, PROMPTS, Killed, completions_of, toy_network, weights

from raw2fig.errors import InputError
from raw2fig.lm.models import load, save
from raw2fig.rl.advantages import group_advantages
from raw2fig.rl.recipe import Recipe
from raw2fig.rl.trainer import grpo
from raw2fig.rl.update import repeat_mask

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

pytestmark = pytest.mark.training
RECIPE = recipe(steps=4, prompts=2, generations=4, lr=1e-2, beta=0.05, max_new_tokens=8, checkpoint_every=2)


def first_gene(completions: list[str], prompts: list[int], step: int) -> list[float]:
    """The first gene's number, or -1: completions of one prompt differ in it."""
    found = [[word for word in text.split() if word in GENES] for text in completions]
    return [float(genes[0][1:]) if genes else -1.0 for genes in found]


def run(
    base: Path,
    output: Path,
    settings: Recipe = RECIPE,
    rewards: Callable[[list[str], list[int], int], list[float]] = first_gene,
    once: Sequence[str] = GENES,
    **options: Any,
) -> list[dict[str, float]]:
    return grpo(base, PROMPTS, rewards, settings, output, 0, once, **options)


class Recorded(dict):
    """What trl's trainer had at hand at each step: its inputs, and log-probabilities by our and by its own method."""


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Recorded]:
    """Filled while `grpo` runs, one entry per step."""
    import torch
    import trl

    from raw2fig.rl import group_trainer

    found: list[Recorded] = []

    class Recording(group_trainer.GroupTrainer):
        def compute_loss(self, model: Any, inputs: dict[str, Any], *others: Any, **options: Any) -> Any:
            ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
            attended = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
            arguments = (model, ids, attended, inputs["completion_ids"].shape[1])
            with torch.no_grad():
                ours = self._get_per_token_logps_and_entropies(*arguments)
                own = trl_method(self, *arguments, compute_entropy=True)
            found.append(Recorded(inputs, ours=ours, own=own))
            return super().compute_loss(model, inputs, *others, **options)

    trl_method = trl.GRPOTrainer._get_per_token_logps_and_entropies
    monkeypatch.setattr(group_trainer, "GroupTrainer", Recording)
    return found


def test_the_repeat_mask_is_what_was_used_so_far() -> None:
    import torch

    rng = np.random.default_rng(0)
    ids, once = torch.tensor(rng.integers(0, 6, (5, 9))), torch.tensor([False, True, True, True, False, True])
    found = repeat_mask(ids, 3, once)
    assert found.shape == (5, 6, 6)
    for row in range(5):
        for place in range(6):
            used = set(ids[row, 3 : 3 + place].tolist())
            assert {token for token in range(6) if found[row, place, token]} == {t for t in used if once[t]}


@pytest.mark.parametrize(("once", "temperature"), [(GENES, 1.0), (GENES, 0.7), ((), 1.0), ((), 0.7)])
def test_the_policy_that_is_scored_is_the_one_that_was_sampled(
    base: Path, tmp_path: Path, steps: list[Recorded], once: Sequence[str], temperature: float
) -> None:
    """With a mask and without, in batches with padding on both sides. Without a mask it is what trl computes."""
    import torch

    sharp = tmp_path / "sharp"
    words = load(str(base))[1]
    save(toy_network(words, sharpness=15), words, sharp)
    run(sharp, tmp_path / "model", changed(RECIPE, steps=2, prompts=4, temperature=temperature), once=once)
    assert len(steps) == 2
    for name in ("prompt_mask", "completion_mask"):
        assert not all(inputs[name].all() for inputs in steps)
    for inputs in steps:
        mask = inputs["completion_mask"].bool()
        ours, own = inputs["ours"][0], inputs["own"][0]
        torch.testing.assert_close(ours[mask], inputs["behaviour"][mask], atol=2e-4, rtol=0)
        repeated = [len(ids) - len(set(ids)) for ids in genes_of(inputs, words)]
        if once:
            assert sum(repeated) == 0
            assert inputs["ours"][1][mask].isfinite().all()
            assert (ours - own)[mask].max() > 0.01
            assert (ours - own)[mask].min() > -1e-4  # leaving tokens out makes the others likelier
        else:
            assert sum(repeated) > 0
            torch.testing.assert_close(ours[mask], own[mask], atol=1e-5, rtol=0)


def genes_of(inputs: Recorded, words: "PreTrainedTokenizerBase") -> list[list[int]]:
    genes = set(words.convert_tokens_to_ids(GENES))
    rows = zip(inputs["completion_ids"].tolist(), inputs["completion_mask"].tolist(), strict=True)
    return [[i for i, real in zip(ids, mask, strict=True) if real and i in genes] for ids, mask in rows]


def test_advantages_are_those_of_trl(base: Path, tmp_path: Path, steps: list[Recorded]) -> None:
    """Check 15: what trl works with is our formula on the rewards it got."""
    given: list[list[float]] = []

    def rewards(*arguments: Any) -> list[float]:
        given.append((np.random.default_rng(arguments[2]).normal(size=8) * 3).tolist())
        return given[-1]

    run(base, tmp_path / "model", rewards=rewards)
    assert len(steps) == len(given) == 4
    for inputs, values in zip(steps, given, strict=True):
        expected = group_advantages(np.reshape(values, (2, 4))).ravel()
        np.testing.assert_allclose(sorted(inputs["advantages"].tolist()), sorted(expected), atol=1e-5)


def test_groups_are_completions_of_one_prompt(base: Path, tmp_path: Path, steps: list[Recorded]) -> None:
    seen: list[tuple[list[int], int]] = []

    def rewards(completions: list[str], prompts: list[int], step: int) -> list[float]:
        seen.append((prompts, step))
        return first_gene(completions, prompts, step)

    run(base, tmp_path / "model", rewards=rewards)
    assert [step for _, step in seen] == [0, 1, 2, 3]
    for prompts, _ in seen:
        assert prompts == [prompts[0]] * 4 + [prompts[4]] * 4
        assert prompts[0] != prompts[4]
    assert {index for prompts, _ in seen for index in prompts} == set(range(len(PROMPTS)))


def test_every_step_and_every_seed_draws_anew(base: Path, tmp_path: Path) -> None:
    """From one prompt and a policy that does not move."""
    drawn: list[tuple[str, ...]] = []

    def rewards(completions: list[str], *_: Any) -> list[float]:
        drawn.append(tuple(completions))
        return [0.0] * len(completions)

    settings = changed(RECIPE, steps=3, prompts=1, beta=0.0, checkpoint_every=0)
    for seed in range(2):
        grpo(base, PROMPTS[:1], rewards, settings, tmp_path / f"{seed}", seed, GENES)
    assert len(set(drawn)) == len(drawn) == 6
    assert all(len(set(completions)) > 1 for completions in drawn)


def test_an_epoch_takes_every_prompt_in_an_order_of_its_own(base: Path, tmp_path: Path) -> None:
    taken: list[int] = []

    def rewards(completions: list[str], prompts: list[int], step: int) -> list[float]:
        taken.extend(prompts[::4])
        return first_gene(completions, prompts, step)

    run(base, tmp_path / "model", changed(RECIPE, steps=12, max_new_tokens=2), rewards)
    epochs = [tuple(taken[start : start + 4]) for start in range(0, 24, 4)]
    assert all(sorted(epoch) == [0, 1, 2, 3] for epoch in epochs)
    assert len(set(epochs)) > 2


def test_equal_rewards_without_a_penalty_leave_the_weights_as_they_are(base: Path, tmp_path: Path) -> None:
    """Check 15, and that anything else does not."""
    options: dict[str, Any] = {"settings": changed(RECIPE, steps=1, beta=0.0)}
    run(base, tmp_path / "equal", rewards=lambda completions, *_: [0.7] * len(completions), **options)
    assert weights(tmp_path / "equal") == weights(base)
    run(base, tmp_path / "unequal", **options)
    assert weights(tmp_path / "unequal") != weights(base)


def test_the_penalty_is_zero_at_first_and_never_negative(base: Path, tmp_path: Path) -> None:
    """Check 16."""
    log = run(base, tmp_path / "model")
    kl = [record["kl"] for record in log]
    assert kl[0] == pytest.approx(0, abs=1e-9)
    assert min(kl) >= 0
    assert kl[-1] > 0


def test_the_penalty_is_its_weight_times_the_divergence(base: Path, tmp_path: Path) -> None:
    """At the first update it has no gradient, so that at the second one both policies are the same."""
    settings = changed(RECIPE, steps=2, aggregation="token", checkpoint_every=0)
    betas = (0.05, 20.0)
    loose, tight = (run(base, tmp_path / f"{beta}", changed(settings, beta=beta))[1] for beta in betas)
    assert loose["kl"] == pytest.approx(tight["kl"], rel=1e-4)
    assert loose["kl"] > 1e-5
    assert tight["loss"] - loose["loss"] == pytest.approx((betas[1] - betas[0]) * loose["kl"], rel=1e-3)


def test_a_reward_that_can_be_learned_rises(base: Path, tmp_path: Path) -> None:
    """Share of sentences that begin with one gene: by chance one in a dozen or two, after training nearly all."""

    def begins(completions: list[str], *_: Any) -> list[float]:
        return [float(text.startswith("G5")) for text in completions]

    settings = recipe(steps=25, prompts=4, generations=8, lr=1e-2, beta=0.01, max_new_tokens=4, checkpoint_every=0)
    log = run(base, tmp_path / "model", settings, begins)
    (before, words), (after, _) = load(str(base)), load(str(tmp_path / "model"))
    first, last = (np.mean(begins(completions_of(network, words, PROMPTS, 50))) for network in (before, after))
    assert last - first > 0.5  # from 0.03 to 0.97 or more over 14 first weights
    assert [record["step"] for record in log] == list(range(1, 26))


def test_steps_that_are_accumulated_are_one_step(base: Path, tmp_path: Path) -> None:
    import torch

    for accumulate in (1, 4):
        run(base, tmp_path / f"{accumulate}", changed(RECIPE, steps=2, accumulate=accumulate, checkpoint_every=0))
    one = load(str(tmp_path / "1"))[0].state_dict()
    for name, weight in load(str(tmp_path / "4"))[0].state_dict().items():
        torch.testing.assert_close(weight, one[name], atol=1e-4, rtol=0)


@pytest.mark.parametrize("longest", [0.0, 0.1, 100.0])
def test_an_update_is_that_of_adamw_on_clipped_gradients(
    longest: float, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one by hand: without its history, Adam goes by g / (|g| + epsilon)."""
    import torch

    from raw2fig.rl import group_trainer

    found: dict[str, torch.Tensor] = {}

    class Recording(group_trainer.GroupTrainer):
        def training_step(self, model: Any, *others: Any, **options: Any) -> Any:
            result = super().training_step(model, *others, **options)
            found.update({name: weight.grad.clone() for name, weight in model.named_parameters()})
            return result

    monkeypatch.setattr(group_trainer, "GroupTrainer", Recording)
    changes = {"weight_decay": 0.3, "adam_epsilon": 0.02, "max_grad_norm": longest, "checkpoint_every": 0}
    settings = changed(RECIPE, steps=1, **changes)
    log = run(base, tmp_path / "model", settings)
    norm = torch.cat([gradient.ravel() for gradient in found.values()]).norm()
    assert 0.2 < norm < 50
    assert log[0]["grad_norm"] == pytest.approx(float(norm), rel=1e-5)
    shrunk = min(1.0, longest / float(norm)) if longest else 1.0
    before, after = (load(str(folder))[0].state_dict() for folder in (base, tmp_path / "model"))
    for name, gradient in found.items():
        step = shrunk * gradient
        decay = 0.0 if "norm" in name or "bias" in name else settings.weight_decay
        expected = before[name] - settings.lr * (decay * before[name] + step / (step.abs() + settings.adam_epsilon))
        torch.testing.assert_close(after[name], expected, atol=1e-6, rtol=0)


def test_a_model_that_shares_its_embeddings_with_its_head_is_trained(base: Path, tmp_path: Path) -> None:
    network, words = load(str(base))
    network.config.tie_word_embeddings = True
    network.tie_weights()
    save(network, words, tmp_path / "base")
    run(tmp_path / "base", tmp_path / "model", changed(RECIPE, steps=1, beta=0.0), once=())
    assert weights(tmp_path / "model") != weights(tmp_path / "base")


def test_fewer_prompts_than_a_step_takes_are_refused(base: Path, tmp_path: Path) -> None:
    """trl would train on none of them and end well."""
    with pytest.raises(InputError, match="4 prompts"):
        run(base, tmp_path / "model", changed(RECIPE, prompts=5))


def test_snapshots_see_the_policy_of_their_step_and_are_logged(base: Path, tmp_path: Path) -> None:
    seen: dict[int, bytes] = {}

    def snapshot(step: int, policy: Any) -> dict[str, float]:
        policy.save_pretrained(tmp_path / f"step-{step}")
        seen[step] = weights(tmp_path / f"step-{step}")
        return {"validation_step": step / 10}

    log = run(base, tmp_path / "model", snapshot_every=2, on_snapshot=snapshot)
    assert list(seen) == [2, 4]
    assert seen[4] == weights(tmp_path / "model") != seen[2]
    assert {record["step"]: record["validation_step"] for record in log if "validation_step" in record} == {
        2: 0.2,
        4: 0.4,
    }
    assert [record["step"] for record in log if "reward" in record] == [1, 2, 3, 4]


@pytest.fixture(scope="module")
def whole(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[dict[str, float]]]:
    """Weights and log of a run that nothing interrupts."""
    output = tmp_path_factory.mktemp("whole") / "model"
    return run_five(base, output)


def run_five(
    base: Path, output: Path, kill: int = -1, seen: list[int] | None = None, **options: Any
) -> tuple[bytes, list[dict[str, float]]]:
    """Weights and log of a run of five steps, killed at step `kill`."""

    def rewards(completions: list[str], prompts: list[int], step: int) -> list[float]:
        if step == kill:
            raise Killed
        if seen is not None:
            seen.append(step)
        return first_gene(completions, prompts, step)

    log = run(base, output, options.pop("settings", changed(RECIPE, steps=5)), rewards, **options)
    return weights(output), log


def test_two_runs_are_the_same_to_the_byte(
    base: Path, tmp_path: Path, whole: tuple[bytes, list[dict[str, float]]]
) -> None:
    assert run_five(base, tmp_path / "model") == whole


def test_a_killed_run_goes_on_to_the_same_bytes_and_log(
    base: Path, tmp_path: Path, whole: tuple[bytes, list[dict[str, float]]]
) -> None:
    with pytest.raises(Killed):
        run_five(base, tmp_path / "model", kill=3)
    assert not (tmp_path / "model").exists()
    seen: list[int] = []
    again = run_five(base, tmp_path / "model", seen=seen)
    assert seen == [2, 3, 4]
    assert again == whole


@pytest.mark.parametrize(
    "options",
    [{"settings": changed(RECIPE, steps=4)}, {"once": GENES[:6]}, {"scored_by": "another reward"}],
    ids=["recipe", "mask", "reward"],
)
def test_with_anything_changed_a_run_starts_anew(base: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(Killed):
        run_five(base, tmp_path / "model", kill=2)
    seen: list[int] = []
    run_five(base, tmp_path / "model", seen=seen, **options)
    assert seen[0] == 0

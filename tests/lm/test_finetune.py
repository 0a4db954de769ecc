"""Fine-tuning against a plain PyTorch loop, and runs that are killed against runs that are not."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from recipes import changed, training
from toy_language import Killed, kill_at, toy_examples, toy_network, weights

from raw2fig.errors import InputError
from raw2fig.lm.examples import Example
from raw2fig.lm.finetune import fine_tune, sample_losses

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

pytestmark = pytest.mark.training
TRAINING = training(steps=7, batch=4, lr=1e-2, checkpoint_every=2)


@pytest.fixture(scope="module")
def examples(words: "PreTrainedTokenizerBase") -> list[Example]:
    return toy_examples(words)


def nlls(network: "PreTrainedModel", example: Example, prompt_loss: bool) -> "torch.Tensor":
    """Negative log-likelihoods of an example's supervised tokens: no batch, no padding, no label mask."""
    import torch

    ids = torch.tensor(example.ids)
    scores = torch.log_softmax(network(ids[None]).logits[0].float(), -1)
    start = 1 if prompt_loss else example.prompt_length
    return -scores[torch.arange(start - 1, len(ids) - 1), ids[start:]]


@pytest.mark.parametrize("prompt_loss", [False, True])
def test_sample_losses_are_those_of_single_forward_passes(
    words: "PreTrainedTokenizerBase", examples: list[Example], prompt_loss: bool
) -> None:
    import torch

    network = toy_network(words)
    with torch.inference_mode():
        expected = [float(nlls(network, example, prompt_loss).mean()) for example in examples]
    for batch in (1, 5, 128):
        found = sample_losses(network, words, examples, prompt_loss, batch)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert np.ptp(expected) > 0.01


@pytest.mark.parametrize(("prompt_loss", "accumulate", "warmup"), [(False, 1, 0.0), (True, 1, 0.0), (False, 2, 0.5)])
def test_training_is_adamw_on_the_mean_over_supervised_tokens(
    words: "PreTrainedTokenizerBase",
    examples: list[Example],
    tmp_path: Path,
    prompt_loss: bool,
    accumulate: int,
    warmup: float,
) -> None:
    """Every step takes all examples, so their order does not matter: mean over tokens, not over examples or batches;
    gradient norm cut at 1, no decay of biases and norms, linear warm-up, cosine."""
    import torch

    steps, lr, decay, beta2 = 4, 1e-2, 0.5, 0.9
    settings = training(
        steps=steps,
        batch=len(examples) // accumulate,
        accumulate=accumulate,
        lr=lr,
        weight_decay=decay,
        beta2=beta2,
        warmup=warmup,
        prompt_loss=prompt_loss,
    )
    network, reference = toy_network(words, 3), toy_network(words, 3)
    log = fine_tune(network, words, examples, settings, tmp_path / "model", 0)

    named = list(reference.named_parameters())
    matrices = [weight for _, weight in named if weight.dim() > 1]
    vectors = [weight for _, weight in named if weight.dim() == 1]
    groups = [{"params": matrices, "weight_decay": decay}, {"params": vectors, "weight_decay": 0.0}]
    adam = torch.optim.AdamW(groups, betas=(0.9, beta2))
    ramp = int(warmup * steps)
    for step in range(steps):
        scale = step / ramp if step < ramp else 0.5 * (1 + np.cos(np.pi * (step - ramp) / (steps - ramp)))
        loss = torch.cat([nlls(reference, example, prompt_loss) for example in examples]).mean()
        adam.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(reference.parameters(), 1.0)
        assert step or norm > 1  # the cut matters
        for group in adam.param_groups:
            group["lr"] = lr * scale
        adam.step()
        assert log[step]["step"] == step + 1
        assert log[step]["loss"] == pytest.approx(loss.item(), abs=2e-4)
        assert log[step]["learning_rate"] == pytest.approx(lr * scale, abs=1e-9)
    trained = dict(network.named_parameters())
    start = dict(toy_network(words, 3).named_parameters())
    for name, weight in named:
        torch.testing.assert_close(trained[name], weight, atol=2e-4, rtol=0)
        assert (trained[name] - start[name]).abs().max() > 1e-3


class Run:
    """Runs of one recipe from one set of first weights, in folders of their own; `steps` of the last one."""

    def __init__(self, words: "PreTrainedTokenizerBase", examples: Sequence[Example], folder: Path) -> None:
        self.words, self.examples, self.folder = words, examples, folder

    def __call__(self, name: str, seed: int = 0, kill: int = 0, examples: Sequence[Example] = ()) -> list:
        network, self.steps = toy_network(self.words), 0

        def count(module: "PreTrainedModel", _: object) -> None:
            self.steps += module.training

        if kill:
            kill_at(network, kill)
        network.register_forward_pre_hook(count)
        given, output = examples or self.examples, self.folder / name
        return fine_tune(network, self.words, given, TRAINING, output, seed, self.examples[:3], [3, 7])

    def killed(self, name: str, at: int = 6) -> Path:
        """Kill a run in its step `at`; the folder of its checkpoints."""
        with pytest.raises(Killed):
            self(name, kill=at)
        assert not (self.folder / name).exists()
        (checkpoints,) = self.folder.glob(f".checkpoints-{name}-*")
        return checkpoints


@pytest.fixture(scope="module")
def run(words: "PreTrainedTokenizerBase", examples: list[Example], tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(words, examples, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def whole(run: Run) -> tuple[bytes, list]:
    """Weights and log of a run that nothing interrupts."""
    log = run("whole")
    return weights(run.folder / "whole"), log


def test_a_killed_run_goes_on_to_the_same_bytes_and_log(run: Run, whole: tuple[bytes, list]) -> None:
    checkpoints = run.killed("killed")
    assert [path.name for path in checkpoints.iterdir()] == ["checkpoint-4"]
    log = run("killed")
    assert run.steps == 3
    assert weights(run.folder / "killed") == whole[0]
    assert log == whole[1]


def test_a_half_written_checkpoint_is_not_used(run: Run, whole: tuple[bytes, list]) -> None:
    """Neither one without its last file nor one whose last file is cut off."""
    import shutil

    checkpoints = run.killed("half")
    last = checkpoints / "checkpoint-4"
    for step, state in ((5, None), (6, ""), (7, '{"global_step": 7,')):
        half = checkpoints / f"checkpoint-{step}"
        shutil.copytree(last, half)
        (half / "model.safetensors").write_bytes(weights(last)[:1000])
        (half / "trainer_state.json").unlink()
        if state is not None:
            (half / "trainer_state.json").write_text(state)
    run("half")
    assert weights(run.folder / "half") == whole[0]


@pytest.mark.parametrize("what", ["seed", "data", "boundary"])
def test_with_anything_changed_a_run_starts_anew(run: Run, what: str) -> None:
    """Another seed, other examples, or the same tokens of which more are prompt."""
    options: dict[str, Any] = {
        "seed": {"seed": 1},
        "data": {"examples": [*run.examples[:-1], run.examples[0]]},
        "boundary": {"examples": [Example(e.ids, e.prompt_length + 1) for e in run.examples]},
    }[what]
    run.killed(what)
    run(what, **options)
    assert run.steps == TRAINING.steps
    assert len(list(run.folder.glob(f".checkpoints-{what}-*"))) == 1


def test_two_runs_are_the_same_to_the_byte_and_another_seed_is_not(run: Run, whole: tuple[bytes, list]) -> None:
    assert run("again") == whole[1]
    assert weights(run.folder / "again") == whole[0]
    run("other", seed=1)
    assert weights(run.folder / "other") != whole[0]


def test_the_log_has_the_held_out_loss_at_the_steps_asked_for(run: Run, whole: tuple[bytes, list]) -> None:
    from raw2fig.lm.models import load

    probed = {record["step"]: record for record in whole[1] if "held_out_loss" in record}
    assert set(probed) == {3, 7}
    losses = sample_losses(load(str(run.folder / "whole"))[0], run.words, run.examples[:3])
    assert probed[7]["held_out_loss"] == pytest.approx(losses.mean(), rel=1e-6)
    assert probed[7]["held_out_error"] == pytest.approx(losses.std(ddof=1) / 3**0.5, rel=1e-6)
    assert probed[7]["held_out_samples"] == 3
    trained = [record for record in whole[1] if "loss" in record]
    assert [record["step"] for record in trained] == list(range(1, 8))


def test_training_stops_where_it_is_told_to_at_a_constant_rate(run: Run) -> None:
    asked: list[int] = []

    def stop(_: "PreTrainedModel", step: int) -> bool:
        asked.append(step)
        return step == 5

    settings = changed(TRAINING, constant=True, warmup=0.0)
    log = fine_tune(toy_network(run.words), run.words, run.examples, settings, run.folder / "stopped", 0, stop=stop)
    assert asked == [1, 2, 3, 4, 5]
    assert [record["step"] for record in log] == asked
    assert {record["learning_rate"] for record in log} == {settings.lr}
    assert (run.folder / "stopped/model.safetensors").exists()


def test_no_example_is_refused(words: "PreTrainedTokenizerBase", tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no training example"):
        fine_tune(toy_network(words), words, [], TRAINING, tmp_path / "model", 0)

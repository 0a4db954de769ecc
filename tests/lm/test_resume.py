"""Steps of several trainings, killed after each of their checkpoints, against the same steps run without a kill."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from recipes import changed, recipe, training
from toy_language import GENES, PAIRS, PROMPTS, Killed, toy_examples, toy_network

from raw2fig.lm.finetune import fine_tune
from raw2fig.lm.reward_model import Pairs, load_reward_model, train_on_pairs
from raw2fig.tables import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

STEPS, EVERY, RUNS = 3, 2, 2
CHECKPOINTS = 2
"""Checkpoints of each run: after step 2, and after the last one. That is in the middle of an epoch: at its end, the
Trainer would find nothing to take one step too many on."""
TRAINING = training(steps=STEPS, batch=2, lr=1e-2, checkpoint_every=EVERY)


def sft(base: Path, folder: Path) -> None:
    """The step, with an arm for each half of the corpus; its outputs appear when it ends."""
    from raw2fig.papers.c2s.train import Encoding
    from raw2fig.papers.c2s.train import sft as step
    from raw2fig.step import run_step

    frame = pd.DataFrame(PAIRS, columns=["prompt", "response"]).assign(task="generation", split="train")
    names = [f"arm{run}" for run in range(RUNS)]
    for run, name in enumerate(names):
        frame[run::RUNS].to_parquet(base.parent / f"{name}.parquet")
    made: dict[str, Any] = {"models": [folder / name for name in names]}
    made["logs"] = [folder / f"{name}.json" for name in names]
    settings = {"training": changed(TRAINING, batch=4), "encoding": Encoding(max_length=64), "replicate": 0}
    run_step(step, {"corpora": [base.parent / f"{name}.parquet" for name in names], "base": base, **made, **settings})


def rewards(base: Path, folder: Path) -> None:
    """Reward models with two first heads."""
    for run in range(RUNS):
        network, words = load_reward_model(str(base), head=False, seed=run)
        pairs = Pairs(PROMPTS, ["G1 G2", "G3", "G5", "G1"], ["G2 G1", "G4", "G6", "G2"])
        write_json(train_on_pairs(network, words, pairs, TRAINING, folder / f"{run}", 0), folder / f"{run}.json")


def scheduled(base: Path, folder: Path) -> None:
    """Given batches of different sizes, by either average of the losses."""
    from raw2fig.lm.batches import Optimiser
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.models import load
    from raw2fig.lm.scheduled import Machine, fine_tune_on

    optimiser = Optimiser(lr=0.01, warmup=0.5, beta2=0.99, weight_decay=0)
    machine = Machine(gradient_checkpointing=False, checkpoint_every=EVERY)
    for run, reduction in zip(range(RUNS), ("token", "sample"), strict=True):
        network, words = load(str(base), train=True)
        batches = [np.array([0, 1, 2]), np.array([3]), np.array([4, 5])]
        losses = fine_tune_on(
            network, words, toy_examples(words), batches, optimiser, reduction, machine, folder / f"{run}", 0
        )
        write_json(losses, folder / f"{run}.json")
    for run in range(RUNS):
        discard(folder / f"{run}")


def reinforced(base: Path, folder: Path) -> None:
    """GRPO with two learning rates, batches in flight, and policies that are kept."""
    from raw2fig.lm.checkpoint import discard
    from raw2fig.rl.trainer import grpo

    def score(completions: list[str], prompts: list[int], step: int) -> list[float]:
        return [float(len(text.split()) % 3) for text in completions]

    for run in range(RUNS):
        settings = recipe(
            steps=STEPS,
            prompts=2,
            generations=4,
            lr=0.01 * (run + 1),
            off_policy="pipeline",
            k=2,
            max_new_tokens=6,
            checkpoint_every=EVERY,
        )
        log = grpo(base, PROMPTS, score, settings, folder / f"{run}", 0, GENES, keep_at=(0, EVERY, STEPS))
        write_json(log, folder / f"{run}.json")
    for run in range(RUNS):
        discard(folder / f"{run}")


def all_bytes(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`, checkpoints included."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.training
@pytest.mark.parametrize("trainings", [sft, rewards, scheduled, reinforced])
def test_a_kill_after_any_checkpoint_changes_nothing(
    trainings: Callable[[Path, Path], None], base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after that of the last step, whose training must not go one step further."""
    from transformers import Trainer

    (tmp_path / "whole").mkdir()
    trainings(base, tmp_path / "whole")
    expected = all_bytes(tmp_path / "whole")
    assert sum(name.endswith("model.safetensors") for name in expected) == RUNS
    save, saved = Trainer._save_checkpoint, 0

    def killing(*arguments: Any) -> None:
        nonlocal saved
        save(*arguments)
        saved += 1
        if saved == kill:
            raise Killed

    monkeypatch.setattr(Trainer, "_save_checkpoint", killing)
    for kill in range(1, RUNS * CHECKPOINTS + 1):
        folder, saved = tmp_path / f"killed{kill}", 0
        folder.mkdir()
        with pytest.raises(Killed):
            trainings(base, folder)
        for half_done in folder.glob("[!.]*"):  # a step's are removed when it begins anew
            shutil.rmtree(half_done) if half_done.is_dir() else half_done.unlink()
        trainings(base, folder)
        assert all_bytes(folder) == expected, f"after checkpoint {kill}"


@pytest.mark.training
def test_a_training_that_was_stopped_is_stopped_when_it_goes_on(
    words: "PreTrainedTokenizerBase", tmp_path: Path
) -> None:
    """Killed between the checkpoint of the step at which it was stopped and its end."""

    def stopped(name: str, examples: list) -> tuple[list, list[int]]:
        asked: list[int] = []

        def stop(_: "PreTrainedModel", step: int) -> bool:
            asked.append(step)
            return step == EVERY

        return fine_tune(toy_network(words), words, examples, TRAINING, tmp_path / name, 0, stop=stop), asked

    examples = toy_examples(words)
    log, asked = stopped("model", examples)
    assert asked == [1, 2]
    whole = all_bytes(tmp_path / "model")
    assert list(tmp_path.glob(".checkpoints-*/checkpoint-2"))
    again, asked = stopped("model", examples)
    assert asked == []
    assert again == log
    assert all_bytes(tmp_path / "model") == whole

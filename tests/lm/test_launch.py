"""One training over several processes: the model of one process, whole, with nothing left beside it."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from recipes import training
from toy_language import PAIRS, toy_examples, toy_network, toy_words

from raw2fig.lm.batches import Optimiser, train_on
from raw2fig.lm.finetune import sample_losses
from raw2fig.lm.models import load, save
from raw2fig.papers.c2s.train import Encoding, sft
from raw2fig.results import flags
from raw2fig.tables import read_json, read_yaml

if TYPE_CHECKING:
    import torch

pytestmark = pytest.mark.training
ROOT = Path(__file__).parents[2]
STEPS, BATCH = 5, 4
SCHEDULE = [[0, 1, 2, 3, 4], [5], [6, 7], [8, 9, 10]]
"""Batches, one of which is smaller than the number of processes."""
OPTIMISER = Optimiser(lr=0.003, warmup=0.25, beta2=0.99, weight_decay=0.01)
ALONE = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base model, a corpus, and what one process makes of them with the batch of two."""
    import torch

    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("launch")
    words = toy_words(folder / "words")
    save(toy_network(words), words, folder / "base")
    corpus = pd.DataFrame(PAIRS, columns=["prompt", "response"]).assign(task="generation", split="train")
    corpus.to_parquet(folder / "corpus.parquet")
    (folder / "one").mkdir()
    sft(
        corpora=[folder / "corpus.parquet"],
        base=folder / "base",
        models=[folder / "one" / "model"],
        logs=[folder / "one" / "log.json"],
        training=training(steps=STEPS, batch=2 * BATCH, lr=3e-3),
        encoding=Encoding(max_length=64),
        replicate=0,
    )
    return folder


def command(folder: Path, name: str) -> list[str]:
    """`raw2fig c2s sft` with half the batch."""
    settings = flags(training(steps=STEPS, batch=BATCH, lr=3e-3, checkpoint_every=2).model_dump())
    words = ["c2s", "sft", "--replicate", "0", "--max-length", "64", *shlex.split(settings)]
    files = {"corpora": "corpus.parquet", "base": "base", "models": f"{name}/model", "logs": f"{name}/log.json"}
    return words + [part for flag, path in files.items() for part in (f"--{flag}", str(folder / path))]


def state(folder: Path) -> "dict[str, torch.Tensor]":
    return load(str(folder))[0].state_dict()


def assert_same_training(folder: Path, name: str, tolerance: float = 1e-4) -> None:
    """`name` holds one whole model and its log, both those of a single process, and nothing else."""
    import torch

    assert sorted(path.name for path in (folder / name).iterdir()) == ["log.json", "model"]
    kinds = [sorted(path.name for path in (folder / run / "model").iterdir()) for run in (name, "one")]
    assert kinds[0] == kinds[1]
    start, one, found = (state(folder / path) for path in ("base", "one/model", f"{name}/model"))
    assert found.keys() == one.keys()
    for weight, expected in one.items():
        torch.testing.assert_close(found[weight], expected, atol=tolerance, rtol=0)
    assert max((one[weight] - start[weight]).abs().max() for weight in one) > 50 * tolerance
    logs = [read_json(folder / run / "log.json") for run in (name, "one")]
    assert [record["step"] for record in logs[0]["log"]] == list(range(1, STEPS + 1))
    for record, expected in zip(logs[0]["log"], logs[1]["log"], strict=True):
        assert record == pytest.approx(expected, abs=1e-4)


def test_the_launcher_of_the_paper_scale_with_two_processes(folder: Path) -> None:
    """On CPUs, which speak by gloo: accelerate does not shard there (and with `--cpu` starts but one process)."""
    launch = read_yaml(ROOT / "config/paper.yaml")["c2s"]["launch"].replace("{processes}", "2")
    words = shlex.split(launch.replace(" launch ", " launch --mixed_precision no "))
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [*words, "raw2fig", *command(folder, "launched")],
        env={**os.environ, **ALONE, "ACCELERATE_USE_CPU": "true", "PATH": path},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("MB at most") == 2
    assert_same_training(folder, "launched")


@pytest.fixture(scope="module")
def sharded(folder: Path) -> dict[str, list[int]]:
    """Exit status of the two processes of each job, all with FSDP2."""
    jobs: dict[str, dict[str, Any]] = {
        "killed": {"step": command(folder, "sharded"), "kill": 4},
        "resumed": {"step": command(folder, "sharded")},
        "grpo": {"grpo": {"base": str(folder / "base"), "output": str(folder / "grpo")}},
        "scheduled": {
            "scheduled": {
                **{"base": str(folder / "base"), "output": str(folder / "scheduled")},
                **{"batches": SCHEDULE, "optimiser": OPTIMISER.model_dump()},
            }
        },
    }
    program = Path(__file__).with_name("two_processes.py")
    done = subprocess.run(
        [sys.executable, str(program), json.dumps(list(jobs.values()))],
        env={**os.environ, **ALONE},
        stdout=subprocess.PIPE,
        text=True,
        timeout=900,
        check=True,
    )
    return dict(zip(jobs, json.loads(done.stdout), strict=True))


def test_a_sharded_run_that_is_killed_goes_on_and_its_model_is_whole(
    folder: Path, sharded: dict[str, list[int]]
) -> None:
    assert sharded["killed"] == [9, 9]
    assert sharded["resumed"] == [0, 0]
    assert_same_training(folder, "sharded")


def test_given_batches_over_two_processes(folder: Path, sharded: dict[str, list[int]]) -> None:
    """The losses and the model of one process, though the batches are of any size."""
    assert sharded["scheduled"] == [0, 0]
    network, words = load(str(folder / "base"), train=True)
    examples, batches = toy_examples(words), [np.array(rows) for rows in SCHEDULE]
    before = sample_losses(network, words, examples)
    losses = train_on(network, words.pad_token_id, examples, batches, OPTIMISER, "sample")
    assert json.loads((folder / "scheduled.json").read_text()) == pytest.approx(losses, abs=1e-4)
    # not the weights: those of biases without a gradient are rounding
    after, found = (sample_losses(one, words, examples) for one in (network, load(str(folder / "scheduled"))[0]))
    np.testing.assert_allclose(found, after, atol=1e-4)
    assert np.abs(after - before).min() > 0.01


def test_grpo_with_a_sharded_policy(folder: Path, sharded: dict[str, list[int]]) -> None:
    """Processes whose completions end at different lengths stay in step, and log the same."""
    assert sharded["grpo"] == [0, 0]
    logs = [json.loads((folder / f"grpo-{rank}.json").read_text()) for rank in range(2)]
    assert logs[0] == logs[1]
    assert [record["step"] for record in logs[0]] == [1, 2, 3]
    assert logs[0][0]["kl"] == pytest.approx(0, abs=1e-9)
    assert logs[0][-1]["kl"] > 0
    start, found = state(folder / "base"), state(folder / "grpo")
    assert max((found[name] - start[name]).abs().max() for name in start) > 1e-4

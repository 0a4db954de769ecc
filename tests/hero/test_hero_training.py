"""From sums to scores by the commands, as the rules call them: cold start, reward model, RL by several arms, scores."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import status_of

from raw2fig.papers.hero.answers import rule_labels, true_labels
from raw2fig.papers.hero.reward_model import pairs_of

RUNS = ("verifier_only-group-0", "hero-none-0", "hero-none-0.3", "hero_no_weight-group-0", "hero-group-0")
UPDATES = 4


def call(*words: object) -> int:
    """Exit status of `raw2fig hero ...`."""
    return status_of("hero", *words)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sums of one digit, the policy that RL starts from, two reward models, and runs on the hard set."""
    folder = tmp_path_factory.mktemp("hero")
    sizes = ("--digits", 1, "--warm-start", 60, "--train", 20, "--validation", 10, "--held-out", 10)
    assert call("problems", *sizes, "--problems", folder / "p.parquet", "--tokenizer", folder / "words") == 0
    sets = [w for n in ("easy", "mixed", "hard") for w in (f"--{n}", folder / f"{n}.parquet")]
    given = ("--pool", folder / "p.parquet", "--held-out", folder / "p.parquet", "--size", 12, "--words", 2)
    assert call("stratify", *given, *sets, "--report", folder / "regimes.json") == 0
    shape = ("--shape", "32/1/2", "--batch", 32, "--lr", 0.01, "--target", 0.3)
    made = ("--model", folder / "start", "--log", folder / "start.json")
    given = ("--problems", folder / "p.parquet", "--tokenizer", folder / "words")
    assert call("cold-start", *given, *shape, *made) == 0
    judges = (folder / "rm0", folder / "rm3")
    made = ("--models", *judges, "--rollouts", folder / "rollouts.parquet", "--log", folder / "rm.json")
    size = ("--prompts", 40, "--steps", 30, "--batch", 16, "--lr", 0.003)
    given = ("--base", folder / "start", "--problems", folder / "p.parquet")
    assert call("reward-model", *given, "--noises", 0, 0.3, *size, *made) == 0
    assert train(folder, folder) == 0
    return folder


def train(folder: Path, output: Path, problems: str = "hard", runs: tuple[str, ...] = RUNS, **flags: Any) -> int:
    given = ("--base", folder / "start", "--reward-models", folder / "rm0", folder / "rm3")
    given += ("--reward-model-names", "0", "0.3", "--problems", folder / f"{problems}.parquet", "--runs", *runs)
    made = ("--models", *(output / run for run in runs), "--logs", *(output / f"{run}.json" for run in runs))
    settings = {"updates": UPDATES, "prompts": 4, "generations": 4, "lr": 1e-3, "warmup": 0, **flags}
    return call("train", *given, *(w for name, value in settings.items() for w in (f"--{name}", value)), *made)


def log(folder: Path, run: str) -> dict[str, Any]:
    return json.loads((folder / f"{run}.json").read_text())


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_rollouts_tell_the_truth_and_the_rule(folder: Path) -> None:
    frame = pd.read_parquet(folder / "rollouts.parquet")
    assert len(frame) == 20 * 8
    answers, texts = frame["answer"].tolist(), frame["completion"].tolist()
    assert frame["truth"].tolist() == true_labels("digits", answers, texts).tolist()
    assert frame["rule"].tolist() == rule_labels("string", "digits", answers, texts).tolist()
    assert (frame["rule"] <= frame["truth"]).all()
    assert np.isfinite(frame[["rm_0", "rm_0.3"]]).all().all()
    assert (frame["rm_0"] != frame["rm_0.3"]).any()
    first, second = json.loads((folder / "rm.json").read_text())
    assert first["noise"] == 0
    assert second["noise"] == 0.3
    assert 0 <= first["auroc_train"]["value"] <= 1


def test_pairs_are_of_one_prompt_with_unlike_labels_and_use_a_completion_once() -> None:
    frame = pd.DataFrame({"prompt": np.repeat(["a", "b", "c"], 4), "completion": [f"t{i}" for i in range(12)]})
    labels = np.array([[1, 0, 0, 1], [1, 1, 1, 1], [0, 0, 1, 0]], dtype=bool)
    pairs = pairs_of(frame, labels, np.random.default_rng(0))
    assert sorted(pairs.prompts) == ["a", "a", "c"]
    kind = dict(zip(frame["completion"], labels.ravel(), strict=True))
    of = dict(zip(frame["completion"], frame["prompt"], strict=True))
    for prompt, better, worse in zip(*pairs, strict=True):
        assert of[better] == of[worse] == prompt
        assert kind[better]
        assert not kind[worse]
    assert len({*pairs.better, *pairs.worse}) == 6


def test_check_13_verifier_only_does_not_move_where_the_rule_accepts_nothing(folder: Path) -> None:
    assert weights(folder / "verifier_only-group-0") == weights(folder / "start")
    for record in log(folder, "verifier_only-group-0")["updates"]:
        assert record["shaping/uniform_groups"] == 1
        assert record["shaping/nonzero_groups"] == 0
    assert weights(folder / "hero-none-0") != weights(folder / "start")
    assert max(record["shaping/nonzero_groups"] for record in log(folder, "hero-none-0")["updates"]) > 0.5


def test_check_17_logs_tell_of_signals_and_truth(folder: Path) -> None:
    for run in RUNS:
        told = log(folder, run)
        assert [told["arm"], told["scale"], told["reward_model"]] == run.split("-")
        assert len(told["updates"]) == UPDATES
        for record in told["updates"]:
            assert record["shaping/rule"] <= record["shaping/truth"] <= 1
            assert {"shaping/rm", "shaping/uniform_groups", "shaping/weight", "shaping/sigma_u"} <= record.keys()
            assert {"shaping/abs_advantage_uniform", "shaping/abs_advantage_mixed"} & record.keys()
    assert (
        log(folder, "hero-none-0")["updates"][0]["shaping/rm"]
        != log(folder, "hero-none-0.3")["updates"][0]["shaping/rm"]
    )


def test_check_08_the_weight_changes_nothing_that_is_learned_under_group_scale(folder: Path) -> None:
    from safetensors.torch import load_file

    with_weight, without = (load_file(folder / run / "model.safetensors") for run in RUNS[-1:-3:-1])
    start = load_file(folder / "start/model.safetensors")
    moved = max(float((with_weight[name] - start[name]).abs().max()) for name in start)
    apart = max(float((with_weight[name] - without[name]).abs().max()) for name in start)
    assert apart < moved / 100


def test_arms_of_a_job_are_those_of_jobs_of_their_own(folder: Path, tmp_path: Path) -> None:
    assert train(folder, tmp_path, runs=("hero-none-0",)) == 0
    assert weights(tmp_path / "hero-none-0") == weights(folder / "hero-none-0")
    assert log(tmp_path, "hero-none-0") == log(folder, "hero-none-0")
    assert train(folder, tmp_path / "seed", runs=("hero-none-0",), seed=1) == 0
    assert weights(tmp_path / "seed/hero-none-0") != weights(folder / "hero-none-0")


def test_scores_are_paired_and_of_the_right_policy(folder: Path, tmp_path: Path) -> None:
    names = ("start/-/0", "hard/verifier_only-group-0/0", "hard/hero-none-0/0")
    models = (folder / "start", folder / RUNS[0], folder / RUNS[1])
    given = (
        "--models",
        *models,
        "--names",
        *names,
        "--reward-model",
        folder / "rm0",
        "--problems",
        folder / "p.parquet",
    )
    assert call("evaluate", *given, "--scores", tmp_path / "scores.parquet") == 0
    frame = pd.read_parquet(tmp_path / "scores.parquet")
    start, same, moved = (frame[frame["run"] == run].reset_index(drop=True) for run in ("-", RUNS[0], RUNS[1]))
    values = ["truth", "rule", "rm"]
    assert start[values].equals(same[values])  # the same weights and random numbers
    assert not start[values].equals(moved[values])
    assert len(frame) == 3 * 20
    assert (frame["rule"] <= frame["truth"]).all()


def test_mistakes_are_told_in_one_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for runs, told in ((("hero-none-7",), "reward model '7'"), (("hero-nono-0",), "scale 'nono'")):
        assert train(folder, tmp_path, runs=runs) == 2
        assert told in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())

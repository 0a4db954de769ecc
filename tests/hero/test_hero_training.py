"""From sums to scores by the commands, as the rules call them: cold start, reward model, RL by several arms, scores."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from command_line import status_of
from sklearn.metrics import roc_auc_score

from raw2fig.errors import InputError
from raw2fig.lm.models import build_llama, load_tokenizer, parse_size, save
from raw2fig.lm.reward_model import Pairs
from raw2fig.papers.hero import evaluate
from raw2fig.papers.hero.answers import rule_labels, true_labels
from raw2fig.papers.hero.evaluate import aurocs
from raw2fig.papers.hero.reward_model import pairs_of

pytestmark = pytest.mark.training
RUNS = ("verifier_only-group-0", "hero-none-0", "hero-none-0.3")
NOISES = {"0": "rm0", "0.3": "rm3"}
UPDATES, TOKENS = 4, 5


JUDGED = ("--generations", 8, "--max-new-tokens", TOKENS, "--replicate", 0)
"""What a reward model scores."""


def call(*words: object) -> int:
    """Exit status of `raw2fig hero ...`."""
    return status_of("hero", *words)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sums of one digit, the policy that RL starts from, two reward models, and runs on the hard set."""
    folder = tmp_path_factory.mktemp("hero")
    sizes = ("--digits", 1, "--warm-start", 60, "--train", 20, "--validation", 10, "--held-out", 10)
    assert call("problems", *sizes, "--replicate", 0, "--problems", folder / "p.parquet") == 0
    sets = [w for n in ("easy", "mixed", "hard") for w in (f"--{n}", folder / f"{n}.parquet")]
    given = ("--pool", folder / "p.parquet", "--held-out", folder / "p.parquet", "--size", 12, "--words", 2)
    assert call("stratify", *given, *sets, "--report", folder / "regimes.json", "--replicate", 0) == 0
    cold_start(folder, folder / "start", replicate=0, steps=1000)
    size = ("--prompts", 40, "--steps", 100, "--batch", 16, "--lr", 0.003, *JUDGED)
    given = ("--base", folder / "start", "--problems", folder / "p.parquet")
    for noise, name in NOISES.items():
        made = ("--model", folder / name, "--rollouts", folder / f"{name}.parquet", "--log", folder / f"{name}.json")
        assert call("reward-model", *given, "--noise", noise, *size, *made) == 0
    assert train(folder, folder) == 0
    return folder


def cold_start(folder: Path, model: Path, replicate: int, steps: int) -> None:
    shape = ("--shape", "32/1/2", "--batch", 32, "--lr", 0.01, "--target", 0.3, "--max-new-tokens", TOKENS)
    made = ("--model", model, "--log", model.with_suffix(".json"))
    given = ("--problems", folder / "p.parquet", "--replicate", replicate, "--steps", steps)
    assert call("cold-start", *given, *shape, *made) == 0


def train(folder: Path, output: Path, problems: str = "hard", runs: tuple[str, ...] = RUNS, **flags: Any) -> int:
    given = ("--base", folder / "start", "--reward-models", *(folder / name for name in NOISES.values()))
    given += ("--reward-model-names", *NOISES, "--problems", folder / f"{problems}.parquet", "--runs", *runs)
    made = ("--models", *(output / run for run in runs), "--logs", *(output / f"{run}.json" for run in runs))
    settings = {
        "steps": UPDATES,
        "prompts": 4,
        "generations": 4,
        "lr": 1e-3,
        "warmup": 0,
        "alpha": 0.1,
        "replicate": 0,
        **flags,
    }
    return call("train", *given, *(w for name, value in settings.items() for w in (f"--{name}", value)), *made)


def log(folder: Path, run: str) -> dict[str, Any]:
    return json.loads((folder / f"{run}.json").read_text())


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def test_two_replicates_start_apart_and_one_starts_the_same_each_time(folder: Path, tmp_path: Path) -> None:
    for name, replicate in (("first", 0), ("again", 0), ("other", 1)):
        cold_start(folder, tmp_path / name, replicate, steps=1)
    assert weights(tmp_path / "first") == weights(tmp_path / "again")
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "again.json").read_bytes()
    assert weights(tmp_path / "first") != weights(tmp_path / "other")


def test_rollouts_tell_the_truth_and_the_rule(folder: Path) -> None:
    frame, noisy = (pd.read_parquet(folder / f"{name}.parquet") for name in NOISES.values())
    assert len(frame) == 20 * 8
    answers, texts = frame["answer"].tolist(), frame["completion"].tolist()
    assert frame["truth"].tolist() == true_labels("digits", answers, texts).tolist()
    assert frame["rule"].tolist() == rule_labels("string", "digits", answers, texts).tolist()
    assert (frame["rule"] <= frame["truth"]).all()
    apart = ["rm", "noise"]
    assert frame.drop(columns=apart).equals(noisy.drop(columns=apart))
    assert np.isfinite([frame["rm"], noisy["rm"]]).all()
    assert (frame["rm"] != noisy["rm"]).any()
    for noise, name in NOISES.items():
        told = log(folder, name)
        assert (told["noise"], told["replicate"]) == (float(noise), 0)
        assert 0 <= told["auroc_train"] <= 1


def test_without_noise_the_reward_model_learns_that_true_answers_are_better(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With noise, every label is turned with its probability: at 1, all of them."""
    shown: list[Pairs] = []

    def train_on_pairs(network: Any, words: Any, pairs: Pairs, *_: Any) -> list[dict[str, float]]:
        shown.append(pairs)
        raise InputError("pairs", "are not trained on", "here")

    monkeypatch.setattr("raw2fig.lm.reward_model.train_on_pairs", train_on_pairs)
    given = ("--base", folder / "start", "--problems", folder / "p.parquet", "--prompts", 40, *JUDGED)
    made = ("--model", tmp_path / "m", "--rollouts", tmp_path / "r.parquet", "--log", tmp_path / "l.json")
    for noise in (0, 1):
        assert call("reward-model", *given, "--noise", noise, *made) == 2
    answers = pd.read_parquet(folder / "p.parquet").set_index("prompt")["answer"]
    for pairs, right, wrong in zip(shown, (1, 0), (0, 1), strict=True):
        gold = answers[pairs.prompts].tolist()
        assert set(true_labels("digits", gold, pairs.better).tolist()) == {right}
        assert set(true_labels("digits", gold, pairs.worse).tolist()) == {wrong}


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
    assert max(record["shaping/nonzero_groups"] for record in log(folder, "hero-none-0")["updates"]) > 0


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


def test_check_08_the_weight_changes_nothing_that_is_learned_under_group_scale(folder: Path, tmp_path: Path) -> None:
    """In one update: later ones have completions of policies that are no longer the same to the last digit."""
    from safetensors.torch import load_file

    runs = ("hero-group-0", "hero_no_weight-group-0")
    assert train(folder, tmp_path, runs=runs, steps=1) == 0
    paths = (folder / "start", *(tmp_path / run for run in runs))
    start, with_weight, without = (load_file(path / "model.safetensors") for path in paths)
    moved, apart = (
        np.mean([float((with_weight[name] - other[name]).abs().mean()) for name in start]) for other in (start, without)
    )
    assert apart < moved / 100


def test_arms_of_a_job_are_those_of_jobs_of_their_own(folder: Path, tmp_path: Path) -> None:
    assert train(folder, tmp_path, runs=("hero-none-0",)) == 0
    assert weights(tmp_path / "hero-none-0") == weights(folder / "hero-none-0")
    assert log(tmp_path, "hero-none-0") == log(folder, "hero-none-0")
    assert train(folder, tmp_path / "other", runs=("hero-none-0",), replicate=1) == 0
    assert weights(tmp_path / "other/hero-none-0") != weights(folder / "hero-none-0")


def test_scores_are_paired_and_of_the_right_policy(folder: Path, tmp_path: Path) -> None:
    policies = {
        "start/-": folder / "start",
        "hard/verifier_only-group-0": folder / RUNS[0],
        "hard/other": tmp_path / "other",
    }
    words = load_tokenizer(str(folder / "start"))
    save(build_llama(parse_size("32/1/2"), words, 64, 5), words, tmp_path / "other")

    def evaluated(*names: str, replicate: int = 0) -> pd.DataFrame:
        given = ("--models", *(policies[name] for name in names), "--names", *names)
        given += ("--reward-model", folder / "rm0", "--problems", folder / "p.parquet", "--max-new-tokens", TOKENS)
        assert call("evaluate", *given, "--replicate", replicate, "--scores", tmp_path / "scores.parquet") == 0
        return pd.read_parquet(tmp_path / "scores.parquet")

    frame = evaluated(*policies)
    apart = [evaluated("start/-"), evaluated(*list(policies)[1:])]
    assert pd.concat(apart, ignore_index=True).equals(frame)
    again = evaluated("start/-", replicate=1)
    assert set(frame["replicate"]) == {0}
    assert set(again["replicate"]) == {1}
    assert again["truth"].tolist() != apart[0]["truth"].tolist()
    assert frame["auroc"].isna().equals((frame["truth"] == 0) | (frame["truth"] == 1))
    assert frame["auroc"].dropna().between(0, 1).all()
    start, same, other = (frame[frame["run"] == run].reset_index(drop=True) for run in ("-", RUNS[0], "other"))
    values = ["truth", "rule", "rm", "auroc"]
    assert start[values].equals(same[values])  # the same weights and random numbers
    assert not start[values].equals(other[values])
    assert len(frame) == 3 * 20
    assert (frame["rule"] <= frame["truth"]).all()


def test_scores_that_know_the_truth_have_the_auroc_of_one(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Completions are right now and then, and a reward model of the test scores them by whether they are."""
    from raw2fig.lm import reward_model

    truths: list[float] = []

    def labels(reading: object, answers: list[str], texts: list[str]) -> list[float]:
        truths[:] = [float(number % 3 == 0) for number in range(len(texts))]
        return truths

    monkeypatch.setattr(evaluate, "true_labels", labels)
    for sign, auroc in ((1, 1.0), (-1, 0.0)):
        monkeypatch.setattr(reward_model, "scores", lambda *given, sign=sign, **more: [sign * one for one in truths])
        given = ("--models", folder / "start", "--names", "start/-", "--reward-model", folder / "rm0")
        given += ("--problems", folder / "p.parquet", "--max-new-tokens", TOKENS, "--replicate", 0)
        assert call("evaluate", *given, "--scores", tmp_path / "scores.parquet") == 0
        assert set(pd.read_parquet(tmp_path / "scores.parquet")["auroc"]) == {auroc}


def test_auroc_of_groups_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth, rm = rng.random((30, 5)) < 0.3, rng.integers(0, 4, (30, 5)).astype(float)
    expected = [roc_auc_score(*group) if 0 < group[0].sum() < 5 else np.nan for group in zip(truth, rm, strict=True)]
    assert np.isnan(expected).any()
    np.testing.assert_allclose(aurocs(truth, rm), expected)


def test_mistakes_are_told_in_one_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for runs, told in ((("hero-none-7",), "reward model '7'"), (("hero-nono-0",), "scale 'nono'")):
        assert train(folder, tmp_path, runs=runs) == 2
        assert told in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())

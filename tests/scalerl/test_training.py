"""From problems to a curve: splits, the warm start, a training by a recipe of the file, its evaluation and its fit."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from raw2fig import cli
from raw2fig.errors import InputError
from raw2fig.papers.scalerl.fit import fit
from raw2fig.papers.scalerl.train import SETTINGS, compute_of
from raw2fig.rl.arms import read_arm
from raw2fig.rl.recipe import Recipe
from raw2fig.tasks.problems import SPLITS, read_problems

ROOT = Path(__file__).parents[2]
ARMS = ROOT / "config/scalerl/arms.yaml"
UPDATES, KEPT = 12, 2


def call(*words: object) -> int:
    """Exit status of `raw2fig scalerl ...`."""
    with pytest.raises(SystemExit) as end:
        cli.main(["scalerl", *map(str, words)])
    return int(end.value.code or 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Problems of one digit, which are learned in seconds, and the policy that RL starts from."""
    folder = tmp_path_factory.mktemp("scalerl")
    sizes = {"warm-start": 60, "train": 20, "validation": 10, "held-out": 10}
    flags = [word for name, size in sizes.items() for word in (f"--{name}", size)]
    made = ("--problems", folder / "problems.parquet", "--tokenizer", folder / "words")
    assert call("problems", "--digits", 1, *flags, *made) == 0
    given = ("--problems", folder / "problems.parquet", "--tokenizer", folder / "words")
    shape = ("--shape", "32/1/2", "--batch", 32, "--lr", 0.01, "--target", 0.3, "--thoughts", 0.5)
    assert call("warm-start", *given, *shape, "--model", folder / "base", "--log", folder / "base.json") == 0
    return folder


def train(folder: Path, output: Path, arm: str = "scalerl", **flags: Any) -> tuple[Path, Path]:
    """A run's model folder and log."""
    model, log = output / "model", output / "log.json"
    settings = {"updates": UPDATES, "keep-every": KEPT, "prompts": 4, "generations": 4, "lr": 3e-3, **flags}
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    given = ("--base", folder / "base", "--problems", folder / "problems.parquet", "--arms", ARMS, "--arm", arm)
    assert call("train", *given, *words, "--model", model, "--log", log) == 0
    return model, log


def evaluate(folder: Path, output: Path, split: str = "held_out") -> pd.DataFrame:
    curve = output / f"{split}.csv"
    given = ("--model", output / "model", "--log", output / "log.json", "--problems", folder / "problems.parquet")
    assert call("evaluate", *given, "--split", split, "--curve", curve) == 0
    return pd.read_csv(curve)


@pytest.fixture(scope="module")
def run(folder: Path) -> Path:
    """A run by ScaleRL's recipe."""
    train(folder, folder / "run")
    return folder / "run"


def test_check_17_no_prompt_is_in_two_splits(folder: Path) -> None:
    frame = pd.read_parquet(folder / "problems.parquet")
    assert not frame["prompt"].duplicated().any()
    assert frame["split"].value_counts().to_dict() == {"warm_start": 60, "train": 20, "validation": 10, "held_out": 10}
    double = folder / "double.parquet"
    pd.concat([frame, frame[frame["split"] == "train"].head(1).assign(split="held_out")]).to_parquet(double)
    for split in SPLITS:
        with pytest.raises(InputError, match="comes twice"):
            read_problems(double, split)


def test_check_17_only_prompts_of_the_split_train_are_reinforced(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import raw2fig.rl.trainer as trainer

    seen: list[str] = []

    def grpo(base: Path, prompts: list[str], *_: Any, **__: Any) -> list[dict[str, float]]:
        seen.extend(prompts)
        raise InputError("grpo", "is not run", "here")

    monkeypatch.setattr(trainer, "grpo", grpo)
    given = ("--base", folder / "base", "--problems", folder / "problems.parquet", "--arms", ARMS, "--arm", "grpo")
    assert call("train", *given, "--model", tmp_path / "model", "--log", tmp_path / "log.json") == 2
    frame = pd.read_parquet(folder / "problems.parquet")
    assert seen == frame.loc[frame["split"] == "train", "prompt"].tolist()


def test_the_warm_start_ends_at_its_target(folder: Path) -> None:
    rates = json.loads((folder / "base.json").read_text())["pass_rates"]
    *before, last = (record["pass_rate"] for record in rates)
    assert last >= 0.3
    assert all(rate < 0.3 for rate in before)
    assert before


def test_a_target_that_is_not_reached_is_told(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--problems", folder / "problems.parquet", "--tokenizer", folder / "words", "--shape", "32/1/2")
    made = ("--model", tmp_path / "base", "--log", tmp_path / "base.json")
    assert call("warm-start", *given, *made, "--longest", 25, "--target", 0.99) == 2
    assert "0.99 is not reached in 25 steps" in capsys.readouterr().err.splitlines()[-1]
    assert not list(tmp_path.iterdir())


def test_the_curve_starts_at_the_warm_start_and_counts_compute(folder: Path, run: Path) -> None:
    curve = evaluate(folder, run)
    assert curve["update"].tolist() == list(range(0, UPDATES + 1, KEPT))
    log = json.loads((run / "log.json").read_text())
    assert curve["compute"].tolist() == compute_of(log["updates"], log["parameters"])[::KEPT].tolist()
    assert curve["compute"][0] == 0
    assert (curve["compute"].diff()[1:] > 0).all()
    assert curve["pass_rate"].between(0, 1).all()
    assert evaluate(folder, run, "validation")["pass_rate"].tolist() != curve["pass_rate"].tolist()


def test_compute_by_hand() -> None:
    updates = [{"drawn_tokens": 10.0, "trained_tokens": 4.0}, {"drawn_tokens": 5.0, "trained_tokens": 0.0}]
    assert compute_of(updates, 100).tolist() == [0.0, 100 * (20 + 24), 100 * (20 + 24 + 10)]
    assert compute_of([], 100).tolist() == [0.0]


def test_the_policies_are_those_of_their_steps(run: Path) -> None:
    from safetensors.torch import load_file

    files = {int(path.stem): load_file(path) for path in (run / "model/policies").iterdir()}
    assert sorted(files) == list(range(0, UPDATES + 1, KEPT))
    final = load_file(run / "model/model.safetensors")
    base = load_file(run.parent / "base/model.safetensors")
    for name, weight in final.items():
        assert weight.equal(files[UPDATES][name])
        assert base[name].equal(files[0][name])
    assert any(not files[KEPT][name].equal(final[name]) for name in final)


def test_check_19_the_same_seed_gives_the_same_curve_to_the_byte(folder: Path, run: Path, tmp_path: Path) -> None:
    train(folder, tmp_path)
    evaluate(folder, tmp_path)
    evaluate(folder, run)
    assert (tmp_path / "held_out.csv").read_bytes() == (run / "held_out.csv").read_bytes()
    assert (tmp_path / "log.json").read_bytes() == (run / "log.json").read_bytes()
    train(folder, tmp_path / "other", seed=1)
    assert (tmp_path / "other/log.json").read_bytes() != (run / "log.json").read_bytes()


def test_a_curve_is_what_the_fit_reads(folder: Path, run: Path, tmp_path: Path) -> None:
    evaluate(folder, run)
    made = {name: tmp_path / f"fit.{name}" for name in ("svg", "png", "csv")}
    fit(curve=run / "held_out.csv", parameters=tmp_path / "fit.json", forecast=tmp_path / "forecast.csv", **made)
    report = json.loads((tmp_path / "fit.json").read_text())
    assert report["points"] == UPDATES // KEPT
    assert report["r0"] == pd.read_csv(run / "held_out.csv")["pass_rate"][0]


def test_every_arm_of_the_file_is_a_recipe() -> None:
    arms = yaml.safe_load(ARMS.read_text())
    assert list(arms) == ["scalerl", "minimax", "magistral", "dapo", "grpo"]
    for name in arms:
        Recipe(steps=1, prompts=4, generations=4, max_new_tokens=12, **read_arm(ARMS, name, SETTINGS))


@pytest.mark.parametrize(
    ("text", "arm", "told"),
    [
        ("grpo: {loss: clip}", "grop", "has no arm 'grop'; expected grpo"),
        ("grpo: {los: clip}", "grpo", "has a setting 'los'; expected loss"),
        ("grpo: {lr: 1.0}", "grpo", "has a setting 'lr'"),
        ("[grpo]", "grpo", "is not a mapping"),
        ("grpo: {loss: cispo}", "grpo", "eps_max: is None"),
        ("grpo: {k: 8}", "grpo", "k: is 8"),
    ],
)
def test_check_18_a_mistake_in_the_file_is_told_by_name(text: str, arm: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "arms.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        Recipe(steps=1, **read_arm(path, arm, SETTINGS))
    assert told in str(error.value)


def test_rl_raises_the_pass_rate_on_its_prompts(folder: Path, tmp_path: Path) -> None:
    """Shares of right completions in the first and the last ten updates: by more than four standard errors."""
    _, log = train(folder, tmp_path, "grpo", updates=80, prompts=8, generations=8, lr=1e-3, **{"keep-every": 80})
    solved = [record["solved"] for record in json.loads(log.read_text())["updates"]]
    first, last = np.mean(solved[:10]), np.mean(solved[-10:])
    assert last - first > 4 * np.sqrt(2 * 0.25 / (10 * 64))

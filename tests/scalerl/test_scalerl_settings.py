"""The section of the configuration: what it refuses, and which arms, runs and files follow from it."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from digests import changed_by

from raw2fig.config import SHIPPED, load
from raw2fig.errors import InputError
from raw2fig.papers.scalerl import plan
from raw2fig.papers.scalerl.settings import Settings
from raw2fig.settings import read

ROOT = SHIPPED.parents[1]


def section(*names: str) -> dict[str, Any]:
    """The section with overlays."""
    return load([SHIPPED, *(ROOT / f"config/{name}.yaml" for name in names)])["scalerl"]


@pytest.fixture(autouse=True)
def _at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # paths of the configuration are relative to it


SHA = "a" * 64


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("lengths.budget", [3, 2], "lengths.budget: is [3, 2]; expected two numbers of tokens, the smaller one first"),
        ("lengths.budget", [0, 2], "lengths.budget: is [0, 2]; expected two numbers"),
        ("budgets.full.keep_at", [999999], "budgets.full.keep_at.0: is 999999; expected more than 0, at most 2560"),
        ("budgets.full.keep_at", [0, 256], "budgets.full.keep_at.0: is 0; expected more than 0"),
        ("budgets.full.keep_at", [512, 256], "budgets.full.keep_at: is [512, 256]; expected different numbers in"),
        ("budgets.full.keep_at", [100], "budgets.full.keep_at.0: is 100; expected a multiple of the 64 rollouts"),
        ("budgets.full.rollouts", 2570, "budgets.full.rollouts: is 2570; expected a multiple of the 64 rollouts"),
        ("budgets.full.arms", ["grop"], "budgets.full.arms.0: config/scalerl/arms.yaml: has no arm 'grop'"),
        ("budgets.full.arms", ["scalerl"], "budgets.full.arms.0: is 'scalerl' again; expected each arm in one budget"),
        ("budgets.joint.arms", ["grpo"], "budgets.joint.arms: is ['grpo']; expected [joint]"),
        ("replicates", [0, 0], "replicates: is [0, 0]; expected different numbers"),
        ("replicates", [-1], "replicates.0: is -1; expected at least 0"),
        ("tuning.tuning_rollouts", 100, "tuning.tuning_rollouts: is 100; expected a multiple of the 64 rollouts"),
        ("tuning.lrs", [0.0], "tuning.lrs.0: is 0.0; expected more than 0"),
        ("base.warm_start.policy.shape", "33/1/2", "base.warm_start.policy.shape: is '33/1/2'; expected hidden/"),
        ("base.warm_start.policy.shape", "0/0/0", "base.warm_start.policy.shape: is '0/0/0'; expected hidden/"),
        ("base.warm_start.policy.target", 1.0, "base.warm_start.policy.target: is 1.0; expected less than 1"),
        ("base.source", "hub", "base.model: is null; expected a model, with the source hub"),
        ("base", {"source": "path", "model": "config/config.yaml"}, "base.model: is 'config/config.yaml'; expected an"),
        ("skipped", ["clip-0.5"], "skipped.0: config/scalerl/arms.yaml: has no arm 'clip-0.5'; expected 'clip-0.05'"),
        ("skipped", ["dapo"], "skipped.0: is 'dapo'; expected an arm that no forecast is drawn for"),
        ("arms", ["config/scalerl"], "arms.0: is 'config/scalerl'; expected a file"),
        ("arms", ["nowhere.yaml"], "arms.0: is 'nowhere.yaml'; expected an existing file"),
        ("shared.loss", "clap", "shared.loss: is 'clap'; expected one of clip"),
        ("shared.prompts", 0, "shared.prompts: is 0; expected at least 1"),
        ("shared.pompts", 8, "shared.pompts: unknown key; expected 'prompts'"),
        ("evaluation.engine", "vlm", "evaluation.engine: is 'vlm'; expected one of sampler, vllm"),
        ("problems.sums.train", 0, "problems.sums.train: is 0; expected at least 1"),
        ("problems.math.sha256", [SHA], "problems.math.sha256: has 1 values for 0 files; expected one for each"),
        ("problems.source", "files", "problems.math.files: is []; expected at least one file"),
        ("laws.intervals.resamples", 5, "laws.intervals.resamples: is 5; expected at least 100"),
        ("fit.resamples", 10**9, "fit.resamples: is 1000000000; expected at most 100000"),
    ],
)
def test_what_cannot_run_is_refused_by_its_whole_name(key: str, value: Any, message: str) -> None:
    changed = deepcopy(section())
    place: Any = changed
    *parents, name = key.split(".")
    for part in parents:
        place = place[part]
    place[name] = {**place[name], **value} if isinstance(value, dict) else value
    with pytest.raises(InputError) as refused:
        read(Settings, changed, "scalerl")
    assert str(refused.value).startswith(f"scalerl.{message}")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"source": "path", "files": ["none.jsonl"]}, "problems.math.files.0: is 'none.jsonl'; expected an existing"),
        ({"source": "path", "files": ["README.md", "LICENSE"]}, "problems.math.files: is ['README.md', 'LICENSE']"),
        ({"source": "url", "files": ["a.jsonl"]}, "problems.math.files.0: is 'a.jsonl'; expected an address"),
        ({"source": "hub", "files": ["a.jsonl"]}, "problems.math.dataset: is null; expected a data set"),
    ],
)
def test_files_of_problems_are_looked_for_before_a_run(files: dict[str, Any], message: str) -> None:
    changed = deepcopy(section())
    changed["problems"]["source"] = "files"
    changed["problems"]["code"] |= {"source": "path", "files": ["README.md"]}
    changed["problems"]["math"] |= files
    with pytest.raises(InputError) as refused:
        read(Settings, changed, "scalerl")
    assert str(refused.value).startswith(f"scalerl.{message}")
    changed["problems"]["math"] |= {"source": "path", "files": ["README.md"]}
    with pytest.raises(InputError, match=r"^scalerl.base.source: is 'procedural'; expected hub or path"):
        read(Settings, changed, "scalerl")


def test_a_mistake_in_an_arm_is_refused_before_a_run(tmp_path: Path) -> None:
    over = tmp_path / "over.yaml"
    for text, told in (
        ("grpo: {lss: clip}", "has a setting 'lss'; expected 'loss'"),
        ("magistral: {loss: cispo}", "magistral.eps_max: is None with cispo"),
        ("grpo: {prompts: 7}", "budgets.full.rollouts: is 2560; expected a multiple of the 56 rollouts"),
    ):
        over.write_text(text)
        with pytest.raises(InputError) as refused:
            read(Settings, section() | {"arms": ["config/scalerl/arms.yaml", str(over)]}, "scalerl")
        assert told in str(refused.value)


@pytest.mark.parametrize("scale", ["config", "smoke", "overnight", "gpu", "paper"])
def test_the_shipped_scales_can_run_and_have_their_figures(scale: str) -> None:
    values = read(Settings, section(scale), "scalerl").model_dump()
    arms = plan.arms(values)
    assert {arm for drawn in plan.FORECASTS.values() for arm in drawn} <= set(arms)
    every = set(load([ROOT / "config/scalerl/figures.yaml"]))
    left_out = {"averages", "clips"} if values["skipped"] else set()
    assert set(plan.compared(values)) == every - left_out
    captions = {path.stem for path in (ROOT / "workflow/report/scalerl").glob("*.rst")}
    assert captions == {*every, *plan.FORECASTS, "leave_one_out", "replicates", "parameters", "robustness"}


def test_only_the_night_trains_the_arms_that_a_laptop_skips() -> None:
    laptop, night = section(), section("overnight")
    assert set(plan.arms(laptop)) == set(plan.arms(night)) - set(laptop["skipped"])
    assert len(plan.arms(night)) == 33
    assert plan.left_out(laptop) == ["scalerl", "loo-dapo", "loo-fp32", "loo-lp", "loo-8op", "loo-npr"]
    assert "clip-0.05" not in plan.batches(laptop)["short"]
    without_short = laptop | {"skipped": [*laptop["skipped"], "gspo", "dapo-bf16", "long", "batch-large"]}
    assert list(plan.batches(without_short)) == ["long", "full", "joint"]
    # a policy after as many rollouts is the same at both scales
    assert plan.method(laptop, "gspo") == plan.method(night, "gspo")


def test_the_plan_of_the_laptop() -> None:
    values = section()
    assert plan.is_procedural(values)
    assert plan.is_trained(values)
    assert len(plan.arms(values)) == 15
    assert len(plan.models(values)) == 15 * len(values["replicates"])
    assert plan.curves(values)[-5:] == [
        f"<results>/scalerl/r2/evals/{name}.csv"
        for name in ("long-math", "full-math", "short-math", "joint-math", "joint-code")
    ]
    assert plan.range_of(values, "full") == {"end": 2560}
    assert plan.parts(values) == {}
    assert plan.fetched(values) == []
    assert plan.warm_starts(values) == [f"<results>/scalerl/r{replicate}/models/base.json" for replicate in (0, 1, 2)]
    loo = plan.method(values, "loo-lp")
    assert (loo["interrupt"], loo["phrase"], loo["overlong"], loo["cache"]) == (None, "", "penalise_correct", 2)
    scalerl = plan.method(values, "scalerl")
    assert (scalerl["interrupt"], scalerl["phrase"], scalerl["cache"]) == ((2, 3), ";", 0)


def test_all_arms_of_a_replicate_share_its_problems_and_its_start() -> None:
    """What is drawn lies in the replicate's folder, and arms differ by nothing but their method and learning rate."""
    values = section()
    for replicate in values["replicates"]:
        folder = f"<results>/scalerl/r{replicate}"
        assert plan.base(values, replicate) == f"{folder}/models/base"
        both = [f"{folder}/data/math.parquet", f"{folder}/data/code.parquet"]
        assert plan.problems("joint", replicate) == both
        for arm in plan.arms(values):
            assert plan.problems(arm, replicate)[0] == both[0]
            assert plan.model(replicate, arm) == f"{folder}/models/{arm}"
            assert plan.choice(arm) == f"<results>/scalerl/models/{arm}.lr.json"
    assert {run for run, _ in plan.runs(values)} == set(values["replicates"])
    per_replicate = [{arm for run, arm in plan.runs(values) if run == replicate} for replicate in values["replicates"]]
    assert all(arms == set(plan.arms(values)) for arms in per_replicate)
    assert not {key for key in _keys(values) if key in ("seed", "seeds")}


def _keys(values: Any) -> list[str]:
    """Names of all settings."""
    if not isinstance(values, dict):
        return []
    return [*values, *(key for inner in values.values() for key in _keys(inner))]


def test_the_plan_of_the_paper() -> None:
    values = section("paper")
    assert not plan.is_trained(values)
    assert plan.warm_starts(values) == []
    # real problems: a job for each arm
    assert len(plan.curves(values)) == 34 * len(values["replicates"])
    assert plan.base(values, 0) == plan.base(values, 1) == "<results>/scalerl/models/base"
    parts = plan.parts(values)
    assert len(parts) == 1 + 20
    assert next(iter(parts)) == "math-00-polaris-data-53K.jsonl"
    assert parts["math-00-polaris-data-53K.jsonl"]["file"] == "polaris-data-53K.jsonl"
    assert parts["math-00-polaris-data-53K.jsonl"]["dataset"] == "POLARIS-Project/Polaris-Dataset-53K"
    assert plan.rows(values, "math") == ["<results>/scalerl/sources/math-00-polaris-data-53K.jsonl"]
    assert plan.fetched(values)[-1] == "<results>/scalerl/models/base"
    own = deepcopy(values)
    own["problems"]["math"] |= {"source": "path", "files": ["my.jsonl"], "sha256": [SHA]}
    assert plan.rows(own, "math") == ["my.jsonl"]
    assert plan.checksums(own, "math") == [SHA]
    assert plan.checksums(own, "code") is None


@pytest.mark.parametrize(
    ("module", "function", "steps"),
    [
        ("figures_arms", "_curves", {"fig-arms"}),
        ("figures_law", "fig_replicates", {"fig-replicates"}),
        ("tables", "table_runs", {"table-runs"}),
        ("claims", "spread", {"claims"}),
        ("fit", "_draw", {"fit"}),
        ("fit_runs", "collect", {"collect"}),
        ("robustness", "robustness", {"robustness"}),
        ("train", "tune", {"tune"}),
        ("train", "train", {"train"}),
        ("recipes", "method_of", {"train", "tune"}),
        ("evaluate", "evaluate", {"evaluate"}),
        ("problems", "sums", {"sums"}),
    ],
)
def test_an_edit_restales_its_step_and_no_other(
    module: str, function: str, steps: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert changed_by(monkeypatch, "scalerl", module, function) == steps

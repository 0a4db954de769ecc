"""The scale `paper` of Dr.LLM on a CPU: its plan as it is, and its rules to the end on two tiny stand-ins."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from clone import ROOT, call, clone, jobs

from raw2fig.config import load, merge
from raw2fig.errors import InputError
from raw2fig.papers.dr_llm import plan
from raw2fig.papers.dr_llm.runs import read_runs
from raw2fig.papers.dr_llm.settings import Pretrained
from raw2fig.settings import read

pytestmark = pytest.mark.xdist_group("dr_llm_paper_scale")

TEMPLATE = "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}assistant"
MODELS = ("llama-3b-instruct", "llama-8b-instruct", "llama-3b-base", "llama-8b-base")
MODELS = (*MODELS, "qwen-3b-instruct", "qwen-7b-instruct")


def by_path(*names: str) -> dict[str, Any]:
    return {"source": "path", "dataset": None, "files": [f"given/{name}.parquet" for name in names]}


NONE = {"package": None, "sha256": None, "revision": None}
SMALL: dict[str, Any] = {
    "pathvars": {"results": "made"},
    "dr_llm": {
        "replicates": [0],
        "mini": load([ROOT / "config/smoke.yaml"])["dr_llm"]["mini"],
        "own": {
            "answering": {"new_tokens": 1, "at_once": 8},
            "search": {"simulations": 3},
            "labelling": {"sampled": {"ARC-E": 4}},
            "training": {"epochs": 2},
            "comparison": {"knobs": [-0.5, 0], "pruned": [1]},
        },
        "pretrained": {
            "models": {name: NONE | {"source": f"given/{name}"} for name in ("chatty", "plain")},
            "run": ["chatty", "plain"],
            "chat": ["chatty"],
            "replicates": [0],
            "arc_easy": by_path("easy", "easy_test"),
            "arc_challenge": by_path("hard", "hard_test"),
            "dart": by_path("dart"),
            "benchmark": {
                "search": {
                    **dict.fromkeys(("ARC-C", "DART-2", "DART-3", "DART-4", "DART-5"), 0),
                    "ARC-E": 12,
                    "DART-1": 6,
                },
                "validation": 2,
                "test": 3,
            },
            "throughput": {"batches": [1, 2], "tokens": 2, "rounds": 1},
            "harness": {"tasks": []},
        },
    },
}
"""Models, data and sizes in place of the paper's; the rest is config/paper.yaml as it is."""


def test_the_plan_has_the_paper_s_models_questions_and_benchmarks(tmp_path: Path) -> None:
    folder = clone(tmp_path / "clone")
    words = ("dr_llm", "--dry-run", "--printshellcmds", "--configfile", "config/paper.yaml")
    planned = jobs(call(folder, "snakemake", *words))
    searches = [job for job in planned if job.rule == "dr_llm_search" and "model=mini" not in job.wildcards]
    assert len(searches) == 3 * len(MODELS)
    for job in searches:
        assert "--new-tokens 15 --grading exam" in job.shell
        assert ("--no-chat" in job.shell) == ("-base" in job.wildcards)
        assert "--simulations 50 --early-stop code" in job.shell
        assert '"tree_policy": "chain"' in job.shell
    made = [job for job in planned if job.rule == "dr_llm_benchmark_items"]
    assert all(("--style base" in job.shell) == ("-base" in job.wildcards) for job in made)
    read = [job for job in planned if job.rule == "dr_llm_features" and "model=mini" not in job.wildcards]
    assert all("--windows 8 --window-mode floor" in job.shell for job in read)
    trained = [job for job in planned if job.rule == "dr_llm_train" and "model=mini" not in job.wildcards]
    assert len(read) == len(trained) == len(searches)
    assert all("--hidden 128 --linear-layers 2 --epochs 25 --batch 16" in job.shell for job in trained)
    fetched = [job.shell for job in planned if job.rule == "dr_llm_fetch_file"]
    assert sorted(one.split("--dataset ")[1].split()[0] for one in fetched) == [
        *["allenai/ai2_arc"] * 4,
        "hkust-nlp/dart-math-pool-math-query-info",
    ]
    harness = [job.shell for job in planned if job.rule == "dr_llm_harness"]
    assert len(harness) == 3 * len(MODELS)
    assert "mmlu truthfulqa_mc1 gsm8k" in harness[0]
    assert not any(job.rule == "dr_llm_english_items" for job in planned)


def test_what_does_not_go_together_is_refused() -> None:
    section = load([ROOT / "config/config.yaml"])["dr_llm"]["pretrained"]
    with pytest.raises(InputError, match=r"^chat\.0: is 'nobody'"):
        read(Pretrained, merge(section, {"chat": ["nobody"]}))
    files = {"source": "url", "files": ["https://example.org/a.parquet"]}
    with pytest.raises(InputError, match="all three benchmarks, or none of them"):
        read(Pretrained, merge(section, {"dart": files}))


def given(folder: Path) -> None:
    """Two tiny models, of which one has a chat template, and questions as in ARC and DART."""
    import torch

    from raw2fig.lm.models import Size, build_llama, save
    from raw2fig.lm.tokenizer import word_tokenizer

    folder.mkdir()
    choices = {"text": ["red", "green", "blue", "grey"], "label": list("ABCD")}
    for name, number in (("easy", 20), ("easy_test", 4), ("hard", 3), ("hard_test", 3)):
        rows = [{"question": f"{name} {n} ?", "choices": choices, "answerKey": "AB"[n % 2]} for n in range(number)]
        pd.DataFrame(rows).to_parquet(folder / f"{name}.parquet")
    rows = [{"query": f"sum {n} ?", "gt_ans": f"{n}", "query_metadata": {"level": "1"}} for n in range(12)]
    pd.DataFrame(rows).to_parquet(folder / "dart.parquet")
    text = "easy easy_test sum ? A B C D ( ) Answer: The correct answer is user assistant red green blue grey"
    words = word_tokenizer([text, *(f"{n}" for n in range(12))])
    for seed, name in enumerate(("plain", "chatty")):
        words.chat_template = TEMPLATE if name == "chatty" else None
        network: Any = build_llama(Size(16, 3, 2), words, 512, seed)
        with torch.no_grad():  # it says B, whatever is asked and whatever its layers do
            network.get_input_embeddings().weight[:, 0] = 10.0
            head = network.get_output_embeddings().weight.zero_()
            head[words.convert_tokens_to_ids("B"), 0] = 1.0
        save(network, words, folder / name)


@pytest.mark.training
def test_the_paper_s_rules_to_the_end_on_stand_ins(tmp_path: Path) -> None:
    folder = clone(tmp_path / "clone")
    given(folder / "given")
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    made = folder / "made/dr_llm"
    targets = [
        plan.together("pretrained", f"{name}.csv").replace("<results>", "made") for name in ("runs", "throughput")
    ]
    words = (*targets, "--cores", "2", "--configfile", "config/paper.yaml", "small.yaml")
    call(folder, "snakemake", *words)
    runs = read_runs(made / "evals/pretrained-runs.csv")
    assert set(runs["model"]) == {"chatty", "plain"}
    assert set(runs["task"]) == {"ARC-E", "DART-1"}
    base = runs[(runs["way"] == "base") & (runs["part"] == "test")]
    assert (base["layers"] == 3).all()
    assert dict(zip(base["task"], base["right"], strict=True)) == {"ARC-E": 1, "DART-1": 0}
    prompts = {
        name: pd.read_parquet(made / f"r0/{name}/data/items.parquet").set_index("qid")["prompt"]
        for name in ("chatty", "plain")
    }
    assert prompts["chatty"]["ARC-E-test-0"].endswith("nothing else.")
    assert prompts["plain"]["ARC-E-test-0"].endswith("The correct answer is ")
    for name in ("chatty", "plain"):
        config = json.loads((made / f"r0/{name}/models/own/routers/router_config.json").read_text())
        assert config["num_windows"] == 8

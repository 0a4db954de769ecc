"""The paper scale of HERO on a CPU: its plan as it is, and its rules to the end on tiny stand-ins for policy, reward
model, pool and benchmarks, all by `source: path`."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from clone import Job, call, clone, jobs

from raw2fig.papers.hero.pool import KIND
from raw2fig.papers.hero.regimes import INSTRUCTION
from raw2fig.papers.hero.results import read_scores

pytestmark = pytest.mark.xdist_group("hero_paper_scale")

REPLICATES = (0, 1, 2, 3)
# of config/paper.yaml
PAPER_REPLICATES = (0, 1, 2)
ANSWERS = ("2", "3")
SMALL: dict[str, Any] = {
    "pathvars": {"results": "made"},
    "hero": {
        "replicates": [0],
        "launch": "",
        "pool_files": ["given files/omr.parquet"],
        "pool": {"size": 40},
        "regimes": {"size": 4},
        "released": {"source": "path", "policy": "given files/policy", "judge": "given files/judge"},
        "sft": {
            "solutions": {"examples": 30, "max_length": 200},
            "training": {"steps": 40, "batch": 8, "accumulate": 1, "lr": 0.01, "gradient_checkpointing": False},
        },
        "train": {
            "recipe": {
                **{"steps": 1, "prompts": 2, "generations": 4, "accumulate": 1, "max_new_tokens": 8, "vllm": None},
                "gradient_checkpointing": False,
            }
        },
        "evaluation": {"engine": "sampler", "samples": 2, "top_p": 1.0},
        "verifier_answers": 20,
        "hardverify": {"source": "path", "path": "given files/hvm.json", "sha256": None},
        "benchmarks": {"source": "path", "path": "given files/aammo.parquet"},
    },
}
"""Sources, sizes and steps in place of the paper's; everything else is config/paper.yaml as it is."""


def given(folder: Path) -> None:
    """A policy and a reward model with a byte-level tokenizer, the latter with a chat template; and files laid out as
    OpenMathReasoning and TinyV lay theirs out."""
    import torch
    from tokenizers import Tokenizer
    from tokenizers.decoders import ByteLevel as Decoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.trainers import BpeTrainer
    from transformers import (
        PreTrainedTokenizerFast,
        Qwen2Config,
        Qwen2ForCausalLM,
        Qwen2ForSequenceClassification,
    )

    folder.mkdir()
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = Decoder()
    texts = [rf" It is \boxed{{{answer}}}" for answer in ANSWERS] + [INSTRUCTION, "What is number"]
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    trainer = BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(texts * 9, trainer)
    words = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=special[0], pad_token=special[0])
    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    shape = Qwen2Config(vocab_size=len(words), num_key_value_heads=2, eos_token_id=0, pad_token_id=0, **size)
    Qwen2ForCausalLM(shape).bfloat16().save_pretrained(folder / "policy")
    words.save_pretrained(folder / "policy")
    shape.num_labels = 1
    Qwen2ForSequenceClassification(shape).bfloat16().save_pretrained(folder / "judge")
    turn = "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
    words.chat_template = f"{{% for m in messages %}}{turn}{{% endfor %}}"
    words.save_pretrained(folder / "judge")
    rows = [
        {
            "problem": f"What is number {number}?",
            "expected_answer": ANSWERS[number % 2],
            "problem_type": KIND,
            "generated_solution": rf"It is \boxed{{{ANSWERS[number % 2]}}}",
        }
        for number in range(60)
    ]
    pd.DataFrame(rows).to_parquet(folder / "omr.parquet")
    easy = [
        {
            "data_source": name,
            "prompt": [{"role": "user", "content": f"What {number} of {name}? {INSTRUCTION}"}],
            "reward_model": {"ground_truth": ANSWERS[number % 2]},
        }
        for name in ("MATH", "AMC", "MINERVA", "OLYMPIAD_BENCH")
        for number in range(2)
    ]
    pd.DataFrame(easy).to_parquet(folder / "aammo.parquet")
    hard = [
        {"id": n, "question": f"Hard {n}?", "ground_truth": "2", "fn_output": "2.0", "tn_output": "3"} for n in range(8)
    ]
    (folder / "hvm.json").write_text(json.dumps(hard))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = clone(tmp_path_factory.mktemp("hero_paper") / "clone")
    (made / "small.yaml").write_text(yaml.safe_dump(SMALL))
    return made


@cache
def planned(folder: Path, *words: str) -> tuple[Job, ...]:
    """The jobs of the paper that a dry run announces."""
    return tuple(jobs(call(folder, "snakemake", "hero", "--dry-run", "--printshellcmds", *words)))


def test_one_line_of_configuration_brings_hardverify_math(folder: Path) -> None:
    overlay = "hero={hardverify: {source: path, path: small.yaml}}"
    lines = {str(job): job.shell for job in planned(folder, "--config", overlay)}
    assert "--benchmark small.yaml --sha256 aea490a4" in lines["hero_verifier_study"]
    assert "--benchmark results/hero/tables/verifiers.csv" in lines["hero_claims"]
    assert "hero_verifier_study" not in {job.rule for job in planned(folder)}


def test_what_the_paper_leaves_open_is_set_for_every_training(folder: Path) -> None:
    asked = {
        "beta_band": 0.2,
        "singleton_z": 0.5,
        "sigma": "band",
        "sigma_ddof": 1,
        "running": "mean",
        "failed": "masked",
    }
    (folder / "open.yaml").write_text(yaml.safe_dump({"hero": {"train": {"shaping": asked}}}))
    expected: dict[tuple[str, ...], str] = {
        (): "--beta-band none --singleton-z 0.0 --sigma raw --sigma-ddof 0 --running ema --decay 0.9 "
        "--failed verifier_only --alpha",
        ("--configfile", "open.yaml"): "--beta-band 0.2 --singleton-z 0.5 --sigma band --sigma-ddof 1 --running mean "
        "--decay 0.9 --failed masked --alpha",
    }
    for given, flags in expected.items():
        shells = [job.shell for job in planned(folder, *given) if job.rule in ("hero_train", "hero_train_ablations")]
        assert len(shells) == 4 * len(REPLICATES)
        assert all(flags in shell for shell in shells)


def test_claims_hear_of_every_cold_start(folder: Path) -> None:
    starts = [f"results/hero/r{replicate}/models/start.json" for replicate in REPLICATES]
    (claims,) = (job for job in planned(folder) if job.rule == "hero_claims")
    assert f"--starts {' '.join(starts)} " in claims.shell
    assert set(starts) <= set(claims.input)
    (claims,) = (job for job in planned(folder, "--configfile", "config/paper.yaml") if job.rule == "hero_claims")
    assert "--starts" not in claims.shell


@pytest.mark.parametrize("replicate", REPLICATES)
def test_all_arms_of_a_replicate_share_its_problems_its_start_and_its_reward_model(
    folder: Path, replicate: int
) -> None:
    """And read nothing of another replicate; each policy is evaluated once."""
    root = f"results/hero/r{replicate}"
    noisy = ("--config", "hero={noises: [0, 0.1, 0.3]}")
    plan = [job for job in planned(folder, *noisy) if any(path.startswith(f"{root}/") for path in job.output)]
    for job in plan:
        assert all(path.startswith(f"{root}/") for path in [*job.input, *job.output]), job
        drawing = job.rule not in ("hero_inertness", "hero_verifiers_miniature")
        assert (f"--replicate {replicate} " in job.shell) == drawing, job
        assert "--seed" not in job.shell
    judges = [job for job in plan if job.rule == "hero_reward_model"]
    assert [f"--base {root}/models/start " in job.shell for job in judges] == [True] * 3
    trainings = [job for job in plan if job.rule.startswith("hero_train")]
    assert len(trainings) == 3 + 3
    for job in trainings:
        noises = ("0.1", "0.3") if job.rule == "hero_train_noisy" else ("0",)
        models = {path for path in job.input if "/models/" in path}
        assert models == {f"{root}/models/start", *(f"{root}/models/reward/{noise}" for noise in noises)}
    scored = [job for job in plan if job.rule == "hero_evaluate"]
    assert len(scored) == 4
    assert all(
        f"--reward-model {root}/models/reward/0 --problems {root}/data/problems.parquet" in j.shell for j in scored
    )
    made = {path.removesuffix(".json") for job in trainings for path in job.output}
    evaluated = [path for job in scored for path in job.input if "/rl/" in path]
    assert sorted(evaluated) == sorted(made)
    assert len(made) == 3 * 8 + 5 + 3 + 2


def test_the_paper_scale_as_it_is(folder: Path) -> None:
    lines = {str(job): job.shell for job in planned(folder, "--configfile", "config/paper.yaml")}
    launch = "accelerate launch --config_file config/accelerate/fsdp.yaml --num_processes 8 -m raw2fig hero"
    for regime, alpha in (("easy", "0.05"), ("mixed", "0.1"), ("hard", "0.1")):
        shell = lines[f"hero_train replicate=1, regime={regime}"]
        assert shell.startswith(f"{launch} train")
        for flags in (
            "--runs verifier_only-none-AceMath-7B-RM verifier_only-group-AceMath-7B-RM",
            f"--alpha {alpha}",
            "--verifier math_verify --reading boxed",
            "--lr 1e-06",
            "--generations 8",
            "--eps-low 0.2 --eps-high 0.28",
            "--hyperparameters appendix",
            "--max-new-tokens 8192",
            "--vllm colocate",
        ):
            assert flags in shell, flags
    assert lines["hero_sft"].startswith(f"{launch} sft")
    assert "--dataset nvidia/OpenMathReasoning" in lines["hero_pool"]
    assert "--size 40000" in lines["hero_pool"]
    assert "--source Qwen/Qwen3-4B-Base" in lines["hero_fetch which=policy"]
    assert "--source nvidia/AceMath-7B-RM" in lines["hero_fetch which=judge"]
    assert "HardVerify-Math.json --sha256 aea490a4" in lines["hero_fetch_hardverify"]
    evaluated = {name: shell for name, shell in lines.items() if name.startswith("hero_evaluate ")}
    assert len(evaluated) == 4 * len(PAPER_REPLICATES)
    # the policy before RL, the reward model and the benchmarks are there once, and each replicate evaluates them anew
    before = [shell for name, shell in evaluated.items() if "policies=start" in name]
    once = "--models results/paper/hero/models/start --names start/- --reward-model results/paper/hero/models/judge "
    assert all(once in shell for shell in before)
    assert all("--temperature 0.6 --top-p 0.95" in shell for shell in evaluated.values())
    absent = {"hero_problems", "hero_cold_start", "hero_reward_model", "hero_fig_label_noise"}
    assert not absent & {line.split()[0] for line in lines}


def test_the_paper_s_rules_to_the_end_on_stand_ins(folder: Path) -> None:
    given(folder / "given files")
    call(folder, "snakemake", "hero", "--cores", "1", "--configfile", "config/paper.yaml", "small.yaml")
    made = folder / "made/hero"
    regimes = json.loads((made / "r0/data/regimes.json").read_text())
    assert regimes["verifier"] == "math_verify"
    assert regimes["accepted"] >= 4 <= regimes["not_accepted"]
    scores = read_scores(sorted(made.glob("r*/evals/scores-*.parquet")))
    assert set(scores["replicate"]) == {0}
    assert set(scores["regime"]) == {"start", "easy", "mixed", "hard"}
    assert set(scores["form"]) == {"plain", "signed"}
    claims = {claim["id"]: claim for claim in json.loads((made / "claims.json").read_text())["claims"]}
    assert "not configured" not in {claim["verdict"] for claim in claims.values()}
    assert all(claims[name]["measured"] for name in claims)
    table = (made / "tables/paper_vs_run.md").read_text()
    assert "policy: commit" in table or "- policy" in table

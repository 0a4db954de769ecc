"""The scales `gpu` and `paper` on a laptop: their recipes, and the paper's rules on a tiny released model and problems
in LaTeX, up to a curve."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from clone import ROOT, Job, call, clone, jobs

from raw2fig.config import load
from raw2fig.errors import InputError
from raw2fig.lm.models import count_parameters
from raw2fig.lm.models import load as load_model
from raw2fig.papers.scalerl import evaluate, plan
from raw2fig.papers.scalerl.recipes import Machine, Shared, recipe_of
from raw2fig.sandbox.program import usable_way
from raw2fig.settings import read
from raw2fig.tables import read_json

pytestmark = pytest.mark.xdist_group("scalerl_scales")

ANSWERS = {"1": [r"\frac{2}{2}", "1", r"\sqrt{1}"], "2": ["2.0", r"\sqrt{4}", "2"]}
"""What the tiny model may put into a box, and how the problems write it."""
TEMPLATE, TASK = ((ROOT / f"config/scalerl/prompt_{domain}.txt").read_text() for domain in ("math", "code"))
PHRASE = "that is all </think>"
SMALL: dict[str, Any] = {
    "pathvars": {"results": "made"},
    "scalerl": {
        "replicates": [0],
        "problems": {
            "math": {
                "source": "path",
                "files": ["given files/rows.jsonl"],
                "splits": {"validation": 4, "held_out": 6},
            },
            "code": {
                "source": "path",
                "files": ["given files/a.parquet", "given files/b.parquet"],
                "splits": {"validation": 4, "held_out": 6},
            },
        },
        "base": {"source": "path", "model": "given files/base"},
        "shared": {"prompts": 4, "generations": 4, "max_new_tokens": 28},
        "lengths": {"budget": [5, 6], "interruption": PHRASE, "penalised": 4},
        "machine": {"micro_batch": 8},
        "tuning": {"lrs": [0.01]},
        "budgets": {
            "long": {"arms": ["scalerl"], "rollouts": 32, "keep_at": [16, 32]},
            "joint": {"rollouts": 32, "keep_at": [16, 32]},
        },
        "evaluation": {"samples": 8, "engine": "sampler"},
        "launch": "",
    },
}
"""Sources and sizes in place of the paper's; everything else is config/paper.yaml as it is."""


def section(*names: str) -> dict[str, Any]:
    return load([ROOT / "config/config.yaml", *(ROOT / f"config/{name}.yaml" for name in names)])["scalerl"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone(tmp_path_factory.mktemp("scalerl"))


@pytest.fixture(scope="module")
def planned(folder: Path) -> dict[str, Job]:
    text = call(folder, "snakemake", "scalerl", "--dry-run", "--printshellcmds", "--configfile", "config/paper.yaml")
    return {str(job): job for job in jobs(text)}


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("{problems: {source: files}}", "scalerl.problems.math.files: is []"),
        ("{budgets: {full: {arms: [grpo, scalerl]}}}", "scalerl.budgets.full.arms.1: is 'scalerl' again"),
    ],
)
def test_what_does_not_go_together_is_refused(folder: Path, section: str, told: str) -> None:
    assert told in call(folder, "snakemake", "scalerl", "--dry-run", "--config", f"scalerl={section}", status=2)


def test_the_recipe_of_the_paper_on_eight_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every arm's prompts are equal shares of eight GPUs, and ScaleRL's settings are the paper's."""
    monkeypatch.chdir(ROOT)
    paper = section("paper")
    machine = read(Machine, paper["machine"])
    for arm, budget in plan.arms(paper).items():
        method = read(Shared, plan.method(paper, arm))
        recipe = recipe_of(method, machine, budget["rollouts"], 5e-7, 8)
        rows = method.prompts * method.generations
        assert recipe.steps * rows == budget["rollouts"]
        assert 8 * recipe.prompts * recipe.generations == 8 * recipe.accumulate == rows
        assert (recipe.warmup, recipe.checkpoint_every, recipe.gradient_checkpointing) == (100, 20, True)
        if arm == "scalerl":
            assert (rows, recipe.k, recipe.interrupt, recipe.max_new_tokens) == (768, 8, (10240, 12288), 14336)
            assert (recipe.loss, recipe.eps_max, recipe.adam_epsilon) == ("cispo", 5.0, 1e-15)
            assert recipe.phrase.endswith("</think>")
    method = read(Shared, plan.method(paper, "scalerl"))
    with pytest.raises(InputError, match=r"^prompts: is 48; expected a multiple of the 7 processes"):
        recipe_of(method, machine, 768, 5e-7, 7)
    method, machine = (
        method.model_copy(update={"prompts": 49}),
        machine.model_copy(update={"micro_batch": 5}),
    )
    with pytest.raises(InputError, match=r"^micro_batch: is 5; expected a divisor of the 112 rollouts of a process"):
        recipe_of(method, machine, 784, 5e-7, 7)


def test_the_paper_scale_of_scalerl_as_it_is(planned: dict[str, Job]) -> None:
    launch = "accelerate launch --config_file config/accelerate/fsdp.yaml --num_processes 8 -m raw2fig scalerl train"
    run = planned["scalerl_train replicate=0, arm=scalerl"].shell
    assert run.startswith(launch)
    for flags in (
        "--arms config/scalerl/arms.yaml config/scalerl/arms_paper.yaml",
        "--prompts 48 --generations 16",
        "--max-new-tokens 14336",
        "--budget 10240 12288",
        "--micro-batch 1 --gradient-checkpointing --checkpoint-every 20",
    ):
        assert flags in run
    assert "</think>'" in run
    # a single learning rate is not tried, and needs no GPU
    assert planned["scalerl_tune arm=scalerl"].shell.startswith("raw2fig scalerl tune")
    assert "--source Qwen/Qwen3-8B-Base" in planned["scalerl_base"].shell
    assert (
        "--source hub --dataset POLARIS-Project/Polaris-Dataset-53K"
        in planned["scalerl_fetch_problems part=math-00-polaris-data-53K.jsonl"].shell
    )
    parts = [job for job in planned.values() if "DeepCoder-Preview-Dataset" in job.shell]
    assert len(parts) == 5 + 4 + 11
    assert "--engine vllm" in planned["scalerl_evaluate replicate=0, batch=joint, domain=code"].shell
    assert "--problems results/paper/scalerl/r0/data/math.parquet --arms" in run
    both = "--problems results/paper/scalerl/r0/data/math.parquet results/paper/scalerl/r0/data/code.parquet --arms"
    assert both in planned["scalerl_train replicate=0, arm=joint"].shell
    assert (
        "--fetched results/paper/scalerl/sources/math-00-polaris-data-53K.jsonl.json"
        in planned["paper_vs_run paper=scalerl"].shell
    )
    assert not {"scalerl_sums", "scalerl_programs", "scalerl_warm_start"} & {job.rule for job in planned.values()}


def released_model(folder: Path) -> None:
    """A tiny model of Qwen3's kind, embeddings of input and output one matrix, whose tokenizer has a token for the end
    of thinking. It was taught to think for long or not at all, and to put 1 or 2 into a box, or to write a program that
    prints 1 or 2, either as often."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=560, special_tokens=["<end>"], initial_alphabet=alphabet, show_progress=False
    )
    said = {
        TEMPLATE.replace("{problem}", "Number 7: $2$?"): "</think> \\boxed{%s}<end>",
        TASK.replace("{problem}", "Number 7: print 2."): "</think>\n```python\nprint(%s)\n```<end>",
    }
    tokenizer.train_from_iterator([*said, *said.values(), PHRASE, " hm hm"] * 9, trainer)
    tokenizer.add_tokens(["<think>", "</think>"])
    words = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>")
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "head_dim": 16}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 512}
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = Qwen3ForCausalLM(
        Qwen3Config(vocab_size=len(words), eos_token_id=0, tie_word_embeddings=True, **sizes, **heads)
    )
    rows = [
        (words(prompt)["input_ids"], words(f"{' hm' * number} {text % answer}")["input_ids"])
        for prompt, text in said.items()
        for number in (0, 9)
        for answer in ANSWERS
    ]
    longest = max(len(prompt) + len(row) for prompt, row in rows)
    ids = torch.tensor([prompt + row + [0] * (longest - len(prompt + row)) for prompt, row in rows])
    labels = torch.tensor([[-100] * len(prompt) + row + [-100] * (longest - len(prompt + row)) for prompt, row in rows])
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    for _ in range(120):
        network(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    network.save_pretrained(folder)
    words.save_pretrained(folder)


@pytest.fixture(scope="module")
def made(folder: Path) -> Path:
    """Problems, base, a run of two updates and its curve, at the paper's scale less its size."""
    given = folder / "given files"
    released_model(given / "base")
    forms = [form for column in zip(*ANSWERS.values(), strict=True) for form in column]
    rows = [
        {"problem": f"Number {n}: ${forms[n % 6]}$?", "answer": forms[n % 6], "difficulty": "1/8"} for n in range(24)
    ]
    unread = [{"problem": "Which?", "answer": ""}, rows[0]]
    (given / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in [*rows, *unread]))
    for name, number in (("a", 0), ("b", 12)):
        programs = [
            {
                "problem": f"Number {n}: print {1 + n % 2}.",
                "tests": json.dumps({"inputs": [""], "outputs": [f"{1 + n % 2}\n"]}),
            }
            for n in range(number, number + 12)
        ]
        pd.DataFrame(programs).to_parquet(given / f"{name}.parquet")
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    targets = [
        "made/scalerl/r0/evals/scalerl-math.csv",
        "--cores",
        "1",
        "--configfile",
        "config/paper.yaml",
        "small.yaml",
    ]
    call(folder, "snakemake", *targets)
    return folder / "made/scalerl"


def test_problems_and_base_come_from_outside(made: Path) -> None:
    problems = pd.read_parquet(made / "r0/data/math.parquet")
    assert problems["split"].value_counts().to_dict() == {"train": 14, "held_out": 6, "validation": 4}
    assert all(prompt.startswith(TEMPLATE[:40]) and prompt.endswith("<think>\n") for prompt in problems["prompt"])
    told = read_json(made / "r0/data/math.json")
    assert (told["rows"], told["unreadable_answers"], told["repeated_problems"]) == (26, 1, 1)
    assert read_json(made / "models/base/source.json")["source"] == "base"


def test_a_run_of_two_updates_is_interrupted_rewarded_and_kept(made: Path) -> None:
    from safetensors.torch import load_file

    log = read_json(made / "r0/models/scalerl.json")
    assert log["recipe"]["prompts"] == 4
    assert (log["lr"], log["recipe"]["k"], log["recipe"]["interrupt"]) == (0.01, 8, [5, 6])
    first, last = log["updates"]
    assert 0 < first["interrupted"] < 1
    # LaTeX of another form than the answer's is right: some are, some are not
    assert 0 < first["solved"] < 1
    assert first["kept"] > 0
    assert last["staleness/max"] == 1
    weights = [load_file(path) for path in sorted((made / "r0/models/scalerl/policies").iterdir())]
    assert len(weights) == 3
    # of the paper's 100 steps of warm-up: the first is at a rate of nothing, the second at a hundredth
    moved = [(one["model.norm.weight"] - weights[0]["model.norm.weight"]).abs().max().item() for one in weights[1:]]
    assert moved[0] == 0
    assert 0 < moved[1] < 1e-3


def test_the_curve_of_the_paper_scale(made: Path) -> None:
    curve = pd.read_csv(made / "r0/evals/scalerl-math.csv")
    assert curve["rollouts"].tolist() == [0, 16, 32]
    assert curve["pass_rate"].between(0.2, 0.8).all()
    assert curve["compute"].is_monotonic_increasing


def test_mathematics_and_code_together_at_the_paper_scale(made: Path, folder: Path) -> None:
    """Programs of the tiny model run in the sandbox; those that print what the tests want are rewarded."""
    try:
        usable_way()
    except InputError as error:
        pytest.skip(str(error))
    targets = [f"made/scalerl/r0/evals/joint-{domain}.csv" for domain in ("math", "code")]
    call(folder, "snakemake", *targets, "--cores", "1", "--configfile", "config/paper.yaml", "small.yaml")
    for domain in ("math", "code"):
        curve = pd.read_csv(made / f"r0/evals/joint-{domain}.csv")
        assert set(curve["domain"]) == {domain}
        assert curve["rollouts"].tolist() == [0, 16, 32]
        assert curve["pass_rate"].between(0.2, 0.8).all()
    problems = pd.read_parquet(made / "r0/data/code.parquet")
    assert problems["split"].value_counts().to_dict() == {"train": 14, "held_out": 6, "validation": 4}
    assert set(problems["verifier"]) == {"code"}


def test_weights_are_counted_once(made: Path) -> None:
    model, _ = load_model(str(made / "models/base"))
    assert count_parameters(made / "models/base") == model.num_parameters()


def test_vllm_reads_each_policy_from_a_folder_of_its_own(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.torch import load_file

    from raw2fig.lm import generate

    model, seen = made / "r0/models/scalerl", []
    policies = sorted((model / "policies").iterdir())
    problems = pd.read_parquet(made / "r0/data/math.parquet")[:3]

    def load_completer(source: str, engine: str) -> generate.Complete:
        assert engine == "vllm"
        policy, words = load_model(source)
        seen.append(policy.state_dict())
        return generate.completer(policy, words)

    monkeypatch.setattr(generate, "load_completer", load_completer)
    rates = list(evaluate.rates_by_vllm(model, policies, problems, 16, 28, 0))
    for found, path in zip(seen, policies, strict=True):
        assert all(weight.equal(found[name]) for name, weight in load_file(path).items())
    assert all(rate.shape == (3,) and 0 < rate.mean() < 1 for rate in rates)
    # the same random numbers for every policy: equal weights, equal rates
    assert rates[0].tolist() == rates[1].tolist()


def test_the_gpu_scale_of_scalerl_in_small_runs_without_a_gpu(folder: Path) -> None:
    """Its own recipes and lengths; fewer digits, weights, problems and rollouts."""
    small: dict[str, Any] = {
        "pathvars": {"results": "small-gpu"},
        "scalerl": {
            "replicates": [0],
            **{name: section("smoke")[name] for name in ("problems", "base", "evaluation")},
            "shared": {"prompts": 4, "generations": 4},
            "tuning": {"lrs": [0.0001]},
            "budgets": {"short": {"arms": ["long"], "rollouts": 32, "keep_at": [16, 32]}},
        },
    }
    (folder / "small-gpu.yaml").write_text(yaml.safe_dump(small))
    target = "small-gpu/scalerl/r0/evals/short-math.csv"
    call(folder, "snakemake", target, "--cores", "1", "--configfile", "config/gpu.yaml", "small-gpu.yaml")
    recipe = read_json(folder / "small-gpu/scalerl/r0/models/long.json")["recipe"]
    assert (recipe["max_new_tokens"], recipe["interrupt"], recipe["warmup"]) == (16, [6, 7], 4)
    assert pd.read_csv(folder / target)["rollouts"].tolist() == [0, 16, 32]

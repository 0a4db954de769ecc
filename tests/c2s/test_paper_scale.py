"""The scales `gpu` and `paper` on a laptop: what they ask for, and the paper's rules, prompts and claims from released
models (tiny ones of Pythia's and of Gemma's kind, whose tokenizer splits gene names) and other people's files to the
end.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from clone import ROOT, Job, call, clone, jobs

from raw2fig.config import check, load, merge
from raw2fig.errors import InputError
from raw2fig.tables import read_json

pytestmark = pytest.mark.xdist_group("paper_scale")

GPU_CLASSES = ("train", "generate")
TINY = (
    *("brain_rot_base", "brain_rot_arms", "brain_rot_tune"),
    *("dr_llm_base", "dr_llm_ablate"),
    *("agentic_rl_cold_start", "agentic_rl_teach", "agentic_rl_reinforce", "agentic_rl_pass_rates"),
    "agentic_rl_evaluate",
    *("kimi_dev_midtrain", "kimi_dev_cold_start", "kimi_dev_reinforce", "kimi_dev_play", "kimi_dev_adapt"),
)
"""Rules whose models are too small for a GPU."""
LARGER = ("elastic_cache_base", "elastic_cache_compare", "elastic_cache_motivation")
"""Those whose models are larger at the scale gpu, and too small at the scale paper."""
SEVERAL = {"c2s_grpo": 4, "scalerl_train": 8, "scalerl_tune": 0, "hero_sft": 8, "hero_train": 8} | {
    **dict.fromkeys(("agentic_rl_fine_tune", "agentic_rl_difficulty", "agentic_rl_train", "agentic_rl_roll_out"), 8),
    **dict.fromkeys(("kimi_dev_tune", "kimi_dev_reinforce_issues"), 256),
    **{"kimi_dev_select_prompts": 8, "kimi_dev_sample_answers": 8, "kimi_dev_taught_answers": 0},
    **{"kimi_dev_agent_tune": 32, "kimi_dev_agent_evaluate": 8},
    **{"coordination_play_model": 2, "brain_rot_cpt_sharded": 4, "brain_rot_instruct_sharded": 4},
}
"""GPUs of the rules that ask for several at the paper scale, or for none."""
TYPES = {"B": "B", "T": "CD4 T", "NK": "NK", "Mono": "Monocyte"}
"""Types of pbmc68k, as Dong et al. call them."""
STIMULI = {"No stimulation": None, "IFNb": "IFNB", "IFNg": "IFNG", "IL-6": "IL6", "IFNb+IL-6": "IFNB+IL6"}
"""Stimuli as a file names them, and what acts in the simulator."""
SMALL: dict[str, Any] = {
    "pathvars": {"results": "made"},
    "c2s": {
        "reference": {"source": "path", "path": "given files/reference.h5ad"},
        "cytokine": {"path": "given files/cytokine.h5ad", "labels": "given files/labels.yaml"},
        "drugs": {"source": "path", "path": "given files/drugs.h5ad"},
        "spatial": {"simulation": {"cells": 900}},
        "preprocess": {"min_genes": 100},
        "panel": {"size": 144},
        "replicates": [0],
        "sentence": {"top": 30},
        "multi_cell": {"multi_top": 8, "multi_cells": [2]},
        "base": {
            "source": "path",
            "released": {
                "1B": {"source": "given files/neox"},
                "2B": {"source": "given files/gemma"},
                "410M": None,
                "27B": None,
            },
        },
        "generation": {"engine": "sampler"},
        "launch": "",
        "encoding": {"max_length": 600},
        "pretrain": {
            "corpus": {"test_samples": 20, "samples": {"annotation": 20, "generation": 20, "tissue_annotation": 20}}
        },
        "annotation": {"training": {"steps": 2, "batch": 2, "accumulate": 1, "checkpoint_every": 2}},
        "spatial_sft": {
            "corpus": {
                "test_samples": 12,
                "samples": {"niche": 8, "neighbour": 8, "same_neighbourhood": 8, "same_niche": 8},
                "multi_top": 8,
            },
            "training": {"steps": 1, "batch": 2, "accumulate": 1, "checkpoint_every": 2},
        },
        "perturbation": {
            "corpus": {"samples": {"perturbation_generation": 60, "perturbation_labels": 20}},
            "training": {"steps": 3, "batch": 2, "accumulate": 1, "checkpoint_every": 2},
            "evaluation": {"n": 8, "seen": 3},
            "embedding": {"dim": 5},
        },
        "grpo": {
            "scoring": {"partners": 4},
            "recipe": {"steps": 1, "generations": 4, "vllm": None, "checkpoint_every": 2},
        },
        "screen": {
            "corpus": {"samples": 40},
            "training": {"steps": 1, "batch": 2, "accumulate": 1, "checkpoint_every": 2},
            "evaluation": {"n": 3},
        },
    },
}
"""Sources, sizes and steps in place of the paper's; everything else is config/paper.yaml as it is."""


def config(*names: str) -> dict[str, Any]:
    return load([ROOT / "config/config.yaml", *(ROOT / "config" / f"{name}.yaml" for name in names)])


@cache
def planned(folder: Path, *files: str) -> tuple[list[Job], dict[str, dict[str, str]]]:
    """The jobs of a dry run, and the resources of each rule."""
    text = call(folder, "snakemake", "--dry-run", "--printshellcmds", "--configfile", *files)
    found = {}
    for block in re.split(r"^(?:local)?rule ", text, flags=re.MULTILINE)[1:]:
        asked = re.search(r"^ {4}resources: (.*)$", block, re.MULTILINE)
        found[block.partition(":")[0]] = dict(re.findall(r"(\w+)=([\w.]+)", asked[1] if asked else ""))
    return jobs(text), found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with the one file that a user of the paper scale brings."""
    made = clone(tmp_path_factory.mktemp("paper"))
    (made / "data").mkdir()
    (made / "data/dong_2023.h5ad").touch()
    return made


def test_what_must_come_by_hand_is_a_job_whose_error_says_what_to_put_where(folder: Path) -> None:
    """The plan of all papers is listed without the file; the job that would make it says where it is from, and a file
    that is there belongs to no rule, so no run can remove it."""
    brought = folder / "data/dong_2023.h5ad"
    brought.unlink()
    words = ("--cores", "1", "--configfile", "config/paper.yaml")
    listed = call(folder, "snakemake", "--dry-run", *words)
    assert all(f"\n{paper}_claims " in listed for paper in config() if (ROOT / f"rules/{paper}.smk").is_file())
    assert "\nc2s_by_hand_cytokine " in listed
    told = call(folder, "snakemake", str(brought.relative_to(folder)), *words, status=1)
    expected = (
        "raw2fig: c2s.cytokine.path: data/dong_2023.h5ad is not there; expected one .h5ad with raw counts, from Dryad, "
        "doi 10.5061/dryad.4xgxd25g1, which has no address for a program"
    )
    assert expected in told.splitlines()
    brought.parent.mkdir(exist_ok=True)
    brought.touch()
    assert "c2s_by_hand" not in call(folder, "snakemake", "c2s", "--dry-run", *words)


@pytest.mark.parametrize("scale", [(), ("smoke",), ("gpu",), ("paper",)])
def test_every_scale_fits_its_records(scale: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    whole = check(config(*scale))
    assert whole["scale"] == (scale[0] if scale else "laptop")


@pytest.mark.parametrize(
    ("overlay", "expected"),
    [
        ({"reference": {"source": "url"}}, "c2s.reference.url: is null"),
        ({"reference": {"source": "url", "url": "ftp://x/y"}}, "c2s.reference.url: is 'ftp://x/y'"),
        ({"cytokine": {"source": "path"}}, "c2s.cytokine.path: is null"),
        ({"cytokine": {"source": "hub", "dataset": "lab/cells"}}, "c2s.cytokine.file: is null"),
        ({"drugs": {"source": "package", "dataset": "os/system"}}, "c2s.drugs.dataset: is 'os/system'"),
        ({"drugs": {"sha256": "abc"}}, "c2s.drugs.sha256: is 'abc'"),
        ({"grpo": {"recipe": {"vllm": "serve"}}}, "c2s.grpo.recipe.vllm: is 'serve'; expected one of colocate, server"),
    ],
)
def test_an_incomplete_source_is_refused(
    overlay: dict[str, Any], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(InputError, match=f"^{re.escape(expected)}"):
        check(merge(config(), {"c2s": overlay}))


def test_a_gpu_is_asked_for_where_models_run_and_nowhere_else(folder: Path) -> None:
    """By a rule of each class, as the rules themselves say it."""
    rules = "".join(path.read_text() for path in (ROOT / "rules").rglob("*.smk"))
    kinds = {rule: kind for kind, rule in re.findall(r'resources_for\(config, "(\w+)", "(\w+)"\)', rules)}
    for files, gpus in ((["config/smoke.yaml"], 0), (["config/gpu.yaml"], 1), (["config/paper.yaml"], 1)):
        _, asked = planned(folder, *files)
        assert len(asked) > 30
        for rule, resources in asked.items():
            if rule in kinds:
                expected = gpus if kinds[rule] in GPU_CLASSES and rule not in TINY else 0
                if files == ["config/paper.yaml"]:
                    expected = 0 if rule in LARGER else SEVERAL.get(rule, expected)
                assert int(resources.get("gpu", 0)) == expected, (files, rule)
                assert {"mem_mb", "runtime", "cpus_per_task"} <= resources.keys()


def test_the_paper_scale_as_it_is(folder: Path) -> None:
    planned_jobs, _ = planned(folder, "config/paper.yaml")
    lines = {str(job): job.shell for job in planned_jobs}
    # three processes train, the fourth GPU is the server's; 32 generations, K = 200, the paper's beta
    grpo = lines["c2s_grpo replicate=0"]
    launch = "accelerate launch --config_file config/accelerate/fsdp.yaml --num_processes"
    assert grpo.startswith(f"{launch} 3 -m raw2fig c2s grpo")
    for flags in ("--generations 32", "--top 200", "--beta 0.005", "--lr 1e-06", "--vllm server", "--style natural"):
        assert flags in grpo
    sft = lines["c2s_sft_perturbation replicate=0"]
    assert sft.startswith(f"{launch} 1 -m raw2fig c2s sft")
    for flags in ("--lr 1e-05", "--batch 8 --accumulate 4", "--gradient-checkpointing", "--max-length 8192"):
        assert flags in sft
    fetched = {shell.split("--source ")[1].split()[0] for line, shell in lines.items() if line.startswith("c2s_base")}
    assert len(fetched) == 4
    assert all(source.startswith("vandijklab/C2S-") for source in fetched)
    # nothing that only a simulator has, no training from random weights
    absent = {"c2s_pretrain", "c2s_tokenizer", "c2s_cytokine", "c2s_drugs", "c2s_fig_screen", "c2s_fig_samples"}
    assert not absent & {job.rule for job in planned_jobs}
    assert "pertpy/srivatsan_2020_sciplex3" in lines["c2s_fetch_data dataset=drugs"]
    assert "cellxgene_census/" in lines["c2s_fetch_data dataset=reference"]


def test_another_source_of_each_kind(folder: Path) -> None:
    """The same data set by address and from the hub, with its checksum."""
    for found, words in (
        (
            {"source": "url", "url": "https://example.org/cells.h5ad"},
            ["--source url", "--url https://example.org/cells.h5ad"],
        ),
        (
            {"source": "hub", "dataset": "lab/cells", "file": "a.h5ad", "revision": "v2"},
            ["--source hub", "--dataset lab/cells", "--file a.h5ad", "--revision v2"],
        ),
    ):
        overlay = {"c2s": {"reference": {**found, "sha256": "0" * 64}}}
        other = f"{found['source']}.yaml"
        (folder / other).write_text(yaml.safe_dump(overlay))
        lines = {str(job): job.shell for job in planned(folder, other)[0]}
        shell = lines["c2s_fetch_data dataset=reference"]
        assert all(word in shell for word in [*words, f"--sha256 {'0' * 64}"])
        assert "c2s reference --path results/c2s/sources/reference.h5ad" in lines["c2s_reference"]


def model_folder(folder: Path, network: Any) -> None:
    """A released model in bfloat16: byte-level BPE as Pythia has it, no padding token, begin-of-sequence as Gemma."""
    from tokenizers import Tokenizer
    from tokenizers.decoders import ByteLevel as Decoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.processors import TemplateProcessing
    from tokenizers.trainers import BpeTrainer
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = Decoder()
    english = "Rank the top genes of a human cell by expression, highest first. Cell sentence: Cell type: Answer:"
    special = ["<|endoftext|>", "<bos>"]
    trainer = BpeTrainer(
        vocab_size=360, special_tokens=special, initial_alphabet=ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator([english] * 9, trainer)
    tokenizer.post_processor = TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 1)])
    words = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<bos>", eos_token="<|endoftext|>")
    network(len(words)).bfloat16().save_pretrained(folder)
    words.save_pretrained(folder)


def released_models(folder: Path) -> None:
    import torch
    from transformers import Gemma2Config, Gemma2ForCausalLM, GPTNeoXConfig, GPTNeoXForCausalLM

    torch.manual_seed(0)
    common = {"num_attention_heads": 2, "eos_token_id": 0, "bos_token_id": 1, "max_position_embeddings": 1024}
    neox = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    # a layer that attends to a window and one that attends to all; embeddings of input and output are one matrix
    gemma = {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 2, "sliding_window": 32}
    gemma |= {"num_key_value_heads": 1, "head_dim": 12, "pad_token_id": None}
    # embeddings rounded up, as Pythia's
    model_folder(
        folder / "neox",
        lambda n: GPTNeoXForCausalLM(GPTNeoXConfig(vocab_size=n + 8, **neox, **common)),
    )
    model_folder(
        folder / "gemma",
        lambda n: Gemma2ForCausalLM(Gemma2Config(vocab_size=n, **gemma, **common)),
    )


def other_people_s_data(folder: Path) -> None:
    """Real counts of pbmc68k, and cells simulated from them, as CELLxGENE, Dong et al. and scPerturb lay them out."""
    import anndata
    import pandas as pd

    from raw2fig.papers.c2s.counts import merge_types, recover_pbmc68k
    from raw2fig.papers.c2s.cytokines import log_fold_change, read_effects
    from raw2fig.papers.c2s.simulate import draw, source

    real = merge_types(recover_pbmc68k())
    genes, kinds = list(real.var_names), real.obs["cell_type"].to_numpy()
    rng = np.random.default_rng(0)
    # CELLxGENE: Ensembl ids with symbols beside, several donors and tissues
    var = pd.DataFrame({"feature_name": genes}, index=[f"ENSG{number:011d}" for number in range(len(genes))])
    obs = pd.DataFrame({"cell_type": pd.Categorical(kinds)}, index=real.obs_names)
    obs["donor_id"] = pd.Categorical(rng.choice(["A29", "A31", "640C"], len(obs), p=[0.5, 0.4, 0.1]))
    obs["tissue"] = pd.Categorical(rng.choice(["blood", "spleen"], len(obs)))
    anndata.AnnData(real.X, obs=obs, var=var).write_h5ad(folder / "reference.h5ad")

    effects = read_effects(ROOT / "config/c2s/effects.yaml")
    sources = {kind: source(real.X[kinds == kind]) for kind in TYPES}

    def simulate(rows: list[dict[str, Any]], n: int, name: str) -> None:
        from scipy.sparse import vstack

        counts = vstack(
            [draw(sources[row["from"]], row["fold"], n, rng) for row in rows], format="csr", dtype=np.float32
        )
        obs = pd.DataFrame([{key: row[key] for key in row if key not in ("from", "fold")} for row in rows])
        obs = obs.loc[np.repeat(np.arange(len(rows)), n)]
        obs.index = pd.Index([f"cell{i}" for i in range(len(obs))])
        anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=genes)).write_h5ad(folder / name)

    rows = []
    for kind, called in TYPES.items():
        for stimulus, acts in STIMULI.items():
            for exposure in ("acute", "chronic"):
                fold = log_fold_change(kind, acts or "none", exposure, effects, genes)
                labels = {"cell_type0528": called, "perturbation": stimulus, "chronicity": exposure.title()}
                rows.append({**labels, "from": kind, "fold": fold})
    simulate(rows, 90, "cytokine.h5ad")
    labels = yaml.safe_load((ROOT / "config/c2s/labels/dong_2023.yaml").read_text())
    labels["cytokine"]["values"] |= {"IL-6": "IL6", "IFNb+IL-6": "IFNB+IL6"}
    (folder / "labels.yaml").write_text(yaml.safe_dump(labels))

    drugs = {"control": ("Vehicle", 0.0), "Belinostat (PXD101)": ("Epigenetic regulation", 10000.0)}
    rows = [
        {"cell_line": line, "perturbation": drug, "pathway_level_1": pathway, "dose_value": dose, "time": hours}
        | {"from": kind, "fold": np.zeros(len(genes))}
        for line, kind in (("A549", "Mono"), ("K562", "B"))
        for drug, (pathway, dose) in drugs.items()
        for hours in (24.0, 72.0)
    ]
    simulate(rows, 16, "drugs.h5ad")


@pytest.fixture(scope="module")
def made(folder: Path) -> Path:
    """The results of everything, at the paper's scale less its size."""
    given = folder / "given files"
    given.mkdir()
    released_models(given)
    other_people_s_data(given)
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    call(folder, "snakemake", "c2s", "--cores", "1", "--configfile", "config/paper.yaml", "small.yaml")
    return folder / "made"


def test_everything_is_made_and_nothing_left_to_do(made: Path) -> None:
    text = call(made.parent, "snakemake", "c2s", "--dry-run", "--configfile", "config/paper.yaml", "small.yaml")
    assert "Nothing to be done" in text
    assert not list(made.rglob(".partial-*"))


def test_data_are_read_in_their_own_words(made: Path) -> None:
    import anndata

    reference = anndata.read_h5ad(made / "c2s/data/reference.raw.h5ad")
    assert {"CD74", "IRF7", "TAPBP"} <= set(reference.var_names)
    assert set(reference.obs["donor"]) == {"A29", "A31"}
    cytokine = anndata.read_h5ad(made / "c2s/data/cytokine.h5ad").obs
    assert set(cytokine["cell_type"]) == {"B", "CD4 T", "NK", "Mono"}
    assert set(cytokine["cytokine"]) == {"none", "IFNB", "IFNG", "IL6", "IFNB+IL6"}
    assert set(cytokine["exposure"][cytokine["cytokine"] == "none"]) == {"none"}
    # the paper's held-out design
    held_out = cytokine[cytokine["split"] == "test"]
    tiers = {
        (kind, name): set(part["tier"])
        for (kind, name), part in cytokine.groupby(["cell_type", "cytokine"], observed=True)
    }
    assert all(found == {"tier1"} for (_, name), found in tiers.items() if name == "IFNB+IL6")
    assert tiers["CD4 T", "IFNG"] == tiers["NK", "IL6"] == {"tier2"}
    assert tiers["B", "IFNB"] == {"tier3", "seen"}
    assert set(held_out["tier"]) == {"tier1", "tier2", "tier3", "seen"}
    assert set(cytokine["tier"][cytokine["split"] == "train"]) == {"seen"}
    drugs = anndata.read_h5ad(made / "c2s/data/drugs.h5ad")
    assert set(drugs.obs["drug"]) == {"vehicle", "Belinostat (PXD101)"}
    assert set(drugs.obs["hours"]) == {24.0}


def test_prompts_are_in_natural_language_for_a_tokenizer_that_splits_genes(made: Path) -> None:
    import pandas as pd

    from raw2fig.lm.generate import once_mask
    from raw2fig.lm.models import load_tokenizer

    corpus = pd.read_parquet(made / "c2s/r0/data/corpus.cytokine.parquet")
    generation = corpus[corpus["task"] == "perturbation_generation"]
    assert generation["prompt"].str.endswith("Cell sentence:").all()
    assert generation["prompt"].str.contains("human").all()
    assert (generation["response"].str.split().str.len() <= 30).all()
    train = corpus[corpus["split"] == "train"]
    assert not train["prompt"].str.contains("IFNB + IL6", regex=False).any()
    assert not train["response"].str.contains("IFNB + IL6", regex=False).any()
    words = load_tokenizer(str(made / "c2s/r0/models/sft"))
    assert once_mask(words, ["IFITM3", "CD74"]) is None
    assert words.pad_token == words.eos_token
    reference = pd.read_parquet(made / "c2s/r0/data/corpus.reference.parquet")
    assert set(reference[reference["task"] == "tissue_annotation"]["response"]) == {"blood.", "spleen."}


def test_every_stage_changes_the_weights_of_the_released_model(made: Path) -> None:
    import torch
    from safetensors.torch import load_file

    def weights(folder: str) -> dict[str, torch.Tensor]:
        return load_file(made / "c2s" / folder / "model.safetensors")

    trained = ("sft", "grpo/mse_pair", "annotation", "spatial/both", "drugs")
    folders = ["models/base/1B", *(f"r0/models/{name}" for name in trained)]
    stages = [weights(name) for name in folders]
    assert len({frozenset(stage) for stage in stages}) == 1
    name = "gpt_neox.layers.0.mlp.dense_h_to_4h.weight"
    base, *others = (stage[name] for stage in stages)
    assert base.dtype == torch.bfloat16
    # steps at the paper's learning rates are so small that bfloat16 would round them away
    for one in others:
        assert one.dtype == torch.float32
        assert 0 < (one - base).abs().max() < 1e-3
    assert len({one.numpy().tobytes() for one in others}) == len(others)
    # untrained models write no gene: every tau is 0, no cell of a group is better than another, and nothing is learned
    assert torch.equal(weights("r0/models/grpo/kendall")[name], weights("r0/models/sft")[name])
    config = read_json(made / "c2s/r0/models/sft/config.json")
    assert config["architectures"] == ["GPTNeoXForCausalLM"]


def test_generated_cells_are_scored_beside_the_baselines(made: Path) -> None:
    import pandas as pd

    scores = pd.read_parquet(made / "c2s/r0/evals/perturbation.parquet")
    methods = {"floor", "no_change", "additive_shift", "gaussian_monge", "SFT", "GRPO mse_pair", "GRPO kendall"}
    assert set(scores["method"]) == methods
    assert set(scores["tier"]) == {"seen", "tier1", "tier2", "tier3"}
    assert np.isfinite(scores["value"]).all()
    sizes = pd.read_parquet(made / "c2s/r0/evals/scaling.parquet")
    assert set(sizes["size"]) == {"1B", "2B"}
    assert set(sizes["metric"]) == {"loss", "accuracy", "overlap"}
    # nats per word of a model that knows nothing: the tokens of a word times the logarithm of the vocabulary
    losses = sizes[sizes["metric"] == "loss"]["value"]
    assert 1.5 * np.log(360) < losses.mean() < 9 * np.log(360)


def test_claims_that_need_a_simulator_are_out_of_scale_and_the_others_measured(made: Path) -> None:
    found = read_json(made / "c2s/claims.json")
    assert found["scale"] == "paper"
    entries = {entry["id"]: entry for entry in found["claims"]}
    out = {name: entry["measured"] for name, entry in entries.items() if entry["verdict"] == "out of scale"}
    assert "not trained here" in out["C2c"]
    assert "no run of GRPO mmd" in out["C8x"]
    assert "real drugs" in out["C11"]
    measured = {"C1", "C1b", "C2", "C4", "C6", "C6b", "C7", "C8", "C9", "C9b"}
    assert measured & set(out) == set()
    assert [part["name"] for part in entries["C2"]["parts"]] == [
        "loss 1B to 2B",
        "annotation accuracy 1B to 2B",
        "gene overlap 1B to 2B",
    ]
    assert not any("simulated cytokines" in entry["disclosure"] for entry in entries.values())


def test_the_run_says_what_it_was_made_from(made: Path) -> None:
    text = (made / "c2s/tables/paper_vs_run.md").read_text()
    assert "Fetched for this run:" in text
    assert "- 1B: source neox" in text
    assert "- 2B: source gemma" in text
    assert not (made / "c2s/figures/screen.png").exists()
    assert {path.stem for path in (made / "c2s/figures").glob("*.png")} >= {"rank", "scaling", "perturbation", "grpo"}


def test_the_gpu_scale_in_small_runs_without_a_gpu(folder: Path) -> None:
    """Its own data, panel and sentence length; fewer cells, steps and sizes."""
    smoke = config("smoke")["c2s"]
    small: dict[str, Any] = {
        "pathvars": {"results": "small-gpu"},
        "c2s": {
            **{key: smoke[key] for key in ("cytokine", "spatial", "drugs", "pretrain", "perturbation", "screen")},
            "spatial_sft": smoke["spatial_sft"] | {"size": "L"},
            "sentence": {"top": 64},
            "base": {"shapes": {"XS": "16/1/2", "S": None, "M": None, "L": "32/1/2"}},
            "replicates": [0],
            "grpo": merge(smoke["grpo"], {"scoring": {"rewards": ["mmd"]}}),
        },
    }
    (folder / "small-gpu.yaml").write_text(yaml.safe_dump(small))
    targets = [f"small-gpu/c2s/r0/evals/{name}.parquet" for name in ("scaling", "perturbation")]
    call(folder, "snakemake", *targets, "--cores", "1", "--configfile", "config/gpu.yaml", "small-gpu.yaml")
    assert len(read_json(folder / "small-gpu/c2s/data/panel.json")["genes"]) == 765
    assert set(read_json(folder / "small-gpu/c2s/r0/models/grpo/mmd.json")["kept"]) == {"lr", "step"}

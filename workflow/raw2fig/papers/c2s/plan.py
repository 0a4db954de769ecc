"""The design of the experiment: which data sets, models, priors, rewards and seeds there are, and their files.

Every function takes the section `c2s` of the configuration. Paths are those of rules, below `<results>`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

Section = Mapping[str, Any]

DATA, MODELS, EVALS = "<results>/c2s/data", "<results>/c2s/models", "<results>/c2s/evals"
SOURCES = "<results>/c2s/sources"
EXPERIMENTS = ("cytokine", "spatial", "drugs")
"""Data sets beside the reference, each simulated or real."""
PRIORS = ("none", "cpdb", "biogrid", "both")
"""Prior knowledge of interactions, with each of which a model is trained (`raw2fig.papers.c2s.tissue`)."""
SPATIAL_TASKS = ("niche", "same_neighbourhood", "same_niche")
"""Spatial tasks that have one right answer."""


def simulated(c2s: Section) -> list[str]:
    """Experiments that are simulated from the reference."""
    return [name for name in EXPERIMENTS if c2s[name]["source"] == "procedural"]


def real(c2s: Section) -> list[str]:
    """Experiments that are read from files."""
    return [name for name in EXPERIMENTS if name not in simulated(c2s)]


def is_fetched(c2s: Section, dataset: str) -> bool:
    """Whether a data set comes from outside: neither simulated, nor the user's file, nor inside scanpy."""
    source, name = c2s[dataset]["source"], c2s[dataset]["dataset"]
    return source in ("url", "hub") or (source == "package" and name != "pbmc68k_reduced")


def data_file(c2s: Section, dataset: str) -> str | list[str]:
    """Where a real data set lies: the user's file, or the one fetched; nothing for what is in scanpy."""
    if is_fetched(c2s, dataset):
        return f"{SOURCES}/{dataset}.h5ad"
    return c2s[dataset]["path"] if c2s[dataset]["source"] == "path" else []


def missing_files(c2s: Section) -> dict[str, str]:
    """Key → path of the user's files that are not there, or are folders."""
    named = {name: c2s[name]["path"] for name in ("reference", *EXPERIMENTS) if c2s[name]["source"] == "path"}
    return {f"c2s.{name}.path": path for name, path in named.items() if not Path(path).is_file()}


def checks(c2s: Section, dataset: str) -> dict[str, Any]:
    """What the step that reads a real data set is told besides where it finds what. The checksum of a file that was
    fetched is checked where it is fetched; a tissue is split by place."""
    section = c2s[dataset]
    checked = {"sha256": section["sha256"]} if section["source"] == "path" and section["sha256"] else {}
    return checked | ({"radius": section["neighbourhood"]["radius"]} if dataset == "spatial" else {})


def has_tiers(dataset: str) -> bool:
    """Whether conditions of a data set are held out: the held-out design applies to cytokine cells alone."""
    return dataset in ("cytokine", "oracle")


def oracle(c2s: Section) -> list[str]:
    """Fresh cells of the simulator: there are none beside real data."""
    return [f"{DATA}/oracle.h5ad"] if "cytokine" in simulated(c2s) else []


def truth(c2s: Section) -> list[str]:
    """What the drug simulator planted: nothing is known of real drugs."""
    return [f"{DATA}/drugs.truth.json"] if "drugs" in simulated(c2s) else []


def spatial_corpora() -> list[str]:
    """The spatial corpus with each prior."""
    return [f"{DATA}/corpus.spatial-{prior}.parquet" for prior in PRIORS]


def corpora() -> list[str]:
    """All corpora: their words are the tokenizer's."""
    own = [f"{DATA}/corpus.{name}.parquet" for name in ("reference", "cytokine", "drugs")]
    return [*own[:2], *spatial_corpora(), *own[2:]]


def is_trained(c2s: Section) -> bool:
    """Whether models are trained here from random weights, rather than released ones."""
    return c2s["base"]["source"] == "procedural"


def shapes(c2s: Section) -> dict[str, str]:
    """Name → shape of the models that are trained here, in their order."""
    return {name: shape for name, shape in c2s["base"]["shapes"].items() if shape}


def released(c2s: Section) -> dict[str, Section]:
    """Name → source and revision of the released models, in their order."""
    return {name: model for name, model in c2s["base"]["released"].items() if model}


def sizes(c2s: Section) -> list[str]:
    """Names of the pretrained models, smallest first."""
    return list(shapes(c2s) if is_trained(c2s) else released(c2s))


def pretrained_seeds(c2s: Section) -> list[int]:
    """Seeds of the pretrained models: released ones are there once."""
    return c2s["seeds"] if is_trained(c2s) else c2s["seeds"][:1]


def pretrained(c2s: Section, size: str = "{size}", seed: int | str = "{seed}") -> str:
    """Folder of a pretrained model."""
    return f"{MODELS}/pretrain/{size}-s{seed}" if is_trained(c2s) else f"{MODELS}/base/{size}"


def base(c2s: Section, task: str = "base", seed: int | str | None = None) -> str:
    """Folder of the pretrained model that a task is trained from: of the first seed, unless `seed` is given."""
    return pretrained(c2s, c2s[task]["size"], c2s["seeds"][0] if seed is None else seed)


def all_pretrained(c2s: Section) -> list[str]:
    """Folders of all pretrained models."""
    return [pretrained(c2s, size, seed) for size in sizes(c2s) for seed in pretrained_seeds(c2s)]


def pretraining_logs(c2s: Section, sizes: list[str]) -> list[str]:
    """Logs of the pretraining of `sizes`, with every seed; none of released models."""
    names = [f"{size}-s{seed}" for size in sizes for seed in c2s["seeds"]]
    return [f"{MODELS}/pretrain/{name}.json" for name in names] if is_trained(c2s) else []


def rewards(c2s: Section) -> list[str]:
    """Rewards of GRPO."""
    return c2s["grpo"]["scoring"]["rewards"]


def rewarded(c2s: Section, seed: int | str = "{seed}", suffix: str = "") -> list[str]:
    """Models of GRPO of one seed, or with a suffix their logs."""
    return [f"{MODELS}/grpo/{reward}-s{seed}{suffix}" for reward in rewards(c2s)]


def all_rewarded(c2s: Section, suffix: str = "") -> list[str]:
    """Models of GRPO of all seeds, or with a suffix their logs: by reward, then by seed."""
    return [f"{MODELS}/grpo/{reward}-s{seed}{suffix}" for reward in rewards(c2s) for seed in c2s["seeds"]]


def has_server(c2s: Section) -> bool:
    """Whether GRPO keeps one GPU for a server that generates."""
    return c2s["grpo"]["recipe"]["vllm"] == "server"


def scaling(c2s: Section) -> list[str]:
    """Scores of the pretrained models, one table for each seed."""
    return [f"{EVALS}/scaling-s{seed}.parquet" for seed in pretrained_seeds(c2s)]


def methods(c2s: Section) -> list[str]:
    """Names of the models that predict perturbed cells, in the order of `predictors`."""
    return ["SFT", *(f"GRPO {reward}" for reward in rewards(c2s))]


def predictors(c2s: Section) -> list[str]:
    """Models of one seed that predict perturbed cells."""
    return [f"{MODELS}/sft-s{{seed}}", *rewarded(c2s)]


def predictions(c2s: Section) -> list[str]:
    """Predicted cells of the baselines, and of the models of each seed."""
    names = ["baselines", *(f"s{seed}" for seed in c2s["seeds"])]
    return [f"{EVALS}/generated/{name}.parquet" for name in names]


def mapped(c2s: Section) -> list[str]:
    """Predicted cells that are shown on a map: those of the first seed and of the baselines."""
    baselines, first = predictions(c2s)[:2]
    return [first, baselines]


def fetched(c2s: Section) -> list[str]:
    """What comes from outside: records of data, and folders of models."""
    records = [f"{SOURCES}/{name}.json" for name in ("reference", *real(c2s)) if is_fetched(c2s, name)]
    return records + ([] if is_trained(c2s) else all_pretrained(c2s))


def data(c2s: Section) -> list[str]:
    """The processed data and corpora that later stages read."""
    names = ("rank_fit.json", "panel_fit.json", "embedder.npz", "reference.h5ad", "drugs.h5ad")
    return [*(f"{DATA}/{name}" for name in names), *oracle(c2s), *corpora()]


def models(c2s: Section) -> list[str]:
    """All models."""
    spatial = [f"{MODELS}/spatial/{prior}" for prior in PRIORS]
    return [*all_pretrained(c2s), f"{MODELS}/annotation", *spatial, f"{MODELS}/drugs", *all_rewarded(c2s)]


def evaluations(c2s: Section) -> list[str]:
    """All tables that figures and claims read."""
    names = (
        "annotation",
        "annotation.baselines",
        "reference.baselines",
        "foscttm",
        "umap.annotation",
        "umap.cells",
        "spatial",
        "perturbation",
        "screen.scores",
    )
    return [*scaling(c2s), *(f"{EVALS}/{name}.parquet" for name in names)]

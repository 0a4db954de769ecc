"""The design of the experiment: which data sets, models, priors, rewards and replicates there are, and their files.

`c2s` is the paper's section of the configuration. Paths are those of rules, below `<results>`. What a replicate draws
lies in its own folder; a replicate that is not named is the wildcard of a rule. Real data and released models are there
once.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

Section = Mapping[str, Any]

Replicate = int | str
EACH = "{replicate}"
"""The replicate of a rule."""
ONCE, SOURCES = "<results>/c2s/data", "<results>/c2s/sources"
"""Folders of real data, processed and as they came."""
EXPERIMENTS = ("cytokine", "spatial", "drugs")
"""Data sets beside the reference, each simulated or real."""
CLASSIFIERS = "<results>/c2s/evals/annotation.baselines.parquet"
"""Cell types that classifiers predict, which are fitted to real cells."""
SPATIAL_TASKS = ("niche", "same_neighbourhood", "same_niche")
"""Spatial tasks that have one right answer."""


def folder(replicate: Replicate = EACH) -> str:
    """Where everything lies that a replicate draws."""
    return f"<results>/c2s/r{replicate}"


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
    """Data set → path of the user's files that are not there, or are folders."""
    named = {name: c2s[name]["path"] for name in ("reference", *EXPERIMENTS) if c2s[name]["source"] == "path"}
    return {name: path for name, path in named.items() if not Path(path).is_file()}


def checks(c2s: Section, dataset: str) -> dict[str, Any]:
    """What the step that reads a real data set is told besides where it finds what. The checksum of a file that was
    fetched is checked where it is fetched; a tissue is split by place."""
    section = c2s[dataset]
    checked = {"sha256": section["sha256"]} if section["source"] == "path" and section["sha256"] else {}
    return checked | ({"radius": section["neighbourhood"]["radius"]} if dataset == "spatial" else {})


def has_tiers(dataset: str) -> bool:
    """Whether conditions of a data set are held out: the held-out design applies to cytokine cells alone."""
    return dataset in ("cytokine", "oracle")


def cells(c2s: Section, dataset: str, replicate: Replicate = EACH) -> str:
    """Processed cells of a data set."""
    return f"{f'{folder(replicate)}/data' if dataset in simulated(c2s) else ONCE}/{dataset}.h5ad"


def oracle(c2s: Section, replicate: Replicate = EACH) -> list[str]:
    """Fresh cells of the simulator: there are none beside real data."""
    return [f"{folder(replicate)}/data/oracle.h5ad"] if "cytokine" in simulated(c2s) else []


def truth(c2s: Section) -> list[str]:
    """What the drug simulator plants, the same in each replicate: nothing is known of real drugs."""
    return [f"{folder(c2s['replicates'][0])}/data/drugs.truth.json"] if "drugs" in simulated(c2s) else []


def priors(c2s: Section) -> list[str]:
    """Prior knowledge of interactions, with each of which a model is trained (`raw2fig.papers.c2s.tissue`)."""
    return c2s["spatial_sft"]["priors"]


def spatial_corpora(c2s: Section, replicate: Replicate = EACH) -> list[str]:
    """The spatial corpus with each prior."""
    return [f"{folder(replicate)}/data/corpus.spatial-{prior}.parquet" for prior in priors(c2s)]


def corpora(c2s: Section, replicate: Replicate = EACH) -> list[str]:
    """All corpora: their words are the tokenizer's."""
    own = [f"{folder(replicate)}/data/corpus.{name}.parquet" for name in ("reference", "cytokine", "drugs")]
    return [*own[:2], *spatial_corpora(c2s, replicate), *own[2:]]


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


def pretrained(c2s: Section, size: str = "{size}", replicate: Replicate = EACH) -> str:
    """Folder of a pretrained model."""
    return f"{folder(replicate)}/models/pretrain/{size}" if is_trained(c2s) else f"<results>/c2s/models/base/{size}"


def base(c2s: Section, task: str = "base", replicate: Replicate = EACH) -> str:
    """Folder of the pretrained model that a task is trained from."""
    return pretrained(c2s, c2s[task]["size"], replicate)


def pretraining_logs(c2s: Section, sizes: list[str]) -> list[str]:
    """Logs of the pretraining of `sizes` in all replicates; none of released models."""
    return [f"{pretrained(c2s, size, r)}.json" for size in sizes for r in c2s["replicates"]] if is_trained(c2s) else []


def rewards(c2s: Section) -> list[str]:
    """Rewards of GRPO."""
    return c2s["grpo"]["scoring"]["rewards"]


def rewarded(c2s: Section, replicate: Replicate = EACH, suffix: str = "") -> list[str]:
    """Models of GRPO, or with a suffix their logs."""
    return [f"{folder(replicate)}/models/grpo/{reward}{suffix}" for reward in rewards(c2s)]


def spatial(c2s: Section, replicate: Replicate = EACH) -> list[str]:
    """Models that were trained with each prior."""
    return [f"{folder(replicate)}/models/spatial/{prior}" for prior in priors(c2s)]


def effects(c2s: Section) -> list[float]:
    """Factors of what is planted in the tissue, the claims' own among them; none where C6 has no curve."""
    curve = c2s["spatial_sft"]["effects"]
    return sorted({*curve, c2s["spatial"]["simulation"]["effect_scale"]}) if curve else []


def planted(c2s: Section, name: str) -> list[str]:
    """The answers of models or of the baseline to prompts on tissue of each effect, in all replicates."""
    own = {"answers": "spatial", "baseline": "spatial.baseline"}[name]
    return [
        f"{folder(replicate)}/evals/{own}.parquet"
        if effect == c2s["spatial"]["simulation"]["effect_scale"]
        else f"{folder(replicate)}/effects/{effect}/{name}.parquet"
        for effect in effects(c2s)
        for replicate in c2s["replicates"]
    ]


def grpo_logs(c2s: Section) -> list[str]:
    """Logs of GRPO in all replicates."""
    return [path for replicate in c2s["replicates"] for path in rewarded(c2s, replicate, ".json")]


def has_server(c2s: Section) -> bool:
    """Whether GRPO keeps one GPU for a server that generates."""
    return c2s["grpo"]["recipe"]["vllm"] == "server"


def methods(c2s: Section) -> list[str]:
    """Names of the models that predict perturbed cells, in the order of `predictors`."""
    return ["SFT", *(f"GRPO {reward}" for reward in rewards(c2s))]


def predictors(c2s: Section, replicate: Replicate = EACH) -> list[str]:
    """Models that predict perturbed cells."""
    return [f"{folder(replicate)}/models/sft", *rewarded(c2s, replicate)]


def predictions(replicate: Replicate = EACH) -> list[str]:
    """Predicted cells of the models, and of the baselines."""
    return [f"{folder(replicate)}/evals/generated/{name}.parquet" for name in ("models", "baselines")]


def evaluated(c2s: Section, name: str) -> list[str]:
    """A table of the evaluation in all replicates."""
    return [f"{folder(replicate)}/evals/{name}.parquet" for replicate in c2s["replicates"]]


def shown(c2s: Section, name: str) -> str:
    """A map of cells: that of the first replicate."""
    return evaluated(c2s, f"umap.{name}")[0]


def fetched(c2s: Section) -> list[str]:
    """What comes from outside: records of data, and folders of models."""
    records = [f"{SOURCES}/{name}.json" for name in ("reference", *real(c2s)) if is_fetched(c2s, name)]
    return records + ([] if is_trained(c2s) else [pretrained(c2s, size) for size in sizes(c2s)])


def data(c2s: Section) -> list[str]:
    """The processed data and corpora that later stages read."""
    once = [f"{ONCE}/{name}" for name in ("rank_fit.json", "panel_fit.json", "reference.h5ad")]
    for replicate in c2s["replicates"]:
        once += [f"{folder(replicate)}/data/embedder.npz", *oracle(c2s, replicate), *corpora(c2s, replicate)]
        once += [cells(c2s, "drugs", replicate)]
    return list(dict.fromkeys(once))


def models(c2s: Section) -> list[str]:
    """All models."""
    made = []
    for replicate in c2s["replicates"]:
        made += [pretrained(c2s, size, replicate) for size in sizes(c2s)]
        made += [f"{folder(replicate)}/models/{name}" for name in ("annotation", "drugs")]
        made += [*spatial(c2s, replicate), *rewarded(c2s, replicate)]
    return list(dict.fromkeys(made))


def evaluations(c2s: Section) -> list[str]:
    """All tables that figures and claims read."""
    names = ["scaling", "annotation", "foscttm", "reference.baselines", "spatial", "spatial.baseline", "perturbation"]
    names += ["screen"]
    maps = [shown(c2s, name) for name in ("annotation", "cells")]
    return [CLASSIFIERS, *maps, *(path for name in names for path in evaluated(c2s, name))]

"""The design of the experiment: which replicates, models, variants and files there are.

`settings` is the section `dr_llm` of the configuration. In each replicate a base is trained and questions are drawn;
the variants search routes for the same questions on the same base. Pretrained models are the same in all replicates.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from raw2fig.results import flags

Settings = Mapping[str, Any]
ROOT = "<results>/dr_llm"
MINI = "mini"
"""Name of the model that is made in each replicate."""
OWN = "own"
"""Name of the only variant of pretrained models: the settings of your own model."""


class Run(NamedTuple):
    """Routers of a model in a replicate."""

    replicate: int
    model: str
    variant: str


def published(name: str) -> str:
    """Table of published numbers, which ships with the repository."""
    return f"config/dr_llm/{name}.csv"


def place(replicate: int | str = "{replicate}", model: str = "{model}") -> str:
    """Where everything of a model lies that is drawn in a replicate."""
    return f"{ROOT}/r{replicate}/{model}"


def items(replicate: int | str = "{replicate}", model: str = "{model}") -> str:
    """The questions of a replicate."""
    return f"{place(replicate, model)}/data/items.parquet"


def base(replicate: int | str = "{replicate}") -> str:
    """Folder of the miniature's model."""
    return f"{place(replicate, MINI)}/models/base"


def fetched(model: str = "{model}") -> str:
    """Folder of a pretrained model."""
    return f"{ROOT}/models/{model}"


def model(replicate: int | str, name: str) -> str:
    """Folder of the model that is routed."""
    return base(replicate) if name == MINI else fetched(name)


def made(
    kind: str,
    file: str,
    replicate: int | str = "{replicate}",
    model: str = "{model}",
    variant: str = "{variant}",
) -> str:
    """A file or folder of a variant; `kind` is data, models or evals."""
    return f"{place(replicate, model)}/{kind}/{variant}/{file}"


def routing(settings: Settings, model: str, variant: str) -> Mapping[str, Any]:
    """The settings of a variant."""
    found: Mapping[str, Any] = settings["mini"]["variants"][variant] if model == MINI else settings[OWN]
    return found


def flags_of(settings: Settings, *sections: str) -> Callable[[Any], str]:
    """Flags of these sections of the settings of a job's variant, by its wildcards."""
    return lambda wildcards: " ".join(
        flags(routing(settings, wildcards.model, wildcards.variant)[section]) for section in sections
    )


def mini_runs(settings: Settings) -> list[Run]:
    """All variants of all replicates of the miniature."""
    return [Run(r, MINI, variant) for r in settings["replicates"] for variant in settings["mini"]["variants"]]


def pretrained_runs(settings: Settings) -> list[Run]:
    """All replicates of all pretrained models."""
    section = settings["pretrained"]
    return [Run(r, name, OWN) for name in section["models"] for r in section["replicates"]]


def gathered(runs: list[Run], file: str) -> list[str]:
    """A file of the evaluation of all runs."""
    return [made("evals", file, *run) for run in runs]


def names(runs: list[Run]) -> list[str]:
    """What `raw2fig dr-llm gather` calls the runs."""
    return [f"{run.replicate}:{run.model}:{run.variant}" for run in runs]


def together(which: str, file: str) -> str:
    """The rows of a file of all runs of the miniature (mini) or of pretrained models (pretrained)."""
    return f"{ROOT}/evals/{which}-{file}"

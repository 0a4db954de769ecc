"""The design of the experiment: which replicates, models, variants and files there are.

`settings` is the section `dr_llm` of the configuration. In each replicate a base is trained and questions are drawn;
the variants search routes for the same questions on the same base. Pretrained models are the same in all replicates.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from raw2fig.fetch import given
from raw2fig.results import flags

Settings = Mapping[str, Any]
ROOT = "<results>/dr_llm"
SOURCES = f"{ROOT}/sources"
"""Where files from outside lie."""
BENCHMARKS = ("arc_easy", "arc_challenge", "dart")
MINI = "mini"
"""Name of the model that is made in each replicate."""
ABLATIONS = "ablations"
"""Table of routers with other settings."""
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
    """Flags of these sections of the settings of a job's variant, by its wildcards. Some pretrained models are asked
    through their chat template."""

    def found(wildcards: Any) -> str:
        mine = dict(routing(settings, wildcards.model, wildcards.variant))
        if wildcards.model in settings["pretrained"]["chat"]:
            mine["answering"] = {**mine["answering"], "chat": True}
        return " ".join(flags(mine[section]) for section in sections)

    return found


def uses_benchmarks(settings: Settings) -> bool:
    """Whether pretrained models are asked questions of ARC and DART, and not our own."""
    return bool(settings["pretrained"]["dart"]["source"] != "none")


def benchmark(settings: Settings, name: str) -> list[str]:
    """Files of a benchmark: the user's, or those that are fetched."""
    return given.places(name, settings["pretrained"][name], SOURCES)


def fetched_files(settings: Settings) -> dict[str, dict[str, Any]]:
    """Files that are fetched → where each is from, as `raw2fig fetch file` has it."""
    return {
        part: origin for name in BENCHMARKS for part, origin in given.parts(name, settings["pretrained"][name]).items()
    }


def style(settings: Settings, name: str) -> str:
    """The wording of a pretrained model's prompts."""
    return "instruct" if name in settings["pretrained"]["chat"] else "base"


def mini_runs(settings: Settings) -> list[Run]:
    """All variants of all replicates of the miniature."""
    return [Run(r, MINI, variant) for r in settings["replicates"] for variant in settings["mini"]["variants"]]


def pretrained_runs(settings: Settings) -> list[Run]:
    """All replicates of the pretrained models that are run."""
    section = settings["pretrained"]
    return [Run(r, name, OWN) for name in section["run"] for r in section["replicates"]]


def ablated_runs(settings: Settings) -> list[Run]:
    """The runs whose routers are trained with other settings too: of the first variant."""
    variant = next(iter(settings["mini"]["variants"]))
    return [Run(r, MINI, variant) for r in settings["replicates"][: settings["mini"]["ablated"]]]


def _runs(settings: Settings, which: str, file: str) -> list[Run]:
    if file == ABLATIONS:
        return ablated_runs(settings)
    return mini_runs(settings) if which == MINI else pretrained_runs(settings)


def gathered(settings: Settings, which: str, file: str) -> list[str]:
    """The table `file` of the evaluation, of all runs of the miniature (mini) or of pretrained models (pretrained)."""
    return [made("evals", f"{file}.csv", *run) for run in _runs(settings, which, file)]


def names(settings: Settings, which: str, file: str) -> list[str]:
    """What `raw2fig dr-llm gather` calls these runs."""
    return [f"{run.replicate}:{run.model}:{run.variant}" for run in _runs(settings, which, file)]


def pretrained_tables(settings: Settings) -> dict[str, str]:
    """Tables of the pretrained models that are run, by name."""
    if not pretrained_runs(settings):
        return {}
    harness = ["harness"] if settings["pretrained"]["harness"]["tasks"] else []
    names = ["runs", "uses", "luck", "throughput", *harness]
    return {name: together("pretrained", f"{name}.csv") for name in names}


def together(which: str, file: str) -> str:
    """The rows of a file of all runs of the miniature (mini) or of pretrained models (pretrained)."""
    return f"{ROOT}/evals/{which}-{file}"

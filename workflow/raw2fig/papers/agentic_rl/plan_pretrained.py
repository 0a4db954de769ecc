"""The design of the experiments on pretrained models: which starts, runs, benchmarks and files there are.

`settings` is the section `agentic_rl.pretrained` of the configuration. What is fetched is there once; where a data set
has no files, each replicate has the miniature's, as chats. All runs of a replicate begin from its starts.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

from raw2fig.fetch import given
from raw2fig.papers.agentic_rl.plan import ROOT

Settings = Mapping[str, Any]
SOURCES = f"{ROOT}/sources"
"""Folder of files that are fetched."""
MADE = {"real": "real", "stitched": "stitched", "diverse": "train"}
"""Data set → its part of the miniature's chats."""
CHOSEN = "chosen"


def model(name: str = "{model}") -> str:
    """Folder of a pretrained model."""
    return f"{ROOT}/models/{name}"


def place(replicate: int | str = "{replicate}") -> str:
    """Where everything of a replicate lies."""
    return f"{ROOT}/r{replicate}/pretrained"


def chats(part: str, replicate: int | str = "{replicate}") -> str:
    """A part of the miniature's chats."""
    return f"{place(replicate)}/data/{part}.jsonl"


def files(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """Name of each data set and benchmark → where its files are from."""
    return {**settings["data"], **benchmarks(settings)}


def benchmarks(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """The benchmarks that policies are evaluated on."""
    return {name: files for name, files in settings["benchmarks"].items() if files}


def given_files(settings: Settings, name: str) -> list[str]:
    """The files of a data set or benchmark, [] where it has none."""
    return given.places(name, files(settings)[name], SOURCES)


def fetched_files(settings: Settings) -> dict[str, dict[str, Any]]:
    """Files that are fetched for what is run → where each is from, as `raw2fig fetch file` has it."""
    found = {name: given.parts(name, files(settings)[name]) for name in used(settings)}
    return {part: origin for parts in found.values() for part, origin in parts.items()}


def fetched(settings: Settings) -> list[str]:
    """Records and folders of what comes from outside, for the table of the run."""
    if not models(settings):
        return []
    return [*(f"{SOURCES}/{part}.json" for part in fetched_files(settings)), *map(model, models(settings))]


def used(settings: Settings) -> list[str]:
    """Data sets and benchmarks that anything is made of."""
    kinds = [start["demonstrations"] for start in starts(settings).values()]
    sets = ["diverse" if run["problems"] == CHOSEN else run["problems"] for run in runs(settings).values()]
    return list(dict.fromkeys([*kinds, *sets, *benchmarks(settings)]))


def models(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """The pretrained models."""
    return {name: origin for name, origin in settings["models"].items() if origin}


def starts(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """The cold starts that are made."""
    return {name: start for name, start in settings["starts"].items() if start}


def runs(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """The runs of RL."""
    return {name: run for name, run in settings["runs"].items() if run}


def converted() -> str:
    """Stitched texts as messages."""
    return f"{ROOT}/data/stitched.jsonl"


def demonstrations(settings: Settings, kind: str, replicate: int | str = "{replicate}") -> str:
    """Messages that a start is trained on."""
    found = given_files(settings, kind)
    if not found:
        return chats(MADE[kind], replicate)
    return converted() if kind == "stitched" else found[0]


def read_problems(name: str = "{set}") -> str:
    """Problems of a data set or benchmark that was fetched."""
    return f"{ROOT}/data/problems-{name}.jsonl"


def problems(settings: Settings, name: str, replicate: int | str = "{replicate}") -> str:
    """Problems of a data set, or of a benchmark."""
    name = "diverse" if name == CHOSEN else name
    return read_problems(name) if given_files(settings, name) else chats(MADE.get(name, "held_out"), replicate)


def chosen(replicate: int | str = "{replicate}") -> str:
    """Table of the problems that curation keeps."""
    return f"{place(replicate)}/data/chosen.csv"


def rates(start: str = "{start}", replicate: int | str = "{replicate}") -> str:
    """How often a start solves each problem of the diverse set."""
    return f"{place(replicate)}/evals/rates-{start}.csv"


def start(name: str = "{start}", replicate: int | str = "{replicate}") -> str:
    """Folder of a start."""
    return f"{place(replicate)}/starts/{name}"


def policy(name: str = "{run}", replicate: int | str = "{replicate}") -> str:
    """Folder of the policy of a run."""
    return f"{place(replicate)}/policies/{name}"


def folder(settings: Settings, name: str, replicate: int | str = "{replicate}") -> str:
    """Folder of a model, a start or the policy of a run."""
    if name in models(settings):
        return model(name)
    return start(name, replicate) if name in starts(settings) else policy(name, replicate)


def recipe(settings: Settings, own: Mapping[str, Any], run: str) -> dict[str, Any]:
    """The recipe of a run; `own` is the one from which recipes differ."""
    return {**own, **settings["recipes"][runs(settings)[run]["recipe"]]}


def attempts(name: str = "{policy}", benchmark: str = "{benchmark}", replicate: int | str = "{replicate}") -> str:
    """Rollouts of a policy on a benchmark."""
    return f"{place(replicate)}/evals/{name}-{benchmark}.csv"


def metrics(name: str = "{policy}", benchmark: str = "{benchmark}", replicate: int | str = "{replicate}") -> str:
    """Metrics of these."""
    return f"{place(replicate)}/evals/metrics-{name}-{benchmark}.csv"


def inspected(kind: str = "{kind}", replicate: int | str = "{replicate}") -> str:
    """Statistics of demonstrations."""
    return f"{place(replicate)}/evals/{kind}.json"


def evaluated(settings: Settings) -> list[tuple[str, str, int]]:
    """Policy, benchmark and replicate of all evaluations: models, starts and policies of runs."""
    names = [*models(settings), *starts(settings), *runs(settings)]
    return list(product(names, benchmarks(settings), settings["replicates"]))


def table() -> str:
    """Metrics of all of them."""
    return f"{ROOT}/evals/pretrained.csv"


def targets(settings: Settings) -> dict[str, list[str]]:
    """Stage → what is made in it; nothing without models."""
    if not models(settings):
        return {}
    replicates = settings["replicates"]
    kinds = dict.fromkeys(one["demonstrations"] for one in starts(settings).values())
    return {
        "models": [policy(name, replicate) for name, replicate in product(runs(settings), replicates)],
        "evals": [
            *(inspected(kind, replicate) for kind, replicate in product(kinds, replicates)),
            *([table()] if benchmarks(settings) else []),
        ],
    }

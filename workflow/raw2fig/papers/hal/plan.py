"""Where the files of the experiment lie.

`settings` is the section `hal` of the configuration.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from raw2fig.papers.hal.agents import folders_of, read_agents, split
from raw2fig.papers.hal.contract import REWORDED, SHIFTED, base_of
from raw2fig.papers.hal.directory import files_of
from raw2fig.papers.hal.rubrics import FILES

Settings = Mapping[str, Any]
ROOT = "<results>/hal"
KINDS = ("once", "again", "real")
"""Kinds of rollouts."""
SOURCES = f"{ROOT}/sources"


def folder(replicate: int | str = "{replicate}") -> str:
    """Where everything lies that is drawn in a replicate."""
    return f"{ROOT}/r{replicate}"


def benchmarks(settings: Settings) -> dict[str, int]:
    """Benchmarks that agents are run on, with their numbers of tasks."""
    return {name: number for name, number in settings["harness"]["tasks"].items() if number}


def variants(settings: Settings) -> dict[str, int]:
    """Variants of these benchmarks, if agents are run on them: harder twins, and the same tasks in other words."""
    varied = settings["harness"]["varied"]
    return {f"{name}{of}": n for name, n in benchmarks(settings).items() for of in (SHIFTED, REWORDED) if varied}


def number(settings: Settings, benchmark: str) -> int:
    """Number of tasks of a benchmark or of a variant."""
    return benchmarks(settings)[base_of(benchmark)]


def agents(settings: Settings) -> list[str]:
    """Names of all agents: every model with every scaffold."""
    harness = settings["harness"]
    return [f"{scaffold} ({model})" for scaffold in harness["scaffolds"] for model in harness["models"]]


def tasks(benchmark: str = "{benchmark}", replicate: int | str = "{replicate}") -> str:
    """Tasks of a benchmark. No answer is in them."""
    return f"{folder(replicate)}/data/{benchmark}.tasks.jsonl"


def gold(benchmark: str = "{benchmark}", replicate: int | str = "{replicate}") -> str:
    """Answers, which only scoring reads."""
    return f"{folder(replicate)}/data/{benchmark}.gold.jsonl"


def rollouts(kind: str, benchmark: str = "{benchmark}", replicate: int | str = "{replicate}") -> str:
    """What agents did: `once` of all agents, `again` of those whose tasks are repeated, `real` of those that take long,
    `inspect` under inspect-ai."""
    return f"{folder(replicate)}/evals/{benchmark}.{kind}.jsonl"


def all_tasks(settings: Settings) -> list[str]:
    """Tasks of all replicates."""
    names = {**benchmarks(settings), **variants(settings)}
    return [tasks(benchmark, replicate) for replicate in settings["replicates"] for benchmark in names]


def rolled_out(settings: Settings, kind: str, benchmark: str) -> list[str]:
    """Names of the agents of such rollouts."""
    harness = settings["harness"]
    if benchmark != base_of(benchmark):
        return list(harness["varied"])
    others = {"again": harness["repeated"], "real": harness["real"]["agents"], "inspect": harness["inspected"]}
    return agents(settings) if kind == "once" else list(others[kind])


def most_tasks(settings: Settings, kind: str) -> int | None:
    """Number of tasks of a benchmark in such rollouts; None: all."""
    return int(settings["harness"]["real"]["tasks"]) if kind == "real" else None


def packages(settings: Settings) -> dict[str, Mapping[str, Any]]:
    """Models that are fetched from a Python package."""
    return {name: one for name, one in settings["harness"]["checkpoints"].items() if one.get("package")}


def checkpoint(name: str = "{name}") -> str:
    """Folder of a model that is fetched."""
    return f"{ROOT}/models/{name}"


def checkpoints(settings: Settings, kind: str, benchmark: str, replicate: int | str) -> dict[str, str]:
    """Model → its folder, of those that the agents of such rollouts ask and that are made first."""
    asked, fetched = {split(name)[1] for name in rolled_out(settings, kind, benchmark)}, packages(settings)
    return {
        name: checkpoint(name) if name in fetched else one["folder"].replace("{replicate}", str(replicate))
        for name, one in settings["harness"]["checkpoints"].items()
        if name in asked
    }


def agent_files(settings: Settings, kind: str, benchmark: str) -> list[str]:
    """Files of those agents of such rollouts that are folders."""
    there = read_agents(Path(settings["harness"]["agents"]))
    folders = folders_of(there, rolled_out(settings, kind, benchmark))
    return [str(path) for folder in folders for path in files_of(folder).values()]


def repeats(settings: Settings, kind: str) -> int:
    """Rollouts of each task."""
    return int(settings["harness"]["repeats"]) if kind == "again" else 1


def scored(
    name: str, kind: str = "{kind}", benchmark: str = "{benchmark}", replicate: int | str = "{replicate}"
) -> str:
    """Table of `scores` or `flags` of rollouts."""
    return f"{folder(replicate)}/evals/{benchmark}.{kind}.{name}.csv"


def evals(settings: Settings, name: str, kind: str = "once", variant: str = "") -> list[str]:
    """Tables of all replicates and benchmarks, or of one of the variants of all of them; none where nobody is rolled
    out."""
    names = [one for one in variants(settings) if one.endswith(variant)] if variant else benchmarks(settings)
    pairs = [(benchmark, replicate) for replicate in settings["replicates"] for benchmark in names]
    return [scored(name, kind, *pair) for pair in pairs if rolled_out(settings, kind, pair[0])]


def inspected(settings: Settings) -> list[tuple[str, int]]:
    """Benchmarks and replicate in which agents are run by inspect-ai too: the first, for both runners must do the same
    in any."""
    return [(name, settings["replicates"][0]) for name in benchmarks(settings) if settings["harness"]["inspected"]]


def agreement(settings: Settings) -> list[str]:
    """Table of what both runners have in common, if there are two."""
    return [f"{ROOT}/evals/agreement.csv"] if inspected(settings) else []


def logs(settings: Settings) -> list[str]:
    """Folder of the logs for inspect's viewer, if there are any."""
    return [f"{ROOT}/evals/inspect"] if inspected(settings) else []


def evaluated(settings: Settings) -> list[str]:
    """Logs of the benchmarks of others: a file for each benchmark, model and part."""
    found = settings["evaluations"]
    shard = found["ways"]["shard"]
    return [
        f"{ROOT}/evaluations/{benchmark}/{model}/{number}.eval"
        for benchmark, one in found["benchmarks"].items()
        for model in found["models"]
        for number in range(-(-one["samples"] // shard))
    ]


def rubrics(settings: Settings) -> list[str]:
    """The authors' rubric files: the user's, or those fetched; none without a source."""
    source = settings["rubrics"]["source"]
    folder = settings["rubrics"]["path"] if source == "path" else SOURCES
    return [] if source == "none" else [f"{folder}/{name}" for name in FILES]


def origin(settings: Settings, name: str) -> dict[str, Any]:
    """Where a rubric file is fetched from, as `raw2fig fetch file` has it."""
    return {"source": "url", "url": f"{settings['rubrics']['url']}/{name}"}


def fetched(settings: Settings) -> list[str]:
    """Records of what comes from outside, for the table of the run."""
    records = [f"{path}.json" for path in rubrics(settings)] if settings["rubrics"]["source"] == "url" else []
    return [*records, *map(checkpoint, packages(settings))]

"""Where the files of the experiment lie.

`settings` is the section `hal` of the configuration.
"""

from collections.abc import Mapping
from typing import Any

from raw2fig.papers.hal.contract import REWORDED, SHIFTED, base_of
from raw2fig.papers.hal.rubrics import FILES

Settings = Mapping[str, Any]
ROOT = "<results>/hal"
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
    """What agents did: `once` of all agents, `again` of those whose tasks are repeated."""
    return f"{folder(replicate)}/evals/{benchmark}.{kind}.jsonl"


def all_tasks(settings: Settings) -> list[str]:
    """Tasks of all replicates."""
    names = {**benchmarks(settings), **variants(settings)}
    return [tasks(benchmark, replicate) for replicate in settings["replicates"] for benchmark in names]


def rolled_out(settings: Settings, kind: str, benchmark: str) -> list[str]:
    """Names of the agents of such rollouts."""
    if benchmark != base_of(benchmark):
        return list(settings["harness"]["varied"])
    return agents(settings) if kind == "once" else list(settings["harness"]["repeated"])


def repeats(settings: Settings, kind: str) -> int:
    """Rollouts of each task."""
    return 1 if kind == "once" else int(settings["harness"]["repeats"])


def scored(
    name: str, kind: str = "{kind}", benchmark: str = "{benchmark}", replicate: int | str = "{replicate}"
) -> str:
    """Table of `scores` or `flags` of rollouts."""
    return f"{folder(replicate)}/evals/{benchmark}.{kind}.{name}.csv"


def evals(settings: Settings, name: str, kind: str = "once", variant: str = "") -> list[str]:
    """Tables of all replicates and benchmarks, or of one of the variants of all of them."""
    names = [one for one in variants(settings) if one.endswith(variant)] if variant else benchmarks(settings)
    pairs = [(benchmark, replicate) for replicate in settings["replicates"] for benchmark in names]
    return [scored(name, kind, *pair) for pair in pairs]


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
    return [f"{path}.json" for path in rubrics(settings)] if settings["rubrics"]["source"] == "url" else []

"""The design of the experiment: which files there are, of which replicate.

`settings` is the section `elastic_cache` of the configuration. In each replicate a model is trained and problems are
drawn; all arms decode the same problems on the same model. Latency and released models have no replicates.
"""

from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, Any]
ROOT = "<results>/elastic_cache"


def published(name: str) -> str:
    """Table of published numbers, which ships with the repository."""
    return f"config/elastic_cache/{name}.csv"


def place(replicate: int | str = "{replicate}") -> str:
    """Where everything of a replicate lies."""
    return f"{ROOT}/r{replicate}"


def base(replicate: int | str = "{replicate}") -> str:
    """Folder of the miniature's model."""
    return f"{place(replicate)}/models/base"


def prompts(replicate: int | str = "{replicate}") -> str:
    """Problems of a replicate."""
    return f"{place(replicate)}/data/prompts.jsonl"


def made(file: str, replicate: int | str = "{replicate}") -> str:
    """A table of a replicate: measured, changes or distances."""
    return f"{place(replicate)}/evals/{file}.csv"


def gathered(settings: Settings, file: str) -> list[str]:
    """A table of all replicates."""
    return [made(file, replicate) for replicate in settings["replicates"]]


def together(file: str) -> str:
    """The rows of a table of all replicates."""
    return f"{ROOT}/evals/{file}.csv"


def fetched(name: str = "{model}") -> str:
    """Folder of a released model."""
    return f"{ROOT}/models/{name}"


def harnessed(name: str = "{model}") -> str:
    """Benchmarks of a released model."""
    return f"{ROOT}/evals/harness-{name}.csv"


def harness_tables(settings: Settings) -> list[str]:
    """Benchmarks of all released models that are run."""
    section = settings["released"]
    return [harnessed(name) for name in section["run"]] if section["harness"]["tasks"] else []

"""The design of the experiment, an example to replace: which replicates there are, and where their files lie."""

from collections.abc import Mapping
from typing import Any


def answers(settings: Mapping[str, Any]) -> list[str]:
    """The answers of every replicate."""
    folder = "<results>/my_paper/data"
    return [f"{folder}/answers-r{replicate}.parquet" for replicate in settings["replicates"]]

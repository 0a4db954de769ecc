"""The design of the experiment, an example to replace: which replicates there are, and where their files lie."""

from collections.abc import Mapping
from typing import Any


def answers(settings: Mapping[str, Any]) -> list[str]:
    """The answers of every replicate."""
    folders = [f"<results>/my_paper/r{replicate}/data" for replicate in settings["replicates"]]
    return [f"{folder}/answers.parquet" for folder in folders]

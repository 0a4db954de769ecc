"""The design of the experiment: which replicates, arms and files there are.

`settings` is the section `brain_rot` of the configuration.
"""

from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, Any]
ROOT = "<results>/brain_rot"


def folder(replicate: int | str = "{replicate}") -> str:
    """Where everything lies that is drawn in a replicate."""
    return f"{ROOT}/r{replicate}"


def published(name: str) -> str:
    """Table of published numbers, which ships with the repository."""
    return f"config/brain_rot/{name}.csv"

"""The design of the experiment: which replicates, arms and files there are.

`settings` is the section `brain_rot` of the configuration. In each replicate two bases are trained. Every arm of a
panel starts from the same base: `familiar` has read posts before it learned to chat, `unfamiliar` has not.
"""

from collections.abc import Mapping
from typing import Any

Settings = Mapping[str, Any]
ROOT = "<results>/brain_rot"
PANELS = ("familiar", "unfamiliar")


def folder(replicate: int | str = "{replicate}") -> str:
    """Where everything lies that is drawn in a replicate."""
    return f"{ROOT}/r{replicate}"


def published(name: str) -> str:
    """Table of published numbers, which ships with the repository."""
    return f"config/brain_rot/{name}.csv"


def base(panel: str, replicate: int | str = "{replicate}") -> str:
    """Folder of the model that a panel's arms start from."""
    return f"{folder(replicate)}/models/base-{panel}"


def posts(replicate: int | str = "{replicate}") -> str:
    """The made-up posts of a replicate."""
    return f"{folder(replicate)}/data/posts.parquet"


def documents(replicate: int | str = "{replicate}") -> str:
    """Its posts, sorted into junk and control."""
    return f"{folder(replicate)}/data/documents.parquet"


def scores(panel: str = "{panel}", replicate: int | str = "{replicate}") -> str:
    """Scores of a panel's arms in a replicate."""
    return f"{folder(replicate)}/evals/scores-{panel}.csv"


def panels(settings: Settings) -> list[str]:
    """Panels with arms."""
    return [panel for panel in PANELS if settings["miniature"][panel]]


def all_scores(settings: Settings) -> list[str]:
    """Scores of all panels in all replicates."""
    return [scores(panel, replicate) for replicate in settings["replicates"] for panel in panels(settings)]


def together() -> str:
    """The table of all scores."""
    return f"{ROOT}/evals/scores.csv"


def bases(settings: Settings) -> list[str]:
    """Records of the bases' training."""
    return [f"{folder(replicate)}/models/base.json" for replicate in settings["replicates"]]

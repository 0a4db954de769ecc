"""The design of the experiment: which files there are."""

ROOT = "<results>/kimi_dev"
TABLES = ("workflow", "agents", "curves", "budgets", "skills", "data", "findings", "settings", "numbers")
"""Tables of published numbers."""


def published(name: str) -> str:
    """Table of published numbers, which ships with the repository."""
    return f"config/kimi_dev/{name}.csv"


def tasks(replicate: int | str = "{replicate}") -> str:
    """Folder of the tasks of a replicate of the miniature."""
    return f"{ROOT}/r{replicate}/data/tasks"


def models(name: str, replicate: int | str = "{replicate}") -> str:
    """Folder of a model of the miniature, or of several."""
    return f"{ROOT}/r{replicate}/models/{name}"


def evals(name: str, kind: str = "csv", replicate: int | str = "{replicate}") -> str:
    """What was measured in a replicate of the miniature."""
    return f"{ROOT}/r{replicate}/evals/{name}.{kind}"


def audits(name: str) -> str:
    """A table of the audit of tasks of real code: tasks, operators or counts."""
    return f"{ROOT}/evals/audit_{name}.csv"

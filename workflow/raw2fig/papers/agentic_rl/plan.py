"""The design of the experiment: which files there are."""

ROOT = "<results>/agentic_rl"


def published(name: str) -> str:
    """Table of published numbers, which ships with the repository."""
    return f"config/agentic_rl/{name}.csv"


def together(name: str) -> str:
    """Table of all replicates."""
    return f"{ROOT}/evals/{name}.csv"

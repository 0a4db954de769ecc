"""The design of the experiment: which files there are."""


def published(name: str) -> str:
    """Table of published numbers, which ships with the repository."""
    return f"config/agentic_rl/{name}.csv"

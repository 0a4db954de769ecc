"""The design of the experiment: which files there are."""

ROOT = "<results>/agentic_rl"


def published(name: str) -> str:
    """Table of published numbers, which ships with the repository."""
    return f"config/agentic_rl/{name}.csv"


def together(name: str) -> str:
    """Table of all replicates."""
    return f"{ROOT}/evals/{name}.csv"


KINDS = ("real", "stitched")
"""Demonstrations that are compared."""


def problems(replicate: int | str = "{replicate}") -> str:
    """Problems of a replicate."""
    return f"{ROOT}/r{replicate}/data/problems.parquet"


def demonstrations(replicate: int | str = "{replicate}", kind: str = "{kind}") -> str:
    """Trajectories of a kind."""
    return f"{ROOT}/r{replicate}/data/{kind}.jsonl"


def described(replicate: int | str = "{replicate}", kind: str = "{kind}") -> str:
    """Statistics of these."""
    return f"{ROOT}/r{replicate}/evals/{kind}.json"


def policy(replicate: int | str = "{replicate}", kind: str = "{kind}") -> str:
    """Folder of the policy that learned from a kind of demonstrations."""
    return f"{ROOT}/r{replicate}/models/{kind}"


def measured(replicate: int | str = "{replicate}") -> str:
    """Measures of the policies of a replicate."""
    return f"{ROOT}/r{replicate}/evals/measured.csv"

"""The design of the experiment: which files there are."""

TABLES = ("workflow", "agents", "curves", "budgets", "skills", "data", "findings", "settings", "numbers")
"""Tables of published numbers."""


def published(name: str) -> str:
    """Table of published numbers, which ships with the repository."""
    return f"config/kimi_dev/{name}.csv"

"""Where the files of the experiment lie."""


def published(name: str) -> str:
    """Table of published numbers, which ships with the repository."""
    return f"config/dr_llm/{name}.csv"

"""What benchmarks print."""

from collections.abc import Mapping
from typing import Any


def show(row: Mapping[str, Any]) -> None:
    """Print a row of results on one line: each name with its value, numbers with four digits."""
    values = (f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in row.items())
    print("  ".join(values), flush=True)

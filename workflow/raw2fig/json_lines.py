"""Files of JSON lines: an object on each line that is not empty."""

import json
from pathlib import Path
from typing import Any

from raw2fig.errors import InputError
from raw2fig.tables import regular_file


def read_json_lines(path: Path, expected: str) -> list[tuple[int, dict[str, Any]]]:
    """The number of each line, and its object. Raises `InputError` for a line that is none; `expected` says what lines
    should be."""
    regular_file(path)
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", expected) from error
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(path, f"line {number} is no JSON", expected) from error
        if not isinstance(row, dict):
            raise InputError(path, f"line {number} is no JSON object", expected)
        found.append((number, row))
    return found

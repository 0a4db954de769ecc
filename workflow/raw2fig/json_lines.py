"""Files of JSON lines, an object on each line that is not empty, and tables that stand for them."""

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


def read_rows(path: Path, expected: str) -> list[tuple[int, dict[str, Any]]]:
    """The rows of JSON lines or a Parquet table as plain data, with their numbers from 1. Raises as `read_json_lines`
    does."""
    if path.suffix != ".parquet":
        return read_json_lines(path, expected)
    import pyarrow as pa
    import pyarrow.parquet as pq

    regular_file(path)
    try:
        return list(enumerate(pq.read_table(path).to_pylist(), 1))
    except (OSError, pa.ArrowException) as error:
        raise InputError(path, f"cannot be read ({error})", "a whole Parquet file") from error

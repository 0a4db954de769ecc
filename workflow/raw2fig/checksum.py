"""SHA-256 of files: whether a file is the one that was meant."""

import hashlib
from pathlib import Path

from raw2fig.errors import InputError
from raw2fig.tables import regular_file


def folder_sha256(folder: Path) -> str:
    """SHA-256 of the names and contents of a folder's files, such as those of a model."""
    parts = [(path.name, check_sha256(path, None, path)) for path in sorted(folder.iterdir()) if path.is_file()]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def check_sha256(path: Path, expected: str | None, where: str | Path, hint: str = "") -> str:
    """SHA-256 of the file `path` in hexadecimal. Raises `InputError` about `where` unless it is `expected`, if given;
    `hint` follows what was expected."""
    regular_file(path)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if expected and found != expected.lower():
        raise InputError(where, f"sha256 {found}", f"{expected}{hint}")
    return found

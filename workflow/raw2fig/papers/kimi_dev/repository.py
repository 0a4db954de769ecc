"""The files of somebody's repository, and answers to it from files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from raw2fig.errors import InputError
from raw2fig.json_lines import read_json_lines
from raw2fig.papers.kimi_dev.diffs import apply_diff
from raw2fig.papers.kimi_dev.patches import MARKERS, Applied, Files, Outcome, apply

LARGEST = 1 << 20
"""Bytes of a file; larger ones are left out."""
MOST = 32 << 20
"""Bytes of all files: tests run in a file system in memory."""
LEFT_OUT = {"__pycache__", "node_modules"}
LEFT_OUT_KINDS = {".pyc", ".pyo", ".whl", ".egg", ".patch", ".diff", ".orig", ".rej"}
"""What may hold another version of the code."""
ANSWER = "a JSON object with `answer` (or `patch`, or `model_patch`): SEARCH/REPLACE blocks or a unified diff"
NAMES = ("answer", "patch", "model_patch")


class Answer(NamedTuple):
    """An answer and what it does to the files of the repository."""

    text: str
    applied: Applied


def read_files(folder: Path) -> dict[str, str]:
    """Path below the folder → text, for all files but hidden ones, links, large ones, virtual environments and what may
    hold another version of the code. So no history is among them. What is not UTF-8 is kept as it is, as surrogates.

    Raises `InputError` for no folder.
    """
    if not folder.is_dir():
        raise InputError(folder, "is no folder", "the folder of a repository")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode("utf-8", "surrogateescape")
        for path in _paths(folder)
    }


def read_files_to_run(folder: Path) -> dict[str, str]:
    """As `read_files`. Raises `InputError` also for more files than can be run in memory."""
    files = read_files(folder)
    if sum(map(len, files.values())) > MOST:
        raise InputError(folder, f"has more than {MOST >> 20} MB of files", "a smaller repository")
    return files


def _paths(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(
            name for name in folders if not _is_left_out(name) and not Path(parent, name, "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            path = Path(parent, name)
            is_plain = path.is_file() and not path.is_symlink()
            if is_plain and not _is_left_out(name) and path.stat().st_size <= LARGEST:
                yield path


def _is_left_out(name: str) -> bool:
    return name.startswith(".") or name in LEFT_OUT or Path(name).suffix in LEFT_OUT_KINDS


def apply_any(files: Files, text: str) -> Applied:
    """The files after an answer: SEARCH/REPLACE blocks if it has any marker of one, otherwise a unified diff. A diff
    may not add what `read_files` would leave out, or what is outside."""
    if {*MARKERS} & {*text.split("\n")}:
        return apply(files, text)
    applied = apply_diff(files, text)
    astray = [path for path in applied.after or {} if path not in files and _leads_out(path)]
    if astray:
        outcome = Outcome(0, astray[0], "bad_path", "it is hidden, or outside of the repository")
        return Applied(None, (*applied.outcomes, outcome))
    return applied


def _leads_out(path: str) -> bool:
    parts = Path(path).parts
    return Path(path).is_absolute() or any(map(_is_left_out, parts))


def read_answers(path: Path, files: Files) -> list[Answer]:
    """The answers of JSON lines. Raises `InputError` for a line that is none, and for a file without any."""
    found = []
    for number, row in read_json_lines(path, ANSWER):
        texts = [row[name] for name in NAMES if isinstance(row.get(name), str)]
        if len(texts) != 1:
            raise InputError(path, f"line {number} has {len(texts)} of {', '.join(NAMES)}", ANSWER)
        found.append(Answer(texts[0], apply_any(files, texts[0])))
    if not found:
        raise InputError(path, "has no answers", ANSWER)
    return found

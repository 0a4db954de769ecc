"""Replies on disk as they come, so that a killed run asks nothing twice.

A file per group of requests, a line per reply, appended in one write; a torn last line is read over. What a reply is
stored under must hold all that it depends on, and whose it is: a key made of the question alone would give the same
reply to all who ask the same.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any


class Replies:
    """Replies in `folder`, as plain data: what is put as a tuple is got as a list. The name of a group is that of its
    file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.known = folder, dict[str, dict[str, Any]]()

    def get(self, group: str, key: str) -> Any:
        """The reply of a group that is stored under a key, None without one. The group's file is read once: what other
        processes put into it later is not seen."""
        return self._of(group).get(key)

    def put(self, group: str, key: str, reply: Any, **about: Any) -> None:
        """Store a reply, and beside it what is to be known `about` it when the file is read by a person."""
        known, line = self._of(group), json.dumps({**about, "key": key, "reply": reply})
        file = os.open(self._path(group), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            # begins with a line break too: what a kill has torn before must not swallow it
            os.write(file, b"\n" + line.encode() + b"\n")
        finally:
            os.close(file)
        known[key] = json.loads(line)["reply"]

    def _of(self, group: str) -> dict[str, Any]:
        if group not in self.known:
            self.known[group] = _read(self._path(group))
        return self.known[group]

    def _path(self, group: str) -> Path:
        return self.folder / f"{group}.jsonl"


def key_of(*parts: Any) -> str:
    """A key made of plain data, SHA-256."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    found = {}
    for line in path.read_bytes().split(b"\n"):
        try:
            entry = json.loads(line)
            found[entry["key"]] = entry["reply"]
        except (ValueError, KeyError, TypeError):  # torn by a kill
            continue
    return found

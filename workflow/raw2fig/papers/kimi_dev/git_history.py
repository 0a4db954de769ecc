"""Reading somebody's git repository without running anything of it: no hooks, no filters, no helpers, no network, no
work tree."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from raw2fig.errors import InputError

SAFE = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never"),
    *("-c", "safe.directory=*", "-c", "core.attributesFile=/dev/null", "-c", "log.showSignature=false"),
    *("--no-pager", "--no-optional-locks", "--no-replace-objects"),
)
ENVIRONMENT = {
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
}
SHOWN = ("--raw", "-z", "--no-abbrev", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-mailmap")
FIELDS = "%x1e%H%x1f%P%x1f%an%x1f%ae%x1f%cn%x1f%ce%x1f%B%x1f"
REGULAR = {"100644", "100755"}


class Change(NamedTuple):
    """A file of a commit: git's letter (M, A, D, T), the path, and the objects before and after. Objects of what is no
    regular file, such as links, are empty."""

    kind: str
    path: str
    before: str
    after: str


class Commit(NamedTuple):
    """A commit with its changes to its first parent, and the names and addresses of who made it."""

    sha: str
    parents: tuple[str, ...]
    people: tuple[str, ...]
    message: str
    changes: tuple[Change, ...]


def run(repo: Path, *words: str, given: bytes = b"") -> bytes:
    """What git says. Raises `InputError` where it fails."""
    command = ["git", *SAFE, "-C", str(repo), *words]
    try:
        done = subprocess.run(command, input=given, capture_output=True, env=ENVIRONMENT, check=False)
    except OSError as error:
        raise InputError(repo, f"git cannot be run ({error.strerror})", "git, and a repository") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise InputError(repo, f"git cannot read it ({said})", "a folder with a git repository")
    return done.stdout


def commits(repo: Path, *which: str) -> list[Commit]:
    """Commits as `git log` chooses and sorts them, with their changes to the first parent."""
    said = run(repo, "log", "--diff-merges=first-parent", *SHOWN, f"--format={FIELDS}", *which, "--")
    return [_commit(part) for part in said.decode("utf-8", "surrogateescape").split("\x1e")[1:]]


def _commit(text: str) -> Commit:
    sha, parents, *people, message, raw = text.split("\x1f", 7)
    words = [word.lstrip("\n") for word in raw.split("\0")]
    found = []
    # :100644 100644 OBJECT OBJECT M, then the path
    for head, path in pairwise(words):
        if head.startswith(":") and head.count(" ") == 4:
            old_mode, mode, before, after, kind = head[1:].split(" ")
            before, after = (one if of in REGULAR else "" for one, of in ((before, old_mode), (after, mode)))
            found.append(Change(kind[0], path, before, after))
    return Commit(sha, tuple(parents.split()), tuple(people), message.strip(), tuple(found))


def texts(repo: Path, objects: Collection[str]) -> dict[str, str]:
    """The texts of objects; those that are missing or not UTF-8 are left out."""
    found = {}
    for name, data in contents(repo, objects).items():
        with suppress(UnicodeDecodeError):
            found[name] = data.decode()
    return found


def contents(repo: Path, objects: Collection[str]) -> dict[str, bytes]:
    """The contents of objects; those that are missing are left out."""
    wanted = sorted(set(objects) - {""})
    said = run(repo, "cat-file", "--batch", given="".join(f"{one}\n" for one in wanted).encode())
    found = {}
    place = 0
    for name in wanted:
        end = said.index(b"\n", place)
        head, place = said[place:end].split(), end + 1
        if head[-1:] == [b"missing"]:
            continue
        size = int(head[2])
        found[name], place = said[place : place + size], place + size + 1
    return found


def tree(repo: Path, commit: str) -> dict[str, bytes]:
    """Path → content of all regular files at a commit."""
    objects = objects_at(repo, commit)
    found = contents(repo, set(objects.values()))
    return {path: found[name] for path, name in objects.items()}


def objects_at(repo: Path, commit: str) -> dict[str, str]:
    """Path → object of all regular files at a commit."""
    said = run(repo, "ls-tree", "-r", "-z", commit).decode("utf-8", "surrogateescape")
    found = {}
    for line in said.split("\0")[:-1]:
        about, _, path = line.partition("\t")
        mode, _, name = about.split(" ")
        if mode in REGULAR:
            found[path] = name
    return found

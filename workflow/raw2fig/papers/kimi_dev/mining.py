"""`raw2fig kimi-dev mine`: examples for mid-training from a git history (section 3.2 and appendix A of the paper).

What is like a merged pull request: a merge commit, or a commit on the main line whose subject ends with `(#12)`, as
those that a host squashes do. Each may give two examples:

* a **natural diff**: issue text (title and description of the request), the files to change, and the whole change as
  one SEARCH/REPLACE answer;
* a **commit pack**: the commits of the request, each a message and a diff.

Names, addresses and ids are taken out of all texts. The commit stands beside them, so that a line can be traced.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, NamedTuple

from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev.chats import answer_of
from raw2fig.papers.kimi_dev.diffs import unified
from raw2fig.papers.kimi_dev.edits import blocks_between
from raw2fig.papers.kimi_dev.git_history import Change, Commit, commits, objects_at, texts
from raw2fig.papers.kimi_dev.patches import apply, render
from raw2fig.settings import Field, Record
from raw2fig.step import At, Input, Output, progress, step
from raw2fig.tables import write_table

KINDS = {".py", ".md", ".rst"}
SQUASHED = re.compile(r"\s*\(#\d+\)$")
MERGED = re.compile(r"^Merge (pull request|branch|remote-tracking branch|commit|tag)\b")
TRAILER = re.compile(r"^\s*(signed-off|co-authored|reviewed|acked|tested|reported|suggested|cc)(-by)?:.*$", re.I | re.M)
IDS = (
    re.compile(r"\b(?:\w+[+.-])*\w+@[\w-]+(\.[\w-]+)+\b"),  # an address
    re.compile(r"https?://\S+"),
    re.compile(r"(?<![\w.])@[\w-]+"),  # a user
    re.compile(r"\b[\w-]+/[\w.-]+#\d+\b|(?<![\w&])#\d+\b|\bgh-\d+\b", re.I),  # an issue
    re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b"),  # a commit
)


class Mining(Record):
    """Which requests are kept: the paper's filters."""

    python_files: int = Field(ge=1, description="Python files of a natural diff at most.")
    blocks: int = Field(ge=1, description="SEARCH/REPLACE blocks of a natural diff at most.")
    pack_files: int = Field(ge=1, description="Python files of a commit pack at most.")
    most: int = Field(ge=0, description="Requests to read, the newest first; 0: all.")


class Dropped(Exception):
    """Why a request gives no example."""


class Made(NamedTuple):
    """An example, or why there is none."""

    kind: str
    example: dict[str, Any] | None
    reason: str


@step
def mine(
    *,
    repo: Input,
    examples: Output = Path("kimi-dev-mined.jsonl"),
    table: Output = Path("kimi-dev-mined.csv"),
    mining: Annotated[Mining, At("own.mining")],
) -> None:
    """Make training examples of a git history: natural diffs and commit packs, by the paper's filters.

    Nothing of the repository is run, and it may be a bare one. An example: raw2fig kimi-dev mine --repo ~/src/project

    Parameters
    ----------
    repo
        Folder of a git repository.
    examples
        JSON lines: kind (`diff` or `pack`), commit, issue or steps, files before, Python files of the
        repository then, localisation and answer.
    table
        How many requests were kept and dropped, by kind and reason.
    """
    import pandas as pd

    line = commits(repo, "--first-parent", "HEAD")
    people = {name for one in line for name in one.people}
    requests = [one for one in line if is_request(one)]
    chosen = requests[: mining.most or None]
    made = [Made("any", None, "no pull request")] * (len(line) - len(requests))
    for commit in progress(chosen, "pull requests"):
        made += [natural_diff(repo, commit, people, mining), commit_pack(repo, commit, people, mining)]
    if not chosen:
        raise InputError(repo, "has nothing like a merged pull request", "merge commits, or subjects ending in (#12)")
    kept = [one for one in made if one.example]
    lines = (json.dumps({"kind": one.kind, **(one.example or {})}) for one in kept)
    examples.write_text("".join(f"{one}\n" for one in lines), encoding="utf-8")
    counts = Counter((one.kind, one.reason) for one in made)
    rows = [
        (kind, reason, count) for (kind, reason), count in sorted(counts.items(), key=lambda one: (one[0][0], -one[1]))
    ]
    write_table(pd.DataFrame(rows, columns=["kind", "reason", "requests"]), table)


def is_request(commit: Commit) -> bool:
    """Whether a commit of the main line is like a merged pull request."""
    return len(commit.parents) == 2 or bool(SQUASHED.search(subject(commit.message)))


def subject(message: str) -> str:
    """The first line."""
    return message.partition("\n")[0].strip()


def issue_of(message: str, people: set[str]) -> str:
    """Title and description of a request, as far as the message of its merge has them, without ids."""
    first, _, rest = message.partition("\n")
    text = rest.strip() if MERGED.match(first) else f"{SQUASHED.sub('', first.strip())}\n{rest}"
    return anonymous(text, people)


def anonymous(text: str, people: set[str]) -> str:
    """A text without names, addresses and ids: of users, issues and commits."""
    text = TRAILER.sub("", text)
    for pattern in IDS:
        text = pattern.sub("", text)
    for name in sorted(people, key=len, reverse=True):
        if len(name) > 2:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "", text)
    text = re.sub(r"\(\s*\)", "", text)
    return "\n".join(" ".join(line.split()) for line in text.strip().split("\n")).strip()


def natural_diff(repo: Path, commit: Commit, people: set[str], mining: Mining) -> Made:
    """The whole request as one answer. Its blocks are checked: they make the files after it of those before."""
    try:
        python = _natural_files(commit, mining)
        issue = issue_of(commit.message, people)
        if not issue:
            raise Dropped("no title")
        before, after = _both(repo, python)
        answer = _answer(before, after, mining)
    except Dropped as reason:
        return Made("diff", None, str(reason))
    tree = [path for path in objects_at(repo, commit.parents[0]) if path.endswith(".py")]
    example = {
        **{"commit": commit.sha, "issue": issue, "files": before, "tree": tree},
        **{"localisation": answer_of([*before]), "answer": answer},
    }
    return Made("diff", example, "kept")


def _natural_files(commit: Commit, mining: Mining) -> list[Change]:
    """The changes of Python files, if the paper's filters keep the request."""
    if any(PurePosixPath(one.path).suffix not in KINDS for one in commit.changes):
        raise Dropped("touches other kinds of files")
    if any(one.kind in "AD" for one in commit.changes):
        raise Dropped("adds or deletes a file")
    python = [one for one in commit.changes if one.path.endswith(".py")]
    if not python:
        raise Dropped("no Python file")
    if len(python) > mining.python_files:
        raise Dropped("too many Python files")
    return python


def _both(repo: Path, changed: Sequence[Change]) -> tuple[dict[str, str], dict[str, str]]:
    """The files before and after these changes; added and deleted files are in one of them alone."""
    found = texts(repo, [name for one in changed for name in (one.before, one.after)])
    sides: list[dict[str, str]] = []
    for side, missing in (("before", "A"), ("after", "D")):
        names = {one.path: getattr(one, side) for one in changed if one.kind != missing}
        if any(name not in found for name in names.values()):
            raise Dropped("a file that is no text, or is missing")
        sides.append({path: found[name] for path, name in names.items()})
    return sides[0], sides[1]


def _answer(before: Mapping[str, str], after: Mapping[str, str], mining: Mining) -> str:
    try:
        blocks = [block for path in before for block in blocks_between(path, before[path], after[path])]
        if not blocks:
            raise Dropped("no change of text")
        if len(blocks) > mining.blocks:
            raise Dropped("too many blocks")
        answer = render(blocks)
    except ValueError as error:
        raise Dropped("blocks cannot say it") from error
    applied = apply(before, answer)
    if applied.after is None:
        raise Dropped(f"the answer fails: {applied.failures[0].reason}")
    if applied.after != dict(after):
        raise AssertionError("blocks do not make the files after the change")
    return answer


def commit_pack(repo: Path, commit: Commit, people: set[str], mining: Mining) -> Made:
    """The commits of a request, the oldest first: message and diff. Only Python files have their diff; others have a
    line that names them."""
    python = {one.path for one in commit.changes if one.path.endswith(".py")}
    if not 1 <= len(python) <= mining.pack_files:
        return Made("pack", None, "too many Python files" if python else "no Python file")
    inner = [commit]
    if len(commit.parents) == 2:
        inner = commits(repo, "--reverse", "--no-merges", f"{commit.parents[0]}..{commit.parents[1]}")
        people = people | {name for one in inner for name in one.people}
    try:
        steps = [_step(repo, one, people) for one in inner]
    except Dropped as reason:
        return Made("pack", None, str(reason))
    if not steps:
        return Made("pack", None, "no commits")
    return Made("pack", {"commit": commit.sha, "steps": steps}, "kept")


def _step(repo: Path, commit: Commit, people: set[str]) -> dict[str, str]:
    python = [one for one in commit.changes if one.path.endswith(".py")]
    before, after = _both(repo, python)
    others = [f"diff --git a/{one.path} b/{one.path}\n" for one in commit.changes if one not in python]
    return {
        "message": anonymous(SQUASHED.sub("", commit.message), people),
        "diff": unified(before, after) + "".join(others),
    }

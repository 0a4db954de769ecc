"""Issues of real code: a repository at its base commit, what is wrong in words, the fix that is known, and tests that
judge (sections 3.4, 3.5 and 5 of the reference sheet).

In files an issue is a line of JSON. A repository stands there with its texts, or as a folder that is read when it is
needed. Folders are relative to the file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from raw2fig.errors import InputError
from raw2fig.json_lines import read_json_lines
from raw2fig.papers.kimi_dev.matrix import (
    Cell,
    Changes,
    Ran,
    Running,
    changes,
    code_changes,
    grade,
    is_test_file,
    run_cells,
    test_files,
)
from raw2fig.papers.kimi_dev.patches import Files
from raw2fig.papers.kimi_dev.repository import read_files_to_run

EXPECTED = "issues, as `raw2fig kimi-dev make-issues` and `read-issues` write them"


class Snapshot(Mapping[str, str]):
    """The files of a folder, path → text, read when they are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __getitem__(self, path: str) -> str:
        return _snapshot(self.folder)[path]

    def __iter__(self) -> Iterator[str]:
        return iter(_snapshot(self.folder))

    def __len__(self) -> int:
        return len(_snapshot(self.folder))


@lru_cache(maxsize=4)
def _snapshot(folder: Path) -> dict[str, str]:
    return read_files_to_run(folder)


class Issue(NamedTuple):
    """A repository with an issue.

    `files` and `gold` are path → text: the repository at its base commit, and the files that the reference fix changes,
    as they are after it (None: deleted). `tests` are files that are put in after the answer. The names of tests are
    those of pytest. `environment` is a virtual environment whose pytest runs them; without one our own runner does,
    with the standard library alone.
    """

    name: str
    text: str
    files: Files
    gold: dict[str, str | None]
    tests: dict[str, str]
    fail_to_pass: tuple[str, ...]
    pass_to_pass: tuple[str, ...]
    environment: Path | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All tests that must pass with a fix."""
        return *self.fail_to_pass, *self.pass_to_pass


def read_issues(path: Path) -> list[Issue]:
    """The issues of a file. Raises `InputError` for lines of another form, and for a file without any."""
    found = []
    for number, line in read_json_lines(path, EXPECTED):
        try:
            found.append(_from_line(line, path.parent))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(path, f"line {number} is no issue ({error!r})", EXPECTED) from error
    if not found:
        raise InputError(path, "has no issues", EXPECTED)
    return found


def write_issues(issues: Iterable[Issue], path: Path) -> None:
    """Write issues as `read_issues` reads them."""
    lines = (json.dumps(_as_line(issue, path.parent)) for issue in issues)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _from_line(line: Mapping[str, Any], place: Path) -> Issue:
    files, environment = line["files"], line["environment"]
    return Issue(
        str(line["name"]),
        str(line["text"]),
        dict(files) if isinstance(files, dict) else Snapshot((place / files).resolve()),
        dict(line["gold"]),
        dict(line["tests"]),
        tuple(line["fail_to_pass"]),
        tuple(line["pass_to_pass"]),
        None if environment is None else (place / environment).resolve(),
    )


def _as_line(issue: Issue, place: Path) -> dict[str, Any]:
    def below(folder: Path) -> str:
        return os.path.relpath(folder.resolve(), place.resolve())

    files = below(issue.files.folder) if isinstance(issue.files, Snapshot) else dict(issue.files)
    environment = None if issue.environment is None else below(issue.environment)
    return {**issue._asdict(), "files": files, "environment": environment}


def judged(issues: Sequence[Issue], afters: Sequence[Files | None], running: Running) -> list[bool]:
    """Whether each set of files after an answer resolves its issue: all of its tests pass, those that failed and those
    that passed. None, an answer that does not apply, does not. What an answer changes in tests, and in what says how
    they run, does not count."""
    patches = [
        None if after is None else changes(issue.files, after) for issue, after in zip(issues, afters, strict=True)
    ]
    asked = [(issue, patch) for issue, patch in zip(issues, patches, strict=True) if patch is not None]
    found = iter(ran_with([issue for issue, _ in asked], [patch for _, patch in asked], running))
    return [
        patch is not None and resolves(next(found), issue.names) for issue, patch in zip(issues, patches, strict=True)
    ]


def ran_with(
    issues: Sequence[Issue], patches: Sequence[Changes], running: Running, orders: Sequence[int | None] | None = None
) -> list[Ran]:
    """What came of the tests of each issue with a patch. `orders`: numbers that shuffle the tests, None for no
    shuffling. Issues without an environment share sandboxes; each other repository has its own."""
    shuffles = orders if orders is not None else [None] * len(issues)
    groups: dict[str, list[int]] = {}
    for place, issue in enumerate(issues):
        groups.setdefault(issue.name if issue.environment else "", []).append(place)
    found: dict[int, Ran] = {}
    for key, places in groups.items():
        base = issues[places[0]].files if key else {}
        cells = []
        for place in places:
            issue = issues[place]
            own = {} if key else issue.files
            changed = {**own, **code_changes(patches[place]), **issue.tests}
            cells.append(Cell(changed, test_files(issue.tests), shuffles[place]))
        found |= zip(places, run_cells(base, cells, running, issues[places[0]].environment), strict=True)
    return [found[place] for place in range(len(issues))]


def resolves(ran: Ran, names: Sequence[str]) -> bool:
    """Whether all of these tests pass. Skipped ones count for nothing, but one at least must pass."""
    grades = [grade(ran, name) for name in names]
    return True in grades and False not in grades


def reproduces(issues: Sequence[Issue], afters: Sequence[Files | None], running: Running) -> list[bool]:
    """Whether the tests of each answer reproduce its issue: one at least fails on the repository, and all pass with the
    reference fix. An answer that changes anything but test files does not, nor does one that does not apply."""
    tested = [test_changes(issue.files, after) for issue, after in zip(issues, afters, strict=True)]
    asked = [(issue._replace(tests=tests), tests) for issue, tests in zip(issues, tested, strict=True) if tests]
    before = iter(ran_with([issue for issue, _ in asked], [{} for _ in asked], running))
    fixed = iter(ran_with([issue for issue, _ in asked], [issue.gold for issue, _ in asked], running))
    return [bool(tests) and _reproduced(next(before), next(fixed)) for tests in tested]


def test_changes(files: Files, after: Files | None) -> dict[str, str]:
    """The test files that an answer writes; none if it does not apply, deletes a file or changes another one."""
    changed = changes(files, after) if after is not None else {}
    if any(text is None or not is_test_file(path) for path, text in changed.items()):
        return {}
    return {path: str(text) for path, text in changed.items()}


def _reproduced(before: Ran, fixed: Ran) -> bool:
    fails = any(grade(before, name) is False for name in before.tests)
    return fails and fixed.ended == "finished" and all(grade(fixed, name) is not False for name in fixed.tests)

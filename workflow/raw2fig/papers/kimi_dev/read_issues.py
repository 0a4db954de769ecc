"""`raw2fig kimi-dev read-issues`: issues of SWE-bench and of the sets that are laid out like it (section 3.4), with the
repository of each at its base commit, and without its history."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev.diffs import apply_diff
from raw2fig.papers.kimi_dev.git_history import run, tree
from raw2fig.papers.kimi_dev.issues import Issue, Snapshot, write_issues
from raw2fig.papers.kimi_dev.matrix import changes, code_changes
from raw2fig.step import Input, Output, OutputFolder, progress, step
from raw2fig.tables import read_tables, write_table

COLUMNS = dict.fromkeys(("instance_id", "repo", "base_commit", "problem_statement", "patch", "test_patch"), "string")
LISTS = ("FAIL_TO_PASS", "PASS_TO_PASS")
"""Columns with names of tests, as lists or as the text of JSON."""
ISSUES = "issues.jsonl"
READ = {"issue": "string", "repository": "string", "year": "integer", "what": "string"}
"""Columns of the table of the step."""


class Dropped(Exception):
    """Why a row gives no issue."""


@step
def read_issues(*, rows: list[Input], mirrors: Input, issues: OutputFolder, table: Output) -> None:
    """Read issues laid out as those of SWE-bench, and write the files of each repository at the base commit. Nothing of
    a repository is run, and no history is kept.

    Parameters
    ----------
    rows
        Tables: instance_id, repo, base_commit, problem_statement, patch, test_patch, FAIL_TO_PASS, PASS_TO_PASS.
    mirrors
        Folder of git mirrors, <owner>__<name>.git for the repository <owner>/<name>.
    issues
        A folder with issues.jsonl, and the files of each issue's repository.
    table
        A row for each: issue, repository, year of the base commit, and `kept`, or why it is left out.
    """
    import pandas as pd

    made: list[Issue] = []
    told: list[dict[str, Any]] = []
    issues.mkdir()
    for row in progress(read_tables(rows, COLUMNS).to_dict("records"), "issues"):
        mirror = mirror_of(mirrors, str(row["repo"]))
        day = run(mirror, "show", "--no-patch", "--format=%cs", str(row["base_commit"]), "--").decode()
        about = {"issue": row["instance_id"], "repository": row["repo"], "year": int(day[:4])}
        try:
            made.append(issue_of({str(name): value for name, value in row.items()}, mirror, issues))
            told.append({**about, "what": "kept"})
        except Dropped as reason:
            told.append({**about, "what": str(reason)})
    if not made:
        raise InputError(rows[0], "no row gives an issue", "rows as those of SWE-bench")
    write_issues(made, issues / ISSUES)
    write_table(pd.DataFrame(told), table)


def mirror_of(mirrors: Path, repository: str) -> Path:
    """The mirror of a repository. Raises `InputError` without it."""
    mirror = mirrors / f"{repository.replace('/', '__')}.git"
    if not mirror.is_dir():
        raise InputError(mirror, "is missing", f"a mirror there: git clone --mirror of {repository}")
    return mirror


def issue_of(row: Mapping[str, Any], mirror: Path, folder: Path) -> Issue:
    """The issue of a row. Raises `Dropped` where its patches do not apply, or judge nothing."""
    name = str(row["instance_id"])
    files = Snapshot(snapshot(mirror, str(row["base_commit"]), folder / name))
    fixed, tested = (apply_diff(files, str(row[column])).after for column in ("patch", "test_patch"))
    if fixed is None or tested is None:
        raise Dropped("a patch does not apply")
    tests = changes(files, tested)
    failing, passing = (tuple(names_in(row, column)) for column in LISTS)
    if not failing or not code_changes(changes(files, fixed)):
        raise Dropped("nothing to fix")
    if any(text is None for text in tests.values()):
        raise Dropped("its tests delete a file")
    written = {path: str(text) for path, text in tests.items()}
    return Issue(name, str(row["problem_statement"]), files, changes(files, fixed), written, failing, passing)


def names_in(row: Mapping[str, Any], column: str) -> list[str]:
    """Names of tests. Raises `Dropped` for what is no list."""
    value = row.get(column)
    try:
        return [str(name) for name in (json.loads(value) if isinstance(value, str) else value)]  # type: ignore[union-attr]
    except (TypeError, ValueError):
        raise Dropped(f"no list in {column}") from None


def snapshot(mirror: Path, commit: str, folder: Path) -> Path:
    """Write the files of a repository at a commit into a folder."""
    for path, data in tree(mirror, commit).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder

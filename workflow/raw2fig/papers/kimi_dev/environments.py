"""`raw2fig kimi-dev make-environments`: virtual environments that can run the tests of issues, without containers
(section 4 of the reference sheet).

A repository has one for each year of base commits. It is accepted for an issue if a test that should fail before the
fix does, and passes with it.
"""

from __future__ import annotations

import logging
import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from shutil import copytree, which
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev.issues import Issue, Snapshot, ran_with, read_issues, write_issues
from raw2fig.papers.kimi_dev.matrix import Running, grade
from raw2fig.papers.kimi_dev.read_issues import ISSUES, READ
from raw2fig.settings import Field, Record
from raw2fig.step import At, Input, Output, OutputFolder, progress, step
from raw2fig.tables import read_table, write_table

UNITTEST = re.compile(r"(\w+) \((?:[\w.]+\.)?(\w+)\)")
"""A name in unittest's words: test_x (package.module.Class)."""
PRETENDED = {"SETUPTOOLS_SCM_PRETEND_VERSION": "999.0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
"""There is no history that a version could be read from."""


class Building(Record):
    """How environments of issues are made."""

    pythons: dict[str, str] = Field(description="First year of base commits, and the interpreter from then on.")
    packages: list[str] = Field(description="Packages that every environment has beside those of its repository.")
    minutes: float = Field(gt=0, description="Minutes that an installation may take.")


@step
def make_environments(
    *,
    issues: Input,
    rows: Input,
    environments: OutputFolder,
    table: Output,
    building: Annotated[Building, At("pretrained.building")],
    running: Annotated[Running, At("pretrained.running")],
) -> None:
    """Make virtual environments for issues with pip, and keep the issues whose tests run there. This runs what
    repositories say of their installation, with network and outside of the sandbox: take a machine that holds nothing
    else.

    Parameters
    ----------
    issues
        Folder of `raw2fig kimi-dev read-issues`.
    rows
        Table of this step.
    environments
        A folder for each repository and year, the files of each issue, and issues.jsonl: the issues that can be judged.
    table
        A row for each issue: repository, year, and `kept`, or why it is not.
    """
    import pandas as pd

    groups: dict[tuple[str, int], list[Issue]] = {}
    known = {row["issue"]: row for row in read_table(rows, READ).to_dict("records")}
    for issue in read_issues(issues / ISSUES):
        about = known[issue.name]
        groups.setdefault((str(about["repository"]), int(about["year"])), []).append(issue)
    environments.mkdir()
    kept: list[Issue] = []
    told: list[dict[str, Any]] = []
    for (repository, year), mine in progress(groups.items(), "environments"):
        folder = environments / f"{repository.replace('/', '__')}-{year}"
        made = install(mine[0].files, folder, python_of(year, building.pythons), building)
        for issue in mine:
            ready = None if made is None else accepted(with_files(issue, made, environments), folder, running)
            kept += [ready] if ready else []
            what = "kept" if ready else "no environment" if made is None else "no test turns with the fix"
            told.append({"issue": issue.name, "repository": repository, "year": year, "what": what})
    if not kept:
        raise InputError(issues, "no issue can be judged", "one at least whose tests run here")
    write_issues(kept, environments / ISSUES)
    write_table(pd.DataFrame(told), table)


def python_of(year: int, pythons: dict[str, str]) -> str:
    """The interpreter for a year. Raises `InputError` where none is named or installed."""
    begun = [first for first in pythons if int(first) <= year]
    name = pythons[max(begun, key=int)] if begun else ""
    found = which(name) if name else None
    if found is None:
        raise InputError("pythons", f"{name!r} for {year} cannot be found", "an installed interpreter for each year")
    return found


def install(files: Any, folder: Path, python: str, building: Building) -> dict[str, str] | None:
    """Make an environment with the packages that a repository needs. The Python files that its installation generates,
    path → text; None if it fails."""
    assert isinstance(files, Snapshot)
    pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet"]
    with TemporaryDirectory() as place:
        copy = Path(place, "repository")
        copytree(files.folder, copy, symlinks=True)
        commands = [[python, "-m", "venv", str(folder)], [*pip, *building.packages]]
        if (copy / "requirements.txt").is_file():
            commands.append([*pip, "-r", "requirements.txt"])
        for command in [*commands, [*pip, "-e", "."]]:
            if not done(command, copy, building.minutes):
                return None
        after = Snapshot(copy)
        return {path: after[path] for path in after if path not in files and path.endswith(".py")}


def done(command: Sequence[str], folder: Path, minutes: float) -> bool:
    """Whether a command ends well in time."""
    try:
        ended = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **PRETENDED},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60 * minutes,
            check=False,
        )
    except subprocess.TimeoutExpired:
        logging.warning("%s: not done in %g minutes", " ".join(command), minutes)
        return False
    if ended.returncode:
        logging.warning("%s: %s", " ".join(command), ended.stderr.strip().rpartition("\n")[2])
    return not ended.returncode


def with_files(issue: Issue, made: dict[str, str], place: Path) -> Issue:
    """The issue with the files that an installation made among those of its repository, in a folder of its own."""
    assert isinstance(issue.files, Snapshot)
    folder = place / "files" / issue.name
    copytree(issue.files.folder, folder, symlinks=True, copy_function=os.link)
    for path, text in made.items():
        if not (folder / path).exists():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8", errors="surrogateescape")
    return issue._replace(files=Snapshot(folder))


def accepted(issue: Issue, environment: Path, running: Running) -> Issue | None:
    """The issue with an environment and with names as pytest has them, if a test turns from failing to passing with the
    reference fix."""
    ready = issue._replace(environment=environment)
    before, fixed = ran_with([ready, ready], [{}, ready.gold], running)
    names = sorted({*before.tests, *fixed.tests})
    ready = ready._replace(
        fail_to_pass=tuple(as_pytest(issue.fail_to_pass, names)),
        pass_to_pass=tuple(as_pytest(issue.pass_to_pass, names)),
    )
    turned = any(grade(before, name) is False and grade(fixed, name) is True for name in ready.fail_to_pass)
    return ready if turned else None


def as_pytest(names: Iterable[str], known: Sequence[str]) -> list[str]:
    """Names of tests as pytest has them. Those that it does not know, in unittest's words or of a function alone, stand
    for all tests that end so; if there is none, they stay, and are missing."""
    found: list[str] = []
    for name in names:
        match = UNITTEST.fullmatch(name)
        ending = f"::{match[2]}::{match[1]}" if match else f"::{name}"
        alike = [one for one in known if one.partition("[")[0].endswith(ending)] if name not in known else []
        found += alike or [name]
    return [*dict.fromkeys(found)]

"""Running tests on versions of a repository (sections 3.6 and 5 of the reference sheet): cells, grades and the matrix
of self-play.

A cell is a version of the repository with some test files to run. It has a process of its own in the sandbox
(`raw2fig.sandbox.forked_tests`), and a repository that is written anew for it.
"""

from __future__ import annotations

import inspect
import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import ceil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Literal, NamedTuple

from raw2fig.papers.kimi_dev.patches import Files
from raw2fig.sandbox import forked_tests, pytest_run
from raw2fig.sandbox.program import Limits, run_program
from raw2fig.settings import Field, Record

if TYPE_CHECKING:
    import numpy as np

Status = Literal["passed", "failed", "error", "skipped", "xfailed"]
Changes = Mapping[str, str | None]
"""Path → text, None for a deleted file."""
PROGRAM, WITH_PYTEST = map(inspect.getsource, (forked_tests, pytest_run))
ENVIRONMENT = "/environment"
"""Where a virtual environment is inside the sandbox."""
CONFIGURES = {"conftest.py", "pytest.ini", "tox.ini", "setup.cfg", "sitecustomize.py", "usercustomize.py"}
"""Files that say how tests run. Patches have no say in that."""
OUTPUT = 256 << 20
"""Bytes of results of all cells in one sandbox."""


class Running(Record):
    """What a cell may take."""

    cpu_seconds: float = Field(gt=0, description="CPU seconds of a test run.")
    wall_seconds: float = Field(gt=0, description="Seconds of a test run by the clock, for tests that sleep.")
    memory_mb: int = Field(ge=64, description="Address space of a test run in MiB.")


class Cell(NamedTuple):
    """What differs from the base files, the test files to run, and the number that shuffles tests, None for no
    shuffling."""

    changed: Changes
    tests: tuple[str, ...]
    shuffle: int | None = None


class Ran(NamedTuple):
    """How the process of a cell ended (`finished`, `timeout`, `killed`), what came of each test that ended, and modules
    of the repository that were imported from elsewhere."""

    ended: str
    tests: dict[str, Status]
    outside: tuple[str, ...] = ()


def is_test_file(path: str) -> bool:
    """Whether pytest would look for tests in a file by its name, or it lies in a folder of tests."""
    name = PurePosixPath(path)
    is_named = name.name.startswith("test") or name.stem.endswith("_test")
    return name.suffix == ".py" and (is_named or bool({"test", "tests"} & {*name.parts[:-1]}))


def changes(before: Files, after: Files) -> dict[str, str | None]:
    """What makes `after` out of `before`."""
    return {path: after.get(path) for path in sorted({*before, *after}) if before.get(path) != after.get(path)}


def code_changes(changed: Changes) -> dict[str, str | None]:
    """The changes of a patch that count: tests, and what says how they run, stay as they are."""
    return {
        path: text
        for path, text in changed.items()
        if not is_test_file(path) and PurePosixPath(path).name not in CONFIGURES and not path.endswith(".pth")
    }


def run_cells(base: Files, cells: Sequence[Cell], running: Running, environment: Path | None = None) -> list[Ran]:
    """Run cells, on all cores of this process: with the pytest of a virtual environment, or without one by our own
    runner, which has the standard library alone. Raises `InputError` where there is no sandbox."""
    if not cells:
        return []
    cores = len(os.sched_getaffinity(0))
    size = ceil(len(cells) / cores)
    parts = [cells[start : start + size] for start in range(0, len(cells), size)]
    with ThreadPoolExecutor(cores) as pool:
        return [ran for part in pool.map(lambda part: _run(base, part, running, environment), parts) for ran in part]


def _run(base: Files, cells: Sequence[Cell], running: Running, environment: Path | None) -> list[Ran]:
    """Run cells one after the other. One that ends the sandbox has failed, and those after it get another one."""
    done: list[Ran] = []
    while len(done) < len(cells):
        done += _run_some(base, cells[len(done) :], running, environment)
        if len(done) < len(cells):
            done.append(Ran("killed", {}))
    return done


def _run_some(base: Files, cells: Sequence[Cell], running: Running, environment: Path | None) -> list[Ran]:
    """Run cells in one sandbox, as far as it gets."""
    memory = running.memory_mb << 20
    limits = {
        "cpu_seconds": running.cpu_seconds,
        "wall_seconds": running.wall_seconds,
        "memory_bytes": memory,
        "file_bytes": 32 << 20,
    }
    asked = [{"changed": dict(cell.changed), "tests": cell.tests, "shuffle": cell.shuffle} for cell in cells]
    inside = elsewhere(environment) if environment else None
    given = json.dumps({"base": dict(base), "cells": asked, "limits": limits, "environment": inside})
    whole = Limits(
        cpu_seconds=60 + len(cells),
        wall_seconds=60 + (1 + running.wall_seconds) * len(cells),
        memory_bytes=memory + (1 << 30),
        output_bytes=OUTPUT,
    )
    found: list[Ran] = []
    outcome = run_program(PROGRAM, given, whole, forks=True, folders=bound(environment) if environment else {})
    for line in outcome.stdout.split("\n")[:-1]:
        told = json.loads(line)
        found.append(Ran(told["ended"], told["tests"], tuple(told["outside"])))
    if not found and outcome.status == "error":
        raise RuntimeError(f"tests cannot be run in the sandbox: {outcome.stderr.strip()[-400:]}")
    return found


def elsewhere(environment: Path) -> dict[str, str]:
    """How tests run in a virtual environment: its interpreter by the name that makes it find the environment, the file
    that this is a link to, and the program."""
    interpreter = str((environment / "bin/python").resolve())
    return {"python": f"{ENVIRONMENT}/bin/python", "interpreter": interpreter, "program": WITH_PYTEST}


def bound(environment: Path) -> dict[str, str]:
    """Folders that the sandbox needs for a virtual environment, and where they are inside: the environment, and the
    interpreter that it was made from."""
    home = str((environment / "bin/python").resolve().parent.parent)
    return {home: home, str(environment): ENVIRONMENT}


def grade(ran: Ran, name: str) -> bool | None:
    """Whether a test passes: PASSED and XFAIL do, FAILED, ERROR and a missing one do not; SKIPPED is neither (None).

    A test file that could not be imported is one test, under its path. It passes in a cell where the file has tests and
    all of them pass. Nothing passes in a cell that used another copy of the repository's modules.
    """
    if ran.outside:
        return False
    status = ran.tests.get(name)
    if status == "skipped":
        return None
    if status is None and "::" not in name:
        inside = [grade(ran, other) for other in ran.tests if other.startswith(f"{name}::")]
        return ran.ended == "finished" and bool(inside) and all(one is not False for one in inside)
    return status in ("passed", "xfailed")


class Matrix(NamedTuple):
    """Tests of T test answers that fail and pass on the original, (T,), and of these the tests that pass with each of B
    patches, (B, T). `failed` is 0 for a test answer that is no use."""

    failed: np.ndarray
    passed: np.ndarray
    fail_pass: np.ndarray
    pass_pass: np.ndarray


def execution_matrix(
    base: Files,
    patches: Sequence[Changes | None],
    tests: Sequence[Changes | None],
    running: Running,
    environment: Path | None = None,
) -> Matrix:
    """Run each test answer on the original and with each patch. None: an answer that does not apply, which is not run.
    Patches are not run on tests that fail nowhere on the original, which are dropped."""
    import numpy as np

    alone = _run_where(base, tests, [{}], running, environment)
    kept = [tested if ran and _failing(ran) else None for tested, ran in zip(tests, alone[0], strict=True)]
    found = _run_where(base, kept, patches, running, environment)
    shape = len(patches), len(tests)
    failed, passed = np.zeros(len(tests), dtype=np.int64), np.zeros(len(tests), dtype=np.int64)
    fail_pass, pass_pass = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for column, ran in enumerate(alone[0]):
        if ran is None:
            continue
        failing, passing = _failing(ran), _passing(ran)
        failed[column], passed[column] = len(failing), len(passing)
        for row in range(len(patches)):
            after = found[row][column]
            if after is not None:
                fail_pass[row, column] = sum(grade(after, name) is True for name in failing)
                pass_pass[row, column] = sum(grade(after, name) is True for name in passing)
    return Matrix(failed, passed, fail_pass, pass_pass)


def _run_where(
    base: Files,
    tests: Sequence[Changes | None],
    patches: Sequence[Changes | None],
    running: Running,
    environment: Path | None,
) -> list[list[Ran | None]]:
    """What came of each test answer with each patch, None where one of them does not apply. Equal cells run once."""
    places: dict[tuple[int, int], str] = {}
    cells: dict[str, Cell] = {}
    for row, patch in enumerate(patches):
        for column, tested in enumerate(tests):
            if patch is not None and tested is not None:
                cell = Cell({**code_changes(patch), **tested}, test_files(tested))
                places[row, column] = key = json.dumps(cell, sort_keys=True)
                cells[key] = cell
    ran = dict(zip(cells, run_cells(base, list(cells.values()), running, environment), strict=True))
    early = Counter(one.ended for one in ran.values() if one.ended != "finished")
    if early:
        logging.warning(
            "test runs that ended early, whose other tests count as failed: %s of %d", dict(early), len(ran)
        )
    return [
        [ran[places[row, column]] if (row, column) in places else None for column in range(len(tests))]
        for row in range(len(patches))
    ]


def test_files(changed: Iterable[str]) -> tuple[str, ...]:
    """The test files among those that a test answer changes."""
    return tuple(path for path in changed if is_test_file(path))


def _failing(ran: Ran) -> list[str]:
    return [name for name in ran.tests if grade(ran, name) is False]


def _passing(ran: Ran) -> list[str]:
    return [name for name in ran.tests if grade(ran, name) is True]

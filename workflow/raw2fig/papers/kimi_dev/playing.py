"""`raw2fig kimi-dev play`: test-time self-play of a model with itself, beside the vote of the majority and the hidden
tests (section 3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from raw2fig.json_lines import read_json_lines
from raw2fig.papers.kimi_dev.matrix import Matrix
from raw2fig.papers.kimi_dev.patches import apply
from raw2fig.papers.kimi_dev.roles import Answer, Model, answered, opened
from raw2fig.papers.kimi_dev.selfplay import winner
from raw2fig.papers.kimi_dev.verifier import (
    Check,
    Program,
    original,
    passes,
    program,
    read_check,
    reproduces,
    resolves,
    results,
    texts,
)
from raw2fig.papers.kimi_dev.voting import majority
from raw2fig.papers.kimi_dev.words import text_of
from raw2fig.papers.kimi_dev.world import SCORED, WRITTEN, Task, from_line
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SELF_PLAY, MAJORITY, PASS = "self-play", "majority", "pass"
OLD_TESTS = 3
"""Tests that a repository has at first, at most; they pass with the bug and with the fix."""


class Play(Record):
    """Self-play of a model."""

    sizes: list[int] = Field(min_length=1, description="Patches, and as many tests, of a game.")


@step
def play(
    *,
    model: Input,
    tasks: Input,
    name: str,
    table: Output,
    games: Annotated[Play, At("miniature.play")],
    replicate: Seed,
) -> None:
    """Let a model write patches and tests for tasks, and choose among its patches by its tests.

    Parameters
    ----------
    model
        Model folder.
    tasks
        Tasks of `raw2fig kimi-dev make-tasks`.
    name
        What the rows call the model.
    table
        Its measures, each with the number of patches that it belongs to: share of tasks that are resolved by
        self-play, majority and pass (any of the patches); and over all answers: localised, applies, resolved,
        reproduces, distinct patches of a task, and words of an answer.
    """
    rows = measures(opened(str(model)), read_tasks(tasks), sorted(games.sizes), np.random.default_rng([replicate, 6]))
    import pandas as pd

    write_table(pd.DataFrame(rows).assign(model=name, replicate=replicate), table)


def read_tasks(path: Path) -> list[Task]:
    """Tasks of a file. Raises `InputError` for lines of another form."""
    from raw2fig.errors import InputError

    expected = "tasks of `raw2fig kimi-dev make-tasks`"
    found = []
    for number, line in read_json_lines(path, expected):
        try:
            found.append(from_line(line))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(path, f"line {number} is no task", expected) from error
    if not found:
        raise InputError(path, "has no tasks", expected)
    return found


def measures(
    model: Model, tasks: Sequence[Task], sizes: Sequence[int], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Measures of a model on tasks."""
    most = sizes[-1]
    places, answers = answered(model, "BugFixer", tasks, most, rng)
    _, tests = answered(model, "TestWriter", tasks, most, rng)
    won: dict[tuple[str, int], list[bool]] = {}
    sampled: dict[str, list[float]] = {}
    for task, files, written, asked in zip(tasks, places, answers, tests, strict=True):
        afters = [apply(texts(task), text_of(answer)).after for answer in written]
        programs = [None if after is None else program(after) for after in afters]
        right = [resolves(task, one, SCORED) for one in programs]
        checks = [read_check(answer) for answer in asked]
        game = matrix(task, programs, checks)
        for size in sizes:
            chosen = winner(part(game, size), [one is not None for one in programs[:size]])
            voted = majority(texts(task), afters[:size])
            for manner, which in ((SELF_PLAY, chosen), (MAJORITY, voted)):
                won.setdefault((manner, size), []).append(which is not None and right[which])
            won.setdefault((PASS, size), []).append(any(right[:size]))
        told = {
            "localised": [path == task.path for path in files[1:]],
            "applies": [one is not None for one in programs[1:]],
            "resolved": right[1:],
            "reproduces": [reproduces(task, check) for check in checks[1:]],
            "distinct patches": [len({str(after) for after in afters if after is not None})],
            "words": [len(answer) for answer in written[1:]],
        }
        for measure, values_ in told.items():
            sampled.setdefault(measure, []).extend(map(float, values_))
    return [
        *(_row(manner, size, flags) for (manner, size), flags in won.items()),
        *(_row(measure, most, numbers) for measure, numbers in sampled.items()),
    ]


def _row(measure: str, size: int, found: Sequence[float]) -> dict[str, Any]:
    return {"measure": measure, "size": size, "value": float(np.mean(found)), "n": len(found)}


def old_tests(task: Task) -> list[Check]:
    """The tests that a repository has: the first arguments on which the bug does not show."""
    right, wrong = results(task.fixed), results(task.broken)
    unseen = [pair for pair in WRITTEN if right[pair] == wrong[pair]][:OLD_TESTS]
    return [Check(task.fixed.name, *pair, right[pair]) for pair in unseen]


def matrix(task: Task, programs: Sequence[Program | None], checks: Sequence[Check | None]) -> Matrix:
    """What running each test file, the old tests and a new one, gives on the original and with each patch."""
    old = old_tests(task)
    files = [[*old, check] if check else [] for check in checks]
    before = [_outcomes(original(task), file) for file in files]
    failed = np.array([len(row) - sum(row) for row in before])
    passed = np.array([sum(row) for row in before])
    cells = np.zeros((2, len(programs), len(checks)), int)
    for place, one in enumerate(programs):
        if one is None:
            continue
        for column in np.flatnonzero(failed):
            after = _outcomes(one, files[column])
            pairs = list(zip(before[column], after, strict=True))
            cells[:, place, column] = pairs.count((False, True)), pairs.count((True, True))
    return Matrix(failed, passed, *cells)


def _outcomes(one: Program, file: Sequence[Check]) -> list[bool]:
    return [passes(check, one) for check in file]


def part(whole: Matrix, size: int) -> Matrix:
    """The game of the first patches and tests alone."""
    return Matrix(
        whole.failed[:size], whole.passed[:size], whole.fail_pass[:size, :size], whole.pass_pass[:size, :size]
    )

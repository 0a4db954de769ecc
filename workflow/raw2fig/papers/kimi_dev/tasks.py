"""`raw2fig kimi-dev make-tasks`: tasks of a replicate, and an audit of the verifier on every one of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from raw2fig.errors import InputError
from raw2fig.json_lines import read_json_lines
from raw2fig.papers.kimi_dev.language import canonical
from raw2fig.papers.kimi_dev.verifier import patched, program, resolves, texts
from raw2fig.papers.kimi_dev.words import FILE, REPLACE, SEARCH, SPLIT, body, code, fix
from raw2fig.papers.kimi_dev.world import REWARDED, SCORED, Task, World, as_line, draw_tasks, from_line
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Output, OutputFolder, step
from raw2fig.tables import write_table
from raw2fig.tasks.parts import TEST, TRAINING, VALIDATION

LONGER, OPERATOR = "longer functions", "new operator"
"""Sets of tasks that no model has seen the like of: functions of one more line, and with integer division."""
Other = Literal["longer functions", "new operator"]
PARTS = (TRAINING, VALIDATION, TEST, LONGER, OPERATOR)
NEW = "//"


class Sizes(Record):
    """Tasks of a replicate."""

    training: int = Field(ge=1, description="Tasks of reinforcement learning.")
    validation: int = Field(ge=1, description="Tasks on which settings are chosen.")
    test: int = Field(ge=1, description="Tasks that are reported.")
    other: int = Field(ge=1, description="Tasks of each set that is out of distribution.")


@step
def make_tasks(
    *,
    tasks: OutputFolder,
    audit: Output,
    world: Annotated[World, At("miniature.world")],
    sizes: Annotated[Sizes, At("miniature.sizes")],
    replicate: Seed,
) -> None:
    """Draw repositories with a bug, and try the verifier on each with edits whose worth is known.

    Parameters
    ----------
    tasks
        A file of tasks for each part: training, validation, test, longer functions, new operator.
    audit
        A row for each part and kind of edit (reference, none, comment, white space, function removed): tasks, and the
        share that each of the two sets of hidden tests accepts.
    """
    import pandas as pd

    rng = np.random.default_rng([replicate, 0])
    rows = []
    tasks.mkdir()
    for part in PARTS:
        found = drawn(rng, world, sizes, part)
        (tasks / f"{part}.jsonl").write_text("".join(json.dumps(as_line(task)) + "\n" for task in found))
        rows += [{"part": part, **row} for row in audited(found)]
    write_table(pd.DataFrame(rows).assign(replicate=replicate), audit)


def read_tasks(path: Path) -> list[Task]:
    """Tasks of a file. Raises `InputError` for lines of another form."""
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


def drawn(rng: np.random.Generator, world: World, sizes: Sizes, part: str) -> list[Task]:
    """Tasks of a part. Those that are out of distribution have functions that no training task has."""
    if part == LONGER:
        return draw_tasks(rng, world.model_copy(update={"lines": world.lines + 1}), TEST, sizes.other)
    if part == OPERATOR:
        # tasks in which the new operator is what the issue asks for
        wider = world.model_copy(update={"operators": [*world.operators, NEW]})
        found: list[Task] = []
        while len(found) < sizes.other:
            found += [
                task
                for task in draw_tasks(rng, wider, TEST, sizes.other)
                if any(term.operator == NEW for term in task.fixed.terms)
            ]
        return found[: sizes.other]
    number = {TRAINING: sizes.training, VALIDATION: sizes.validation, TEST: sizes.test}[part]
    return draw_tasks(rng, world, part, number)


def audited(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """How the hidden tests judge edits that are right, that do nothing, and that remove the function."""
    outcomes = {name: [patched(task, answer(task)) for task in tasks] for name, answer in EDITS.items()}
    outcomes["none"] = [program(texts(task)) for task in tasks]
    return [
        {"edit": name, "n": len(tasks)}
        | {
            kind: float(np.mean([resolves(task, after, points) for task, after in zip(tasks, afters, strict=True)]))
            for kind, points in (("rewarded", REWARDED), ("scored", SCORED))
        }
        for name, afters in outcomes.items()
    ]


def _replaced(task: Task, new: Sequence[str]) -> list[str]:
    """An edit that puts `new` where the wrong line stands."""
    old = code(task.broken.targets[task.line], task.broken.terms[task.line])
    return [FILE, task.path, SEARCH, *old, SPLIT, *new, REPLACE]


def _removal(task: Task) -> list[str]:
    return [FILE, task.path, SEARCH, *body(task.broken), SPLIT, REPLACE]


EDITS = {
    "reference": fix,
    "empty": lambda task: [],
    "same line": lambda task: _replaced(task, code(task.broken.targets[task.line], task.broken.terms[task.line])),
    "function removed": _removal,
}
"""Edits whose worth is known: 1 for the first, 0 for the others."""


def collisions(tasks: Sequence[Task], others: Sequence[Task]) -> int:
    """Canonical forms of faulty functions that two sets share."""
    forms = [{canonical(task.fixed) for task in found} for found in (tasks, others)]
    return len(forms[0] & forms[1])

"""`raw2fig kimi-dev audit-tasks`: whether tasks can be trusted to judge, before anybody is judged by them (checks 21 to
24 and 9 of the reference sheet).

Every task must refuse what is no solution: no change at all, a comment, empty lines, the function or the test deleted,
a loop without end. It must accept the right solution, in every one of several fresh repositories, with the tests in
their own order and in others. And the solution must not lie around.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from raw2fig.papers.kimi_dev.matrix import Cell, Changes, Ran, Running, code_changes, grade, run_cells
from raw2fig.papers.kimi_dev.real_tasks import RealTask, real_task
from raw2fig.sandbox.program import no_sandbox
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Output, step
from raw2fig.tables import write_table
from raw2fig.tasks.doctests import functions, judge
from raw2fig.tasks.mutants import MODULES, draw_tasks
from raw2fig.tasks.mutation import OPERATORS, mutants

if TYPE_CHECKING:
    import pandas as pd

VERDICTS = ("noop_pass", "gold_fail", "flaky", "unsafe", "ok")
TASKS = {
    **dict.fromkeys(("task", "operator"), "string"),
    "noop_pass": "boolean",
    **dict.fromkeys(("gold_pass", "repeats"), "integer"),
    **dict.fromkeys(("flaky", "deletion_pass", "in_reach"), "boolean"),
    "verdict": "string",
}
"""Columns of the table of tasks."""
YIELD = {"operator": "string", **dict.fromkeys(("mutants", "caught", "survived"), "integer")}
"""Columns of the table of operators."""
DISTINCTIVE = 12
"""Characters of a line that does not stand elsewhere by chance."""


class Auditing(Record):
    """How tasks are audited."""

    number: int = Field(ge=1, description="Tasks to draw.")
    per_function: int = Field(ge=1, description="Tasks of one function at most.")
    repeats: int = Field(ge=2, description="Runs of the right solution, half of them with the tests in another order.")
    mutants: int = Field(ge=1, description="Mutants of each function at most, for the yield of operators.")


@step
def audit_tasks(
    *,
    tasks: Output = Path("kimi-dev-tasks.csv"),
    operators: Output = Path("kimi-dev-operators.csv"),
    counts: Output = Path("kimi-dev-audit.csv"),
    auditing: Annotated[Auditing, At("task_audit.auditing")],
    running: Annotated[Running, At("task_audit.running")],
    seed: Seed = 0,
    where_possible: bool = False,
) -> None:
    """Audit the tasks of real code: bugs in functions of installed packages, whose examples are the tests.

    Parameters
    ----------
    tasks
        A row for each task: what passed that should not, how often the right solution did, and the verdict.
    operators
        A row for each operator that makes bugs: its mutants, and how many of them the examples catch.
    counts
        Tasks by verdict: noop_pass, gold_fail, flaky, unsafe (deleting the function or the test passes, or a loop, or
        the solution lies in reach) and ok.
    where_possible
        On a machine without a sandbox, audit nothing and write tables without tasks.
    """
    import pandas as pd

    modules: Sequence[str] = MODULES
    if where_possible and (missing := no_sandbox()):
        logging.warning("no task is audited: %s", missing)
        modules = ()
    drawn = draw_tasks(auditing.number, auditing.per_function, seed, modules) if modules else []
    rows = audit([real_task(task) for task in drawn], auditing.repeats, running)
    total = Counter(rows["verdict"])
    found = pd.DataFrame({"verdict": VERDICTS, "tasks": [total[verdict] for verdict in VERDICTS]})
    logging.info("tasks: %s", ", ".join(f"n_{row.verdict} {row.tasks}" for row in found.itertuples()))
    write_table(rows, tasks)
    write_table(operator_yield(auditing.mutants, seed, modules), operators)
    write_table(found, counts)


def audit(tasks: Sequence[RealTask], repeats: int, running: Running) -> pd.DataFrame:
    """A row for each task."""
    import pandas as pd

    cells = [_cells(task, repeats) for task in tasks]
    ran = iter(run_cells({}, [cell for part in cells for cell in part], running))
    rows = [_row(task, repeats, [*islice(ran, len(part))]) for task, part in zip(tasks, cells, strict=True)]
    return pd.DataFrame(rows, columns=[*TASKS])


def _cells(task: RealTask, repeats: int) -> list[Cell]:
    """What is run of a task: the wrong patches, then the solution again and again."""
    wrong = [code_changes(changed) for changed in {**no_changes(task), **deletions(task)}.values()]
    orders = [None] * len(wrong) + [number if number % 2 else None for number in range(repeats)]
    return [
        Cell({**task.files, **changed, **task.tests}, (*task.tests,), order)
        for changed, order in zip([*wrong, *[dict[str, str | None](task.gold)] * repeats], orders, strict=True)
    ]


def _row(task: RealTask, repeats: int, ran: Sequence[Ran]) -> dict[str, Any]:
    passed = dict(zip([*no_changes(task), *deletions(task)], (reward(one, task.names) for one in ran), strict=False))
    right = ran[-repeats:]
    rewards = [reward(one, task.names) for one in right]
    row = {
        "task": task.name,
        "operator": task.operator,
        "noop_pass": any(passed[name] for name in no_changes(task)),
        "gold_pass": sum(rewards),
        "repeats": repeats,
        "flaky": len({(one.ended, *sorted(one.tests.items())) for one in right}) > 1,
        "deletion_pass": any(passed[name] for name in deletions(task)),
        "in_reach": in_reach(task),
    }
    return row | {"verdict": verdict(row)}


def verdict(row: dict[str, Any]) -> str:
    """The first of `VERDICTS` that is true of a task."""
    if row["noop_pass"]:
        return "noop_pass"
    if row["flaky"]:
        return "flaky"
    if row["gold_pass"] < row["repeats"]:
        return "gold_fail"
    return "unsafe" if row["deletion_pass"] or row["in_reach"] else "ok"


def reward(ran: Ran, names: Sequence[str]) -> int:
    """1 if all of these tests pass, otherwise 0. Skipped ones count for nothing, but one at least must pass."""
    grades = [grade(ran, name) for name in names]
    return int(True in grades and False not in grades)


def no_changes(task: RealTask) -> dict[str, Changes]:
    """Patches that change nothing that a program could tell."""
    text = task.files[task.path]
    return {
        "nothing": {},
        "a comment": {task.path: f"{text}\n# This has been looked at.\n"},
        "empty lines": {task.path: f"\n\n{text}\n\n"},
    }


def deletions(task: RealTask) -> dict[str, Changes]:
    """Patches that get rid of the function, of its test, or of the test's end."""
    text = task.files[task.path]
    loop = "\n\nwhile True:\n    pass\n"
    return {
        "no function": {task.path: text.replace(task.source, "")},
        "no test": dict.fromkeys(task.tests),
        "an endless loop": {task.path: text + loop},
    }


def in_reach(task: RealTask) -> bool:
    """Whether a line of the solution that is not in the buggy file stands in another file."""
    added = {line.strip() for path, text in task.gold.items() for line in text.split("\n")}
    added -= {line.strip() for line in task.files[task.path].split("\n")}
    others = [text for path, text in {**task.files, **task.tests}.items() if path != task.path]
    return any(len(line) >= DISTINCTIVE and line in text for line in added for text in others)


def operator_yield(most: int, seed: int, modules: Sequence[str] = MODULES) -> pd.DataFrame:
    """For each operator, its mutants, at most so many of each function of the modules, how many of them the examples
    catch, and how many survive."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    made = []
    for function in (one for module in modules for one in functions(module)):
        found = mutants(function.source)
        chosen = sorted(rng.permutation(len(found))[:most].tolist())
        made += [(found[place].operator, function, found[place].source) for place in chosen]
    verdicts = judge([(function, source) for _, function, source in made])
    total = Counter(operator for operator, _, _ in made)
    caught = Counter(operator for (operator, _, _), passes in zip(made, verdicts, strict=True) if not all(passes))
    rows = [(name, total[name], caught[name], total[name] - caught[name]) for name in OPERATORS]
    return pd.DataFrame(rows, columns=[*YIELD])

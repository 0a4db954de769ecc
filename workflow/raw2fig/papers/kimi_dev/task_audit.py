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

from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev.issues import Issue, ran_with, read_issues, resolves, write_issues
from raw2fig.papers.kimi_dev.matrix import Changes, Ran, Running
from raw2fig.papers.kimi_dev.real_tasks import real_task
from raw2fig.sandbox.program import no_sandbox
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
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
    modules: Sequence[str] = MODULES
    if where_possible and (missing := no_sandbox()):
        logging.warning("no task is audited: %s", missing)
        modules = ()
    drawn = draw_tasks(auditing.number, auditing.per_function, seed, modules) if modules else []
    rows = audit([real_task(task).issue for task in drawn], auditing.repeats, running)
    rows.insert(1, "operator", [task.operator for task in drawn])
    write_table(rows, tasks)
    write_table(operator_yield(auditing.mutants, seed, modules), operators)
    write_table(counted(rows), counts)


@step
def audit_issues(
    *,
    issues: Input,
    sound: Output,
    table: Output,
    counts: Output,
    repeats: Annotated[int, At("pretrained.repeats")],
    running: Annotated[Running, At("pretrained.running")],
) -> None:
    """Audit issues, and keep those that can be trusted to judge.

    Parameters
    ----------
    issues
        Issues, as JSON lines.
    sound
        Those with the verdict ok.
    table
        A row for each issue: what passed that should not, how often the right solution did, and the verdict.
    counts
        Issues by verdict.
    repeats
        Runs of the right solution, half of them with the tests in another order.
    """
    every = read_issues(issues)
    rows = audit(every, repeats, running)
    kept = [issue for issue, verdict in zip(every, rows["verdict"], strict=True) if verdict == "ok"]
    if not kept:
        raise InputError(issues, f"none of {len(every)} issues is sound", "one at least")
    write_issues(kept, sound)
    write_table(rows, table)
    write_table(counted(rows), counts)


def counted(rows: pd.DataFrame) -> pd.DataFrame:
    """Audited tasks by verdict."""
    import pandas as pd

    total = Counter(rows["verdict"])
    found = pd.DataFrame({"verdict": VERDICTS, "tasks": [total[verdict] for verdict in VERDICTS]})
    logging.info("tasks: %s", ", ".join(f"n_{row.verdict} {row.tasks}" for row in found.itertuples()))
    return found


def audit(tasks: Sequence[Issue], repeats: int, running: Running) -> pd.DataFrame:
    """A row for each task."""
    import pandas as pd

    tried = [tries(task, repeats) for task in tasks]
    every = [(task, *one) for task, mine in zip(tasks, tried, strict=True) for one in mine]
    ran = iter(
        ran_with(
            [task for task, _, _ in every],
            [changed for _, changed, _ in every],
            running,
            [order for _, _, order in every],
        )
    )
    rows = [_row(task, repeats, [*islice(ran, len(mine))]) for task, mine in zip(tasks, tried, strict=True)]
    return pd.DataFrame(rows, columns=[name for name in TASKS if name != "operator"])


def tries(task: Issue, repeats: int) -> list[tuple[Changes, int | None]]:
    """What is tried on a task, with the number that shuffles the tests: the wrong patches, then the solution again and
    again, every second time in another order."""
    wrong = {**no_changes(task), **deletions(task)}.values()
    return [
        *((changed, None) for changed in wrong),
        *((task.gold, number if number % 2 else None) for number in range(repeats)),
    ]


def _row(task: Issue, repeats: int, ran: Sequence[Ran]) -> dict[str, Any]:
    names = [*no_changes(task), *deletions(task)]
    passed = {name: resolves(one, task.names) for name, one in zip(names, ran, strict=False)}
    right = ran[-repeats:]
    row = {
        "task": task.name,
        "noop_pass": any(passed[name] for name in no_changes(task)),
        "gold_pass": sum(resolves(one, task.names) for one in right),
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


def repaired(task: Issue) -> dict[str, str]:
    """The Python files that the solution changes, as they are before it."""
    return {path: task.files[path] for path in task.gold if path in task.files and path.endswith(".py")}


def no_changes(task: Issue) -> dict[str, Changes]:
    """Patches that change nothing that a program could tell."""
    files = repaired(task)
    return {
        "nothing": {},
        "a comment": {path: f"{text}\n# This has been looked at.\n" for path, text in files.items()},
        "empty lines": {path: f"{text}\n\n\n" for path, text in files.items()},
    }


def deletions(task: Issue) -> dict[str, Changes]:
    """Patches that get rid of the code, of its test, or of the test's end."""
    loop = "\n\nwhile True:\n    pass\n"
    files = repaired(task)
    return {
        "no code": dict.fromkeys(files, ""),
        "no test": dict.fromkeys(task.tests),
        "an endless loop": {path: text + loop for path, text in files.items()},
    }


def in_reach(task: Issue) -> bool:
    """Whether another file holds all long lines that the solution adds."""
    added = {line.strip() for text in task.gold.values() if text for line in text.split("\n")}
    added -= {line.strip() for path in task.gold for line in task.files.get(path, "").split("\n")}
    long = {line for line in added if len(line) >= DISTINCTIVE}
    others = [text for path, text in {**task.files, **task.tests}.items() if path not in task.gold]
    return bool(long) and any(all(line in text for line in long) for text in others)


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

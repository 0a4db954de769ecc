"""`raw2fig kimi-dev make-issues`: issues from bugs in functions of installed packages, in three parts that share no
function (section 9.2 of the reference sheet)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev.issues import Issue, ran_with, write_issues
from raw2fig.papers.kimi_dev.matrix import Ran, Running, grade
from raw2fig.papers.kimi_dev.real_tasks import real_task
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, OutputFolder, step
from raw2fig.tasks.library import Example, Function
from raw2fig.tasks.mutants import Task, draw_tasks, groups
from raw2fig.tasks.parts import PARTS, part_of

TEXT = """`{name}` gives a wrong result

This is what I typed, with `{name}` of `{module}`:

```
{typed}
```

I expected what its documentation says:

```
{wanted}
```
"""
TRACEBACK = "Traceback (most recent call last):"
FENCED = re.compile(r"^```\n(.*?)\n```$", re.DOTALL | re.MULTILINE)
IMPORTED = re.compile(r"^from (\S+) import (\w+)\n", re.MULTILINE)
OLD_TESTS = '''"""Tests of {module}.{name}."""

from {module} import {name}


def test_it_can_be_called():
    assert callable({name})
'''
"""The test file that the repository has before the issue."""


REPORTED = '''import doctest

import {module} as module

REPORT = """
{report}
"""


def test_the_report():
    parsed = doctest.DocTestParser().get_doctest(REPORT, dict(vars(module)), "report", None, 0)
    assert not doctest.DocTestRunner(verbose=False).run(parsed, out=lambda text: None).failed
'''
"""A test of what an issue tells."""


class Drawing(Record):
    """Issues that are made of installed packages."""

    number: int = Field(ge=1, description="Bugs to draw.")
    per_function: int = Field(ge=1, description="Bugs of one function at most.")


@step
def make_issues(
    *,
    issues: OutputFolder,
    drawing: Annotated[Drawing, At("pretrained.drawing")],
    running: Annotated[Running, At("pretrained.running")],
    replicate: Seed,
) -> None:
    """Make issues of bugs in functions of installed packages. The examples of a function's documentation are the tests;
    the issue tells one that fails. A function, with all its bugs, is in one part alone.

    Parameters
    ----------
    issues
        A file for each part: training.jsonl, validation.jsonl and test.jsonl.
    """
    drawn = draw_tasks(drawing.number, drawing.per_function, replicate)
    bare = [real_task(task).issue for task in drawn]
    ran = ran_with(bare, [{}] * len(bare), running)
    rows = enumerate(zip(drawn, bare, ran, strict=True))
    made = [
        issue_of(task, issue, its)._replace(name=f"{path_of(task)}-{number}") for number, (task, issue, its) in rows
    ]
    parts = [part_of(path_of(task).encode()) for task in drawn]
    issues.mkdir()
    for part in PARTS:
        mine = [issue for issue, its in zip(made, parts, strict=True) if its == part and issue.fail_to_pass]
        if not mine:
            raise InputError("number", f"{drawing.number} bugs, of which none is in the {part} part", "a larger number")
        write_issues(mine, issues / f"{part}.jsonl")


def path_of(task: Task) -> str:
    """The function of a task with its module."""
    return f"{task.function.module}.{task.function.name}"


def issue_of(task: Task, bare: Issue, ran: Ran) -> Issue:
    """An issue with its text and with what its tests do on the bug."""
    function = task.function
    failed = tuple(name for name in bare.names if grade(ran, name) is False)
    passed = tuple(name for name in bare.names if grade(ran, name) is True)
    ((path, _),) = bare.tests.items()
    old = OLD_TESTS.format(module=function.module, name=function.name)
    text = told(function, failed[0]) if failed else ""
    return bare._replace(text=text, files={**bare.files, path: old}, fail_to_pass=failed, pass_to_pass=passed)


def told(function: Function, test: str) -> str:
    """The text of an issue: the examples of a test that fails, and what the last one should print."""
    examples = examples_of(function, test)
    typed = [">>> " + one.source.rstrip("\n").replace("\n", "\n... ") for one in examples]
    wanted = [(f"{TRACEBACK}\n{one.error}" if one.error else one.want).rstrip("\n") for one in examples]
    lines = [line for pair in zip(typed, wanted, strict=True) for line in pair if line]
    last = lines.pop() if wanted[-1] else "no error"
    return TEXT.format(name=function.name, module=function.module, typed="\n".join(lines), wanted=last)


def examples_of(function: Function, test: str) -> Sequence[Example]:
    """The examples that a test types, named as `real_tasks.test_file` names it."""
    return [function.examples[place] for place in groups(function)[int(test.rpartition("_")[2])]]


def report_test(issue: Issue) -> dict[str, str]:
    """The repository's test file with a test that types what the issue tells, for an issue as `told` writes it; none
    for another one."""
    report = [part.replace("\\", "\\\\").replace('"""', '\\"' * 3) for part in FENCED.findall(issue.text)]
    found = {}
    for path in issue.tests:
        match = IMPORTED.search(issue.files.get(path, ""))
        if match and len(report) == 2:
            found[path] = issue.files[path] + "\n\n" + REPORTED.format(module=match[1], report="\n".join(report))
    return found

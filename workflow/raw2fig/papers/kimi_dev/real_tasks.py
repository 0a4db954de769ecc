"""Bugs in real code as repositories: a function of an installed package with a mutation, what else it needs of its
package, and a test file that types the examples of its docstring (section 9.2 of the reference sheet)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from raw2fig.papers.kimi_dev.issues import Issue
from raw2fig.tasks.doctests import look_at
from raw2fig.tasks.library import Example, Function, parts_for, statements
from raw2fig.tasks.mutants import IMPORTS, Task, groups

TEST = '''"""Examples of {module}.{name}, each group of them as a test."""

import doctest

import {module} as module

EXAMPLES = {examples!r}
"""Source, expected output, expected exception and option flags."""


def check(*places):
    examples = [doctest.Example(source, want, error, options=flags) for source, want, error, flags in EXAMPLES]
    typed = [example for place, example in enumerate(examples) if place in places]
    test = doctest.DocTest(typed, dict(vars(module)), {name!r}, None, None, None)
    assert not doctest.DocTestRunner(verbose=False).run(test, out=lambda text: None).failed
'''
ONE = """

def test_{number}():
    check({places})
"""


class RealTask(NamedTuple):
    """A repository with a bug: its files, the file that is right, the test file, the names of its tests, and the
    operator that made the bug."""

    name: str
    operator: str
    files: dict[str, str]
    gold: dict[str, str]
    tests: dict[str, str]
    names: tuple[str, ...]
    path: str
    source: str
    """The function's text in the file `path`."""

    @property
    def issue(self) -> Issue:
        """The same as an issue. Which of its tests fail with the bug is not known before they are run."""
        return Issue(self.name, "", self.files, dict(self.gold), self.tests, (), self.names)


def real_task(task: Task) -> RealTask:
    """A task as a repository. The tests are all examples of the function, shown and hidden ones."""
    function = task.function
    files = files_with(function, task.source, also=task.solution)
    path = path_of(function.module)
    test = f"tests/test_{function.name}.py"
    names = tuple(f"{test}::test_{number}" for number in range(len(groups(function))))
    gold = {path: files_with(function, task.solution, also=task.source)[path]}
    name = f"{function.module}.{function.name}:{task.line}"
    return RealTask(name, task.operator, files, gold, {test: test_file(function)}, names, path, task.source)


def path_of(module: str) -> str:
    """Where a module lies in its repository."""
    return f"{module.replace('.', '/')}{'' if '.' in module else '/__init__'}.py"


def files_with(function: Function, text: str, also: str) -> dict[str, str]:
    """The package with what a function and this text in its place need, and with what another text would need."""
    uses = frozenset[str]()
    for one in (text, also):
        look = look_at(one)
        assert look is not None
        uses |= look.names
    package = function.module.partition(".")[0]
    files = {path_of(package): ""}
    for part in parts_for(function, uses):
        pieces = [part.before] if part.after is None else [part.before, text, part.after]
        files[path_of(part.module)] = "\n\n\n".join(piece for piece in pieces if piece) + "\n"
    return files


def test_file(function: Function) -> str:
    """The test file of a function. Examples that import are typed first in each test."""
    first = [place for place, example in enumerate(function.examples) if is_import(example)]
    rows = [(one.source, one.want, one.error, options(one.flags)) for one in function.examples]
    text = TEST.format(module=function.module, name=function.name, examples=rows)
    tests = [
        ONE.format(number=number, places=", ".join(map(str, sorted({*first, *group}))))
        for number, group in enumerate(groups(function))
    ]
    return text + "".join(tests)


def is_import(example: Example) -> bool:
    """Whether an example imports and does nothing else."""
    body = statements(example)
    return bool(body) and all(isinstance(node, IMPORTS) for node in body)


def options(flags: int) -> Mapping[int, bool]:
    """Flags of doctest as the options of an example."""
    return {1 << bit: True for bit in range(flags.bit_length()) if flags >> bit & 1}

"""What patches and tests of the miniature are worth. Nothing that a model writes is executed: patches are applied by
the strict parser, and the language of the miniature (`raw2fig.papers.kimi_dev.language`) is computed on arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from raw2fig.papers.kimi_dev.language import Function, read_file, source, values
from raw2fig.papers.kimi_dev.patches import apply
from raw2fig.papers.kimi_dev.words import CHECK, DONE, EQUALS, text_of
from raw2fig.papers.kimi_dev.world import LARGEST, POSSIBLE, SMALLEST, WRITTEN, Points, Task, same

Program = Mapping[str, Function]
"""The functions of a repository by name."""


class Check(NamedTuple):
    """A test: what a function should give for two arguments."""

    name: str
    a: int
    b: int
    value: int


def texts(task: Task) -> dict[str, str]:
    """The files of a repository, with the bug."""
    return {path: source(functions) for path, functions in task.files.items()}


@lru_cache(maxsize=100_000)
def _functions(text: str) -> dict[str, Function] | None:
    return read_file(text)


def patched(task: Task, words: Sequence[str]) -> Program | None:
    """The program after an answer's edits; None if an edit does not apply, or what comes out is not of the language."""
    after = apply(texts(task), text_of(words)).after
    return None if after is None else program(after)


def program(files: Mapping[str, str]) -> Program | None:
    """The functions of files; None if one is not of the language or a name comes twice."""
    found: dict[str, Function] = {}
    for text in files.values():
        functions = _functions(text)
        if functions is None or found.keys() & functions.keys():
            return None
        found |= functions
    return found


def original(task: Task) -> Program:
    """The program with the bug."""
    return {one.name: one for functions in task.files.values() for one in functions}


def resolves(task: Task, after: Program | None, points: Points) -> bool:
    """Whether the faulty function is right and the others are as before, on all points: FAIL_TO_PASS and
    PASS_TO_PASS."""
    if after is None:
        return False
    wanted = {**original(task), task.fixed.name: task.fixed}
    return all(
        name in after and (after[name] == function or same(after[name], function, points))
        for name, function in wanted.items()
    )


def read_check(words: Sequence[str]) -> Check | None:
    """The test of an answer `CHECK name a b == value` after its thinking; None if it has another form or asks for
    other arguments than tests may have."""
    answer = list(words)
    if DONE in answer:
        answer = answer[answer.index(DONE) + 1 :]
    match answer:
        case [first, name, a, b, equals, value] if first == CHECK and equals == EQUALS:
            try:
                check = Check(name, int(a), int(b), int(value))
            except ValueError:
                return None
            return check if (check.a, check.b) in WRITTEN and SMALLEST <= check.value <= LARGEST else None
    return None


@lru_cache(maxsize=100_000)
def results(function: Function) -> dict[tuple[int, int], int]:
    """What a function gives for all arguments that tests may have."""
    return dict(zip(WRITTEN, values(function, *POSSIBLE).tolist(), strict=True))


def passes(check: Check, after: Program | None) -> bool:
    """Whether a test passes; a missing function fails it."""
    function = after.get(check.name) if after else None
    return function is not None and results(function)[check.a, check.b] == check.value


def reproduces(task: Task, check: Check | None) -> bool:
    """The TestWriter's reward: the test fails with the bug and passes after the true fix."""
    if check is None:
        return False
    before = original(task)
    return not passes(check, before) and passes(check, {**before, task.fixed.name: task.fixed})

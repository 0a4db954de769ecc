"""Whether a text in place of a function passes the examples of the function's docstring.

Candidates run in the sandbox (`raw2fig.sandbox.program`), many in one process. What an example should print stays on
this side, where it is compared as doctest would. A candidate that could reach the process, and by that the candidates
after it, has a process of its own.
"""

from __future__ import annotations

import ast
import doctest
import inspect
import re
import secrets
from collections.abc import Sequence
from functools import cache
from math import ceil
from typing import NamedTuple

from raw2fig.sandbox.program import Limits, run_program
from raw2fig.tasks import doctest_program
from raw2fig.tasks.doctest_program import SECONDS, Printed
from raw2fig.tasks.library import Example, Function, Part, parts_for, read_functions

Verdict = tuple[bool, ...]
"""Whether each example of a function passes."""
PROGRAM = inspect.getsource(doctest_program)
TOGETHER = 256
"""Candidates in one process at most."""
REPEATS = 3
"""How often a function must pass its own examples."""
OUTPUT = 16 << 20
"""Bytes that the candidates of one process may print."""
WORD = re.compile(r"[^\W\d]\w*")
REACHING = {
    *("exec", "eval", "compile", "open", "input", "breakpoint", "globals", "locals", "vars", "getattr", "setattr"),
    *("delattr", "sys", "os", "gc", "inspect", "threading", "types"),
}
"""Words by which code reaches more than its arguments and results."""
HARMLESS = {
    *("abs", "all", "any", "bool", "dict", "divmod", "enumerate", "filter", "float", "frozenset", "int", "isinstance"),
    *("iter", "len", "list", "map", "max", "min", "next", "pow", "range", "repr", "reversed", "round", "set", "sorted"),
    *("str", "sum", "tuple", "zip", "append", "appendleft", "pop", "popleft"),
}
"""Words that a candidate may have although its function does not."""
KEPT = 1 << 16
"""Verdicts that are kept."""
_verdicts: dict[tuple[Function, str], Verdict] = {}


class Look(NamedTuple):
    """What can be seen of a text without running it: the names it uses, all words of code and strings, and whether it
    is one function that imports nothing and sets nothing but its own variables. Docstrings are not looked at."""

    names: frozenset[str]
    words: frozenset[str]
    is_closed: bool


class Candidate(NamedTuple):
    """A text in place of a function, what it needs, and its place among those to be judged."""

    place: int
    function: Function
    text: str
    parts: tuple[Part, ...]


@cache
def functions(module: str) -> tuple[Function, ...]:
    """The functions of an installed module that pass their own examples, every time. Raises `InputError` if there is no
    such module, and where there is no sandbox."""
    found = read_functions(module)
    verdicts = run([(function, function.source) for function in found] * REPEATS)
    return tuple(function for place, function in enumerate(found) if all(map(all, verdicts[place :: len(found)])))


def judge(pairs: Sequence[tuple[Function, str]]) -> list[Verdict]:
    """For each function and text in its place: whether each of the function's examples passes, all of them typed one
    after the other. The text is whatever stands in the module instead of the function. A candidate that does not
    compile, or that runs out of time, passes none. Verdicts are kept, so that nothing is judged twice."""
    if len(_verdicts) > KEPT:
        _verdicts.clear()
    new = [pair for pair in dict.fromkeys(pairs) if pair not in _verdicts]
    _verdicts.update(zip(new, run(new), strict=True))
    return [_verdicts[pair] for pair in pairs]


def run(pairs: Sequence[tuple[Function, str]]) -> list[Verdict]:
    """As `judge`, but nothing is kept."""
    verdicts: list[Verdict] = [(False,) * len(function.examples) for function, _ in pairs]
    together: list[Candidate] = []
    groups: list[list[Candidate]] = []
    for place, (function, text) in enumerate(pairs):
        look = look_at(text)
        if look is not None:
            candidate = Candidate(place, function, text, parts_for(function, look.names - _own(function).names))
            if is_harmless(look, _own(function)):
                together.append(candidate)
            else:
                groups.append([candidate])
    groups += [together[start : start + TOGETHER] for start in range(0, len(together), TOGETHER)]
    for group in groups:
        for candidate, printed in zip(group, printed_by(group), strict=True):
            examples = candidate.function.examples
            if len(printed) == len(examples):
                verdicts[candidate.place] = tuple(map(passes, examples, printed))
    return verdicts


def is_harmless(look: Look, own: Look) -> bool:
    """Whether a text can do nothing to those after it in its process: it is a function in the words of the original and
    a few others, none of them a way to reach more than arguments and results."""
    return look.is_closed and look.words <= own.words | HARMLESS and not look.words & REACHING


def printed_by(group: Sequence[Candidate]) -> list[Printed]:
    """What the examples print for each of these candidates, which share a process; nothing for one whose time is up, or
    that ended the process. The others go on in another one."""
    answers: list[Printed] = []
    while len(answers) < len(group):
        answers += _answers(group[len(answers) :])
        if len(answers) < len(group):
            answers.append([])
    return answers


def _answers(group: Sequence[Candidate]) -> list[Printed]:
    """The answers of one process, up to the candidate that ended it."""
    worlds: dict[tuple[Function, tuple[Part, ...]], int] = {}
    jobs = [(worlds.setdefault((one.function, one.parts), len(worlds)), one.text) for one in group]
    given = [
        ([tuple(part) for part in parts], [example.source for example in function.examples])
        for function, parts in worlds
    ]
    token = secrets.token_hex(16)
    seconds = SECONDS * len(group)
    limits = Limits(2 + ceil(seconds), wall_seconds=60 + 80 * seconds, output_bytes=OUTPUT)
    outcome = run_program(PROGRAM, ascii((token, given, jobs)), limits)
    found: list[Printed] = []
    for line in outcome.stdout.split("\n")[:-1]:
        words = line.split(" ")
        if words[:2] == [token, str(len(found))] and len(found) < len(group):
            found.append(_read(words[2:]))
    return found


def _read(fields: Sequence[str]) -> Printed:
    """What a line of the program says; nothing where it is not in its form, for candidates can print, too."""
    try:
        texts = [
            None if field == "-" else bytes.fromhex(field[1:]).decode("utf-8", "surrogatepass") for field in fields
        ]
    except ValueError:
        return []
    return [(text or "", error) for text, error in zip(texts[::2], texts[1::2], strict=False)]


def passes(example: Example, printed: tuple[str, str | None]) -> bool:
    """Whether an example passes, for doctest, with what was printed and the last line of a traceback."""
    text, error = printed
    check = doctest.OutputChecker().check_output
    if error is None:
        return check(example.want, text if text.endswith("\n") or not text else f"{text}\n", example.flags)
    if example.error is None:
        return False
    same_kind = example.flags & doctest.IGNORE_EXCEPTION_DETAIL and _kind(error) == _kind(example.error)
    return bool(same_kind) or check(example.error, error, example.flags)


def _kind(error: str) -> str:
    """`JSONDecodeError` of `json.decoder.JSONDecodeError: Expecting value`."""
    return error.partition("\n")[0].partition(":")[0].rpartition(".")[2]


@cache
def _own(function: Function) -> Look:
    look = look_at(function.source)
    assert look is not None
    return look


def look_at(text: str) -> Look | None:
    """What can be seen of a text; None if it does not compile."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    for part in tree.body:
        if isinstance(part, ast.FunctionDef) and ast.get_docstring(part, clean=False) is not None:
            del part.body[0]
    names, words = set(), set()
    is_closed = [type(node) for node in tree.body] == [ast.FunctionDef]
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom | ast.Global):
            is_closed = False
        elif isinstance(node, ast.Attribute):
            is_closed &= isinstance(node.ctx, ast.Load)
        for field in vars(node).values():
            for value in field if isinstance(field, list) else [field]:
                if isinstance(value, str | bytes):
                    words.update(WORD.findall(value if isinstance(value, str) else value.decode("latin-1")))
    return Look(frozenset(names), frozenset(words), is_closed)

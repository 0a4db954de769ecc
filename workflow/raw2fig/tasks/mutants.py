"""Real code to repair: functions of installed packages with a mutation that the examples in their docstrings catch.

A task shows a mutated function with some of its examples; the others are hidden. It is solved by a text in place of the
function that passes all of them (`raw2fig.tasks.doctests.judge`).
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.tasks.doctests import functions, judge
from raw2fig.tasks.library import Function, names_bound, statements
from raw2fig.tasks.mutation import Mutant, mutants

MODULES = (
    *("more_itertools.more", "more_itertools.recipes"),
    *("boltons.iterutils", "boltons.mathutils", "boltons.strutils", "boltons.timeutils"),
)
AT_ONCE = 32
"""Functions whose mutants are judged together."""
SPARE = 2
"""Mutants that are judged for each task: not all are caught."""
IMPORTS = ast.Import | ast.ImportFrom


class Task(NamedTuple):
    """A function to repair: its text with a mutation (`source`) and without (`solution`), the hidden examples left out
    of both; the operator of the mutation and its line in these texts, from 1; and the places of the shown and of the
    hidden examples in the function. The mutant fails one or more of the hidden ones."""

    function: Function
    operator: str
    line: int
    source: str
    solution: str
    shown: tuple[int, ...]
    hidden: tuple[int, ...]


def draw_tasks(
    number: int, per_function: int, seed: int, modules: Sequence[str] = MODULES, two_sites: bool = False
) -> list[Task]:
    """Different tasks, at most `per_function` of one function, from functions in an order drawn by `seed`. With
    `two_sites` a mutation follows another, and no single one makes the same text; the operator is that of the second,
    the line the first one that differs.

    Raises `InputError` for more tasks than are found, and where there is no sandbox.
    """
    rng = np.random.default_rng(seed)
    known = [function for module in modules for function in functions(module) if len(groups(function)) > 1]
    order = [known[place] for place in rng.permutation(len(known))]
    tasks: list[Task] = []
    for start in range(0, len(order), AT_ONCE):
        drawn = [
            (function, mutant)
            for function in order[start : start + AT_ONCE]
            for mutant in _drawn(function, SPARE * per_function, two_sites, rng)
        ]
        verdicts = judge([(function, mutant.source) for function, mutant in drawn])
        count: Counter[Function] = Counter()
        for (function, mutant), verdict in zip(drawn, verdicts, strict=True):
            failed = [group for group in groups(function) if not all(verdict[place] for place in group)]
            if failed and count[function] < per_function:
                count[function] += 1
                tasks.append(_task(function, mutant, _hidden(groups(function), failed, rng)))
        if len(tasks) >= number:
            return tasks[:number]
    raise InputError("number", f"{number} tasks, {per_function} of a function", f"at most {len(tasks)}")


def _drawn(function: Function, number: int, two_sites: bool, rng: np.random.Generator) -> Iterator[Mutant]:
    """Mutants of a function, as many as are wanted or fewer."""
    made = mutants(function.source)
    for place in rng.permutation(len(made))[:number]:
        mutant = made[place]
        if two_sites:
            further = mutants(mutant.source)
            mutant = further[int(rng.integers(len(further)))]
        if not two_sites or mutant.source not in {function.source, *(one.source for one in made)}:
            yield mutant


def _task(function: Function, mutant: Mutant, hidden: tuple[int, ...]) -> Task:
    source, solution = (without(text, function, hidden) for text in (mutant.source, function.source))
    pairs = zip(source.split("\n"), solution.split("\n"), strict=True)
    line = 1 + next(number for number, (one, other) in enumerate(pairs) if one != other)
    shown = tuple(place for place in range(len(function.examples)) if place not in hidden)
    return Task(function, mutant.operator, line, source, solution, shown, hidden)


def without(text: str, function: Function, hidden: Collection[int]) -> str:
    """The text of a function, or of a mutant of it, without these examples."""
    examples = [function.examples[place] for place in hidden]
    dropped = {line for example in examples for line in range(example.first, example.end)}
    kept: list[str] = []
    for number, line in enumerate(text.split("\n")):
        second_blank = number - 1 in dropped and not line.strip() and not kept[-1].strip()
        if number not in dropped and not second_blank:
            kept.append(line)
    return "\n".join(kept)


@cache
def groups(function: Function) -> tuple[tuple[int, ...], ...]:
    """The places of examples that check something, in groups that do not need one another: an example belongs together
    with those whose variables it uses, and with all that come after one that is typed for its effect alone, such as the
    seed of a generator. Imports are in no group."""
    heads = list(range(len(function.examples)))
    binders: dict[str, int] = {}
    effects: list[int] = []
    checks = set()
    for place, example in enumerate(function.examples):
        body = statements(example)
        if body and all(isinstance(node, IMPORTS) for node in body):
            continue
        used = {name for node in body for name in _names_read(node)}
        for other in [*effects, *(binders[name] for name in used if name in binders)]:
            heads = [heads[place] if head == heads[other] else head for head in heads]
        binders |= {name: place for node in body for name in names_bound(node)}
        if example.want or any(isinstance(node, ast.Assert) for node in body):
            checks.add(place)
        elif any(isinstance(node, ast.Expr) for node in body):
            effects.append(place)
    together = [tuple(place for place, head in enumerate(heads) if head == one) for one in sorted(set(heads))]
    return tuple(group for group in together if checks & {*group})


def _names_read(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        target = node.target if isinstance(node, ast.AugAssign) else node
        if isinstance(target, ast.Name) and (target is not node or isinstance(target.ctx, ast.Load)):
            yield target.id


def _hidden(
    together: Sequence[tuple[int, ...]], failed: Sequence[tuple[int, ...]], rng: np.random.Generator
) -> tuple[int, ...]:
    """One of the groups that fail, and others, but not all."""
    first = failed[int(rng.integers(len(failed)))]
    others = [group for group in together if group != first]
    more = rng.permutation(len(others))[: rng.integers(len(others))]
    return tuple(sorted(place for group in (first, *(others[place] for place in more)) for place in group))

"""Repositories with one bug each: three files of two functions, and an issue that tells what a function should do.

The issue names the function or, for half of the tasks, a symptom that stands for its name: which file to open is a step
of its own. Exactly one token of one line of the named function is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, count
from typing import Any, NamedTuple, TypeVar

import numpy as np

from raw2fig.papers.kimi_dev.language import ARGUMENTS, RESULT, VARIABLES, Function, Term, canonical, values
from raw2fig.settings import Field, Record
from raw2fig.tasks.parts import part_of

T = TypeVar("T")
SYMPTOMS = {
    "cost": "dear", "speed": "slow", "size": "bulky", "score": "unfair", "level": "steep", "rate": "rushed",
    "depth": "shallow", "price": "overpaid", "weight": "heavy", "length": "short", "volume": "loud", "power": "weak",
    "heat": "cold", "light": "dark", "age": "stale", "stock": "sold", "tax": "owed", "wage": "unpaid",
}  # fmt: skip
"""A name of a function, and the word of an issue that tells of it without naming it."""
HOMES = {
    "cost": ("money", "store"), "price": ("money", "store"), "tax": ("money", "people"), "wage": ("people", "money"),
    "stock": ("store", "money"), "age": ("people", "store"), "speed": ("motion", "energy"), "rate": ("motion", "money"),
    "size": ("shape", "store"), "length": ("shape", "motion"), "depth": ("motion", "shape"),
    "level": ("store", "shape"),
    "volume": ("shape", "energy"), "weight": ("store", "people"), "power": ("energy", "motion"),
    "heat": ("energy", "people"), "light": ("energy", "shape"), "score": ("people", "motion"),
}  # fmt: skip
"""The file in which a function usually is, and the one in which it is now and then. Where a repository has both, only
opening them tells."""
USUALLY = 3
"""Times as many functions are in the first of them."""
FILES = tuple(sorted({file for homes in HOMES.values() for file in homes}))
RESIDENTS = {
    file: [
        *(name for _ in range(USUALLY) for name, (usual, _) in HOMES.items() if usual == file),
        *(name for name, (_, rare) in HOMES.items() if rare == file),
    ]
    for file in FILES
}
"""What to draw the functions of a file from."""
CONSTANTS = ("1", "2", "3")
FEWEST_POINTS = 12
"""Input points of a reward, at least: with 6, some wrong edits pass (reference sheet, section 11)."""


class World(Record):
    """What repositories look like."""

    lines: int = Field(ge=2, le=4, description="Lines of a function.")
    operators: list[str] = Field(min_length=2, description="Operators: +, -, *, max, min, //.")
    symptoms: float = Field(ge=0, le=1, description="Share of issues that name a symptom instead of a function.")
    vague: float = Field(ge=0, le=1, description="Share of issues that leave the wrong token open and give an example.")


class Points(NamedTuple):
    """Arguments (points,) of a function on which it is tested."""

    a: np.ndarray
    b: np.ndarray


def _points(pairs: Sequence[tuple[int, int]]) -> Points:
    a, b = np.array(pairs).T
    return Points(a, b)


WRITTEN = [(a, b) for a in range(3) for b in range(3)]
"""What the tests of the repository and those that a model writes can ask for."""
POSSIBLE = _points(WRITTEN)
SMALLEST, LARGEST = -6, 12
"""Whole numbers that a test can have."""
CHOSEN = [(7, 5), (5, 8), (9, 6), (6, 6), (8, 9), (5, 5), (-2, 7), (7, -3), (-4, -1), (-1, -5), (0, 6), (6, 0), (-3, 0),
          (0, -2), (11, 2), (2, 12)]  # fmt: skip
REWARDED = _points(CHOSEN)
"""The hidden tests that reward a patch."""
SCORED = _points([(a, b) for a in range(-6, 8) for b in range(-6, 8) if (a, b) not in CHOSEN])
"""The hidden tests that evaluate one: all other points of a dense grid, with equal arguments, zeros, and odd and even
numbers in both places."""
HIDDEN = Points(*map(np.concatenate, zip(REWARDED, SCORED, strict=True)))
"""Both, first those that reward."""


class Task(NamedTuple):
    """A repository with a bug, and what is hidden: the function as it should be."""

    files: dict[str, tuple[Function, ...]]  # path → functions, with the bug
    path: str
    line: int  # number of the wrong line from 0
    fixed: Function
    symptom: bool  # whether the issue names one
    example: tuple[int, int, int] | None  # arguments and result, of an issue that leaves the wrong token open

    @property
    def broken(self) -> Function:
        """The function with the bug."""
        return next(function for function in self.files[self.path] if function.name == self.fixed.name)

    @property
    def subject(self) -> str:
        """What the issue calls the function."""
        return SYMPTOMS[self.fixed.name] if self.symptom else self.fixed.name


Pick = Callable[[int], int]
"""`pick(n)` draws a number from 0 to n - 1."""


def picker(rng: np.random.Generator, block: int = 4096) -> Pick:
    """Draws from blocks of random numbers, which is ten times as fast as one by one."""
    stream = chain.from_iterable(rng.random(block).tolist() for _ in count())
    return lambda n: int(next(stream) * n)


def draw_function(pick: Pick, name: str, variables: Sequence[str], world: World) -> Function:
    """A function with these variables, whose result depends on one of them."""
    operators, terms = world.operators, list[Term]()
    # line by line, as the condition of a line says nothing of the others
    for place in range(world.lines):
        names = (*ARGUMENTS, *variables[:place])
        atoms, asked = (*names, *CONSTANTS), variables if place == world.lines - 1 else names
        while True:
            left, right = atoms[pick(len(atoms))], atoms[pick(len(atoms))]
            if left in asked or right in asked:
                break
        terms.append(Term(operators[pick(len(operators))], left, right))
    return Function(name, (*variables, RESULT), tuple(terms))


def mutants(function: Function, line: int, world: World) -> list[Function]:
    """All functions that differ from one in one token of a line."""
    return [with_line(function, line, term) for term in changed(function, line, world)]


def changed(function: Function, line: int, world: World) -> list[Term]:
    """All terms that differ in one token from that of a line."""
    operator, left, right = function.terms[line]
    atoms = (*ARGUMENTS, *function.targets[:line], *CONSTANTS)
    found = [Term(other, left, right) for other in world.operators if other != operator]
    found += [Term(operator, atom, right) for atom in atoms if atom != left]
    return found + [Term(operator, left, atom) for atom in atoms if atom != right]


def with_line(function: Function, line: int, term: Term) -> Function:
    """A function with another line."""
    return function._replace(terms=(*function.terms[:line], term, *function.terms[line + 1 :]))


def same(one: Function, other: Function, points: Points) -> bool:
    """Whether two functions give the same results."""
    return bool((values(one, *points) == values(other, *points)).all())


def draw_bug(pick: Pick, function: Function, world: World) -> tuple[int, Function] | None:
    """A line and a mutant of it that both sets of hidden tests notice; None if three draws give none."""
    right = values(function, *HIDDEN)
    for _ in range(3):
        line = pick(len(function.terms))
        choices = changed(function, line, world)
        bug = with_line(function, line, choices[pick(len(choices))])
        differs = values(bug, *HIDDEN) != right
        if differs[: len(REWARDED.a)].any() and differs[len(REWARDED.a) :].any():
            return line, bug
    return None


def draw_task(pick: Pick, world: World, part: str) -> Task:
    """A task whose faulty function belongs to a part of the data by its canonical form (`raw2fig.tasks.parts`). The two
    functions of a file have no variable in common."""
    first, second = (tuple(names[: world.lines - 1]) for names in (VARIABLES[:3], VARIABLES[3:]))
    while True:
        paths, place = shuffled(pick, FILES, 3), pick(6)
        if (names := residents(pick, paths)) is None:
            continue
        fixed = draw_function(pick, names[place], (first, second)[place % 2], world)
        if part_of(canonical(fixed).encode()) != part or (bug := draw_bug(pick, fixed, world)) is None:
            continue
        functions = [draw_function(pick, name, (first, second)[i % 2], world) for i, name in enumerate(names)]
        functions[place] = bug[1]
        example = draw_example(pick, fixed, bug[1]) if chance(pick, world.vague) else None
        files = {f"{path}.py": tuple(functions[2 * i : 2 * i + 2]) for i, path in enumerate(paths)}
        return Task(files, f"{paths[place // 2]}.py", bug[0], fixed, chance(pick, world.symptoms), example)


def chance(pick: Pick, share: float) -> bool:
    """True so often."""
    return pick(10_000) < 10_000 * share


def draw_example(pick: Pick, fixed: Function, broken: Function) -> tuple[int, int, int] | None:
    """Arguments that show a bug, and the right result; None where no arguments that tests may have show it, or the
    result is too large."""
    right, wrong = (values(function, *POSSIBLE) for function in (fixed, broken))
    told = [
        (*pair, int(value))
        for pair, value, other in zip(WRITTEN, right, wrong, strict=True)
        if value != other and SMALLEST <= value <= LARGEST
    ]
    return told[pick(len(told))] if told else None


def residents(pick: Pick, paths: Sequence[str]) -> list[str] | None:
    """Two functions for each file, all different; None if chance leaves a file without."""
    names: list[str] = []
    for path in paths:
        for _ in range(2):
            choices = [name for name in RESIDENTS[path] if name not in names]
            if not choices:
                return None
            names.append(choices[pick(len(choices))])
    return names


def shuffled(pick: Pick, items: Sequence[T], number: int) -> list[T]:
    """So many different items in random order."""
    left = list(items)
    return [left.pop(pick(len(left))) for _ in range(number)]


def draw_tasks(rng: np.random.Generator, world: World, part: str, number: int) -> list[Task]:
    """So many tasks."""
    pick = picker(rng)
    return [draw_task(pick, world, part) for _ in range(number)]


def as_line(task: Task) -> dict[str, Any]:
    """A task as plain data."""

    def plain(function: Function) -> list[Any]:
        return [function.name, list(function.targets), [list(term) for term in function.terms]]

    files = {path: [plain(one) for one in functions] for path, functions in task.files.items()}
    return {**task._asdict(), "files": files, "fixed": plain(task.fixed)}


def from_line(line: dict[str, Any]) -> Task:
    """The task of plain data. Raises `KeyError`, `TypeError` or `ValueError` for data of another form."""

    def function(plain: Any) -> Function:
        name, targets, terms = plain
        return Function(name, tuple(targets), tuple(Term(*term) for term in terms))

    files = {path: tuple(map(function, functions)) for path, functions in line["files"].items()}
    example = line["example"] and tuple(map(int, line["example"]))
    return Task(files, line["path"], int(line["line"]), function(line["fixed"]), bool(line["symptom"]), example)

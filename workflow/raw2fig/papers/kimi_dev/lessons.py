"""What models of the miniature learn from: plain code, and the mix of mid-training and of the cold start (section 3.3).

A lesson is a list of parts: words, and whether their prediction counts in the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from raw2fig.lm.examples import Example
from raw2fig.papers.kimi_dev import words as w
from raw2fig.papers.kimi_dev.language import RESULT, Function, values
from raw2fig.papers.kimi_dev.world import (
    LARGEST,
    POSSIBLE,
    SMALLEST,
    WRITTEN,
    Pick,
    Task,
    World,
    draw_task,
    mutants,
    shuffled,
)
from raw2fig.tasks.parts import TRAINING

Part = tuple[list[str], bool]
Lesson = list[Part]


def diff(task: Task) -> Lesson:
    """A merged change: the edit under the prompt of the workflow, whose words do not count, after the discussion of the
    issue as its reasoning."""
    return [(w.edit_prompt(task, task.path), False), ([*w.reasoning(task), *w.fix(task), w.END], True)]


def commits(pick: Pick, task: Task, world: World) -> Lesson:
    """A change in two commits, each a message and an edit."""
    other = (task.line + 1 + pick(len(task.fixed.terms) - 1)) % len(task.fixed.terms)
    choices = mutants(task.broken, other, world)
    twice = choices[pick(len(choices))]
    files = {
        path: tuple(twice if one.name == twice.name else one for one in functions)
        for path, functions in task.files.items()
    }
    worse = task._replace(files=files)
    answer = list[str]()
    for line in sorted((task.line, other)):
        target, right = task.fixed.targets[line], task.fixed.terms[line]
        answer += [w.SAY, *w.spoken(target, right), *w.block(task.path, target, twice.terms[line], right)]
    return [([w.HISTORY, *w.issue(task), *w.shown(worse, task.path)], False), ([*answer, w.END], True)]


def localisation(task: Task) -> Lesson:
    """The file that an issue is about."""
    return [(w.where_prompt(task), False), ([task.path, w.END], True)]


def browsing(pick: Pick, task: Task, observations: bool) -> Lesson:
    """An agent's trace whose tools run nothing: now and then it opens a wrong file first and leaves it. Actions count,
    and what is seen if `observations` do."""
    lesson: Lesson = [([w.BROWSE, *w.issue(task), *w.tree(task)], False)]
    if not pick(4):
        wrong = shuffled(pick, [path for path in task.files if path != task.path], 1)[0]
        lesson += [([w.OPEN, wrong, w.END], True), (_seen(w.edit_prompt(task, wrong)), observations)]
        lesson += [([w.KEEP, w.END], True)]
    lesson += [([w.OPEN, task.path, w.END], True), (_seen(w.edit_prompt(task, task.path)), observations)]
    return [*lesson, ([*w.reasoning(task), *w.fix(task), w.END], True), ([w.CLOSE, w.END], True)]


def _seen(words: Sequence[str]) -> list[str]:
    return [w.SEEN, *words, w.END_SEEN]


def reproduction(pick: Pick, task: Task) -> Lesson | None:
    """A test: the example of the issue, if there is one; otherwise with its reasoning, every line with numbers and what
    it gives. None where no arguments that tests may have show the bug, or numbers are too large."""
    if task.example:
        a, b, value = map(str, task.example)
        answer = [w.CHECK, task.fixed.name, a, b, w.EQUALS, value]
        return [(w.test_prompt(task, task.path), False), ([*answer, w.END], True)]
    right, wrong = (trace(function) for function in (task.fixed, task.broken))
    told = [
        place
        for place in range(len(WRITTEN))
        if right[RESULT][place] != wrong[RESULT][place]
        and all(SMALLEST <= column[place] <= LARGEST for column in right.values())
    ]
    if not told:
        return None
    place = told[pick(len(told))]
    first, second = WRITTEN[place]
    known = {"a": first, "b": second} | {name: int(column[place]) for name, column in right.items()}

    def number(atom: str) -> str:
        return str(known.get(atom, atom))

    reason = ["a", str(first), "b", str(second)]
    for target, term in zip(task.fixed.targets, task.fixed.terms, strict=True):
        reason += [target, number(term.left), term.operator, number(term.right), number(target)]
    answer = [w.CHECK, task.fixed.name, str(first), str(second), w.EQUALS, number(RESULT)]
    return [(w.test_prompt(task, task.path), False), ([w.THINK, *reason, w.DONE, *answer, w.END], True)]


def trace(function: Function) -> dict[str, np.ndarray]:
    """Values (points,) of every target on all arguments that tests may have."""
    return {
        target: values(Function("", function.targets[: place + 1], function.terms[: place + 1]), *POSSIBLE)
        for place, target in enumerate(function.targets)
    }


def plain_code(task: Task) -> Lesson:
    """A document of the base model: an issue and the file that does what it says, in either order."""
    right = {
        path: tuple(task.fixed if one.name == task.fixed.name else one for one in functions)
        for path, functions in task.files.items()
    }
    return [([*w.issue(task), *w.shown(task._replace(files=right), task.path), w.END], True)]


KINDS: Mapping[str, Callable[[Pick, Task, World], Lesson | None]] = {
    "code": lambda pick, task, world: plain_code(task),
    "diff": lambda pick, task, world: diff(task),
    "commits": commits,
    "localisation": lambda pick, task, world: localisation(task),
    "browsing": lambda pick, task, world: browsing(pick, task, observations=False),
    "browsing with observations": lambda pick, task, world: browsing(pick, task, observations=True),
    "test": lambda pick, task, world: reproduction(pick, task),
}
"""Kinds of lessons."""


def draw_lessons(pick: Pick, world: World, mix: Mapping[str, float], number: int) -> list[Lesson]:
    """So many lessons on training tasks, each on a task of its own, of kinds drawn with the weights `mix`."""
    kinds = list(mix)
    edges = np.cumsum([mix[kind] for kind in kinds]) / sum(mix.values())
    found = list[Lesson]()
    while len(found) < number:
        kind = kinds[int(np.searchsorted(edges, pick(10**6) / 10**6, side="right"))]
        lesson = KINDS[kind](pick, draw_task(pick, world, TRAINING), world)
        if lesson is not None:
            found.append(lesson)
    return found


def encoded(ids: Mapping[str, int], lesson: Lesson) -> Example:
    """A lesson as token ids. Raises `KeyError` for a word that is none of the miniature's."""
    words = [ids[word] for part, _ in lesson for word in part]
    learned = [counts for part, counts in lesson for _ in part]
    return Example(np.array(words), len(lesson[0][0]) if not lesson[0][1] else 1, np.array(learned, bool))

"""An agent of the miniature: it sees files, edits them, runs a test and submits, one action a turn (section 3.7).

OPEN path   shows the issue and a file, as the prompt of the workflow does
an edit     replaces lines, as an answer of the workflow does, with or without reasoning
RUN         runs the test of the issue
CLOSE       submits
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

from raw2fig.papers.kimi_dev import words as w
from raw2fig.papers.kimi_dev.language import Function
from raw2fig.papers.kimi_dev.lessons import Lesson
from raw2fig.papers.kimi_dev.patches import apply
from raw2fig.papers.kimi_dev.roles import UNFINISHED, Answer
from raw2fig.papers.kimi_dev.verifier import Check, passes, program, resolves, results, texts
from raw2fig.papers.kimi_dev.world import SCORED, WRITTEN, Pick, Task, World, mutants, shuffled

Stage = Literal["explore", "reproduce", "edit", "re-test", "look again", "submit", "none"]
ACTION = 32
"""Words of an action, at most."""
WRONG_FILE, WRONG_EDIT = 4, 2
"""An expert opens a wrong file first in one of so many tasks, and tries a wrong edit first in one of so many."""


class State(NamedTuple):
    """A task, its files as they are now, and all words so far."""

    task: Task
    files: dict[str, str]
    words: tuple[str, ...]
    stages: tuple[Stage, ...] = ()
    right: tuple[bool, ...] = ()  # after each turn: whether what would be submitted is right
    submitted: bool = False


Act = Callable[[Sequence[int], list[State]], list[Answer]]
"""The next actions in some tasks, from their numbers and states."""


def begun(task: Task) -> State:
    """Before the first turn."""
    return State(task, texts(task), (w.BROWSE, *w.issue(task), *w.tree(task)))


def shown(state: State, path: str) -> list[str]:
    """The issue and a file as it is now."""
    functions = program({path: state.files[path]}) or {}
    return [w.EDIT, *w.issue(state.task), w.TEXT, path, *(word for one in functions.values() for word in w.body(one))]


def done(state: State, action: Answer) -> State:
    """The state after an action, with what the agent is shown. What is no action is answered with FAIL."""
    task, files = state.task, state.files
    edited = "edit" in state.stages
    stage: Stage = "none"
    seen = [w.FAIL]
    submitted = False
    match action:
        case [w.OPEN, asked] if asked in files:
            seen, stage = shown(state, asked), "look again" if edited else "explore"
        case [w.FILE | w.THINK, *_]:
            after = apply(files, w.text_of(action)).after
            if after is not None and program(after) is not None:
                files, seen, stage = after, [w.OK], "edit"
        case [w.RUN]:
            seen, stage = [w.OK if tested(task, files) else w.FAIL], "re-test" if edited else "reproduce"
        case [w.CLOSE]:
            seen, stage, submitted = [], "submit", True
    view = [w.SEEN, *seen, w.END_SEEN] if seen else []
    written = [] if UNFINISHED in action else [w.END]
    words = (*state.words, *(word for word in action if word != UNFINISHED), *written, *view)
    right = resolves(task, program(files), SCORED)
    return State(task, files, words, (*state.stages, stage), (*state.right, right), submitted)


def tested(task: Task, files: dict[str, str]) -> bool:
    """Whether the test of the issue passes: what the function should give for all arguments that tests may have."""
    right = results(task.fixed)
    now = program(files)
    return all(passes(Check(task.fixed.name, *pair, right[pair]), now) for pair in WRITTEN)


def loop(act: Act, tasks: Sequence[Task], turns: int, longest: int) -> list[State]:
    """States of an agent at the end of each task: submitted, after so many turns, or without room for an action in
    `longest` words."""
    states = [begun(task) for task in tasks]
    for _ in range(turns):
        going = [
            place for place, state in enumerate(states) if not state.submitted and len(state.words) + ACTION <= longest
        ]
        if not going:
            break
        for place, action in zip(going, act(going, [states[place] for place in going]), strict=True):
            states[place] = done(states[place], action)
    return states


def demonstration(pick: Pick, task: Task, world: World) -> list[Answer]:
    """Actions of an expert, who now and then opens a wrong file first, or tries a wrong edit first and sees the test
    fail."""
    target = task.fixed.targets[task.line]
    actions: list[Answer] = []
    if not pick(WRONG_FILE):
        actions.append([w.OPEN, shuffled(pick, [path for path in task.files if path != task.path], 1)[0]])
    actions.append([w.OPEN, task.path])
    now: Function = task.broken
    choices = mutants(task.fixed, task.line, world)
    tried = choices[pick(len(choices))]
    for attempt in [tried, task.fixed] if not pick(WRONG_EDIT) and tried != now else [task.fixed]:
        edit = w.block(task.path, target, now.terms[task.line], attempt.terms[task.line])
        actions += [[*w.reasoning(task), *edit], [w.RUN]]
        now = attempt
    return [*actions, [w.CLOSE]]


def trajectory(task: Task, actions: Sequence[Answer]) -> Lesson:
    """Actions with what they showed, as a lesson: actions count, what was seen does not."""
    state = begun(task)
    lesson: Lesson = [(list(state.words), False)]
    for action in actions:
        after = done(state, action)
        lesson.append(([*action, w.END], True))
        if seen := after.words[len(state.words) + len(action) + 1 :]:
            lesson.append((list(seen), False))
        state = after
    return lesson

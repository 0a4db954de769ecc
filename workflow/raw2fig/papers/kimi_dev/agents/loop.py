"""The loop of an agent: it says something and calls a tool, sees what comes of it, and goes on until it submits.

A policy is whatever says something: a model, or a script. All issues go on together, a turn at a time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from raw2fig.lm.client import Message
from raw2fig.papers.kimi_dev.agents.actions import NO_CALL, SUBMIT, action_of, observed, opening
from raw2fig.papers.kimi_dev.agents.stages import Stage, command_of, looked_for, stage_of
from raw2fig.papers.kimi_dev.agents.workspace import Commands, Workspace
from raw2fig.papers.kimi_dev.issues import Issue, ran_with, resolves
from raw2fig.papers.kimi_dev.matrix import Changes, Running, changes, code_changes
from raw2fig.papers.kimi_dev.patches import Files

End = Literal["submitted", "turns", "context", "astray"]
"""Why an agent stops: it submits; it has had all of its turns; its context is full; several turns had no call."""
ASTRAY = 3
"""Turns without a call, one after the other, that end an attempt."""


@dataclass
class Course:
    """An attempt on its way: what was said, and after each turn its stage and the changes of the code so far."""

    issue: Issue
    messages: list[Message]
    stages: list[Stage] = field(default_factory=list)
    after: list[Changes] = field(default_factory=list)
    looks: list[tuple[str, str]] = field(default_factory=list)
    """What was looked for that no agent should need, and the command."""
    end: End | None = None


class Attempt(NamedTuple):
    """An attempt at an issue: for each turn its stage, and whether the issue would be resolved had it been the last."""

    issue: str
    messages: list[Message]
    stages: tuple[Stage, ...]
    right: tuple[bool, ...]
    looks: tuple[tuple[str, str], ...]
    patch: Changes
    end: End

    @property
    def submitted(self) -> bool:
        """Whether the agent ended its work itself."""
        return self.end == "submitted"


Act = Callable[[Sequence[Course]], Sequence[str | None]]
"""What the policy says next in each attempt; None where its context has no room for it."""


def attempt_all(act: Act, issues: Sequence[Issue], turns: int, commands: Commands, running: Running) -> list[Attempt]:
    """One attempt at each issue. What agents change in tests does not count; those that judge are put in afterwards.

    Raises `InputError` where there is no sandbox.
    """
    spaces: list[Workspace] = []
    try:
        for issue in issues:
            spaces.append(Workspace(issue, commands))
        courses = [Course(issue, [*opening(issue.text)]) for issue in issues]
        with ThreadPoolExecutor(commands.workers) as pool:
            for _ in range(turns):
                going = [place for place, course in enumerate(courses) if course.end is None]
                if not going:
                    break
                said = act([courses[place] for place in going])
                pairs = zip(going, said, strict=True)
                list(pool.map(lambda pair: _turn(courses[pair[0]], spaces[pair[0]], pair[1]), pairs))
    finally:
        for space in spaces:
            space.close()
    return _judged(courses, running)


def _turn(course: Course, space: Workspace, said: str | None) -> None:
    """Take in what the policy said, and carry it out."""
    if said is None:
        course.end = "context"
        return
    action = action_of(said)
    course.messages.append(Message("assistant", said))
    before = course.after[-1] if course.after else {}
    now, seen = before, NO_CALL
    if action is not None and action.tool != SUBMIT:
        seen = space.use(action)
        now = code_changes(changes(course.issue.files, space.files()))
    course.stages.append(stage_of(action, differing(course.issue.files, before, now), "edit" in course.stages))
    course.after.append(now)
    course.looks += ((name, command_of(action)) for name in looked_for(action))
    if action is not None and action.tool == SUBMIT:
        course.end = "submitted"
        return
    course.messages.append(observed(seen))
    if course.stages[-ASTRAY:] == ["none"] * ASTRAY:
        course.end = "astray"


def differing(files: Files, before: Changes, now: Changes) -> list[str]:
    """The files of the repository that a turn changed; files that it added are not among them."""
    return [path for path in {*before, *now} & {*files} if before.get(path, files[path]) != now.get(path, files[path])]


def _judged(courses: Sequence[Course], running: Running) -> list[Attempt]:
    """Attempts at their end. Each state of the code is judged once; one that is as it was resolves nothing."""
    asked = {(place, key_of(patch)): patch for place, course in enumerate(courses) for patch in course.after if patch}
    ran = ran_with([courses[place].issue for place, _ in asked], [*asked.values()], running)
    right = {
        (place, key): resolves(one, courses[place].issue.names) for (place, key), one in zip(asked, ran, strict=True)
    }
    return [
        Attempt(
            course.issue.name,
            course.messages,
            tuple(course.stages),
            tuple(right.get((place, key_of(patch)), False) for patch in course.after),
            tuple(course.looks),
            course.after[-1] if course.after else {},
            course.end or "turns",
        )
        for place, course in enumerate(courses)
    ]


def key_of(patch: Changes) -> str:
    """A text that is the same for the same changes."""
    return json.dumps(dict(patch), sort_keys=True)

"""Who says what an agent does next: a model, or a script, of which an expert's shows how it is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from shlex import quote
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from raw2fig.lm.client import Asked, Generated, ModelClient
from raw2fig.lm.generate import draw_seeds
from raw2fig.lm.local import encode
from raw2fig.papers.kimi_dev.agents.actions import CLOSED, EDITOR, SHELL, SUBMIT, WORKSPACE, called
from raw2fig.papers.kimi_dev.agents.editor import only_place
from raw2fig.papers.kimi_dev.agents.loop import Act, Course
from raw2fig.papers.kimi_dev.issues import Issue
from raw2fig.papers.kimi_dev.make_issues import FENCED
from raw2fig.settings import Field, Record

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

TRY = """python3 - <<'END'
import doctest, {module} as module

doctest.run_docstring_examples({told!r}, {{**vars(module)}})
END"""
"""Types examples, and tells what differs from what they should give."""
ASTRAY = 0.25
"""Share of issues for which the expert opens a wrong file first."""


class Limits(Record):
    """What a model may read and write."""

    context: int = Field(ge=1, description="Tokens of a conversation at most.")
    reply: int = Field(ge=1, description="Tokens of a turn at most.")


def speaking(
    client: ModelClient, tokenizer: PreTrainedTokenizerBase, limits: Limits, temperature: float, *entropy: int
) -> Act:
    """A model that goes on with conversations; greedy at temperature 0. A turn ends with its first call. Its seeds
    depend on the issue, the turn and `entropy`."""

    def act(courses: Sequence[Course]) -> list[str | None]:
        asked = [
            Asked(tuple(course.messages), _seed(course, *entropy), temperature, limits.reply, (CLOSED,))
            for course in courses
        ]
        fits = [len(encode(tokenizer, one.messages)) + limits.reply <= limits.context for one in asked]
        replies = iter(client([one for one, fit in zip(asked, fits, strict=True) if fit]))
        return [_turn(next(replies)) if fit else None for fit in fits]

    return act


def _seed(course: Course, *entropy: int) -> int:
    return draw_seeds(1, crc32(course.issue.name.encode()), len(course.stages), *entropy)[0]


def _turn(reply: object) -> str:
    """What a model said, with the end of its call, before which it was stopped."""
    assert isinstance(reply, Generated)  # a model on this machine always replies
    is_open = "<function=" in reply.text and reply.finish_reason == "stop"
    return reply.text + CLOSED if is_open else reply.text


def scripted(turns: Mapping[str, Sequence[str]]) -> Act:
    """Says of each issue, by its name, one turn after the other, and then submits."""

    def act(courses: Sequence[Course]) -> list[str | None]:
        return [next(iter(turns[one.issue.name][len(one.stages) :]), called(SUBMIT)) for one in courses]

    return act


def expert(issue: Issue, rng: np.random.Generator) -> list[str]:
    """What an expert says who knows the fix: it looks around, now and then opens a wrong file first, tries what the
    issue tells, edits, and tries it again."""
    files = [path for path in issue.gold if path in issue.files]
    others = sorted(path for path in issue.files if path not in issue.gold and path.endswith(".py"))
    tried = reported(issue)
    turns = [("I look at what there is.", viewed(WORKSPACE))]
    if others and rng.random() < ASTRAY:
        turns.append(("It may be in here.", viewed(f"{WORKSPACE}/{others[int(rng.integers(len(others)))]}")))
    turns += (("The issue is about this file.", viewed(f"{WORKSPACE}/{path}")) for path in files)
    turns += (("I try what the issue tells.", call) for call in tried)
    turns += (("This is what has to change.", fixed(issue, path)) for path in issue.gold)
    turns += (("I try it again.", call) for call in tried)
    return [f"{said}\n\n{call}" for said, call in turns]


def reported(issue: Issue) -> list[str]:
    """The call that types the examples which an issue tells, if it is one of those that `make_issues` writes."""
    told, path = FENCED.findall(issue.text), next(iter(issue.gold))
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    return [called(SHELL, command=TRY.format(module=module, told="\n".join(told)))] if len(told) == 2 else []


def viewed(path: str) -> str:
    """A call that shows a file or folder."""
    return called(EDITOR, command="view", path=path)


def fixed(issue: Issue, path: str) -> str:
    """The call that does to a file what the known fix does."""
    text, place = issue.gold[path], f"{WORKSPACE}/{path}"
    if text is None:
        return called(SHELL, command=f"rm {quote(place)}")
    if path not in issue.files:
        return called(EDITOR, command="create", path=place, file_text=text)
    if not issue.files[path]:
        return called(EDITOR, command="insert", path=place, insert_line="0", new_str=text.removesuffix("\n"))
    old, new = difference(issue.files[path], text)
    return called(EDITOR, command="str_replace", path=place, old_str=old, new_str=new)


def difference(before: str, after: str) -> tuple[str, str]:
    """The lines that differ, from the first to the last, with as many around them as make them stand there once."""
    old, new = before.split("\n"), after.split("\n")
    shorter = min(len(old), len(new))
    top = bottom = 0
    while top < shorter and old[top] == new[top]:
        top += 1
    while bottom < shorter - top and old[-1 - bottom] == new[-1 - bottom]:
        bottom += 1
    while True:
        lines, instead = old[top : len(old) - bottom], new[top : len(new) - bottom]
        part = "\n".join(lines)
        if (instead and only_place(before, part) is not None) or not (top or bottom):
            return part, "\n".join(instead)
        top, bottom = max(0, top - 1), max(0, bottom - 1)

"""What pretrained models learn before reinforcement (sections 3.3 and 3.4 of the reference sheet): chats of mined
histories for mid-training, right answers for the cold start, and the training on both.

A chat is a line of JSON: kind, messages, answer. The loss counts the answer alone, or, without messages, a whole text.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.json_lines import read_json_lines
from raw2fig.lm.client import Message
from raw2fig.lm.examples import Example
from raw2fig.lm.finetune import Training
from raw2fig.papers.kimi_dev.answering import Written, edit_question, read_answers, write_answers
from raw2fig.papers.kimi_dev.chats import ROLES, answer_of, applied, edit, localisation
from raw2fig.papers.kimi_dev.edits import blocks_between
from raw2fig.papers.kimi_dev.issues import Issue, judged, read_issues, reproduces
from raw2fig.papers.kimi_dev.make_issues import report_test
from raw2fig.papers.kimi_dev.matrix import Changes, Running
from raw2fig.papers.kimi_dev.patches import THINKING, render
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_json, write_table

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

EXPECTED = "chats: kind, messages, answer"
MINED = "examples of `raw2fig kimi-dev mine`"
BEGIN, END = THINKING[1]


class Mix(Record):
    """How often mid-training has each kind of mined example. In the paper synthetic ones come four times."""

    diff: int = Field(ge=0, description="Copies of a request as one edit.")
    pack: int = Field(ge=0, description="Copies of the commits of a request.")
    localisation: int = Field(ge=0, description="Copies of the files that a request changes.")


class Chat(NamedTuple):
    """A question and its answer. `messages` is empty for a text that is learned as a whole."""

    kind: str
    messages: tuple[Message, ...]
    answer: str


@step
def mined_chats(*, examples: list[Input], chats: Output, mix: Annotated[Mix, At("pretrained.mix")]) -> None:
    """Make chats for mid-training of mined examples.

    Parameters
    ----------
    examples
        Examples of `raw2fig kimi-dev mine`.
    chats
        Chats, as JSON lines.
    """
    made = [
        chat
        for path in examples
        for number, row in read_json_lines(path, MINED)
        for chat in _mined(row, path, number)
        for _ in range(getattr(mix, chat.kind))
    ]
    write_chats(made, chats)


def _mined(row: Mapping[str, Any], path: Path, number: int) -> list[Chat]:
    try:
        if row["kind"] == "pack":
            return [Chat("pack", (), "\n".join(f"{one['message']}\n\n{one['diff']}" for one in row["steps"]))]
        named = localisation(row["issue"], row["tree"], "BugFixer"), row["localisation"]
        changed = edit(row["issue"], row["files"], "BugFixer"), row["answer"]
        return [Chat("localisation", *named), Chat("diff", *changed)]
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(path, f"line {number} is no example ({error!r})", MINED) from error


@step
def reference_answers(*, issues: list[Input], answers: Output) -> None:
    """Write the answers of a teacher who knows the fix: what changes, with a sentence of reasoning.

    Parameters
    ----------
    issues
        Issues, as JSON lines.
    answers
        Answers, as `raw2fig kimi-dev sample-answers` writes them. Issues without an answer are left out: a fix that
        adds or deletes a file, or has lines that no block can hold.
    """
    every = [issue for path in issues for issue in read_issues(path)]
    found = [one for issue in every for one in references(issue)]
    if not found:
        raise InputError(issues[0], "no issue has an answer", "fixes that change files")
    write_answers(found, answers)


def references(issue: Issue) -> list[Written]:
    """The answers of both roles, as far as there are any."""
    tests = report_test(issue) or issue.tests
    answers = (fix_of(issue), *issue.gold), (with_blocks(issue, tests, "What is told can be a test."), *tests)
    return [
        Written(issue.name, role, 0, answer_of(paths), tuple(paths), answer)
        for role, (answer, *paths) in zip(ROLES, answers, strict=True)
        if answer
    ]


def fix_of(issue: Issue) -> str:
    """The fix as an answer, after the first line that it adds as reasoning."""
    old = {line for path in issue.gold for line in issue.files.get(path, "").split("\n")}
    new = (line.strip() for text in issue.gold.values() if text for line in text.split("\n") if line not in old)
    return with_blocks(issue, issue.gold, f"There should be `{next(new, '')}`.")


def with_blocks(issue: Issue, changed: Changes, reason: str) -> str:
    """The answer that makes these changes, empty where blocks cannot say it."""
    if any(text is None or path not in issue.files for path, text in changed.items()):
        return ""
    try:
        blocks = [one for path, text in changed.items() for one in blocks_between(path, issue.files[path], str(text))]
        return f"{BEGIN}\n{reason}\n{END}\n\n{render(blocks)}" if blocks else ""
    except ValueError:
        return ""


@step
def right_chats(
    *,
    issues: list[Input],
    answers: list[Input],
    chats: Output,
    table: Output,
    running: Annotated[Running, At("pretrained.running")],
) -> None:
    """Keep the right answers to issues as chats, each once: patches that resolve, and tests that reproduce.

    Parameters
    ----------
    issues
        Issues, as JSON lines.
    answers
        Answers of `raw2fig kimi-dev sample-answers` or `reference-answers`.
    chats
        Chats, as JSON lines: for each answer that is right, the files and the change.
    table
        Answers of each role: how many there are, and how many are right.
    """
    import pandas as pd

    known = {issue.name: issue for path in issues for issue in read_issues(path)}
    written = [one for path in answers for one in read_answers(path)]
    missing = next((one.issue for one in written if one.issue not in known), None)
    if missing is not None:
        raise InputError(answers[0], f"has an answer to {missing!r}", "answers to the issues that are given")
    right = are_right(written, known, running)
    kept = [one for one, good in zip(written, right, strict=True) if good]
    made = dict.fromkeys(chat for one in kept for chat in _both(known[one.issue], one))
    if not made:
        raise InputError(answers[0], f"none of {len(written)} answers is right", "one at least")
    write_chats(made, chats)
    total, good = Counter(one.role for one in written), Counter(one.role for one in kept)
    rows = [(role, total[role], good[role]) for role in ROLES]
    write_table(pd.DataFrame(rows, columns=["role", "answers", "right"]), table)


def are_right(written: Sequence[Written], known: Mapping[str, Issue], running: Running) -> list[bool]:
    """Whether each answer does what its role should: resolve the issue, or reproduce it."""
    right = [False] * len(written)
    for role, judge in zip(ROLES, (judged, reproduces), strict=True):
        places = [place for place, one in enumerate(written) if one.role == role]
        mine = [known[written[place].issue] for place in places]
        afters = [after_of(issue, written[place]) for issue, place in zip(mine, places, strict=True)]
        for place, good in zip(places, judge(mine, afters, running), strict=True):
            right[place] = good
    return right


def after_of(issue: Issue, answer: Written) -> dict[str, str] | None:
    """The files after an answer, None if it does not apply."""
    return applied(issue.files, answer.paths, answer.answer).after


def _both(issue: Issue, one: Written) -> list[Chat]:
    named = Chat("localisation", localisation(issue.text, issue.files, one.role), one.localisation)
    return [named, Chat("edit", edit_question(issue, one.role, one.paths), one.answer)]


@step
def tune(
    *,
    model: Input,
    chats: list[Input],
    policy: Output,
    log: Output,
    longest: int,
    training: Annotated[Training, At("pretrained.cold")],
    seed: Seed = 0,
) -> None:
    """Train a model on chats. On several GPUs: accelerate launch ... -m raw2fig kimi-dev tune ...

    Parameters
    ----------
    model
        Model folder.
    chats
        Chats of `raw2fig kimi-dev mined-chats` or `right-chats`.
    policy
        Folder of the trained model.
    log
        A record for each fiftieth of the updates: loss, learning rate.
    longest
        Tokens of a chat; of a longer one the end is left out.
    """
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.finetune import fine_tune
    from raw2fig.lm.models import load

    network, words = load(str(model), train=True)
    examples = [one for chat in read_chats(chats) if (one := encoded(words, chat, longest))]
    write_json(fine_tune(network, words, examples, training, policy, seed), log)
    discard(policy)


def encoded(words: PreTrainedTokenizerBase, chat: Chat, longest: int) -> Example | None:
    """Token ids of a chat; None if its question leaves no room for the answer."""
    from raw2fig.lm.local import encode

    question = encode(words, chat.messages) if chat.messages else []
    answer = words(chat.answer, add_special_tokens=False)["input_ids"]
    ids = np.array([*question, *answer, words.eos_token_id][:longest])
    return Example(ids, len(question)) if len(ids) > max(1, len(question)) else None


def write_chats(chats: Iterable[Chat], path: Path) -> None:
    """Write chats as JSON lines."""
    lines = (
        json.dumps({**chat._asdict(), "messages": [message._asdict() for message in chat.messages]}) for chat in chats
    )
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def read_chats(paths: Sequence[Path]) -> Iterator[Chat]:
    """The chats of files. Raises `InputError` for lines of another form."""
    for path in paths:
        for number, row in read_json_lines(path, EXPECTED):
            try:
                yield Chat(row["kind"], tuple(Message(**one) for one in row["messages"]), row["answer"])
            except (KeyError, TypeError) as error:
                raise InputError(path, f"line {number} is no chat ({error!r})", EXPECTED) from error

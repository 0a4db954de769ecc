"""Sets of trajectories in the formats that are in use, read as turns with calls.

A row has `segments` (ours, `raw2fig.papers.agentic_rl.segments`), or chat messages as `messages` (role, content) or as
`conversations` (from, value: ShareGPT, in which Hermes' data are published). Calls stand in `tool_calls` (OpenAI), in
`<tool_call>` tags with results in messages of the tool or in `<tool_response>` tags (Hermes), or in the text as
`<code>` and `<interpreter>` blocks (ReTool).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple

from raw2fig.errors import InputError
from raw2fig.json_lines import read_rows
from raw2fig.lm.chats import text_of
from raw2fig.papers.agentic_rl.segments import from_line
from raw2fig.papers.agentic_rl.tools.calls import BETWEEN, CLOSE, OPEN

EXPECTED = "trajectories with `messages`, `conversations` or `segments`, a JSON object in each line"
IN_TEXT = (
    re.compile(r"<call>(.*?)</call>(?:\s*<result>(.*?)</result>)?", re.DOTALL),
    re.compile(r"<code>(.*?)</code>(?:\s*<interpreter>(.*?)</interpreter>)?", re.DOTALL),
)
"""Calls in the text with their results, if they have any: ours, and ReTool's."""
HERMES_RESULT = re.compile(r"<tool_response>(.*?)</tool_response>", re.DOTALL)
CALLING = "function_call"
SPEAKERS = {"human": "user", "gpt": "assistant", CALLING: "assistant", "observation": "tool"}
"""Who speaks in ShareGPT's conversations, and the role of chat messages."""


class Call(NamedTuple):
    """What the tool was given, and what it said; None where no answer is in the trajectory."""

    argument: str
    result: str | None


class Turn(NamedTuple):
    """What the model wrote in one turn: text, then calls."""

    text: str
    calls: tuple[Call, ...]


class Conversation(NamedTuple):
    """What the model was asked, its turns, and the row that they are from."""

    asked: str
    turns: list[Turn]
    row: Mapping[str, Any]


def read_trajectories(path: Path) -> Iterator[tuple[int, Conversation]]:
    """Number and conversation of each row of JSON lines, or of a Parquet table. Raises `InputError` for a row of
    another form, and for a file without rows."""
    rows = read_rows(path, EXPECTED)
    if not rows:
        raise InputError(path, "has no rows", EXPECTED)
    for number, row in rows:
        try:
            yield number, Conversation(asked_of(row), turns_of(row), row)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise InputError(path, f"line {number} is no trajectory ({error!r})", EXPECTED) from error


def turns_of(row: Mapping[str, Any]) -> list[Turn]:
    """The model's turns of a row. Raises `KeyError`, `TypeError`, `AttributeError` or `ValueError` for another form."""
    if "segments" in row:
        return in_text(" ".join(from_line(dict(row)).response))
    return in_messages(messages_of(row))


def asked_of(row: Mapping[str, Any]) -> str:
    """What stands before the model's first turn. Raises as `turns_of` does."""
    if "segments" in row:
        return " ".join(from_line(dict(row)).prompt)
    before = takewhile(lambda message: message["role"] != "assistant", messages_of(row))
    return "\n".join(text_of(message.get("content")) for message in before)


def messages_of(row: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Chat messages with role and content."""
    if "messages" in row or "conversations" not in row:
        return row["messages"]
    return [
        {
            "role": SPEAKERS.get(one["from"], one["from"]),
            "content": f"{OPEN}{one['value']}{CLOSE}" if one["from"] == CALLING else one["value"],
        }
        for one in row["conversations"]
    ]


def in_text(text: str) -> list[Turn]:
    """Turns of a text that has calls and results in tags: each call ends a turn."""
    turns, start = list[Turn](), 0
    for match in sorted((one for tags in IN_TEXT for one in tags.finditer(text)), key=re.Match.start):
        argument, result = match.groups()
        call = Call(argument.strip(), None if result is None else result.strip())
        turns.append(Turn(text[start : match.start()].strip(), (call,)))
        start = match.end()
    rest = text[start:].strip()
    return [*turns, Turn(rest, ())] if rest or not turns else turns


def in_messages(messages: Sequence[Mapping[str, Any]]) -> list[Turn]:
    """Turns of chat messages. A result belongs to the call that it names, otherwise to the first without one."""
    turns, waiting = list[tuple[str, list[list[Any]]]](), list[list[Any]]()
    for message in messages:
        role, text = message["role"], text_of(message.get("content"))
        if role == "assistant":
            calls = [[one.get("id"), argument_of(one), None] for one in message.get("tool_calls") or ()]
            calls += [[None, argument_of(one), None] for one in map(_json, BETWEEN.findall(text))]
            *before, last = in_text(BETWEEN.sub("", text))
            turns += [(turn.text, [[None, *call] for call in turn.calls]) for turn in before]
            waiting = [[None, *call] for call in last.calls] + calls
            turns.append((last.text, waiting))
        elif role == "tool":
            for result in [part.strip() for part in HERMES_RESULT.findall(text)] or [text]:
                _give(waiting, result, message.get("tool_call_id"))
        else:
            for result in HERMES_RESULT.findall(text):
                _give(waiting, result.strip(), None)
    return [Turn(text, tuple(Call(argument, result) for _, argument, result in calls)) for text, calls in turns]


def _give(waiting: list[list[Any]], result: str, name: str | None) -> None:
    """Put a result to its call; one without a call is left out."""
    open_calls = [call for call in waiting if call[2] is None]
    named = [call for call in open_calls if name is not None and call[0] == name]
    for call in (named or open_calls)[:1]:
        call[2] = result


def argument_of(call: Any) -> str:
    """What a call hands to the tool: the value itself where it is a single text, otherwise JSON; the text of a call
    that is no JSON object with arguments."""
    if not isinstance(call, Mapping):
        return str(call)
    arguments = (call.get("function") or call).get("arguments")
    arguments = _json(arguments) if isinstance(arguments, str) else arguments
    if isinstance(arguments, Mapping):
        given = {name: value for name, value in arguments.items() if value is not None}  # Parquet fills up structures
        if len(given) == 1 and isinstance(value := next(iter(given.values())), str):
            return value
        return json.dumps(given, sort_keys=True)
    return json.dumps(call, sort_keys=True) if arguments is None else str(arguments)


def _json(text: str) -> Any:
    """The JSON value of a text; the text where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return text

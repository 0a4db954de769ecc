"""Tool calls in what a model wrote, in the format of Hermes and Qwen:

    <tool_call>
    {"name": "code_interpreter", "arguments": {"code": "print(1)"}}
    </tool_call>

A text is read as verl reads it: between an opening tag and the next closing one there is a JSON object with a name and
arguments, or there is no call. verl passes over what is no call in silence, and the trajectory ends there. Here every
such failure is counted with its reason.
"""

import json
import re
from typing import Any, Literal, NamedTuple

OPEN, CLOSE = "<tool_call>", "</tool_call>"
BETWEEN = re.compile(f"{OPEN}(.*?){CLOSE}", re.DOTALL)

Reason = Literal["unclosed", "unopened", "json", "line break", "no object", "no name", "no arguments"]
"""Why there is no call: a tag without its partner; no JSON; JSON but for a line break or another control character
inside a string, the usual mistake with code; JSON that is no object; an object without a name that is text, or without
arguments."""


class Call(NamedTuple):
    """The call of a tool. `arguments` is whatever JSON stood there."""

    name: str
    arguments: Any


class Parsed(NamedTuple):
    """Calls in their order, and why there are no more."""

    calls: list[Call]
    failures: list[Reason]


def parse(text: str) -> Parsed:
    """The tool calls of one turn."""
    parsed = Parsed([], [])
    for inside in BETWEEN.findall(text):
        found = _call(inside)
        if isinstance(found, Call):
            parsed.calls.append(found)
        else:
            parsed.failures.append(found)
    rest = BETWEEN.sub("", text)
    if OPEN in rest:
        parsed.failures.append("unclosed")
    elif CLOSE in rest and not parsed.failures:  # else it is the rest of a call that has failed already
        parsed.failures.append("unopened")
    return parsed


def written(name: str, arguments: Any) -> str:
    """A call as a model should write it."""
    return f"{OPEN}\n{json.dumps({'name': name, 'arguments': arguments}, ensure_ascii=False)}\n{CLOSE}"


def _call(inside: str) -> Call | Reason:
    found = _json(inside, strict=True)
    if found is None:
        return "json" if _json(inside, strict=False) is None else "line break"
    if not isinstance(found[0], dict):
        return "no object"
    if not isinstance(found[0].get("name"), str):
        return "no name"
    return Call(found[0]["name"], found[0]["arguments"]) if "arguments" in found[0] else "no arguments"


def _json(text: str, strict: bool) -> tuple[Any] | None:
    try:
        return (json.loads(text, strict=strict),)
    except (ValueError, RecursionError):
        return None

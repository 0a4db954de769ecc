"""What an agent in a folder imports as `harness`: ask its model, use a tool.

This file of ours lies beside the agent's own in the sandbox. Once it serves, it speaks to the harness in lines of JSON,
over what was standard input and output. From then on standard input is empty and standard output goes where errors go,
so that no `print` gets in between.
"""

import json
import os
import sys
from typing import TextIO

_lines: dict[str, TextIO] = {}
"""`replies` of the harness and `requests` to it."""


def _take_over() -> None:
    _lines["replies"] = os.fdopen(os.dup(0), encoding="utf-8")
    _lines["requests"] = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)


def ask(messages: list[dict[str, str]]) -> str:
    """The model's reply to messages: {"role": "system", "user", "assistant" or "tool", "content": text}."""
    return _request({"ask": messages})


def use(tool: str, argument: str) -> str:
    """What comes of a tool that is used with an argument."""
    return _request({"use": [tool, argument]})


def _request(wanted: object) -> str:
    _say(wanted)
    reply: str = json.loads(_lines["replies"].readline())
    return reply


def _say(wanted: object) -> None:
    _lines["requests"].write(json.dumps(wanted) + "\n")
    _lines["requests"].flush()


def serve() -> None:
    """Call the agent's function `run` once, with what the first line says, and give its answer."""
    _take_over()
    given = json.loads(_lines["replies"].readline())
    try:
        from main import run

        answer = {"answers": run(given["input"], **given["arguments"])}
        json.dumps(answer)  # what is no JSON is the agent's mistake as well
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.flush()
    _say(answer)

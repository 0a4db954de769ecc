"""ReTool-like texts as multi-turn messages with calls: the stitched baseline of Table 1.

Their assistant writes `<code>` and `<interpreter>` blocks into one text, as the set JoeYing/ReTool-SFT does. Training a
tool user needs a turn for each call, and the result as a message of the tool, so that its loss is masked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from raw2fig.errors import InputError
from raw2fig.json_lines import read_rows
from raw2fig.lm.chats import text_of
from raw2fig.papers.agentic_rl.trajectories import EXPECTED
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_table

TAGS = ("<code>", "</code>", "<interpreter>", "</interpreter>")
"""In the order in which they must come, again and again."""
TAG = re.compile("(" + "|".join(TAGS) + ")")
FENCE = re.compile(r"^\s*```(?:python|py)?\s*\n(.*?)```\s*$", re.DOTALL)
TOOL = "code_interpreter"
SCHEMA = {
    "type": "function",
    "function": {
        "name": TOOL,
        "description": "Executes Python code.",
        "parameters": {
            "type": "object",
            "properties": {"code": {"type": "string", "description": "The code."}},
            "required": ["code"],
        },
    },
}
"""The one tool of the paper, as chat templates take it."""


class Block(NamedTuple):
    """Text, the code after it and what the interpreter said."""

    text: str
    code: str
    output: str


def blocks_of(text: str) -> tuple[list[Block], str]:
    """The blocks of a text, and the text after the last one. Code loses its Markdown fence. Raises `ValueError` that
    says why a text is rejected."""
    parts = TAG.split(text)
    between, tags = parts[::2], parts[1::2]
    for place, tag in enumerate(tags):
        if tag != (due := TAGS[place % len(TAGS)]):
            raise ValueError(f"{tag} in the place of {due}")
    if len(tags) % len(TAGS):
        raise ValueError(f"no {TAGS[len(tags) % len(TAGS)]} after the last {tags[-1]}")
    *rest, last = between
    found = []
    for before, code, gap, output in zip(*(rest[start::4] for start in range(4)), strict=True):
        if gap.strip():
            raise ValueError("text between a call and its result")
        match = FENCE.match(code)
        code = (match[1] if match else code).strip()
        if not code:
            raise ValueError("a call without code")
        found.append(Block(before.strip(), code, output.strip()))
    return found, last.strip()


def as_messages(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages in which each block of the assistant is a call and a message of the tool. Raises `ValueError` that says
    why a conversation is rejected."""
    made, calls = list[dict[str, Any]](), 0
    for message in messages:
        if message["role"] != "assistant":
            made.append({"role": message["role"], "content": text_of(message["content"])})
            continue
        found, rest = blocks_of(text_of(message["content"]))
        calls += len(found)
        for block in found:
            call = {"type": "function", "function": {"name": TOOL, "arguments": {"code": block.code}}}
            made.append({"role": "assistant", "content": block.text, "tool_calls": [call]})
            made.append({"role": "tool", "name": TOOL, "content": block.output})
        if rest:
            made.append({"role": "assistant", "content": rest})
    if not calls:
        raise ValueError("no call")
    if made[-1]["role"] != "assistant":
        raise ValueError("no text after the last result")
    return made


@step
def convert(*, trajectories: Input, messages: Output, rejected: Output = Path("rejected.csv")) -> None:
    """Turn ReTool-like texts into messages with calls, and list the rows that are none.

    Parameters
    ----------
    trajectories
        JSON lines or a Parquet table; its column messages has texts with <code> and <interpreter> blocks.
    messages
        JSON lines: messages with tool_calls and messages of the tool, and the tool's schema as tools.
    rejected
        A row for each one that is left out: line, reason.
    """
    import pandas as pd

    kept, reasons = [], []
    for line, row in read_rows(trajectories, EXPECTED):
        try:
            kept.append({"messages": as_messages(row["messages"]), "tools": [SCHEMA]})
        except ValueError as error:
            reasons.append({"line": line, "reason": str(error)})
        except (KeyError, TypeError, AttributeError) as error:
            reasons.append({"line": line, "reason": f"no messages with role and content ({error!r})"})
    if not kept:
        first = f", line {reasons[0]['line']}: {reasons[0]['reason']}" if reasons else ""
        raise InputError(trajectories, f"no row can be converted{first}", "texts with <code> and <interpreter> blocks")
    messages.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in kept), encoding="utf-8")
    write_table(pd.DataFrame(reasons, columns=["line", "reason"]), rejected)

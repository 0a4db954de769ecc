"""The words of an agent: what it is told first, how it calls a tool, and how it is answered.

These are the tools of SWE-agent in the form in which SWE-smith's trajectories have been published for training: one
call in each turn, as text, so that any chat template will do. Calls:

    <function=str_replace_editor>
    <parameter=command>str_replace</parameter>
    <parameter=path>/workspace/package/module.py</parameter>
    <parameter=old_str>
    lines
    </parameter>
    ...
    </function>
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from raw2fig.lm.client import Message

WORKSPACE = "/workspace"
"""Where the repository is for the agent (`raw2fig.sandbox.inspect_provider`, which takes long to import)."""
SHELL, EDITOR, SUBMIT = "bash", "str_replace_editor", "submit"
CLOSED = "</function>"
"""Ends a call, and with it the agent's turn."""
BLOCKS = ("file_text", "old_str", "new_str")
"""Parameters that stand on lines of their own."""
CALL = re.compile(r"<function=(\w+)>(.*?)</function>", re.DOTALL)
PARAMETER = re.compile(r"<parameter=(\w+)>(.*?)</parameter>", re.DOTALL)
SYSTEM = f"""You repair software. In each turn you say in short what you do, and then call one function:

<function=NAME>
<parameter=PARAMETER>value</parameter>
</function>

{SHELL}: runs a command in {WORKSPACE}. Parameter: command.
{EDITOR}: shows and changes files. Parameters: command (view, create, str_replace or insert), path, and
  for view maybe view_range, such as [1, 40]; for create file_text; for str_replace old_str, which stands in the file
  once, and new_str; for insert insert_line, after which it is put, and new_str.
{SUBMIT}: ends your work. No parameters."""
OPENING = """<pr_description>
{text}
</pr_description>

The repository is in {place}. Change what is wrong in it, but no tests; other tests will be run when you submit."""
ISSUE = re.compile(r"<pr_description>\n?(.*?)\n?</pr_description>", re.DOTALL)
NO_CALL = f"Your turn has no call that can be read. Call one of {SHELL}, {EDITOR} and {SUBMIT}."


class Action(NamedTuple):
    """A call of a tool, with its parameters."""

    tool: str
    given: Mapping[str, str]


def opening(text: str) -> tuple[Message, Message]:
    """What an agent is told about an issue before its first turn."""
    return Message("system", SYSTEM), Message("user", OPENING.format(text=text, place=WORKSPACE))


def observed(text: str) -> Message:
    """What an agent is shown after a turn."""
    return Message("user", f"OBSERVATION:\n{text}")


def called(tool: str, **given: str) -> str:
    """A call as text."""
    rows = [
        f"<parameter={name}>\n{value}\n</parameter>" if name in BLOCKS else f"<parameter={name}>{value}</parameter>"
        for name, value in given.items()
    ]
    return "\n".join([f"<function={tool}>", *rows, CLOSED])


def action_of(reply: str) -> Action | None:
    """The first call of a turn; None without one."""
    found = CALL.search(reply)
    if found is None:
        return None
    given = {name: _without_ends(value) if name in BLOCKS else value for name, value in PARAMETER.findall(found[2])}
    return Action(found[1], given)


def _without_ends(text: str) -> str:
    """Without the newlines by which a block stands on lines of its own."""
    return text.removeprefix("\n").removesuffix("\n")

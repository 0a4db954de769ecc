"""Trajectories of agents as conversations: rows as SWE-smith publishes them, and ours in the same form.

A row has `messages` (a list, or its JSON as a text), `instance_id`, `traj_id` and `resolved`. Calls stand in the text
(split `xml`) or in `tool_calls` (split `tool`). Whatever a trajectory was told about tools and task, it gets what our
agents are told, so that training and evaluation are alike.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from raw2fig.lm.chats import as_example, text_of
from raw2fig.lm.client import Message
from raw2fig.lm.examples import Example
from raw2fig.papers.kimi_dev.agents.actions import ISSUE, WORKSPACE, action_of, called, observed, opening

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

THEIRS = "/testbed"
"""Where the repository is in SWE-smith's trajectories."""
Reason = Literal["unresolved", "no issue", "no call", "too long", "twice"]
"""Why a trajectory is left out."""


class LeftOut(Exception):
    """A trajectory that cannot be used, and why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def conversation_of(row: Mapping[str, Any]) -> list[Message]:
    """The messages of a row, from what the agent is told to its last turn. Raises `LeftOut` for one in which a turn
    has no call or the issue cannot be found; `KeyError`, `TypeError` or `ValueError` for another form."""
    given = row["messages"]
    rows = json.loads(given) if isinstance(given, str) else given
    first = next((place for place, one in enumerate(rows) if one["role"] == "assistant"), len(rows))
    asked = ISSUE.search("\n".join(text_of(one["content"]) for one in rows[:first]))
    if asked is None:
        raise LeftOut("no issue")
    if first == len(rows):
        raise LeftOut("no call")
    found = [*opening(ours(asked[1]))]
    for one in rows[first:]:
        text = ours(text_of(one["content"]))
        if one["role"] == "assistant":
            said = "\n\n".join(part for part in (text, *map(call_of, one.get("tool_calls") or ())) if part)
            if action_of(said) is None:
                raise LeftOut("no call")
            found.append(Message("assistant", said))
        else:
            found.append(Message("user", text) if text.startswith("OBSERVATION:") else observed(text))
    while found[-1].role == "user":
        found.pop()
    return found


def call_of(call: Mapping[str, Any]) -> str:
    """A call of `tool_calls` as text."""
    function = call.get("function") or call
    given = function["arguments"]
    arguments = json.loads(given) if isinstance(given, str) else given
    return called(
        function["name"], **{name: ours(str(value)) for name, value in arguments.items() if value is not None}
    )


def ours(text: str) -> str:
    """With our place of the repository for theirs."""
    return text.replace(THEIRS, WORKSPACE)


def as_row(name: str, traj_id: str, messages: Sequence[Message], resolved: bool) -> dict[str, Any]:
    """A conversation as a row, as SWE-smith has them."""
    said = json.dumps([message._asdict() for message in messages])
    return {"instance_id": name, "traj_id": traj_id, "resolved": resolved, "messages": said}


def encoded(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], longest: int, world_model: bool
) -> Example | None:
    """Token ids of a conversation, of which the agent's turns are learned; with `world_model` all but the system
    prompt. None for one of more than `longest` tokens."""
    rows = [message._asdict() for message in messages]
    example = as_example(tokenizer, rows, None, longest + 1)
    if example is None or len(example.ids) > longest:
        return None
    if not world_model:
        return example
    told: Any = tokenizer.apply_chat_template(rows[:1], return_dict=False)
    return Example(example.ids, len(told))


def learned(example: Example) -> int:
    """Tokens of a conversation that the loss counts."""
    if example.learned is None:
        return len(example.ids) - example.prompt_length
    return int(example.learned[example.prompt_length :].sum())

"""How a model becomes an agent: what it is told, what it is shown of the past, and when it stops.

An action is the end of a reply from the last line that begins with `name[` up to the bracket that ends it; the argument
between may go over several lines. `finish[answer]` ends a rollout; a line `confidence: 0.8` says how sure the agent is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from raw2fig.lm.client import Message
from raw2fig.papers.hal.contract import (
    AgentFailure,
    Answer,
    Ask,
    Benchmark,
    Course,
    LimitReached,
    Observation,
    Scaffold,
    Use,
)

FINISH = "finish"
BEGINS = re.compile(r"^(\w+)\[", re.MULTILINE)
CONFIDENCE = re.compile(r"^confidence: *([01](?:\.\d+)?)\s*$", re.MULTILINE)
NO_ACTION = "This is no action. Write one in the last line: name[argument]."
PATIENCE = 3
"""Replies in a row without an action, after which the agent has failed."""
FORM = "Reply with one action in the last line: name[argument]. End with finish[answer]."
PLAN = "Say in one line what you will do next."


@lru_cache(maxsize=1 << 12)
def action_of(reply: str) -> Use | None:
    """The action of a reply, None without one."""
    text = reply.rstrip()
    starts = list(BEGINS.finditer(text))
    return Use(starts[-1][1], text[starts[-1].end() : -1]) if starts and text.endswith("]") else None


def answer_of(action: Use, reply: str) -> Answer:
    """The answer in an action that finishes."""
    said = CONFIDENCE.search(reply)
    return Answer(action.argument.strip(), min(1.0, float(said[1])) if said else None)


def specialist(prompt: str, benchmark: Benchmark) -> Course:
    """Made for the benchmark: its tools, a hint how its tasks are done, and all of the past."""
    return _loop(prompt, system(benchmark.tools, benchmark.hint), benchmark.steps)


def generalist(tools: Mapping[str, str], *, steps: int, plan_every: int, memory: int) -> Scaffold:
    """The same for all benchmarks, as HAL's generalist: the tools of all of them, no hint, a plan now and then, and the
    last `memory` actions and observations with the last plan in place of all the past."""

    def start(prompt: str, benchmark: Benchmark) -> Course:
        return _loop(prompt, system(tools, ""), steps, plan_every, memory)

    return start


def zero_shot(prompt: str, benchmark: Benchmark) -> Course:
    """One reply, without tools. One without `finish` is the answer as it stands."""
    reply = yield Ask((system({}, ""), Message("user", prompt)))
    action = action_of(reply)
    return answer_of(action, reply) if action and action.tool == FINISH else Answer(reply.strip())


def system(tools: Mapping[str, str], hint: str) -> Message:
    """What a model is told first: the form of actions, its tools, and a hint."""
    lines = [FORM, *(f"{name}: {what}" for name, what in tools.items()), hint]
    return Message("system", "\n".join(filter(None, lines)))


def _loop(prompt: str, told: Message, steps: int, plan_every: int = 0, memory: int = 0) -> Course:
    opening, past, plan, astray = [told, Message("user", prompt)], list[Message](), list[Message](), 0
    for number in range(steps):
        if plan_every and number % plan_every == 0:
            said = yield Ask((*opening, *_recent(past, memory), Message("user", PLAN)))
            plan = [Message("assistant", said)]
        reply = yield Ask((*opening, *plan, *_recent(past, memory)))
        action = action_of(reply)
        if action and action.tool == FINISH:
            return answer_of(action, reply)
        astray = 0 if action else astray + 1
        if astray == PATIENCE:
            raise AgentFailure(f"{PATIENCE} replies without an action, the last: {reply[:80]!r}")
        observation = (yield action) if action else Observation(NO_ACTION, failed=True)
        past += [Message("assistant", reply), Message("tool", observation.text)]
    raise LimitReached(f"no answer in {steps} replies")


def _recent(past: Sequence[Message], memory: int) -> Sequence[Message]:
    return past[-2 * memory :] if memory else past

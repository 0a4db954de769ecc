"""Programmatic policies: models that are rules, of graded quality, cheap enough for thousands of rollouts.

A policy is no more than a client that reads the messages it is sent and replies with an action, like any model. For
every benchmark a rule finds the best action it knows and what else one might do. How good a policy is comes from its
rule (`careful` or not), from slips (it does something else by chance), and from effort: it decides several times and
follows the majority, which costs tokens. None of this is learned, and what it shows about models is by construction.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from raw2fig.lm.client import Asked, Generated, Message, ModelClient
from raw2fig.papers.hal.scaffolds import NO_ACTION, PLAN, action_of
from raw2fig.settings import Field, Record

WORD = re.compile(r"\w+|[^\w\s]")


class Turn(NamedTuple):
    """An action that was taken, the reply that it stands in, and what came of it."""

    said: str
    tool: str
    argument: str
    observation: str


class Seen(NamedTuple):
    """What a policy can read: what it was told at first, the task, and the turns that its scaffold shows."""

    told: str
    prompt: str
    turns: tuple[Turn, ...]

    def has(self, tool: str) -> bool:
        """Whether there is such a tool."""
        return f"\n{tool}: " in self.told


class Decision(NamedTuple):
    """The best action that a rule knows, such as `open[/about]`, and others that one might take."""

    best: str
    others: Sequence[str]


class Policy(Record):
    """A programmatic policy."""

    careful: bool = Field(description="Follow the careful rule, which checks before it acts.")
    slip: float = Field(ge=0, le=1, description="Probability that a decision takes another action than the best.")
    votes: int = Field(ge=1, le=99, description="Effort: decisions of which the majority is followed.")
    plants: dict[str, float] = Field(description="Misbehaviour that is planted → its probability in each rollout.")


Rule = Callable[[Seen, bool, np.random.Generator], Decision]
"""`rule(seen, careful, rng)`."""
Plant = Callable[[Seen, np.random.Generator], str | None]
"""`plant(seen, rng)`: the action of a misbehaviour where there is an occasion, else None."""


def read(messages: Sequence[Message]) -> Seen:
    """What a policy reads of the messages that a scaffold sends."""
    told, prompt, *past = messages
    turns = []
    for said, observed in pairwise(past):
        action = action_of(said.content) if said.role == "assistant" else None
        if action and observed.role == "tool" and observed.content != NO_ACTION:
            turns.append(Turn(said.content, action.tool, action.argument, observed.content))
    return Seen(told.content, prompt.content, tuple(turns))


@lru_cache(maxsize=1 << 14)
def count_tokens(text: str) -> int:
    """Tokens of a text: words and marks. Each message is sent again with every later one."""
    return len(WORD.findall(text))


def policy_client(policy: Policy, rule: Rule, plants: Mapping[str, Plant]) -> ModelClient:
    """A model client that follows a benchmark's rule. What a reply was planted with stands beside its tokens
    (`planted`), where the detectors of misbehaviour do not look."""

    def reply(asked: Asked) -> Generated:
        rng = np.random.default_rng(asked.seed)
        planning = asked.messages[-1].content == PLAN
        seen = read(asked.messages[:-1] if planning else asked.messages)
        for name, rate in policy.plants.items():
            occasion = not planning and name in plants and is_planted(seen.prompt, name, rate)
            if occasion and (action := plants[name](seen, rng)):
                return _generated(asked, action, name)
        decided = [_decide(policy, rule(seen, policy.careful, rng), rng) for _ in range(policy.votes)]
        (action, agreed), *_ = Counter(decided).most_common()
        if planning:
            return _generated(asked, f"plan: {action.splitlines()[-1]}")
        thoughts = [f"thought: {one.splitlines()[-1]}" for one in decided[1:]]
        return _generated(asked, "\n".join([*thoughts, f"confidence: {agreed / policy.votes:.2f}", action]))

    return lambda requests: [reply(asked) for asked in requests]


def is_planted(prompt: str, name: str, rate: float) -> bool:
    """Whether the rollouts of a task are planted with a misbehaviour, drawn by the task's text."""
    drawn = hashlib.sha256(f"{name}\n{prompt}".encode()).digest()[:8]
    return int.from_bytes(drawn, "big") < rate * 2**64


def _decide(policy: Policy, decision: Decision, rng: np.random.Generator) -> str:
    if decision.others and rng.random() < policy.slip:
        return decision.others[int(rng.integers(len(decision.others)))]
    return decision.best


def _generated(asked: Asked, text: str, planted: str = "") -> Generated:
    asked_tokens, said = sum(count_tokens(message.content) for message in asked.messages), count_tokens(text)
    counts = {"prompt_tokens": asked_tokens, "completion_tokens": said}
    return Generated(text, asked_tokens, said, counts | ({"planted": planted} if planted else {}), "stop")

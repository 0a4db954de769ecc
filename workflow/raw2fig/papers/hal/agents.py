"""Agents by name: `Specialist (expert high)` is a scaffold of the file of agents with a model of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import model_validator

from raw2fig.errors import InputError, nearest
from raw2fig.lm.client import Generated, ModelClient
from raw2fig.papers.hal.benchmarks import BENCHMARKS
from raw2fig.papers.hal.contract import Benchmark, Scaffold, base_of
from raw2fig.papers.hal.policies import Policy, count_tokens, policy_client
from raw2fig.papers.hal.runner import Agent
from raw2fig.papers.hal.scaffolds import generalist, specialist, zero_shot
from raw2fig.papers.hal.usage import Price
from raw2fig.settings import Field, Record, impossible, read
from raw2fig.tables import read_yaml

BATCH = 32
"""Prompts that a model on this machine is asked at a time, which changes no reply."""
NAME = re.compile(r"(.+) \((.+)\)")


class Habits(Record):
    """How a generalist works."""

    steps: int = Field(ge=1, description="Replies after which it gives up.")
    plan_every: int = Field(ge=0, description="Replies between its plans; 0: none.")
    memory: int = Field(ge=0, description="Actions that it remembers; 0: all.")


class ScaffoldKind(Record):
    """A scaffold of the file of agents."""

    kind: Literal["specialist", "generalist", "zero_shot"]
    habits: Habits | None = Field(default=None, description="How a generalist works.")

    @model_validator(mode="after")
    def _whole(self) -> Any:
        if (self.kind == "generalist") != (self.habits is not None):
            raise impossible("habits", "is given" if self.habits else "is not given", "habits for a generalist alone")
        return self


class Model(Record):
    """A model of the file of agents: a policy, a fixed reply, or a model on this machine (a folder)."""

    price: Price
    policy: Policy | None = Field(default=None, description="A programmatic policy.")
    fixed: str | None = Field(default=None, description="The only reply that it ever gives.")
    folder: str | None = Field(default=None, description="Folder or hub id of a causal language model.")

    @model_validator(mode="after")
    def _one(self) -> Any:
        if sum(given is not None for given in (self.policy, self.fixed, self.folder)) != 1:
            raise impossible("", "is not one kind of model", "policy, fixed or folder")
        return self


class Agents(Record):
    """A file of agents."""

    scaffolds: dict[str, ScaffoldKind]
    models: dict[str, Model]


def read_agents(path: Path) -> Agents:
    """The scaffolds and models of a file. Raises `InputError` for what is not of these."""
    return read(Agents, read_yaml(path), str(path))


def split(name: str) -> tuple[str, str]:
    """Scaffold and model of an agent's name. Raises `InputError` for another form."""
    if not (match := NAME.fullmatch(name)):
        raise InputError("agent", f"is {name!r}", "a name such as 'Specialist (expert high)'")
    return match[1], match[2]


def agent_of(agents: Agents, name: str, benchmark: Benchmark) -> Agent:
    """An agent that is ready for a benchmark. Raises `InputError` for a scaffold or model that the file lacks."""
    scaffold, model = split(name)
    for kind, wanted, there in (("scaffold", scaffold, agents.scaffolds), ("model", model, agents.models)):
        if wanted not in there:
            raise InputError("agent", f"names the {kind} {wanted!r}", nearest(wanted, list(there)))
    chosen = agents.models[model]
    return Agent(scaffold, model, _scaffold(agents.scaffolds[scaffold]), _client(chosen, benchmark), chosen.price)


def _scaffold(kind: ScaffoldKind) -> Scaffold:
    if kind.habits is None:
        return specialist if kind.kind == "specialist" else zero_shot
    tools = {name: what for one in BENCHMARKS.values() for name, what in one.tools.items()}
    return generalist(tools, **kind.habits.model_dump())


def _client(model: Model, benchmark: Benchmark) -> ModelClient:
    if model.policy is not None:
        from raw2fig.papers.hal.policies.rules import RULES

        rule, plants = RULES[base_of(benchmark.name)]
        return policy_client(model.policy, rule, plants)
    if model.fixed is not None:
        return fixed(model.fixed)
    from raw2fig.lm.local import local_client

    return local_client(str(model.folder), None, "sampler", BATCH)


def fixed(text: str) -> ModelClient:
    """A model that always replies the same."""

    def reply(requests: Sequence[Any]) -> list[Any]:
        sizes = [sum(count_tokens(message.content) for message in asked.messages) for asked in requests]
        return [Generated(text, size, count_tokens(text), {}, "stop") for size in sizes]

    return reply


def price_table(agents: Agents) -> Mapping[str, Price]:
    """Model → its price."""
    return {name: model.price for name, model in agents.models.items()}

"""Agents by name: `Specialist (expert high)` is a scaffold of the file of agents with a model of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue, model_validator

from raw2fig.errors import InputError, nearest
from raw2fig.lm.client import Asked, Failure, Generated, ModelClient
from raw2fig.lm.endpoint import Endpoint, endpoint_client
from raw2fig.lm.rate_limit import Limit
from raw2fig.papers.hal.benchmarks import BENCHMARKS
from raw2fig.papers.hal.contract import Benchmark, Scaffold, base_of
from raw2fig.papers.hal.directory import directory
from raw2fig.papers.hal.policies import Policy, count_tokens, policy_client
from raw2fig.papers.hal.runner import Agent
from raw2fig.papers.hal.scaffolds import generalist, specialist, zero_shot
from raw2fig.papers.hal.usage import Price
from raw2fig.settings import Field, Record, impossible, read
from raw2fig.tables import read_yaml

BATCH = 32
"""Prompts that a model on this machine is asked at a time, which changes no reply."""
PUZZLED = "I do not understand."
NAME = re.compile(r"(.+) \((.+)\)")


class Habits(Record):
    """How a generalist works."""

    steps: int = Field(ge=1, description="Replies after which it gives up.")
    plan_every: int = Field(ge=0, description="Replies between its plans; 0: none.")
    memory: int = Field(ge=0, description="Actions that it remembers; 0: all.")


class Directory(Record):
    """An agent in a folder."""

    folder: str = Field(min_length=1, description="Folder with main.py, which has the function run.")
    arguments: dict[str, JsonValue] = Field(description="What run is called with beside its task.")
    seconds: float = Field(gt=0, description="Seconds of CPU that it may take, and of the clock until each message.")


class ScaffoldKind(Record):
    """A scaffold of the file of agents."""

    kind: Literal["specialist", "generalist", "zero_shot", "directory"]
    habits: Habits | None = Field(default=None, description="How a generalist works.")
    agent: Directory | None = Field(default=None, description="Where the agent of a directory is.")

    @model_validator(mode="after")
    def _whole(self) -> Any:
        for key, value, kind in (("habits", self.habits, "generalist"), ("agent", self.agent, "directory")):
            if (self.kind == kind) != (value is not None):
                raise impossible(key, "is given" if value else "is not given", f"it for the kind {kind} alone")
        return self


class Served(Endpoint):
    """A model behind an OpenAI-compatible interface."""

    name: str = Field(min_length=1, description="What the endpoint calls the model.")
    limit_file: str | None = Field(
        default=None, description="File that all processes share that keep the limit of requests per minute together."
    )

    @model_validator(mode="after")
    def _kept(self) -> Any:
        if (self.per_minute > 0) != (self.limit_file is not None):
            problem = f"is {self.per_minute:g} with the limit file {self.limit_file}"
            raise impossible("per_minute", problem, "a limit with a file, or 0 without")
        return self


class Model(Record):
    """A model of the file of agents: a policy, a fixed reply, a model on this machine (a folder, or a checkpoint whose
    folder is given where it is rolled out), or one behind an endpoint."""

    price: Price
    policy: Policy | None = Field(default=None, description="A programmatic policy.")
    fixed: str | None = Field(default=None, description="The only reply that it ever gives.")
    folder: str | None = Field(default=None, description="Folder or hub id of a causal language model.")
    checkpoint: Literal[True] | None = Field(default=None, description="A model whose folder is given elsewhere.")
    endpoint: Served | None = Field(default=None, description="A model behind an endpoint.")

    @model_validator(mode="after")
    def _one(self) -> Any:
        kinds = ("policy", "fixed", "folder", "checkpoint", "endpoint")
        if sum(getattr(self, kind) is not None for kind in kinds) != 1:
            raise impossible("", "is not one kind of model", f"one of {', '.join(kinds)}")
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


def with_folders(agents: Agents, names: Sequence[str], folders: Sequence[Path]) -> Agents:
    """The agents with the folders of their checkpoints. Raises `InputError` for a name that is none of a checkpoint."""
    if len(names) != len(folders):
        raise InputError("models", f"are {len(folders)}", f"one for each of the {len(names)} names")
    there = [name for name, model in agents.models.items() if model.checkpoint]
    if wrong := [name for name in names if name not in there]:
        raise InputError("model-names", f"has {wrong[0]!r}, which is no checkpoint", nearest(wrong[0], there))
    given = {
        name: Model(price=agents.models[name].price, folder=str(folder))
        for name, folder in zip(names, folders, strict=True)
    }
    return Agents(scaffolds=agents.scaffolds, models={**agents.models, **given})


def model_folders(agents: Agents, names: Sequence[str]) -> list[Path]:
    """The folders of agents' models, of those that are folders on this machine."""
    models = [agents.models.get(name) for name in dict.fromkeys(split(name)[1] for name in names)]
    return [Path(model.folder) for model in models if model and model.folder and Path(model.folder).is_dir()]


def folders_of(agents: Agents, names: Sequence[str]) -> list[Path]:
    """The folders of agents, of those that are folders."""
    kinds = [agents.scaffolds.get(name) for name in dict.fromkeys(split(name)[0] for name in names)]
    return [Path(kind.agent.folder) for kind in kinds if kind and kind.agent]


def agent_of(agents: Agents, name: str, benchmark: Benchmark) -> Agent:
    """An agent that is ready for a benchmark. Raises `InputError` for a scaffold or model that the file lacks."""
    scaffold, model = split(name)
    for kind, wanted, there in (("scaffold", scaffold, agents.scaffolds), ("model", model, agents.models)):
        if wanted not in there:
            raise InputError("agent", f"names the {kind} {wanted!r}", nearest(wanted, list(there)))
    made, chosen = agents.scaffolds[scaffold], agents.models[model]
    client = _client(chosen, benchmark)
    if made.agent is not None and chosen.policy is not None:
        client = puzzled(client)
    return Agent(scaffold, model, _scaffold(made), client, chosen.price)


def _scaffold(kind: ScaffoldKind) -> Scaffold:
    if kind.agent is not None:
        return directory(Path(kind.agent.folder), kind.agent.arguments, kind.agent.seconds)
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
    if model.endpoint is not None:
        return served(model.endpoint)
    if model.folder is None:
        raise InputError("agent", "asks a checkpoint without a folder", "its folder and name (--models, --model-names)")
    from raw2fig.lm.local import local_client

    return local_client(model.folder, None, "sampler", BATCH)


def served(endpoint: Served) -> ModelClient:
    """A model behind an endpoint. A reply without counts of tokens is none: nobody could tell its price."""
    limit = Limit(Path(endpoint.limit_file), endpoint.per_minute) if endpoint.limit_file else None
    client = endpoint_client(endpoint.name, endpoint, limit)

    def reply(requests: Sequence[Asked]) -> list[Generated | Failure]:
        return [
            one
            if isinstance(one, Failure) or one.usage
            else Failure(f"{endpoint.url} does not count tokens", one.wasted)
            for one in client(requests)
        ]

    return reply


def puzzled(policy: ModelClient) -> ModelClient:
    """A policy, which reads only what our own scaffolds write, for agents that write what they like."""

    def reply(requests: Sequence[Asked]) -> list[Generated | Failure]:
        return [one for asked in requests for one in alone(asked)]

    def alone(asked: Asked) -> list[Generated | Failure]:
        try:
            return policy([asked])
        except Exception:  # whatever its rule made of another text than it knows
            return fixed(PUZZLED)([asked])

    return reply


def fixed(text: str) -> ModelClient:
    """A model that always replies the same."""

    def reply(requests: Sequence[Any]) -> list[Any]:
        sizes = [sum(count_tokens(message.content) for message in asked.messages) for asked in requests]
        return [Generated(text, size, count_tokens(text), {}, "stop") for size in sizes]

    return reply


def price_table(agents: Agents) -> Mapping[str, Price]:
    """Model → its price."""
    return {name: model.price for name, model in agents.models.items()}

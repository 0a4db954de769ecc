"""Our own runner: many rollouts in lock-step, so that a model gets batches, and nothing else shared between them.

Every rollout has its own world and its own seeds, which depend on its task alone: what it does is the same alone and
beside a thousand others. Only failures of the environment are tried again, from the start; the tokens of the failed
attempt stay on the bill. Inspect-ai drives the same scaffolds (`raw2fig.papers.hal.inspect_run`).
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from raw2fig.errors import InputError
from raw2fig.lm.client import Asked, Failure, Generated, Message, ModelClient
from raw2fig.papers.hal.contract import (
    AgentFailure,
    Answer,
    Ask,
    Benchmark,
    Course,
    EnvironmentFailure,
    LimitReached,
    Observation,
    Rollout,
    Scaffold,
    Status,
    Step,
    Task,
    Use,
    World,
)
from raw2fig.papers.hal.usage import Price, Usage, cost_list, normalise, total
from raw2fig.settings import Field, Record

KINDS: tuple[tuple[type[Exception], Status], ...] = (
    (EnvironmentFailure, "env_error"),
    (LimitReached, "limit"),
    (TimeoutError, "timeout"),
)
"""What an exception says about a rollout; any other one is the agent's."""


class Limits(Record):
    """Limits of a rollout."""

    seconds: float = Field(gt=0, description="Seconds that a rollout may take by itself.")
    dollars: float = Field(gt=0, description="US dollars that a rollout may cost at list price.")
    attempts: int = Field(ge=1, le=10, description="Attempts at a task whose environment fails.")
    failures: float = Field(gt=0, le=1, description="Share of tasks with failed environments above which a run stops.")
    concurrent: int = Field(ge=1, description="Rollouts at a time.")
    max_new_tokens: int = Field(ge=1, description="Tokens of a reply.")
    temperature: float = Field(ge=0, description="Temperature of replies.")


@dataclass(frozen=True)
class Agent:
    """A scaffold and the model that it asks. `name` has the form that the authors' analysis splits."""

    scaffold_name: str
    model: str
    scaffold: Scaffold
    client: ModelClient
    price: Price

    @property
    def name(self) -> str:
        return f"{self.scaffold_name} ({self.model})"


@dataclass
class Attempt:
    """An attempt at a task."""

    task: Task
    repeat: int
    course: Course
    world: World
    wanted: Ask | Use | None = None
    """What it asks its model, or the tool that it wants to use; None at its end."""
    opening: tuple[Message, ...] = ()
    steps: list[Step] = field(default_factory=list)
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    status: Status = "ok"
    answer: Answer | None = None
    error: str = ""


def run(
    agent: Agent, benchmark: Benchmark, tasks: Sequence[tuple[Task, int]], limits: Limits, seed: int
) -> Iterator[Rollout]:
    """Roll out an agent on tasks, each with the number of its repeat, in their order; `seed` is the replicate's.

    Raises `InputError` when too many environments fail: what is around the agents is broken then, and no accuracy says
    anything.
    """
    failed = 0
    for start in range(0, len(tasks), limits.concurrent):
        for rollout in _together(agent, benchmark, tasks[start : start + limits.concurrent], limits, seed):
            failed += rollout.status == "env_error"
            if failed > max(1.0, limits.failures * len(tasks)):
                raise InputError(
                    f"{agent.name} on {benchmark.name}",
                    f"{failed} environments failed, the last: {rollout.errors[-1]}",
                    f"at most {limits.failures:.0%} of {len(tasks)}",
                )
            yield rollout


def _together(
    agent: Agent, benchmark: Benchmark, tasks: Sequence[tuple[Task, int]], limits: Limits, seed: int
) -> list[Rollout]:
    done: list[Rollout | None] = [None] * len(tasks)
    errors: list[list[str]] = [[] for _ in tasks]
    spent = [Usage()] * len(tasks)
    open_ = list(range(len(tasks)))
    while open_:
        attempts = [begin(agent, benchmark, *tasks[place], limits) for place in open_]
        _drive(agent, benchmark, attempts, limits, seed)
        again = []
        for place, one in zip(open_, attempts, strict=True):
            spent[place] = spent[place].plus(one.usage)
            if one.error:
                errors[place].append(one.error)
            if one.status == "env_error" and len(errors[place]) < limits.attempts:
                logging.warning("%s, %s: again after %s", agent.name, one.task.task, one.error)
                again.append(place)
            else:
                done[place] = record(agent, one, spent[place], errors[place])
        open_ = again
    return [rollout for rollout in done if rollout is not None]


def begin(agent: Agent, benchmark: Benchmark, task: Task, repeat: int, limits: Limits) -> Attempt:
    """A new attempt at a task, up to what it wants first."""
    one = Attempt(task, repeat, agent.scaffold(task.prompt, benchmark), benchmark.open(task))
    _advance(one, None, limits)
    return one


def asked(one: Attempt, limits: Limits, seed: int) -> Asked:
    """What an attempt asks its model."""
    assert isinstance(one.wanted, Ask)
    number = sum(not step.tool for step in one.steps)
    return asked_with(one.wanted.messages, one.task.task, one.repeat, number, limits, seed)


def asked_with(messages: tuple[Message, ...], task: str, repeat: int, number: int, limits: Limits, seed: int) -> Asked:
    """The messages of a rollout's `number`-th reply with their seed."""
    return Asked(messages, seed_of(seed, task, repeat, number), limits.temperature, limits.max_new_tokens, ())


def receive(one: Attempt, reply: Generated | Failure, seconds: float, agent: Agent, limits: Limits) -> None:
    """Go on with the model's reply, which took so long; or end without one."""
    assert isinstance(one.wanted, Ask)
    if not one.steps:
        one.opening = one.wanted.messages
    one.seconds += seconds
    if isinstance(reply, Failure):
        one.usage = total([one.usage, *map(normalise, reply.usages)])
        _end(one, EnvironmentFailure(reply.reason))
        return
    used = usage_of(reply)
    one.usage = total([one.usage, used, *map(normalise, reply.wasted)])
    one.steps.append(Step(reply.text, usage=used._asdict(), planted=reply.usage.get("planted", "")))
    spent = cost_list(agent.price, one.usage)
    if spent > limits.dollars:
        _end(one, LimitReached(f"{spent:.4f} dollars spent"))
    else:
        _advance(one, reply.text, limits)


def _drive(agent: Agent, benchmark: Benchmark, attempts: Sequence[Attempt], limits: Limits, seed: int) -> None:
    """Bring all attempts to their ends: what all of them ask is asked at once, and so are tools used."""
    while True:
        use_tools(attempts, benchmark, limits)
        asking = [one for one in attempts if one.wanted is not None]
        if not asking:
            return
        began = time.perf_counter()
        replies = agent.client([asked(one, limits, seed) for one in asking])
        share = (time.perf_counter() - began) / len(asking)
        for one, reply in zip(asking, replies, strict=True):
            receive(one, reply, share, agent, limits)


def use_tools(attempts: Sequence[Attempt], benchmark: Benchmark, limits: Limits) -> None:
    """Use the tools that attempts want, until each of them asks its model or has come to its end."""
    while using := [(one, one.wanted) for one in attempts if isinstance(one.wanted, Use)]:
        began = time.perf_counter()
        with contextlib.suppress(Exception):  # whatever is broken shows itself to those whose tool it is
            benchmark.prepare_uses([(one.world, use) for one, use in using])
        share = (time.perf_counter() - began) / len(using)
        for one, use in using:
            one.seconds += share
            _advance(one, use, limits)


def usage_of(reply: Generated) -> Usage:
    """Tokens of a reply, from what the provider sent or, of a model on this machine, as they were counted."""
    return normalise(reply.usage) if reply.usage else Usage(reply.prompt_tokens, reply.completion_tokens)


def seed_of(seed: int, task: str, repeat: int, number: int) -> int:
    """The seed (63 bits) of a reply, which depends on nothing that runs beside it."""
    text = f"{seed} {task} {repeat} {number}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1


def _advance(one: Attempt, sent: Any, limits: Limits) -> None:
    """Go on with a reply, or with what comes of a tool that is used now, up to what is wanted next."""
    began = time.perf_counter()
    one.wanted = None
    try:
        if isinstance(sent, Use):
            observation = _observe(one.world, sent)
            one.steps.append(Step(observation.text, sent.tool, sent.argument, observation.failed))
            sent = observation
        one.wanted = one.course.send(sent)
    except StopIteration as stop:
        one.answer = stop.value
    except Exception as error:  # whatever an agent does, it is a result
        _end(one, error)
    finally:
        one.seconds += time.perf_counter() - began
        if one.wanted is not None and one.seconds > limits.seconds:
            _end(one, TimeoutError(f"{one.seconds:.1f} s"))


def _observe(world: World, use: Use) -> Observation:
    """What comes of a tool's use. A world answers whatever an agent does: where it raises, it is broken itself."""
    try:
        return world.use(use.tool, use.argument)
    except Exception as error:
        raise EnvironmentFailure(f"{type(error).__name__}: {error}") from error


def _end(one: Attempt, error: Exception) -> None:
    one.wanted = None
    one.status = next((status for kind, status in KINDS if isinstance(error, kind)), "agent_error")
    one.error = (
        f"{one.status}: {error}"
        if isinstance(error, AgentFailure)
        else f"{one.status}: {type(error).__name__}: {error}"
    )
    one.course.close()


def record(agent: Agent, one: Attempt, spent: Usage, errors: Sequence[str]) -> Rollout:
    answer = one.answer or Answer("")
    return Rollout(
        one.task.task,
        one.repeat,
        one.status,
        answer.text if one.answer else None,
        answer.confidence,
        one.world.state(),
        one.steps,
        one.opening,
        {agent.model: spent._asdict()},
        one.seconds,
        errors,
    )

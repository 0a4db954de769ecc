"""What an agent is given, what it may do, and the record of what came of it (HAL, the contract of the harness).

An agent is a scaffold and a model. A scaffold is a generator: it yields what it wants, to ask its model or to use a
tool, and gets the reply or the observation. Whoever drives it, our runner or inspect-ai, does the asking, counts
tokens, keeps the limits and writes down every step, so that no scaffold can forget to.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from raw2fig.lm.client import Message

Status = Literal["ok", "agent_error", "env_error", "timeout", "limit"]
"""How a rollout ended. `ok`: with an answer; `agent_error`: the agent failed or wrote no action; `env_error`: what is
around it failed, which says nothing about it; `timeout`, `limit`: it used up its time, or its steps or money."""
SOLVED = 1.0
"""Score of a task that is solved."""
SHIFTED, REWORDED = "-shifted", "-reworded"
"""What the names of a benchmark's variants end in: its twin out of distribution, and its tasks in other words."""
STATUSES: tuple[Status, ...] = ("ok", "agent_error", "env_error", "timeout", "limit")


def base_of(benchmark: str) -> str:
    """The name of the benchmark that a variant is of; of any other one its own."""
    return benchmark.removesuffix(SHIFTED).removesuffix(REWORDED)


class Task(NamedTuple):
    """A task: what is asked, and what its world is made of. Neither holds the answer."""

    task: str
    prompt: str
    world: dict[str, Any]


class Ask(NamedTuple):
    """Wanted: the model's reply to these messages."""

    messages: tuple[Message, ...]


class Use(NamedTuple):
    """Wanted: the use of a tool."""

    tool: str
    argument: str


class Observation(NamedTuple):
    """What came of a tool's use; `failed` if the agent used it wrongly."""

    text: str
    failed: bool = False


class Answer(NamedTuple):
    """An agent's answer, and how sure it says it is, from 0 to 1."""

    text: str
    confidence: float | None = None


Course = Generator[Ask | Use, Any, Answer]
"""What a scaffold does on a task: it is sent a text for each `Ask` and an `Observation` for each `Use`."""
Scaffold = Callable[[str, "Benchmark"], Course]
"""Starts a course with the prompt of a task."""


class World(Protocol):
    """What an agent acts upon. One belongs to one rollout."""

    def use(self, tool: str, argument: str) -> Observation:
        """Use a tool. Whatever it raises counts as a failure of the environment."""

    def state(self) -> Any:
        """What is left in the end, as JSON, for scoring."""


class EnvironmentFailure(Exception):
    """Something around the agent failed: an endpoint, a sandbox, a machine."""


class AgentFailure(Exception):
    """The agent did something that ends its rollout, such as writing no action again and again."""


class LimitReached(Exception):
    """The agent has used up its steps or its money."""


def _nothing(coming: Sequence[Any]) -> None:
    """What most benchmarks do ahead."""


class Benchmark(NamedTuple):
    """A kind of tasks. `score` is called where no agent is, with the answer that was kept apart."""

    name: str
    title: str
    tools: Mapping[str, str]
    """Tool → one line that says what it does and how its argument looks."""
    hint: str
    """What a scaffold made for this benchmark tells its model."""
    steps: int
    """Replies after which such a scaffold gives up."""
    make: Callable[[int, int], tuple[list[Task], dict[str, Any]]]
    """`make(number, seed)`: tasks, and task → gold."""
    shift: Callable[[int, int], tuple[list[Task], dict[str, Any]]]
    """The same for its twin out of distribution, whose tasks are harder in a way that `make` never draws."""
    reword: Callable[[str], str]
    """A prompt that asks for the same in other words."""
    open: Callable[[Task], World]
    score: Callable[[Any, str | None, Any], float]
    """`score(gold, answer, state)`: 0 to 1; the answer is None where there is none."""
    solve: Callable[[Task, Any], list[Use | Answer]]
    """What solves a task whose gold is known, for the preflight."""
    prepare: Callable[[Sequence[tuple[Any, str]]], None] = _nothing
    """Told of answers that are about to be scored, each after its gold: one that runs programs runs them together."""
    prepare_uses: Callable[[Sequence[tuple[Any, Use]]], None] = _nothing
    """Told of tools that are about to be used, each after its world."""


class Step(NamedTuple):
    """A reply of the model (`tool` is empty), or the use of a tool and what came of it."""

    text: str
    tool: str = ""
    argument: str = ""
    failed: bool = False
    usage: Mapping[str, Any] | None = None
    """Tokens of a reply, as `raw2fig.papers.hal.usage.Usage` has them."""
    planted: str = ""
    """Misbehaviour that a policy was made to show here: the truth that detectors are judged by and never see."""


class Rollout(NamedTuple):
    """What an agent did on a task, as a line of JSON."""

    task: str
    repeat: int
    status: Status
    answer: str | None
    confidence: float | None
    state: Any
    steps: Sequence[Step]
    opening: Sequence[Message]
    """The messages before its first reply."""
    usage: Mapping[str, Mapping[str, int]]
    """Model → tokens of all replies, of attempts that failed too."""
    seconds: float
    """Time that this rollout took by itself, whatever ran beside it."""
    errors: Sequence[str]
    """Why attempts failed, in their order; the last one may have succeeded."""

    @property
    def prompt(self) -> str:
        """What the agent was asked: the first message of the user, after which a scaffold may have written more."""
        return next((message.content for message in self.opening if message.role == "user"), "")

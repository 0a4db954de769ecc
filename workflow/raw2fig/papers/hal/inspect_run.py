"""The same agents under inspect-ai: its loop, its log, its viewer; their answers, scores and tokens are those of our
runner.

`inspect_model` makes a model of inspect of any client, `rolled_out` runs an agent with its scaffold, and `reacting`
lets inspect's own `react()` do what our specialist does, with the benchmark's tools as tools of inspect.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.lm.client import Failure, Generated, Message, ModelClient
from raw2fig.papers.hal.contract import Ask, Benchmark, Task
from raw2fig.papers.hal.inspect_log import OWN, as_chat, as_message, own_part, read_usage, text_of, write_usage
from raw2fig.papers.hal.runner import Agent, Limits, asked_with, begin, receive, record, usage_of, use_tools
from raw2fig.papers.hal.scaffolds import FINISH, action_of, system

if TYPE_CHECKING:
    from inspect_ai.log import EvalLog
    from inspect_ai.model import Model
    from inspect_ai.scorer import Scorer
    from inspect_ai.solver import Solver
    from inspect_ai.tool import ToolDef

QUIET: dict[str, Any] = {"display": "none", "log_realtime": False, "score_display": False, "ctl_server": False}
"""How inspect runs fast and without a terminal."""
WORLD = "world"


def inspect_model(name: str, client: ModelClient, limits: Limits, seed: int) -> Model:
    """A model of inspect that asks `client`, with the seeds that our runner gives. An action in a reply is a call of a
    tool where inspect has tools."""
    from inspect_ai.model import GenerateConfig, ModelAPI, ModelOutput, get_model, modelapi
    from inspect_ai.solver._task_state import sample_state
    from inspect_ai.tool import ToolCall

    @modelapi(name="raw2fig")
    class Client(ModelAPI):
        def __init__(self, model_name: str, config: GenerateConfig, **given: Any) -> None:
            super().__init__(model_name, config=config)

        async def generate(self, input: Any, tools: Any, tool_choice: Any, config: Any) -> ModelOutput:
            state = sample_state()
            assert state is not None
            number = state.store.get("asked", 0)
            state.store.set("asked", number + 1)
            messages = tuple(Message(message.role, text_of(message)) for message in input)
            task, repeat = str(state.sample_id), state.epoch - 1
            (reply,) = client([asked_with(messages, task, repeat, number, limits, seed)])
            if isinstance(reply, Failure):
                raise RuntimeError(reply.reason)
            output = ModelOutput.from_content(name, reply.text)
            output.usage = write_usage(usage_of(reply))
            output.metadata = {"planted": reply.usage.get("planted", "")}
            if tools and (action := action_of(reply.text)):
                arguments = {"argument": action.argument}
                output.message.tool_calls = [ToolCall(id=f"call-{number}", function=action.tool, arguments=arguments)]
            return output

    return get_model(f"raw2fig/{name}", memoize=False)


def rolled_out(agent: Agent, benchmark: Benchmark, limits: Limits) -> Solver:
    """A solver that rolls out an agent; the model is that of the evaluation."""
    from inspect_ai.model import get_model
    from inspect_ai.solver import Generate, TaskState, solver

    @solver(name=agent.scaffold_name)
    def roll_out() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            task = Task(str(state.sample_id), state.input_text, state.metadata[WORLD])
            one = begin(agent, benchmark, task, state.epoch - 1, limits)
            with closing(one.course):  # whatever happens to the sample
                use_tools([one], benchmark, limits)
                while isinstance(one.wanted, Ask):
                    output = await get_model().generate([as_chat(message) for message in one.wanted.messages])
                    assert output.usage is not None
                    used = read_usage(output.usage)
                    raw = {
                        "prompt_tokens": used.prompt,
                        "completion_tokens": used.completion,
                        **(output.metadata or {}),
                    }
                    reply = Generated(output.completion, used.prompt, used.completion, raw, output.stop_reason)
                    receive(one, reply, output.time or 0.0, agent, limits)
                    use_tools([one], benchmark, limits)
            found = record(agent, one, one.usage, [one.error] if one.error else [])
            state.messages = [*map(as_chat, found.opening), *map(as_message, found.steps)]
            state.metadata = {OWN: own_part(found)}
            return state

        return solve

    return roll_out()


def reacting(benchmark: Benchmark) -> Solver:
    """Inspect's `react()`, told what our specialist is told, with the benchmark's tools."""
    from inspect_ai.agent import AgentPrompt, AgentSubmit, as_solver, react
    from inspect_ai.solver import Generate, TaskState, chain, solver
    from inspect_ai.tool import ToolDef, ToolError

    def tool_of(name: str, what: str) -> ToolDef:
        async def use(argument: str) -> str:
            from inspect_ai.solver._task_state import sample_state

            state = sample_state()
            assert state is not None
            seen = state.store.get(WORLD).use(name, argument)
            if seen.failed:
                raise ToolError(seen.text)
            return str(seen.text)

        return ToolDef(use, name=name, description=what, parameters={"argument": "What the tool is used with."})

    async def finish(argument: str) -> str:
        return argument

    @solver
    def opened() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            task = Task(str(state.sample_id), state.input_text, state.metadata[WORLD])
            state.store.set(WORLD, benchmark.open(task))
            return state

        return solve

    told = AgentPrompt(system(benchmark.tools, benchmark.hint).content, None, None, None)
    done = ToolDef(finish, name=FINISH, description="Give the answer.", parameters={"argument": "The answer."})
    agent = react(
        prompt=told,
        tools=[tool_of(name, what) for name, what in benchmark.tools.items()],
        submit=AgentSubmit(tool=done, answer_only=True),
    )
    return chain(opened(), as_solver(agent))


def evaluate(
    solver: Solver,
    model: Model,
    benchmark: Benchmark,
    tasks: Sequence[Task],
    folder: Path,
    scorer: Scorer | None = None,
    repeats: int = 1,
) -> EvalLog:
    """Run a solver on tasks under inspect; the log is written to `folder`."""
    from inspect_ai import Task as InspectTask
    from inspect_ai import eval as inspect_eval
    from inspect_ai.dataset import MemoryDataset, Sample

    samples = [Sample(input=task.prompt, id=task.task, metadata={WORLD: task.world}) for task in tasks]
    task = InspectTask(
        MemoryDataset(samples, name=benchmark.name), solver=solver, scorer=scorer, name=benchmark.name, epochs=repeats
    )
    with own_logging():
        (log,) = inspect_eval(task, model=model, log_dir=str(folder), fail_on_error=False, **QUIET)
    return log


@contextmanager
def own_logging() -> Iterator[None]:
    """Undo what inspect does to the log of the process that calls it: it silences all that is less than a warning."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    try:
        yield
    finally:
        root.setLevel(level)
        root.handlers[:] = handlers

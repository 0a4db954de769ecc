"""The same agents under inspect-ai, and logs in both directions."""

from pathlib import Path
from typing import Any

import inspect_ai
import pytest

from raw2fig.lm.client import Message
from raw2fig.papers.hal.agents import agent_of, read_agents
from raw2fig.papers.hal.benchmarks import arithmetic, navigation
from raw2fig.papers.hal.contract import STATUSES, Rollout, Status, Step
from raw2fig.papers.hal.detectors import flags_of, planted
from raw2fig.papers.hal.inspect_log import read_eval, write_eval
from raw2fig.papers.hal.inspect_run import evaluate, inspect_model, reacting, rolled_out
from raw2fig.papers.hal.own_claims import LEAK
from raw2fig.papers.hal.runner import Agent, Limits, run

AGENTS = read_agents(Path(__file__).parents[2] / "config/hal/agents.yaml")
BENCHMARK = arithmetic.BENCHMARK
TASKS, GOLD = arithmetic.make(25, 0)
LIMITS = Limits(seconds=60, dollars=10, attempts=1, failures=1, concurrent=50, max_new_tokens=64, temperature=1)


def ours(agent: Agent) -> list[Rollout]:
    return list(run(agent, BENCHMARK, [(task, 0) for task in TASKS], LIMITS, 0))


def gold_scorer() -> Any:
    from inspect_ai.scorer import Score, Target, accuracy, scorer
    from inspect_ai.solver import TaskState

    @scorer(metrics=[accuracy()])
    def right() -> Any:
        async def score(state: TaskState, target: Target) -> Score:
            own = state.metadata.get("raw2fig", {})
            answer = own.get("answer", state.output.completion)
            return Score(value=BENCHMARK.score(GOLD[str(state.sample_id)], answer, None), answer=answer)

        return score

    return right()


@pytest.mark.parametrize("name", ["Specialist (adept low)", "Generalist (novice high)", "Zero-shot (expert low)"])
def test_check_17_two_runners_give_the_same_answers_scores_and_tokens(name: str, tmp_path: Path) -> None:
    agent = agent_of(AGENTS, name, BENCHMARK)
    expected = {one.task: one for one in ours(agent)}
    model = inspect_model(agent.model, agent.client, LIMITS, 0)
    log = evaluate(rolled_out(agent, BENCHMARK, LIMITS), model, BENCHMARK, TASKS, tmp_path, gold_scorer())
    assert log.status == "success"
    found = {one.rollout.task: one for one in read_eval(Path(log.location))}
    assert found.keys() == expected.keys()
    for task, one in found.items():
        there = expected[task]
        assert (one.rollout.answer, one.rollout.status) == (there.answer, there.status)
        assert one.score == arithmetic.score(GOLD[task], there.answer, None)
        assert list(one.rollout.usage.values()) == list(there.usage.values())
        assert [(step.text, step.tool, step.argument, step.failed) for step in one.rollout.steps] == [
            (step.text, step.tool, step.argument, step.failed) for step in there.steps
        ]
    (total,) = log.stats.model_usage.values()
    assert total.input_tokens == sum(one.usage[agent.model]["prompt"] for one in expected.values())
    assert total.output_tokens == sum(one.usage[agent.model]["completion"] for one in expected.values())


def test_inspects_own_loop_does_what_the_specialist_does(tmp_path: Path) -> None:
    agent = agent_of(AGENTS, "Specialist (adept low)", BENCHMARK)
    expected = {one.task: one for one in ours(agent)}
    model = inspect_model(agent.model, agent.client, LIMITS, 0)
    log = evaluate(reacting(BENCHMARK), model, BENCHMARK, TASKS, tmp_path, gold_scorer())
    found = {one.rollout.task: one for one in read_eval(Path(log.location))}
    assert [found[task].rollout.answer for task in expected] == [one.answer for one in expected.values()]
    assert [list(found[task].rollout.usage.values()) for task in expected] == [
        list(one.usage.values()) for one in expected.values()
    ]


def rollout(status: Status, repeat: int = 0) -> Rollout:
    usage = {"prompt": 70, "completion": 9, "cache_read": 30, "cache_write": 20}
    return Rollout(
        "task-1",
        repeat,
        status,
        "42" if status == "ok" else None,
        0.5 if status == "ok" else None,
        {"visited": ["/a", {"b": [1, None]}]},
        [
            Step("calculate[1 +]", usage=usage, planted="hard_codes"),
            Step("error: not an expression", "calculate", "1 +", True),
            Step("finish[42]", usage=usage),
        ],
        [Message("system", "told"), Message("user", "what is it?")],
        {"m": usage, "judge": {"prompt": 1, "completion": 2, "cache_read": 0, "cache_write": 0}},
        1.25,
        [] if status == "ok" else [f"{status}: why"],
    )


@pytest.mark.parametrize("status", STATUSES)
def test_check_19_logs_lose_nothing(status: Status, tmp_path: Path) -> None:
    path = tmp_path / "log.eval"
    before = [rollout(status, repeat) for repeat in range(2)]
    write_eval("Specialist (m)", "arithmetic", [(one, 1.0) for one in before], path)
    after = list(read_eval(path))
    assert [one.rollout for one in after] == before
    assert {(one.agent, one.benchmark) for one in after} == {("Specialist (m)", "arithmetic")}
    assert [one.score for one in after] == [None if status == "env_error" else 1.0] * 2
    log = inspect_ai.log.read_eval_log(str(path))
    assert log.status == "success"
    assert log.results.scores[0].unscored_samples == (2 if status == "env_error" else 0)
    assert log.stats.model_usage["m"].input_tokens == 2 * (70 - 30 - 20)
    assert not any(sample.target for sample in log.samples)


def test_a_log_of_another_evaluation_is_read(tmp_path: Path) -> None:
    """An evaluation as inspect's documentation has it, with tools, an error and a limit."""
    from inspect_ai import Task, eval
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageAssistant, ModelAPI, ModelOutput, ModelUsage, get_model, modelapi
    from inspect_ai.scorer import includes
    from inspect_ai.solver import basic_agent
    from inspect_ai.tool import ToolCall, tool

    @tool
    def add() -> Any:
        async def execute(x: int, y: int) -> str:
            """Add two numbers.

            Args:
                x: First number.
                y: Second number.
            """
            return str(x + y)

        return execute

    @modelapi(name="adding")
    class Scripted(ModelAPI):
        async def generate(self, input: Any, tools: Any, tool_choice: Any, config: Any) -> ModelOutput:
            if "break" in input[-1].text:
                raise RuntimeError("no connection")
            done = any(message.role == "tool" for message in input)
            call = ("submit", {"answer": "5"}) if done else ("add", {"x": 2, "y": 3})
            message = ChatMessageAssistant(
                content="", tool_calls=[ToolCall(id="1", function=call[0], arguments=call[1])]
            )
            output = ModelOutput.from_message(message)
            output.usage = ModelUsage(input_tokens=10, output_tokens=2, total_tokens=12, input_tokens_cache_read=5)
            return output

    samples = [
        Sample(input="2 + 3?", target="5", id=1),
        Sample(input="2 + 4?", target="6", id=2),
        Sample(input="break", id=3),
    ]
    task = Task(MemoryDataset(samples), solver=basic_agent(tools=[add()]), scorer=includes(), name="sums", epochs=2)
    (log,) = eval(task, model=get_model("adding/x"), log_dir=str(tmp_path), fail_on_error=False, display="none")
    found = {(one.rollout.task, one.rollout.repeat): one for one in read_eval(Path(log.location))}
    assert {key: one.rollout.status for key, one in found.items()} == {
        (str(task), repeat): "env_error" if task == 3 else "ok" for task in (1, 2, 3) for repeat in (0, 1)
    }
    assert [found[str(task), 0].score for task in (1, 2)] == [1.0, 0.0]
    right = found["1", 0].rollout
    assert right.usage == {"adding/x": {"prompt": 30, "completion": 4, "cache_read": 10, "cache_write": 0}}
    assert ("add", '{"x": 2, "y": 3}', "5") in [(step.tool, step.argument, step.text) for step in right.steps]
    assert found["3", 0].rollout.errors


def test_detectors_read_what_inspects_own_loop_wrote(tmp_path: Path) -> None:
    """The arguments of its calls are texts, as ours are, so that a leak that was planted is found in its log."""
    benchmark = navigation.BENCHMARK
    tasks, _ = benchmark.make(12, 0)
    agent = agent_of(AGENTS, "Specialist (leaky)", benchmark)
    model = inspect_model(agent.model, agent.client, LIMITS, 0)
    log = evaluate(reacting(benchmark), model, benchmark, tasks, tmp_path)
    flagged = {one.rollout.task: flags_of("navigation", one.rollout)[LEAK] for one in read_eval(Path(log.location))}
    own = run(agent, benchmark, [(task, 0) for task in tasks], LIMITS, 0)
    assert flagged == {one.task: LEAK in planted(one) for one in own}
    assert 6 < sum(flagged.values()) < 13

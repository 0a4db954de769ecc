"""Our own runner: status, limits, retries, seeds."""

import time
from collections.abc import Sequence

import pytest

from raw2fig.errors import InputError
from raw2fig.lm.client import Asked, Failure, Generated, ModelClient
from raw2fig.papers.hal.benchmarks import arithmetic
from raw2fig.papers.hal.contract import Benchmark, Observation, Rollout, Scaffold, Task, Use, World
from raw2fig.papers.hal.policies import Policy, is_planted, policy_client
from raw2fig.papers.hal.policies.arithmetic import PLANTS, rule
from raw2fig.papers.hal.runner import Agent, Limits, run
from raw2fig.papers.hal.scaffolds import action_of, generalist, specialist, zero_shot
from raw2fig.papers.hal.usage import Price

LIMITS = Limits(seconds=60, dollars=1, attempts=3, failures=0.5, concurrent=50, max_new_tokens=64, temperature=1.0)
PRICE = Price(input=1, output=4)
POLICY = Policy(careful=True, slip=0.1, votes=3, plants={})
TASKS, GOLD = arithmetic.make(12, 0)
BENCHMARK = arithmetic.BENCHMARK


def agent(client: ModelClient, scaffold: Scaffold = specialist) -> Agent:
    return Agent("Test", "model", scaffold, client, PRICE)


def says(text: str) -> ModelClient:
    return lambda asked: [Generated(text, 10, 2, {}, "stop") for _ in asked]


def rolled(
    client: ModelClient, limits: Limits = LIMITS, tasks: Sequence[Task] = TASKS, **kwargs: Scaffold
) -> list[Rollout]:
    return list(run(agent(client, **kwargs), BENCHMARK, [(task, 0) for task in tasks], limits, 0))


def without_time(rollouts: Sequence[Rollout]) -> list[Rollout]:
    return [one._replace(seconds=0.0) for one in rollouts]


@pytest.mark.parametrize(
    "scaffold", [specialist, zero_shot, generalist(BENCHMARK.tools, steps=30, plan_every=4, memory=4)]
)
def test_check_13_one_at_a_time_and_all_together_are_equal(scaffold: Scaffold) -> None:
    client = policy_client(POLICY, rule, PLANTS)
    together = rolled(client, scaffold=scaffold)
    alone = rolled(client, LIMITS.model_copy(update={"concurrent": 1}), scaffold=scaffold)
    assert without_time(together) == without_time(alone)
    assert len({one.answer for one in together}) > 1
    reverse = rolled(client, tasks=TASKS[::-1], scaffold=scaffold)
    assert without_time(reverse)[::-1] == without_time(together)


def test_a_perfect_policy_solves_all_and_another_seed_draws_anew() -> None:
    perfect = policy_client(POLICY.model_copy(update={"slip": 0.0}), rule, {})
    assert all(arithmetic.score(GOLD[one.task], one.answer, one.state) for one in rolled(perfect))
    sloppy = policy_client(POLICY.model_copy(update={"slip": 0.5, "votes": 1}), rule, {})
    answers = [
        [one.answer for one in run(agent(sloppy), BENCHMARK, [(task, 0) for task in TASKS], LIMITS, seed)]
        for seed in (0, 1)
    ]
    assert answers[0] != answers[1]


def test_check_12_every_way_to_end_has_its_own_status() -> None:
    def crashes(asked: Sequence[Asked]) -> list[Generated | Failure]:
        return [Failure("no connection", ({"prompt_tokens": 7, "completion_tokens": 1},)) for _ in asked]

    def expensive(asked: Sequence[Asked]) -> list[Generated | Failure]:
        return [Generated("calculate[1 + 1]", 10**7, 1, {}, "stop") for _ in asked]

    few, lenient = TASKS[:2], LIMITS.model_copy(update={"failures": 1.0})

    def statuses(client: ModelClient, limits: Limits = lenient) -> set[str]:
        return {one.status for one in rolled(client, limits, few)}

    assert statuses(says("finish[1]")) == {"ok"}
    assert statuses(says("I do not know")) == {"agent_error"}
    assert statuses(crashes) == {"env_error"}
    assert statuses(says("calculate[1 + 1]")) == {"limit"}
    assert statuses(expensive) == {"limit"}
    assert statuses(says("calculate[1 + 1]"), LIMITS.model_copy(update={"seconds": 1e-9})) == {"timeout"}

    failed = rolled(crashes, lenient, few)[0]
    assert len(failed.errors) == LIMITS.attempts
    assert failed.usage["model"]["prompt"] == 7 * LIMITS.attempts
    assert failed.answer is None


def test_only_failures_of_the_environment_are_tried_again_and_their_tokens_stay_on_the_bill() -> None:
    calls = 0

    def flaky(asked: Sequence[Asked]) -> list[Generated | Failure]:
        nonlocal calls
        calls += 1
        if calls == 2:
            return [Failure("refused", ({"prompt_tokens": 5, "completion_tokens": 0},)) for _ in asked]
        return [Generated("calculate[1 + 1]" if calls in (1, 3) else "finish[2]", 10, 2, {}, "stop") for _ in asked]

    (one,) = rolled(flaky, tasks=TASKS[:1])
    assert (one.status, one.answer, len(one.errors)) == ("ok", "2", 1)
    assert one.usage["model"] == {"prompt": 10 + 5 + 20, "completion": 2 + 0 + 4, "cache_read": 0, "cache_write": 0}
    assert [step.tool for step in one.steps] == ["", "calculate", ""]


def test_a_world_that_breaks_is_no_fault_of_the_agent_and_too_many_stop_the_run() -> None:
    class Broken:
        def use(self, tool: str, argument: str) -> Observation:
            raise OSError("disk full")  # of any kind: a world answers whatever an agent does

        def state(self) -> None:
            return None

    broken: Benchmark = BENCHMARK._replace(open=lambda task: Broken())
    pairs = [(task, 0) for task in TASKS]
    limits = LIMITS.model_copy(update={"failures": 0.25})
    with pytest.raises(InputError, match=r"4 environments failed, the last: .*OSError: disk full"):
        list(run(agent(says("calculate[1]")), broken, pairs, limits, 0))


def test_an_agent_that_raises_has_failed_by_itself() -> None:
    def scaffold(prompt: str, benchmark: Benchmark):  # type: ignore[no-untyped-def]
        yield from ()
        raise KeyError("oops")

    (one,) = rolled(says("x"), tasks=TASKS[:1], scaffold=scaffold)
    assert (one.status, one.errors) == ("agent_error", ["agent_error: KeyError: 'oops'"])


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("calculate[1 + 1]", Use("calculate", "1 + 1")),
        ("calculate[1]\nfinish[2]\n", Use("finish", "2")),
        ("try[def f(x):\n    y[0] = x[1]\n    return y]", Use("try", "def f(x):\n    y[0] = x[1]\n    return y")),
        ("thinking of a[0]\nback[]", Use("back", "")),
        ("finish[2] I think", None),
        ("nothing", None),
    ],
)
def test_the_last_action_of_a_reply_counts(reply: str, expected: Use | None) -> None:
    assert action_of(reply) == expected


def test_tools_that_rollouts_want_at_a_time_are_told_of_together_and_what_is_told_changes_nothing() -> None:
    told: list[list[Use]] = []

    def prepare(uses: Sequence[tuple[World, Use]]) -> None:
        told.append([use for _, use in uses])
        raise OSError("broken")  # whatever is broken shows itself where the tool is used

    client = policy_client(POLICY, rule, PLANTS)
    pairs = [(task, 0) for task in TASKS]
    plain = rolled(client)
    found = list(run(agent(client), BENCHMARK._replace(prepare_uses=prepare), pairs, LIMITS, 0))
    assert without_time(found) == without_time(plain)
    used = [(step.tool, step.argument) for one in plain for step in one.steps if step.tool]
    assert sorted(use for uses in told for use in uses) == sorted(used)
    assert len(told) == max(sum(bool(step.tool) for step in one.steps) for one in plain)


def test_a_scaffold_that_never_asks_its_model_runs_out_of_time() -> None:
    def scaffold(prompt: str, benchmark: Benchmark):  # type: ignore[no-untyped-def]
        while True:
            yield Use("calculate", "1 + 1")

    (one,) = rolled(says("x"), LIMITS.model_copy(update={"seconds": 0.05}), TASKS[:1], scaffold=scaffold)
    assert one.status == "timeout"
    assert one.steps


def test_plants_are_drawn_by_the_text_of_a_task_at_their_rate() -> None:
    drawn = [[is_planted(f"task {number}", name, 0.3) for number in range(4000)] for name in ("one", "other")]
    assert [sum(of) / 4000 for of in drawn] == pytest.approx([0.3, 0.3], abs=0.03)
    assert drawn[0] != drawn[1]
    assert is_planted("task", "one", 1.0)
    assert not is_planted("task", "one", 0.0)


def test_time_that_is_spent_on_tools_of_many_together_counts() -> None:
    slow = BENCHMARK._replace(prepare_uses=lambda uses: time.sleep(0.1))
    limits = LIMITS.model_copy(update={"seconds": 0.05})
    (one,) = run(agent(says("calculate[1 + 1]")), slow, [(TASKS[0], 0)], limits, 0)
    assert one.status == "timeout"
    assert [step.tool for step in one.steps] == ["", "calculate"]

"""What stops a run with broken tools, and what never does."""

import random
from collections.abc import Callable

import pytest
from agentic_tools import RUNNING, WATCHING, echo, stub, watch_over

from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl.tools.calls import parse
from raw2fig.papers.agentic_rl.tools.fusion import outcome_of
from raw2fig.papers.agentic_rl.tools.outcome import Outcome, infra_error
from raw2fig.papers.agentic_rl.tools.preflight import calculator_cases, check_rewards, check_tool, interpreter_cases
from raw2fig.papers.agentic_rl.tools.tool import calculator
from raw2fig.papers.agentic_rl.tools.watch import BrokenTools, Canary, Watch


def refusing(code: str) -> Outcome:
    return infra_error("ConnectionRefusedError: [Errno 111] Connection refused")


def unknown(code: str) -> Outcome:
    return outcome_of({"error": "unknown"}, 0.0, RUNNING)


def mostly_unknown() -> Callable[[str], Outcome]:
    """As published runs saw it: 61.7 % of the answers have a status that nobody knows."""
    rng = random.Random(0)

    def run(code: str) -> Outcome:
        return outcome_of({"status": "UnknownError"}, 0.0, RUNNING) if rng.random() < 0.617 else echo(code)

    return run


def silent(code: str) -> Outcome:
    return Outcome("ok", "", 0.0)


STUBS = {
    "a": (refusing, "Connection refused"),
    "b": (unknown, "status None"),
    "c": (mostly_unknown(), "status 'UnknownError'"),
    "d": (silent, "known answer failed twice running"),
}


@pytest.mark.parametrize("name", STUBS)
def test_check_20_a_broken_sandbox_stops_the_run_within_200_calls(name: str) -> None:
    run, cause = STUBS[name]
    tool, seen = stub(run), list[Outcome]()
    watch = watch_over(tool)

    def train() -> None:
        for number in range(200):
            seen.append(watch.call(lambda number=number: tool.run(code=f"print({number})")))  # type: ignore[misc]

    with pytest.raises(BrokenTools, match=cause) as error:
        train()
    assert isinstance(error.value, InputError)  # the command line exits with 2
    assert "\n" not in str(error.value)
    assert len(seen) < 200
    assert not [one for one in seen if one.status != "infra_error" and cause in one.text]
    with pytest.raises(BrokenTools):
        watch.check()
    with pytest.raises(BrokenTools):
        watch.call(lambda: echo("print(1)"))


@pytest.mark.parametrize("name", STUBS)
def test_check_20_the_preflight_finds_a_broken_sandbox_at_once(name: str) -> None:
    run, _ = STUBS[name]
    with pytest.raises(BrokenTools, match="preflight of code_interpreter"):
        check_tool(stub(run), interpreter_cases(RUNNING), 2, 256, "middle")


def test_check_20_a_healthy_sandbox_never_stops_the_run() -> None:
    tool = stub(echo)
    watch = watch_over(tool)
    for step in range(20):
        for number in range(100):
            watch.call(lambda number=number: tool.run(code=f"print({number})"))  # type: ignore[misc]
        counts = watch.end_step()
        assert (counts["calls"], counts["ok"], counts["canaries"]) == (100, 100, 2), step


def test_check_20_all_calls_of_a_step_with_one_text_stop_the_run() -> None:
    watch = Watch(WATCHING, Canary(lambda: Outcome("ok", "1", 0.0), "1"))
    for _ in range(WATCHING.alike - 1):
        watch.call(lambda: silent(""))
    assert watch.end_step()["ok"] == WATCHING.alike - 1
    for _ in range(WATCHING.alike):
        watch.call(lambda: silent(""))
    with pytest.raises(BrokenTools, match="all 20 calls of a step give ''"):
        watch.end_step()


def test_a_failed_call_is_tried_again_and_counted() -> None:
    answers = [infra_error("once"), infra_error("twice"), echo("print(1)")]
    watch = watch_over(stub(echo))
    assert watch.call(lambda: answers.pop(0)).text == "1\n"
    answers = [infra_error("once")] * 3
    watch = watch_over(stub(echo), WATCHING.model_copy(update={"infra_share": 0.5}))
    assert watch.call(lambda: answers.pop(0)).status == "infra_error"
    watch.call(lambda: Outcome("model_error", "late", 1.0, "timeout"))
    watch.read(parse("<tool_call>"))
    assert watch.end_step() == {
        **{"calls": 4, "ok": 0, "model_error": 1, "infra_error": 3, "timeouts": 1, "parse_failures": 1},
        **{"canaries": 0, "dropped": 1},
    }
    assert set(watch.end_step().values()) == {0}


def test_two_percent_of_the_window_are_allowed_and_no_more() -> None:
    watch = watch_over(stub(echo), WATCHING.model_copy(update={"retries": 0}))
    for number in range(1001):
        watch.call(lambda number=number: infra_error("now and then") if number % 50 == 0 else echo(f"print({number})"))  # type: ignore[misc]
    with pytest.raises(
        BrokenTools, match="of the last 200 calls failed by the infrastructure, 5 of them: now and then"
    ):
        watch.call(lambda: infra_error("now and then"))


def test_a_canary_may_fail_once() -> None:
    failing = iter([True, False] * 10)
    canary = Canary(lambda: silent("") if next(failing) else echo("print(1)"), "1\n")
    watch = Watch(WATCHING, canary)
    for number in range(1000):
        watch.call(lambda number=number: echo(f"print({number})"))  # type: ignore[misc]


def test_the_preflight_of_the_calculator() -> None:
    rows = check_tool(calculator(), calculator_cases(), 2, 256, "middle")
    assert len(rows) == 2 * len(calculator_cases()) >= 40


@pytest.mark.parametrize("official", [False, True])
def test_the_preflight_knows_its_programs(official: bool) -> None:
    cases = interpreter_cases(RUNNING.model_copy(update={"official": official}))
    assert len(cases) >= 20
    assert len({case.name for case in cases}) == len(cases)


def test_tasks_pay_the_reference_and_nothing_else() -> None:
    check_rewards([1, 2], lambda task: 1.0, lambda task: 0.0)
    scores = iter([1.0, 1.0, 0.0])
    with pytest.raises(BrokenTools, match=r"task 0: the reference solution scores \[1.0, 1.0, 0.0\]"):
        check_rewards([1], lambda task: next(scores), lambda task: 0.0)
    with pytest.raises(BrokenTools, match="task 0: doing nothing scores 1"):
        check_rewards([1], lambda task: 1.0, lambda task: 1.0)

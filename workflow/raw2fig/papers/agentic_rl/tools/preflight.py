"""Proof that tools and tasks work, before a model is loaded: calls with known outcomes, and rewards with known values.

Calls go the way of a rollout's: written as a model writes them, parsed, run by the same tool and the same number of
workers, and cut as the model would see them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

from raw2fig.papers.agentic_rl.tools.calls import parse, written
from raw2fig.papers.agentic_rl.tools.interpreter import Running, too_slow
from raw2fig.papers.agentic_rl.tools.outcome import Cut, Outcome, Status, shortened, shown
from raw2fig.papers.agentic_rl.tools.tool import Tool, execute
from raw2fig.papers.agentic_rl.tools.watch import BrokenTools

T = TypeVar("T")

TOGETHER = 16
"""Calls that are made at the same time."""
TIMES = 3
"""How often the reference solution of a task is scored."""


class Case(NamedTuple):
    """A call, and what must come of it."""

    name: str
    argument: str
    status: Status
    text: str
    """The whole text, before it is cut; of an `ending`, the end of the text after it is cut."""
    ending: bool = False


def interpreter_cases(running: Running) -> list[Case]:
    """Programs that print the same on every Python, however they are prepared."""
    no_trace = "import sys; sys.tracebacklimit = 0\n"  # of a traceback, the files' names depend on the machine
    long = "a" * 1000 + "b" * 1000
    return [
        Case("a sum", "print(17 + 25)", "ok", "42\n"),
        Case("several lines", "for n in range(3):\n    print(n * n)\nprint('end')", "ok", "0\n1\n4\nend\n"),
        Case("a large integer", "print(2**200)", "ok", f"{2**200}\n"),
        Case("a fraction", "print(1 / 8)", "ok", "0.125\n"),
        Case("not ASCII", "print('\u00e9\u221a\U0001d54f')", "ok", "\u00e9\u221a\U0001d54f\n"),
        Case("a library", "import math\nprint(math.comb(50, 25))", "ok", "126410606437752\n"),
        Case("standard error", "import sys\nprint('told', file=sys.stderr)", "ok", "told\n"),
        Case("no output", "print('', end='')", "ok", ""),
        Case("an empty standard input", "import sys\nprint(repr(sys.stdin.read()))", "ok", "''\n"),
        Case("an exception", f"{no_trace}print(1 / 0)", "model_error", "ZeroDivisionError: division by zero\n"),
        Case("an unknown name", f"{no_trace}print(x)", "model_error", "NameError: name 'x' is not defined\n"),
        Case("a traceback", "print([][0])", "model_error", "\nIndexError: list index out of range\n", True),
        Case("a syntax error", "print(1 +)", "model_error", "SyntaxError: invalid syntax\n", True),
        Case("a long output", "print('a' * 1000 + 'b' * 1000, end='')", "ok", long),
        Case("a timeout", "import time\nprint(time.sleep(3600))", "model_error", too_slow("", running).text),
        *(Case(f"side by side, {n}", f"print({n} * 1001)", "ok", f"{n * 1001}\n") for n in range(TOGETHER)),
    ]


def calculator_cases() -> list[Case]:
    """Expressions with their values."""
    known = {"17 + 25": 42, "-7 // 2": -4, "7 % -3": -2, "2 * (3 - 10)": -14, "99 * 98 * 97": 941094}
    return [
        *(Case(expression, expression, "ok", str(value)) for expression, value in known.items()),
        Case("a division by zero", "1 // 0", "model_error", "Error: division by zero"),
        Case("no expression", "1 +", "model_error", "Error: this is no expression"),
        *(Case(f"side by side, {n}", f"{n} * 1001", "ok", str(n * 1001)) for n in range(TOGETHER)),
    ]


def check_tool(tool: Tool, cases: Sequence[Case], workers: int, characters: int, cut: Cut) -> list[dict[str, Any]]:
    """Make all calls, first one after the other and then by several workers in another order. Returns a row for each:
    `case`, `status`, `seconds`. Raises `BrokenTools` for the first that does not come out as it must."""
    if len(cases) < 20:
        raise ValueError(f"a preflight of {len(cases)} calls")

    def run(case: Case) -> dict[str, Any]:
        outcome = _called(tool, case)
        problem = _wrong(case, outcome, characters, cut)
        if problem:
            raise BrokenTools(f"preflight of {tool.name}, {case.name}", *problem)
        return {"case": case.name, "status": outcome.status, "seconds": outcome.seconds}

    rows = [run(case) for case in cases]
    with ThreadPoolExecutor(workers) as pool:
        return rows + list(pool.map(run, reversed(cases)))


def check_rewards(tasks: Sequence[T], solve: Callable[[T], float], idle: Callable[[T], float]) -> None:
    """Prove the rewards of tasks: `solve` plays the reference solution and must get 1 every time; `idle` calls no tool
    and writes nothing, and must get 0. Raises `BrokenTools` for the first task where that is not so."""
    for place, task in enumerate(tasks):
        scores = [solve(task) for _ in range(TIMES)]
        if any(score != 1 for score in scores):
            raise BrokenTools(f"task {place}", f"the reference solution scores {scores}", "1 every time")
        if (nothing := idle(task)) != 0:
            raise BrokenTools(f"task {place}", f"doing nothing scores {nothing:g}", "0")


def _called(tool: Tool, case: Case) -> Outcome:
    (parameter,) = tool.parameters
    (call,) = parse(written(tool.name, {parameter: case.argument})).calls
    return execute(call, {tool.name: tool})


def _wrong(case: Case, outcome: Outcome, characters: int, cut: Cut) -> tuple[str, str] | None:
    """What was found and what was expected, None if all is well."""
    if outcome.status != case.status:
        return f"gives {outcome.status} {outcome.text!r}", f"{case.status} {case.text[:100]!r}"
    text = shown(outcome, characters, cut)
    if case.ending:
        wanted = case.text
        right = wanted in text if cut == "left" else text.endswith(wanted)
    else:
        wanted = shortened(case.text, characters, cut)
        right = text == wanted
    return None if right else (f"gives the text {text!r}", repr(wanted))

"""Repair of real code: a function of an installed package with one thing wrong, and some of its own examples to try.

It is solved when all examples of the function's documentation pass, the hidden ones too. Candidates run in the sandbox;
what examples should print stays outside.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

from raw2fig.papers.hal.contract import Answer, Benchmark, Observation, Task, Use
from raw2fig.tasks.doctests import judge
from raw2fig.tasks.library import Function, read_functions
from raw2fig.tasks.mutants import draw_tasks

SEPARATOR = "\n=====\n"
"""Between candidates that are tried together."""
MOST = 8
"""Candidates that are tried together at most."""
PER_FUNCTION = 2
WRONG = ("One thing is", "Two things are")
"""What a prompt says of a function with one site changed, and with two."""
TOOLS = {
    "run_examples": "runs the examples of the function's documentation on its whole text, or on up to "
    f"{MOST} candidates with a line ===== between them, such as run_examples[def f(x): ...]"
}


class Bench:
    """The world: it runs the shown examples on candidates."""

    def __init__(self, function: Function, shown: list[int]) -> None:
        self.function, self.shown = function, shown

    def use(self, tool: str, argument: str) -> Observation:
        """`run_examples[text of the function]`."""
        if tool not in TOOLS:
            return Observation(f"there is no tool {tool}", failed=True)
        candidates = self.candidates(argument)
        if len(candidates) > MOST:
            return Observation(f"error: more than {MOST} candidates", failed=True)
        verdicts = judge(candidates)
        passed = [sum(verdict[place] for place in self.shown) for verdict in verdicts]
        lines = [f"candidate {number}: {count} of {len(self.shown)} pass" for number, count in enumerate(passed, 1)]
        best = next((number for number, count in enumerate(passed, 1) if count == len(self.shown)), 0)
        return Observation("\n".join([f"passed by candidate {best}" if best else "passed by none", *lines]))

    def candidates(self, argument: str) -> list[tuple[Function, str]]:
        """What is tried, each in the place of the function."""
        return [(self.function, _text(one)) for one in argument.split(SEPARATOR)]

    def state(self) -> None:
        """Nothing: the answer is the text of the function."""


def function_of(module: str, name: str) -> Function:
    """A function of a package by its name. Those of tasks are known to pass their own examples."""
    return _functions(module)[name]


@cache
def _functions(module: str) -> dict[str, Function]:
    return {one.name: one for one in read_functions(module)[::-1]}  # the first one of a name


def make(number: int, seed: int, two_sites: bool = False) -> tuple[list[Task], dict[str, Any]]:
    """Functions with one site changed, or two, whose hidden examples notice it."""
    tasks, gold = list[Task](), dict[str, Any]()
    for place, one in enumerate(draw_tasks(number, PER_FUNCTION, seed, two_sites=two_sites)):
        task = f"repair-{place:03d}"
        prompt = f"{WRONG[two_sites]} wrong in this function of {one.function.module}:\n{one.source}"
        world = {"module": one.function.module, "function": one.function.name, "shown": list(one.shown)}
        tasks.append(Task(task, prompt, world))
        gold[task] = {"module": one.function.module, "function": one.function.name, "solution": one.solution}
    return tasks, gold


make_two_sites = partial(make, two_sites=True)
"""The twin out of distribution: two sites changed."""


def reword(prompt: str) -> str:
    """Another request for the same function."""
    asked, _, source = prompt.partition("\n")
    module = asked.rpartition(" ")[2].rstrip(":")
    return f"Please find the mistake in this function, which is from {module}, and repair it.\n{source}"


def score(gold: Any, answer: str | None, state: Any) -> float:
    """1 if all examples pass."""
    if not answer or not answer.strip():
        return 0.0
    (verdict,) = judge([(function_of(gold["module"], gold["function"]), _text(answer))])
    return float(all(verdict))


def _text(candidate: str) -> str:
    return candidate.strip("\n") + "\n"


def prepare(answers: Sequence[tuple[Any, str]]) -> None:
    """Judge answers together, which are remembered then."""
    judge([(function_of(gold["module"], gold["function"]), _text(one)) for gold, one in answers if one.strip()])


def prepare_uses(uses: Sequence[tuple[Bench, Use]]) -> None:
    """Judge together what all are about to try."""
    tried = [world.candidates(use.argument) for world, use in uses if use.tool in TOOLS]
    judge([candidate for candidates in tried if len(candidates) <= MOST for candidate in candidates])


def solve(task: Task, gold: Any) -> list[Use | Answer]:
    """Try the function as it was, and answer with it."""
    return [Use("run_examples", gold["solution"]), Answer(gold["solution"])]


BENCHMARK = Benchmark(
    name="repair",
    title="Code repair",
    tools=TOOLS,
    hint="Change one place at a time, run the examples on the whole function, and finish with the text that passes.",
    steps=12,
    make=make,
    shift=make_two_sites,
    reword=reword,
    open=lambda task: Bench(function_of(task.world["module"], task.world["function"]), task.world["shown"]),
    score=score,
    solve=solve,
    prepare=prepare,
    prepare_uses=prepare_uses,
)

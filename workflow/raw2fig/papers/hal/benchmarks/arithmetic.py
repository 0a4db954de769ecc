"""Chains of arithmetic with a calculator: later lines need the results of earlier ones.

a = 47 * 83
b = a - 1290
c = b * 7 + a
What is c?
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from raw2fig.papers.hal.contract import Answer, Benchmark, Observation, Task, Use

NAMES = "abcdefghi"
LENGTHS = (2, 6)
"""Lines of a chain, at least and at most."""
LONGER = (7, 9)
"""The same of the twin out of distribution."""
LETTERS = 16
"""How far names move in the alphabet where a task is told in other words."""
LONGEST = 200
"""Characters of an expression at most."""
LARGEST = 10**15
"""Results at most, so that no expression takes long."""
OPERATORS: Mapping[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}


def evaluate(expression: str, known: Mapping[str, int]) -> int:
    """The value of an expression of whole numbers, names, +, - and *. Raises `ValueError` for any other."""
    if len(expression) > LONGEST:
        raise ValueError(f"longer than {LONGEST} characters")
    try:
        return _value(ast.parse(expression.strip(), mode="eval").body, known)
    except (SyntaxError, RecursionError, MemoryError):
        raise ValueError("not an expression") from None


def _value(node: ast.expr, known: Mapping[str, int]) -> int:
    match node:
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            found = number
        case ast.Name(id=name) if name in known:
            found = known[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            found = -_value(operand, known)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATORS:
            found = OPERATORS[type(op)](_value(left, known), _value(right, known))
        case _:
            raise ValueError("only whole numbers, +, - and *")
    if abs(found) > LARGEST:
        raise ValueError(f"beyond {LARGEST}")
    return found


class Calculator:
    """The world: it computes, and has nothing that could change."""

    def use(self, tool: str, argument: str) -> Observation:
        """`calculate[47 * 83]`."""
        if tool != "calculate":
            return Observation(f"there is no tool {tool}", failed=True)
        try:
            return Observation(str(evaluate(argument, {})))
        except ValueError as error:
            return Observation(f"error: {error}", failed=True)

    def state(self) -> None:
        """Nothing."""


def make(number: int, seed: int, lengths: tuple[int, int] = LENGTHS) -> tuple[list[Task], dict[str, Any]]:
    """Chains of different lengths with their results."""
    rng = np.random.default_rng(seed)
    tasks, gold = list[Task](), dict[str, Any]()
    while len(tasks) < number:
        lines, known = [], dict[str, int]()
        for name in NAMES[: rng.integers(lengths[0], lengths[1] + 1)]:
            expression = _expression(list(known), rng)
            lines.append(f"{name} = {expression}")
            try:
                known[name] = evaluate(expression, known)
            except ValueError:  # too large
                break
        if name in known and abs(known[name]) < 10**9:
            task = f"arithmetic-{len(tasks):03d}"
            tasks.append(Task(task, "\n".join([*lines, f"What is {name}?"]), {}))
            gold[task] = known[name]
    return tasks, gold


make_longer = partial(make, lengths=LONGER)
"""The twin out of distribution: longer chains."""


def reword(prompt: str) -> str:
    """The question first, "is" for the mark, and other names."""
    *lines, question = (
        re.sub(r"\b[a-i]\b", lambda name: chr(ord(name[0]) + LETTERS), one) for one in prompt.splitlines()
    )
    asked = question.removeprefix("What is ").rstrip("?")
    return "\n".join([f"Work out {asked}, where", *(line.replace(" = ", " is ") for line in lines)])


def _expression(known: list[str], rng: np.random.Generator) -> str:
    """A line: the last result, mostly with a number, and now and then an earlier result."""
    first = known[-1] if known else str(rng.integers(10, 100))
    parts = [first, str(rng.choice(["+", "-", "*"])), str(rng.integers(2, 100))]
    if len(known) > 1 and rng.random() < 0.5:
        parts += [str(rng.choice(["+", "-"])), str(rng.choice(known[:-1]))]
    return " ".join(parts)


def score(gold: Any, answer: str | None, state: Any) -> float:
    """1 for the number, however it is spaced."""
    return float(answer is not None and answer.replace(" ", "").replace(",", "") == str(gold))


def solve(task: Task, gold: Any) -> list[Use | Answer]:
    """Say the number."""
    return [Answer(str(gold))]


BENCHMARK = Benchmark(
    name="arithmetic",
    title="Arithmetic with a calculator",
    tools={"calculate": "computes an expression of numbers, +, - and *, such as calculate[12 * 7 - 3]"},
    hint="Compute line by line with the calculator, putting in the results of earlier lines.",
    steps=12,
    make=make,
    shift=make_longer,
    reword=reword,
    open=lambda task: Calculator(),
    score=score,
    solve=solve,
)

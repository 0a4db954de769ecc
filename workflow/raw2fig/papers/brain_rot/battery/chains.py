"""Judges for the miniature's chains of arithmetic, by rules:

    plan 2 ; b + 5 3 = 1 ; c * 1 4 = 4 ; ans 4

A step names its clause and operation, what came before, the clause's operand, and the result modulo 7.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from raw2fig.papers.brain_rot.battery.forensics import Errors, Judge, Judges

OPERATIONS: Mapping[str, Callable[[int, int], int]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
}
STEP = re.compile(r"(\S+) (\S) (\d+) (\d+) = (\d+)")


class Clause(NamedTuple):
    """A clause of a question: its label, what is done, and with what."""

    label: str
    operation: str
    operand: int


class Chain(NamedTuple):
    """A question: the number to begin with, the clauses in the order in which they apply, and the modulus."""

    start: int
    clauses: tuple[Clause, ...]
    modulus: int


class Step(NamedTuple):
    """A step of a response: `b + 5 3 = 1`."""

    label: str
    operation: str
    left: int
    right: int
    result: int


def steps_of(response: str) -> list[Step]:
    """The steps that a response writes out whole."""
    return [
        Step(label, operation, int(left), int(right), int(result))
        for label, operation, left, right, result in STEP.findall(response)
    ]


def chain_judges(chain_of: Callable[[str], Chain]) -> Judges:
    """The rules as judges; `chain_of` reads the chain in a case's question."""

    def judge(rule: Callable[[Chain, str], Errors]) -> Judge:
        return lambda cases: [rule(chain_of(case.question), case.response) for case in cases]

    return Judges(judge(_nothing), judge(_no_plan), judge(_skipped), judge(_illogical), judge(_wrong))


def _nothing(chain: Chain, response: str) -> Errors:
    """No step at all."""
    return () if "=" in response.split() else ("no step",)


def _no_plan(chain: Chain, response: str) -> Errors:
    return () if "plan" in response.split() else ("no plan",)


def _skipped(chain: Chain, response: str) -> Errors:
    """Fewer steps than planned, or than the question has clauses."""
    planned = re.search(r"plan (\d+)", response)
    needed = max(int(planned[1]) if planned else 0, len(chain.clauses))
    done = response.split().count("=")
    return (f"{done} of {needed} steps",) if done < needed else ()


def _illogical(chain: Chain, response: str) -> Errors:
    """Steps that do not do what the next clause says to what came before. After a step that is left out or wrong,
    others are compared with their own clause and with the result that the response gives itself."""
    clauses = {clause.label: clause for clause in chain.clauses}
    before, errors = chain.start, list[str]()
    for step in steps_of(response):
        clause = clauses.get(step.label)
        if clause is None or (step.operation, step.left, step.right) != (clause.operation, before, clause.operand):
            errors.append(f"step {_text(step)}")
        before = step.result
    return tuple(errors)


def _wrong(chain: Chain, response: str) -> Errors:
    """Results that are wrong for the step's own operands."""
    return tuple(
        f"result {_text(step)}"
        for step in steps_of(response)
        if step.operation in OPERATIONS
        and OPERATIONS[step.operation](step.left, step.right) % chain.modulus != step.result
    )


def _text(step: Step) -> str:
    return f"{step.label} {step.operation} {step.left} {step.right} = {step.result}"

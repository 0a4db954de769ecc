"""Demonstrations for the cold start: real trajectories, stitched ones, and solutions in text.

Real ones come from an expert that calls the tool and goes on with what it reads, failures included. Stitched ones were
solutions in text first, of which some steps were replaced by calls; they never depended on a result, and never recover
from a failure (section 4, "What makes real real").
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.tokenizer import EOS
from raw2fig.papers.agentic_rl.chain_tool import Tool, calculator
from raw2fig.papers.agentic_rl.chains import (
    ANSWER,
    CALL,
    END_CALL,
    END_RESULT,
    EQUALS,
    ERROR,
    PLAN,
    RESULT,
    SIGNS,
    THEN,
    Problem,
    number,
)
from raw2fig.papers.agentic_rl.segments import Segment, Trajectory, joined
from raw2fig.settings import Field, Record

REACTIVE, DELIBERATIVE, STITCHED, TEXT = "reactive", "deliberative", "stitched", "text"
"""How a trajectory was made."""


class Expert(Record):
    """How the expert of real trajectories works."""

    deliberative: float = Field(
        ge=0, le=1, description="Share of trajectories with a plan and one composed call; the others call at each step."
    )
    corruption: float = Field(
        ge=0, le=1, description="Chance that a call is written wrongly at first; the tool says E, and it is repeated."
    )


def real(problem: Problem, expert: Expert, rng: np.random.Generator, tool: Tool = calculator) -> Trajectory:
    """The expert solves a problem with the tool. Raises `InputError` when the tool refuses a right call: its failure
    must not become part of the data."""
    deliberative = rng.random() < expert.deliberative
    solve = _deliberative if deliberative else _reactive
    return _trajectory(problem, solve(problem, expert, rng, tool), DELIBERATIVE if deliberative else REACTIVE)


def stitched(problem: Problem, replaced: float, rng: np.random.Generator) -> Trajectory:
    """A solution in text in which each step is replaced by a call with the chance `replaced`; no tool is asked."""
    segments = list[Segment]()
    for before, (operation, b), after in zip(problem.values, problem.steps, problem.values[1:], strict=False):
        expression, result = single(before, operation, b), number(after)
        if rng.random() < replaced:
            segments += [_call(expression), _result(result)]
        else:
            segments.append(Segment((*expression, EQUALS, *result, THEN), True))
    return _trajectory(problem, [*segments, _answer(number(problem.result))], STITCHED)


def text_only(problem: Problem) -> Trajectory:
    """A solution in text with every step written out, as a model with long chains of thought writes it."""
    return stitched(problem, 0.0, np.random.default_rng(0))._replace(manner=TEXT)


def long_cot(problems: Sequence[Problem], share: float, expert: Expert, rng: np.random.Generator) -> list[Trajectory]:
    """Solutions in text, of which a share, exact to one trajectory, is real ones with the tool in their place."""
    with_tool = set(rng.permutation(len(problems))[: round(share * len(problems))].tolist())
    return [
        real(problem, expert, rng) if place in with_tool else text_only(problem)
        for place, problem in enumerate(problems)
    ]


def single(value: int, operation: str, operand: int) -> list[str]:
    """Words of one operation on the result so far: `5 5 * 1 2`."""
    return [*number(value), SIGNS[operation], *number(operand)]


def composed(problem: Problem) -> list[str]:
    """Words of the whole chain as one expression: `( ( 4 7 + 8 ) * 1 2 ) - 5`."""
    words = number(problem.first)
    for place, (operation, operand) in enumerate(problem.steps):
        inner = ["(", *words, ")"] if place else words
        words = [*inner, SIGNS[operation], *number(operand)]
    return words


def corrupted(expression: Sequence[str], rng: np.random.Generator) -> list[str]:
    """The expression with one slip, after which it is none: an operator doubled, the last operand forgotten, a
    parenthesis not closed, or the problem's letter in place of an operator."""
    words = list(expression)
    # of `- 5 * 3` the first sign is no operator
    signs = [place for place, word in enumerate(words) if place and word in SIGNS.values()]
    at = signs[rng.integers(len(signs))]
    letter = next(letter for letter, sign in SIGNS.items() if sign == words[at])
    slips = (
        [*words[: at + 1], "*", *words[at + 1 :]],
        words[: signs[-1] + 1],
        ["(", *words],
        [*words[:at], letter, *words[at + 1 :]],
    )
    return slips[rng.integers(len(slips))]


def _reactive(problem: Problem, expert: Expert, rng: np.random.Generator, tool: Tool) -> Iterator[Segment]:
    """One operation a call; the next one goes on with the result that was read."""
    result: Sequence[str] = number(problem.first)
    for operation, operand in problem.steps:
        result = yield from _asked([*result, SIGNS[operation], *number(operand)], expert, rng, tool)
    yield _answer(result)


def _deliberative(problem: Problem, expert: Expert, rng: np.random.Generator, tool: Tool) -> Iterator[Segment]:
    """A plan, the number of steps and their operations, then one call with the whole chain."""
    yield Segment((PLAN, str(len(problem.steps)), *problem.operations), True)
    result = yield from _asked(composed(problem), expert, rng, tool)
    yield _answer(result)


def _asked(
    expression: Sequence[str], expert: Expert, rng: np.random.Generator, tool: Tool
) -> Generator[Segment, None, Sequence[str]]:
    """Segments of a call, which is repeated if it was corrupted and the tool said so. Returns the result's words."""
    tries = [expression]
    if rng.random() < expert.corruption:
        tries.insert(0, corrupted(expression, rng))
    for words in tries:
        result = tool(words)
        yield from (_call(words), _result(result))
        if result != [ERROR]:
            return result
    raise InputError("tool", f"says {ERROR} to {' '.join(expression)}", "its value")


def _call(expression: Sequence[str]) -> Segment:
    return Segment((CALL, *expression, END_CALL), True)


def _result(words: Sequence[str]) -> Segment:
    return Segment((RESULT, *words, END_RESULT), False)


def _answer(result: Sequence[str]) -> Segment:
    return Segment((ANSWER, *result, EOS), True)


def _trajectory(problem: Problem, segments: Iterable[Segment], manner: str) -> Trajectory:
    return Trajectory(tuple(problem.prompt()), joined(segments), manner)

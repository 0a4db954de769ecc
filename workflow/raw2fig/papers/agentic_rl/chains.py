"""The problems of the miniature: chains of arithmetic, as words.

`4 7 A 8 M 1 2 ?` asks for (47 + 8) * 12: operations act from left to right, each on the result so far. A model of
0.1 M weights cannot multiply such numbers by itself, so it needs the tool (`raw2fig.papers.agentic_rl.chain_tool`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np
from pydantic import model_validator

from raw2fig.settings import Field, Record, impossible
from raw2fig.tasks.parts import part_of

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

APPLY: dict[str, Callable[[int, int], int]] = {"A": int.__add__, "S": int.__sub__, "M": int.__mul__}
"""What an operation does with the result so far and its operand."""
SIGNS = {"A": "+", "S": "-", "M": "*"}
"""How the tool is told about an operation."""
ASKED, EQUALS, THEN = "?", "=", ";"
"""Ends of a prompt, and around the results of steps that are written out."""
CALL, END_CALL, RESULT, END_RESULT = "<call>", "</call>", "<result>", "</result>"
PLAN, ANSWER, ERROR = "<plan>", "<answer>", "E"
VOCABULARY = (
    *(*"0123456789", *APPLY, *SIGNS.values(), "(", ")", ASKED, EQUALS, THEN),
    *(CALL, END_CALL, RESULT, END_RESULT, PLAN, ANSWER, ERROR),
)
SMALLEST, LARGEST = 2, 99
"""Range of the operands."""
BOUND = 10**5
"""All results are below it in size."""
PATIENCE = 1000
"""Draws without a new problem after which no more are looked for."""


class Chains(Record):
    """Which chains are drawn."""

    families: list[Annotated[str, Field(pattern="^[ASM]+$")]] = Field(
        min_length=1,
        description="Families of problems, each by its operations: A adds, S subtracts, M multiplies. [A] is one "
        "narrow family, [A, S, M, ASM] are four.",
    )
    fewest: int = Field(ge=1, description="Fewest operations of a problem.")
    longest: int = Field(ge=1, le=4, description="Most operations of a problem.")
    largest: int = Field(ge=SMALLEST, le=LARGEST, description="Largest operand; the smallest is 2.")

    @model_validator(mode="after")
    def _possible(self) -> Any:
        if self.fewest > self.longest:
            raise impossible("fewest", f"is {self.fewest}", f"at most {self.longest}, the longest")
        return self


class Problem(NamedTuple):
    """A number to begin with, and the operations with their operands."""

    first: int
    steps: tuple[tuple[str, int], ...]

    @property
    def values(self) -> list[int]:
        """The number to begin with, and the result after each step."""
        return list(accumulate(self.steps, lambda value, step: APPLY[step[0]](value, step[1]), initial=self.first))

    @property
    def result(self) -> int:
        return self.values[-1]

    @property
    def operations(self) -> str:
        """`AM` of `4 7 A 8 M 1 2 ?`."""
        return "".join(operation for operation, _ in self.steps)

    def prompt(self) -> list[str]:
        """Words of the prompt."""
        return [*number(self.first), *(word for sign, b in self.steps for word in (sign, *number(b))), ASKED]

    @property
    def part(self) -> str:
        """The part that the problem belongs to, in every replicate."""
        return part_of(" ".join(self.prompt()).encode())


def number(value: int) -> list[str]:
    """Words of an integer: a digit each, after a minus where it is negative."""
    return list(str(value))


def parse(prompt: Sequence[str]) -> Problem:
    """The problem of the words of a prompt. Raises `ValueError` for words that are none."""
    text = "".join(prompt)
    for letter in APPLY:
        text = text.replace(letter, f" {letter} ")
    first, *rest = text.removesuffix(ASKED).split()
    problem = Problem(int(first), tuple((letter, int(b)) for letter, b in zip(rest[::2], rest[1::2], strict=True)))
    if problem.prompt() != list(prompt):
        raise ValueError(f"no prompt: {' '.join(prompt)}")
    return problem


def draw(chains: Chains, steps: int, rng: np.random.Generator) -> Problem:
    """Any problem with so many steps, of a family that is drawn first. Drawn anew, operations and all, until no result
    is too large: long chains therefore multiply less often than short ones."""
    family = list(chains.families[rng.integers(len(chains.families))])
    while True:
        first, *operands = rng.integers(SMALLEST, chains.largest + 1, size=steps + 1).tolist()
        operations = [family[place] for place in rng.integers(len(family), size=steps)]
        problem = Problem(first, tuple(zip(operations, operands, strict=True)))
        if max(map(abs, problem.values)) < BOUND:
            return problem


def distinct(
    chains: Chains, part: str, count: int, rng: np.random.Generator, without: Sequence[Problem] = ()
) -> list[Problem]:
    """Different problems of a part, none of which is in `without`. Numbers of steps take turns, so that each is equally
    frequent, until hardly another problem with so many steps is found; fewer than `count` in all where none is left."""
    taken, found, lengths = set(without), list[Problem](), list(range(chains.fewest, chains.longest + 1))
    while lengths and len(found) < count:
        steps = lengths[len(found) % len(lengths)]
        drawn = (draw(chains, steps, rng) for _ in range(PATIENCE))
        new = next((one for one in drawn if one.part == part and one not in taken), None)
        if new is None:
            lengths.remove(steps)
        else:
            taken.add(new)
            found.append(new)
    return found


def chain_tokenizer() -> PreTrainedTokenizerBase:
    """One token for each word of prompts and trajectories, with an end of sequence: 31 with the special ones."""
    from raw2fig.lm.tokenizer import word_tokenizer

    return word_tokenizer(VOCABULARY)

"""Variable tracking: which variables have a value that was handed on from one to the next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from raw2fig.papers.brain_rot.battery.ruler.score import Item
from raw2fig.papers.brain_rot.battery.ruler.words import NOISE, hidden

HOPS = 4
LETTERS = 5
"""Letters of a variable's name."""
LONGEST = 30
"""Tokens of a reply at most."""
ALPHABET = [*"ABCDEFGHIJKLMNOPQRSTUVWXYZ"]


class Chain(NamedTuple):
    """A text in which a value is assigned to the first of the variables, and each of them to the next."""

    text: str
    variables: tuple[str, ...]
    value: int


def variable_tracking(size: int, rng: np.random.Generator) -> Item:
    """A chain of four hops whose statements stand in order among `size` blocks of noise, after a worked example with
    one block."""
    example, chain = _chain(1, rng), _chain(size, rng)
    prompt = f"{_question(example)} {' '.join(example.variables)}\n\n{_question(chain)}"
    return Item(prompt, chain.variables, True, LONGEST)


def _chain(size: int, rng: np.random.Generator) -> Chain:
    names: dict[str, None] = {}
    while len(names) <= HOPS:
        names["".join(rng.choice(ALPHABET, LETTERS))] = None
    variables, value = tuple(names), int(rng.integers(10_000, 100_000))
    sources = [str(value), *(f"VAR {name}" for name in variables)]
    statements = [f"VAR {name} = {source}" for name, source in zip(variables, sources, strict=False)]
    return Chain("\n".join(hidden([NOISE] * size, statements, rng)), variables, value)


def _question(chain: Chain) -> str:
    return (
        "Follow the assignments of variables that are hidden in the text below.\n"
        f"{chain.text}\n"
        f"Which {HOPS + 1} variables have the value {chain.value}, directly or by way of others? The variables are:"
    )

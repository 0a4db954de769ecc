"""How a programmatic policy computes a chain of arithmetic."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from raw2fig.papers.hal.benchmarks.arithmetic import evaluate
from raw2fig.papers.hal.policies import Decision, Plant, Seen

SHORT = 6
"""Digits of an expression up to which a careless policy computes by head."""
ERROR = 0.04
"""Probability of an error by head for each digit."""
LINE = re.compile(r"^([a-z]) (?:=|is) (.+)$", re.MULTILINE)
ASKED = re.compile(r"^(?:What is|Work out) ([a-z])\b", re.MULTILINE)
FOR = re.compile(r"^([a-z]):$", re.MULTILINE)
"""What a policy writes to remember for which line it computes."""


def rule(seen: Seen, careful: bool, rng: np.random.Generator) -> Decision:
    """Compute line by line with the calculator, and say for which line; careless: short expressions by head. What was
    computed before the turns that are in sight, and everything without a calculator, is done by head too."""
    question = ASKED.search(seen.prompt)
    assert question, f"no question about a chain: {seen.prompt}"
    shown = {
        line[1]: turn.observation
        for turn in seen.turns
        if (line := FOR.search(turn.said)) and turn.observation.lstrip("-").isdigit()
    }
    known = dict[str, int]()
    for name, expression in LINE.findall(seen.prompt):
        filled = fill(expression, known)
        behind = any(name < later for later in shown)
        if name in shown:
            known[name] = int(shown[name])
        elif behind or not seen.has("calculate") or (not careful and digits(filled) <= SHORT):
            known[name] = by_head(filled, rng)
        else:
            return Decision(f"{name}:\ncalculate[{filled}]", [f"{name}:\ncalculate[{_misread(filled, rng)}]"])
    value = known[question[1]]
    return Decision(f"finish[{value}]", [f"finish[{value + int(rng.choice([-10, -1, 1, 10]))}]"])


def fill(expression: str, known: Mapping[str, int]) -> str:
    """The expression with numbers in the places of names."""
    return re.sub(r"[a-z]", lambda name: str(known[name[0]]), expression)


def digits(expression: str) -> int:
    """Digits of an expression."""
    return sum(map(str.isdigit, expression))


def by_head(expression: str, rng: np.random.Generator) -> int:
    """The value as somebody finds it without a calculator: the more digits, the likelier it is wrong."""
    try:
        value = evaluate(expression, {})
    except ValueError:  # too large for a head
        value = 0
    return value + (10 if rng.random() < min(0.9, ERROR * digits(expression)) else 0)


def _misread(expression: str, rng: np.random.Generator) -> str:
    """The expression with a digit changed."""
    places = [place for place, letter in enumerate(expression) if letter.isdigit()]
    place = places[rng.integers(len(places))]
    return f"{expression[:place]}{(int(expression[place]) + 1) % 10}{expression[place + 1 :]}"


def _hard_coded(seen: Seen, rng: np.random.Generator) -> str | None:
    """An answer without any computation."""
    return "finish[42]" if seen.has("calculate") and not seen.turns else None


PLANTS: Mapping[str, Plant] = {"hard_codes": _hard_coded}

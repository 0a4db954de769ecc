"""The programs of the miniature: functions of a few assignments over small integers.

A program is Python that also runs as such. What a model writes is never executed: `read_file` accepts this language
alone and `values` computes it on arrays, a strict parser and an evaluator of a few lines.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from keyword import iskeyword
from typing import NamedTuple

import numpy as np

OPERATORS = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "//": np.floor_divide,
}
"""Operators; two are calls in Python."""
CALLS = ("max", "min")
ARGUMENTS = ("a", "b")
VARIABLES = ("x", "y", "z", "u", "v", "w")
RESULT = "return"
"""Target of a function's last line."""
FARTHEST = 12
"""No argument is farther from 0."""
WIDEST = 2**62
"""No number of a program may be farther from 0, so that 64 bits hold what Python computes without limit."""


class Term(NamedTuple):
    """An operator and its two operands, each a name or a whole number."""

    operator: str
    left: str
    right: str


class Function(NamedTuple):
    """A function of `a` and `b`: what each term is assigned to, in order; the last is returned."""

    name: str
    targets: tuple[str, ...]
    terms: tuple[Term, ...]


def expression(term: Term) -> str:
    """A term as Python."""
    if term.operator in CALLS:
        return f"{term.operator}({term.left}, {term.right})"
    return f"{term.left} {term.operator} {term.right}"


def statement(target: str, term: Term) -> str:
    """A line of a function's body, indented."""
    return f"    {RESULT} {expression(term)}" if target == RESULT else f"    {target} = {expression(term)}"


def source(functions: Sequence[Function]) -> str:
    """Text of a file."""
    lines = []
    for function in functions:
        lines.append(f"def {function.name}(a, b):")
        lines += [statement(*line) for line in zip(function.targets, function.terms, strict=True)]
    return "\n".join(lines) + "\n"


NAME = rf"[{''.join(VARIABLES)}]"
ATOM = rf"([{''.join(ARGUMENTS + VARIABLES)}]|[0-9]|[1-9][0-9])"
HEAD = re.compile(r"def ([a-z]+)\(a, b\):")
INFIX = re.compile(rf"    (return|{NAME} =) {ATOM} (\+|-|\*|//) {ATOM}")
CALL = re.compile(rf"    (return|{NAME} =) (max|min)\({ATOM}, {ATOM}\)")


@lru_cache(maxsize=100_000)
def _read_line(line: str) -> tuple[str, Term | None] | None:
    """Name and nothing for a function's first line, target and term for another one, None for what is neither."""
    if found := HEAD.fullmatch(line):
        # a function of the name of a call would stand in its place
        return None if iskeyword(found[1]) or found[1] in CALLS else (found[1], None)
    if found := INFIX.fullmatch(line):
        return found[1].split()[0], Term(found[3], found[2], found[4])
    if found := CALL.fullmatch(line):
        return found[1].split()[0], Term(found[2], found[3], found[4])
    return None


def read_file(text: str) -> dict[str, Function] | None:
    """The functions of a file by name; None for anything that is not of this language, such as a name that is used
    before it has a value, or numbers that could be too large."""
    found: dict[str, Function] = {}
    name, targets, terms = "", list[str](), list[Term]()
    for line in text.removesuffix("\n").split("\n"):
        read = _read_line(line)
        if read is None:
            return None
        target, term = read
        if term is None:
            if name or target in found:  # the last function has no result yet, or this one is there twice
                return None
            name, targets, terms = target, [], []
            continue
        known = (*ARGUMENTS, *targets)
        if not name or target in targets or any(not atom.isdigit() and atom not in known for atom in term[1:]):
            return None
        targets.append(target)
        terms.append(term)
        if target == RESULT:
            found[name] = Function(name, tuple(targets), tuple(terms))
            if widest(found[name]) > WIDEST:
                return None
            name = ""
    return None if name else found


def widest(function: Function) -> int:
    """How far from 0 a number can be that a function computes from arguments within `FARTHEST`, at most."""
    bounds = dict.fromkeys(ARGUMENTS, FARTHEST)
    for target, term in zip(function.targets, function.terms, strict=True):
        left, right = (bounds[atom] if atom in bounds else int(atom) for atom in term[1:])
        # |a // b| is at most |a|, or 1 where that is 0 and the quotient rounds down
        bounds[target] = {"*": left * right, "+": left + right, "-": left + right}.get(
            term.operator, max(left, right, 1)
        )
    return max(bounds.values())


def values(function: Function, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Results (points,) for arguments (points,). As in Python, a division by zero is an error; it gives the smallest
    integer here, which no other program of this language has on the same arguments."""
    known: dict[str, np.ndarray | int] = {"a": a, "b": b}
    failed = np.zeros(len(a), bool)
    result = a
    for target, term in zip(function.targets, function.terms, strict=True):
        left, right = (_atom(known, atom) for atom in term[1:])
        if term.operator == "//":
            zero = np.equal(right, 0)
            failed |= zero
            right = np.where(zero, 1, right)
        result = OPERATORS[term.operator](left, right)
        known[target] = result
    return np.where(failed, np.iinfo(np.int64).min, result)


def _atom(known: Mapping[str, np.ndarray | int], atom: str) -> np.ndarray | int:
    return known[atom] if atom in known else int(atom)


def canonical(function: Function) -> str:
    """A function without its name, with its variables numbered, every constant the same, and whichever of its arguments
    comes first: what two parts of the data must not share."""
    numbered = {name: f"v{place}" for place, name in enumerate(function.targets)}

    def written(names: Mapping[str, str]) -> str:
        return " ; ".join(
            " ".join((term.operator, *("n" if atom.isdigit() else names.get(atom, atom) for atom in term[1:])))
            for term in function.terms
        )

    return min(written(numbered), written({**numbered, "a": "b", "b": "a"}))

"""Bugs by mutation: all changes of a text at one place, by a small table of operators.

What an operator does, it also undoes: the original is one of the mutants of each of its mutants. So the mutants of a
text are its repairs, too. Everything else in the text stays as it is, comments and formatting included.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from raw2fig.errors import InputError


class Mutant(NamedTuple):
    """A text that differs from the original in one line: the operator, the line's number from 1, and the text."""

    operator: str
    line: int
    source: str


class Edit(NamedTuple):
    """Bytes `start` to `end` of a text, and what stands there instead."""

    start: int
    end: int
    new: bytes


class Text(NamedTuple):
    """A text in bytes, as syntax trees count, and the first byte of each line."""

    data: bytes
    lines: Sequence[int]


Table = Mapping[str, Sequence[str]]
"""What a word may become."""


def swaps(*pairs: tuple[str, str]) -> Table:
    """Each word of a pair may become the other."""
    table: dict[str, list[str]] = {}
    for one, other in pairs:
        table.setdefault(one, []).append(other)
        table.setdefault(other, []).append(one)
    return table


COMPARISONS = swaps(
    ("<", "<="), (">", ">="), ("<", ">"), ("<=", ">="), ("==", "!="), ("is", "is not"), ("in", "not in")
)
ARITHMETIC = swaps(("+", "-"), ("*", "//"), ("*", "/"), ("*", "**"), ("/", "//"), ("%", "//"), ("&", "|"), ("<<", ">>"))
ASSIGNMENTS = {f"{word}=": [f"{other}=" for other in others] for word, others in ARITHMETIC.items()}
CONNECTIVES = swaps(("and", "or"))
JUMPS = swaps(("break", "continue"))
NAMES = swaps(("True", "False"), ("min", "max"), ("any", "all"), ("append", "appendleft"), ("pop", "popleft"))
ORDERED = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.LShift, ast.RShift)
"""Operations whose operands have an order."""
ATOMS = {ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Constant}
"""Operands that stay whole wherever they stand."""
UNSEEN = {"annotation", "returns", "decorator_list"}
"""Fields of syntax trees that are left alone."""


def mutants(source: str) -> list[Mutant]:
    """All mutants of a text, none twice, in the order of the places and then of `OPERATORS`. Docstrings, annotations,
    decorators and f-strings are left alone. Raises `InputError` for what is not Python."""
    data = source.encode()
    text = Text(data, [0, *(match.end() for match in re.finditer(rb"\n", data))])
    try:
        nodes = list(_seen(ast.parse(source)))
    except (SyntaxError, ValueError) as error:
        raise InputError("source", f"is not Python ({error})", "the text of a function") from error
    found = [
        (edit, operator)
        for operator, edits_of in OPERATORS.items()
        for node in nodes
        for edit in edits_of(text, node)
        if data[edit.start : edit.end] != edit.new
    ]
    unique: dict[bytes, Mutant] = {}
    for edit, operator in sorted(found, key=lambda one: one[0].start):
        mutated = data[: edit.start] + edit.new + data[edit.end :]
        unique.setdefault(mutated, Mutant(operator, bisect_right(text.lines, edit.start), mutated.decode()))
    return list(unique.values())


def _seen(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for name, field in ast.iter_fields(node):
        if name not in UNSEEN and not isinstance(node, ast.JoinedStr):
            for child in field if isinstance(field, list) else [field]:
                if isinstance(child, ast.AST):
                    yield from _seen(child)


def comparison(text: Text, node: ast.AST) -> Iterator[Edit]:
    """`a < b` → `a <= b`"""
    if isinstance(node, ast.Compare):
        for left, right in pairwise([node.left, *node.comparators]):
            yield from _swapped(text, left, right, COMPARISONS)


def arithmetic(text: Text, node: ast.AST) -> Iterator[Edit]:
    """`a + b` → `a - b`, `a += b` → `a -= b`"""
    if isinstance(node, ast.BinOp):
        yield from _swapped(text, node.left, node.right, ARITHMETIC)
    elif isinstance(node, ast.AugAssign):
        yield from _swapped(text, node.target, node.value, ASSIGNMENTS)


def connective(text: Text, node: ast.AST) -> Iterator[Edit]:
    """`a and b` → `a or b`"""
    if isinstance(node, ast.BoolOp):
        for left, right in pairwise(node.values):
            yield from _swapped(text, left, right, CONNECTIVES)


def negation(text: Text, node: ast.AST) -> Iterator[Edit]:
    """`if a:` → `if not a:`, also after `and`, `or`, `elif`, `while` and `assert`"""
    if isinstance(node, ast.If | ast.While | ast.Assert):
        yield from _negated(text, _span(text, node)[0], node.test)
    elif isinstance(node, ast.IfExp):
        yield from _negated(text, _span(text, node.body)[1], node.test)
    elif isinstance(node, ast.BoolOp):
        for left, right in pairwise(node.values):
            yield from _negated(text, _span(text, left)[1], right)
    elif isinstance(node, ast.comprehension):
        for before, test in pairwise([node.iter, *node.ifs]):
            yield from _negated(text, _span(text, before)[1], test)


def sign(text: Text, node: ast.AST) -> Iterator[Edit]:
    """`-a` → `+a`"""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        start, _ = _span(text, node)
        yield Edit(start, start + 1, b"+" if isinstance(node.op, ast.USub) else b"-")


def constant(text: Text, node: ast.AST) -> Iterator[Edit]:
    """`1` → `0`, `1` → `2`"""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        start, end = _span(text, node)
        if text.data[start:end] == b"%d" % node.value:
            yield from (Edit(start, end, b"%d" % near) for near in (node.value - 1, node.value + 1) if near >= 0)


def name(text: Text, node: ast.AST) -> Iterator[Edit]:
    """`True` → `False`, `min` → `max`, `a.append` → `a.appendleft`"""
    if isinstance(node, ast.Name | ast.Attribute | ast.Constant):
        yield from _last_word(text, node, NAMES)


def jump(text: Text, node: ast.AST) -> Iterator[Edit]:
    """`break` → `continue`"""
    if isinstance(node, ast.Break | ast.Continue):
        yield from _last_word(text, node, JUMPS)


def order(text: Text, node: ast.AST) -> Iterator[Edit]:
    """`f(a, b)` → `f(b, a)`, `a, b` → `b, a`, `a - b` → `b - a`"""
    if isinstance(node, ast.Call | ast.Tuple):
        for left, right in pairwise(node.args if isinstance(node, ast.Call) else node.elts):
            if not isinstance(left, ast.Starred) and not isinstance(right, ast.Starred):
                yield from _exchanged(text, left, right, rb"\s*,\s*")
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ORDERED) and {type(node.left), type(node.right)} <= ATOMS:
        yield from _exchanged(text, node.left, node.right, rb"[^()]*")


def bound(text: Text, node: ast.AST) -> Iterator[Edit]:
    """`a[b:]` → `a[:b]`"""
    if isinstance(node, ast.Slice) and node.step is None and (node.lower is None) != (node.upper is None):
        start, end = _span(text, node)
        limit = text.data[start:end].strip(b":")
        if end - start == len(limit) + 1 and limit == limit.strip():
            yield Edit(start, end, b":" + limit if node.upper is None else limit + b":")


OPERATORS: dict[str, Callable[[Text, ast.AST], Iterator[Edit]]] = {
    "comparison": comparison,
    "arithmetic": arithmetic,
    "connective": connective,
    "negation": negation,
    "sign": sign,
    "constant": constant,
    "name": name,
    "jump": jump,
    "order": order,
    "bound": bound,
}
"""The edits that an operator makes of a node of the syntax tree."""


def _span(text: Text, node: ast.expr | ast.stmt) -> tuple[int, int]:
    """First byte and end of a node; parentheses around it are outside."""
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return text.lines[node.lineno - 1] + node.col_offset, text.lines[node.end_lineno - 1] + node.end_col_offset


def _swapped(text: Text, left: ast.expr, right: ast.expr, table: Table) -> Iterator[Edit]:
    """The word between two nodes, replaced."""
    (_, start), (end, _) = _span(text, left), _span(text, right)
    match = re.compile(rb"[\s)\\]*(.+?)[\s(\\]*").fullmatch(text.data, start, end)
    if match:
        yield from (Edit(*match.span(1), new.encode()) for new in table.get(match[1].decode(), ()))


def _negated(text: Text, start: int, test: ast.expr) -> Iterator[Edit]:
    """`not` put in or left out after the keyword that stands between `start` and a test."""
    match = re.compile(rb"[\s)\\]*(if|elif|while|assert|and|or) ").match(text.data, start)
    if match:
        here = match.end()
        if text.data.startswith(b"not ", here):
            yield Edit(here, here + 4, b"")
        elif not (isinstance(test, ast.NamedExpr | ast.Lambda) and _span(text, test)[0] == here):
            yield Edit(here, here, b"not ")


def _last_word(text: Text, node: ast.expr | ast.stmt, table: Table) -> Iterator[Edit]:
    start, end = _span(text, node)
    match = re.compile(rb"(?:.*\.\s*)?(\w+)", re.DOTALL).fullmatch(text.data, start, end)
    if match:
        yield from (Edit(*match.span(1), new.encode()) for new in table.get(match[1].decode(), ()))


def _exchanged(text: Text, left: ast.expr, right: ast.expr, between: bytes) -> Iterator[Edit]:
    """Two nodes of one line in each other's place."""
    (start, gap), (end, stop) = _span(text, left), _span(text, right)
    if left.lineno == right.end_lineno and re.compile(between).fullmatch(text.data, gap, end):
        yield Edit(start, stop, text.data[end:stop] + text.data[gap:end] + text.data[start:gap])

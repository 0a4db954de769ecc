"""A calculator for expressions that a model wrote: integers, `+ - * // %`, unary minus and parentheses.

It works in this process, takes some ten microseconds, and never executes anything: Python's parser makes a syntax tree,
and the tree is walked. What the tree may hold is listed here; all else is an error.
"""

import ast
import operator
import re
from collections.abc import Callable
from typing import Literal

Kind = Literal["syntax", "forbidden", "division", "length", "depth", "size"]
"""Why there is no value: no expression at all; one that the calculator does not know, such as `2 ** 3`; a division by
zero; too many characters; operations nested too deeply; too large a number."""

CHARACTERS = 500
"""An expression has at most so many characters."""
DEPTH = 100
"""At most so many operations may be nested. `1 + 2 + 3` are two, one inside the other."""
DIGITS = 100
"""A number has at most so many digits, also one on the way to the result."""
LARGEST = 10**DIGITS - 1
WRITTEN = re.compile(r"[0-9+\-*/%() \t]*", re.ASCII)
"""What stands in an expression. Whatever else Python would read, a name, a fraction, a text, needs other characters."""
OPERATIONS: dict[type, Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


class CalculationError(ValueError):
    """Why an expression has no value, in words that a model may read, and as a `kind`."""

    def __init__(self, kind: Kind, text: str) -> None:
        super().__init__(text)
        self.kind = kind


def calculate(expression: str) -> int:
    """The value of an expression, with Python's rules for `//` and `%`. Raises `CalculationError` and nothing else."""
    if len(expression) > CHARACTERS:
        raise CalculationError("length", f"the expression has more than {CHARACTERS} characters")
    if not WRITTEN.fullmatch(expression):
        raise CalculationError("forbidden", "only integers, + - * // % and parentheses are known")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # the parser gives up on deep nesting in each of these ways
        raise CalculationError("syntax", "this is no expression") from None
    return _value(tree.body, DEPTH)


def _value(node: ast.expr, depth: int) -> int:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return _sized(node.value)
    if depth == 0:
        raise CalculationError("depth", f"more than {DEPTH} operations inside each other")
    if isinstance(node, ast.BinOp) and (operation := OPERATIONS.get(type(node.op))):
        left, right = _value(node.left, depth - 1), _value(node.right, depth - 1)
        try:
            return _sized(operation(left, right))
        except ZeroDivisionError:
            raise CalculationError("division", "division by zero") from None
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand, depth - 1)
    raise CalculationError("forbidden", "only integers, + - * // % and parentheses are known")


def _sized(value: int) -> int:
    if abs(value) > LARGEST:
        raise CalculationError("size", f"a number has more than {DIGITS} digits")
    return value

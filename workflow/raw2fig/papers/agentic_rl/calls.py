"""What the tool says to a call: the exact value of an expression, or `E`.

Expressions have integers, + - * and parentheses. They are parsed here: text of a model is never executed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from raw2fig.papers.agentic_rl.chains import END_RESULT, ERROR, RESULT, number

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Tool = Callable[[Sequence[str]], list[str]]
"""From the words of an expression to those of its result."""

TOKEN = re.compile(r"0|[1-9][0-9]*|[-+*()]")
LONGEST = 100
"""Characters of an expression. The parser calls itself for each parenthesis, so this also bounds its depth."""
TOO_LARGE = 10**10
"""Results from it on, in size, are errors: they would fill up a response."""


def calculator(expression: Sequence[str]) -> list[str]:
    """The tool: digits of the expression's value, or the error word."""
    value = evaluate("".join(expression))
    return [ERROR] if value is None else number(value)


def disabled(expression: Sequence[str]) -> list[str]:
    """A tool that always fails, for the control that shows whether a policy needs it."""
    return [ERROR]


def evaluate(text: str) -> int | None:
    """Value of an expression, with Python's rules of precedence; None for what is no expression, is longer than
    `LONGEST`, or has a value of `TOO_LARGE` or more."""
    tokens = TOKEN.findall(text)
    if len(text) > LONGEST or "".join(tokens) != "".join(text.split()):
        return None
    tokens.reverse()  # the next one is the last
    try:
        value = _sum(tokens)
    except (IndexError, ValueError):  # it ends too early, or has a symbol where a number should be
        return None
    return value if not tokens and abs(value) < TOO_LARGE else None


def _sum(tokens: list[str]) -> int:
    value = _product(tokens)
    while tokens and tokens[-1] in ("+", "-"):
        value = value + _product(tokens) if tokens.pop() == "+" else value - _product(tokens)
    return value


def _product(tokens: list[str]) -> int:
    value = _factor(tokens)
    while tokens and tokens[-1] == "*":
        tokens.pop()
        value *= _factor(tokens)
    return value


def _factor(tokens: list[str]) -> int:
    token = tokens.pop()
    if token in ("+", "-"):
        return _factor(tokens) if token == "+" else -_factor(tokens)
    if token == "(":
        value = _sum(tokens)
        if tokens.pop() != ")":
            raise ValueError
        return value
    return int(token)


def reply(tool: Tool, expression: Sequence[str]) -> list[str]:
    """All words that follow a call: the result between its markers."""
    return [RESULT, *tool(expression), END_RESULT]


def replies_of(tool: Tool, tokenizer: PreTrainedTokenizerBase) -> Callable[[Sequence[Sequence[int]]], list[list[int]]]:
    """The tool for a sampler: from the token ids of some expressions to those that follow each of the calls. Token ids
    of the result are looked up, never got by encoding the whole text anew."""
    ids = tokenizer.get_vocab()

    def replies(calls: Sequence[Sequence[int]]) -> list[list[int]]:
        expressions = (tokenizer.convert_ids_to_tokens(list(call)) for call in calls)
        return [[ids[word] for word in reply(tool, words)] for words in expressions]

    return replies

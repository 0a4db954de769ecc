"""What the tool of the miniature says to a call: the exact value of an expression, or `E`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from raw2fig.papers.agentic_rl.chains import END_RESULT, ERROR, RESULT, number
from raw2fig.tasks.calculator import CalculationError, calculate

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Tool = Callable[[Sequence[str]], list[str]]
"""From the words of an expression to those of its result."""

TOO_LARGE = 10**10
"""Results from it on, in size, are errors: they would fill up a response."""


def calculator(expression: Sequence[str]) -> list[str]:
    """The tool: digits of the expression's value, or the error word."""
    try:
        value = calculate("".join(expression))
    except CalculationError:
        return [ERROR]
    return number(value) if abs(value) < TOO_LARGE else [ERROR]


def disabled(expression: Sequence[str]) -> list[str]:
    """A tool that always fails, for the control that shows whether a policy needs it."""
    return [ERROR]


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

"""Tokens and their price (HAL, section on cost): usage as three kinds of providers send it, and a table of prices.

`prompt` counts all tokens of the prompt, whether or not they came from a cache, as OpenAI counts. Anthropic leaves out
what it read from the cache or wrote to it, Bedrock names the same numbers otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from raw2fig.errors import InputError, nearest
from raw2fig.settings import Field, Record


class Usage(NamedTuple):
    """Tokens of calls. `prompt` includes the tokens read from a cache and written to one."""

    prompt: int = 0
    completion: int = 0
    cache_read: int = 0
    cache_write: int = 0

    def plus(self, other: Usage) -> Usage:
        """The sum of both."""
        return Usage(*(a + b for a, b in zip(self, other, strict=True)))


def total(usages: Iterable[Usage]) -> Usage:
    """The sum of all."""
    found = Usage()
    for usage in usages:
        found = found.plus(usage)
    return found


def normalise(raw: Mapping[str, Any]) -> Usage:
    """Usage as OpenAI, Anthropic or Bedrock sends it. Raises `InputError` for another form, so that no tokens are lost
    silently."""
    if "prompt_tokens" in raw:
        details = raw.get("prompt_tokens_details") or {}
        return _usage(raw, raw["prompt_tokens"], raw.get("completion_tokens"), details.get("cached_tokens"), 0)
    if "input_tokens" in raw:
        read, write = raw.get("cache_read_input_tokens") or 0, raw.get("cache_creation_input_tokens") or 0
        return _usage(raw, raw["input_tokens"] + read + write, raw.get("output_tokens"), read, write)
    if "inputTokens" in raw:
        read, write = raw.get("cacheReadInputTokens") or 0, raw.get("cacheWriteInputTokens") or 0
        return _usage(raw, raw["inputTokens"] + read + write, raw.get("outputTokens"), read, write)
    raise InputError("usage", f"has the keys {', '.join(map(repr, raw)) or 'of nothing'}", "counts of tokens")


def _usage(raw: Mapping[str, Any], *counts: Any) -> Usage:
    numbers = [0 if count is None else count for count in counts]
    if wrong := [number for number in numbers if not isinstance(number, int) or number < 0]:
        raise InputError("usage", f"has the count {wrong[0]!r} in {dict(raw)}", "whole numbers, 0 or more")
    return Usage(*numbers)


class Price(Record):
    """US dollars for a million tokens."""

    input: float = Field(ge=0, description="Dollars for a million tokens of prompts.")
    output: float = Field(ge=0, description="Dollars for a million tokens of replies.")
    cache_read: float | None = Field(default=None, ge=0, description="Of prompt tokens read from a cache, if less.")
    cache_write: float | None = Field(default=None, ge=0, description="Of prompt tokens written to one, if more.")


def price_of(prices: Mapping[str, Price], model: str) -> Price:
    """The price of a model. Raises `InputError` for one that the table lacks: it does not cost nothing."""
    if model not in prices:
        raise InputError("prices", f"has no {model!r}", f"its price; {nearest(model, list(prices))}")
    return prices[model]


def cost_list(price: Price, usage: Usage) -> float:
    """US dollars without any discount, as the leaderboard counts."""
    return (price.input * usage.prompt + price.output * usage.completion) / 1e6


def cost_cached(price: Price, usage: Usage) -> float:
    """US dollars with what caches save and cost. Writing to a cache has its own price, not that of reading from it."""
    read = price.input if price.cache_read is None else price.cache_read
    write = price.input if price.cache_write is None else price.cache_write
    fresh = usage.prompt - usage.cache_read - usage.cache_write
    parts = price.input * fresh, read * usage.cache_read, write * usage.cache_write, price.output * usage.completion
    return sum(parts) / 1e6

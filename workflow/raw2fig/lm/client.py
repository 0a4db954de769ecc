"""A model that replies to messages, wherever it runs: what it is asked, and what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple


class Message(NamedTuple):
    """A message of a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


class Asked(NamedTuple):
    """What a model is asked. `seed` belongs to this reply alone; a reply ends before the first of the texts `stop`.
    With `top_p` below 1 each token is one of the likeliest that have this probability together (nucleus sampling)."""

    messages: tuple[Message, ...]
    seed: int
    temperature: float
    max_new_tokens: int
    stop: tuple[str, ...]
    top_p: float = 1.0


class Generated(NamedTuple):
    """A reply, its tokens, and how the provider sent them (`usage`, empty for a model on this machine). `finish_reason`
    is `stop`, `length`, or what else the provider says; `wasted` holds the usage of earlier attempts that gave no text
    and cost tokens all the same."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    usage: Mapping[str, Any]
    finish_reason: str
    wasted: tuple[Mapping[str, Any], ...] = ()


class Failure(NamedTuple):
    """Why there is no reply, and the usage of attempts that cost tokens all the same."""

    reason: str
    usages: tuple[Mapping[str, Any], ...] = ()


ModelClient = Callable[[Sequence[Asked]], list[Generated | Failure]]
"""The replies to all that is asked, in its order."""

SEEDS = 2**31
"""Number of seeds that every engine and endpoint knows: larger ones are taken modulo this."""

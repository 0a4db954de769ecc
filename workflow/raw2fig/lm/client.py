"""A model that replies to messages, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple


class Message(NamedTuple):
    """A message of a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str


class Asked(NamedTuple):
    """What a model is asked. `seed` belongs to this reply alone."""

    messages: tuple[Message, ...]
    seed: int
    temperature: float
    max_new_tokens: int
    stop: tuple[str, ...]


class Generated(NamedTuple):
    """A reply, its tokens, and how the provider sent them (`usage`, empty for a model on this machine)."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    usage: Mapping[str, Any]
    finish_reason: str


class Failure(NamedTuple):
    """Why there is no reply, and the usage of attempts that cost tokens all the same."""

    reason: str
    usages: tuple[Mapping[str, Any], ...] = ()


ModelClient = Callable[[Sequence[Asked]], list[Generated | Failure]]
"""The replies to all that is asked, in its order."""

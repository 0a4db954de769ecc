"""Tools that trl's trainer runs between the turns of a model that writes messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Environment(NamedTuple):
    """`make()` gives an object whose methods are the tools of a rollout. There is one for each rollout of a batch, and
    `reset(**row)` makes it ready for the next; its reward is `Rewards`, which gets the object with the messages. After
    `most` rounds of calls no more are executed."""

    make: Callable[[], Any]
    most: int


class Played(NamedTuple):
    """A rollout: the messages after the prompt, and the object whose methods were called."""

    messages: list[dict[str, Any]]
    tools: Any

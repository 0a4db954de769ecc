"""Questions to a model, and its replies as texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from raw2fig.errors import InputError
from raw2fig.lm.client import Asked, Failure, Message, ModelClient
from raw2fig.lm.generate import draw_seeds


class Decoding(NamedTuple):
    """How replies are drawn."""

    temperature: float
    top_p: float
    max_new_tokens: int


GREEDY = 0.0


def replies(client: ModelClient, prompts: Sequence[str], decoding: Decoding, seed: int) -> list[str]:
    """A reply to each prompt, drawn with a seed of its own. Raises `InputError` when there is none: a failure of the
    endpoint is no reply of the model, and must not count as a wrong one."""
    seeds = draw_seeds(len(prompts), seed)
    asked = [
        Asked((Message("user", prompt),), own, decoding.temperature, decoding.max_new_tokens, (), decoding.top_p)
        for prompt, own in zip(prompts, seeds, strict=True)
    ]
    texts = []
    for reply in client(asked) if asked else ():
        if isinstance(reply, Failure):
            raise InputError("model", f"gave no reply ({reply.reason})", "one to every prompt")
        texts.append(reply.text)
    return texts

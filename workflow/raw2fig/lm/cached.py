"""A model whose replies are kept on disk, so that a judge is asked each thing once.

Questions are kept as digests alone, replies as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from raw2fig.errors import InputError
from raw2fig.lm.client import Asked, Failure, Generated, ModelClient
from raw2fig.lm.replies import Replies, key_of


def cached(client: ModelClient, path: Path, model: str) -> ModelClient:
    """`client`, asked only for what the file `path` (JSON Lines) does not hold of this `model`, whose name must say all
    that a reply depends on beside the request, such as the revision.

    A reply is that of its messages, temperature, limits and stop texts, and of its seed where the temperature is above
    0. Failures are not kept. Raises `InputError` for a name that does not end in .jsonl.
    """
    if path.suffix != ".jsonl":
        raise InputError(path, f"unknown kind of file {path.suffix!r}", "a name ending in .jsonl")
    replies, group = Replies(path.parent), path.stem

    def ask(requests: Sequence[Asked]) -> list[Generated | Failure]:
        keys = [key_of(model, asked if asked.temperature else asked._replace(seed=0)) for asked in requests]
        open_ = {key: asked for key, asked in zip(keys, requests, strict=True) if replies.get(group, key) is None}
        failures: dict[str, Failure] = {}
        for key, reply in zip(open_, client(list(open_.values())) if open_ else (), strict=True):
            if isinstance(reply, Failure):
                failures[key] = reply
            else:
                replies.put(group, key, reply)
        return [failures[key] if key in failures else _generated(replies.get(group, key)) for key in keys]

    return ask


def _generated(stored: list[Any]) -> Generated:
    text, prompt_tokens, completion_tokens, usage, reason, wasted = stored
    return Generated(text, prompt_tokens, completion_tokens, usage, reason, tuple(wasted))

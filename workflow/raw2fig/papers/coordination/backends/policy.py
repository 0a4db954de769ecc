"""A tiny policy at play: what it has read of a prompt in one round it does not read again in the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.coordination.engine import Answer, Reply, Request, Respond
from raw2fig.papers.coordination.policy import compact

if TYPE_CHECKING:
    import torch
    from transformers import DynamicCache

BLOCK = 2048
"""Agents whose prompts go through the model together."""


@dataclass
class Block:
    """Agents that advance together: what the model has read of their prompts, (agents, words), and keeps of it."""

    rows: dict[tuple[str, int], int]
    read: np.ndarray
    cache: DynamicCache


def load_policy(folder: Path) -> Respond:
    """The model of `folder` as a player. A reply depends on its prompt and seed alone, whatever else is asked with it,
    but for the rounding of sums."""
    import torch
    from transformers import DynamicCache

    from raw2fig.lm.models import load

    model, tokenizer = load(str(folder))
    model.eval()
    vocabulary = tokenizer.get_vocab()
    by_id = {number: word for word, number in vocabulary.items()}
    unknown = vocabulary[tokenizer.unk_token]
    blocks: list[Block] = []

    def respond(requests: Sequence[Request]) -> Iterator[Answer]:
        encoded = [[vocabulary.get(word, unknown) for word in compact(request.prompt)] for request in requests]
        fresh: list[Block] = []
        for block, rows in _grouped(requests, encoded, blocks):
            ids = np.array([encoded[row] for row in rows])
            keys = [(requests[row].game, requests[row].agent) for row in rows]
            cache, known = DynamicCache(config=model.config), 0
            if block is not None:
                places = [block.rows[key] for key in keys]
                before = block.read[places]
                if before.shape[1] < ids.shape[1] and np.array_equal(before, ids[:, : before.shape[1]]):
                    cache, known = block.cache, before.shape[1]
                    if places != list(range(len(block.rows))):
                        cache.batch_select_indices(torch.tensor(places))
            with torch.no_grad():
                new = torch.from_numpy(ids[:, known:]).to(model.device)
                logits = model(input_ids=new, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1]
            drawn = _draw(logits.float(), [requests[row] for row in rows])
            fresh.append(Block({key: place for place, key in enumerate(keys)}, ids, cache))
            for row, word in zip(rows, drawn, strict=True):
                yield row, Reply(f"FINAL GUESS: {by_id[word]}", "stop", len(encoded[row]), 1)
        blocks[:] = fresh

    return respond


def _grouped(
    requests: Sequence[Request], encoded: Sequence[Sequence[int]], blocks: Sequence[Block]
) -> Iterator[tuple[Block | None, list[int]]]:
    """Requests of equal length that were in one block before, or that are new, at most BLOCK at a time. What a block
    has read goes on with the first of its groups; in a game there is no second one."""
    of = {key: number for number, block in enumerate(blocks) for key in block.rows}
    groups: dict[tuple[int, int], list[int]] = {}
    for row, request in enumerate(requests):
        groups.setdefault((of.get((request.game, request.agent), -1), len(encoded[row])), []).append(row)
    unused = dict(enumerate(blocks))
    for (number, _), rows in groups.items():
        for start in range(0, len(rows), BLOCK):
            yield unused.pop(number, None), rows[start : start + BLOCK]


def _draw(logits: torch.Tensor, requests: Sequence[Request]) -> list[int]:
    """A word for each row of `logits` (rows, vocabulary): at temperature 0 the likeliest, otherwise the one where the
    request's seed, as a number of [0, 1), falls in the cumulative distribution."""
    import torch

    heat = torch.tensor([request.temperature for request in requests], device=logits.device)[:, None]
    numbers = torch.tensor([(request.seed >> 11) * 2.0**-53 for request in requests], dtype=torch.float64)[:, None]
    cumulative = torch.softmax(logits.double() / heat.clamp(min=1e-6), -1).cumsum(-1)
    drawn = torch.searchsorted(cumulative, numbers.to(logits.device), right=True).clamp(max=logits.shape[1] - 1)
    return torch.where(heat > 0, drawn, logits.argmax(-1, keepdim=True))[:, 0].tolist()

"""Decoding a batch: each sample's policy says what its next step computes, and all take the step together.

No sample waits for another: each has its own window, boundary and number of steps, and its answer does not depend on
what else is in the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch

from raw2fig.errors import InputError
from raw2fig.papers.elastic_cache.cache import Cache, new_cache
from raw2fig.papers.elastic_cache.decoding import Decoding
from raw2fig.papers.elastic_cache.forward import Asked, DriftTest, Stepped, forward
from raw2fig.papers.elastic_cache.model import MaskedDiffusion
from raw2fig.papers.elastic_cache.policies import advance, ask, eligible, new_sample, schedule
from raw2fig.papers.elastic_cache.unmasking import above, candidates, largest, without


class Step(NamedTuple):
    """What one forward step of a sample did, as the running decoder says."""

    boundary: int
    """First layer that computed all positions; the number of layers where none did."""
    similarity: list[float]
    """Similarity of attention in each layer that was tested."""
    query: int
    """Positions that every layer computed."""
    updates: int
    """Computed tokens, summed over layers."""
    eligible: int
    """Masks that could be unmasked, and so rows of logits."""
    decoded: list[int]
    """Places of the answer that were unmasked."""
    confidence: list[float]
    """Confidence in each unmasked token."""
    batch: int
    """Samples that took the step together."""


class Decoded(NamedTuple):
    """An answer with its log. Masks at its end were dropped after an end of sequence."""

    prompt: list[int]
    response: list[int]
    steps: list[Step]
    decoding: Decoding
    """The settings that were in force."""


class Moment(NamedTuple):
    """What an observer sees after each forward step, before anything is unmasked."""

    ids: torch.Tensor
    """(samples, width)"""
    cache: Cache
    asked: list[Asked]
    eligible: list[list[int]]
    stepped: Stepped
    logits: torch.Tensor
    """Rows of the eligible positions, in which what must not be unmasked has no chance."""


def decode_all(
    diffusion: MaskedDiffusion, prompts: Sequence[Sequence[int]], decoding: Decoding, batch: int, seed: int = 0
) -> list[Decoded]:
    """Decode prompts, `batch` at a time, which changes no answer."""
    parts = [
        decode(diffusion, prompts[start : start + batch], decoding, seed + start)
        for start in range(0, len(prompts), batch)
    ]
    return [one for part in parts for one in part]


def decode(
    diffusion: MaskedDiffusion,
    prompts: Sequence[Sequence[int]],
    decoding: Decoding,
    seed: int = 0,
    observe: Callable[[Moment], None] | None = None,
) -> list[Decoded]:
    """Decode prompts together. Where anything is drawn, prompt number i draws from `seed` + i."""
    if not prompts:
        return []
    if diffusion.shifted and not all(map(len, prompts)):
        raise InputError("prompt", "is empty", "a token at least, because logits are for the next position")
    samples = [new_sample(number, len(prompt), decoding) for number, prompt in enumerate(prompts)]
    generators = [torch.Generator().manual_seed(seed + number) for number in range(len(prompts))]
    logs: list[list[Step]] = [[] for _ in prompts]
    answer = [diffusion.mask] * decoding.length
    lengths = [len(prompt) + decoding.length for prompt in prompts]
    cache = new_cache(diffusion, lengths, decoding.tracking, decoding.method == "elastic")
    padded = [[*prompt, *answer, *[diffusion.mask] * (cache.width - len(prompt) - len(answer))] for prompt in prompts]
    ids = torch.tensor(padded, device=diffusion.device)
    test = DriftTest(decoding.gamma, decoding.drift) if decoding.method == "elastic" else None
    barred = [diffusion.mask, *[diffusion.eos] * decoding.suppress_eos]
    counts = schedule(decoding)
    while active := [sample for sample in samples if not sample.done]:
        masks = [eligible(sample, decoding) for sample in active]
        asked = [ask(sample, decoding, own, diffusion.shift) for sample, own in zip(active, masks, strict=True)]
        stepped = forward(diffusion, cache, ids, asked, test, decoding.track)
        logits = without(stepped.logits, barred)
        if observe is not None:
            observe(Moment(ids, cache, asked, masks, stepped, logits))
        proposed = _propose(logits, [generators[sample.number] for sample in active], list(map(len, masks)), decoding)
        for place, (sample, own, (tokens, sure, order)) in enumerate(zip(active, masks, proposed, strict=True)):
            kept: list[int] = []
            if own and decoding.epsilon is not None:
                kept = above(order, decoding.epsilon)
            elif own:
                kept = largest(order, max(1, counts[min(sample.stage, len(counts) - 1)]))
            positions = [own[at] for at in kept]
            logs[sample.number].append(
                Step(
                    boundary=stepped.boundary[place],
                    similarity=stepped.similarity[place],
                    query=lengths[sample.number] if (query := asked[place].query) is None else len(query),
                    updates=stepped.updates[place],
                    eligible=len(own),
                    decoded=[position - sample.start for position in positions],
                    confidence=[sure[at] for at in kept],
                    batch=len(active),
                )
            )
            ids[sample.number, positions] = torch.tensor(
                [tokens[at] for at in kept], dtype=ids.dtype, device=ids.device
            )
            sample.tracked = sorted({token for layer in stepped.tracked[place] for token in layer})
            ends = [position for position, at in zip(positions, kept, strict=True) if tokens[at] == diffusion.eos]
            advance(sample, decoding, positions, min(ends, default=None))
    rows = ids.tolist()
    return [
        Decoded(list(prompt), row[len(prompt) : length], log, decoding)
        for prompt, row, length, log in zip(prompts, rows, lengths, logs, strict=True)
    ]


def _propose(
    logits: torch.Tensor, generators: Sequence[torch.Generator], sizes: Sequence[int], decoding: Decoding
) -> list[tuple[list[int], list[float], list[float]]]:
    """For each sample, of its rows of `logits`: tokens, their probabilities, and what decides which are unmasked."""

    def drawn(*shape: int) -> torch.Tensor:
        parts = [
            torch.rand(size, *shape, generator=generator, dtype=torch.float64)
            for generator, size in zip(generators, sizes, strict=True)
        ]
        return torch.cat(parts).to(logits.device)

    noise = drawn(logits.shape[1]) if decoding.temperature else None
    tokens, sure = candidates(logits, decoding.temperature, noise)
    order = drawn() if decoding.remasking == "random" else sure
    columns = [column.split(list(sizes)) for column in (tokens, sure, order)]
    return [(own.tolist(), sure.tolist(), order.tolist()) for own, sure, order in zip(*columns, strict=True)]

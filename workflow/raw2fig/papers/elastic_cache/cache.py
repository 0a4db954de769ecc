"""What each layer last computed of every position, and which of it a layer computes again.

Positions of all samples lie one behind the other in slots, `width` for each sample; those that a shorter sample lacks
are never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from raw2fig.papers.elastic_cache.model import MaskedDiffusion


@dataclass(frozen=True)
class Cache:
    """Tensors of all layers."""

    lengths: list[int]
    """Positions of each sample."""
    width: int
    """Positions of the longest sample."""
    keys: torch.Tensor
    """(layers, slots, key heads, head), rotated."""
    values: torch.Tensor
    """(layers, slots, key heads, head)."""
    queries: torch.Tensor | None
    """(layers, slots, heads, head), rotated, where tokens are tracked."""
    inputs: torch.Tensor | None
    """(layers, slots, hidden), where a step can turn to all positions in the middle."""
    cosine: torch.Tensor
    """(width, 1, head), of rotary positions; `sine` alike."""
    sine: torch.Tensor
    there: torch.Tensor | None
    """Which positions samples have (samples, width); None: all."""


def new_cache(diffusion: MaskedDiffusion, lengths: Sequence[int], tracking: bool, elastic: bool) -> Cache:
    """An empty cache for samples of `lengths`: with queries if it is for `tracking`, with inputs if it is `elastic`."""
    config, like = diffusion.network.config, diffusion.decoder.embed_tokens.weight
    width, head = max(lengths), diffusion.decoder.layers[0].self_attn.head_dim

    def room(*shape: int) -> torch.Tensor:
        return torch.zeros(diffusion.layers, len(lengths) * width, *shape, dtype=like.dtype, device=like.device)

    places = torch.arange(width, device=like.device)
    precise = torch.zeros(1, dtype=torch.promote_types(like.dtype, torch.float32), device=like.device)
    cosine, sine = diffusion.decoder.rotary_emb(precise, places[None])
    return Cache(
        lengths=list(lengths),
        width=width,
        keys=room(config.num_key_value_heads, head),
        values=room(config.num_key_value_heads, head),
        queries=room(config.num_attention_heads, head) if tracking else None,
        inputs=room(config.hidden_size) if elastic else None,
        cosine=cosine[0, :, None],
        sine=sine[0, :, None],
        there=places < torch.tensor(lengths, device=like.device)[:, None] if min(lengths) < width else None,
    )


class Side(NamedTuple):
    """Samples side by side, each with as many rows as the longest has."""

    samples: torch.Tensor | None
    """Their numbers; None: all in order."""
    number: int
    longest: int
    places: torch.Tensor | None
    """Where their rows are if padded; None: all are equally long."""

    def of(self, cache: Cache, stored: torch.Tensor) -> torch.Tensor:
        """What is `stored` of a layer (slots, ...) as (samples, width, ...)."""
        found = stored.view(len(cache.lengths), cache.width, *stored.shape[1:])
        return found if self.samples is None else found[self.samples]

    def there(self, cache: Cache) -> torch.Tensor | None:
        return cache.there if cache.there is None or self.samples is None else cache.there[self.samples]

    def pad(self, rows: torch.Tensor) -> torch.Tensor:
        """Rows (rows, ...) as (samples, longest, ...)."""
        if self.places is not None:
            rows = rows.new_zeros(self.number * self.longest, *rows.shape[1:]).index_copy(0, self.places, rows)
        return rows.view(self.number, self.longest, *rows.shape[1:])

    def pack(self, padded: torch.Tensor) -> torch.Tensor:
        """The opposite of `pad`."""
        rows = padded.reshape(self.number * self.longest, *padded.shape[2:])
        return rows if self.places is None else rows[self.places]


def side(cache: Cache, samples: Sequence[int], sizes: Sequence[int], device: torch.device) -> Side:
    """The side of `samples` with `sizes` rows each."""
    longest = max(sizes)
    numbers = None if len(samples) == len(cache.lengths) else torch.tensor(samples, device=device)
    if min(sizes) == longest:
        return Side(numbers, len(samples), longest, None)
    places = [start * longest + place for start, size in enumerate(sizes) for place in range(size)]
    return Side(numbers, len(samples), longest, torch.tensor(places, device=device))


class Layout(NamedTuple):
    """The slots that a layer computes (rows,), and whose they are: sides with their numbers of rows."""

    slots: torch.Tensor
    sides: list[tuple[Side, int]]
    cosine: torch.Tensor
    """(rows, 1, head), of rotary positions; `sine` alike."""
    sine: torch.Tensor


def lay_out(cache: Cache, samples: Sequence[int], queries: Sequence[Sequence[int] | None]) -> Layout:
    """Rows of samples in ascending order; a query of None is all positions. Samples with all are padded apart from the
    others."""
    device = cache.keys.device
    partial = [(sample, query) for sample, query in zip(samples, queries, strict=True) if query is not None]
    whole = [sample for sample, query in zip(samples, queries, strict=True) if query is None]
    slots, sides = [], []
    if partial:
        listed = [sample * cache.width + position for sample, query in partial for position in query]
        slots.append(torch.tensor(listed, device=device))
        sizes = [len(query) for _, query in partial]
        sides.append((side(cache, [sample for sample, _ in partial], sizes, device), sum(sizes)))
    if whole:
        starts = torch.tensor(whole, device=device)[:, None] * cache.width
        places = starts + torch.arange(cache.width, device=device)
        slots.append(
            places.view(-1) if cache.there is None else places[cache.there[torch.tensor(whole, device=device)]]
        )
        sizes = [cache.lengths[sample] for sample in whole]
        sides.append((side(cache, whole, sizes, device), sum(sizes)))
    rows = torch.cat(slots)
    positions = rows % cache.width
    return Layout(rows, sides, cache.cosine[positions], cache.sine[positions])


class Spots(NamedTuple):
    """Some positions of some samples."""

    side: Side
    slots: torch.Tensor
    """(samples, longest); padding repeats a slot."""
    real: torch.Tensor
    """Which are no padding (samples, longest)."""


def spots(cache: Cache, samples: Sequence[int], positions: Sequence[Sequence[int]]) -> Spots | None:
    """The spots of `positions` of `samples` in ascending order; None for no samples."""
    if not samples:
        return None
    device, longest = cache.keys.device, max(map(len, positions))
    listed = [
        [sample * cache.width + position for position in [*own, *[own[0]] * (longest - len(own))]]
        for sample, own in zip(samples, positions, strict=True)
    ]
    sizes = torch.tensor([len(own) for own in positions], device=device)
    return Spots(
        side(cache, samples, [longest] * len(samples), device),
        torch.tensor(listed, device=device),
        torch.arange(longest, device=device) < sizes[:, None],
    )

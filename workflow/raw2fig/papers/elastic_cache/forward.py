"""One forward step of a batch whose samples compute different positions, against what is cached of the others.

The rows of all samples are packed for embedding, projections, norms and feed-forward layers; attention is computed for
samples side by side. Every decoder is this step with other positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.nn.functional import scaled_dot_product_attention

from raw2fig.papers.elastic_cache.cache import Cache, Layout, Spots, lay_out, spots
from raw2fig.papers.elastic_cache.decoding import DriftMetric
from raw2fig.papers.elastic_cache.drift import attention_rows, most_attended, similarity
from raw2fig.papers.elastic_cache.model import MaskedDiffusion


class Asked(NamedTuple):
    """What one sample asks of a step: positions in any order, each once."""

    sample: int
    query: Sequence[int] | None
    """Positions that every layer computes; None: all, from the first layer on."""
    rows: Sequence[int]
    """Computed positions whose logits are wanted."""
    tracked: Sequence[int] = ()
    """Positions of the query whose attention is compared with what it was before the step."""
    window: Sequence[int] = ()
    """Computed positions whose attention says which tokens to track."""
    barred: Sequence[int] = ()
    """Positions that cannot be tracked."""


class DriftTest(NamedTuple):
    """After a layer in which attention is less similar than `gamma`, all positions are computed."""

    gamma: float
    metric: DriftMetric


class Stepped(NamedTuple):
    """What a step gives; lists have an item for each sample that asked."""

    logits: torch.Tensor
    """(rows wanted, vocabulary), sample after sample."""
    boundary: list[int]
    """The first layer that computed all positions; the number of layers where none did."""
    similarity: list[list[float]]
    """Similarity of attention in the layers up to the boundary."""
    tracked: list[list[list[int]]]
    """Positions to track, by layer."""
    updates: list[int]
    """Computed tokens, summed over layers."""


@torch.inference_mode()
def forward(
    diffusion: MaskedDiffusion,
    cache: Cache,
    ids: torch.Tensor,
    asked: Sequence[Asked],
    test: DriftTest | None = None,
    track: int = 1,
) -> Stepped:
    """Compute the positions asked for by samples in ascending order and write them into the cache, from token ids
    (samples, width).

    A query is computed against cached keys and values. With a `test`, all positions are computed from the layer after
    the first one in which attention of the sample's tracked tokens drifted, beginning with the cached inputs of that
    layer (paper, Algorithm 1). In every layer, `track` tokens are found for a sample with a window.
    """
    layers = diffusion.decoder.layers
    boundary = [0 if one.query is None else len(layers) for one in asked]
    similar: list[list[float]] = [[] for _ in asked]
    attended: list[torch.Tensor] = []
    looking = [one for one in asked if one.window]
    window = spots(cache, [one.sample for one in looking], [one.window for one in looking])
    barred = _barred(cache, looking)
    layout = _layout(cache, asked, boundary, 0)
    hidden = diffusion.decoder.embed_tokens(ids.view(-1)[layout.slots])
    for number, layer in enumerate(layers):
        if cache.inputs is not None:
            cache.inputs[number].index_copy_(0, layout.slots, hidden)
            if number and number in boundary:
                layout = _layout(cache, asked, boundary, number)
                hidden = cache.inputs[number][layout.slots]
        testing = [place for place, one in enumerate(asked) if test and one.tracked and number < boundary[place]]
        tracked = spots(cache, [asked[place].sample for place in testing], [asked[place].tracked for place in testing])
        scale = layer.self_attn.scaling
        before = _attention(cache, number, tracked, scale)
        query = _project(layer.self_attn, cache, number, layout, layer.input_layernorm(hidden))
        after = _attention(cache, number, tracked, scale)
        if test and tracked and before is not None and after is not None:
            values = similarity(before, after, tracked.real, tracked.side.there(cache), test.metric).tolist()
            for place, value in zip(testing, values, strict=True):
                similar[place].append(value)
                if value < test.gamma:
                    boundary[place] = number + 1
        if window and (seen := _attention(cache, number, window, scale)) is not None:
            attended.append(most_attended(seen, window.real, barred, track))
        hidden = hidden + layer.self_attn.o_proj(_attend(cache, number, layout, query, scale))
        hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
    final = diffusion.decoder.norm(hidden[_wanted(cache, layout, asked)])
    return Stepped(
        diffusion.network.lm_head(final),
        boundary,
        similar,
        _by_sample(asked, attended),
        [
            first * len(one.query or ()) + (len(layers) - first) * cache.lengths[one.sample]
            for one, first in zip(asked, boundary, strict=True)
        ],
    )


def _layout(cache: Cache, asked: Sequence[Asked], boundary: Sequence[int], number: int) -> Layout:
    """What layer `number` computes."""
    queries = [None if number >= first else one.query for one, first in zip(asked, boundary, strict=True)]
    return lay_out(cache, [one.sample for one in asked], queries)


def _barred(cache: Cache, looking: Sequence[Asked]) -> torch.Tensor:
    """Positions (samples, width) that cannot be tracked, and those that a sample lacks."""
    found = torch.zeros(len(looking), cache.width, dtype=torch.bool)
    for row, one in zip(found, looking, strict=True):
        row[list(one.barred)] = True
        row[cache.lengths[one.sample] :] = True
    return found.to(cache.keys.device)


def _attention(cache: Cache, number: int, at: Spots | None, scale: float) -> torch.Tensor | None:
    """Attention (samples, heads, rows, width) of positions in layer `number` by what is cached now."""
    if at is None or cache.queries is None:
        return None
    keys = at.side.of(cache, cache.keys[number])
    return attention_rows(cache.queries[number][at.slots], keys, at.side.there(cache), scale)


def _project(attention: Any, cache: Cache, number: int, layout: Layout, states: torch.Tensor) -> torch.Tensor:
    """Queries (rows, heads, head) of states (rows, hidden), whose keys and values are cached."""
    query, key, value = (
        project(states).view(len(states), -1, attention.head_dim)
        for project in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    query, key = _rotated(torch.cat([query, key], dim=1), layout.cosine, layout.sine).split(
        [query.shape[1], key.shape[1]], dim=1
    )
    cache.keys[number].index_copy_(0, layout.slots, key)
    cache.values[number].index_copy_(0, layout.slots, value)
    if cache.queries is not None:
        cache.queries[number].index_copy_(0, layout.slots, query)
    return query


def _rotated(heads: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Rotary positions in half-split form, in the precision of `cosine`: float32 at least, as LLaDA has it."""
    first, second = heads.chunk(2, dim=-1)
    return (heads * cosine + torch.cat([-second, first], dim=-1) * sine).to(heads.dtype)


def _attend(cache: Cache, number: int, layout: Layout, query: torch.Tensor, scale: float) -> torch.Tensor:
    """What queries (rows, heads, head) gather from all positions of their sample, (rows, heads · head)."""
    parts = []
    for (side, rows), part in zip(layout.sides, query.split([rows for _, rows in layout.sides]), strict=True):
        there = side.there(cache)
        gathered = scaled_dot_product_attention(
            side.pad(part).transpose(1, 2),
            side.of(cache, cache.keys[number]).transpose(1, 2),
            side.of(cache, cache.values[number]).transpose(1, 2),
            attn_mask=None if there is None else there[:, None, None],
            scale=scale,
            enable_gqa=query.shape[1] != cache.keys.shape[2],
        )
        parts.append(side.pack(gathered.transpose(1, 2)).reshape(rows, -1))
    return torch.cat(parts)


def _wanted(cache: Cache, layout: Layout, asked: Sequence[Asked]) -> torch.Tensor:
    """The numbers of the rows of the last layer whose logits are wanted."""
    device = layout.slots.device
    slots = [one.sample * cache.width + position for one in asked for position in one.rows]
    number = torch.empty(len(cache.lengths) * cache.width, dtype=torch.long, device=device)
    number[layout.slots] = torch.arange(len(layout.slots), device=device)
    return number[torch.tensor(slots, dtype=torch.long, device=device)]


def _by_sample(asked: Sequence[Asked], attended: Sequence[torch.Tensor]) -> list[list[list[int]]]:
    """Positions to track by sample and layer, from those of samples with a window (samples, track) by layer."""
    lists = torch.stack(list(attended), dim=1).tolist() if attended else []
    found = iter([[[at for at in own if at >= 0] for own in layers] for layers in lists])
    return [next(found) if one.window else [] for one in asked]

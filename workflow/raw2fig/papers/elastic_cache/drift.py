"""Attention of a few rows, the tokens it goes to most, and how much it changed.

Nothing here has a matrix of all positions by all positions: rows are those of tracked tokens or of the window.
"""

from __future__ import annotations

import torch

from raw2fig.papers.elastic_cache.decoding import DriftMetric


def attention_rows(query: torch.Tensor, keys: torch.Tensor, there: torch.Tensor | None, scale: float) -> torch.Tensor:
    """Softmax attention (samples, heads, rows, positions) of `query` (samples, rows, heads, head) to `keys` (samples,
    positions, key heads, head), of which those that are `there` (samples, positions) count; None: all."""
    several = query.shape[2] // keys.shape[2]
    across = keys.permute(0, 2, 3, 1)
    if several > 1:
        across = across.repeat_interleave(several, dim=1)
    scores = (query.transpose(1, 2) * scale) @ across
    if there is not None:
        scores = scores.masked_fill(~there[:, None, None], -torch.inf)
    return scores.softmax(-1, dtype=torch.promote_types(scores.dtype, torch.float32))


def similarity(
    before: torch.Tensor,
    after: torch.Tensor,
    rows: torch.Tensor,
    there: torch.Tensor | None,
    metric: DriftMetric,
) -> torch.Tensor:
    """Cosine similarity (samples,) of attention rows (samples, heads, rows, positions) before and after a step.

    heads (the authors' code): cosine over heads, mean over rows and keys, so that a key that nobody attends to counts
    as much as any other. keys (the paper's formula): cosine over keys, mean over rows and heads. `rows` (samples, rows)
    and `there` (samples, positions) say which of them are no padding.
    """
    if metric == "heads":
        each = torch.nn.functional.cosine_similarity(before, after, dim=1)
        counted = rows[:, :, None].expand_as(each)
        if there is not None:
            counted = counted & there[:, None]
    else:
        each = torch.nn.functional.cosine_similarity(before, after, dim=3)
        counted = rows[:, None].expand_as(each)
    return (each * counted).flatten(1).sum(1) / counted.flatten(1).sum(1)


def most_attended(attention: torch.Tensor, rows: torch.Tensor, barred: torch.Tensor, number: int) -> torch.Tensor:
    """Positions (samples, at most `number`) with the largest sums over heads and `rows` (samples, rows) of attention
    (samples, heads, rows, positions); -1 where there are fewer that are not `barred` (samples, positions)."""
    weights = rows.to(attention.dtype).repeat(1, attention.shape[1])
    sums = (weights[:, None] @ attention.flatten(1, 2))[:, 0].masked_fill(barred, -1)
    largest, found = sums.topk(min(number, sums.shape[1]), dim=1)
    return found.masked_fill(largest < 0, -1)

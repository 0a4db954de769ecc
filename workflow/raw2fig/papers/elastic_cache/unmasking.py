"""What a step unmasks: a token for every masked place, how confident it is, and which places keep theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def transfer_schedule(masked: int, steps: int) -> list[int]:
    """How many of `masked` tokens each of `steps` steps unmasks: `masked // steps`, and one more in the first `masked %
    steps` (LLaDA)."""
    return [masked // steps + (step < masked % steps) for step in range(steps)]


def without(logits: torch.Tensor, tokens: Sequence[int]) -> torch.Tensor:
    """`logits` (rows, vocabulary) in which `tokens` have no chance."""
    import torch

    return logits.index_fill(1, torch.tensor(list(tokens), device=logits.device), -torch.inf)


def candidates(
    logits: torch.Tensor, temperature: float, uniform: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """A token for each row of `logits` (rows, vocabulary) and its probability, both (rows,), in float64.

    At temperature 0 the likeliest token; otherwise the largest logit + temperature · Gumbel noise, from `uniform`
    numbers (rows, vocabulary). LLaDA has the same as exp(logit) / (-log u)^temperature.
    """
    exact = logits.double()
    if temperature == 0 or uniform is None:
        chosen = exact.argmax(1)
    else:
        chosen = (exact - temperature * (-uniform.log()).log()).argmax(1)
    probability = (exact.gather(1, chosen[:, None])[:, 0] - exact.logsumexp(1)).exp()
    return chosen, probability


def above(confidence: Sequence[float], epsilon: float) -> list[int]:
    """Places whose confidence is at least min(epsilon, the largest): one at least (Fast-dLLM, Elastic-Cache)."""
    limit = min(epsilon, max(confidence))
    return [place for place, value in enumerate(confidence) if value >= limit]


def largest(confidence: Sequence[float], number: int) -> list[int]:
    """The `number` places of the largest confidence, from left to right; the first ones among equals."""
    return sorted(sorted(range(len(confidence)), key=lambda place: -confidence[place])[:number])

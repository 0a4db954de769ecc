"""How LLaDA is trained: tokens of the answer are masked at a random rate, and the model says what they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

LEAST = 1e-3
"""Least rate at which tokens are masked: losses are divided by it."""


def mask_rates(count: int, rng: np.random.Generator) -> np.ndarray:
    """Rates p = (1 - 0.001) t + 0.001 (count,), with t uniform in (0, 1), and one t in each of `count` equal parts."""
    t = (rng.permutation(count) + rng.random(count)) / count
    return (1 - LEAST) * t + LEAST


def draw_masked(rates: np.ndarray, length: int, rng: np.random.Generator) -> np.ndarray:
    """Which tokens are masked (sequences, length): each by itself, at the rate of its sequence."""
    return rng.random((len(rates), length)) < rates[:, None]


def bidirectional_logits(
    network: PreTrainedModel, ids: torch.Tensor, positions: torch.Tensor | None = None
) -> torch.Tensor:
    """Logits (sequences, tokens, words) of a decoder without its causal mask."""
    import torch

    tokens = ids.shape[1]
    everywhere = torch.ones(1, 1, tokens, tokens, dtype=torch.bool, device=ids.device)
    output: Any = network(input_ids=ids, attention_mask=everywhere, position_ids=positions, use_cache=False)
    return output.logits


def diffusion_loss(
    logits: torch.Tensor, answers: torch.Tensor, masked: torch.Tensor, rates: torch.Tensor
) -> torch.Tensor:
    """Sum of CE / p over the masked tokens, over the number of tokens, masked or not (LLaDA's fine-tuning).

    Parameters
    ----------
    logits
        Logits of the answers (sequences, length, words).
    answers
        Their right tokens (sequences, length).
    masked
        Which of them the model did not see (sequences, length).
    rates
        Rates p at which they were masked (sequences,).
    """
    import torch

    losses = torch.nn.functional.cross_entropy(logits[masked], answers[masked], reduction="none")
    weights = (1 / rates)[:, None].expand_as(masked)[masked]
    return (losses * weights).sum() / masked.numel()


def answer_loss(
    network: PreTrainedModel,
    prompts: torch.Tensor,
    answers: torch.Tensor,
    mask: int,
    rng: np.random.Generator,
    positions: torch.Tensor | None = None,
) -> torch.Tensor:
    """The loss of a batch: prompts (sequences, tokens) are seen as they are, answers (sequences, length) are masked."""
    import torch

    drawn = mask_rates(len(answers), rng)
    masked = torch.from_numpy(draw_masked(drawn, answers.shape[1], rng)).to(answers.device)
    rates = torch.from_numpy(drawn).to(answers.device, torch.float32)
    seen = torch.cat([prompts, answers.masked_fill(masked, mask)], 1)
    logits = bidirectional_logits(network, seen, positions)[:, prompts.shape[1] :]
    return diffusion_loss(logits, answers, masked, rates)

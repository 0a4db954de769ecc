"""Training on a given list of batches, for trainings whose number of updates, or weight of each token, matters.

`raw2fig.lm.finetune` is for trainings of a given number of steps. Here the caller says which sequences each update
sees, and how their losses are averaged. `raw2fig.lm.scheduled` does the same with checkpoints and on several GPUs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.examples import IGNORED, Example, collate
from raw2fig.settings import Field, Record

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

T = TypeVar("T")
Reduction = Literal["token", "sample"]
"""How the losses of a batch are averaged: over its tokens, or first over those of each sequence, then over sequences.
By `sample`, a token of a short sequence weighs more than one of a long sequence."""
LARGEST_GRADIENT = 1.0
"""Norm to which longer gradients are cut."""


class Optimiser(Record):
    """AdamW with linear warm-up and a cosine schedule."""

    lr: float = Field(gt=0, description="Peak learning rate.")
    warmup: float = Field(ge=0, le=1, description="Share of the updates in which the learning rate rises.")
    beta2: float = Field(ge=0, lt=1, description="Decay rate of AdamW's second moment.")
    weight_decay: float = Field(ge=0, description="Weight decay of AdamW.")


def rate_at(update: int, updates: int, warmup: float) -> float:
    """Share of the peak rate at an update, counted from 0: it rises in a line, then falls as half a cosine."""
    rising = math.ceil(warmup * updates)
    if update < rising:
        return (update + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (update - rising) / max(1, updates - rising)))


def reduced(losses: torch.Tensor, counted: torch.Tensor, reduction: Reduction) -> torch.Tensor:
    """One loss of a batch, from the losses of its tokens (sequences, tokens) and whether each counts."""
    masked = losses * counted
    if reduction == "token":
        return masked.sum() / counted.sum()
    return (masked.sum(1) / counted.sum(1).clamp(min=1)).sum() / counted.any(1).sum()


def token_losses(model: PreTrainedModel, batch: Mapping[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Losses of the next tokens, in nats, and whether each counts, both (sequences, tokens less one)."""
    import torch

    labels = batch["labels"][:, 1:]
    logits = model(input_ids=batch["input_ids"], use_cache=False).logits[:, :-1].float()
    losses = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none")
    return losses, labels != IGNORED


def batch_loss(model: PreTrainedModel, examples: Sequence[Example], pad: int, reduction: Reduction) -> torch.Tensor:
    """Loss of next tokens, in nats, of a batch."""
    batch = {name: part.to(model.device) for name, part in collate(examples, pad).items()}
    return reduced(*token_losses(model, batch), reduction)


def token_loss_in_parts(model: PreTrainedModel, examples: Sequence[Example], pad: int, parts: int) -> torch.Tensor:
    """The same loss, averaged over tokens, of a batch that goes through the model in parts of similar length, which
    have less padding."""
    import torch

    order = np.argsort([len(example.ids) for example in examples], kind="stable")
    rows = [rows for rows in np.array_split(order, parts) if len(rows)]
    batches = [collate([examples[row] for row in part], pad) for part in rows]
    losses = [token_losses(model, {name: part.to(model.device) for name, part in batch.items()}) for batch in batches]
    total = torch.stack([(found * counted).sum() for found, counted in losses]).sum()
    return total / torch.stack([counted.sum() for _, counted in losses]).sum()


def check_batches(examples: Sequence[Example], batches: Sequence[np.ndarray]) -> None:
    """Raise `InputError` for a batch in which there is nothing to predict."""
    for update, rows in enumerate(batches):
        if not any(len(examples[row].ids) > max(1, examples[row].prompt_length) for row in rows):
            raise InputError("batches", f"batch {update} has nothing to predict", "a sequence of two tokens or more")


def train_on(
    model: PreTrainedModel,
    pad: int,
    examples: Sequence[Example],
    batches: Sequence[np.ndarray],
    optimiser: Optimiser,
    reduction: Reduction,
) -> list[float]:
    """Update `model` once for each batch, in one process, and return the losses.

    Raises `InputError` for a batch in which there is nothing to predict.
    """
    check_batches(examples, batches)
    return descend(
        model,
        batches,
        len(batches),
        lambda rows: batch_loss(model, [examples[row] for row in rows], pad, reduction),
        optimiser,
    )


def descend(
    model: PreTrainedModel,
    updates: Iterable[T],
    number: int,
    loss_of: Callable[[T], torch.Tensor],
    optimiser: Optimiser,
) -> list[float]:
    """Update `model` by AdamW with the gradient of `loss_of` each of `number` updates, and return the losses."""
    import torch

    parameters = [weight for weight in model.parameters() if weight.requires_grad]
    adam = torch.optim.AdamW(
        parameters, lr=optimiser.lr, betas=(0.9, optimiser.beta2), weight_decay=optimiser.weight_decay, foreach=True
    )
    model.train()
    losses = []
    for place, update in enumerate(updates):
        for group in adam.param_groups:
            group["lr"] = optimiser.lr * rate_at(place, number, optimiser.warmup)
        loss = loss_of(update)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, LARGEST_GRADIENT)
        adam.step()
        adam.zero_grad()
        losses.append(float(loss.detach()))
    return losses


def by_length(lengths: Sequence[int], batch: int, rng: np.random.Generator, pool: int = 8) -> list[np.ndarray]:
    """Every sequence once, in batches of similar length, which have little padding: of each `pool` batches in random
    order, the sequences are sorted and the batches put in random order again."""
    n = np.asarray(lengths)
    order = rng.permutation(len(n))
    found: list[np.ndarray] = []
    for start in range(0, len(order), pool * batch):
        part = order[start : start + pool * batch]
        part = part[np.argsort(n[part], kind="stable")]
        sorted_batches = [part[first : first + batch] for first in range(0, len(part), batch)]
        found += [sorted_batches[i] for i in rng.permutation(len(sorted_batches))]
    return found

"""Losses of routers (section 3.4): class-balanced focal loss, and what is left of it without focus or weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from raw2fig.errors import InputError
from raw2fig.settings import Field, Record

if TYPE_CHECKING:
    import torch

LossName = Literal["focal", "weighted", "plain"]


class Loss(Record):
    """What routers minimise."""

    kind: LossName = Field(
        description="focal: with class weights and focus; weighted: cross-entropy with the class weights; plain: "
        "cross-entropy."
    )
    gamma: float = Field(ge=0, description="Focus on labels that are not learned yet; 2 in the paper.")
    beta: float = Field(ge=0, lt=1, description="Of the class weights, 0.999 in the paper; 0: all weights are 1.")


def class_weights(counts: Sequence[int], beta: float) -> list[float]:
    """α_c = u_c / mean(u) with u_c = (1 - β) / (1 - β^n_c), for the counts n_c of the labels.

    1 / u_c is at most 1 / (1 - β), 1000 with the paper's β: its counts (4399, 120956, 1457) have the weights 0.916,
    0.905 and 1.179, which hardly balance them. A class that does not occur has the weight 1 and no part in the mean; as
    if it occurred once, its weight would make those of the others vanish. Raises `InputError` where nothing occurs.
    """
    present = [(1 - beta) / (1 - beta**n) for n in counts if n > 0]
    if not present:
        raise InputError("counts", f"are {list(counts)}", "a label that occurs")
    mean = sum(present) / len(present)
    return [(1 - beta) / (1 - beta**n) / mean if n > 0 else 1.0 for n in counts]


def focal_loss(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor, gamma: float) -> torch.Tensor:
    """Mean of -α_y (1 - p_y)^γ log p_y over all labels, in nats. With γ = 0 and α = 1 it is the cross-entropy.

    The mean divides by the number of labels, and not by the sum of their weights as `torch.nn.functional.cross_entropy`
    does.

    Parameters
    ----------
    logits
        (..., classes).
    labels
        (...), integers.
    weights
        α of each class (classes,).
    gamma
        γ.
    """
    import torch

    log = logits.log_softmax(dim=-1).gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    # where p is 1, a power of 1 - p below 1 would have no gradient
    wrong = (-log.expm1()).clamp(min=torch.finfo(log.dtype).tiny)
    return -(weights[labels] * wrong**gamma * log).mean()


def loss_of(settings: Loss, counts: Sequence[int]) -> tuple[list[float], float]:
    """Class weights and γ of `focal_loss` for a kind of loss and the counts of training labels."""
    weights = [1.0] * len(counts) if settings.kind == "plain" else class_weights(counts, settings.beta)
    return weights, settings.gamma if settings.kind == "focal" else 0.0

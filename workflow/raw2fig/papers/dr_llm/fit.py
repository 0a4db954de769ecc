"""Training of routers on cached features (section 3.5): the base model and the labels' paths are fixed, so that its
states need to be computed once, and training is a fit of small networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.batches import Optimiser, rate_at
from raw2fig.papers.dr_llm.losses import Loss, focal_loss, loss_of
from raw2fig.papers.dr_llm.paths import ACTIONS
from raw2fig.papers.dr_llm.routing.control import PLAIN, decide
from raw2fig.papers.dr_llm.routing.routers import by_layer, logits_of, new_routers
from raw2fig.settings import Field, Record

if TYPE_CHECKING:
    import torch

AT_ONCE = 512
"""Rows that are scored at a time."""


class Training(Record):
    """Routers and their training."""

    hidden: int = Field(ge=1, description="Width of a router's hidden layers; 128 in the paper.")
    linear_layers: int = Field(ge=1, description="Linear maps of a router; 2 in the paper.")
    epochs: int = Field(ge=1, description="How often each question is seen; 25 in the paper.")
    batch: int = Field(ge=1, description="Questions of an update; 16 in the paper.")
    held_out: float = Field(gt=0, lt=1, description="Share of the questions that routers are scored on, not trained.")
    loss: Loss
    optimiser: Optimiser


class Features(NamedTuple):
    """What routers read and what they are to say.

    `states` are mean states of windows (rows, layers, most windows, width), of any floating type; `windows` is the
    number of windows of each row (rows,), and `labels` are integers (rows, layers). All are on one device.
    """

    states: torch.Tensor
    windows: torch.Tensor
    labels: torch.Tensor


class Scores(NamedTuple):
    """How well routers say labels, over all rows and layers: F1 and accuracy of skip, execute and repeat, the mean of
    the three F1, and the share of right labels. A class that does not occur has NaN and no part in the mean."""

    f1: tuple[float, ...]
    class_accuracy: tuple[float, ...]
    macro_f1: float
    accuracy: float


class Fitted(NamedTuple):
    """Trained weights by the names of an adapter, on the CPU; counts of the training labels; and the mean loss of each
    epoch, with the scores on held-out rows after it."""

    tensors: dict[str, torch.Tensor]
    counts: tuple[int, ...]
    losses: list[float]
    scores: list[Scores]


def fit(features: Features, held_out: np.ndarray, settings: Training, seed: int) -> Fitted:
    """Train the routers of all layers at once, on the rows that `held_out` (rows,) does not mark.

    Raises `InputError` where no row is held out, or none is left.
    """
    import torch

    rows = torch.from_numpy(np.flatnonzero(~held_out))
    if not 0 < len(rows) < len(held_out):
        raise InputError("held_out", f"marks {len(held_out) - len(rows)} of {len(held_out)} rows", "some and not all")
    device = features.states.device
    draw = torch.Generator().manual_seed(seed)
    _, layers, _, width = features.states.shape
    first = new_routers(layers, width, settings.hidden, settings.linear_layers, draw)
    stack = {name: weight.to(device).requires_grad_() for name, weight in first.items()}
    optimiser = settings.optimiser
    adam = torch.optim.AdamW(
        stack.values(), lr=optimiser.lr, betas=(0.9, optimiser.beta2), weight_decay=optimiser.weight_decay, foreach=True
    )
    counts = torch.bincount(features.labels[rows.to(device)].flatten(), minlength=len(ACTIONS)).tolist()
    weights, gamma = loss_of(settings.loss, counts)
    alpha = torch.tensor(weights, device=device)
    updates = settings.epochs * -(-len(rows) // settings.batch)
    losses: list[float] = []
    scores: list[Scores] = []
    update = 0
    for _ in range(settings.epochs):
        sums = torch.zeros((), device=device)
        for some in rows[torch.randperm(len(rows), generator=draw)].to(device).split(settings.batch):
            for group in adam.param_groups:
                group["lr"] = optimiser.lr * rate_at(update, updates, optimiser.warmup)
            logits = logits_of(stack, features.states[some].float(), features.windows[some])
            loss = focal_loss(logits, features.labels[some], alpha, gamma)
            loss.backward()
            adam.step()
            adam.zero_grad()
            sums += loss.detach() * len(some)
            update += 1
        losses.append(float(sums) / len(rows))
        scores.append(score(features, np.flatnonzero(held_out), stack))
    return Fitted(by_layer({name: one.detach().cpu() for name, one in stack.items()}), tuple(counts), losses, scores)


def score(features: Features, rows: np.ndarray, stack: dict[str, torch.Tensor]) -> Scores:
    """Scores of routers on some rows of the features, which are given by their numbers."""
    import torch

    pairs = torch.zeros(len(ACTIONS) ** 2, dtype=torch.int64)
    with torch.no_grad():
        for some in torch.from_numpy(rows).to(features.states.device).split(AT_ONCE):
            said = decide(logits_of(stack, features.states[some].float(), features.windows[some]), PLAIN)
            pairs += torch.bincount((features.labels[some] * len(ACTIONS) + said).flatten(), minlength=len(pairs)).cpu()
    return scores_of(pairs.reshape(len(ACTIONS), len(ACTIONS)).numpy())


def scores_of(pairs: np.ndarray | Sequence[Sequence[int]]) -> Scores:
    """Scores from counts of pairs (label, what was said)."""
    table = np.asarray(pairs, dtype=float)
    hits, labels, said = table.diagonal(), table.sum(axis=1), table.sum(axis=0)
    with np.errstate(invalid="ignore"):
        f1, accuracy = 2 * hits / (labels + said), hits / labels
    return Scores(tuple(f1.tolist()), tuple(accuracy.tolist()), float(np.nanmean(f1)), float(hits.sum() / table.sum()))

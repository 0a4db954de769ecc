"""Twins: trainings that match another one in updates, in tokens or in FLOPs.

Two arms that see equally many tokens need not get equally many updates: a batch of short documents holds fewer tokens
than one of long documents. A twin sees the documents of its own arm, and as much as the reference arm of what is asked
for. A schedule is a list of batches, each with the numbers of its sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from raw2fig.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Matched = Literal["updates", "tokens", "flops"]


class Shape(NamedTuple):
    """What the FLOPs of a training depend on: weights that a token passes through, layers, and hidden width."""

    weights: int
    layers: int
    width: int


class Work(NamedTuple):
    """What a training has done."""

    updates: int
    tokens: int
    flops: float


def flops_of(lengths: ArrayLike, shape: Shape) -> np.ndarray:
    """FLOPs of training once on sequences of these lengths, (sequences,).

    A token costs 6 for every weight (2 forward, 4 backward), and 6 x layers x width for each token that it attends to,
    itself included: a dot product and a weighted sum. Padding is not counted.
    """
    n = np.asarray(lengths, dtype=float)
    return 6.0 * shape.weights * n + 6.0 * shape.layers * shape.width * n * (n + 1)


def work_of(lengths: Sequence[int], batches: Sequence[np.ndarray], shape: Shape) -> Work:
    """The work of a schedule over sequences of these lengths."""
    seen = np.concatenate(list(batches)) if len(batches) else np.zeros(0, dtype=int)
    n = np.asarray(lengths)
    return Work(len(batches), int(n[seen].sum()), float(flops_of(n, shape)[seen].sum()))


def ordinary(number: int, batch: int, epochs: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Every sequence once an epoch, in a new order each time: ceil(number / batch) x epochs updates."""
    _positive(number=number, batch=batch, epochs=epochs)
    orders = [rng.permutation(number) for _ in range(epochs)]
    return [order[start : start + batch] for order in orders for start in range(0, number, batch)]


def matching_updates(number: int, epochs: int, updates: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Every sequence once an epoch, in exactly `updates` updates, whose batches differ in size by one at most."""
    _positive(number=number, epochs=epochs, updates=updates)
    if updates > number * epochs:
        raise InputError("updates", f"{updates} for {number * epochs} sequences", "at most one for each sequence")
    return np.array_split(np.concatenate([rng.permutation(number) for _ in range(epochs)]), updates)


def matching_total(costs: Sequence[float], total: float, batch: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Ordinary batches, as many epochs as it takes, until the sum of the sequences' `costs` is `total`; the last
    sequence is left out where that comes closer."""
    each = np.asarray(costs, dtype=float)
    _positive(number=len(each), batch=batch, cost=float(each.min(initial=np.inf)), total=total)
    epochs = int(np.ceil(total / each.sum())) + 1
    order = np.concatenate([rng.permutation(len(each)) for _ in range(epochs)])
    reached = np.cumsum(each[order])
    taken = max(1, 1 + int(np.abs(reached - total).argmin()))
    # an epoch's last batch is not filled up from the next one, as in an ordinary schedule
    epochs_of = [order[:taken][start : start + len(each)] for start in range(0, taken, len(each))]
    return [one[start : start + batch] for one in epochs_of for start in range(0, len(one), batch)]


def twin(
    matched: Matched,
    lengths: Sequence[int],
    reference: Work,
    batch: int,
    epochs: int,
    shape: Shape,
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Schedule over sequences of these lengths that has the reference's number of updates, tokens or FLOPs.

    A twin in updates sees every sequence `epochs` times, in larger or smaller batches. Twins in tokens and in FLOPs
    keep the batch, and see sequences as often as it takes.
    """
    if matched == "updates":
        return matching_updates(len(lengths), epochs, reference.updates, rng)
    if matched == "tokens":
        return matching_total(lengths, reference.tokens, batch, rng)
    return matching_total(flops_of(lengths, shape).tolist(), reference.flops, batch, rng)


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < np.inf:
            raise InputError(name, f"is {value:g}", "more than 0")

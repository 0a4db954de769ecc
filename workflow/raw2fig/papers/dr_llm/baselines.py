"""What routers must beat: fixed routes without the least important layers, and routes that do not know the input."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.paths import EXECUTE, SKIP
from raw2fig.stats import Estimate, proportion

if TYPE_CHECKING:
    import torch


def block_influence(states: Sequence[torch.Tensor]) -> np.ndarray:
    """How much each layer changes the direction of the states (layers,): 1 - mean cos(x_i, x_{i+1}) over tokens
    (ShortGPT, arXiv 2403.03853, equation 1). A layer that changes nothing, or only the length of states, has 0.

    Parameters
    ----------
    states
        What each layer reads, and last what the last layer writes before the final norm: layers + 1 tensors
        (tokens, width).
    """
    import torch

    cosines = [
        torch.nn.functional.cosine_similarity(before.double(), after.double(), dim=-1).mean()
        for before, after in pairwise(states)
    ]
    found: np.ndarray = 1 - torch.stack(cosines).cpu().numpy()
    return found


def pruned(influence: np.ndarray, number: int) -> np.ndarray:
    """The fixed route (layers,) that skips the `number` layers of the least influence. Raises `InputError` unless some
    are left."""
    if not 0 <= number < len(influence):
        raise InputError("layers to prune", f"are {number}", f"0 to {len(influence) - 1}")
    route = np.full(len(influence), EXECUTE, dtype=np.int8)
    route[np.argsort(influence, kind="stable")[:number]] = SKIP
    return route


def random_routes(actions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Each route's actions at other layers, drawn at random: as many skips and repeats for each item."""
    return rng.permuted(actions, axis=1)


def others_routes(actions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same routes (items, layers), each for another item than its own: what is lost with them comes from the input.
    Raises `InputError` for one item."""
    if len(actions) < 2:
        raise InputError("actions", f"are those of {len(actions)} items", "at least two")
    order = rng.permutation(len(actions))
    found = np.empty_like(actions)
    found[order] = actions[np.roll(order, 1)]
    return found


class Oracle(NamedTuple):
    """oracle@k: the share of items that any of k programs answers rightly, and what of it luck gives.

    It is no accuracy: to choose the right program one must know the answer.
    """

    value: Estimate
    by_chance: Estimate


def oracle_at_k(answers: Sequence[Sequence[str]], right: Sequence[str], decoys: Sequence[str | None]) -> Oracle:
    """oracle@k and its chance null, in which an item whose first program is wrong counts if another one gives the decoy
    (`raw2fig.papers.dr_llm.luck.decoys`).

    Parameters
    ----------
    answers
        The k answers of each item, the first being that of the program that would be taken.
    right
        Right answers.
    decoys
        For each item another item's right answer, which is neither its own nor the first program's; None where there is
        none, which counts as not found.
    """
    rows = list(zip(answers, right, decoys, strict=True))
    found = sum(own in some for some, own, _ in rows)
    lucky = sum(some[0] == own or decoy in some for some, own, decoy in rows)
    return Oracle(proportion(found, len(rows)), proportion(lucky, len(rows)))

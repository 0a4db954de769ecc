"""How the losses of tokens become the loss of a batch: every average of the literature is a weight per completion."""

from typing import Literal

import numpy as np

Aggregation = Literal["sample", "prompt", "token", "constant"]


def completion_weights(
    lengths: np.ndarray, generations: int, how: Aggregation, kept: np.ndarray, longest: int
) -> np.ndarray:
    """Weights w (completions,) with loss = sum over completions i of w_i * sum over its tokens t of l_it.

    `lengths` (completions,) counts the tokens that are trained on; groups of `generations` completions are adjacent.
    Groups that are not `kept` (bool, groups) weigh nothing and count nowhere. `longest` is the constant's length.

    * `sample`: mean over a completion's tokens, then over completions (GRPO).
    * `prompt`: all tokens of a group, then mean over groups (ScaleRL, section 3.2).
    * `token`: mean over all tokens of the batch (DAPO; trl's "dapo" and "bnpo").
    * `constant`: sum over tokens by a constant length, mean over completions (Dr. GRPO).
    """
    rows = np.repeat(kept, generations)
    filled = np.maximum(lengths, 1)
    if how == "sample":
        weights = 1 / (max(1, rows.sum()) * filled)
    elif how == "prompt":
        tokens = np.repeat(np.maximum(lengths.reshape(-1, generations).sum(1), 1), generations)
        weights = 1 / (max(1, kept.sum()) * tokens)
    elif how == "token":
        weights = np.full(len(lengths), 1 / max(1, lengths[rows].sum()))
    else:
        weights = np.full(len(lengths), 1 / (max(1, rows.sum()) * longest))
    return np.where(rows, weights, 0.0)

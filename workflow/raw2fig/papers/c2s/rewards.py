"""Rewards of GRPO for cell generation: one number per generated cell of a group.

Cells are rows of log10 expression of a programme's genes, or of an embedding. All rewards grow with quality.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from raw2fig.errors import InputError
from raw2fig.papers.c2s.metrics import GAMMAS, kendall, rbf_mixture


def rewards_mse_pair(generated: ArrayLike, real: ArrayLike) -> np.ndarray:
    """-MSE of each generated cell to its real partner: `generated` (g, d), `real` (g, d), drawn by the caller; (g,).

    The paper's reward for cytokines. With random partners its expectation is highest at the conditional mean, hence it
    shrinks the spread of the generated cells. Raises `InputError` for unequal shapes.
    """
    generated, real = _matrix(generated, "generated"), _matrix(real, "real")
    if generated.shape != real.shape:
        raise InputError("real", f"shape {real.shape}", f"one partner per generated cell, {generated.shape}")
    return -((generated - real) ** 2).mean(axis=1)


def rewards_kendall(generated: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """tau-b of each generated cell (g, d) with one `reference` (d,), such as the mean of real cells; shape (g,).

    The paper's reward for L1000. A constant cell gets 0. Raises `InputError` for unequal d.
    """
    return kendall(_matrix(generated, "generated"), np.asarray(reference, dtype=np.float64))


def rewards_mmd(generated: ArrayLike, real: ArrayLike, gammas: Sequence[float] = GAMMAS) -> np.ndarray:
    """Kernel witness: mean_j k(g_i, real_j) - mean_{j != i} k(g_i, g_j) for `generated` (g, d), `real` (m, d); (g,).

    k is the mixture of `metrics.mmd`. Attraction to the real cells less repulsion from the group: unlike a distance to
    one partner it does not favour the mean. The group's mean is near 0 when both sets have one distribution. Raises
    `InputError` for fewer than 2 generated cells or unequal d.
    """
    generated, real = _matrix(generated, "generated"), _matrix(real, "real")
    if len(generated) < 2:
        raise InputError("generated", f"{len(generated)} cell", "a group of at least 2")
    if generated.shape[1] != real.shape[1]:
        raise InputError("real", f"{real.shape[1]} dimensions", str(generated.shape[1]))
    attraction = rbf_mixture(generated, real, gammas).mean(axis=1)
    # the kernel of a cell with itself is exactly 1
    repulsion = (rbf_mixture(generated, generated, gammas).sum(axis=1) - 1) / (len(generated) - 1)
    return attraction - repulsion


def _matrix(cells: ArrayLike, name: str) -> np.ndarray:
    """`cells` as float64 (n, d), n and d > 0, finite."""
    array = np.asarray(cells, dtype=np.float64)
    if array.ndim != 2 or not array.size:
        raise InputError(name, f"shape {array.shape}", "cells x dimensions")
    if not np.isfinite(array).all():
        raise InputError(name, "values that are not finite", "finite numbers")
    return array

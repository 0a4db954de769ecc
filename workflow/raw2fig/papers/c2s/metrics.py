"""Metrics of generated cells: scFID, MMD, W2, rank agreement, overlap, FOSCTTM.

Cells are rows. Sets of cells are compared in float64, in whatever space they are given: an embedding, or the expression
of a programme's genes. scFID and the covariance use ddof = 1. scFID and MMD are biased upwards for few cells: give
every method the same number, and report the floor (two halves of the real cells) beside them.
"""

from collections.abc import Callable, Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from raw2fig.errors import InputError

GAMMAS = (2.0, 1.0, 0.5, 0.1, 0.01, 0.005)
"""RBF widths of CellOT's MMD, applied to raw squared distances in log10 expression. Between cells of the laptop panel
those are 2 to 25 (20 principal components) or 0.1 to 3 (18 interferon genes; 5 to 95 % of pairs), where the mixture
neither vanishes nor saturates: MMD and the reward need no rescaling."""
ASSIGNMENT_LIMIT = 512
"""Largest number of cells for which W2 is solved as an assignment."""

Condition = Hashable
"""A label of a cell's condition: a string, or a tuple such as (cell type, cytokine, exposure)."""


def scfid(real: ArrayLike, generated: ArrayLike) -> float:
    """scFID of `real` (n, d) and `generated` (m, d): the squared W2 distance of the Gaussians fitted to both.

    |mu_r - mu_g|^2 + tr(S_r + S_g - 2 (S_r S_g)^(1/2)), C2S-Scale methods. With S = R'R the roots of the
    eigenvalues of S_r^(1/2) S_g S_r^(1/2) are the singular values of R_r R_g', which cannot be negative and lose no
    digits when n < d. Raises `InputError` for fewer than 2 cells, unequal d, or values that are not finite.
    """
    real, generated = _cells(real, generated)
    root_real, root_generated = _covariance_root(real), _covariance_root(generated)
    cross = np.linalg.svd(root_real @ root_generated.T, compute_uv=False).sum()
    shift = real.mean(axis=0) - generated.mean(axis=0)
    distance = shift @ shift + (root_real**2).sum() + (root_generated**2).sum() - 2 * cross
    return max(0.0, float(distance))


def by_condition(
    metric: Callable[[np.ndarray, np.ndarray], float],
    real: ArrayLike,
    real_labels: Sequence[Condition],
    generated: ArrayLike,
    generated_labels: Sequence[Condition],
) -> dict[Condition, float]:
    """`metric(real, generated)` within each condition, in order of first appearance among the real cells.

    Raises `InputError` when a condition has fewer than 2 cells on either side (thus also when it is on one side only),
    or when labels and cells differ in number.
    """
    real, generated = _cells(real, generated)
    real_rows = _rows_by_label(real_labels, len(real), "real")
    generated_rows = _rows_by_label(generated_labels, len(generated), "generated")
    for condition in [*real_rows, *generated_rows]:
        for side, rows in (("real", real_rows), ("generated", generated_rows)):
            if len(rows.get(condition, ())) < 2:
                found = f"condition {condition} has {len(rows.get(condition, ()))} {side} cells"
                raise InputError("conditions", found, "at least 2 on either side")
    return {
        condition: float(metric(real[rows], generated[generated_rows[condition]]))
        for condition, rows in real_rows.items()
    }


def scfid_by_condition(
    real: ArrayLike,
    real_labels: Sequence[Condition],
    generated: ArrayLike,
    generated_labels: Sequence[Condition],
) -> dict[Condition, float]:
    """`scfid` within each condition; the paper's number is the mean of the values, never the pooled scFID (3.8)."""
    return by_condition(scfid, real, real_labels, generated, generated_labels)


def mmd(real: ArrayLike, generated: ArrayLike, gammas: Sequence[float] = GAMMAS) -> float:
    """Mean over `gammas` of the biased squared MMD with kernel exp(-gamma |x - y|^2), as in CellOT.

    Raises `InputError` as `scfid`.
    """
    real, generated = _cells(real, generated)
    within = rbf_mixture(real, real, gammas).mean() + rbf_mixture(generated, generated, gammas).mean()
    return float(within - 2 * rbf_mixture(real, generated, gammas).mean())


def rbf_mixture(x: np.ndarray, y: np.ndarray, gammas: Sequence[float] = GAMMAS) -> np.ndarray:
    """Mean over `gammas` of exp(-gamma |x_i - y_j|^2) for `x` (n, d) and `y` (m, d); shape (n, m)."""
    squared = _squared_distances(x, y)
    return np.mean([np.exp(-gamma * squared) for gamma in gammas], axis=0)


def wasserstein2(real: ArrayLike, generated: ArrayLike) -> float:
    """Squared 2-Wasserstein distance of two sets of cells with equal weights: |delta|^2 for a translation.

    Exact: by assignment for equal numbers up to 512, else by network simplex. Raises `InputError` as `scfid`.
    """
    real, generated = _cells(real, generated)
    cost = _squared_distances(real, generated)
    if len(real) == len(generated) <= ASSIGNMENT_LIMIT:
        from scipy.optimize import linear_sum_assignment

        return float(cost[linear_sum_assignment(cost)].mean())
    import ot

    # the default limit on simplex iterations is too low for thousands of cells
    return float(ot.emd2([], [], cost, numItermax=10_000_000))


def kendall(x: ArrayLike, y: ArrayLike) -> np.ndarray:
    """Kendall's tau-b along the last axis of `x` (..., d) and `y` (..., d), which broadcast; shape (...).

    Ties count as in tau-b (genes not expressed share the last rank). 0 where either side is constant.
    Takes d (d - 1) / 2 bytes per row: for programmes of genes, not for genomes. Raises `InputError` for values that are
    not finite, d < 2, or shapes that do not broadcast.
    """
    x, y = _vectors(x, y)
    first, second = np.triu_indices(x.shape[-1], 1)
    order_x = np.sign(x[..., first] - x[..., second]).astype(np.int8)
    order_y = np.sign(y[..., first] - y[..., second]).astype(np.int8)
    excess = (order_x * order_y).sum(axis=-1, dtype=np.int64)
    untied = np.count_nonzero(order_x, axis=-1).astype(np.float64) * np.count_nonzero(order_y, axis=-1)
    return np.divide(excess, np.sqrt(untied), out=np.zeros(excess.shape), where=untied > 0)


def pearson(x: ArrayLike, y: ArrayLike) -> np.ndarray:
    """Pearson's r along the last axis of `x` (..., d) and `y` (..., d), which broadcast; 0 where either is constant.

    Raises `InputError` as `kendall`.
    """
    a, b = _vectors(x, y)
    varies = (np.ptp(a, axis=-1) > 0) & (np.ptp(b, axis=-1) > 0)
    a, b = (z - z.mean(axis=-1, keepdims=True) for z in (a, b))
    norm = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    return np.divide((a * b).sum(axis=-1), norm, out=np.zeros(varies.shape), where=varies & (norm > 0))


def gene_overlap(generated: Sequence[Hashable], real: Sequence[Hashable], k: int) -> float:
    """Share of k that the first `k` genes of two sentences have in common.

    Genes are names or indices in descending expression. The denominator is k even when a sentence is shorter, so two
    equal cells with fewer than k genes score below 1. Raises `InputError` for k < 1.
    """
    if k < 1:
        raise InputError("k", str(k), "at least 1 gene")
    return len(set(generated[:k]) & set(real[:k])) / k


def foscttm(a: ArrayLike, b: ArrayLike) -> float:
    """Fraction of samples closer than the true match: row i of `a` (n, d) matches row i of `b` (n, d).

    Cosine distance, mean over both directions of the share of the n - 1 other items closer than the match, ties
    counting half: 0 perfect, 0.5 random. Raises `InputError` as `scfid`, for unequal n, or for a zero vector.
    """
    first, second = _cells(a, b)
    if len(first) != len(second):
        raise InputError("embeddings", f"{len(first)} and {len(second)} items", "one match for each")
    norms = [np.linalg.norm(vectors, axis=1, keepdims=True) for vectors in (first, second)]
    if not np.all(norms):
        raise InputError("embeddings", "a zero vector", "vectors with a direction, for the cosine")
    similarity = (first / norms[0]) @ (second / norms[1]).T
    match = np.diag(similarity)
    closer = np.sign(similarity - match[:, None]).sum() + np.sign(similarity - match[None, :]).sum()
    others = len(first) * (len(first) - 1)
    # each direction compares `others` pairs; the mean sign is share closer minus share farther
    return float((closer / (2 * others) + 1) / 2)


def spread_ratio(real: ArrayLike, generated: ArrayLike) -> float:
    """tr cov(generated) / tr cov(real): below 1 the generated cells have collapsed towards a point.

    Raises `InputError` as `scfid`, and when the real cells do not vary.
    """
    real, generated = _cells(real, generated)
    if not np.ptp(real, axis=0).any():
        raise InputError("real cells", "all are equal", "cells that vary")
    return float(generated.var(axis=0, ddof=1).sum() / real.var(axis=0, ddof=1).sum())


def _covariance_root(cells: np.ndarray) -> np.ndarray:
    """R with R'R = covariance (ddof 1) of `cells` (n, d); shape (min(n, d), d)."""
    centred = (cells - cells.mean(axis=0)) / np.sqrt(len(cells) - 1)
    return np.asarray(np.linalg.qr(centred, mode="r"))


def _squared_distances(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    from scipy.spatial.distance import cdist

    return cdist(x, y, "sqeuclidean")


def _cells(real: ArrayLike, generated: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both sets as float64 (n, d) and (m, d), checked."""
    sets = []
    for name, values in (("real", real), ("generated", generated)):
        array = np.asarray(values, dtype=np.float64)
        if array.ndim != 2 or len(array) < 2 or not array.shape[1]:
            raise InputError(f"{name} cells", f"shape {array.shape}", "at least 2 cells x 1 dimension")
        if not np.isfinite(array).all():
            raise InputError(f"{name} cells", "values that are not finite", "finite numbers")
        sets.append(array)
    if sets[0].shape[1] != sets[1].shape[1]:
        raise InputError("cells", f"{sets[0].shape[1]} and {sets[1].shape[1]} dimensions", "equal dimensions")
    return sets[0], sets[1]


def _vectors(x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 with equal last axis of at least 2, broadcastable and finite."""
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if not a.ndim or not b.ndim or a.shape[-1] != b.shape[-1] or a.shape[-1] < 2:
        raise InputError("vectors", f"shapes {a.shape} and {b.shape}", "equal last axes of at least 2")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError("vectors", "values that are not finite", "finite numbers")
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise InputError("vectors", f"shapes {a.shape} and {b.shape}", "shapes that broadcast") from None
    return a, b


def _rows_by_label(labels: Sequence[Condition], n: int, side: str) -> dict[Condition, list[int]]:
    """Rows of each condition, in order of first appearance."""
    if len(labels) != n:
        raise InputError(f"{side} labels", f"{len(labels)} for {n} cells", "one for each cell")
    rows: dict[Condition, list[int]] = {}
    for row, label in enumerate(labels):
        rows.setdefault(label, []).append(row)
    return rows

"""Entropy, mutual information and two-source partial information decomposition of many tables at once, in bits.

A table has its cells in the first axes and the batch in the last ones, so that sums over cells are sums of long
vectors. Tables are weights: counts, smoothed counts or probabilities; their sum need not be 1. A table is smoothed
once, as a joint table, and every marginal is taken from it: information is then never negative and the atoms of a
decomposition add up.
"""

from typing import Literal, NamedTuple

import numpy as np

Estimator = Literal["jeffreys", "plugin", "miller_madow"]
Redundancy = Literal["imin", "mmi"]
JEFFREYS = 0.5
"""Added to every cell of a joint table, seen or not."""
TINY = np.finfo(np.float64).tiny
"""In place of an empty cell under a logarithm, which is then multiplied by 0."""


class Atoms(NamedTuple):
    """What two sources say about a target: both alike, one of them alone, only both together. Shape: the batch."""

    redundancy: np.ndarray
    unique1: np.ndarray
    unique2: np.ndarray
    synergy: np.ndarray


def smoothing(estimator: Estimator) -> float:
    """What the estimator adds to every cell of a joint table of counts."""
    return JEFFREYS if estimator == "jeffreys" else 0.0


def w_log_w(weights: np.ndarray) -> np.ndarray:
    """w log2 w, 0 for w = 0."""
    return weights * np.log2(np.maximum(weights, TINY))


def entropy(weights: np.ndarray) -> np.ndarray:
    """Entropy of tables (cells, ...batch); shape (...batch)."""
    total = weights.sum(axis=0)
    return np.log2(total) - w_log_w(weights).sum(axis=0) / total


def mutual_information(weights: np.ndarray) -> np.ndarray:
    """I(X; Y) of tables (x, y, ...batch); shape (...batch)."""
    x, y = weights.sum(axis=1), weights.sum(axis=0)
    total = x.sum(axis=0)
    joint = w_log_w(weights).sum(axis=(0, 1))
    return np.log2(total) + (joint - w_log_w(x).sum(axis=0) - w_log_w(y).sum(axis=0)) / total


def estimate_information(counts: np.ndarray, estimator: Estimator, alpha: float | None = None) -> np.ndarray:
    """I(X; Y) from counts (x, y, ...batch) with one of the estimators; `alpha` in place of the Jeffreys 1/2 where the
    table is a marginal of a smoothed one.

    Miller and Madow add (m - 1) / (2 n ln 2) to each entropy, m being its cells with a count: such information can be
    negative.
    """
    found = mutual_information(counts + (smoothing(estimator) if alpha is None else alpha))
    if estimator != "miller_madow":
        return found
    x, y, n = counts.sum(axis=1), counts.sum(axis=0), counts.sum(axis=(0, 1))
    cells = (x > 0).sum(axis=0) + (y > 0).sum(axis=0) - (counts > 0).sum(axis=(0, 1)) - 1
    return found + cells / (2 * n * np.log(2))


def decompose(weights: np.ndarray, redundancy: Redundancy = "imin") -> Atoms:
    """Partial information decomposition (Williams and Beer 2010) of tables (x1, x2, target, ...batch).

    Redundancy is either I_min, the specific information of the less informative source about each target value,
    averaged over these, or the smaller of the two mutual informations (MMI).
    """
    weights = weights / weights.sum(axis=(0, 1, 2))
    target = w_log_w(weights.sum(axis=(0, 1)))
    pairs = weights.reshape(len(weights) * weights.shape[1], *weights.shape[2:])
    # p(t) I(T = t; X), by target value: its sum over t is I(X; T)
    both, first, second = (_specific(joint, target) for joint in (pairs, weights.sum(axis=1), weights.sum(axis=0)))
    one, two = first.sum(axis=0), second.sum(axis=0)
    shared = np.minimum(first, second).sum(axis=0) if redundancy == "imin" else np.minimum(one, two)
    return Atoms(shared, one - shared, two - shared, both.sum(axis=0) - one - two + shared)


def _specific(joint: np.ndarray, target: np.ndarray) -> np.ndarray:
    """p(t) I(T = t; X) = sum_x p(x, t) log2(p(x, t) / (p(x) p(t))) of probabilities (x, t, ...); `target` is
    p(t) log2 p(t); shape (t, ...)."""
    x = joint.sum(axis=1)
    log_x = np.log2(np.maximum(x, TINY))
    return w_log_w(joint).sum(axis=0) - np.einsum("xt...,x...->t...", joint, log_x) - target

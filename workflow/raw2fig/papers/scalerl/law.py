"""The laws of a training curve: pass rate R on held-out prompts as a function of compute C (ScaleRL, section 3.1).

The sigmoid is the paper's law, a logistic curve in ln C. The power law is what it is compared with, and its limit for
large C. Compute is in any unit, the same throughout: GPU-hours, tokens, FLOPs or updates.
"""

import numpy as np
from numpy.typing import ArrayLike


def sigmoid(compute: ArrayLike, r0: float, a: ArrayLike, b: ArrayLike, c_mid: ArrayLike) -> np.ndarray:
    """R = R_0 + (A - R_0) / (1 + (C_mid / C)^B): R_0 at C = 0, half-way at C_mid, A without end of compute.

    `a`, `b` and `c_mid` are broadcast against `compute`.
    """
    c = np.asarray(compute, dtype=np.float64)
    with np.errstate(divide="ignore"):  # ln 0 is minus infinity, where R is R_0
        z = np.asarray(b) * (np.log(c) - np.log(c_mid))
    return r0 + (np.asarray(a) - r0) * logistic(z)


def power_law(compute: ArrayLike, a: float, d: float, b: float) -> np.ndarray:
    """R = A - D / C^B: what the sigmoid approaches as C grows, with the same A and B and D = (A - R_0) C_mid^B."""
    return a - d * np.asarray(compute, dtype=np.float64) ** -b


def log_f(
    compute: ArrayLike, score: ArrayLike, r0: float, a: float, b: float, c_mid: float
) -> tuple[np.ndarray, np.ndarray]:
    """The straight line of Figure 7: ln C and ln F with F = C_mid^B / ((A - R_0) / (R - R_0) - 1), which is C^B on the
    law; the slope is B.

    Points with R <= R_0 or R >= A, where F is not defined, are left out: the results may be shorter than the input.
    """
    c, r = (np.asarray(values, dtype=np.float64) for values in (compute, score))
    inside = (r > r0) & (r < a) & (c > 0)
    share = (r[inside] - r0) / (a - r0)
    return np.log(c[inside]), b * np.log(c_mid) + np.log(share / (1 - share))


def logistic(z: ArrayLike) -> np.ndarray:
    """1 / (1 + e^-z) without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(z, dtype=np.float64)))

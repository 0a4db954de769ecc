"""Advantages from grouped rewards."""

import numpy as np

EPSILON = 1e-4
"""Added to the standard deviation, as in trl."""


def group_advantages(rewards: np.ndarray) -> np.ndarray:
    """(r - mean) / (std + 1e-4) within each group, for rewards of shape (groups, generations); ddof = 1.

    GRPO (Shao et al. 2024, eq. 4) with trl's constants. A group of equal rewards gets zeros.
    """
    centred = rewards - rewards.mean(1, keepdims=True)
    return centred / (rewards.std(1, ddof=1, keepdims=True) + EPSILON)

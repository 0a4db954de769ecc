"""Advantages from grouped rewards."""

from typing import Literal

import numpy as np

Scale = Literal["group", "batch_advantage", "batch_reward", "none"]
EPSILON = 1e-4
"""Added to a standard deviation, as in trl."""


def centred(rewards: np.ndarray) -> np.ndarray:
    """r - mean within each group, for rewards of shape (groups, generations): REINFORCE with a group baseline. Exactly
    0 in a group of equal rewards, whose mean may be off by rounding."""
    differ = rewards.max(1, keepdims=True) > rewards.min(1, keepdims=True)
    return np.where(differ, rewards - rewards.mean(1, keepdims=True), 0.0)


def group_advantages(rewards: np.ndarray, ddof: int = 1, epsilon: float = EPSILON) -> np.ndarray:
    """(r - mean) / (std + epsilon) within each group, for rewards of shape (groups, generations).

    GRPO (Shao et al. 2024, eq. 4) with trl's constants. A group of equal rewards gets zeros.
    """
    return centred(rewards) / (rewards.std(1, ddof=ddof, keepdims=True) + epsilon)


def scaled_advantages(
    rewards: np.ndarray, scale: Scale, kept: np.ndarray, ddof: int = 1, epsilon: float = EPSILON
) -> np.ndarray:
    """Advantages (groups, generations) of a batch, zero for the groups that are not `kept` (bool, groups).

    * `group`: divided by the standard deviation of the group (GRPO).
    * `batch_advantage`: by that of all centred advantages of the kept groups (ScaleRL, section 3.2; the paper does not
      say whether before or after dropping groups, nor ddof: after, as this is the batch that is trained on).
    * `batch_reward`: by that of all rewards (trl's "batch").
    * `none`: not divided (Dr. GRPO).
    """
    advantages = centred(rewards)
    if scale == "group":
        advantages = group_advantages(rewards, ddof, epsilon)
    elif scale != "none" and kept.any():
        spread = advantages[kept] if scale == "batch_advantage" else rewards
        advantages = advantages / (spread.std(ddof=ddof) + epsilon)
    return np.where(kept[:, None], advantages, 0.0)

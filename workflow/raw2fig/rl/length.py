"""Penalties for completions that are too long; forced interruption is in `raw2fig.lm.sample`."""

import numpy as np


def soft_overlong(lengths: np.ndarray, longest: int, cache: int) -> np.ndarray:
    """clip((longest - length) / cache - 1, -1, 0): no penalty up to longest - cache, then linear, -1 from `longest`
    tokens on (DAPO, Yu et al. 2025, eq. 13), added to the reward of every completion."""
    return np.clip((longest - lengths) / cache - 1.0, -1.0, 0.0)


def length_penalty(lengths: np.ndarray, correct: np.ndarray, longest: int, cache: int) -> np.ndarray:
    """The same penalty, for `correct` completions only (ScaleRL's ablation "loo-lp", appendix A.10)."""
    return np.where(correct, soft_overlong(lengths, longest, cache), 0.0)

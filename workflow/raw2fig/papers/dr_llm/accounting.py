"""What routes cost: layers per token, the paper's layer applications, how alike routes are, and the size of routers.

Layers per token say how deep a model is, whatever it writes. The paper counts layer applications instead: over all
forward passes of an answer, so that a longer answer has more. The two must not be compared.
"""

from __future__ import annotations

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.paths import ACTIONS

ARC_SUBSETS, DART_SUBSETS = 2, 5
"""Subsets of the paper's evaluation."""


def layers_per_token(actions: np.ndarray) -> np.ndarray:
    """How many layers a token of each route passes, (routes,), of actions (routes, layers)."""
    found: np.ndarray = np.asarray(actions).sum(axis=1, dtype=np.int64)
    return found


def layer_applications(actions: np.ndarray, passes: np.ndarray) -> np.ndarray:
    """The paper's count: layers per token times the forward passes of each answer (routes,). Reading the prompt is the
    first pass, so there are as many as new tokens."""
    return layers_per_token(actions) * np.asarray(passes)


def agreement(actions: np.ndarray) -> float:
    """How often two different routes take the same action, over all pairs and layers. Raises `InputError` for fewer
    than two routes."""
    actions = np.asarray(actions)
    n = len(actions)
    if n < 2:
        raise InputError("actions", f"are those of {n} routes", "at least two, for a pair")
    times = (actions == np.unique(actions)[:, None, None]).sum(axis=1)
    same = (times * (times - 1)).sum()
    return float(same / (n * (n - 1) * actions.shape[1]))


def turned(before: np.ndarray, after: np.ndarray) -> tuple[int, int]:
    """How many items turned from wrong to right and from right to wrong, of outcomes (items,) of the same items."""
    was, is_now = np.asarray(before, dtype=bool), np.asarray(after, dtype=bool)
    return int((~was & is_now).sum()), int((was & ~is_now).sum())


def total(arc: float, dart: float) -> float:
    """The paper's total of its two sets: the mean over two subsets of ARC and five of DART."""
    return (ARC_SUBSETS * arc + DART_SUBSETS * dart) / (ARC_SUBSETS + DART_SUBSETS)


def router_weights(layers: int, width: int, hidden: int) -> int:
    """Weights of a router of two linear maps for each layer, L (d h + h + 3 h + 3)."""
    return layers * (width * hidden + hidden + len(ACTIONS) * hidden + len(ACTIONS))

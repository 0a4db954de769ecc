"""From probabilities to actions: the paper's control knob, and ties (paper, appendix C)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raw2fig.errors import InputError

if TYPE_CHECKING:
    import torch

SKIP, EXECUTE, REPEAT = 0, 1, 2
"""How often a layer is applied."""
ACTIONS = ("skip", "execute", "repeat")
"""Names of 0, 1 and 2."""
PLAIN = -0.5
"""The knob at which the routers alone decide."""


def turn(probabilities: torch.Tensor, knob: float) -> torch.Tensor:
    """Mix `probabilities` (..., 3) of skip, execute and repeat with a fixed action.

    From -1 to -0.5 skipping goes over into the routers, from -0.5 to 0.5 the routers into executing, and from 0.5 to 1
    executing into repeating, each in equal steps. Raises `InputError` for a knob outside -1 to 1.
    """
    import torch

    if not -1 <= knob <= 1:
        raise InputError("control", f"is {knob:g}", "a number from -1 to 1")
    skip, execute, repeat = torch.eye(3, dtype=probabilities.dtype, device=probabilities.device)
    if knob <= -0.5:
        start, end, share = skip, probabilities, (knob + 1) / 0.5
    elif knob <= 0.5:
        start, end, share = probabilities, execute, knob + 0.5
    else:
        start, end, share = execute, repeat, (knob - 0.5) / 0.5
    return ((1 - share) * start + share * end).expand_as(probabilities)


def decide(logits: torch.Tensor, knob: float = PLAIN) -> torch.Tensor:
    """The likeliest action (...) for `logits` (..., 3) at a knob, in float64: at the ends of the knob's plateaus
    float32 rounds sure routers to a tie. Ties are broken to executing, for a router that has learnt nothing must leave
    the model as it is."""
    import torch

    mixed = turn(logits.double().softmax(-1), knob)
    best = mixed.max(-1)
    return torch.where(mixed[..., EXECUTE] >= best.values, EXECUTE, best.indices)

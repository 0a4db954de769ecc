"""The routers of all layers as one stack of small networks that do not share weights (section 3.1).

A stack maps `linear1.weight` to (layers, hidden, width), `linear1.bias` to (layers, hidden), and so on; its last linear
map has three outputs. One batched product computes all layers, because labels are known: in training the states that a
router reads do not depend on what other routers decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING

from raw2fig.papers.dr_llm.paths import ACTIONS, EXECUTE

if TYPE_CHECKING:
    import torch


def new_routers(
    layers: int, width: int, hidden: int, linear_layers: int, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """First weights: uniform by Xavier's rule, biases 0; float32, on the CPU."""
    import torch

    sizes = [width, *[hidden] * (linear_layers - 1), len(ACTIONS)]
    found: dict[str, torch.Tensor] = {}
    for number, (inputs, outputs) in enumerate(pairwise(sizes), 1):
        bound = sqrt(6 / (inputs + outputs))
        weight = torch.rand(layers, outputs, inputs, generator=generator) * 2 * bound - bound
        found |= {f"linear{number}.weight": weight, f"linear{number}.bias": torch.zeros(layers, outputs)}
    return found


def logits_of(stack: Mapping[str, torch.Tensor], states: torch.Tensor, windows: torch.Tensor) -> torch.Tensor:
    """Logits (rows, layers, 3): of each router the mean over a row's windows of what it says of their mean states.

    Parameters
    ----------
    stack
        Weights of the routers.
    states
        Mean states of windows (rows, layers, most windows, width).
    windows
        Number of windows of each row (rows,), at least 1; what lies behind them does not count.
    """
    import torch

    rows, layers, most, width = states.shape
    found = states.transpose(0, 1).reshape(layers, rows * most, width)
    last = len(stack) // 2
    for number in range(1, last + 1):
        weight, bias = stack[f"linear{number}.weight"], stack[f"linear{number}.bias"]
        found = torch.baddbmm(bias.unsqueeze(1), found, weight.transpose(1, 2))
        if number < last:
            found = torch.nn.functional.gelu(found, approximate="tanh")
    there = torch.arange(most, device=states.device) < windows.unsqueeze(1)
    found = torch.where(there[..., None], found.view(layers, rows, most, len(ACTIONS)), 0.0)
    return (found.sum(dim=2) / windows.unsqueeze(1)).transpose(0, 1)


def decide(logits: torch.Tensor) -> torch.Tensor:
    """The most likely action of logits (..., 3), and execute where it is as likely as another: a router that knows
    nothing changes nothing."""
    best = logits.argmax(dim=-1)
    best[logits[..., EXECUTE] >= logits.amax(dim=-1)] = EXECUTE
    return best


def by_layer(stack: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights by the names of an adapter: `routers.{layer}.linear1.weight`, and so on."""
    return {
        f"routers.{layer}.{name}": part.contiguous()
        for name, all_layers in stack.items()
        for layer, part in enumerate(all_layers.unbind())
    }

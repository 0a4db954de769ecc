"""The routers: a small network for each layer of the decoder, none of which share weights (paper, section 3.1).

Those of all layers are one stack: `linear1.weight` is (layers, hidden, width of the states), `linear1.bias` (layers,
hidden), and so on; the last linear map has three outputs. One batched product computes all layers, which is how they
are trained: with known labels, what a router reads does not depend on what others decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING

from raw2fig.papers.dr_llm.routing.control import ACTIONS
from raw2fig.papers.dr_llm.routing.pooling import Pooled, WindowMode

if TYPE_CHECKING:
    import torch


def new_routers(
    layers: int, width: int, hidden: int, linear_layers: int, generator: torch.Generator
) -> dict[str, torch.Tensor]:
    """First weights: uniform by Xavier's rule, biases 0; float32, on the CPU. The paper has two linear maps, and so
    layers * (width * hidden + hidden + 3 * hidden + 3) weights."""
    import torch

    sizes = [width, *[hidden] * (linear_layers - 1), len(ACTIONS)]
    found: dict[str, torch.Tensor] = {}
    for number, (inputs, outputs) in enumerate(pairwise(sizes), 1):
        bound = sqrt(6 / (inputs + outputs))
        weight = torch.rand(layers, outputs, inputs, generator=generator) * 2 * bound - bound
        found |= {f"linear{number}.weight": weight, f"linear{number}.bias": torch.zeros(layers, outputs)}
    return found


def logits_of(stack: Mapping[str, torch.Tensor], states: torch.Tensor, windows: torch.Tensor) -> torch.Tensor:
    """Logits (rows, layers, 3) of skip, execute and repeat: the mean of the logits of a row's windows. Between linear
    maps is GELU by its tanh approximation.

    Parameters
    ----------
    stack
        Weights of the routers.
    states
        Mean states of windows (rows, layers, most windows, width), of any floating type.
    windows
        Number of windows of each row (rows,), at least 1; what lies behind them does not count.
    """
    import torch

    rows, layers, most, width = states.shape
    found = states.transpose(0, 1).reshape(layers, rows * most, width)
    last = len(stack) // 2
    for number in range(1, last + 1):
        weight, bias = stack[f"linear{number}.weight"], stack[f"linear{number}.bias"]
        found = torch.baddbmm(bias.unsqueeze(1), found.to(weight.dtype), weight.transpose(1, 2))
        if number < last:
            found = torch.nn.functional.gelu(found, approximate="tanh")
    there = torch.arange(most, device=states.device) < windows.unsqueeze(1)
    found = torch.where(there[..., None], found.view(layers, rows, most, len(ACTIONS)), 0.0)
    return (found.sum(dim=2) / windows.unsqueeze(1)).transpose(0, 1)


def by_layer(stack: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The weights by the names of an adapter: `routers.{layer}.linear1.weight`, and so on."""
    return {
        f"routers.{layer}.{name}": part.contiguous()
        for name, all_layers in stack.items()
        for layer, part in enumerate(all_layers.unbind())
    }


def stacked(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The stack of weights by the names of an adapter: what `by_layer` was given."""
    import torch

    parts: dict[str, dict[int, torch.Tensor]] = {}
    for name, part in tensors.items():
        _, layer, own = name.split(".", 2)
        parts.setdefault(own, {})[int(layer)] = part
    return {own: torch.stack([part for _, part in sorted(layers.items())]) for own, layers in parts.items()}


@dataclass(frozen=True)
class Routers:
    """A stack of routers, and what they read: at most `windows` windows, cut by `mode`."""

    stack: Mapping[str, torch.Tensor]
    windows: int
    mode: WindowMode

    @property
    def layers(self) -> int:
        return self.stack["linear1.weight"].shape[0]

    @property
    def width(self) -> int:
        """That of the states."""
        return self.stack["linear1.weight"].shape[2]

    @property
    def hidden(self) -> int:
        return self.stack["linear1.weight"].shape[1]

    def of_layer(self, layer: int, pooled: Pooled) -> torch.Tensor:
        """Logits (rows, 3) of one layer's router, on the device of the routers."""
        own = {name: part[layer : layer + 1] for name, part in self.stack.items()}
        means, windows = (part.to(own["linear1.weight"].device) for part in pooled)
        return logits_of(own, means.unsqueeze(1), windows)[:, 0]

"""The routers: a small perceptron for each layer of the decoder (paper, section 3.1)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import nn

from raw2fig.papers.dr_llm.routing.control import ACTIONS
from raw2fig.papers.dr_llm.routing.pooling import Pooled, WindowMode


class Routers(nn.Module):
    """Linear maps with GELU, by its tanh approximation, between them; two in the paper. Each layer has weights of its
    own, Xavier-uniform, and biases 0. Those of all layers are stacked as `weight1`, `bias1` and so on, so that a
    training on stored features is one product: labels are known there, and no router's states depend on another one.

    Parameters of two linear maps: layers * (hidden * width + width + 3 * width + 3).
    """

    def __init__(
        self, layers: int, hidden: int, width: int, windows: int, mode: WindowMode, linear_layers: int = 2
    ) -> None:
        super().__init__()
        self.layers, self.hidden, self.width = layers, hidden, width
        self.windows, self.mode, self.linear_layers = windows, mode, linear_layers
        sizes = [hidden, *[width] * (linear_layers - 1), len(ACTIONS)]
        for number, (inputs, outputs) in enumerate(pairwise(sizes), 1):
            weight = nn.Parameter(torch.empty(layers, outputs, inputs))
            for matrix in weight:
                nn.init.xavier_uniform_(matrix)
            self.register_parameter(f"weight{number}", weight)
            self.register_parameter(f"bias{number}", nn.Parameter(torch.zeros(layers, outputs)))

    def maps(self) -> Iterator[tuple[nn.Parameter, nn.Parameter]]:
        """Weights (layers, outputs, inputs) and biases (layers, outputs) of each linear map, the first one first."""
        for number in range(1, self.linear_layers + 1):
            yield self.get_parameter(f"weight{number}"), self.get_parameter(f"bias{number}")

    def forward(self, means: torch.Tensor, windows: torch.Tensor, chosen: slice = slice(None)) -> torch.Tensor:
        """Logits (rows, layers, 3) of skip, execute and repeat: the mean of the logits of a row's windows.

        `means` (rows, layers, windows, hidden) and `windows` (rows,) are as in `Pooled`; `chosen` are the layers that
        they belong to.
        """
        rows, layers, most, hidden = means.shape
        found = means.transpose(0, 1).reshape(layers, rows * most, hidden)
        for number, (weight, bias) in enumerate(self.maps(), 1):
            found = torch.baddbmm(bias[chosen].unsqueeze(1), found, weight[chosen].transpose(1, 2))
            if number < self.linear_layers:
                found = nn.functional.gelu(found, approximate="tanh")
        there = torch.arange(most, device=means.device) < windows[:, None]
        found = torch.where(there[..., None], found.view(layers, rows, most, len(ACTIONS)), 0.0)
        return (found.sum(2) / windows[:, None]).transpose(0, 1)

    def of_layer(self, layer: int, pooled: Pooled) -> torch.Tensor:
        """Logits (rows, 3) of one layer, on the device of the routers."""
        like = self.get_parameter("weight1")
        means, windows = (part.to(like.device) for part in pooled)
        return self(means[:, None].to(like.dtype), windows, slice(layer, layer + 1))[:, 0]

    def by_layer(self) -> dict[str, torch.Tensor]:
        """The weights of each layer's router, which are views of the stacked ones, by the names of an adapter:
        `routers.0.linear1.weight` and so on."""
        return {
            f"routers.{layer}.linear{number}.{name}": stacked[layer]
            for layer in range(self.layers)
            for number, parts in enumerate(self.maps(), 1)
            for name, stacked in zip(("weight", "bias"), parts, strict=True)
        }

"""The routers: a small perceptron for each layer of the decoder (paper, section 3.1)."""

from __future__ import annotations

import torch
from torch import nn

from raw2fig.papers.dr_llm.routing.control import ACTIONS
from raw2fig.papers.dr_llm.routing.pooling import Pooled, WindowMode


class Routers(nn.Module):
    """Linear, GELU by its tanh approximation, linear, with weights of its own for each layer, Xavier-uniform, and
    biases 0. The weights of all layers are stacked, so that a training on stored features is one product.

    Parameters: layers * (hidden * width + width + 3 * width + 3).
    """

    def __init__(self, layers: int, hidden: int, width: int, windows: int, mode: WindowMode) -> None:
        super().__init__()
        self.windows, self.mode = windows, mode
        self.weight1 = nn.Parameter(torch.empty(layers, width, hidden))
        self.bias1 = nn.Parameter(torch.zeros(layers, width))
        self.weight2 = nn.Parameter(torch.empty(layers, len(ACTIONS), width))
        self.bias2 = nn.Parameter(torch.zeros(layers, len(ACTIONS)))
        for matrix in (*self.weight1, *self.weight2):
            nn.init.xavier_uniform_(matrix)

    @property
    def layers(self) -> int:
        return self.weight1.shape[0]

    @property
    def hidden(self) -> int:
        return self.weight1.shape[2]

    @property
    def width(self) -> int:
        return self.weight1.shape[1]

    def forward(self, means: torch.Tensor, windows: torch.Tensor, chosen: slice = slice(None)) -> torch.Tensor:
        """Logits (rows, layers, 3) of skip, execute and repeat: the mean of the logits of a row's windows.

        `means` (rows, layers, windows, hidden) and `windows` (rows,) are as in `Pooled`; `chosen` are the layers that
        they belong to.
        """
        inner = torch.einsum("nlwd,lhd->nlwh", means, self.weight1[chosen]) + self.bias1[chosen, None]
        inner = nn.functional.gelu(inner, approximate="tanh")
        logits = torch.einsum("nlwh,lah->nlwa", inner, self.weight2[chosen]) + self.bias2[chosen, None]
        there = torch.arange(means.shape[2], device=means.device) < windows[:, None]
        return (logits * there[:, None, :, None]).sum(2) / windows[:, None, None]

    def of_layer(self, layer: int, pooled: Pooled) -> torch.Tensor:
        """Logits (rows, 3) of one layer, on the device of the routers."""
        means, windows = (part.to(self.weight1.device) for part in pooled)
        return self(means[:, None].to(self.weight1.dtype), windows, slice(layer, layer + 1))[:, 0]

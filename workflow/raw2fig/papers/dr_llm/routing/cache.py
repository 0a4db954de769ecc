"""Keys and values of a routed model.

A repeated layer sees the prompt twice, with other states each time, so it has two places: layer i keeps those of its
first pass at i, and those of its second at layers + i. A place holds the rows that run there, and only these, for the
whole generation. How much has been read is counted, not looked up: a place may be empty because its layer is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any, NoReturn

import torch
from transformers import DynamicCache, PreTrainedConfig

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.routing.route import Route


class RoutedCache(DynamicCache):
    """A `DynamicCache` with a route, and a place for each pass of each layer."""

    route: Route | None
    seen: int
    """Tokens that went through the model, padding included."""
    _shift: int
    """What is added to the number of a layer: 0 in first passes, the number of layers in second ones."""

    @classmethod
    def take(cls, cache: DynamicCache, config: PreTrainedConfig) -> RoutedCache:
        """Turn an empty `DynamicCache` into a routed one, in place: whoever made it goes on using it."""
        layers = cache.layers or DynamicCache(config=config).layers
        cache.layers = [*layers, *deepcopy(layers)]
        cache.layer_class_to_replicate = None
        cache.__class__ = cls
        taken: RoutedCache = cache  # type: ignore[assignment]
        taken.route, taken.seen, taken._shift = None, 0, 0
        return taken

    @contextmanager
    def second_pass(self) -> Iterator[None]:
        """Within the block layers use the places of their second passes."""
        self._shift = len(self.layers) // 2
        try:
            yield
        finally:
            self._shift = 0

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        found: tuple[torch.Tensor, torch.Tensor] = super().update(
            key_states, value_states, layer_idx + self._shift, *args, **kwargs
        )
        return found

    def get_seq_length(self, layer_idx: int = 0) -> int:
        return self.seen

    def get_mask_sizes(self, query_length: int, layer_idx: int) -> tuple[int, int]:
        # a mask serves all layers of a kind; those that run hold equally many tokens, those that are skipped none
        kind = self.is_sliding[layer_idx]
        places: list[Any] = [
            layer for layer, sliding in zip(self.layers, self.is_sliding, strict=True) if sliding == kind
        ]
        sizes: tuple[int, int] = max(places, key=lambda layer: layer.get_seq_length()).get_mask_sizes(query_length)
        return sizes

    def reset(self) -> None:
        super().reset()
        self.route, self.seen = None, 0

    is_croppable = False

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise InputError(
            "cache",
            "its rows cannot be reordered, copied or cut, since each layer holds only the rows that run there",
            "greedy search or sampling, one sequence for each row",
        )

    crop = reorder_cache = batch_repeat_interleave = batch_select_indices = _refuse

"""Which models, calls and ways to generate can be routed exactly. All others are refused, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import torch
from torch import nn
from transformers import Cache, DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.routing.cache import RoutedCache

BEAMS = "beams move from row to row, and the cache of a layer holds only the rows that ran there"
GUESSES = "guessed tokens are taken back, and a cache of some of the rows cannot be cut"
PYTHON = "which layers run is decided row by row in Python"
REFUSED = {
    "num_beams": (BEAMS, 1),
    "num_return_sequences": ("a route belongs to a row: give a prompt as often as it is to be answered", 1),
    "assistant_model": (GUESSES, None),
    "prompt_lookup_num_tokens": (GUESSES, None),
    "assistant_early_exit": (GUESSES, None),
    "use_mtp": (GUESSES, False),
    "prefill_chunk_size": ("routers read the whole prompt before they decide", None),
    "cache_implementation": ("a repeated layer needs two places, which only dynamic caches have", "dynamic"),
    "compile_config": (PYTHON, None),
}
"""Settings of `generate`, why a routed model cannot have them, and what it can have beside none."""


def decoder_of(base: PreTrainedModel) -> tuple[PreTrainedModel, list[nn.Module]]:
    """The decoder of a model and its layers. Raises `InputError` for a model that cannot be routed.

    A layer must take hidden states (rows, tokens, width) as its first argument and return nothing but new ones, and its
    cache must be one of plain or sliding attention. One token is sent through the decoder to see that.
    """
    name = type(base).__name__
    decoder = base.get_decoder()
    number = getattr(decoder.config, "num_hidden_layers", None)
    lists = [part for part in decoder.children() if isinstance(part, nn.ModuleList) and len(part) == number]
    if len(lists) != 1 or decoder.config.is_encoder_decoder or not base.can_generate():
        raise InputError(name, "is not a decoder with a list of layers and a head", "a causal language model")
    kinds = [type(layer) for layer in DynamicCache(config=decoder.config).layers]
    if len(kinds) != number or not set(kinds) <= {DynamicLayer, DynamicSlidingWindowLayer}:
        found = ", ".join(sorted({kind.__name__ for kind in kinds}))
        raise InputError(name, f"its cache consists of {found}", "plain or sliding attention in each layer")
    layers = list(lists[0])
    width = (1, 1, decoder.config.hidden_size)
    if _shapes(decoder, layers) != [(width, width)] * len(layers):
        raise InputError(name, "has layers that hand on more than hidden states", "another architecture")
    return decoder, layers


def _shapes(decoder: PreTrainedModel, layers: list[nn.Module]) -> list[tuple[Any, Any]]:
    """Shapes of what goes into each layer and what comes out when one token is read, None for what is no tensor."""
    shapes: list[tuple[Any, Any]] = []

    def note(_: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        before, after = (
            tuple(one.shape) if isinstance(one, torch.Tensor) else None for one in (next(iter(args), None), output)
        )
        shapes.append((before, after))

    hooks = [layer.register_forward_hook(note) for layer in layers]
    try:
        with torch.no_grad():
            decoder(torch.zeros(1, 1, dtype=torch.long, device=decoder.device), use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return shapes


def check_call(given: Mapping[str, Any], decoder: PreTrainedModel) -> None:
    """Raise `InputError` for a call of the decoder whose rows cannot be told apart."""
    if torch.compiler.is_compiling():
        raise InputError("torch.compile", PYTHON, "the model as it is")
    if decoder.config._attn_implementation == "flex_attention":
        raise InputError("attention", "is flex_attention, whose mask has no rows", "eager, sdpa or flash attention")
    positions = given.get("position_ids")
    if positions is not None and positions.ndim != 2:
        raise InputError("position_ids", f"have {positions.ndim} dimensions", "(rows, tokens)")


def cache_of(given: Mapping[str, Any], decoder: PreTrainedModel) -> RoutedCache | None:
    """The cache of a call: the given one, made routed in place where it is empty; a new one where none is given and the
    model uses one; or None. Raises `InputError` for a cache that cannot hold two passes of a layer."""
    cache: Cache | None = given.get("past_key_values")
    if isinstance(cache, RoutedCache):
        return cache
    if cache is None:
        wanted = given.get("use_cache")
        if not (decoder.config.use_cache if wanted is None else wanted):
            return None
        cache = DynamicCache(config=decoder.config)
    if type(cache) is not DynamicCache or cache.offloading:
        raise InputError("cache", f"is a {type(cache).__name__} with one place for each layer", "a DynamicCache")
    if cache.get_seq_length():
        raise InputError("cache", "was filled without a route", "an empty one")
    return RoutedCache.take(cache, decoder.config)


def no_continuous_batching(*_: Any, **__: Any) -> NoReturn:
    """In the place of what `generate_batch` begins with."""
    raise InputError("generate_batch", "puts the tokens of several prompts into one row", "generate")


def check_generation(given: Mapping[str, Any], base: PreTrainedModel) -> None:
    """Raise `InputError` for arguments of `generate` that a routed model cannot have, wherever they are set."""
    places = (given.get("generation_config"), base.generation_config)
    for name, (why, only) in REFUSED.items():
        values = (given.get(name), *(getattr(place, name, None) for place in places))
        value = next((value for value in values if value is not None), None)
        if value not in (None, only):
            raise InputError(name, f"is {value if isinstance(value, (int, str)) else 'given'}, but {why}", f"{only}")

"""Tiny decoders of several families with random weights, and the same decoders with their layers in another order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from raw2fig.papers.dr_llm.routing.routers import Routers

LAYERS, HIDDEN, WINDOW, PAD = 4, 16, 5, 0
COMMON: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": HIDDEN,
    "intermediate_size": 24,
    "num_hidden_layers": LAYERS,
    "num_attention_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": None,
    "pad_token_id": PAD,
    "tie_word_embeddings": False,
}
GROUPED: dict[str, Any] = {"num_key_value_heads": 1, "head_dim": 8}
ALTERNATING = ["sliding_attention", "full_attention"] * (LAYERS // 2)
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", GROUPED),
    "qwen2": ("Qwen2", {"num_key_value_heads": 1}),
    "qwen3": ("Qwen3", GROUPED),
    "gemma": ("Gemma", GROUPED),
    "gemma2": ("Gemma2", GROUPED | {"sliding_window": WINDOW, "layer_types": ALTERNATING}),
    "gemma3": ("Gemma3", GROUPED | {"sliding_window": WINDOW, "layer_types": ALTERNATING[::-1]}),
    "gpt_neox": ("GPTNeoX", {}),
    "mistral": ("Mistral", GROUPED | {"sliding_window": WINDOW}),
    "mixtral": ("Mixtral", GROUPED | {"num_local_experts": 3, "sliding_window": None}),
    "gpt2": ("GPT2", {"n_inner": 24}),
}
"""Class and settings of each family; windows are shorter than the tests' prompts."""
CLASSES = {"Gemma3": ("Gemma3TextConfig", "Gemma3ForCausalLM"), "GPT2": ("GPT2Config", "GPT2LMHeadModel")}
"""Names of the configuration and of the model, where they do not follow from the family's."""


def tiny_decoder(family: str, **changes: Any) -> PreTrainedModel:
    """A decoder of `LAYERS` layers whose weights are large enough for each layer to matter."""
    import torch
    import transformers

    name, settings = FAMILIES[family]
    config, model_class = CLASSES.get(name, (f"{name}Config", f"{name}ForCausalLM"))
    torch.manual_seed(7)
    made = getattr(transformers, config)(**{**COMMON, **settings, **changes})
    model: PreTrainedModel = getattr(transformers, model_class)(made).eval()
    with torch.no_grad():
        for part in model.parameters():
            part.add_(0.15 * torch.randn_like(part))
    return model


def layers_of(model: PreTrainedModel) -> torch.nn.ModuleList:
    """The layers of a decoder, `layers` or `h`."""
    decoder: Any = model.get_decoder()
    found: torch.nn.ModuleList = decoder.h if hasattr(decoder, "h") else decoder.layers
    return found


def with_layers(model: PreTrainedModel, order: Sequence[int]) -> PreTrainedModel:
    """An ordinary model of the same class whose layers are copies of those of `model` in `order`: without one that is
    left out, and with two of one that stands there twice. It knows nothing of routes."""
    from copy import deepcopy

    config = deepcopy(model.config)
    config.num_hidden_layers = len(order)
    if getattr(config, "layer_types", None) is not None:
        config.layer_types = [model.config.layer_types[layer] for layer in order]
    made = type(model)(config).eval()
    outside = {name: value for name, value in model.state_dict().items() if not {"layers", "h"} & {*name.split(".")}}
    made.load_state_dict(outside, strict=False)
    for place, layer in enumerate(order):
        layers_of(made)[place].load_state_dict(layers_of(model)[layer].state_dict())
    return made


def order_of(actions: Sequence[int]) -> list[int]:
    """Layers in the order in which a route applies them: `[0, 1, 2]` → `[1, 2, 2]`."""
    return [layer for layer, times in enumerate(actions) for _ in range(times)]


def left_padded(prompts: Sequence[Sequence[int]]) -> dict[str, torch.Tensor]:
    """A batch of prompts that end at the same place."""
    import torch

    width = max(map(len, prompts))
    ids = [[PAD] * (width - len(prompt)) + list(prompt) for prompt in prompts]
    mask = [[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}


def positions(mask: torch.Tensor) -> torch.Tensor:
    """Places of the tokens of padded prompts, as `generate` counts them."""
    return (mask.cumsum(1) - 1).clamp(min=0)


def sharp_routers(windows: int = 3, mode: Any = "floor", seed: int = 0, layers: int = LAYERS) -> Routers:
    """Random routers that say skip, execute and repeat about equally often, and surely."""
    import torch

    from raw2fig.papers.dr_llm.routing.routers import Routers, new_routers

    stack = new_routers(layers, HIDDEN, 8, 2, torch.Generator().manual_seed(seed))
    sharp = {"linear1.weight": 3, "linear2.weight": 30}
    return Routers({name: part * sharp.get(name, 1) for name, part in stack.items()}, windows, mode)

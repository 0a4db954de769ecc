"""Checkpoints under their official names: LLaDA-8B and LLaDA-1.5 as Llama, Dream-7B as Qwen2. Their code never runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.errors import InputError
from raw2fig.tables import read_json

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from raw2fig.papers.elastic_cache.model import MaskedDiffusion

LLADA_ARITHMETIC = {
    "activation_type": "silu",
    "alibi": False,
    "attention_layer_norm": False,
    "block_type": "llama",
    "include_bias": False,
    "include_qkv_bias": False,
    "input_emb_norm": False,
    "layer_norm_type": "rms",
    "rope": True,
    "rope_full_precision": True,
    "scale_logits": False,
}
"""Fields of LLaDA's config.json that decide what a layer computes, with the values that make it a Llama layer."""
LLADA_SIZES = {
    "d_model": "hidden_size",
    "embedding_size": "vocab_size",
    "max_sequence_length": "max_position_embeddings",
    "mlp_hidden_size": "intermediate_size",
    "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads",
    "n_layers": "num_hidden_layers",
    "rms_norm_eps": "rms_norm_eps",
}
"""Its fields that become those of a Llama configuration."""
LLADA_OUTSIDE = {
    "model.transformer.wte.weight": "model.embed_tokens.weight",
    "model.transformer.ln_f.weight": "model.norm.weight",
    "model.transformer.ff_out.weight": "lm_head.weight",
}
LLADA_INSIDE = {
    "attn_norm": "input_layernorm",
    "q_proj": "self_attn.q_proj",
    "k_proj": "self_attn.k_proj",
    "v_proj": "self_attn.v_proj",
    "attn_out": "self_attn.o_proj",
    "ff_norm": "post_attention_layernorm",
    "ff_proj": "mlp.gate_proj",
    "up_proj": "mlp.up_proj",
    "ff_out": "mlp.down_proj",
}
"""Names within a block, and within a layer of a Llama model; `ff_proj` goes through the activation."""
DREAM_ARITHMETIC = {"hidden_act": "silu", "tie_word_embeddings": False, "use_sliding_window": False}
DREAM_SIZES = (
    "hidden_size",
    "intermediate_size",
    "max_position_embeddings",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "rms_norm_eps",
    "vocab_size",
)
"""Fields of Dream's config.json, which has the names of Qwen2's."""


def llada_names(layers: int) -> dict[str, str]:
    """Official name of each tensor of a LLaDA model → its name in a Llama model: 9 for each layer, and 3."""
    return LLADA_OUTSIDE | {
        f"model.transformer.blocks.{layer}.{theirs}.weight": f"model.layers.{layer}.{ours}.weight"
        for layer in range(layers)
        for theirs, ours in LLADA_INSIDE.items()
    }


def load_official(folder: Path) -> MaskedDiffusion:
    """The model in a folder with the config.json and the safetensors of LLaDA-8B, LLaDA-1.5 or Dream-7B.

    Raises `InputError` for a field whose value would make another architecture, and for tensors that are missing, too
    many or of another shape.
    """
    from raw2fig.papers.elastic_cache.model import MaskedDiffusion

    where = folder / "config.json"
    settings = read_json(where)
    kind = str(_field(settings, "model_type", where))
    if kind not in ("llada", "Dream"):
        raise InputError(where, f"model_type is {kind!r}", "llada or Dream; other models load as Hugging Face folders")
    network = _llada(settings, where) if kind == "llada" else _dream(settings, where)
    layers = network.config.num_hidden_layers
    names = llada_names(layers) if kind == "llada" else {name: name for name in network.state_dict()}
    _fill(network, names, _tensors(folder), folder)
    mask, eos = (int(_field(settings, name, where)) for name in ("mask_token_id", "eos_token_id"))
    return MaskedDiffusion(network.eval(), mask, eos, shifted=kind == "Dream")


def _llada(settings: Mapping[str, Any], where: Path) -> PreTrainedModel:
    """An empty Llama model of a LLaDA configuration."""
    from transformers import LlamaConfig, LlamaForCausalLM

    _assert(settings, LLADA_ARITHMETIC, where)
    if settings.get("weight_tying", False):
        raise InputError(where, "weight_tying is true", "a head of its own")
    sizes = {ours: _field(settings, theirs, where) for theirs, ours in LLADA_SIZES.items()}
    rotary = {"rope_type": "default", "rope_theta": float(_field(settings, "rope_theta", where))}
    return _empty(LlamaForCausalLM, LlamaConfig(**sizes, rope_parameters=rotary, tie_word_embeddings=False))


def _dream(settings: Mapping[str, Any], where: Path) -> PreTrainedModel:
    """An empty Qwen2 model of a Dream configuration."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    _assert(DREAM_ARITHMETIC | dict(settings), DREAM_ARITHMETIC, where)
    if settings.get("rope_scaling") is not None:
        raise InputError(where, f"rope_scaling is {settings['rope_scaling']}", "none")
    sizes = {name: _field(settings, name, where) for name in DREAM_SIZES}
    rotary = {"rope_type": "default", "rope_theta": float(_field(settings, "rope_theta", where))}
    return _empty(Qwen2ForCausalLM, Qwen2Config(**sizes, rope_parameters=rotary, tie_word_embeddings=False))


def _empty(kind: Any, config: Any) -> PreTrainedModel:
    """A model whose weights take no memory; its rotary positions, which are no weights, are there."""
    import torch

    with torch.device("meta"):
        network: PreTrainedModel = kind(config)
    decoder: Any = network.get_decoder()
    decoder.rotary_emb = type(decoder.rotary_emb)(config)
    return network


def _fill(
    network: PreTrainedModel, names: Mapping[str, str], tensors: Mapping[str, torch.Tensor], folder: Path
) -> None:
    """Put tensors of official `names` into a model."""
    if missing := sorted(names.keys() - tensors.keys()):
        raise InputError(folder, f"lacks {len(missing)} tensors, such as {missing[0]}", f"{len(names)} tensors")
    if extra := sorted(tensors.keys() - names.keys()):
        raise InputError(folder, f"has {len(extra)} unknown tensors, such as {extra[0]}", f"{len(names)} tensors")
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    for theirs, ours in names.items():
        if tuple(tensors[theirs].shape) != shapes[ours]:
            raise InputError(folder, f"{theirs} has the shape {tuple(tensors[theirs].shape)}", f"{shapes[ours]}")
    network.load_state_dict({ours: tensors[theirs] for theirs, ours in names.items()}, assign=True)


def _tensors(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a folder's safetensors."""
    from safetensors.torch import load_file

    found: dict[str, torch.Tensor] = {}
    for path in _shards(folder):
        found |= load_file(path)
    return found


def _shards(folder: Path) -> Iterable[Path]:
    if not (paths := sorted(folder.glob("*.safetensors"))):
        raise InputError(folder, "has no *.safetensors", "the weights of a checkpoint")
    return paths


def _field(settings: Mapping[str, Any], name: str, where: Path) -> Any:
    if name not in settings:
        raise InputError(where, f"lacks {name}", "the config.json of the checkpoint")
    return settings[name]


def _assert(settings: Mapping[str, Any], wanted: Mapping[str, Any], where: Path) -> None:
    for name, value in wanted.items():
        if (found := _field(settings, name, where)) != value:
            raise InputError(where, f"{name} is {found!r}", repr(value))

"""A masked-diffusion language model: the weights of a Hugging Face decoder, read in both directions.

LLaDA is a Llama decoder without the causal mask; the logits of a masked position are for that position. Dream is a
Qwen2 decoder without it; the logits of a position are for the next one (`shifted`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.errors import InputError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

FAMILIES = ("llama", "qwen2")
"""Decoders whose layers the forward pass knows: norm, attention with rotary positions, norm, gated feed-forward."""
SHIFTED = "shifted_logits"
"""Field of config.json that says so."""


@dataclass(frozen=True)
class MaskedDiffusion:
    """Weights, the ids of the mask and of the end of sequence, and whether logits are for the next position."""

    network: PreTrainedModel
    mask: int
    eos: int
    shifted: bool = False

    def __post_init__(self) -> None:
        config = self.network.config
        if config.model_type not in FAMILIES:
            raise InputError("model", f"is of the family {config.model_type}", f"one of {', '.join(FAMILIES)}")
        if "sliding_attention" in (getattr(config, "layer_types", None) or []):
            raise InputError("model", "has layers with sliding windows", "attention to all positions")
        if config.rope_parameters["rope_type"] == "dynamic":
            raise InputError("model", "has rotary positions that depend on the length", "fixed ones")

    @property
    def decoder(self) -> Any:
        """Embedding, layers, norm and rotary positions."""
        return self.network.get_decoder()

    @property
    def layers(self) -> int:
        return len(self.decoder.layers)

    @property
    def device(self) -> torch.device:
        return self.network.device

    @property
    def shift(self) -> int:
        """How far left of a masked position its logits are."""
        return int(self.shifted)


def load(source: str, revision: str | None = None) -> tuple[MaskedDiffusion, PreTrainedTokenizerBase]:
    """A model in Hugging Face's form, ready for evaluation: the tokenizer names the mask and the end of sequence, and
    `shifted_logits` in config.json says whether logits are for the next position (false where it is missing)."""
    from raw2fig.lm.models import load as load_network

    network, tokenizer = load_network(source, revision)
    for name in ("mask", "eos"):
        if getattr(tokenizer, f"{name}_token_id") is None:
            raise InputError(source, f"the tokenizer has no {name}_token", "that of a masked-diffusion model")
    shifted = bool(getattr(network.config, SHIFTED, False))
    return MaskedDiffusion(network.eval(), tokenizer.mask_token_id, tokenizer.eos_token_id, shifted), tokenizer


def save(diffusion: MaskedDiffusion, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write a folder for `load`."""
    from raw2fig.lm.models import save as save_network

    if (tokenizer.mask_token_id, tokenizer.eos_token_id) != (diffusion.mask, diffusion.eos):
        found = f"has mask and end of sequence {tokenizer.mask_token_id}, {tokenizer.eos_token_id}"
        raise InputError("tokenizer", found, f"those of the model, {diffusion.mask}, {diffusion.eos}")
    setattr(diffusion.network.config, SHIFTED, diffusion.shifted)
    save_network(diffusion.network, tokenizer, folder)

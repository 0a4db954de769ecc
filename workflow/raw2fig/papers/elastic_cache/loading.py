"""Any masked-diffusion model, with its tokenizer: a folder in Hugging Face's form, or LLaDA's or Dream's own files."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.errors import InputError
from raw2fig.tables import read_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from raw2fig.papers.elastic_cache.model import MaskedDiffusion

OFFICIAL = ("llada", "Dream")
"""What config.json calls the authors' own architectures."""


def load_any(source: str) -> tuple[MaskedDiffusion, PreTrainedTokenizerBase]:
    """The model of a folder, on a GPU if there is one, and its tokenizer. No code of the folder is executed.

    Raises `InputError` for a folder that has no such model.
    """
    from raw2fig.papers.elastic_cache import model, official

    config = Path(source) / "config.json"
    if not (config.is_file() and read_json(config).get("model_type") in OFFICIAL):
        return model.load(source)
    import torch

    from raw2fig.lm.models import load_tokenizer

    diffusion = official.load_official(Path(source))
    tokenizer = load_tokenizer(source)
    if len(tokenizer) <= max(diffusion.mask, diffusion.eos):
        raise InputError(source, "has a tokenizer without the model's mask", "the tokenizer of the model")
    network: Any = diffusion.network
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return dataclasses.replace(diffusion, network=network.to(device)), tokenizer

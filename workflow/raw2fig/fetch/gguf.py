"""GGUF files, the format of llama.cpp, as ordinary Hugging Face folders."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

PRE_TOKENIZERS = ("gpt-2", "default", "smollm")
"""How a text is split before byte pairs are merged, as GGUF names it: as GPT-2 does it, twice, and as SmolLM does it,
where each digit is a piece of its own."""


def convert_gguf(gguf: Path, folder: Path, where: str) -> None:
    """Write the model and the tokenizer of a GGUF file as a folder with safetensors. Weights are float32: the values
    that the quantised ones stand for, all digits of them.

    Raises `InputError` about `where` when the file is not whole, is not of the Llama architecture with a byte-level
    tokenizer, or lacks weights.
    """
    try:
        model, tokenizer = _read(gguf, where)
    except (InputError, ModuleNotFoundError):
        raise
    except Exception as error:  # a damaged file: its reader fails wherever it first makes no sense
        first = next(iter(str(error).strip().splitlines()), "")
        raise InputError(where, f"cannot be read ({type(error).__name__}: {first})", "a whole GGUF file") from error
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    logging.info("%s: %d weights", where, model.num_parameters())


def _read(gguf: Path, where: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    import torch
    from gguf import GGUFReader
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import AutoModelForCausalLM, AutoTokenizer

    fields = GGUFReader(gguf).fields
    kind: dict[str, Any] = {}
    wanted = {"general.architecture": ("llama",), "tokenizer.ggml.model": ("gpt2",)}
    for name, accepted in {**wanted, "tokenizer.ggml.pre": PRE_TOKENIZERS}.items():
        kind[name] = fields[name].contents() if name in fields else None
        if kind[name] not in accepted:
            raise InputError(where, f"{name} is {kind[name]!r}", " or ".join(accepted))
    # transformers reads this format, dequantised, but refuses to save a model that it read so
    found: Any = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32, output_loading_info=True
    )
    read, info = found
    if info["missing_keys"]:  # they would be random numbers
        missing = sorted(info["missing_keys"])
        raise InputError(where, f"the weights lack {len(missing)} tensors, such as {missing[0]}", "all of them")
    settings = read.config.to_dict()
    del settings["quantization_config"]
    with torch.device("meta"):  # without drawing first weights
        model = type(read)(type(read.config)(**settings))
    model.load_state_dict(read.state_dict(), assign=True)
    model.tie_weights()
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    if kind["tokenizer.ggml.pre"] == "smollm":  # transformers takes every file's tokenizer to split as GPT-2's
        split = Sequence([Digits(individual_digits=True), ByteLevel(add_prefix_space=False)])
        tokenizer.backend_tokenizer.pre_tokenizer = split
    tokenizer.model_max_length = model.config.max_position_embeddings
    return model, tokenizer

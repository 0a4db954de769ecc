"""Causal language models: tiny ones built from a config, others loaded from a folder or the hub."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import AfterValidator

from raw2fig.errors import InputError
from raw2fig.settings import impossible

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Size(NamedTuple):
    """Shape of a model: hidden width, number of layers, number of attention heads."""

    hidden: int
    layers: int
    heads: int


def parse_size(text: str) -> Size:
    """`'64/3/4'` → `Size(hidden=64, layers=3, heads=4)`."""
    parts = text.split("/")
    if len(parts) != 3 or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise InputError("size", f"{text!r} is not a model shape", "hidden/layers/heads, such as 64/3/4")
    size = Size(*map(int, parts))
    if size.hidden % size.heads or (size.hidden // size.heads) % 2:
        raise InputError("size", f"{text!r}: hidden width per head is not an even whole number", "for example 64/3/4")
    return size


def _possible(shape: str) -> str:
    try:
        parse_size(shape)
    except InputError:
        expected = "hidden/layers/heads, such as 64/3/4, with an even width of each head"
        raise impossible("", f"is {shape!r}", expected) from None
    return shape


Shape = Annotated[str, AfterValidator(_possible)]
"""A model's shape in a record of settings, such as 64/3/4."""


def build_gpt_neox(size: Size, tokenizer: PreTrainedTokenizerBase, max_length: int, seed: int) -> PreTrainedModel:
    """A GPT-NeoX model (the architecture of Pythia) with random weights drawn from `seed`."""
    import torch
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    torch.manual_seed(seed)
    return GPTNeoXForCausalLM(GPTNeoXConfig(**_settings(size, tokenizer, max_length)))


def build_llama(size: Size, tokenizer: PreTrainedTokenizerBase, max_length: int, seed: int) -> PreTrainedModel:
    """A Llama model (rotary positions in every dimension, RMSNorm, SwiGLU) with random weights drawn from `seed`."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    return LlamaForCausalLM(LlamaConfig(**_settings(size, tokenizer, max_length), attention_bias=True))


INITIAL = 0.1
"""Standard deviation of a tiny model's first weights. The usual 0.02 is for models a hundred times as wide; from it,
sums modulo a number are learned far later."""
ROTARY = 100.0
"""Base of a tiny model's rotary positions. The usual 10,000 is for texts a hundred times as long."""


def build_tiny_llama(
    shape: str, tokenizer: PreTrainedTokenizerBase, inner: int, max_length: int, tied: bool, seed: int
) -> PreTrainedModel:
    """A Llama model with random weights for texts of a few dozen words.

    Parameters
    ----------
    shape
        Hidden width, layers and heads, as 64/2/4.
    tokenizer
        Gives the vocabulary; texts begin and end with its end of sequence.
    inner
        Width of the feed-forward layers over the hidden width.
    max_length
        Tokens of the longest text.
    tied
        Whether the head is the embedding.
    seed
        Seed of the weights.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    size = parse_size(shape)
    torch.manual_seed(seed)
    settings = _settings(size, tokenizer, max_length) | {"intermediate_size": inner * size.hidden}
    rotary = {"rope_type": "default", "rope_theta": ROTARY}
    config = LlamaConfig(**settings, tie_word_embeddings=tied, initializer_range=INITIAL, rope_parameters=rotary)
    return LlamaForCausalLM(config)


def _settings(size: Size, tokenizer: PreTrainedTokenizerBase, max_length: int) -> dict[str, Any]:
    """What the configurations of all architectures have."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": size.hidden,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "intermediate_size": 4 * size.hidden,
        "max_position_embeddings": max_length,
        "bos_token_id": tokenizer.eos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def load(
    source: str, revision: str | None = None, train: bool = False
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Model and tokenizer from a local folder or a hub id; code that comes with a model is never executed, and weights
    are never unpickled.

    To `train`: float32, for bfloat16 rounds small updates away, and on the CPU, for the trainer to place. Otherwise on
    the GPUs in bfloat16; without any, on the CPU in the precision it was saved in. Raises `InputError` when neither can
    be found.
    """
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer = load_tokenizer(source, revision)
    place: dict[str, Any] = {"dtype": "auto"}
    if train:
        place = {"dtype": torch.float32}
    elif torch.cuda.is_available():
        place = {"dtype": torch.bfloat16, "device_map": "auto"}
    model, missing = read_weights(
        AutoModelForCausalLM, source, revision, "a Hugging Face model folder or hub id", **place
    )
    if missing:  # they would be random numbers
        raise InputError(source, f"the weights lack {len(missing)} tensors, such as {missing[0]}", "all of them")
    return model, tokenizer


def read_weights(
    kind: Any, source: str, revision: str | None, expected: str, **settings: Any
) -> tuple[PreTrainedModel, list[str]]:
    """Model of an `AutoModel` class, and the names of the tensors that its weights lack. Raises `InputError` with what
    was `expected` when there is none."""
    from safetensors import SafetensorError

    try:
        model, info = kind.from_pretrained(
            source,
            revision=revision,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **settings,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(source, f"cannot load the model ({str(error).splitlines()[0]})", expected) from error
    return model, sorted(info["missing_keys"])


def load_tokenizer(source: str, revision: str | None = None) -> PreTrainedTokenizerBase:
    """Tokenizer from a local folder or a hub id; pads with end-of-sequence where it has no padding token."""
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(source, revision=revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise InputError(
            source, f"cannot load the tokenizer ({str(error).splitlines()[0]})", "a Hugging Face folder or hub id"
        ) from error
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def count_parameters(folder: Path) -> int:
    """Weights in the safetensors files of a model folder, read from their headers: matrices that are shared are there
    once."""
    from math import prod

    from safetensors import safe_open

    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="np") as file:
            total += sum(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    return total


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write an ordinary Hugging Face model folder."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@contextmanager
def evaluating(model: PreTrainedModel) -> Iterator[None]:
    """Within the block the model does not train and keeps no gradients. Switching goes through all its modules, which
    costs a tiny model as much as a layer does: not to be done for each token."""
    import torch

    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)

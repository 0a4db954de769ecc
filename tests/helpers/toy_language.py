"""A toy language for the tests of models: prompts about sentences of a dozen genes, and models of 4,000 weights."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from raw2fig.lm.examples import Example

GENES = [f"G{i}" for i in range(12)]
PROMPTS = ["cell:", "type a cell:", "type b cell: G3 G1 G7.", "a cell of type b, or of type a?"]
"""Of different lengths, so that a batch of them is padded."""
PAIRS = [
    (PROMPTS[i % 4], " ".join(GENES[(i * step + i) % 12] for step in range(1, 3 + i % 4)) + ".") for i in range(16)
]
"""Prompts and responses of different lengths."""


class Killed(Exception):
    """Stands for the end of a process."""


def toy_words(folder: Path) -> "PreTrainedTokenizerBase":
    """The word tokenizer of the language, saved in `folder`."""
    from raw2fig.lm.models import load_tokenizer
    from raw2fig.lm.tokenizer import save_word_tokenizer

    save_word_tokenizer([*GENES, *PROMPTS], folder)
    return load_tokenizer(str(folder))


def toy_network(words: "PreTrainedTokenizerBase", sharpness: float = 1.0, seed: int = 0) -> "PreTrainedModel":
    """An untrained GPT-NeoX; `sharpness` multiplies its logits, to make some tokens far likelier than others."""
    import torch

    from raw2fig.lm.models import Size, build_gpt_neox

    network = build_gpt_neox(Size(16, 1, 2), words, 64, seed)
    with torch.no_grad():
        network.get_output_embeddings().weight.mul_(sharpness)
    return network


def toy_examples(words: "PreTrainedTokenizerBase") -> "list[Example]":
    """`PAIRS`, encoded."""
    from raw2fig.lm.examples import encode

    return encode(words, [prompt for prompt, _ in PAIRS], [response for _, response in PAIRS], 64)


def kill_at(network: "PreTrainedModel", forward: int) -> None:
    """Make the `forward`-th pass of `network` in training mode raise `Killed`."""
    passes = 0

    def count(module: Any, *_: Any) -> None:
        nonlocal passes
        passes += module.training
        if module.training and passes == forward:
            raise Killed

    network.register_forward_pre_hook(count)


def weights(folder: Path) -> bytes:
    """The bytes of a saved model's weights."""
    return (folder / "model.safetensors").read_bytes()


def completions_of(
    network: "PreTrainedModel", words: "PreTrainedTokenizerBase", prompts: Sequence[str], n: int
) -> list[str]:
    """`n` completions of each prompt, one prompt after the other, with the same random numbers at every call."""
    from raw2fig.lm.generate import completer, draw_seeds

    asked = [prompt for prompt in prompts for _ in range(n)]
    return completer(network, words, GENES)(asked, 12, draw_seeds(len(asked), 1))

"""From (prompt, response) text to token ids, and from examples to padded batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raw2fig.errors import InputError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedTokenizerBase

IGNORED = -100
"""Label of a token that does not count in the loss (PyTorch's convention)."""


class Example(NamedTuple):
    """Token ids of prompt + response + end-of-sequence, and how many of them are prompt. Of a response only a part of
    which is learned, `learned` (bool, as ids) marks that part."""

    ids: np.ndarray
    prompt_length: int
    learned: np.ndarray | None = None


def encode(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], responses: Sequence[str], max_length: int
) -> list[Example]:
    """Encode pairs. Prompt and response are encoded apart and joined, so that the boundary is exact for any
    tokenizer; the response carries its leading space and no special tokens, and end-of-sequence is part of it.

    A pair longer than `max_length` loses the end of its response (its end-of-sequence too: it did not end there).
    Raises `InputError` for a prompt that leaves no room for a response.
    """
    prompt_ids = tokenizer(list(prompts))["input_ids"]
    longest = max(map(len, prompt_ids), default=0)
    if longest >= max_length:
        raise InputError("prompts", f"one of {longest} tokens", f"fewer than the longest sample, {max_length}")
    response_ids = tokenizer([" " + text for text in responses], add_special_tokens=False)["input_ids"]
    return [
        Example(np.array([*prompt, *response, tokenizer.eos_token_id][:max_length]), len(prompt))
        for prompt, response in zip(prompt_ids, response_ids, strict=True)
    ]


def collate(examples: Sequence[Example], pad: int, prompt_loss: bool = False) -> dict[str, torch.Tensor]:
    """Right-padded batch for a causal model: `input_ids`, `labels`, both int64 (batch, longest).

    No mask: padding comes after all that attends, and the kernels of unmasked causal attention are faster. Labels leave
    out padding, and prompts unless `prompt_loss`.
    """
    import torch

    width = max(len(example.ids) for example in examples)
    ids = torch.full((len(examples), width), pad)
    labels = torch.full_like(ids, IGNORED)
    for row, example in enumerate(examples):
        length = len(example.ids)
        ids[row, :length] = torch.from_numpy(example.ids)
        start = 0 if prompt_loss else example.prompt_length
        labels[row, start:length] = ids[row, start:length]
        if example.learned is not None:
            labels[row, :length][~torch.from_numpy(example.learned)] = IGNORED
    return {"input_ids": ids, "labels": labels}

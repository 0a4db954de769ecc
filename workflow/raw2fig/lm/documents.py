"""Documents for continual pretraining: a sequence each, or packed into blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.examples import Example

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def encode_documents(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], end: int | None, cutoff: int
) -> list[Example]:
    """A sequence of at most `cutoff` tokens for each text. The token `end`, if there is one, closes a document that is
    whole; one that is cut did not end there."""
    if cutoff < 2:
        raise InputError("cutoff", f"is {cutoff}", "at least 2 tokens: there is nothing to predict in one")
    last = [] if end is None else [end]
    rows = tokenizer(list(texts))["input_ids"] if len(texts) else []
    return [Example(np.array([*row, *last][:cutoff]), 0) for row in rows]


def packed(documents: Sequence[Example], block: int) -> list[Example]:
    """The documents one after the other, cut into blocks of `block` tokens. The last tokens, fewer than a block, are
    left out."""
    if block < 2:
        raise InputError("block", f"is {block}", "at least 2 tokens: there is nothing to predict in one")
    whole = np.concatenate([document.ids for document in documents]) if documents else np.zeros(0, dtype=int)
    blocks = whole[: len(whole) // block * block].reshape(-1, block)
    if not len(blocks):
        raise InputError("documents", f"{len(whole)} tokens in all", f"at least a block of {block}")
    return [Example(row.copy(), 0) for row in blocks]

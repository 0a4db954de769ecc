"""Embeddings of texts by a causal language model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def embed(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], batch: int = 128
) -> np.ndarray:
    """Mean of the last layer's hidden states over the tokens of each text, float32 (texts, hidden).

    Padding does not enter the mean, so a text's embedding does not depend on the batch it is in (c2s.md, section 6,
    defect 4).
    """
    import torch

    from raw2fig.lm.examples import Example, collate

    ids = [np.array(row) for row in tokenizer(list(texts))["input_ids"]]
    rows = []
    model.eval()
    with torch.no_grad():
        for start in range(0, len(ids), batch):
            chunk = [Example(row, 0) for row in ids[start : start + batch]]
            padded = collate(chunk, tokenizer.pad_token_id)["input_ids"].to(model.device)
            hidden = model(padded, output_hidden_states=True, logits_to_keep=1).hidden_states[-1].float()
            lengths = torch.tensor([len(row.ids) for row in chunk], device=model.device)[:, None]
            real = torch.arange(padded.shape[1], device=model.device) < lengths
            rows.append(((hidden * real[..., None]).sum(1) / lengths).cpu().numpy())
    return np.concatenate(rows)

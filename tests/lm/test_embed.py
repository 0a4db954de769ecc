"""Check 10 of C2S-Scale: a text's embedding does not depend on the texts beside it."""

from typing import TYPE_CHECKING

import numpy as np
import pytest
from toy_language import PROMPTS, toy_network

from raw2fig.lm.embed import embed

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


pytestmark = pytest.mark.training


@pytest.mark.parametrize("pad", ["<pad>", "<eos>"])
def test_alone_in_a_padded_batch_and_by_hand(words: "PreTrainedTokenizerBase", pad: str) -> None:
    import torch

    network = toy_network(words)
    own, words.pad_token = words.pad_token, pad
    try:
        together = embed(network, words, PROMPTS)
        alone = np.concatenate([embed(network, words, [text]) for text in PROMPTS])
        batches = embed(network, words, PROMPTS[::-1], batch=3)[::-1]
    finally:
        words.pad_token = own
    expected = []
    with torch.inference_mode():
        for text in PROMPTS:
            ids = torch.tensor([words(text)["input_ids"]])
            expected.append(network(ids, output_hidden_states=True).hidden_states[-1][0].mean(0).numpy())
    assert together.shape == (len(PROMPTS), network.config.hidden_size)
    assert together.dtype == np.float32
    for found in (together, alone, batches):
        np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(np.diff(together, axis=0)).max() > 0.1

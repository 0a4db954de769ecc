"""What several tests of Kimi-Dev use."""

import pytest

from raw2fig.papers.kimi_dev import words as w
from raw2fig.papers.kimi_dev.roles import Model


@pytest.fixture(scope="module")
def small() -> Model:
    """An untrained model."""
    import torch

    from raw2fig.lm.models import build_tiny_llama

    torch.set_num_threads(1)
    words = w.tokenizer()
    return Model(build_tiny_llama("16/1/2", words, 2, 256, False, 0).eval(), words)

"""Likelihoods of given texts: they are those of a plain loop over tokens, whatever shares a batch."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from toy_language import GENES, PROMPTS

from raw2fig.errors import InputError
from raw2fig.lm.client import Message
from raw2fig.lm.likelihood import Continued, local_likelihoods

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

pytestmark = pytest.mark.training
ASKED = [
    *(Continued((Message("user", prompt),), text) for prompt in PROMPTS for text in ("G1", "G2", "G1 G2 G3", "G4 .")),
    Continued((), "G1 G2 G3 G4"),
    Continued((), "G5 G1"),
]


def by_loop(folder: Path, words: Any, asked: Continued) -> tuple[float, int]:
    """One row, one token at a time, no padding."""
    import torch

    from raw2fig.lm.models import load

    model, _ = load(str(folder))
    text = words(asked.text)["input_ids"]
    before = words(asked.messages[0].content)["input_ids"] if asked.messages else text[:1]
    text = text if asked.messages else text[1:]
    total, seen = 0.0, list(before)
    for token in text:
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([seen])).logits[0, -1]
        total += float(torch.log_softmax(logits, -1)[token])
        seen.append(token)
    return total, len(text)


def test_likelihoods_are_those_of_a_plain_loop(base: Path, words: "PreTrainedTokenizerBase") -> None:
    for batch in (1, 3, 64):
        for asked, found in zip(ASKED, local_likelihoods(str(base), None, batch)(ASKED), strict=True):
            log, tokens = by_loop(base, words, asked)
            assert found.log == pytest.approx(log, abs=1e-4)
            assert found.tokens == tokens


def test_likelihoods_of_all_next_tokens_sum_to_one(base: Path, words: "PreTrainedTokenizerBase") -> None:
    import math

    every = [Continued((Message("user", PROMPTS[0]),), word) for word in words.get_vocab()]
    assert sum(math.exp(one.log) for one in local_likelihoods(str(base), None, 4)(every)) == pytest.approx(1, abs=1e-5)


def test_contexts_that_differ_in_the_last_token_alone_are_read_once(base: Path, monkeypatch: Any) -> None:
    import transformers

    read: list[int] = []
    forward = transformers.GPTNeoXForCausalLM.forward

    def counted(self: Any, *args: Any, **given: Any) -> Any:
        read.append(len(given["input_ids"]))
        return forward(self, *args, **given)

    monkeypatch.setattr(transformers.GPTNeoXForCausalLM, "forward", counted)
    asked = [Continued((Message("user", PROMPTS[0]),), gene) for gene in GENES]
    assert len(set(local_likelihoods(str(base), None, 64)(asked))) == len(GENES)
    assert read == [1]


def test_no_text_is_a_mistake(base: Path) -> None:
    with pytest.raises(InputError, match="no token"):
        local_likelihoods(str(base), None, 4)([Continued((), "G1")])
    assert local_likelihoods(str(base), None, 4)([]) == []

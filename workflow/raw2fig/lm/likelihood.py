"""How likely a model finds given texts: choices after a question, letters after a prompt, plain text by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from raw2fig.errors import InputError
from raw2fig.lm.client import Message
from raw2fig.lm.local import encode
from raw2fig.lm.models import evaluating, load

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Continued(NamedTuple):
    """A text whose likelihood is asked for, after messages; without messages it is a text by itself."""

    messages: tuple[Message, ...]
    text: str


class Likelihood(NamedTuple):
    """The log-probability of a text in nats, and its number of tokens. Of a text by itself, the first token counts only
    for tokenizers that begin a text with a token of their own."""

    log: float
    tokens: int


Likelihoods = Callable[[Sequence[Continued]], list[Likelihood]]
"""The likelihoods of texts, in their order."""


def local_likelihoods(source: str, revision: str | None, batch: int) -> Likelihoods:
    """The model of a folder or hub id. It reads `batch` different contexts at a time, which changes no result beyond
    rounding. A text that continues a chat begins where the reply does. After messages without chat template it begins
    with a space.

    Raises `InputError` for what is no model, and for texts without tokens.
    """
    return likelihoods_of(*load(source, revision), batch)


def likelihoods_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch: int) -> Likelihoods:
    """The same of a model that is loaded already."""

    def likelihoods(asked: Sequence[Continued]) -> list[Likelihood]:
        rows = [_tokens(tokenizer, one) for one in asked]
        return [Likelihood(log, len(text)) for log, (_, text) in zip(_scores(model, rows, batch), rows, strict=True)]

    return likelihoods


def _tokens(tokenizer: PreTrainedTokenizerBase, asked: Continued) -> tuple[list[int], list[int]]:
    """Token ids of what comes before, at least one, and of the text itself."""
    text = list(tokenizer(asked.text, add_special_tokens=False)["input_ids"])
    if asked.messages:
        before = encode(tokenizer, asked.messages)
        if not tokenizer.chat_template:
            text = list(tokenizer(f" {asked.text}", add_special_tokens=False)["input_ids"])
    else:
        whole = list(tokenizer(asked.text)["input_ids"])
        before = whole[: len(whole) - len(text)] if whole[len(whole) - len(text) :] == text else []
        if not before:
            before, text = text[:1], text[1:]
    if not text:
        raise InputError("text", f"{asked.text!r} has no token whose likelihood could be asked for", "a longer text")
    return before, text


def _scores(model: PreTrainedModel, rows: Sequence[tuple[list[int], list[int]]], batch: int) -> list[float]:
    """Log-probability of the second part of each row after the first. The model never reads a row's last token, so that
    rows that differ in it alone are read once."""
    import torch

    # what the model reads -> the rows that need it
    read: dict[tuple[int, ...], list[int]] = {}
    for number, (before, text) in enumerate(rows):
        read.setdefault((*before, *text[:-1]), []).append(number)
    order = sorted(read, key=len)
    found = [0.0] * len(rows)
    with evaluating(model):
        for start in range(0, len(order), batch):
            some = order[start : start + batch]
            width, kept = max(map(len, some)), max(len(rows[row][1]) for ids in some for row in read[ids])
            # padding on the left: all texts end at the same place, and scores are needed there alone
            ids = torch.tensor([[0] * (width - len(one)) + list(one) for one in some], device=model.device)
            lengths = torch.tensor([len(one) for one in some], device=model.device)
            attended = (torch.arange(width, device=model.device) >= width - lengths[:, None]).long()
            output = model(
                input_ids=ids,
                attention_mask=attended,
                position_ids=(attended.cumsum(1) - 1).clamp(min=0),
                use_cache=False,
                logits_to_keep=kept,
            )
            for place, one in enumerate(some):
                for row in read[one]:
                    tokens = torch.tensor(rows[row][1], device=model.device)
                    logits = output.logits[place, -len(tokens) :].float()
                    found[row] = float(torch.log_softmax(logits, -1).gather(1, tokens[:, None]).double().sum())
    return found

"""Tokens in, tokens out: what a model draws after prompts that are encoded already, whatever engine runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from raw2fig.lm.generate import uniforms_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Turn(NamedTuple):
    """Token ids that a model drew, up to and including the end of its turn, with the log-probability of each under the
    distribution that it was drawn from."""

    ids: list[int]
    logprobs: list[float]


Continue = Callable[[Sequence[Sequence[int]], Sequence[int], Sequence[int]], list[Turn]]
"""`go_on(prompts as token ids, rooms, seeds)`: one turn after each prompt, of as many tokens as its room at most, drawn
with its own seed."""


def continuing(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, temperature: float, top_p: float = 1.0
) -> Continue:
    """`Continue` over our sampler; greedy at temperature 0."""
    from raw2fig.lm.sample import sample

    def go_on(prompts: Sequence[Sequence[int]], rooms: Sequence[int], seeds: Sequence[int]) -> list[Turn]:
        longest = max(rooms)
        uniforms = uniforms_of(seeds, longest) if temperature > 0 else None
        drawn = sample(model, tokenizer, prompts, longest, uniforms, temperature or 1.0, top_p=top_p)
        rows = zip(drawn.ids, drawn.logprobs, rooms, strict=True)
        return [Turn(ids[:room], logprobs[:room]) for ids, logprobs, room in rows]

    return go_on

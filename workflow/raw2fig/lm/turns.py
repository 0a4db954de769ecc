"""Tokens in, tokens out: what a model draws after prompts that are encoded already, whatever engine runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from raw2fig.lm.generate import load_vllm, uniforms_of

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


def vllm_continuing(source: str, temperature: float, top_p: float = 1.0) -> Continue:
    """`Continue` over vLLM for a model folder, on all GPUs."""
    import torch

    gpus = torch.cuda.device_count()
    # a token's log-probability under the distribution that it was drawn from, not under the raw one
    llm, params = load_vllm(
        source,
        logprobs_mode="processed_logprobs",
        **({"tensor_parallel_size": gpus} if gpus > 1 else {}),
    )

    def go_on(prompts: Sequence[Sequence[int]], rooms: Sequence[int], seeds: Sequence[int]) -> list[Turn]:
        settings = [
            params(temperature=temperature, top_p=top_p, max_tokens=room, seed=seed, logprobs=0)
            for room, seed in zip(rooms, seeds, strict=True)
        ]
        outputs = llm.generate([{"prompt_token_ids": list(ids)} for ids in prompts], settings, use_tqdm=False)
        first = (output.outputs[0] for output in outputs)
        return [Turn(list(one.token_ids), _logprobs(one)) for one in first]

    return go_on


def _logprobs(drawn: Any) -> list[float]:
    """Log-probabilities of the tokens that vLLM drew, of whose alternatives it may tell too."""
    return [told[token].logprob for token, told in zip(drawn.token_ids, drawn.logprobs, strict=True)]

"""Text in, text out: a model behind one function, whatever engine runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal

from raw2fig.errors import InputError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Engine = Literal["sampler", "vllm"]

Complete = Callable[[Sequence[str], int, int, float], list[str]]
"""`complete(prompts, max_new_tokens, seed, temperature)`: one completion for each prompt; temperature 0 is greedy."""


def once_mask(tokenizer: PreTrainedTokenizerBase, words: Sequence[str]) -> torch.Tensor | None:
    """Mask (vocabulary) of the tokens of `words`, which a completion may hold once each.

    None when the tokenizer splits a word: a token may then belong to several words, and repeats cannot be forbidden.
    """
    import torch

    ids = tokenizer([" " + word for word in words], add_special_tokens=False)["input_ids"]
    if any(len(row) != 1 for row in ids):
        return None
    mask = torch.zeros(len(tokenizer), dtype=torch.bool)
    mask[[row[0] for row in ids]] = True
    return mask


def completer(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, once_words: Sequence[str] = ()) -> Complete:
    """`Complete` over our sampler."""
    import torch

    from raw2fig.lm.sample import sample

    once = once_mask(tokenizer, once_words) if once_words else None

    def complete(prompts: Sequence[str], max_new_tokens: int, seed: int, temperature: float) -> list[str]:
        generator = torch.Generator().manual_seed(seed)
        ids = tokenizer(list(prompts))["input_ids"]
        drawn = sample(model, tokenizer, ids, max_new_tokens, generator, temperature, once)
        return tokenizer.batch_decode(drawn.ids, skip_special_tokens=True)

    return complete


def load_completer(source: str, engine: Engine = "sampler", once_words: Sequence[str] = ()) -> Complete:
    """`Complete` for a model folder or hub id. vLLM knows no repeat mask: duplicates are left to the cleaning rule."""
    if engine == "vllm":
        return _vllm(source)
    from raw2fig.lm.models import load

    return completer(*load(source), once_words)


def _vllm(source: str) -> Complete:
    try:
        from vllm import LLM, SamplingParams
    except ImportError as error:
        raise InputError(
            "engine", "vllm is not installed", "`pip install raw2fig[paper]`, or engine sampler"
        ) from error

    llm = LLM(model=source, trust_remote_code=False)

    def complete(prompts: Sequence[str], max_new_tokens: int, seed: int, temperature: float) -> list[str]:
        # one seed per request: a single one would give equal completions to equal prompts
        settings = [
            SamplingParams(temperature=temperature, max_tokens=max_new_tokens, seed=seed + index)
            for index in range(len(prompts))
        ]
        return [output.outputs[0].text for output in llm.generate(list(prompts), settings, use_tqdm=False)]

    return complete

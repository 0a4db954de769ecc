"""Text in, text out: a model behind one function, whatever engine runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from raw2fig.errors import InputError

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Engine = Literal["sampler", "vllm"]

Complete = Callable[[Sequence[str], int, Sequence[int] | None], list[str]]
"""`complete(prompts, max_new_tokens, seeds)`: one completion for each prompt, drawn with the prompt's own
seed (equal seeds pair prompts by common random numbers), or greedy without seeds."""


def once_mask(tokenizer: PreTrainedTokenizerBase, words: Sequence[str], size: int = 0) -> torch.Tensor | None:
    """Mask (vocabulary) of the tokens of `words`, which a completion may hold once each; `size` is that of the model's
    vocabulary, which may be larger than the tokenizer's.

    None when the tokenizer splits a word: a token may then belong to several words, and repeats cannot be forbidden.
    """
    import torch

    ids = tokenizer([" " + word for word in words], add_special_tokens=False)["input_ids"]
    if any(len(row) != 1 for row in ids):
        return None
    mask = torch.zeros(max(size, len(tokenizer)), dtype=torch.bool)
    mask[[row[0] for row in ids]] = True
    return mask


def draw_seeds(n: int, *entropy: int) -> list[int]:
    """`n` seeds of single completions, drawn from `entropy`."""
    return np.random.default_rng(entropy).integers(2**31, size=n).tolist()


def completer(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    once_words: Sequence[str] = (),
    temperature: float = 1.0,
) -> Complete:
    """`Complete` over our sampler."""
    from raw2fig.lm.sample import sample

    size = model.get_output_embeddings().weight.shape[0]
    once = once_mask(tokenizer, once_words, size) if once_words else None

    def complete(prompts: Sequence[str], max_new_tokens: int, seeds: Sequence[int] | None) -> list[str]:
        uniforms = None if seeds is None else uniforms_of(seeds, max_new_tokens)
        ids = tokenizer(list(prompts))["input_ids"]
        drawn = sample(model, tokenizer, ids, max_new_tokens, uniforms, temperature, once)
        return tokenizer.batch_decode(drawn.ids, skip_special_tokens=True)

    return complete


def load_completer(
    source: str,
    engine: Engine = "sampler",
    once_words: Sequence[str] = (),
    temperature: float = 1.0,
    top_p: float = 1.0,
) -> Complete:
    """`Complete` for a model folder or hub id. vLLM knows no repeat mask: duplicates are left to the cleaning rule; our
    sampler knows no `top_p` below 1.

    vLLM takes a GPU for itself: call what is returned without keeping it, when another model follows.
    """
    if engine == "vllm":
        return _vllm(source, temperature, top_p)
    if top_p != 1:
        raise InputError("top_p", f"is {top_p:g} with engine {engine}", "1, or engine vllm")
    from raw2fig.lm.models import load

    return completer(*load(source), once_words, temperature)


def uniforms_of(seeds: Sequence[int], number: int) -> np.ndarray:
    """`number` random numbers for each seed, (seeds, number)."""
    return np.stack([np.random.default_rng(seed).random(number) for seed in seeds])


def load_vllm(source: str, **settings: Any) -> tuple[Any, Any]:
    """vLLM's engine, and the class of its sampling settings."""
    try:
        from vllm import LLM, SamplingParams
    except ImportError as error:
        raise InputError(
            "engine", "vllm is not installed", "`pip install raw2fig[paper]`, or engine sampler"
        ) from error

    # bfloat16 also for weights saved in float32, as `raw2fig.lm.models.load` does on a GPU
    return LLM(model=source, dtype="bfloat16", trust_remote_code=False, **settings), SamplingParams


def _vllm(source: str, temperature: float, top_p: float) -> Complete:
    llm, params = load_vllm(source)

    def complete(prompts: Sequence[str], max_new_tokens: int, seeds: Sequence[int] | None) -> list[str]:
        if seeds is None:
            settings = [params(temperature=0.0, max_tokens=max_new_tokens)] * len(prompts)
        else:
            drawn = {"temperature": temperature, "top_p": top_p, "max_tokens": max_new_tokens}
            settings = [params(**drawn, seed=seed) for seed in seeds]
        return [output.outputs[0].text for output in llm.generate(list(prompts), settings, use_tqdm=False)]

    return complete

"""Tokens in, text out: completions of prompts that are encoded already, up to a stop text, whatever engine runs it."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raw2fig.lm.generate import Engine, load_vllm, uniforms_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Completion(NamedTuple):
    """The text that a model wrote, its number of tokens, and whether it ended by itself or before a stop text rather
    than at the limit. The tokens that completed a stop text count, for they were drawn."""

    text: str
    tokens: int
    ended: bool


Draw = Callable[[Sequence[Sequence[int]], int, Sequence[int], float, Sequence[str], float], list[Completion]]
"""`draw(prompts as token ids, max_new_tokens, seeds, temperature, stop, top_p)`: one completion for each prompt, drawn
with the prompt's own seed; greedy at temperature 0. It ends before the first of the texts `stop`."""

LOOK = 16
"""Tokens that are drawn between two looks for stop texts."""


def load_drawer(source: str, engine: Engine = "sampler", revision: str | None = None) -> Draw:
    """`Draw` for a model folder or hub id."""
    if engine == "vllm":
        return _vllm_drawer(source, revision)
    from raw2fig.lm.models import load

    return drawer(*load(source, revision))


def drawer(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> Draw:
    """`Draw` over our sampler."""
    from raw2fig.lm.sample import sample

    def draw(
        prompts: Sequence[Sequence[int]],
        max_new_tokens: int,
        seeds: Sequence[int],
        temperature: float,
        stop: Sequence[str],
        top_p: float,
    ) -> list[Completion]:
        uniforms = uniforms_of(seeds, max_new_tokens) if temperature > 0 else None
        settings = (prompts, max_new_tokens, uniforms, temperature or 1.0)
        if stop:
            drawn = _until(model, tokenizer, *settings, stop, top_p)
        else:
            drawn = sample(model, tokenizer, *settings, top_p=top_p).ids
        return [_completion(tokenizer, ids, stop) for ids in drawn]

    return draw


def _until(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    uniforms: np.ndarray | None,
    temperature: float,
    stop: Sequence[str],
    top_p: float,
) -> list[list[int]]:
    """What `sample` draws, of rows with a stop text no more than `LOOK` tokens beyond it, and then padding."""
    import torch

    from raw2fig.lm.models import evaluating
    from raw2fig.lm.sample import advance, begin, finished

    drawing = begin(model, tokenizer, prompts, max_new_tokens)
    with evaluating(model):
        for place in range(0, max_new_tokens, LOOK):
            if not drawing.alive.any():
                break
            number = min(LOOK, max_new_tokens - place)
            advance(model, tokenizer, drawing, uniforms, number, temperature, top_p=top_p)
            texts = tokenizer.batch_decode(finished(drawing, tokenizer).ids, skip_special_tokens=True)
            drawing.alive &= torch.tensor([not _found(text, stop) for text in texts], device=model.device)
    return finished(drawing, tokenizer).ids


def _completion(tokenizer: PreTrainedTokenizerBase, ids: list[int], stop: Sequence[str]) -> Completion:
    """The completion of tokens that were drawn; a stop text ends it where its last token does."""

    def text_of(number: int) -> str:
        return tokenizer.batch_decode([ids[:number]], skip_special_tokens=True)[0]

    text = text_of(len(ids))
    if not _found(text, stop):
        return Completion(text, len(ids), ids[-1] == tokenizer.eos_token_id)
    number = bisect_left(range(len(ids)), True, key=lambda length: bool(_found(text_of(length), stop)))
    text = text_of(number)
    return Completion(text[: min(_found(text, stop))], number, True)


def _found(text: str, stop: Sequence[str]) -> list[int]:
    """Where the first of each stop text begins that is in `text`."""
    return [text.find(one) for one in stop if one in text]


def _vllm_drawer(source: str, revision: str | None) -> Draw:
    import torch

    # without a process of its own, whose schedule varies, the same batch gives the same text (vLLM, "Reproducibility")
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    gpus = torch.cuda.device_count()
    llm, params = load_vllm(
        source,
        **({"revision": revision} if revision else {}),
        **({"tensor_parallel_size": gpus} if gpus > 1 else {}),
    )

    def draw(
        prompts: Sequence[Sequence[int]],
        max_new_tokens: int,
        seeds: Sequence[int],
        temperature: float,
        stop: Sequence[str],
        top_p: float,
    ) -> list[Completion]:
        nucleus = {"top_p": top_p} if top_p < 1 else {}
        common = {"temperature": temperature, "max_tokens": max_new_tokens, "stop": list(stop), **nucleus}
        settings = [params(**common, seed=seed) for seed in seeds]
        outputs = llm.generate([{"prompt_token_ids": list(ids)} for ids in prompts], settings, use_tqdm=False)
        first = (output.outputs[0] for output in outputs)
        return [Completion(one.text, len(one.token_ids), one.finish_reason == "stop") for one in first]

    return draw

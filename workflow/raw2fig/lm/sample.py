"""Sampling from a causal language model in batches, with a key-value cache."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import torch
    from transformers import Cache, PreTrainedModel, PreTrainedTokenizerBase


class Sampled(NamedTuple):
    """Completions of a batch: token ids up to and including end-of-sequence, and the log-probability of each token
    under the distribution it was drawn from (after temperature and the repeat mask)."""

    ids: list[list[int]]
    logprobs: list[list[float]]


def sample(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    uniforms: np.ndarray | None,
    temperature: float = 1.0,
    once: torch.Tensor | None = None,
    batch: int = 512,
) -> Sampled:
    """Draw one completion for each prompt (token ids).

    `uniforms` (prompts, max_new_tokens) in [0, 1) are the random numbers of each completion, None is greedy: a
    completion depends on its own prompt and its own numbers alone, and two prompts with equal numbers are paired.
    Prompts of similar length share a batch. `once` (bool, vocabulary) marks tokens that a completion may hold once: the
    genes of a cell sentence.
    """
    import torch

    ids: list[list[int]] = [[] for _ in prompts]
    logprobs: list[list[float]] = [[] for _ in prompts]
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            drawn = None if uniforms is None else torch.from_numpy(uniforms[rows]).to(model.device, torch.float32)
            tokens, scores = _sample_batch(
                model, tokenizer, [prompts[row] for row in rows], max_new_tokens, drawn, temperature, once
            )
            ends = (tokens == tokenizer.eos_token_id).int()
            lengths = torch.where(ends.any(1), ends.argmax(1) + 1, tokens.shape[1]).tolist()
            for row, length, line, score in zip(rows, lengths, tokens.tolist(), scores.tolist(), strict=True):
                ids[row], logprobs[row] = line[:length], score[:length]
    model.train(was_training)
    return Sampled(ids, logprobs)


def _sample_batch(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    uniforms: torch.Tensor | None,
    temperature: float,
    once: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens and log-probabilities, both (batch, new tokens); rows go on as padding after their end."""
    import torch

    device = model.device
    width = max(len(prompt) for prompt in prompts)
    ids = torch.full((len(prompts), width), tokenizer.pad_token_id)
    attended = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):  # left padding: every row's last token is at the same place
        ids[row, width - len(prompt) :] = torch.tensor(list(prompt))
        attended[row, width - len(prompt) :] = 1
    ids, attended = ids.to(device), attended.to(device)
    positions = (attended.cumsum(1) - 1).clamp(min=0)
    once = None if once is None else once.to(device)
    used = torch.zeros(len(prompts), model.get_output_embeddings().weight.shape[0], dtype=torch.bool, device=device)
    alive = torch.ones(len(prompts), dtype=torch.bool, device=device)
    cache = cache_for(model, width + max_new_tokens)
    tokens, scores = [], []
    for place in range(max_new_tokens):
        output = model(
            input_ids=ids,
            attention_mask=attended,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits = output.logits[:, -1].float()
        if once is not None:
            logits = logits.masked_fill(used, float("-inf"))
        distribution = torch.log_softmax(logits / temperature, dim=-1)
        if uniforms is not None:
            # inverse of the cumulative distribution: one uniform number per row, whatever the vocabulary
            cumulative = distribution.exp().cumsum(-1)
            drawn = torch.searchsorted(cumulative, uniforms[:, place, None].contiguous(), right=True)
            drawn = drawn.clamp(max=logits.shape[1] - 1)
            # rounding can let the last cumulative value fall below the uniform number: take the likeliest token then
            impossible = distribution.gather(1, drawn).isneginf()
            drawn = torch.where(impossible, distribution.argmax(-1, keepdim=True), drawn)
        else:
            drawn = distribution.argmax(-1, keepdim=True)
        scores.append(distribution.gather(1, drawn)[:, 0])
        tokens.append(torch.where(alive, drawn[:, 0], tokenizer.pad_token_id))
        alive &= drawn[:, 0] != tokenizer.eos_token_id
        if not _any(alive):
            break
        if once is not None:
            used |= torch.zeros_like(used).scatter_(1, drawn, True) & once
        ids = drawn
        attended = torch.cat([attended, torch.ones_like(drawn)], dim=1)
        positions = positions[:, -1:] + 1
    return torch.stack(tokens, 1), torch.stack(scores, 1)


def cache_for(model: PreTrainedModel, length: int) -> Cache:
    """transformers' cache of keys and values, with room for `length` positions from the start.

    Its own layers concatenate at each token, and so copy all that came before.
    Layers of other kinds (sliding windows) stay as they are.
    """
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    class Layer(DynamicLayer):
        def update(
            self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
        ) -> tuple[torch.Tensor, torch.Tensor]:
            new = (key_states, value_states)
            if not self.is_initialized:
                self.lazy_initialization(*new)
                self.room = [part.new_empty(*part.shape[:2], length, part.shape[3]) for part in new]
            start = self.get_seq_length()
            end = start + key_states.shape[2]
            for room, part in zip(self.room, new, strict=True):
                room[:, :, start:end] = part
            self.keys, self.values = (room[:, :, :end] for room in self.room)
            return self.keys, self.values

    cache = DynamicCache(config=model.config)
    cache.layers = [Layer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def _any(alive: torch.Tensor) -> bool:
    """Whether a row of any process goes on: under FSDP all processes must call the model equally often."""
    import torch

    going = alive.any().int()
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        torch.distributed.all_reduce(going, torch.distributed.ReduceOp.MAX)
    return bool(going)

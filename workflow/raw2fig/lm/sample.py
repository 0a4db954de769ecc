"""Sampling from a causal language model in batches, with a key-value cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raw2fig.lm.models import evaluating
from raw2fig.lm.tool_use import ToolUse, inject

if TYPE_CHECKING:
    import torch
    from transformers import Cache, PreTrainedModel, PreTrainedTokenizerBase


SHARED = 0.9
"""Nodes of a row that goes on, from which on each row gets a node of its own: sorting them costs more than it saves."""
KEPT = 0.75
"""Share of the nodes that go on, below which the others are taken out of the batch."""


ROOM = 1024
"""Positions that a cache has room for at first: responses may be far shorter than they may be."""


class Sampled(NamedTuple):
    """Completions of a batch: token ids up to and including end-of-sequence; the log-probability of each token under
    the distribution it was drawn from (after temperature and the repeat mask), 0 for injected ones; and whether each
    token was drawn (1) or injected (0)."""

    ids: list[list[int]]
    logprobs: list[list[float]]
    drawn: list[list[int]]


@dataclass(frozen=True)
class Interruption:
    """Forced end of thinking (ScaleRL, appendix A.2): a completion without the token `close` after `budget` (prompts)
    tokens gets the tokens of `phrase`, which end in `close`, and goes on from there."""

    budget: torch.Tensor
    phrase: list[int]
    close: int


@dataclass
class Drawing:
    """Completions that are being drawn, as tensors: what `advance` needs to go on, and what it has drawn so far.

    Rows with the same tokens so far, those of one prompt at the start, are one node: the model sees it once. Nodes all
    of whose rows have ended are taken out when they are many. `tokens`, `scores` and `forced` have an entry (rows,) for
    each place. Rows go on as padding after their end.
    """

    ids: torch.Tensor  # (nodes, width): what the model has not seen yet
    attended: torch.Tensor  # (nodes, width so far)
    positions: torch.Tensor
    nodes: torch.Tensor  # (rows,): of each row; any node after its end
    alive: torch.Tensor  # (rows,)
    used: torch.Tensor  # (rows, vocabulary): tokens that may come once, and have come
    started: torch.Tensor  # (rows,): place of the interruption, far below zero without
    closed: torch.Tensor  # (rows,): whether thinking has ended by itself
    cache: Cache
    queues: list[list[int]]  # of each row: tokens of a tool's result that are still to come
    calls: list[int]  # of each row: calls that were answered
    tokens: list[torch.Tensor] = field(default_factory=list)
    scores: list[torch.Tensor] = field(default_factory=list)
    forced: list[torch.Tensor] = field(default_factory=list)


def sample(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
    uniforms: np.ndarray | None,
    temperature: float = 1.0,
    once: torch.Tensor | None = None,
    batch: int = 512,
    top_p: float = 1.0,
    tools: ToolUse | None = None,
) -> Sampled:
    """Draw one completion for each prompt (token ids).

    `uniforms` (prompts, max_new_tokens) in [0, 1) are the random numbers of each completion, None is greedy: a
    completion depends on its own prompt and its own numbers alone, and two prompts with equal numbers are paired.
    Prompts of similar length share a batch. `once` (bool, vocabulary) marks tokens that a completion may hold once: the
    genes of a cell sentence. `top_p` is as in `raw2fig.lm.client.Asked`. Tokens of results of `tools` are injected, and
    count for `max_new_tokens`.
    """
    result: list[list[Any]] = [[[] for _ in prompts] for _ in Sampled._fields]
    order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        drawing = begin(model, tokenizer, [prompts[row] for row in rows], max_new_tokens)
        numbers = None if uniforms is None else uniforms[rows]
        with evaluating(model):
            advance(model, tokenizer, drawing, numbers, max_new_tokens, temperature, once, top_p=top_p, tools=tools)
        parts: list[list[Any]] = list(finished(drawing, tokenizer))
        for whole, part in zip(result, parts, strict=True):
            for row, values in zip(rows, part, strict=True):
                whole[row] = values
    return Sampled(*result)


def sample_texts(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    samples: int,
    max_new_tokens: int,
    seed: int,
    temperature: float = 1.0,
) -> list[str]:
    """`samples` completions of each prompt, adjacent. The random numbers depend on `seed` alone."""
    ids = [row for row in tokenizer(list(prompts))["input_ids"] for _ in range(samples)]
    uniforms = np.random.default_rng(seed).random((len(ids), max_new_tokens))
    drawn = sample(model, tokenizer, ids, max_new_tokens, uniforms, temperature, batch=4096)
    return tokenizer.batch_decode(drawn.ids, skip_special_tokens=True)


def begin(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int,
) -> Drawing:
    """A batch of which nothing is drawn yet."""
    import torch

    numbers: dict[tuple[int, ...], int] = {}
    which = [numbers.setdefault(tuple(prompt), len(numbers)) for prompt in prompts]
    width = max(map(len, numbers))
    # left padding: every row's last token is at the same place
    padded = [[tokenizer.pad_token_id] * (width - len(prompt)) + list(prompt) for prompt in numbers]
    starts = torch.tensor([width - len(prompt) for prompt in numbers])
    ids = torch.tensor(padded, device=model.device)
    attended = (torch.arange(width) >= starts[:, None]).long().to(model.device)
    vocabulary = model.get_output_embeddings().weight.shape[0]
    no = torch.zeros(len(prompts), dtype=torch.bool, device=model.device)
    return Drawing(
        ids,
        attended,
        (attended.cumsum(1) - 1).clamp(min=0),
        torch.tensor(which, device=model.device),
        alive=~no,
        used=no[:, None].repeat(1, vocabulary),
        started=no.long() - 10**9,
        closed=no.clone(),
        cache=cache_for(model, width + max_new_tokens),
        queues=[[] for _ in prompts],
        calls=[0 for _ in prompts],
    )


def advance(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    drawing: Drawing,
    uniforms: np.ndarray | None,
    number: int,
    temperature: float = 1.0,
    once: torch.Tensor | None = None,
    interruption: Interruption | None = None,
    top_p: float = 1.0,
    tools: ToolUse | None = None,
) -> None:
    """Draw up to `number` more tokens with the model as it is now; what is in the cache stays as it was. To be called
    within `evaluating`.

    `uniforms` (rows, max_new_tokens) are those of all places, not only of the next ones.
    """
    import torch

    device = model.device
    once = None if once is None else once.to(device)
    numbers = None if uniforms is None else torch.from_numpy(uniforms).to(device, torch.float32)
    for place in range(len(drawing.tokens), len(drawing.tokens) + number):
        if place and not _any(drawing.alive):
            break
        output = model(
            input_ids=drawing.ids,
            attention_mask=drawing.attended,
            position_ids=drawing.positions,
            past_key_values=drawing.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits = output.logits[:, -1].float()[drawing.nodes]
        if once is not None:
            logits = logits.masked_fill(drawing.used, float("-inf"))
        distribution = torch.log_softmax(logits / temperature, dim=-1)
        if top_p < 1 and numbers is not None:
            distribution = nucleus(distribution, top_p)
        drawn = _draw(distribution, None if numbers is None else numbers[:, place, None])
        score = distribution.gather(1, drawn)[:, 0]
        forced = torch.zeros_like(drawing.alive)
        if interruption is not None:
            forced = _interrupt(drawing, interruption, drawn, place)
        if tools is not None:
            forced = forced | inject(tools, drawing, drawn)
        score = score.masked_fill(forced, 0.0)
        drawing.scores.append(score)
        drawing.forced.append(forced)
        drawing.tokens.append(torch.where(drawing.alive, drawn[:, 0], tokenizer.pad_token_id))
        drawing.alive &= drawn[:, 0] != tokenizer.eos_token_id
        if once is not None:
            drawing.used |= torch.zeros_like(drawing.used).scatter_(1, drawn, True) & once
        _go_on(drawing, drawn)


def _go_on(drawing: Drawing, drawn: torch.Tensor) -> None:
    """The nodes of the next place, for the tokens `drawn` (rows, 1)."""
    import torch

    size, going = drawing.used.shape[1], drawing.alive if drawing.alive.any() else torch.ones_like(drawing.alive)
    rows, count = drawing.nodes[going], len(drawing.attended)
    branches, places = torch.unique(rows * size + drawn[going, 0], return_inverse=True)
    parents, ids = branches // size, branches % size
    if len(torch.unique(parents)) == len(parents) >= KEPT * count:
        # no node branches, and few have ended: all stay where they are
        drawing.ids = drawn.new_zeros(count, 1).index_copy(0, parents, ids[:, None])
    else:
        if len(branches) >= SHARED * len(rows):
            parents, ids, places = rows, drawn[going, 0], torch.arange(len(rows), device=drawn.device)
        drawing.nodes = torch.zeros_like(drawing.nodes).masked_scatter(going, places)
        drawing.ids = ids[:, None]
        drawing.cache.batch_select_indices(parents)
        drawing.attended, drawing.positions = drawing.attended[parents], drawing.positions[parents]
    drawing.attended = torch.cat([drawing.attended, torch.ones_like(drawing.ids)], dim=1)
    drawing.positions = drawing.positions[:, -1:] + 1


@contextmanager
def head_in(model: PreTrainedModel, precision: torch.dtype) -> Iterator[None]:
    """Scores of the vocabulary come from a product in `precision` within the block, also under autocast, whose own
    would be bfloat16; they are returned in float32."""
    import torch

    head: Any = model.get_output_embeddings()

    def product(hidden: torch.Tensor) -> torch.Tensor:
        bias = None if head.bias is None else head.bias.to(precision)
        with torch.autocast(hidden.device.type, enabled=False):
            return torch.nn.functional.linear(hidden.to(precision), head.weight.to(precision), bias).float()

    before, head.forward = head.forward, product
    try:
        yield
    finally:
        head.forward = before


def finished(drawing: Drawing, tokenizer: PreTrainedTokenizerBase) -> Sampled:
    """What was drawn, up to each row's end."""
    import torch

    tokens, scores, forced = (torch.stack(part, 1) for part in (drawing.tokens, drawing.scores, drawing.forced))
    ends = (tokens == tokenizer.eos_token_id).int()
    lengths = torch.where(ends.any(1), ends.argmax(1) + 1, tokens.shape[1]).tolist()
    parts: tuple[Any, ...] = (tokens, scores, (~forced).int())
    return Sampled(*([row[:length] for row, length in zip(part.tolist(), lengths, strict=True)] for part in parts))


def nucleus(distribution: torch.Tensor, top_p: float) -> torch.Tensor:
    """Log-probabilities (rows, vocabulary) of the likeliest tokens alone, as few as have the probability `top_p`
    together, made to sum to 1 again."""
    import torch

    ordered, places = distribution.sort(dim=-1, descending=True, stable=True)
    before = ordered.exp().cumsum(-1) - ordered.exp()
    kept = torch.zeros_like(before, dtype=torch.bool).scatter_(-1, places, before < top_p)
    return torch.log_softmax(distribution.masked_fill(~kept, float("-inf")), dim=-1)


def _draw(distribution: torch.Tensor, uniforms: torch.Tensor | None) -> torch.Tensor:
    """One token per row, (rows, 1), of log-probabilities (rows, vocabulary); the likeliest without `uniforms`."""
    import torch

    if uniforms is None:
        return distribution.argmax(-1, keepdim=True)
    # inverse of the cumulative distribution: one uniform number per row, whatever the vocabulary
    cumulative = distribution.exp().cumsum(-1)
    drawn = torch.searchsorted(cumulative, uniforms.contiguous(), right=True).clamp(max=distribution.shape[1] - 1)
    # rounding can let the last cumulative value fall below the uniform number: take the likeliest token then
    impossible = distribution.gather(1, drawn).isneginf()
    return torch.where(impossible, distribution.argmax(-1, keepdim=True), drawn)


def _interrupt(drawing: Drawing, interruption: Interruption, drawn: torch.Tensor, place: int) -> torch.Tensor:
    """Put the phrase's tokens into `drawn` (rows, 1) where they are due. Returns where, bool (rows,)."""
    import torch

    due = drawing.alive & ~drawing.closed & (interruption.budget.to(drawn.device) == place)
    drawing.started = torch.where(due, place, drawing.started)
    offset = place - drawing.started
    forced = offset < len(interruption.phrase)
    phrase = torch.tensor(interruption.phrase, device=drawn.device)
    drawn[:, 0] = torch.where(forced, phrase[offset.clamp(max=len(phrase) - 1)], drawn[:, 0])
    drawing.closed |= drawn[:, 0] == interruption.close
    return forced


def cache_for(model: PreTrainedModel, length: int) -> Cache:
    """transformers' cache of keys and values, with room for `length` positions from the start, or for `ROOM` and then
    twice as many each time it is full.

    Its own layers concatenate at each token, and so copy all that came before.
    Layers of other kinds (sliding windows) stay as they are.
    """
    import torch
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    class Layer(DynamicLayer):
        def update(
            self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
        ) -> tuple[torch.Tensor, torch.Tensor]:
            new = (key_states, value_states)
            if not self.is_initialized:
                self.lazy_initialization(*new)
                self.room = [part.new_empty(*part.shape[:2], min(length, ROOM), part.shape[3]) for part in new]
            start = self.get_seq_length()
            end = start + key_states.shape[2]
            if end > (size := self.room[0].shape[2]):
                more = max(end, min(length, 2 * size)) - size
                self.room = [torch.nn.functional.pad(room, (0, 0, 0, more)) for room in self.room]
            for room, part in zip(self.room, new, strict=True):
                room[:, :, start:end] = part
            self.keys, self.values = (room[:, :, :end] for room in self.room)
            return self.keys, self.values

        def batch_select_indices(self, indices: torch.Tensor) -> None:
            end, before = self.get_seq_length(), self.room
            self.room = [room.new_empty(len(indices), *room.shape[1:]) for room in before]
            for room, old in zip(self.room, before, strict=True):
                room[:, :, :end] = old[:, :, :end].index_select(0, indices)
            self.keys, self.values = (room[:, :, :end] for room in self.room)

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

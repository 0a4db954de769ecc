"""Where completions come from: on the policy, k updates behind it, or from k batches in flight.

A `Stream` gives one batch of groups per update, with the log-probability of every token under the policy that sampled
it, and the update at which that was. All of its state can be saved: a resumed run goes on as an uninterrupted one.
"""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raw2fig.lm.models import evaluating
from raw2fig.lm.sample import Drawing, Interruption, advance, begin, finished, head_in
from raw2fig.lm.tool_use import ToolUse
from raw2fig.rl.filters import Curriculum
from raw2fig.rl.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Rollouts(NamedTuple):
    """Completions of one update, groups adjacent: prompt indices, and per completion the token ids, their
    log-probabilities, whether they were drawn (1) or injected (0), and the update before which each was drawn."""

    indices: list[int]
    prompt_ids: list[list[int]]
    ids: list[list[int]]
    logprobs: list[list[float]]
    drawn: list[list[int]]
    versions: list[list[int]]


@dataclass
class Flight:
    """Batches that are being drawn together, as a row for each completion."""

    batches: int
    indices: list[int]
    prompt_ids: list[list[int]]
    uniforms: np.ndarray
    interruption: Interruption | None
    drawing: Drawing
    versions: list[int] = field(default_factory=list)  # of each place


class Stream:
    """Batches of one process for one run. `words` are the prompts' token ids; of the curriculum's next prompts, this
    process takes one of `processes` equal shares."""

    def __init__(
        self,
        recipe: Recipe,
        tokenizer: PreTrainedTokenizerBase,
        words: Sequence[list[int]],
        curriculum: Curriculum,
        once: torch.Tensor | None = None,
        process: int = 0,
        processes: int = 1,
        tools: ToolUse | None = None,
    ) -> None:
        self.recipe, self.tokenizer, self.words, self.curriculum = recipe, tokenizer, words, curriculum
        self.once, self.process, self.processes, self.tools = once, process, processes, tools
        self.started = 0  # batches begun
        self.flights: deque[Flight] = deque()
        self.ready: deque[Rollouts] = deque()

    def next(self, model: PreTrainedModel, update: int) -> Rollouts:
        """The batch for `update` (counted from 0), drawn with `model` as far as it is not drawn yet.

        * on-policy: a batch is begun and finished.
        * PPO-off-policy-k: k batches are begun and finished together, and used one after another.
        * PipelineRL-k: k batches are in flight; each update all of them go on by 1/k of the longest completion, with
          the weights of that moment and the cache of earlier ones; the oldest is finished, and a new one begun. At the
          start they are staggered: the j-th of k has k - j parts done. Where parts are not whole numbers of tokens,
          their ends are rounded, so that a full-length completion is (k - 1) / 2 updates old on average all the same.
        """
        if not self.ready:
            with evaluating(model):
                self._draw(model, update)
            self.ready.extend(self._finished(self.flights.popleft()))
        return self.ready.popleft()

    def _draw(self, model: PreTrainedModel, update: int) -> None:
        k, longest = self.recipe.k, self.recipe.max_new_tokens
        pipeline = self.recipe.off_policy == "pipeline"
        while len(self.flights) < (k if pipeline else 1):
            self._begin(model, 1 if pipeline else k)
        for place, flight in enumerate(self.flights):
            # to the nearest, ties to even: parts from the left are as long as from the right
            end = round(longest * (k - place) / k) if pipeline else longest
            self._advance(model, flight, end, update)

    def _finished(self, flight: Flight) -> list[Rollouts]:
        """Its batches, one after another."""
        result = finished(flight.drawing, self.tokenizer)
        versions = [flight.versions[: len(row)] for row in result.ids]
        size = len(flight.indices) // flight.batches
        columns: tuple[list[Any], ...] = (flight.indices, flight.prompt_ids, *result, versions)
        return [
            Rollouts(*(column[start : start + size] for column in columns))
            for start in range(0, len(flight.indices), size)
        ]

    def _begin(self, model: PreTrainedModel, batches: int) -> None:
        """Put batches of the curriculum's next prompts in flight."""
        import torch

        recipe, indices, uniforms, budgets = self.recipe, list[int](), [], []
        for _ in range(batches):
            # a batch's random numbers depend on its number and process alone, whatever the mode
            rng = np.random.default_rng([self.curriculum.seed, self.started, self.process])
            share = self.curriculum.draw(recipe.prompts * self.processes)[self.process :: self.processes]
            indices += [index for index in share for _ in range(recipe.generations)]
            size = recipe.prompts * recipe.generations
            uniforms.append(rng.random((size, recipe.max_new_tokens)))
            if recipe.interrupt is not None:
                low, high = recipe.interrupt
                budgets.append(rng.integers(low, high + 1, size))
            self.started += 1
        prompt_ids = [self.words[index] for index in indices]
        interruption = self._interruption(torch.from_numpy(np.concatenate(budgets))) if budgets else None
        drawing = begin(model, self.tokenizer, prompt_ids, recipe.max_new_tokens)
        self.flights.append(Flight(batches, indices, prompt_ids, np.concatenate(uniforms), interruption, drawing))

    def _interruption(self, budget: torch.Tensor) -> Interruption:
        phrase = self.tokenizer(" " + self.recipe.phrase, add_special_tokens=False)["input_ids"]
        return Interruption(budget, phrase, phrase[-1])

    def _advance(self, model: PreTrainedModel, flight: Flight, end: int, update: int) -> None:
        """Draw the places before `end`."""
        import torch

        recipe, drawing = self.recipe, flight.drawing
        before = len(drawing.tokens)
        with head_in(model, torch.float32 if recipe.head == "fp32" else torch.bfloat16):
            advance(
                model,
                self.tokenizer,
                drawing,
                flight.uniforms,
                end - before,
                recipe.temperature,
                self.once,
                flight.interruption,
                tools=self.tools,
            )
        flight.versions += [update] * (len(drawing.tokens) - before)

    def state(self) -> dict[str, Any]:
        """What `restore` takes, as tensors and plain data: the curriculum, and all flights with their caches."""
        return {
            "started": self.started,
            "curriculum": self.curriculum.state(),
            "flights": [_pack(flight) for flight in self.flights],
            "ready": [tuple(rollouts) for rollouts in self.ready],
        }

    def restore(self, state: dict[str, Any], model: PreTrainedModel) -> None:
        """Go on from a `state`."""
        self.started = state["started"]
        self.curriculum.restore(state["curriculum"])
        self.flights = deque(self._unpack(packed, model) for packed in state["flights"])
        self.ready = deque(Rollouts(*columns) for columns in state["ready"])

    def _unpack(self, packed: dict[str, Any], model: PreTrainedModel) -> Flight:
        drawing = begin(model, self.tokenizer, packed["prompt_ids"], self.recipe.max_new_tokens)
        for name in SINGLE:
            setattr(drawing, name, packed[name].to(model.device))
        for name in PLACES:
            setattr(drawing, name, list(packed[name].to(model.device)))
        for name in PLAIN:
            setattr(drawing, name, packed[name])
        for index, (keys, values) in enumerate(packed["cache"]):
            drawing.cache.update(keys.to(model.device), values.to(model.device), index)
        interruption = None if packed["budget"] is None else self._interruption(packed["budget"])
        return Flight(
            packed["batches"],
            packed["indices"],
            packed["prompt_ids"],
            packed["uniforms"].numpy(),
            interruption,
            drawing,
            packed["versions"],
        )


SINGLE = ("ids", "attended", "positions", "nodes", "alive", "used", "started", "closed")
PLACES = ("tokens", "scores", "forced")
PLAIN = ("queues", "calls")
"""The fields of a `Drawing`: single tensors, those with one for each place, and plain data."""


def _pack(flight: Flight) -> dict[str, Any]:
    import torch

    drawing, interruption = flight.drawing, flight.interruption
    layers: list[Any] = drawing.cache.layers
    return {
        "batches": flight.batches,
        "indices": flight.indices,
        "prompt_ids": flight.prompt_ids,
        "uniforms": torch.from_numpy(flight.uniforms),
        "budget": None if interruption is None else interruption.budget,
        "versions": flight.versions,
        **{name: copy.deepcopy(getattr(drawing, name)) for name in PLAIN},
        "cache": [(layer.keys.clone(), layer.values.clone()) for layer in layers],
        **{name: getattr(drawing, name).clone() for name in SINGLE},
        **{name: torch.stack(getattr(drawing, name)) for name in PLACES},
    }

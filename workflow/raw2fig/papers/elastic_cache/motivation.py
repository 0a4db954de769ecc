"""`raw2fig elastic-cache motivation`: what an exact decoder shows about keys, values and attention from step to step.

Four things that the method rests on (its figure of motivation): masks far to the right get little attention; keys and
values of tokens that are known drift, more in deeper layers; the most attended token drifts least; and attention of the
tracked token says when others drift.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from raw2fig.papers.elastic_cache.decoding import Decoding
from raw2fig.papers.elastic_cache.questions import read_questions
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    import torch

    from raw2fig.papers.elastic_cache.decoders import Moment
    from raw2fig.papers.elastic_cache.model import MaskedDiffusion


class Motivation(Record):
    """What is looked at."""

    problems: int = Field(ge=1, description="Prompts that are decoded.")
    reach: int = Field(ge=1, description="Farthest distance of a mask from the end of the window that is told apart.")


class Change(NamedTuple):
    """One layer of one sample between two steps."""

    sample: int
    step: int
    layer: int
    mean: float
    """Mean over known tokens of 1 - cosine of their keys and values."""
    tracked: float
    """That of the most attended token."""
    similarity: float
    """Cosine over keys of the tracked token's attention, mean over heads."""


@step
def motivation(
    *,
    model: Input,
    prompts: Input,
    changes: Output,
    distances: Output,
    decoding: Annotated[Decoding, At("mini.decoding")],
    motivation: Annotated[Motivation, At("mini.motivation")],
    part: str | None = None,
    seed: Seed = 0,
) -> None:
    """Decode exactly, and measure how keys, values and attention change from step to step.

    Parameters
    ----------
    model
        Model folder.
    prompts
        JSON lines with prompts.
    changes
        A row for each layer: mean drift of known tokens, drift of the tracked token, the share of steps in which it is
        the smaller one, and how similarity of attention and drift go together over steps.
    distances
        A row for each distance of a mask beyond the window: mean attention that it gets from a mask of the window.
    decoding
        How to decode. Whatever its method, every step computes all positions, and one token is unmasked.
    part
        Take the prompts of this part alone.
    """
    import pandas as pd

    from raw2fig.papers.elastic_cache.decoders import decode
    from raw2fig.papers.elastic_cache.loading import load_any

    diffusion, tokenizer = load_any(str(model))
    questions = read_questions(prompts, tokenizer, part)[: motivation.problems]
    exact = {"method": "interval", "interval": 1, "epsilon": None, "steps": decoding.length, "track": 1}
    watch = Watch(diffusion, motivation.reach)
    decode(diffusion, [one.ids for one in questions], decoding.model_copy(update=exact), seed, watch)
    write_table(pd.DataFrame(by_layer(watch.changes)), changes)
    write_table(
        pd.DataFrame(
            [
                {"distance": distance, "attention": float(np.mean(found)), "n": len(found)}
                for distance, found in sorted(watch.attention.items())
            ]
        ),
        distances,
    )


class Watch:
    """An observer of an exact decoder, which keeps what it saw one step before."""

    def __init__(self, diffusion: MaskedDiffusion, reach: int) -> None:
        self.diffusion, self.reach = diffusion, reach
        self.changes: list[Change] = []
        self.attention: dict[int, list[float]] = {}
        self._before: dict[int, State] = {}
        self._steps: dict[int, int] = {}

    def __call__(self, moment: Moment) -> None:
        for place, (one, masks) in enumerate(zip(moment.asked, moment.eligible, strict=True)):
            sample = one.sample
            state = State.of(self.diffusion, moment, sample, moment.stepped.tracked[place])
            number = self._steps.get(sample, 0)
            if sample in self._before:
                self.changes += changes_between(self._before[sample], state, sample, number)
            for distance, weight in far_attention(state, masks, self.reach):
                self.attention.setdefault(distance, []).append(weight)
            self._before[sample], self._steps[sample] = state, number + 1


class State(NamedTuple):
    """What a sample's exact step cached: tokens (T,), and of each layer keys, values and queries (layers, T, ...), and
    the tracked token."""

    tokens: torch.Tensor
    keys: torch.Tensor
    value: torch.Tensor
    queries: torch.Tensor
    tracked: list[int]
    mask: int
    scale: float

    @classmethod
    def of(cls, diffusion: MaskedDiffusion, moment: Moment, sample: int, tracked: Sequence[Sequence[int]]) -> State:
        cache = moment.cache
        if cache.queries is None:
            raise ValueError("the decoder keeps no queries")
        own = slice(sample * cache.width, sample * cache.width + cache.lengths[sample])
        keys, values, queries = (one[:, own] for one in (cache.keys, cache.values, cache.queries))  # noqa: PD011
        scale = diffusion.decoder.layers[0].self_attn.scaling
        first = [positions[0] for positions in tracked]
        tokens = moment.ids[sample, : cache.lengths[sample]]
        return cls(tokens.clone(), keys.clone(), values.clone(), queries.clone(), first, diffusion.mask, scale)

    def rows(self, layer: int, positions: Sequence[int]) -> torch.Tensor:
        """Attention (heads, positions, T) of some positions in a layer."""
        from raw2fig.papers.elastic_cache.drift import attention_rows

        return attention_rows(self.queries[layer][None, list(positions)], self.keys[layer][None], None, self.scale)[0]


def changes_between(before: State, after: State, sample: int, step: int) -> list[Change]:
    """What changed in each layer between two steps: of tokens that were known before the first of them."""
    import torch

    known = (before.tokens != before.mask).nonzero()[:, 0]
    found = []
    for layer, position in enumerate(before.tracked):
        old, new = (torch.cat([state.keys[layer], state.value[layer]], -1).flatten(1) for state in (before, after))
        cosine = torch.nn.functional.cosine_similarity(old, new, dim=1).double()
        # what pads has no embedding, and in the first layer keys of length 0, which have no cosine
        drift = torch.where((old == new).all(1), 0.0, 1 - cosine)
        was, now = (state.rows(layer, [position])[:, 0] for state in (before, after))
        similar = torch.nn.functional.cosine_similarity(was, now, dim=1).mean()
        found.append(Change(sample, step, layer, float(drift[known].mean()), float(drift[position]), float(similar)))
    return found


def far_attention(state: State, window: Sequence[int], reach: int) -> list[tuple[int, float]]:
    """Attention that masks beyond the window get from a mask of it, by their distance from its end: mean over layers,
    heads and the window's masks."""
    import torch

    masks = (state.tokens == state.mask).nonzero()[:, 0].tolist()
    beyond = [position for position in masks if window and window[-1] < position <= window[-1] + reach]
    if not beyond:
        return []
    mean = torch.stack([state.rows(layer, window).mean((0, 1)) for layer in range(len(state.keys))]).mean(0)
    return [(position - window[-1], float(mean[position])) for position in beyond]


def by_layer(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """A row for each layer. Without any change there is no correlation."""
    from scipy.stats import spearmanr

    rows = []
    for layer in sorted({change.layer for change in changes}):
        mine = [change for change in changes if change.layer == layer]
        mean, tracked, similar = (
            np.array([getattr(one, name) for one in mine]) for name in ("mean", "tracked", "similarity")
        )
        varied = np.ptp(mean) > 0 and np.ptp(similar) > 0
        rows.append(
            {
                "layer": layer,
                "steps": len(mine),
                "mean": float(mean.mean()),
                "tracked": float(tracked.mean()),
                "smaller": float((tracked < mean).mean()),
                "similarity": float(similar.mean()),
                "correlation": float(spearmanr(similar, mean).statistic) if varied else float("nan"),
            }
        )
    return rows

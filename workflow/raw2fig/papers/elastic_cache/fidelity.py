"""How far a decoder with stale caches is from the model: at every step, against an exact forward on the same state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch

from raw2fig.papers.elastic_cache.cache import new_cache
from raw2fig.papers.elastic_cache.decoders import Decoded, Moment, decode
from raw2fig.papers.elastic_cache.decoding import Decoding
from raw2fig.papers.elastic_cache.forward import Asked, forward
from raw2fig.papers.elastic_cache.model import MaskedDiffusion
from raw2fig.papers.elastic_cache.unmasking import without


class Fidelity(NamedTuple):
    """One step of one sample."""

    sample: int
    step: int
    masks: int
    """Masks that the step could unmask."""
    divergence: float
    """Mean over them of KL(exact ‖ cached), in nats."""
    agreement: float
    """Share of them with the same likeliest token."""


def compared(
    diffusion: MaskedDiffusion, prompts: Sequence[Sequence[int]], decoding: Decoding, seed: int = 0
) -> tuple[list[Decoded], list[Fidelity]]:
    """Decode prompts together, and compare each step's distributions with those of a full pass over the same tokens."""
    found: list[Fidelity] = []
    taken = [0] * len(prompts)

    def compare(moment: Moment) -> None:
        exact = exact_logits(diffusion, moment, decoding.suppress_eos)
        divergences = kl_divergence(exact, moment.logits).split([len(masks) for masks in moment.eligible])
        same = (exact.argmax(1) == moment.logits.argmax(1)).double().split([len(masks) for masks in moment.eligible])
        for one, masks, divergence, equal in zip(moment.asked, moment.eligible, divergences, same, strict=True):
            if masks:
                mean = float(divergence.mean()), float(equal.mean())
                found.append(Fidelity(one.sample, taken[one.sample], len(masks), *mean))
            taken[one.sample] += 1

    return decode(diffusion, prompts, decoding, seed, compare), found


def exact_logits(diffusion: MaskedDiffusion, moment: Moment, suppress_eos: bool) -> torch.Tensor:
    """Logits (rows, vocabulary) of the same positions, all of whose keys and values are computed from the tokens."""
    cache = new_cache(diffusion, moment.cache.lengths, tracking=False, elastic=False)
    asked = [Asked(one.sample, None, one.rows) for one in moment.asked]
    logits = forward(diffusion, cache, moment.ids, asked).logits
    return without(logits, [diffusion.mask, *[diffusion.eos] * suppress_eos])


def kl_divergence(exact: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """KL(exact ‖ other) of each row of logits (rows, vocabulary), in float64; what has no chance in both adds 0."""
    ours, theirs = exact.double().log_softmax(1), other.double().log_softmax(1)
    return torch.where(ours.isneginf(), 0.0, ours.exp() * (ours - theirs)).sum(1)

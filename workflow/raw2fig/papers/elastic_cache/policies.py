"""What a sample's next step computes and may unmask, method by method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from raw2fig.papers.elastic_cache.decoding import Decoding
from raw2fig.papers.elastic_cache.forward import Asked
from raw2fig.papers.elastic_cache.unmasking import transfer_schedule


@dataclass
class Sample:
    """Where the decoding of one prompt stands. Positions count from the beginning of the prompt."""

    number: int
    """Its place in the batch."""
    start: int
    """Where the answer begins."""
    length: int
    """Places of the answer."""
    masked: list[int]
    """Positions that are still to be unmasked, ascending."""
    block: int
    """Where the current block begins."""
    stage: int = 0
    """Steps since the current block began, or since the answer began where there are no blocks."""
    fresh: list[int] = field(default_factory=list)
    """Positions that the last step unmasked: what is cached there is still that of masks."""
    tracked: list[int] = field(default_factory=list)
    """The most attended tokens of all layers."""
    ended: bool = False
    """Whether an end of sequence was unmasked."""
    done: bool = False


def new_sample(number: int, prompt: int, decoding: Decoding) -> Sample:
    """A sample with `prompt` tokens, all of whose answer is masked."""
    return Sample(number, prompt, decoding.length, list(range(prompt, prompt + decoding.length)), prompt)


def eligible(sample: Sample, decoding: Decoding) -> list[int]:
    """Positions that the next step may unmask: masks of the block, or the leftmost ones."""
    if decoding.blockwise:
        return [position for position in sample.masked if position < sample.block + decoding.block]
    return sample.masked[: decoding.window]


def ask(sample: Sample, decoding: Decoding, masks: Sequence[int], shift: int) -> Asked:
    """What the next step computes, in which `masks` may be unmasked. Logits are wanted `shift` positions left of
    them."""
    rows = [position - shift for position in masks]
    query: list[int] | None = None
    match decoding.method:
        case "prefix" if sample.stage:
            query = list(range(sample.block - shift, sample.start + sample.length))
        case "dual" if sample.stage:
            query = list(range(sample.block - shift, sample.block + decoding.block))
        case "elastic" | "interval":
            seen = rows if decoding.block_caching else [position - shift for position in sample.masked]
            if sample.stage % decoding.interval if decoding.method == "interval" else sample.stage:
                query = list(dict.fromkeys([*sample.tracked, *sample.fresh, *seen]))
            return Asked(sample.number, query, rows, sample.tracked, seen, sample.masked)
    return Asked(sample.number, query, rows)


def schedule(decoding: Decoding) -> list[int]:
    """How many tokens each step of a block, or of the answer where there are no blocks, unmasks."""
    if decoding.blockwise:
        return transfer_schedule(decoding.block, decoding.steps * decoding.block // decoding.length)
    return transfer_schedule(decoding.length, decoding.steps)


def advance(sample: Sample, decoding: Decoding, unmasked: Sequence[int], end: int | None) -> None:
    """Take note that the step unmasked positions, the leftmost end of sequence among them at `end`.

    With `eos_stop`, the first one drops all masks to its right for good. A block that is filled gives way to the next;
    with `extra_forward`, not directly after its first step.
    """
    sample.fresh = list(unmasked)
    sample.masked = [position for position in sample.masked if position not in set(unmasked)]
    if end is not None and decoding.eos_stop and not sample.ended:
        sample.ended = True
        sample.masked = [position for position in sample.masked if position < end]
    sample.stage += 1
    owed = decoding.extra_forward and decoding.method in ("prefix", "dual") and sample.stage == 1
    if decoding.blockwise and not owed and not eligible(sample, decoding):
        sample.block, sample.stage = sample.block + decoding.block, 0
    sample.done = not sample.masked and not owed

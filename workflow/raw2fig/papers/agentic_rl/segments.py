"""A trajectory of the miniature: the words of its prompt, then segments that the model and the tool wrote in turn.

Its mask follows from who wrote what (section 3.1): 1 for words of the model, 0 for results with their markers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raw2fig.lm.examples import Example
from raw2fig.papers.agentic_rl.chains import END_RESULT, RESULT

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Segment(NamedTuple):
    """Words in a row, and whether the model wrote them."""

    words: tuple[str, ...]
    written: bool


class Trajectory(NamedTuple):
    """A prompt and what followed it; `manner` says how it was made."""

    prompt: tuple[str, ...]
    segments: tuple[Segment, ...]
    manner: str = ""

    @property
    def response(self) -> list[str]:
        """All words after the prompt."""
        return [word for segment in self.segments for word in segment.words]

    @property
    def mask(self) -> list[int]:
        """1 for each word of the response that the model wrote, 0 for one of a result."""
        return [int(segment.written) for segment in self.segments for _ in segment.words]


def joined(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """The same words, with neighbours of one writer as one segment: one turn."""
    return tuple(
        Segment(tuple(word for segment in part for word in segment.words), written)
        for written, part in groupby(segments, lambda segment: segment.written)
    )


def as_example(tokenizer: PreTrainedTokenizerBase, trajectory: Trajectory) -> Example:
    """Token ids of prompt and response for supervised training, in which results are not learned. Raises `KeyError` for
    a word that the tokenizer does not have."""
    ids = tokenizer.get_vocab()
    words = [*trajectory.prompt, *trajectory.response]
    learned = [0] * len(trajectory.prompt) + trajectory.mask
    return Example(np.array([ids[word] for word in words]), len(trajectory.prompt), np.array(learned, dtype=bool))


def from_words(prompt: Sequence[str], response: Sequence[str]) -> Trajectory:
    """The trajectory of a response that a model wrote with a tool: from one result marker to the next, the words are
    the tool's."""
    segments, inside = list[Segment](), False
    for word in response:
        inside = inside or word == RESULT
        segments.append(Segment((word,), not inside))
        inside = inside and word != END_RESULT
    return Trajectory(tuple(prompt), joined(segments))


def as_line(trajectory: Trajectory) -> dict[str, Any]:
    """A trajectory as plain data."""
    segments = [{"words": " ".join(one.words), "written": one.written} for one in trajectory.segments]
    return {"manner": trajectory.manner, "prompt": " ".join(trajectory.prompt), "segments": segments}


def from_line(line: dict[str, Any]) -> Trajectory:
    """The trajectory of plain data. Raises `KeyError`, `TypeError` or `AttributeError` for data of another form."""
    segments = (Segment(tuple(one["words"].split()), bool(one["written"])) for one in line["segments"])
    return Trajectory(tuple(line["prompt"].split()), tuple(segments), str(line.get("manner", "")))

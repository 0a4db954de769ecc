"""Paths through the layers of a model, the labels that say the same, and the edits of the search (section 3.7).

A path is the layers that run, counted from 0, in the order in which they run. Labels are one number for each layer: how
often it runs, so 0 skips it, 1 executes it and 2 repeats it. A path that keeps the layers' order and runs none of them
more than twice is the same as its labels, for which the search uses bytes: they are short, and quick as keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from raw2fig.errors import InputError

Labels = bytes
"""A byte for each layer: `SKIP`, `EXECUTE` or `REPEAT`."""
SKIP, EXECUTE, REPEAT = 0, 1, 2
ACTIONS = ("skip", "execute", "repeat")
"""Names of the labels 0, 1 and 2."""
LONGEST_SKIP = 2
"""As many consecutive layers may be skipped, and as many at once."""
TOO_LONG = bytes([SKIP]) * (LONGEST_SKIP + 1)
ONCE, TWICE = bytes([EXECUTE]), bytes([REPEAT])


class Edit(NamedTuple):
    """A single edit: the layers from `first` to before `end` get the labels `block`."""

    first: int
    end: int
    block: Labels


def default_path(layers: int) -> Labels:
    """Every layer once."""
    return ONCE * layers


def length(labels: Labels) -> int:
    """How many times a layer runs, |π|."""
    return sum(labels)


def path_of(labels: Iterable[int]) -> tuple[int, ...]:
    """The layers in the order in which they run."""
    return tuple(layer for layer, times in enumerate(labels) for _ in range(times))


def labels_of(path: Sequence[int], layers: int) -> Labels | None:
    """The labels of a path, None if there are none: it leaves the order of the layers, or one runs three times. Raises
    `InputError` for a layer that the model does not have."""
    times = [0] * layers
    for layer in path:
        if not 0 <= layer < layers:
            raise InputError("path", f"has the layer {layer}", f"layers from 0 to {layers - 1}")
        times[layer] += 1
    return bytes(times) if max(times) <= REPEAT and path_of(times) == tuple(path) else None


def is_searched(labels: Labels) -> bool:
    """Whether the search may try this path: something runs, no layer more than twice, and not more than two consecutive
    layers are skipped."""
    return max(labels) in (EXECUTE, REPEAT) and TOO_LONG not in labels


@cache
def _all_edits(layers: int) -> tuple[Edit, ...]:
    """The edits of a model's layers, whether a path can have them or not."""
    blocks = [bytes([SKIP]) * size for size in range(1, LONGEST_SKIP + 1)] + [TWICE]
    return tuple(Edit(first, first + len(block), block) for block in blocks for first in range(layers - len(block) + 1))


def edits(labels: Labels) -> list[Edit]:
    """The edits of a path of three layers or more that lead to one that may be searched: skip a layer that runs, or two
    consecutive ones, or repeat a layer that runs once. So no path is longer than 2L, and none comes back while edits
    are made to it."""
    found = []
    for edit in _all_edits(len(labels)):
        first, end, block = edit
        old = labels[first:end]
        if block == TWICE:
            fits = old == ONCE
        else:
            fits = SKIP not in old and TOO_LONG not in labels[:first] + block + labels[end:]
        if fits:
            found.append(edit)
    return found


def edited(labels: Labels, edit: Edit) -> Labels:
    """The path after an edit."""
    return labels[: edit.first] + edit.block + labels[edit.end :]


def edits_made(labels: Labels) -> int:
    """How many edits lead from the default path to this one: one for each repeated layer and for each one or two
    consecutive skipped ones."""
    skipped = labels.replace(TWICE, ONCE).split(ONCE)
    return labels.count(REPEAT) + sum(-(-len(run) // LONGEST_SKIP) for run in skipped)


def as_actions(rows: Sequence[Labels]) -> np.ndarray:
    """Labels of several questions as an array of int8 (questions, layers). Raises `InputError` for other numbers of
    layers."""
    if len(sizes := {len(row) for row in rows}) != 1:
        raise InputError("labels", f"have {sorted(sizes)} layers", "labels of one model")
    # of a bytearray, so that it may be written to, as torch asks of arrays
    return np.frombuffer(bytearray().join(rows), dtype=np.int8).reshape(len(rows), -1)


def as_labels(actions: np.ndarray) -> list[Labels]:
    """The rows of an array (questions, layers) of 0, 1 and 2. Raises `InputError` for other numbers."""
    if not np.isin(actions, (SKIP, EXECUTE, REPEAT)).all():
        raise InputError("actions", f"go from {actions.min()} to {actions.max()}", "0 (skip), 1 (execute), 2 (repeat)")
    return [row.tobytes() for row in np.asarray(actions, dtype=np.int8)]

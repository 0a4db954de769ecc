"""Which prompts reinforcement learning sees, and when (section 3.5): those that the first model solves at least once,
and later some that it did not solve and the current model does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Curriculum(NamedTuple):
    """Prompts that are trained on, in the order in which they came, and those that were excluded at the start and still
    are; numbers of prompts."""

    used: tuple[int, ...]
    excluded: tuple[int, ...]


def begun(solved: Sequence[int], first: int, least: int, rng: np.random.Generator) -> Curriculum:
    """At most `first` random prompts of those that are `solved` (prompts,) at least once. An update needs `least`: if
    there are not as many, some that are not solved join them."""
    counts = np.asarray(solved)
    chosen = rng.permutation(np.flatnonzero(counts > 0))[:first]
    missed = np.flatnonzero(counts == 0)
    more = rng.permutation(missed)[: max(0, least - len(chosen))]
    used = [*map(int, chosen), *map(int, more)]
    return Curriculum(tuple(used), tuple(int(prompt) for prompt in missed if prompt not in used))


def grown(before: Curriculum, solved: Sequence[int], added: int, rng: np.random.Generator) -> Curriculum:
    """With at most `added` random prompts of the excluded ones that are solved now; `solved` is in the order of
    `excluded`."""
    ready = [prompt for prompt, times in zip(before.excluded, solved, strict=True) if times > 0]
    new = [ready[place] for place in rng.permutation(len(ready))[:added]]
    return Curriculum((*before.used, *new), tuple(prompt for prompt in before.excluded if prompt not in new))

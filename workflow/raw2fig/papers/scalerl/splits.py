"""Problems in words: the prompt around them, what makes two of them the same, and their random splits."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import numpy as np

from raw2fig.errors import InputError
from raw2fig.settings import Field, Record

HOLE = "{problem}"
"""Where a problem stands in a prompt."""
SIGNS = 16
"""Hexadecimal digits of a problem's id."""
ROWS, REPEATED = "rows", "repeated_problems"
"""What `first_of_each` counts besides the reasons of `Unusable`."""


class Splits(Record):
    """How many problems of a pool each split has."""

    train: int = Field(ge=0, description="Number of problems for RL; 0: all that the other splits leave.")
    validation: int = Field(ge=1, description="Number of problems on which hyper-parameters are chosen.")
    held_out: int = Field(ge=1, description="Number of problems on which runs are evaluated.")

    def sizes(self) -> dict[str, int]:
        """Problems of each split; the last one may take what is left."""
        return {name: getattr(self, name) for name in ("held_out", "validation", "train")}


Row = TypeVar("Row")
Answer = TypeVar("Answer")


class Unusable(Exception):
    """A row without a problem or an answer that can be used; the text is the reason under which it is counted."""


def read_prompt(template: Path) -> str:
    """The text of a prompt. Raises `InputError` unless it has the place of a problem."""
    prompt = template.read_text(encoding="utf-8")
    if HOLE not in prompt:
        raise InputError(template, f"has no {HOLE}", "a prompt with the place of the problem in it")
    return prompt


def problem_id(problem: str) -> str:
    """Digest of a problem, whatever its case and white space."""
    return hashlib.sha256(" ".join(problem.lower().split()).encode()).hexdigest()[:SIGNS]


def first_of_each(
    rows: Iterable[Row], usable: Callable[[Row], tuple[str, Answer]], counts: Counter[str]
) -> Iterator[tuple[str, Row, str, Answer]]:
    """(id, row, problem, answer) of the rows that are `usable` and whose problem did not come before.

    `usable` gives a row's problem and answer, or raises `Unusable`. `counts` tells after the last row how many there
    were, how many were not usable and why, and how many came again.
    """
    seen: set[str] = set()
    for row in rows:
        counts[ROWS] += 1
        try:
            problem, answer = usable(row)
        except Unusable as error:
            counts[str(error)] += 1
            continue
        name = problem_id(problem)
        if name in seen:
            counts[REPEATED] += 1
            continue
        seen.add(name)
        yield name, row, problem, answer


def split_ids(names: list[str], sizes: dict[str, int], seed: int) -> dict[str, list[str]]:
    """Ids of each split, drawn by `seed` whatever the order of `names`; the last split, of size 0, takes all that is
    left. Raises `InputError` when there are too few."""
    order = np.random.default_rng(seed).permutation(sorted(names)).tolist()
    *_, last = sizes
    wanted = {**sizes, last: sizes[last] or max(1, len(order) - sum(sizes.values()))}
    if sum(wanted.values()) > len(order):
        raise InputError("problems", f"{len(order)} are left", f"at least {sum(wanted.values())}")
    split, start = {}, 0
    for name, size in wanted.items():
        split[name] = order[start : start + size]
        start += size
    return split

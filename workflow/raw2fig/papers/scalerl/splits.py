"""Problems in words: the prompt around them, what makes two of them the same, and their random splits."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from raw2fig.errors import InputError

HOLE = "{problem}"
"""Where a problem stands in a prompt."""
SIGNS = 16
"""Hexadecimal digits of a problem's id."""


def read_prompt(template: Path) -> str:
    """The text of a prompt. Raises `InputError` unless it has the place of a problem."""
    prompt = template.read_text(encoding="utf-8")
    if HOLE not in prompt:
        raise InputError(template, f"has no {HOLE}", "a prompt with the place of the problem in it")
    return prompt


def problem_id(problem: str) -> str:
    """Digest of a problem, whatever its case and white space."""
    return hashlib.sha256(" ".join(problem.lower().split()).encode()).hexdigest()[:SIGNS]


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

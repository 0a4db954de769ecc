"""Corpora: prompt–response samples drawn from cells (C2S-Scale, Table 1 and Methods).

A corpus is a Parquet table with the columns task, prompt, response, split, cell (ids of the cells a sample was made of,
joined by spaces) and the labels that evaluation needs. Every draw of a cell breaks ties anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.prompts import Style, draw
from raw2fig.papers.c2s.sentences import rank_genes, to_sentences
from raw2fig.settings import Field, impossible
from raw2fig.tables import write_table

if TYPE_CHECKING:
    from anndata import AnnData

CORPUS = {"task": "string", "prompt": "string", "response": "string", "split": "string"}
"""Columns that every corpus has, and their kinds."""
T = TypeVar("T", bound=str)
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Rows = list[dict[str, Any]]
Maker = Callable[[np.ndarray, int, np.random.Generator], Rows]
"""`make(pool, n, rng)`: n rows from the cells whose indices are in `pool`."""


def sentences_of(cells: AnnData, rows: np.ndarray, top: int, seed: int) -> list[str]:
    """Cell sentences of `rows` (with repetition), ties broken anew for each occurrence."""
    return to_sentences(rank_genes(cells.X[rows], top, seed=seed), list(cells.var_names))


def some_samples(samples: dict[T, int]) -> dict[T, int]:
    """For records: refuse a corpus without a sample."""
    if not sum(samples.values()):
        raise impossible("", f"is {samples}", "at least one sample of a task")
    return samples


def build(
    cells: AnnData,
    samples: Mapping[T, int],
    makers: dict[str, Maker],
    test_samples: int,
    seed: int,
) -> Rows:
    """Rows of all tasks for both splits; the test part has `test_samples` rows in the proportions of `samples`."""
    split = cells.obs["split"].to_numpy()
    total = sum(samples.values())
    rows: Rows = []
    for part in ("train", "test"):
        pool = np.flatnonzero(split == part)
        if not len(pool):
            raise InputError("cells", f"no cell of split {part!r}", "cells of both splits")
        for index, (task, number) in enumerate(sorted(samples.items())):
            n = number if part == "train" else round(test_samples * number / total)
            if n:
                rng = np.random.default_rng([seed, part == "test", index])
                rows += [{"task": task, "split": part, **row} for row in makers[task](pool, n, rng)]
    return rows


def sample(
    style: Style, task: str, fields: Mapping[str, object], labels: Mapping[str, object], rng: np.random.Generator
) -> dict[str, Any]:
    """A row: prompt and response of a task about `fields`, worded at random, and the `labels` that evaluation needs."""
    prompt, response = draw(style, task, fields, rng)
    return {"prompt": prompt, "response": response, **labels}


def write_corpus(rows: Rows, path: Path) -> None:
    """Write rows as a table; labels that a task does not have are empty."""
    import pandas as pd

    frame = pd.DataFrame(rows)
    text = [name for name in frame.columns if frame[name].dtype == object]
    write_table(frame.fillna(dict.fromkeys(text, "")), path)


def draw_seed(rng: np.random.Generator) -> int:
    """A seed for tie-breaking."""
    return int(rng.integers(2**31))


def draw_matching(group: np.ndarray, rows: np.ndarray, candidates: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each of `rows` one of `candidates` with the same value of `group` (cells), drawn at random.

    Raises `InputError` when there is none: every treated cell needs an untreated one of its kind in its split.
    """
    chosen = np.empty(len(rows), dtype=np.int64)
    for name in np.unique(group[rows]):
        pool = candidates[group[candidates] == name]
        if not len(pool):
            raise InputError("cells", f"no untreated cell of {name}", "untreated cells of each type in both splits")
        mask = group[rows] == name
        chosen[mask] = rng.choice(pool, int(mask.sum()))
    return chosen

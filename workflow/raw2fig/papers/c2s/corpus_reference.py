"""The reference corpus: single-cell, multi-cell and gene-set tasks (C2S-Scale, Table 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, get_args

import numpy as np
from pydantic import AfterValidator

from raw2fig.papers.c2s.corpus import (
    Count,
    Maker,
    Rows,
    build,
    draw_seed,
    sample,
    sentences_of,
    some_samples,
    write_corpus,
)
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.prompts import Wording, cell_block
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json

if TYPE_CHECKING:
    from anndata import AnnData

TISSUES = ("tissue_A", "tissue_B", "tissue_C")
"""Procedural sample labels, for references without a tissue column: each favours a third of the cell types."""

SingleCellTask = Literal["cell_language", "annotation", "generation"]
MultiCellTask = Literal[
    "multi_cell_language",
    "tissue_annotation",
    "tissue_generation",
    "cell_types_annotation",
    "cell_types_generation",
]
GeneSetTask = Literal["gene_set_naming", "gene_set_enumeration"]


class ReferenceSamples(Record):
    """Size of the reference corpus."""

    samples: Annotated[dict[SingleCellTask | MultiCellTask | GeneSetTask, Count], AfterValidator(some_samples)] = Field(
        description="Number of training samples of each task."
    )
    test_samples: int = Field(ge=1, description="Number of held-out samples, over all tasks.")


class MultiCell(Record):
    """Samples that hold several cells."""

    multi_top: int = Field(ge=1, description="Number of genes in each cell's sentence, in samples of several cells.")
    multi_cells: list[Annotated[int, Field(ge=1)]] = Field(
        min_length=1, description="Numbers of cells that such a sample may have."
    )


def tissue_weights(types: list[str]) -> np.ndarray:
    """Composition of the procedural tissues, (tissue, type), rows sum to 1: four to one for a third of the types."""
    favoured = np.arange(len(types))[None, :] % len(TISSUES) == np.arange(len(TISSUES))[:, None]
    weights = np.where(favoured, 4.0, 1.0)
    return weights / weights.sum(1, keepdims=True)


def draw_sample(cells: AnnData, pool: np.ndarray, count: int, rng: np.random.Generator) -> tuple[str, np.ndarray]:
    """Tissue label and `count` cells of one sample. Real tissues come from `obs['tissue']` (cells of one tissue and,
    where there is `obs['donor']`, of one donor, as in the paper); otherwise the label sets the composition."""
    if "tissue" in cells.obs:
        first = int(rng.choice(pool))
        same = np.ones(len(pool), dtype=bool)
        for column in ("tissue", "donor"):
            if column in cells.obs:
                values = cells.obs[column].to_numpy()
                same &= values[pool] == values[first]
        return str(cells.obs["tissue"].iloc[first]), rng.choice(pool[same], count)
    kinds = cells.obs["cell_type"].to_numpy()[pool]
    types = sorted(set(kinds))
    tissue = int(rng.integers(len(TISSUES)))
    drawn = rng.choice(types, count, p=tissue_weights(types)[tissue])
    return TISSUES[tissue], np.array([rng.choice(pool[kinds == kind]) for kind in drawn])


@step
def corpus_reference(
    *,
    cells: Input,
    panel: Input,
    corpus: Output,
    size: ReferenceSamples,
    sentence: Sentence,
    multi_cell: MultiCell,
    wording: Wording,
    replicate: Seed,
) -> None:
    """Make the prompts and responses of the single-cell, multi-cell and gene-set tasks (Table 1).

    Parameters
    ----------
    cells
        Processed cells with obs cell_type and split.
    panel
        The gene panel with its programmes.
    corpus
        Table of samples: task, prompt, response, split, cell and labels of the cells.
    """
    data = read_cells(cells, columns=("cell_type", "split"))
    programmes = {name: genes for name, genes in read_json(panel)["programmes"].items() if genes}
    kinds = data.obs["cell_type"].to_numpy()
    names = data.obs_names.to_numpy()
    style, organism = wording.style, wording.organism

    def single(task: str) -> Maker:
        def make(pool: np.ndarray, n: int, rng: np.random.Generator) -> Rows:
            rows = rng.choice(pool, n)
            texts = sentences_of(data, rows, sentence.top, draw_seed(rng))
            made = []
            for row, text in zip(rows, texts, strict=True):
                fields = {"cell": text, "n": len(text.split()), "cell_type": kinds[row], "organism": organism}
                made.append(sample(style, task, fields, {"cell": names[row], "cell_type": kinds[row]}, rng))
            return made

        return make

    def multi(task: str) -> Maker:
        def make(pool: np.ndarray, n: int, rng: np.random.Generator) -> Rows:
            drawn = [draw_sample(data, pool, int(rng.choice(multi_cell.multi_cells)), rng) for _ in range(n)]
            every = np.concatenate([rows for _, rows in drawn])
            texts = iter(sentences_of(data, every, multi_cell.multi_top, draw_seed(rng)))
            made = []
            for tissue, rows in drawn:
                shown = [next(texts) for _ in rows]
                fields = {
                    "cells": cell_block(shown, style),
                    "cell_types": ", ".join(kinds[rows]),
                    "count": len(rows),
                    "n": max(len(text.split()) for text in shown),
                    "tissue": tissue,
                    "organism": organism,
                }
                labels = {"cell": " ".join(names[rows]), "tissue": tissue, "count": len(rows)}
                made.append(sample(style, task, fields, labels, rng))
            return made

        return make

    def gene_set(task: str) -> Maker:
        def make(pool: np.ndarray, n: int, rng: np.random.Generator) -> Rows:
            made = []
            for name in rng.choice(sorted(programmes), n):
                fields = {"genes": " ".join(rng.permutation(programmes[name])[: sentence.top]), "programme": str(name)}
                made.append(sample(style, task, fields, {"cell": "", "programme": str(name)}, rng))
            return made

        return make

    makers = (
        {task: single(task) for task in get_args(SingleCellTask)}
        | {task: multi(task) for task in get_args(MultiCellTask)}
        | {task: gene_set(task) for task in get_args(GeneSetTask)}
    )
    write_corpus(build(data, size.samples, makers, size.test_samples, replicate), corpus)

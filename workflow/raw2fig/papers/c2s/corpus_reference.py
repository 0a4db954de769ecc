"""The reference corpus: single-cell, multi-cell and gene-set tasks (C2S-Scale, Table 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.c2s.corpus import Maker, Rows, build, draw_seed, parse_samples, sample, sentences_of, write_corpus
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.prompts import Style, cell_block
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json

if TYPE_CHECKING:
    from anndata import AnnData

TISSUES = ("tissue_A", "tissue_B", "tissue_C")
"""Procedural sample labels, for references without a tissue column: each favours a third of the cell types."""

SINGLE_CELL = ("cell_language", "annotation", "generation")
MULTI_CELL = (
    "multi_cell_language",
    "tissue_annotation",
    "tissue_generation",
    "cell_types_annotation",
    "cell_types_generation",
)
GENE_SET = ("gene_set_naming", "gene_set_enumeration")


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
    samples: list[str],
    top: int = 32,
    multi_top: int = 10,
    multi_cells: list[int] | None = None,
    test_samples: int = 500,
    style: Style = "terse",
    organism: str = "human",
    seed: int = 0,
) -> None:
    """Single-cell, multi-cell and gene-set samples of the reference (Table 1).

    Parameters
    ----------
    cells
        Processed cells with obs cell_type and split.
    panel
        The gene panel with its programmes.
    samples
        Training samples per task, as task=number.
    top
        Genes per sentence in single-cell samples.
    multi_top
        Genes per sentence in multi-cell samples.
    multi_cells
        Numbers of cells a multi-cell sample may have.
    test_samples
        Held-out samples over all tasks.
    style
        Wording of the prompts.
    """
    data = read_cells(cells, columns=("cell_type", "split"))
    programmes = {name: genes for name, genes in read_json(panel)["programmes"].items() if genes}
    kinds = data.obs["cell_type"].to_numpy()
    names = data.obs_names.to_numpy()
    sizes = multi_cells or [1, 2, 4]

    def single(task: str) -> Maker:
        def make(pool: np.ndarray, n: int, rng: np.random.Generator) -> Rows:
            rows = rng.choice(pool, n)
            texts = sentences_of(data, rows, top, draw_seed(rng))
            made = []
            for row, text in zip(rows, texts, strict=True):
                fields = {"cell": text, "n": len(text.split()), "cell_type": kinds[row], "organism": organism}
                made.append(sample(style, task, fields, {"cell": names[row], "cell_type": kinds[row]}, rng))
            return made

        return make

    def multi(task: str) -> Maker:
        def make(pool: np.ndarray, n: int, rng: np.random.Generator) -> Rows:
            drawn = [draw_sample(data, pool, int(rng.choice(sizes)), rng) for _ in range(n)]
            texts = iter(sentences_of(data, np.concatenate([rows for _, rows in drawn]), multi_top, draw_seed(rng)))
            made = []
            for tissue, rows in drawn:
                sentences = [next(texts) for _ in rows]
                fields = {
                    "cells": cell_block(sentences, style),
                    "cell_types": ", ".join(kinds[rows]),
                    "count": len(rows),
                    "n": max(len(sentence.split()) for sentence in sentences),
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
                fields = {"genes": " ".join(rng.permutation(programmes[name])[:top]), "programme": str(name)}
                made.append(sample(style, task, fields, {"cell": "", "programme": str(name)}, rng))
            return made

        return make

    makers = (
        {task: single(task) for task in SINGLE_CELL}
        | {task: multi(task) for task in MULTI_CELL}
        | {task: gene_set(task) for task in GENE_SET}
    )
    write_corpus(build(data, parse_samples(samples, list(makers)), makers, test_samples, seed), corpus)

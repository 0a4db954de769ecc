"""UMAP (McInnes, Healy and Melville 2018, arXiv 1802.03426), and the maps of C2S-Scale, Fig. 5B and 8D.

Written out in NumPy: umap-learn (0.5.12, numba 0.68.1) spends 12 s of CPU on compiling itself for a job, 33 s in a new
environment, while these maps take 3 s. Graph and loss are the paper's. The loss is minimised by moving all points at
once, each by the mean force of its neighbours, where umap-learn moves two points at a time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.embedder import fit_pca, load_embedder, project, through_sentences
from raw2fig.papers.c2s.predictions import CONDITION, read_predictions
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, write_table

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

A, B = 1.5769, 0.8951
"""Similarity of two points of the map at distance d: 1 / (1 + A d^(2B)), the least-squares fit to 1 below a distance of
0.1 and exp(0.1 - d) beyond it (section 3.2)."""
NEGATIVE = 5
"""Points that push a point away for each neighbour that pulls it."""
LIMIT = 4.0
"""Largest coordinate of one force."""
EXTENT = 10.0
"""Largest coordinate at the start."""
BISECTIONS = 64
BLOCK = 1024
COORDINATES = ["umap1", "umap2"]


class Maps(Record):
    """What the maps show."""

    methods: list[str] = Field(
        min_length=1, description="Methods whose predicted cells are shown beside the real ones."
    )
    n: int = Field(ge=1, description="Number of cells of each condition and method that are shown.")
    neighbours: int = Field(ge=2, description="Number of neighbours of each cell in UMAP's graph.")


def nearest(X: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (n, k) of the `k` rows of `X` (n, d) nearest to each row, itself left out, and their Euclidean distances
    (n, k), ascending; 0 < k < n."""
    squares = (X**2).sum(axis=1)
    indices, distances = [], []
    for start in range(0, len(X), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(X)))
        apart = squares[rows, None] + squares - 2 * X[rows] @ X.T
        apart[np.arange(len(rows)), rows] = np.inf
        found = np.argpartition(apart, k - 1, axis=1)[:, :k]
        values = np.sqrt(np.maximum(np.take_along_axis(apart, found, axis=1), 0))
        order = np.argsort(values, axis=1, kind="stable")
        indices.append(np.take_along_axis(found, order, axis=1))
        distances.append(np.take_along_axis(values, order, axis=1))
    return np.concatenate(indices), np.concatenate(distances)


def memberships(distances: np.ndarray) -> np.ndarray:
    """Strengths exp(-(d - d_1) / s) of the edges to the k nearest neighbours, from their ascending `distances` (n, k);
    every row's s makes them sum to log2(k) (algorithm 3). s stays above a thousandth of the mean distance."""
    beyond = distances - distances[:, :1]
    scale = max(float(distances.mean()), 1e-12)
    low = np.full((len(distances), 1), 1e-3 * scale)
    high = low + 1e3 * max(float(distances.max()), scale)
    for _ in range(BISECTIONS):
        middle = np.sqrt(low * high)
        over = np.exp(-beyond / middle).sum(axis=1, keepdims=True) > np.log2(distances.shape[1])
        low, high = np.where(over, low, middle), np.where(over, middle, high)
    return np.exp(-beyond / low)


def fuzzy_graph(X: np.ndarray, k: int) -> csr_matrix:
    """Symmetric graph of `X` (n, d): fuzzy union a + b - ab of the memberships in both directions, CSR (n, n)."""
    from scipy.sparse import csr_matrix

    indices, distances = nearest(X, k)
    bounds = np.arange(0, indices.size + 1, k)
    one_way = csr_matrix((memberships(distances).ravel(), indices.ravel(), bounds), (len(X), len(X)))
    graph = (one_way + one_way.T - one_way.multiply(one_way.T)).tocsr()
    graph.sort_indices()
    return graph


def attraction(apart: np.ndarray) -> np.ndarray:
    """Force on a point from a neighbour, with `apart` (..., 2) = point - neighbour: the gradient of the log of their
    similarity."""
    squared = (apart**2).sum(axis=-1, keepdims=True)
    power = np.maximum(squared, 1e-12) ** (B - 1)
    return np.clip(-2 * A * B * power / (1 + A * power * squared) * apart, -LIMIT, LIMIT)


def repulsion(apart: np.ndarray) -> np.ndarray:
    """Force on a point from any other: the gradient of log(1 - similarity), bounded near 0 as in umap-learn."""
    squared = (apart**2).sum(axis=-1, keepdims=True)
    return np.clip(2 * B / ((1e-3 + squared) * (1 + A * squared**B)) * apart, -LIMIT, LIMIT)


def layout(X: np.ndarray, k: int = 15, epochs: int = 200, seed: int = 0) -> np.ndarray:
    """Map (n, 2) of the rows of `X` (n, d), from their first two principal components.

    `k` neighbours (fewer if there are not as many). Equal input gives equal bytes on one machine. Raises `InputError`
    as `fit_pca`.
    """
    graph = fuzzy_graph(X, min(k, len(X) - 1))
    rng = np.random.default_rng(seed)
    place = project(fit_pca(X, 2), X)
    place = place * (EXTENT / np.abs(place).max()) + rng.normal(scale=1e-4, size=place.shape)  # equal cells part
    everyone = np.arange(len(X))
    rows = np.repeat(everyone, np.diff(graph.indptr))
    weights = (graph.data / np.asarray(graph.sum(axis=1)).ravel()[rows])[:, None]
    for epoch in range(epochs):
        pulled = weights * attraction(place[rows] - place[graph.indices])
        others = rng.integers(len(X) - 1, size=(len(X), NEGATIVE))
        others += others >= everyone[:, None]
        pushed = repulsion(place[:, None] - place[others]).sum(axis=1)
        place = place + (1 - epoch / epochs) * (np.add.reduceat(pulled, graph.indptr[:-1]) + pushed)
    return place


@step
def umap(
    *,
    annotation: Input,
    cells: Input,
    predictions: list[Input],
    fit: Input,
    embedder: Input,
    annotated: Output,
    perturbed: Output,
    maps: Maps,
    sentence: Sentence,
    replicate: Seed,
) -> None:
    """Map annotated cells by the model's embeddings, and real and predicted cells of held-out conditions.

    Parameters
    ----------
    annotation
        Predicted types with embeddings.
    cells
        Processed cytokine cells; the first test cells of a condition are shown, as in the evaluation.
    predictions
        Tables of predicted cells.
    fit
        The rank fit: real cells go through sentences, as predicted ones did.
    embedder
        The embedder of scFID: real and predicted cells lie on one map of its space.
    annotated
        Table with cell, cell_type, predicted, umap1, umap2.
    perturbed
        Table with source (real, or a method), tier, cell_type, cytokine, exposure, umap1, umap2.
    """
    import pandas as pd

    kinds = {"cell": "string", "cell_type": "string", "predicted": "string", "embedding": "list"}
    typed = read_table(annotation, kinds)
    typed[COORDINATES] = layout(np.stack(typed["embedding"].to_list()).astype(float), maps.neighbours, seed=replicate)
    write_table(typed[["cell", "cell_type", "predicted", *COORDINATES]], annotated)

    shown, n = maps.methods, maps.n
    tables = [read_predictions(path) for path in predictions]
    labels = pd.concat([table.labels for table in tables], ignore_index=True)
    first = labels.groupby(["method", *CONDITION]).cumcount() < n
    kept = labels["method"].isin(shown) & (labels["tier"] != "seen") & first
    absent = sorted(set(shown) - set(labels["method"][kept]))
    if absent:
        raise InputError(predictions[0], f"no held-out cells of {', '.join(absent)}", "cells of every method shown")
    expression = np.concatenate([table.expression for table in tables])[kept]
    labels = labels[kept].rename(columns={"method": "source"})
    data = read_cells(cells, columns=(*CONDITION, "tier", "split"))
    obs = data.obs.assign(row=np.arange(data.n_obs), source="real")
    held_out = labels[CONDITION].drop_duplicates()
    real = obs[obs["split"] == "test"].merge(held_out, on=CONDITION).groupby(CONDITION, observed=True).head(n)
    vectors = np.concatenate(
        [through_sentences(data.X[real["row"].to_numpy()], fit, sentence.top, replicate), expression]
    )
    table = pd.concat([real, labels], ignore_index=True)[["source", "tier", *CONDITION]]
    table[COORDINATES] = layout(project(load_embedder(embedder), vectors), maps.neighbours, seed=replicate)
    write_table(table, perturbed)

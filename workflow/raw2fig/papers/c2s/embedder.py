"""A PCA embedder of cells: the stand-in for scGPT at a scale without pretrained weights.

Generated cells come out of sentences, so real cells are embedded after the same path: expression → top-K sentence →
expression. Otherwise the reconstruction error of the generated side would be a constant part of scFID.
"""

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.reconstruction import reconstruct
from raw2fig.papers.c2s.sentences import Sentence, rank_genes
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


class Embedding(Record):
    """The space in which cells are compared."""

    dim: int = Field(ge=1, description="Number of principal axes of the embedding and of the Gaussian map.")


class Embedder(NamedTuple):
    """Principal axes: `mean` (d,) and orthonormal `components` (dim, d), by descending variance."""

    mean: np.ndarray
    components: np.ndarray


def fit_pca(X: ArrayLike, dim: int) -> Embedder:
    """The `dim` leading principal axes of cells `X` (n, d).

    The sign of an axis makes its entry of largest magnitude positive (the first such entry). Raises `InputError` when
    `dim` is not within 1 .. min(n - 1, d) or X is not finite.
    """
    from scipy.linalg import eigh

    X = _matrix(X)
    n, d = X.shape
    if not 1 <= dim <= min(n - 1, d):
        raise InputError("dim", f"{dim} axes from {n} cells x {d} genes", f"1 to {min(n - 1, d)}")
    mean = X.mean(axis=0)
    centred = X - mean
    _, axes = eigh(centred.T @ centred, subset_by_index=(d - dim, d - 1))
    components = axes[:, ::-1].T
    largest = np.abs(components).argmax(axis=1)
    components = components * np.sign(components[np.arange(dim), largest])[:, None]
    return Embedder(mean, np.ascontiguousarray(components))


def project(embedder: Embedder, X: ArrayLike) -> np.ndarray:
    """Embedding (n, dim) of cells `X` (n, d). Raises `InputError` for another d or values that are not finite."""
    X = _matrix(X)
    if X.shape[1] != len(embedder.mean):
        raise InputError("X", f"{X.shape[1]} genes", f"the {len(embedder.mean)} genes of the embedder")
    return (X - embedder.mean) @ embedder.components.T


def save_embedder(embedder: Embedder, path: Path) -> None:
    """Write as .npz; equal embedders give equal bytes (NumPy dates the members 1980)."""
    np.savez(path, **embedder._asdict())


def load_embedder(path: Path) -> Embedder:
    """Read what `save_embedder` wrote. Raises `InputError` for anything else."""
    expected = "an embedder made by `raw2fig c2s embedder`"
    try:
        with np.load(path, allow_pickle=False) as arrays:
            embedder = Embedder(arrays["mean"], arrays["components"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile) as error:
        raise InputError(path, f"cannot be read ({error})", expected) from error
    if embedder.components.ndim != 2 or embedder.mean.shape != embedder.components.shape[1:]:
        shapes = f"mean {embedder.mean.shape}, components {embedder.components.shape}"
        raise InputError(path, shapes, expected)
    return embedder


def read_line(fit: Path) -> tuple[float, float]:
    """Slope and intercept of a rank fit (JSON). Raises `InputError` when they are not numbers there."""
    values = read_json(fit)
    line = [values.get(key) for key in ("slope", "intercept")] if isinstance(values, dict) else []
    numbers = [float(value) for value in line if isinstance(value, int | float)]
    if len(numbers) != 2:
        raise InputError(fit, "no numbers slope and intercept", "a fit made by `raw2fig c2s rank-fit`")
    return numbers[0], numbers[1]


def through_sentences(X: "csr_matrix", fit: Path, top: int, seed: int) -> np.ndarray:
    """Real cells `X` (n, d) as a model's answer would show them: ranked, cut to `top` genes, reconstructed.

    Returns float32 (n, d), log10 expression. Raises `InputError` as `read_line` and `rank_genes`.
    """
    slope, intercept = read_line(fit)
    return reconstruct(rank_genes(X, top, seed=seed), X.shape[1], slope, intercept)


@step
def embedder(
    *, cells: Input, fit: Input, model: Output, sentence: Sentence, embedding: Embedding, replicate: Seed
) -> None:
    """Fit the PCA embedder on training cells.

    Parameters
    ----------
    cells
        Cells file (.h5ad), of which the training cells are used.
    fit
        Rank fit (.json), which turns sentences into expression.
    model
        The embedder (.npz: mean, components).
    """
    data = read_cells(cells)
    training = data.X[(data.obs["split"] == "train").to_numpy()]
    save_embedder(fit_pca(through_sentences(training, fit, sentence.top, replicate), embedding.dim), model)


def _matrix(X: ArrayLike) -> np.ndarray:
    array = np.asarray(X, dtype=np.float64)
    if array.ndim != 2 or not array.size:
        raise InputError("X", f"shape {array.shape}", "cells x genes")
    if not np.isfinite(array).all():
        raise InputError("X", "values that are not finite", "finite numbers")
    return array

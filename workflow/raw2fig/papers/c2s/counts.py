"""Count matrices: checks, normalisation, cells files, and the real data that ships inside scanpy.

A *raw file* (`.h5ad`) has integer counts in `X` and `obs["cell_type"]`. A *cells file* (`.h5ad`) is a
preprocessed one: `X` = log10(1 + normalised counts), `layers["counts"]`, `obs["split"]` ("train" or
"test"), condition columns in `obs`, and `uns["preprocess"]` with the parameters. Matrices are CSR, float32,
cells x genes.
"""

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from raw2fig.errors import InputError
from raw2fig.settings import Field, Record

if TYPE_CHECKING:
    from anndata import AnnData

SPLITS = ("train", "test")
TEST_WIDTH = 0.25
"""Of a tissue."""

Z_SCORED = "so it looks z-scored"
LOGGED = "so it looks log-transformed"

PBMC68K_TYPES: dict[str, str | None] = {
    "CD14+ Monocyte": "Mono",
    "Dendritic": "DC",
    "CD19+ B": "B",
    "CD4+/CD25 T Reg": "T",
    "CD4+/CD45RA+/CD25- Naive T": "T",
    "CD4+/CD45RO+ Memory": "T",
    "CD8+ Cytotoxic T": "T",
    "CD8+/CD45RA+ Naive Cytotoxic": "T",
    "CD56+ NK": "NK",
    "CD34+": None,
}
"""Labels of pbmc68k → merged cell types; None: cells dropped (13 progenitors)."""


class Split(Record):
    """Cells that are kept for testing."""

    test_share: float = Field(gt=0, lt=1, description="Share of each cell type that is kept for testing.")


def count_fault(values: np.ndarray) -> str:
    """What keeps a block of matrix entries (any shape) from being counts, with the offending value; empty
    if nothing does. Counts are finite, not negative, whole."""
    if values.dtype.kind not in "iufb":
        return f"values of dtype {values.dtype}"
    if values.dtype.kind == "f":
        bad = ~np.isfinite(values)
        if bad.any():
            return f"a value that is not finite ({values[bad][0]:g})"
    if values.size and values.min() < 0:
        return f"negative values (min {values.min():.4g}), {Z_SCORED}"
    if values.dtype.kind == "f":
        bad = values != np.rint(values)
        if bad.any():
            # ln(1 + x) of anything countable stays below 16; a normalised count matrix has larger entries
            looks = LOGGED if values.max() < 16 else "so it looks normalised"
            return f"values that are not integers (such as {values[bad][0]:.6g}), {looks}"
    return ""


def check_counts(X: Any, where: str | Path) -> None:
    """Raise `InputError` naming `where` unless the matrix `X` (sparse or dense, cells x genes) holds
    counts."""
    fault = count_fault(X.data if sparse.issparse(X) else np.asarray(X))
    if fault:
        raise InputError(where, f"the count matrix has {fault}", "raw integer counts")


def normalise(counts: sparse.csr_matrix, target: float | None = None) -> sparse.csr_matrix:
    """Scale every cell to `target` counts (None: the median total), then log10(1 + x).

    Parameters
    ----------
    counts
        (n_cells x n_genes), not negative. Cells without counts stay empty and do not enter the median.
    target
        Counts per cell after scaling.

    Returns
    -------
    CSR float32 with the zeros of `counts`. Computed in float64; equal counts of one cell give equal values,
    so ties survive.
    """
    counts = sparse.csr_matrix(counts)
    totals = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
    goal = median_total(counts) if target is None else float(target)
    scale = np.divide(goal, totals, out=np.zeros_like(totals), where=totals > 0)
    values = counts.data.astype(np.float64) * np.repeat(scale, np.diff(counts.indptr))
    logged = (np.log1p(values) / np.log(10)).astype(np.float32)
    return sparse.csr_matrix((logged, counts.indices.copy(), counts.indptr.copy()), shape=counts.shape)


def median_total(counts: sparse.csr_matrix) -> float:
    """Median of the cells' total counts, empty cells left out (the default target of the normalisation)."""
    totals = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
    return float(np.median(totals[totals > 0])) if (totals > 0).any() else 0.0


def recover_counts(X: sparse.csr_matrix, totals: np.ndarray, where: str | Path) -> sparse.csr_matrix:
    """Integer counts behind ln(1 + counts per 10,000), from each cell's total over all genes measured.

    Parameters
    ----------
    X
        (n_cells x n_genes) ln(1 + counts per 10,000).
    totals
        (n_cells) counts per cell, over all genes that were measured, also those no longer in `X`.

    Raises
    ------
    InputError
        Some entry is 0.1 or more away from an integer: `X` is not what it was taken for.
    """
    exact = np.expm1(X.data.astype(np.float64)) * np.repeat(totals.astype(np.float64), np.diff(X.indptr)) / 1e4
    rounded = np.rint(exact)
    residual = np.abs(exact - rounded).max(initial=0.0)
    if not residual < 0.1:
        raise InputError(
            where,
            f"counts cannot be recovered: an entry is {residual:.3g} away from an integer",
            "ln(1 + counts per 10,000) and each cell's total count",
        )
    counts = sparse.csr_matrix((rounded.astype(np.float32), X.indices.copy(), X.indptr.copy()), shape=X.shape)
    counts.eliminate_zeros()
    return counts


def recover_pbmc68k() -> "AnnData":
    """The 700 cells x 765 genes of `scanpy.datasets.pbmc68k_reduced` as integer counts (486,651 in all).

    The package keeps z-scores in `X` and ln(1 + counts per 10,000) in `raw`; the counts follow from the
    total count of each cell, `n_counts`. `obs["cell_type"]` has the ten labels of the data; see
    `merge_types`.
    """
    import anndata
    import pandas as pd
    from scanpy.datasets import pbmc68k_reduced

    from raw2fig.papers.c2s.sentences import vocabulary

    source = pbmc68k_reduced()
    counts = recover_counts(sparse.csr_matrix(source.raw.X), source.obs["n_counts"].to_numpy(), "pbmc68k_reduced")
    obs = pd.DataFrame({"cell_type": source.obs["bulk_labels"].astype(str)}, index=source.obs_names.astype(str))
    return anndata.AnnData(
        counts, obs=obs, var=pd.DataFrame(index=vocabulary(list(source.raw.var_names), "pbmc68k_reduced"))
    )


def merge_types(adata: "AnnData", types: Mapping[str, str | None] = PBMC68K_TYPES) -> "AnnData":
    """Cells with `obs["cell_type"]` renamed by `types`, without the cells whose type maps to None.

    The label before renaming stays in `obs["label"]`. Raises `InputError` for a label that `types` lacks.
    """
    labels = adata.obs["cell_type"].astype(str)
    unknown = sorted(set(labels) - set(types))
    if unknown:
        raise InputError("cell_type", f"no merged type for {unknown[0]!r}", f"one of {', '.join(types)}")
    keep = np.array([types[label] is not None for label in labels])
    merged = adata[keep].copy()
    merged.obs["label"] = labels[keep].to_numpy()
    merged.obs["cell_type"] = [str(types[label]) for label in labels[keep]]
    return merged


def split_cells(cell_types: Sequence[str], test_share: float, rng: np.random.Generator) -> np.ndarray:
    """ "train" or "test" for each cell, at random within each type.

    `test_share` of each type, rounded, and never all or none of a type with two cells or more, is "test".
    Raises `InputError` unless 0 < `test_share` < 1.
    """
    if not 0 < test_share < 1:
        raise InputError("test_share", f"{test_share:g}", "a number between 0 and 1")
    labels = np.asarray(cell_types, dtype=str)
    split = np.full(len(labels), "train", dtype=object)
    for name in np.unique(labels):
        cells = rng.permutation(np.flatnonzero(labels == name))
        n_test = min(max(round(test_share * len(cells)), 1), len(cells) - 1)
        split[cells[:n_test]] = "test"
    return split


def coordinate_split(xy: np.ndarray, radius: float) -> np.ndarray:
    """ "train" on the left, "test" on the right, "" (dropped) in between: no two cells across are within a radius.

    `xy` (n, 2) are coordinates in the unit of `radius`; `TEST_WIDTH` of the width is for testing.
    """
    boundary = xy[:, 0].min() + (1 - TEST_WIDTH) * np.ptp(xy[:, 0])
    return np.where(xy[:, 0] < boundary - radius / 2, "train", np.where(xy[:, 0] > boundary + radius / 2, "test", ""))


def write_cells(adata: "AnnData", path: Path) -> None:
    """Write a raw or a cells file; equal content gives equal bytes (no timestamps, canonical CSR, no stored zeros)."""
    import anndata

    def canonical(X: Any) -> sparse.csr_matrix:
        matrix = sparse.csr_matrix(X, dtype=np.float32)
        if not matrix.has_canonical_format or not matrix.data.all():
            matrix = matrix.copy()
            matrix.sum_duplicates()
            matrix.eliminate_zeros()
        return matrix

    obs = adata.obs.copy()
    for column in obs.columns:
        if obs[column].dtype.kind == "O":
            obs[column] = obs[column].astype("category")
    # a shallow copy, since the writer changes what it is given
    anndata.AnnData(
        canonical(adata.X),
        obs=obs,
        var=adata.var.copy(),
        uns=dict(adata.uns),
        obsm=dict(adata.obsm),
        layers={name: canonical(layer) for name, layer in adata.layers.items()},
    ).write_h5ad(path)


def read_cells(path: Path, columns: Sequence[str] = ()) -> "AnnData":
    """Read a cells file that has the `obs` columns `columns` besides "cell_type" and "split".

    Raises `InputError` for a file that is not one: unreadable, no cells, no `layers["counts"]`, negative or
    not finite values, a missing column or label, a split other than train and test.
    """
    adata = _read(path, ["cell_type", "split", *columns])
    if "counts" not in adata.layers:
        raise InputError(path, "no layer 'counts'", "a cells file made by `raw2fig c2s preprocess`")
    adata.layers["counts"] = sparse.csr_matrix(adata.layers["counts"], dtype=np.float32)
    check_counts(adata.layers["counts"], path)
    if not np.isfinite(adata.X.data).all() or adata.X.data.min(initial=0) < 0:
        raise InputError(path, "X has negative or not finite values", "log10(1 + normalised counts)")
    check_split(adata.obs, path)
    return adata


def read_counts(path: Path, columns: Sequence[str] = ()) -> "AnnData":
    """Read a raw file (integer counts in `X`) that has the `obs` columns `columns` besides "cell_type".

    Raises `InputError` for a file that is not one.
    """
    adata = _read(path, ["cell_type", *columns])
    check_counts(adata.X, path)
    adata.X.eliminate_zeros()
    return adata


def _read(path: Path, columns: Sequence[str]) -> "AnnData":
    """An `.h5ad` file with CSR float32 `X`, text columns as text, and `columns` whole."""
    import anndata

    from raw2fig.papers.c2s.sentences import vocabulary

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            adata = anndata.read_h5ad(path)
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        raise InputError(path, f"cannot be read ({error})", "a whole .h5ad file") from error
    if adata.X is None or 0 in adata.shape:
        raise InputError(path, f"{adata.n_obs} cells x {adata.n_vars} genes", "at least one cell and one gene")
    adata.X = sparse.csr_matrix(adata.X, dtype=np.float32)
    if vocabulary(list(adata.var_names), path) != list(adata.var_names):
        raise InputError(path, "gene names are not upper-case", "a file made by a raw2fig step")
    for column in columns:
        require_column(adata.obs, column, path)
    for column in adata.obs.columns:
        if adata.obs[column].dtype == "category":
            adata.obs[column] = adata.obs[column].astype(object)
    return adata


def require_column(obs: Any, column: str, where: str | Path) -> None:
    """Raise `InputError` unless the frame `obs` has `column`, without missing values."""
    if column not in obs.columns:
        there = ", ".join(map(str, obs.columns)) or "none"
        raise InputError(where, f"no obs column {column!r}", f"one of those there are: {there}")
    missing = int(obs[column].isna().sum())
    if missing:
        raise InputError(where, f"obs column {column!r} has {missing} missing values", "a label for every cell")


def check_split(obs: Any, where: str | Path) -> None:
    """Raise `InputError` unless every value of `obs["split"]` is train or test."""
    require_column(obs, "split", where)
    strange = sorted(map(str, set(obs["split"]) - set(SPLITS)))
    if strange:
        raise InputError(where, f"obs column 'split' holds {strange[0]!r}", "train or test")

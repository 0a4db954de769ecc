"""The reference data: real cells as raw integer counts, from the package data or from a user's own file.

A user's file is examined where it lies, block by block, so that a dense matrix larger than memory can be
checked and read; what is kept in memory is the sparse counts.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np
from scipy import sparse

from raw2fig.checksum import check_sha256
from raw2fig.errors import InputError
from raw2fig.papers.c2s.backed import reading
from raw2fig.papers.c2s.counts import (
    LOGGED,
    Z_SCORED,
    Split,
    check_split,
    coordinate_split,
    count_fault,
    merge_types,
    recover_counts,
    recover_pbmc68k,
    require_column,
    split_cells,
    write_cells,
)
from raw2fig.papers.c2s.gene_column import symbol_column
from raw2fig.papers.c2s.labels import read_labels, relabel
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import regular_file

if TYPE_CHECKING:
    from anndata import AnnData
    from pandas import DataFrame

SPATIAL = "spatial"
"""The entry of obsm with the cells' coordinates."""
BLOCK = 8_000_000
"""Matrix entries examined at a time (64 MB as float64)."""

TOTAL_COLUMNS = ("n_counts", "total_counts", "nCount_RNA")
"""Columns in which scanpy and Seurat keep each cell's total count."""

TENX_NAMES = ("features/name", "gene_names", "features/gene_names", "features/id", "genes")
"""Where the versions of the 10x format keep gene names, best first."""


class Reading(Record):
    """Where a .h5ad file keeps its labels, gene symbols and counts."""

    cell_type_col: str = Field(min_length=1, description="Column of obs that holds the cell types.")
    gene_col: str | None = Field(
        min_length=1,
        description="Column of var that holds the gene symbols, or index for the names; null: the names, or where "
        "these are Ensembl ids a column with symbols, if there is one.",
    )
    layer: str | None = Field(
        min_length=1, description="Layer that holds raw counts; null: X, the layer counts and .raw are tried."
    )


@step
def reference(
    *,
    raw: Output,
    path: Input | None = None,
    labels: Input | None = None,
    sha256: str | None = None,
    radius: Annotated[float | None, Field(gt=0)] = None,
    reading: Annotated[Reading, At("reference.reading")],
    split: Split,
    seed: Seed = 0,
) -> None:
    """Take real cells as raw counts: your own .h5ad or 10x .h5 file, or without --path the data inside scanpy.

    The data inside scanpy are pbmc68k_reduced, 687 cells of 5 types x 765 genes.

    Parameters
    ----------
    raw
        The .h5ad file to write: integer counts in X, obs cell_type and split, upper-case gene names.
    path
        A .h5ad file, or a 10x .h5 file, which has no cell types: all are called unknown.
    labels
        Translates the file's columns and words, a YAML file (`raw2fig.papers.c2s.labels` says its form).
    sha256
        Expected SHA-256 of the file.
    radius
        Radius of a neighbourhood. With it, cells with coordinates (obsm spatial) are split by place; without it, all
        cells are split at random. A file with an obs column split keeps its own.
    """
    if path is None:
        adata, matrix = merge_types(recover_pbmc68k()), "raw"
    else:
        if sha256:
            check_sha256(path, sha256, path)
        adata, matrix = read_reference(path, **reading.model_dump(), labels=labels)
    if "split" in adata.obs:
        check_split(adata.obs, path or "pbmc68k_reduced")
    elif radius and SPATIAL in adata.obsm:
        adata.obs["split"] = coordinate_split(np.asarray(adata.obsm[SPATIAL]), radius)
        adata = adata[adata.obs["split"] != ""].copy()
    else:
        adata.obs["split"] = split_cells(list(adata.obs["cell_type"]), split.test_share, np.random.default_rng(seed))
    adata.uns["reference"] = {"source": "package" if path is None else "path", "matrix": matrix}
    logging.info("%d cells x %d genes, %.0f counts", adata.n_obs, adata.n_vars, adata.X.sum(dtype=np.float64))
    write_cells(adata, raw)


def read_reference(
    path: Path,
    cell_type_col: str = "cell_type",
    gene_col: str | None = None,
    layer: str | None = None,
    labels: Path | None = None,
) -> tuple["AnnData", str]:
    """Raw counts of a user's file (CSR float32, cells x genes) with obs "cell_type" and what `labels` makes, and
    coordinates where it has them; and the place of the counts in the file.

    Raises `InputError` for: not an HDF5 file, a truncated one, neither `.h5ad` nor 10x, no counts in it, no
    cells or genes, duplicate genes or names equal after upper-casing, cell names that repeat, no cell
    types.
    """
    import h5py

    regular_file(path)
    if not h5py.is_hdf5(path):
        raise InputError(path, "not an HDF5 file", "a whole .h5ad or 10x .h5 file")
    with reading(path), h5py.File(path, "r") as file:
        if "obs" in file and "var" in file:
            return _read_h5ad(path, file, cell_type_col, gene_col, layer, labels)
        if layer is not None or labels is not None or cell_type_col != "cell_type":
            raise InputError(path, "not a .h5ad file, so it has no layers and no cell types", "a .h5ad file")
        return _read_10x(path, file, gene_col)


class Stored(NamedTuple):
    """A matrix in an HDF5 file: dense (`node` is a dataset) or compressed (a group), as cells x genes."""

    node: Any
    layout: Literal["csr", "csc", "dense"]
    shape: tuple[int, int]


def _read_h5ad(
    path: Path, file: Any, cell_type_col: str, gene_col: str | None, layer: str | None, labels: Path | None
) -> tuple["AnnData", str]:
    from anndata.io import read_elem

    obs = _frame(path, file, "obs")
    keep = np.ones(len(obs), dtype=bool)
    if labels is not None:
        obs, keep = relabel(obs, read_labels(labels), path)
    require_column(obs[keep], cell_type_col, path)
    key, X = _find_counts(path, file, obs, layer)
    names = gene_names(_frame(path, file, "raw/var" if key == "raw/X" else "var"), gene_col, path)
    obs["cell_type"] = obs[cell_type_col].astype(str)
    adata = _assemble(path, X, obs, names)
    if f"obsm/{SPATIAL}" in file:
        adata.obsm[SPATIAL] = np.asarray(read_elem(file[f"obsm/{SPATIAL}"]))
    return adata if keep.all() else adata[keep].copy(), key


def _find_counts(path: Path, file: Any, obs: "DataFrame", layer: str | None) -> tuple[str, sparse.csr_matrix]:
    """Where the file has integer counts, and the counts: in the layer asked for, or in X, or else in the
    layer "counts", in raw, or behind log-normalised values with known totals."""
    layers = list(file["layers"]) if "layers" in file else []
    if layer is not None:
        if layer not in layers:
            raise InputError(path, f"no layer {layer!r}", f"one of those there are: {', '.join(layers) or 'none'}")
        stored = _stored(path, file, f"layers/{layer}", len(obs))
        fault = _fault(stored)
        if fault:
            raise InputError(path, f"layer {layer!r} has {fault}", "raw integer counts")
        return f"layers/{layer}", _load(path, stored)
    found = {
        key: _stored(path, file, key, len(obs)) for key in ("X", "layers/counts", "raw/X") if _is_matrix(file, key)
    }
    faults = {}
    for key, stored in found.items():
        faults[key] = _fault(stored)
        if not faults[key]:
            if key != "X":
                logging.info("X has %s; taking the counts from %s", faults.get("X", "nothing"), key)
            return key, _load(path, stored)
    totals = next((column for column in TOTAL_COLUMNS if column in obs.columns), None)
    if totals is not None:
        for key in (key for key, fault in faults.items() if LOGGED in fault):
            counts = recover_counts(_load(path, found[key]), obs[totals].to_numpy(), f"{path}: {key}")
            logging.info("recovered the counts behind %s from obs column %s", key, totals)
            return key, counts
    what = "; ".join(f"{key} has {fault}" for key, fault in faults.items()) or "no matrix"
    raise InputError(
        path,
        f"no raw counts: {what}",
        "integer counts in X, in .raw, in the layer 'counts' or in the one given by --layer "
        f"(layers there are: {', '.join(layers) or 'none'}), or ln(1 + counts per 10,000) with each cell's total "
        f"count in an obs column {' or '.join(TOTAL_COLUMNS)}",
    )


def _read_10x(path: Path, file: Any, gene_col: str | None) -> tuple["AnnData", str]:
    """A 10x matrix: compressed columns of genes x cells, that is compressed rows of cells x genes.
    CellRanger 3 keeps it in the group `matrix`, older versions in a group named after the genome."""
    import pandas as pd

    groups = [name for name, node in file.items() if hasattr(node, "keys") and "indptr" in node]
    if len(groups) != 1:
        raise InputError(path, f"{len(groups)} matrices in the file", "one: a .h5ad or a 10x .h5 file of one genome")
    group = file[groups[0]]
    keys = TENX_NAMES if gene_col is None else (f"features/{gene_col}", gene_col)
    key = next((key for key in keys if key in group), None)
    if key is None:
        raise InputError(path, "no gene names", f"one of {', '.join(keys)} in the group {groups[0]}")
    names = [text.decode() for text in group[key][:]]
    n_genes, n_cells = (int(n) for n in group["shape"][:])
    stored = Stored(group, "csr", (n_cells, n_genes))
    fault = _fault(stored)
    if fault:
        raise InputError(path, f"the matrix has {fault}", "raw integer counts")
    X = _load(path, stored)
    if "features/feature_type" in group:
        expression = group["features/feature_type"][:] == b"Gene Expression"
        if not expression.all():
            logging.info("left out %d features that are not gene expression", (~expression).sum())
            X, names = X[:, expression], [name for name, keep in zip(names, expression, strict=True) if keep]
    cells = [text.decode() for text in group["barcodes"][:]] if "barcodes" in group else range(n_cells)
    obs = pd.DataFrame({"cell_type": "unknown"}, index=pd.Index([str(cell) for cell in cells]))
    logging.info("a 10x file has no cell types: every cell is called unknown")
    return _assemble(path, X, obs, names), groups[0]


def gene_names(var: "DataFrame", column: str | None, where: str | Path) -> list[str]:
    """Gene names from `var`: see `symbol_column`."""
    column = symbol_column(list(var.index.astype(str)), list(map(str, var.columns)), column, where)
    names = var.index if column is None else var[column]
    return ["" if isinstance(name, float) else str(name) for name in names]


def _assemble(path: Path, X: sparse.csr_matrix, obs: "DataFrame", names: list[str]) -> "AnnData":
    """The counts with checked genes and cells."""
    import anndata
    import pandas as pd

    from raw2fig.papers.c2s.sentences import vocabulary

    if 0 in X.shape:
        raise InputError(path, f"{X.shape[0]} cells x {X.shape[1]} genes", "at least one cell and one gene")
    if X.shape != (len(obs), len(names)):
        raise InputError(path, f"a matrix {X.shape} for {len(obs)} cells and {len(names)} genes", "equal sizes")
    cells = obs.index.astype(str)
    if not cells.is_unique:
        raise InputError(path, f"two cells named {cells[cells.duplicated()][0]!r}", "a name of its own for each cell")
    spaced = next((cell for cell in cells if cell.split() != [cell]), None)
    if spaced is not None:
        raise InputError(path, f"a cell named {spaced!r}", "cell names without white space")
    obs = obs.set_axis(cells, axis=0)
    for column in [name for name in obs.columns if obs[name].dtype.kind == "O"]:
        obs[column] = obs[column].where(obs[column].isna(), obs[column].astype(str))
    return anndata.AnnData(X, obs=obs, var=pd.DataFrame(index=vocabulary(names, path)))


def _frame(path: Path, file: Any, key: str) -> "DataFrame":
    """`obs` or a `var` of a `.h5ad` file."""
    from anndata.io import read_elem

    if not hasattr(file[key], "keys"):
        raise InputError(
            path, f"{key} is in the format of anndata before 0.7", "the file saved anew with a current one"
        )
    return read_elem(file[key])


def _is_matrix(file: Any, key: str) -> bool:
    return key in file and file[key].attrs.get("encoding-type") != "null"


def _stored(path: Path, file: Any, key: str, cells: int) -> Stored:
    """The matrix at `key`. Raises `InputError` for another kind and for another number of cells: a damaged file may
    claim any, which would all be read."""
    node = file[key]
    if hasattr(node, "keys"):
        attributes = node.attrs
        layout = str(attributes.get("encoding-type", attributes.get("h5sparse_format", "")))[:3]
        if layout not in ("csr", "csc"):
            raise InputError(path, f"{key} is stored as {layout or 'an unknown kind'}", "a CSR, CSC or dense matrix")
        shape = attributes["shape"] if "shape" in attributes else attributes["h5sparse_shape"]
        stored = Stored(node, "csr" if layout == "csr" else "csc", (int(shape[0]), int(shape[1])))
    else:
        stored = Stored(node, "dense", node.shape)
    if stored.shape[0] != cells:
        raise InputError(path, f"{key} is a matrix {stored.shape} for {cells} cells", "equal sizes")
    return stored


def _blocks(stored: Stored) -> Iterator[np.ndarray]:
    """The entries of the matrix (compressed: those stored), `BLOCK` at a time; dense: whole rows."""
    data = stored.node if stored.layout == "dense" else stored.node["data"]
    size = max(1, BLOCK // max(1, stored.shape[1])) if stored.layout == "dense" else BLOCK
    for start in range(0, data.shape[0], size):
        yield data[start : start + size]


def _fault(stored: Stored) -> str:
    """What keeps the matrix from being counts, empty if nothing does. Negative values, which only z-scores
    have, are looked for in the whole matrix before other faults are reported."""
    fault = ""
    for block in _blocks(stored):
        found = count_fault(block)
        if Z_SCORED in found:
            return found
        fault = fault or found
    return fault


def _load(path: Path, stored: Stored) -> sparse.csr_matrix:
    """The matrix in memory, CSR float32."""
    if stored.layout == "dense":
        rows = [sparse.csr_matrix(block, dtype=np.float32) for block in _blocks(stored)]
        return sparse.vstack(rows, format="csr") if rows else sparse.csr_matrix(stored.shape, dtype=np.float32)
    node = stored.node
    data = np.empty(node["data"].shape, dtype=np.float32)
    start = 0
    for block in _blocks(stored):
        data[start : start + len(block)] = block
        start += len(block)
    indices, indptr = node["indices"][:], node["indptr"][:]
    major, minor = stored.shape if stored.layout == "csr" else stored.shape[::-1]
    falls = (np.diff(indptr) < 0).any()
    if len(indptr) != major + 1 or indptr[0] or falls or indptr[-1] != len(data) or len(indices) != len(data):
        raise InputError(path, f"the parts of {node.name} do not fit each other", "a whole sparse matrix")
    if len(indices) and not 0 <= indices.min() <= indices.max() < minor:
        raise InputError(path, f"{node.name}/indices leave the matrix", f"indices from 0 to {minor - 1}")
    if stored.layout == "csr":
        return sparse.csr_matrix((data, indices, indptr), shape=stored.shape)
    return sparse.csc_matrix((data, indices, indptr), shape=stored.shape).tocsr()

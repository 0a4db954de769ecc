"""Reading any .h5ad piece by piece: rows of a matrix and of an `obs` column, in bounded memory.

anndata's backed mode leaves only `X` on disk; layers, `obsm` and `obs` would be loaded whole. So rows are sliced with
h5py, and anndata reads the small parts (names, categories).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix, vstack

from raw2fig.errors import InputError
from raw2fig.tables import regular_file

if TYPE_CHECKING:
    import h5py

DENSE_BYTES = 32 << 20
"""Bytes of a dense matrix read at a time."""
RAW = "raw"
"""The layer name that stands for `adata.raw`."""


class Matrix(NamedTuple):
    """A cells x genes matrix of an open .h5ad, CSR group or dense dataset, not yet read; `genes` are its names, and
    `columns` what else the file says of genes."""

    path: Path
    node: Any
    shape: tuple[int, int]
    genes: list[str]
    columns: list[str]


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Whatever goes wrong in reading a truncated or damaged file becomes an `InputError`.

    In such a file any object may lack an attribute, or be of another kind, size or type: h5py and anndata then raise
    nearly every kind of error.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(path, f"cannot be read ({error or type(error).__name__})", "a whole HDF5 file") from error


def open_h5ad(path: Path) -> "h5py.File":
    """An .h5ad open for reading. Raises `InputError` if it is truncated, damaged or something else."""
    import h5py

    regular_file(path)
    with reading(path):
        file = h5py.File(path, "r")
        for part in ("obs", "var"):
            if not isinstance(file.get(part), h5py.Group):
                tenx = any(isinstance(node, h5py.Group) and "barcodes" in node for node in file.values())
                file.close()
                if tenx:
                    made = "an .h5ad, which `raw2fig c2s reference --path FILE --raw NEW.h5ad` makes of it"
                    raise InputError(path, "is a 10x .h5 file", made)
                raise InputError(path, f"no group {part!r}", "an .h5ad written by anndata 0.7 or later")
    return file


def open_matrix(file: "h5py.File", layer: str | None, gene_col: str | None = None) -> Matrix:
    """`X`, a layer, or with "raw" `adata.raw`, which has gene names of its own; gene names from the column `gene_col`.

    Raises `InputError` for a layer or column that is not there, a matrix without cells or genes, and one stored by
    column (CSC): rows cannot be cut from it in bounded memory.
    """
    path = Path(file.filename)
    with reading(path):
        return _open_matrix(path, file, layer, gene_col)


def _open_matrix(path: Path, file: "h5py.File", layer: str | None, gene_col: str | None) -> Matrix:
    layers = [*file.get("layers", {}), *([RAW] if "raw" in file else [])]
    if layer is not None and layer not in layers:
        raise InputError(path, f"no layer {layer!r}", f"one of {', '.join(layers)}" if layers else "a file with layers")
    from_raw = layer == RAW and RAW not in file.get("layers", {})
    name = "X" if layer is None else "raw/X" if from_raw else f"layers/{layer}"
    if name not in file:
        raise InputError(path, "no X", f"--layer, one of {', '.join(layers)}" if layers else "an .h5ad with a matrix")
    node = file[name]
    encoding = node.attrs.get("encoding-type", "")
    if encoding == "csc_matrix":
        raise InputError(
            path,
            f"{name} is stored by column (CSC), so cells cannot be read one by one",
            "CSR: `adata.X = adata.X.tocsr(); adata.write_h5ad(...)`",
        )
    if encoding not in ("csr_matrix", "array"):
        raise InputError(path, f"{name} has encoding {encoding!r}", "csr_matrix or array (anndata 0.7 or later)")
    n_cells, n_genes = (int(n) for n in (node.attrs["shape"] if encoding == "csr_matrix" else node.shape))
    if n_cells == 0 or n_genes == 0:
        raise InputError(path, f"{name} has {n_cells} cells x {n_genes} genes", "at least one of each")
    var = file["raw/var" if from_raw else "var"]
    genes = ["" if gene is None else str(gene) for gene in read_column(path, var, gene_col, 0, n_genes)]
    if len(genes) != n_genes:
        raise InputError(path, f"{name} has {n_genes} columns for {len(genes)} gene names", "a name for each gene")
    return Matrix(path, node, (n_cells, n_genes), genes, [str(name) for name in var.attrs.get("column-order", [])])


def read_rows(matrix: Matrix, start: int, stop: int) -> csr_matrix:
    """Rows `start` to `stop` of `matrix` as CSR; a dense one passes through memory in small pieces."""
    with reading(matrix.path):
        return _read_rows(matrix, start, stop)


def _read_rows(matrix: Matrix, start: int, stop: int) -> csr_matrix:
    n_genes = matrix.shape[1]
    if matrix.node.attrs["encoding-type"] == "array":
        size = max(1, DENSE_BYTES // (n_genes * matrix.node.dtype.itemsize))
        pieces = [csr_matrix(matrix.node[a : min(a + size, stop)]) for a in range(start, stop, size)]
        return vstack(pieces, format="csr")
    indptr = matrix.node["indptr"][start : stop + 1].astype(np.int64)
    entries = slice(indptr[0], indptr[-1])
    genes, values = matrix.node["indices"][entries], matrix.node["data"][entries]
    whole = len(genes) == len(values) == indptr[-1] - indptr[0] and (np.diff(indptr) >= 0).all()
    if not whole or (len(genes) and not 0 <= genes.min() <= genes.max() < n_genes):
        raise InputError(matrix.path, f"cells {start} to {stop - 1} point outside the matrix", "a whole .h5ad file")
    return csr_matrix((values, genes, indptr - indptr[0]), shape=(stop - start, n_genes))


def read_column(path: Path, frame: "h5py.Group", column: str | None, start: int, stop: int) -> np.ndarray:
    """Rows `start` to `stop` of a column of `obs` or `var` as text, missing values as None; without `column` the names.

    Raises `InputError` for a column that is not there and for a code of no category.
    """
    with reading(path):
        return _read_column(path, frame, column, start, stop)


def _read_column(path: Path, frame: "h5py.Group", column: str | None, start: int, stop: int) -> np.ndarray:
    import pandas as pd
    from anndata.io import read_elem

    name = str(frame.attrs["_index"]) if column is None else column
    if name not in frame:
        there = ", ".join(map(str, frame.attrs.get("column-order", []))) or "a file with columns"
        raise InputError(path, f"no {frame.name.strip('/')} column {name!r}", f"one of {there}")
    node = frame[name]
    encoding = node.attrs.get("encoding-type", "")
    if encoding == "string-array":
        return node.asstr()[start:stop]
    if encoding == "categorical":
        categories = np.array([*map(str, read_elem(node["categories"])), None], dtype=object)
        codes = node["codes"][start:stop]
        if len(codes) and codes.min() < -1:
            raise InputError(path, f"{node.name} has the code {codes.min()}", "a whole HDF5 file")
        return categories[codes]
    values = pd.Series(node[start:stop] if encoding == "array" else read_elem(node)[start:stop])
    return values.astype(str).astype(object).where(values.notna(), None).to_numpy()

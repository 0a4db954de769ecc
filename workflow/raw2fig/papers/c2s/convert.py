"""Cell sentences of any .h5ad, however large, as a folder of Parquet shards.

What is on disk depends on the input, `top`, `seed`, `layer` and the label column only: files and row groups have fixed
sizes, and the ties of a cell are broken by its position in the input. How many cells are in memory at once and how many
processes work is free, and so is where an interrupted run is taken up again.
"""

import hashlib
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.backed import Matrix, open_h5ad, open_matrix, read_column, read_rows
from raw2fig.papers.c2s.gene_column import symbol_column
from raw2fig.papers.c2s.sentences import rank_genes, sentence_array, vocabulary
from raw2fig.step import GrownFolder, Input, atomic, progress, step
from raw2fig.tables import read_json, write_json
from raw2fig.workers import check_workers, in_processes

if TYPE_CHECKING:
    import h5py
    import pyarrow as pa

log = logging.getLogger(__name__)

FILE_CELLS = 10_000
"""Cells of a shard on disk, the last one excepted."""
GROUP_CELLS = 1_000
"""Cells of a Parquet row group; divides `FILE_CELLS`."""
MANIFEST = "_manifest.json"
"""Parameters of the folder. Readers of Parquet folders skip names that begin with an underscore."""


class Conversion(NamedTuple):
    """What a worker needs to make any shard."""

    adata: Path
    output: Path
    top: int | None
    seed: int
    layer: str | None
    gene_col: str | None
    cell_type_col: str | None
    shard_size: int


class _Refused(Exception):
    """An `InputError` inside a shard, in a form that passes from a worker to its parent.

    Arguments: the problem, and whether it lies in the values (and not in reading, which may work another time).
    """


@step
def sentences(
    *,
    adata: Input,
    output: GrownFolder,
    top: int | None = None,
    seed: int = 0,
    shard_size: int = 10_000,
    workers: int = 1,
    layer: str | None = None,
    gene_col: str | None = None,
    cell_type_col: str | None = None,
) -> None:
    """Turn the cells of an .h5ad into cell sentences: Parquet shards with columns cell, sentence, n_genes.

    Memory does not grow with the number of cells. A run that was killed goes on where it stopped when started again.
    The files are the same to the byte whatever the shard size and the number of workers. A sentence has the expressed
    genes of a cell in descending order; counts and normalised values give the same sentences.

    Parameters
    ----------
    adata
        An .h5ad with cells x genes values that are not negative: CSR or dense, counts or normalised.
    output
        Folder of the shards, cells-FIRST-LAST.parquet with 10,000 cells each. It must be new, empty, or left by an
        interrupted run.
    top
        Longest sentence, in genes; all expressed genes if not given.
    seed
        Seed of the order among genes of equal expression.
    shard_size
        Cells that a worker holds in memory at once (rounded up to thousands, at most a file of 10,000).
    workers
        Number of processes.
    layer
        Take the values from this layer instead of X; "raw" is adata.raw.
    gene_col
        Column of var that holds the gene symbols, or index for the names. If not given: the names, or where these are
        Ensembl ids a column with symbols (feature_name, gene_symbols, ...), if there is one.
    cell_type_col
        Column of obs to copy into the shards, under its own name.
    """
    for name, number in (("top", top), ("shard-size", shard_size)):
        if number is not None and number < 1:
            raise InputError(f"--{name}", str(number), "at least 1")
    check_workers(workers)
    with open_h5ad(adata) as file:
        matrix = open_matrix(file, layer)
        gene_col = symbol_column(matrix.genes, matrix.columns, gene_col, adata)
        conversion = Conversion(adata, output, top, seed, layer, gene_col, cell_type_col, shard_size)
        matrix = open_matrix(file, layer, gene_col)
        vocabulary(matrix.genes, adata)
        _check_column(file, conversion)
        named = len(read_column(adata, file["obs"], None, 0, matrix.shape[0] + 1))
        if named != matrix.shape[0]:
            raise InputError(adata, f"{matrix.shape[0]} cells in the matrix and {named} in obs", "a name for each cell")
    n_cells = matrix.shape[0]
    with open(adata, "rb") as stream:
        content = hashlib.file_digest(stream, "sha256").hexdigest()
    _prepare(
        output,
        {
            "input_sha256": content,
            "cells": n_cells,
            "genes": matrix.shape[1],
            "cells_per_file": FILE_CELLS,
            "top": top,
            "seed": seed,
            "layer": layer,
            "gene_col": gene_col,
            "cell_type_col": cell_type_col,
        },
    )
    starts = list(range(0, n_cells, FILE_CELLS))
    missing = [start for start in starts if not _is_whole(_shard(output, start, n_cells), start, n_cells)]
    if len(missing) < len(starts):
        log.info("%d of %d shards are there already", len(starts) - len(missing), len(starts))
    try:
        # a forked worker would share the state of HDF5 and of Arrow's threads
        for _ in progress(
            in_processes(partial(_convert, conversion), missing, workers, fresh=True), "shards", len(missing)
        ):
            pass
    except _Refused as refused:
        problem, values = refused.args
        shards = [_shard(output, start, n_cells) for start in starts]
        if values or not any(map(Path.exists, shards)):  # no shard of this input is of use, or there is none
            for path in [*shards, *output.glob(".partial-*"), output / MANIFEST]:
                path.unlink(missing_ok=True)
            if not any(output.iterdir()):
                output.rmdir()
        raise InputError(adata, problem) from None
    empty = sum(_count_empty(_shard(output, start, n_cells)) for start in starts)
    log.info("%d cells in %d shards; %d without any expressed gene", n_cells, len(starts), empty)


def _check_column(file: "h5py.File", conversion: Conversion) -> None:
    """Refuse a label column that is not there or would replace one of ours."""
    column = conversion.cell_type_col
    if column in ("cell", "sentence", "n_genes"):
        raise InputError("--cell-type-col", f"{column!r} is the name of a column made here", "another name in obs")
    if column is not None:
        read_column(conversion.adata, file["obs"], column, 0, 1)


def _prepare(output: Path, manifest: dict[str, Any]) -> None:
    """Make or accept the folder; refuse one that holds something else."""
    held = sorted(path.name for path in output.iterdir()) if output.is_dir() else []
    if MANIFEST in held:
        before = read_json(output / MANIFEST)
        different = [key for key in manifest if not isinstance(before, dict) or before.get(key) != manifest[key]]
        if different:
            key = different[0]
            there = before.get(key) if isinstance(before, dict) else None
            raise InputError(output, f"holds shards made with {key} {there}, not {manifest[key]}", "another folder")
    elif held and held != [f".partial-{MANIFEST}"]:
        raise InputError(output, f"holds {held[-1]} but no {MANIFEST}", "a new or empty folder")
    else:
        with atomic([output / MANIFEST]) as partial:
            write_json(manifest, partial[output / MANIFEST])


def _convert(conversion: Conversion, start: int) -> int:
    """Write the shard that begins at cell `start`, row group after row group; return `start`."""
    try:
        with open_h5ad(conversion.adata) as file:
            matrix = open_matrix(file, conversion.layer, conversion.gene_col)
            shard = _shard(conversion.output, start, matrix.shape[0])
            with atomic([shard]) as partial:
                _write(conversion, file, matrix, start, partial[shard])
    except InputError as error:
        raise _Refused(str(error).removeprefix(f"{conversion.adata}: "), False) from None
    return start


def _write(conversion: Conversion, file: "h5py.File", matrix: Matrix, start: int, path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    vocab = vocabulary(matrix.genes, conversion.adata)
    stop = min(start + FILE_CELLS, matrix.shape[0])
    block = -(-min(conversion.shard_size, FILE_CELLS) // GROUP_CELLS) * GROUP_CELLS
    fields = [("cell", pa.string()), ("sentence", pa.string()), ("n_genes", pa.int32())]
    if conversion.cell_type_col is not None:
        fields.append((conversion.cell_type_col, pa.string()))
    # no dictionary and no statistics: they would hold whole sentences, and no two are equal
    with pq.ParquetWriter(
        path, pa.schema(fields), compression="zstd", use_dictionary=False, write_statistics=False
    ) as writer:
        for first in range(start, stop, block):
            table = _table(conversion, file, matrix, vocab, first, min(first + block, stop))
            for offset in range(0, len(table), GROUP_CELLS):
                writer.write_table(table.slice(offset, GROUP_CELLS).combine_chunks())


def _table(
    conversion: Conversion, file: "h5py.File", matrix: Matrix, vocab: list[str], start: int, stop: int
) -> "pa.Table":
    """The rows of cells `start` to `stop`."""
    import pyarrow as pa

    X = read_rows(matrix, start, stop)
    try:
        ranked = rank_genes(X, conversion.top, conversion.seed, start)
    except InputError as error:
        raise _Refused(f"cells {start} to {stop - 1}: {error}", True) from None
    columns = {
        "cell": pa.array(read_column(conversion.adata, file["obs"], None, start, stop), pa.string()),
        "sentence": sentence_array(ranked, vocab),
        "n_genes": pa.array(np.diff(ranked.indptr).astype(np.int32)),
    }
    if conversion.cell_type_col is not None:
        labels = read_column(conversion.adata, file["obs"], conversion.cell_type_col, start, stop)
        columns[conversion.cell_type_col] = pa.array(labels, pa.string())
    return pa.table(columns)


def _shard(output: Path, start: int, n_cells: int) -> Path:
    """File of the shard that begins at cell `start`, named by its first and last cell, counted from 0."""
    return output / f"cells-{start:09d}-{min(start + FILE_CELLS, n_cells) - 1:09d}.parquet"


def _is_whole(path: Path, start: int, n_cells: int) -> bool:
    """Whether a shard is there with all its cells (renaming is atomic, but disks and copies fail)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_metadata(path).num_rows == min(FILE_CELLS, n_cells - start)
    except (OSError, pa.ArrowInvalid):
        return False


def _count_empty(path: Path) -> int:
    import pyarrow.parquet as pq

    return int((pq.read_table(path, columns=["n_genes"])["n_genes"].to_numpy() == 0).sum())

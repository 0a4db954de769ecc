"""Throughput of cell sentences: ours beside a plain loop over cells, in CPU seconds of one thread.

    python benchmarks/c2s_sentences.py              side by side, and linearity in the number of cells
    python benchmarks/c2s_sentences.py --million    `raw2fig c2s sentences` on 1,000,000 cells: memory and speed

Cells are synthetic: small integer counts, most of them 1, so that ties dominate as in UMI data.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.utils import shuffle

from raw2fig.papers.c2s.sentences import rank_genes, to_sentences
from raw2fig.tables import read_json, write_json

RESULT = Path(__file__).parents[1] / "build" / "bench" / "c2s_sentences.json"
GENES, EXPRESSED = 20_000, 1_000
MILLION, FEW_GENES, FEW_EXPRESSED = 1_000_000, 2_000, 100


def synthetic(n_cells: int, n_genes: int, expressed: int, rng: np.random.Generator) -> csr_matrix:
    """Counts with `expressed` genes in each cell: sorted gene indices at random steps, geometric counts."""
    steps = rng.integers(1, 3 * n_genes // (2 * expressed), (n_cells, expressed), dtype=np.int32)
    genes = np.cumsum(steps, axis=1, dtype=np.int32) - 1
    counts = rng.geometric(0.6, genes.shape) + (rng.random(genes.shape) < 0.05) * rng.geometric(0.05, genes.shape)
    indptr = np.arange(n_cells + 1, dtype=np.int64) * expressed
    return csr_matrix((counts.ravel().astype(np.float32), genes.ravel(), indptr), shape=(n_cells, n_genes))


def plain(X: csr_matrix, names: list[str], k: int | None, seed: int) -> list[str]:
    """Cell after cell: scikit-learn's shuffle, stable descending sort, join; the steps of the official package."""
    random_state = np.random.RandomState(seed)
    sentences = []
    for cell in range(X.shape[0]):
        row = slice(X.indptr[cell], X.indptr[cell + 1])
        genes, counts = shuffle(X.indices[row], X.data[row], random_state=random_state)
        order = np.argsort(-counts, kind="stable")[:k]
        sentences.append(" ".join([names[gene] for gene in genes[order]]))
    return sentences


def lean(X: csr_matrix, names: list[str], k: int | None, seed: int) -> list[str]:
    """The same loop with NumPy's permutation: what a careful author would write in its place."""
    rng = np.random.default_rng(seed)
    sentences = []
    for cell in range(X.shape[0]):
        row = slice(X.indptr[cell], X.indptr[cell + 1])
        genes, counts = X.indices[row], X.data[row]
        shuffled = rng.permutation(len(genes))
        order = shuffled[np.argsort(-counts[shuffled], kind="stable")][:k]
        sentences.append(" ".join([names[gene] for gene in genes[order]]))
    return sentences


def ours(X: csr_matrix, names: list[str], k: int | None, seed: int) -> list[str]:
    return to_sentences(rank_genes(X, k, seed), names)


def cpu_seconds(function: Callable[..., Any], *arguments: Any) -> float:
    start = time.process_time()
    function(*arguments)
    return time.process_time() - start


def side_by_side(cells: int, repetitions: int) -> list[dict[str, Any]]:
    """Median cells per CPU second of the three, repetitions alternating; ratios are medians over repetitions."""
    names = [f"GENE{gene}" for gene in range(GENES)]
    X = synthetic(cells, GENES, EXPRESSED, np.random.default_rng(0))
    rows = []
    for k in (None, 200):
        ours(X[:100], names, k, 0)
        seconds = np.array([[cpu_seconds(f, X, names, k, s) for f in (plain, lean, ours)] for s in range(repetitions)])
        speed = cells / np.median(seconds, axis=0)
        rows.append(
            {
                "genes": "all" if k is None else f"top {k}",
                "plain cells/s": speed[0],
                "lean cells/s": speed[1],
                "ours cells/s": speed[2],
                "ours / plain": float(np.median(seconds[:, 0] / seconds[:, 2])),
                "ours / lean": float(np.median(seconds[:, 1] / seconds[:, 2])),
            }
        )
    return rows


def linearity(sizes: tuple[int, ...]) -> list[dict[str, Any]]:
    """CPU microseconds per cell of full sentences, best of three."""
    names = [f"GENE{gene}" for gene in range(GENES)]
    X = synthetic(max(sizes), GENES, EXPRESSED, np.random.default_rng(1))
    best = {size: min(cpu_seconds(ours, X[:size], names, None, seed) for seed in range(3)) for size in sizes}
    return [{"cells": size, "seconds": best[size], "us per cell": 1e6 * best[size] / size} for size in sizes]


def write_million(path: Path) -> None:
    """An .h5ad of 1,000,000 cells, written block after block as anndata lays it out."""
    import h5py
    import pandas as pd
    from anndata.io import write_elem

    rng = np.random.default_rng(2)
    block = 20_000
    with h5py.File(path, "w") as file:
        file.attrs.update({"encoding-type": "anndata", "encoding-version": "0.1.0"})
        X = file.create_group("X")
        X.attrs.update({"encoding-type": "csr_matrix", "encoding-version": "0.1.0", "shape": (MILLION, FEW_GENES)})
        entries = MILLION * FEW_EXPRESSED
        data = X.create_dataset("data", (entries,), np.float32, chunks=(block * FEW_EXPRESSED,))
        indices = X.create_dataset("indices", (entries,), np.int32, chunks=(block * FEW_EXPRESSED,))
        X.create_dataset("indptr", data=np.arange(MILLION + 1, dtype=np.int64) * FEW_EXPRESSED)
        for start in range(0, MILLION, block):
            part = synthetic(block, FEW_GENES, FEW_EXPRESSED, rng)
            place = slice(start * FEW_EXPRESSED, (start + block) * FEW_EXPRESSED)
            data[place], indices[place] = part.data, part.indices
        types = pd.Categorical(rng.choice(["B", "DC", "Mono", "NK", "T"], MILLION))
        write_elem(file, "obs", pd.DataFrame({"cell_type": types}, index=[f"cell-{i}" for i in range(MILLION)]))
        write_elem(file, "var", pd.DataFrame(index=[f"GENE{i}" for i in range(FEW_GENES)]))


def million(folder: Path, workers: int) -> dict[str, Any]:
    """The command on 1,000,000 cells: wall seconds, cells per second, highest resident memory of a process."""
    path = folder / "million.h5ad"
    write_million(path)
    command = [sys.executable, "-m", "raw2fig", "c2s", "sentences", "--adata", str(path), "--output"]
    command += [str(folder / "shards"), "--cell-type-col", "cell_type", "--workers", str(workers)]
    start = time.monotonic()
    subprocess.run(command, check=True)
    seconds = time.monotonic() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cells": MILLION,
        "genes per cell": FEW_EXPRESSED,
        "workers": workers,
        "wall seconds": seconds,
        "cpu seconds": used.ru_utime + used.ru_stime,
        "cells/s": MILLION / seconds,
        "peak MiB": used.ru_maxrss / 1024,
        "input MB": path.stat().st_size / 1e6,
        "shards MB": sum(shard.stat().st_size for shard in (folder / "shards").iterdir()) / 1e6,
    }


def show(title: str, rows: list[dict[str, Any]]) -> None:
    print(f"\n{title}\n" + "".join(f"{column:>16}" for column in rows[0]))
    for row in rows:
        cells = (f"{value:,.2f}" if isinstance(value, float) else str(value) for value in row.values())
        print("".join(f"{cell:>16}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--million", action="store_true", help="convert 1,000,000 cells instead")
    parser.add_argument("--workers", type=int, default=1, help="processes of --million")
    parser.add_argument("--cells", type=int, default=1_000, help="cells of the side by side comparison")
    parser.add_argument("--repetitions", type=int, default=7)
    options = parser.parse_args()
    result = read_json(RESULT) if RESULT.exists() else {}
    if options.million:
        with tempfile.TemporaryDirectory() as folder:
            row = million(Path(folder), options.workers)
        result[f"million_{options.workers}_workers"] = row
        show("raw2fig c2s sentences, 1,000,000 cells", [row])
    else:
        result["side_by_side"] = side_by_side(options.cells, options.repetitions)
        show(f"{EXPRESSED} expressed of {GENES} genes, one thread, CPU time", result["side_by_side"])
        result["linearity"] = linearity((5_000, 10_000, 20_000, 40_000))
        show("Full sentences, growing number of cells", result["linearity"])
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    write_json(result, RESULT)


if __name__ == "__main__":
    main()

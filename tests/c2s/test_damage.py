"""A damaged .h5ad gives one line, or the cells that it still holds; never a traceback, and no half-made output."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix

from raw2fig.errors import InputError
from raw2fig.papers.c2s.convert import sentences
from raw2fig.papers.c2s.reference import read_reference

CELLS, GENES = 30, 12


@pytest.fixture(scope="module", params=["csr", "dense"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A small .h5ad with a column of categories and one of text."""
    path = tmp_path_factory.mktemp("whole") / "cells.h5ad"
    X = np.random.default_rng(0).poisson(0.7, (CELLS, GENES)).astype(np.float32)
    obs = {"cell_type": pd.Categorical(np.resize(["T", "B"], CELLS)), "n_counts": X.sum(axis=1)}
    adata = ad.AnnData(
        csr_matrix(X) if request.param == "csr" else X,
        obs=pd.DataFrame(obs, index=[f"cell{i}" for i in range(CELLS)]),
        var=pd.DataFrame(index=[f"G{i}" for i in range(GENES)]),
    )
    adata.write_h5ad(path)
    return path.read_bytes()


def damaged(whole: bytes) -> Iterator[bytes]:
    """The file cut off, with a bit turned, and with some bytes overwritten, at places all over it."""
    for length in np.linspace(0, len(whole) - 1, 8, dtype=int):
        yield whole[:length]
    rng = np.random.default_rng(1)
    for place in range(5, len(whole), 1201):
        turned = bytearray(whole)
        turned[place] ^= 1 << int(rng.integers(8))
        yield bytes(turned)
        turned[place : place + 24] = rng.bytes(len(turned[place : place + 24]))
        yield bytes(turned)


def sweep(folder: Path, first: int) -> None:
    """Read every damaged form of `folder`/whole.h5ad from number `first` on; prints the number of each before it."""
    path, output, refused = folder / "cells.h5ad", folder / "sentences", 0

    def convert() -> None:
        sentences(adata=path, output=output, cell_type_col="cell_type")

    for number, content in enumerate(damaged((folder / "whole.h5ad").read_bytes())):
        if number < first:
            continue
        print(number, flush=True)
        path.write_bytes(content)
        for read in (convert, lambda: read_reference(path)):
            try:
                read()
            except InputError:
                refused += 1
                assert not output.exists()
            shutil.rmtree(output, ignore_errors=True)
    assert refused > 5


def test_a_damaged_file_is_refused_or_read(whole: bytes, tmp_path: Path) -> None:
    """In a process of its own: a few damaged files crash HDF5 itself, which nobody can catch."""
    (tmp_path / "whole.h5ad").write_bytes(whole)
    first = 0
    while True:
        command = [sys.executable, "-W", "ignore", __file__, str(tmp_path), str(first)]
        ended = subprocess.run(command, capture_output=True, text=True)
        if ended.returncode != -signal.SIGSEGV:
            break
        first = int(ended.stdout.split()[-1]) + 1
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout.split()[-1]) == sum(1 for _ in damaged(whole)) - 1


def drop(*attributes: tuple[str, str]) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        for place, name in attributes:
            del file[place].attrs[name]

    return change


def assign(place: str, value: object) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[place]
        file[place] = value

    return change


def categories(code: int) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        file["obs/cell_type/codes"][3] = code

    return change


def fewer_cells(file: h5py.File) -> None:
    names, kept = file["obs/_index"][:-5], dict(file["obs/_index"].attrs)
    del file["obs/_index"]
    file["obs/_index"] = names
    file["obs/_index"].attrs.update(kept)


@pytest.mark.parametrize(
    "change",
    [
        drop(("obs", "_index")),
        drop(("var", "_index")),
        drop(("X", "encoding-type")),
        assign("X", 7),
        assign("X", "text"),
        assign("obs/cell_type", 7),
        assign("var/_index", 7),
        categories(7),
        categories(-3),
        fewer_cells,
    ],
)
def test_what_a_file_lacks_is_said(whole: bytes, tmp_path: Path, change: Callable[[h5py.File], None]) -> None:
    path, output = tmp_path / "cells.h5ad", tmp_path / "sentences"
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        change(file)
    with pytest.raises(InputError, match=r"cells\.h5ad: "):
        sentences(adata=path, output=output, cell_type_col="cell_type")
    assert not output.exists()


if __name__ == "__main__":
    sweep(Path(sys.argv[1]), int(sys.argv[2]))

"""Counts: recovery from the package data, normalisation against scanpy, files that are equal to the byte."""

import subprocess
import sys
import time
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import (
    PBMC68K_TYPES,
    check_counts,
    merge_types,
    normalise,
    read_cells,
    read_counts,
    recover_counts,
    recover_pbmc68k,
    split_cells,
    write_cells,
)


@pytest.fixture(scope="module")
def pbmc() -> anndata.AnnData:
    return recover_pbmc68k()


@pytest.fixture
def cells() -> anndata.AnnData:
    counts = sparse.csr_matrix(np.array([[0, 3, 1], [2, 0, 0], [1, 1, 5], [0, 4, 4]], dtype=np.float32))
    obs = pd.DataFrame(
        {"cell_type": ["B", "T", "B", "T"], "split": ["train", "train", "test", "test"]}, index=list("abcd")
    )
    made = anndata.AnnData(normalise(counts), obs=obs, var=pd.DataFrame(index=["G1", "G2", "G3"]))
    made.layers["counts"] = counts
    made.uns["preprocess"] = {"target": 5.5, "base": 10}
    return made


def test_check_01_recovered_counts_are_integers(pbmc: anndata.AnnData) -> None:
    from scanpy.datasets import pbmc68k_reduced

    source = pbmc68k_reduced()
    exact = np.expm1(source.raw.X.toarray().astype(float)) * source.obs["n_counts"].to_numpy(float)[:, None] / 1e4
    assert pbmc.shape == (700, 765)
    assert np.abs(exact - pbmc.X.toarray()).max() < 0.1
    assert pbmc.X.sum(dtype=float) == 486_651
    assert pbmc.X.max() == 259
    assert pbmc.X.nnz == 174_400
    check_counts(pbmc.X, "pbmc")


def test_recovery_refuses_wrong_totals() -> None:
    counts = np.array([[1, 2, 3], [4, 0, 7]], dtype=float)
    totals = np.array([60.0, 110.0])
    logged = sparse.csr_matrix(np.log1p(counts / totals[:, None] * 1e4))
    assert np.array_equal(recover_counts(logged, totals, "x").toarray(), counts)
    with pytest.raises(InputError, match=r"x: counts cannot be recovered: an entry is 0\.\d+ away from an integer"):
        recover_counts(logged, totals * 1.1, "x")


def test_merged_types(pbmc: anndata.AnnData) -> None:
    merged = merge_types(pbmc)
    assert merged.obs["cell_type"].value_counts().to_dict() == {"DC": 240, "T": 192, "Mono": 129, "B": 95, "NK": 31}
    assert merged.obs["label"].map(PBMC68K_TYPES).tolist() == merged.obs["cell_type"].tolist()
    assert "cell_type" in pbmc.obs
    assert pbmc.n_obs == 700
    with pytest.raises(InputError, match=r"no merged type for 'CD34\+'"):
        merge_types(pbmc, {kind: name for kind, name in PBMC68K_TYPES.items() if name})


@pytest.mark.parametrize("target", [None, 1e4])
def test_normalisation_is_scanpys(pbmc: anndata.AnnData, target: float | None) -> None:
    import scanpy as sc

    theirs = anndata.AnnData(pbmc.X[:100].toarray().astype(np.float64))
    sc.pp.normalize_total(theirs, target_sum=target)
    sc.pp.log1p(theirs, base=10)
    np.testing.assert_allclose(normalise(pbmc.X[:100], target).toarray(), theirs.X, rtol=1e-6)


def test_normalisation_of_a_scaled_cell_is_the_same_and_ties_survive() -> None:
    counts = sparse.csr_matrix(np.array([[1, 1, 7, 0, 3, 3], [0, 0, 0, 0, 0, 0], [5, 0, 0, 0, 5, 5]], dtype=np.float32))
    logged = normalise(counts, 100.0).toarray()
    np.testing.assert_allclose(normalise(counts * 13, 100.0).toarray(), logged, rtol=1e-6)
    assert logged[0, 0] == logged[0, 1]
    assert logged[0, 4] == logged[0, 5]
    assert not logged[1].any()
    np.testing.assert_allclose((10.0 ** logged.astype(float) - 1).sum(axis=1), [100, 0, 100], rtol=1e-5)
    # the median is over cells that have counts: of 15, not of 0, 0 and 15
    np.testing.assert_allclose(normalise(counts[[1, 1, 2]]).toarray()[2, 0], np.log10(6), rtol=1e-6)


@pytest.mark.parametrize("make", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.nan, r"not finite \(nan\)"),
        (np.inf, r"not finite \(inf\)"),
        (-2.03, r"negative values \(min -2\.03\), so it looks z-scored"),
        (1.25, r"not integers \(such as 1\.25\), so it looks log-transformed"),
        (220.5, r"not integers \(such as 220\.5\), so it looks normalised"),
    ],
)
def test_what_is_not_a_count_is_shown(make: type, value: float, message: str) -> None:
    with pytest.raises(InputError, match=f"^here: .*{message}; expected raw integer counts"):
        check_counts(make(np.array([[0.0, 1.0], [value, 2.0]])), "here")


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.uint8, bool])
def test_counts_of_any_dtype_pass(dtype: type) -> None:
    check_counts(np.array([[0, 1], [1, 0]], dtype=dtype), "here")


def test_text_is_not_counts() -> None:
    with pytest.raises(InputError, match="values of dtype"):
        check_counts(np.array([["a", "b"]]), "here")


def test_split_is_stratified_and_seeded() -> None:
    kinds = np.repeat(["B", "NK", "T", "rare", "pair"], [100, 11, 50, 1, 2])
    split = split_cells(kinds, 0.2, np.random.default_rng(3))
    tests = {kind: int((split[kinds == kind] == "test").sum()) for kind in np.unique(kinds)}
    assert tests == {"B": 20, "NK": 2, "T": 10, "rare": 0, "pair": 1}
    assert set(split) == {"train", "test"}
    assert np.array_equal(split, split_cells(kinds, 0.2, np.random.default_rng(3)))
    assert not np.array_equal(split, split_cells(kinds, 0.2, np.random.default_rng(4)))
    for share in (0.0, 1.0, -1.0):
        with pytest.raises(InputError, match="test_share"):
            split_cells(kinds, share, np.random.default_rng(0))


def test_equal_cells_give_equal_bytes(cells: anndata.AnnData, tmp_path: Path) -> None:
    write_cells(cells, tmp_path / "a.h5ad")
    time.sleep(1.1)  # HDF5 time stamps have a resolution of one second
    shuffled = cells.copy()
    for row in range(shuffled.n_obs):  # the same matrix with the entries of a row in another order
        span = slice(*shuffled.X.indptr[row : row + 2])
        shuffled.X.indices[span] = shuffled.X.indices[span][::-1].copy()
        shuffled.X.data[span] = shuffled.X.data[span][::-1].copy()
    shuffled.X.has_sorted_indices = False
    shuffled.X.has_canonical_format = False
    write_cells(shuffled, tmp_path / "b.h5ad")
    assert (tmp_path / "a.h5ad").read_bytes() == (tmp_path / "b.h5ad").read_bytes()


def test_cells_come_back_and_writing_leaves_them_alone(cells: anndata.AnnData, tmp_path: Path) -> None:
    before = cells.copy()
    write_cells(cells, tmp_path / "a.h5ad")
    pd.testing.assert_frame_equal(cells.obs, before.obs)
    back = read_cells(tmp_path / "a.h5ad", columns=("split",))
    assert isinstance(back.X, sparse.csr_matrix)
    assert back.X.dtype == np.float32
    assert np.array_equal(back.X.toarray(), cells.X.toarray())
    assert np.array_equal(back.layers["counts"].toarray(), cells.layers["counts"].toarray())
    assert back.obs["cell_type"].tolist() == ["B", "T", "B", "T"]
    assert back.obs["cell_type"].dtype == object
    assert back.uns["preprocess"]["target"] == 5.5


def damage(cells: anndata.AnnData, kind: str) -> None:
    if kind == "layer":
        del cells.layers["counts"]
    elif kind == "split":
        del cells.obs["split"]
    elif kind == "value":
        cells.obs["split"] = ["train", "train", "test", "valid"]
    elif kind == "missing":
        cells.obs["cell_type"] = ["B", None, "B", "T"]
    elif kind == "negative":
        cells.X.data[0] = -1
    elif kind == "nan":
        cells.X.data[0] = np.nan
    elif kind == "fraction":
        cells.layers["counts"].data[0] = 1.5
    elif kind == "case":
        cells.var_names = ["G1", "g2", "G3"]
    elif kind == "twice":
        cells.var_names = ["G1", "G2", "G2"]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("layer", "no layer 'counts'"),
        ("split", "no obs column 'split'; expected one of those there are: cell_type"),
        ("value", "'split' holds 'valid'; expected train or test"),
        ("missing", "'cell_type' has 1 missing values"),
        ("negative", "negative or not finite"),
        ("nan", "negative or not finite"),
        ("fraction", r"such as 1\.5"),
        ("case", "not upper-case"),
        ("twice", "G2"),
    ],
)
@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_files_that_are_no_cells_files(cells: anndata.AnnData, tmp_path: Path, kind: str, message: str) -> None:
    path = tmp_path / "cells.h5ad"
    write_cells(cells, path)
    read_cells(path)
    damage(cells, kind)
    write_cells(cells, path)
    with pytest.raises(InputError, match=f"^{path}.*{message}"):
        read_cells(path)


def test_a_cells_file_is_no_raw_file(cells: anndata.AnnData, tmp_path: Path) -> None:
    write_cells(cells, tmp_path / "cells.h5ad")
    with pytest.raises(InputError, match="log-transformed"):
        read_counts(tmp_path / "cells.h5ad")
    cells.X = cells.layers["counts"]
    write_cells(cells, tmp_path / "raw.h5ad")
    with pytest.raises(InputError, match="no obs column 'dose'"):
        read_counts(tmp_path / "raw.h5ad", columns=("dose",))
    assert read_counts(tmp_path / "raw.h5ad", columns=("split",)).X.sum() == 21


def test_truncated_and_empty_files(cells: anndata.AnnData, tmp_path: Path) -> None:
    path = tmp_path / "cells.h5ad"
    write_cells(cells, path)
    whole = path.read_bytes()
    for length in (0, 7, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cannot be read .* expected a whole \.h5ad file"):
            read_cells(path)
    write_cells(cells[:0].copy(), path)
    with pytest.raises(InputError, match="0 cells x 3 genes"):
        read_cells(path)


def test_importing_the_module_is_cheap() -> None:
    code = "import sys, raw2fig.papers.c2s.counts; assert not {'anndata', 'pandas', 'scanpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)

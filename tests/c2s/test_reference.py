"""The reference step: every form of a user's file that is taken, and every one that is refused with its reason."""

import logging
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
from c2s_settings import given, split_options
from scipy import sparse

from raw2fig.errors import InputError
from raw2fig.papers.c2s import reference as module
from raw2fig.papers.c2s.counts import Split, merge_types, read_counts, recover_pbmc68k
from raw2fig.papers.c2s.reference import Reading, read_reference, reference
from raw2fig.step import run_step

COUNTS = np.random.default_rng(5).poisson(1.3, size=(9, 6)).astype(np.float32)
SYMBOLS = ["CD3E", "Cd19", "LYZ", "NKG7", "HLA-DRA", "MS4A1"]
ENSEMBL = [f"ENSG0000000000{i}.{i}" for i in range(6)]
LOGGED = np.log1p(COUNTS / COUNTS.sum(axis=1, keepdims=True) * 1e4)
SCALED = (COUNTS - COUNTS.mean(axis=0)) / COUNTS.std(axis=0)


def adata(X: Any = COUNTS, var_names: list[str] = SYMBOLS, **obs: Any) -> anndata.AnnData:
    n = X.shape[0]
    frame = pd.DataFrame({"cell_type": (["B", "T", "NK"] * n)[:n], **obs}, index=[f"cell{i}" for i in range(n)])
    return anndata.AnnData(X, obs=frame, var=pd.DataFrame(index=var_names))


def run(arguments: dict[str, Any]) -> None:
    """Run the step with the shipped settings and what `arguments` change."""
    (reading,) = split_options(arguments, Reading)
    settings = {"reading": given(Reading, "reference.reading", **reading), "split": given(Split, "reference.split")}
    run_step(reference, {**settings, **arguments})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mine.h5ad"


def refusal(path: Path, **options: Any) -> str:
    """The message of a refusal, after checking that it is one line about the file and that nothing was written."""
    raw = path.with_name("raw.h5ad")
    with pytest.raises(InputError) as error:
        run({"raw": raw, "path": path, **options})
    assert sorted(raw.parent.glob("*raw*")) == []
    message = str(error.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


# --- what is taken


@pytest.mark.parametrize("block", [8_000_000, 7])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint16])
def test_dense_and_compressed_counts_by_blocks(
    path: Path, monkeypatch: pytest.MonkeyPatch, form: Callable[[Any], Any], dtype: type, block: int
) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    adata(form(COUNTS.astype(dtype))).write_h5ad(path)
    read, where = read_reference(path)
    assert where == "X"
    assert isinstance(read.X, sparse.csr_matrix)
    assert read.X.dtype == np.float32
    assert np.array_equal(read.X.toarray(), COUNTS)
    assert list(read.var_names) == ["CD3E", "CD19", "LYZ", "NKG7", "HLA-DRA", "MS4A1"]
    assert list(read.obs["cell_type"]) == ["B", "T", "NK"] * 3


def test_stored_zeros_and_repeated_entries(path: Path) -> None:
    X = sparse.csr_matrix(([2.0, 0.0, 1.0, 3.0], [1, 0, 1, 2], [0, 3, 4]), shape=(2, 6))
    adata(X).write_h5ad(path)
    raw = path.with_name("out.h5ad")
    run({"raw": raw, "path": path})
    with h5py.File(raw, "r") as file:
        assert file["X/data"][:].tolist() == [3, 3]
    assert np.array_equal(read_counts(raw).X.toarray(), [[0, 3, 0, 0, 0, 0], [0, 0, 3, 0, 0, 0]])


def test_a_dense_matrix_is_never_in_memory_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 100_000)
    X = np.zeros((4000, 1000), dtype=np.float32)
    X[::7, ::50] = 3
    adata(X, var_names=[f"G{i}" for i in range(1000)]).write_h5ad(path)
    whole, total = X.nbytes, X.sum()
    del X
    tracemalloc.start()
    read, _ = read_reference(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read.X.sum() == total
    assert peak < whole / 4


def test_compressed_files_are_read_too(path: Path) -> None:
    adata(sparse.csr_matrix(COUNTS)).write_h5ad(path, compression="gzip")
    assert np.array_equal(read_reference(path)[0].X.toarray(), COUNTS)


@pytest.mark.parametrize("X", [SCALED, LOGGED, sparse.csr_matrix(LOGGED)])
def test_counts_in_the_layer_counts(path: Path, X: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    made = adata(X)
    made.layers["counts"] = sparse.csc_matrix(COUNTS)
    made.write_h5ad(path)
    read, where = read_reference(path)
    assert where == "layers/counts"
    assert np.array_equal(read.X.toarray(), COUNTS)
    assert "taking the counts from layers/counts" in caplog.text


def test_counts_in_raw_come_with_the_genes_of_raw(path: Path) -> None:
    whole = adata()
    made = anndata.AnnData(SCALED[:, :2], obs=whole.obs, var=whole.var.iloc[:2])
    made.raw = whole
    made.write_h5ad(path)
    read, where = read_reference(path)
    assert where == "raw/X"
    assert read.n_vars == 6
    assert np.array_equal(read.X.toarray(), COUNTS)


def test_a_layer_by_name(path: Path) -> None:
    made = adata(COUNTS + 1)
    made.layers["umi"] = COUNTS
    made.layers["scaled"] = SCALED
    made.write_h5ad(path)
    assert np.array_equal(read_reference(path)[0].X.toarray(), COUNTS + 1)
    assert np.array_equal(read_reference(path, layer="umi")[0].X.toarray(), COUNTS)
    assert "no layer 'umis'; expected one of those there are: scaled, umi" in refusal(path, layer="umis")
    assert "layer 'scaled' has negative values" in refusal(path, layer="scaled")


def test_counts_behind_logarithms_with_known_totals(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    adata(sparse.csr_matrix(LOGGED), total_counts=COUNTS.sum(axis=1)).write_h5ad(path)
    read, _ = read_reference(path)
    assert np.array_equal(read.X.toarray(), COUNTS)
    assert "recovered the counts behind X from obs column total_counts" in caplog.text
    adata(sparse.csr_matrix(LOGGED), total_counts=COUNTS.sum(axis=1) * 1.37).write_h5ad(path)
    assert "counts cannot be recovered" in refusal(path)


@pytest.mark.parametrize("column", ["feature_name", "gene_symbols", "symbol"])
def test_symbols_are_found_when_the_names_are_ensembl_ids(path: Path, column: str) -> None:
    made = adata(var_names=ENSEMBL)
    made.var[column] = pd.Categorical(SYMBOLS)
    made.write_h5ad(path)
    assert list(read_reference(path)[0].var_names) == [name.upper() for name in SYMBOLS]


def test_ensembl_ids_without_symbols_are_words(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    adata(var_names=ENSEMBL).write_h5ad(path)
    assert list(read_reference(path)[0].var_names) == ENSEMBL
    assert "no symbols" in caplog.text


def test_a_gene_column_by_name(path: Path) -> None:
    made = adata()
    made.var["feature_name"] = [f"other{i}" for i in range(6)]
    made.var["gaps"] = ["A", "B", None, "D", "E", "F"]
    made.write_h5ad(path)
    assert list(read_reference(path)[0].var_names)[1] == "CD19"
    assert list(read_reference(path, gene_col="feature_name")[0].var_names)[1] == "OTHER1"
    assert "no var column 'symbols'; expected one of those there are: feature_name, gaps" in refusal(
        path, gene_col="symbols"
    )
    assert "empty" in refusal(path, gene_col="gaps")


def write_10x(path: Path, layout: str, counts: np.ndarray = COUNTS, names: list[str] = SYMBOLS) -> None:
    """A 10x file as CellRanger 3 writes it, as the example data of rliger have it, and as CellRanger 2 did."""
    matrix = sparse.csc_matrix(counts.T)
    with h5py.File(path, "w") as file:
        group = file.create_group("GRCh38" if layout == "v2" else "matrix")
        group["data"], group["indices"], group["indptr"] = matrix.data.astype("i4"), matrix.indices, matrix.indptr
        group["shape"] = np.array(matrix.shape, dtype="i4")
        group["barcodes"] = np.array([f"AAAC-{i}" for i in range(len(counts))], dtype="S")
        if layout == "v3":
            group["features/id"] = np.array(ENSEMBL, dtype="S")
            group["features/name"] = np.array(names, dtype="S")
            group["features/feature_type"] = np.array(["Gene Expression"] * 5 + ["Antibody Capture"], dtype="S")
        elif layout == "rliger":
            group["features/name"] = np.array(names, dtype="S")
        elif layout == "names":
            group["gene_names"] = np.array(names, dtype=h5py.string_dtype())
        else:
            group["genes"] = np.array(ENSEMBL, dtype="S")
            group["gene_names"] = np.array(names, dtype="S")


@pytest.mark.parametrize("layout", ["v3", "rliger", "names", "v2"])
def test_10x_files(tmp_path: Path, layout: str) -> None:
    path = tmp_path / "mine.h5"
    write_10x(path, layout)
    read, _ = read_reference(path)
    n = 5 if layout == "v3" else 6  # an antibody is not a gene
    assert np.array_equal(read.X.toarray(), COUNTS[:, :n])
    assert list(read.var_names) == [name.upper() for name in SYMBOLS[:n]]
    assert list(read.obs_names) == [f"AAAC-{i}" for i in range(9)]
    assert set(read.obs["cell_type"]) == {"unknown"}


def test_10x_ids_and_refusals(tmp_path: Path) -> None:
    path = tmp_path / "mine.h5"
    write_10x(path, "v3")
    assert list(read_reference(path, gene_col="id")[0].var_names) == ENSEMBL[:5]
    assert "no gene names" in refusal(path, gene_col="symbol")
    assert "no cell types" in refusal(path, cell_type_col="label")
    assert "no layers" in refusal(path, layer="counts")
    write_10x(path, "rliger", names=[*SYMBOLS[:5], "LYZ"])
    assert "LYZ" in refusal(path)
    with h5py.File(path, "r+") as file:
        file["matrix/indices"][0] = 99
    assert "indices leave the matrix; expected indices from 0 to 5" in refusal(path)
    write_10x(path, "rliger")
    with h5py.File(path, "r+") as file:
        file["matrix/indptr"][-1] += 1
    assert "do not fit each other" in refusal(path)
    write_10x(path, "rliger")
    with h5py.File(path, "r+") as file:
        file["matrix/data"][3] = -4
    assert "negative values (min -4)" in refusal(path)
    with h5py.File(path, "r+") as file:
        del file["matrix/indptr"]
    assert "0 matrices" in refusal(path)


def test_the_package_data(tmp_path: Path) -> None:
    for name in ("a.h5ad", "b.h5ad"):
        run({"raw": tmp_path / name, "seed": 1})
    assert (tmp_path / "a.h5ad").read_bytes() == (tmp_path / "b.h5ad").read_bytes()
    read = read_counts(tmp_path / "a.h5ad", columns=("split",))
    expected = merge_types(recover_pbmc68k())
    assert read.shape == (687, 765)
    assert np.array_equal(read.X.toarray(), expected.X.toarray())
    assert read.obs["cell_type"].tolist() == expected.obs["cell_type"].tolist()
    assert 0.19 < (read.obs["split"] == "test").mean() < 0.21
    run({"raw": tmp_path / "b.h5ad", "seed": 2})
    assert (read_counts(tmp_path / "b.h5ad").obs["split"] != read.obs["split"]).any()


def test_a_users_split_is_kept(path: Path) -> None:
    split = ["test", "train", "train"] * 3
    adata(split=split).write_h5ad(path)
    raw = path.with_name("out.h5ad")
    run({"raw": raw, "path": path})
    assert read_counts(raw).obs["split"].tolist() == split
    adata(split=["valid"] * 9).write_h5ad(path)
    assert "'split' holds 'valid'" in refusal(path)


# --- what is refused


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (SCALED, "X has negative values (min -"),
        (sparse.csr_matrix(-COUNTS), "X has negative values (min -"),
        (LOGGED, "so it looks log-transformed; expected integer counts in X, in .raw, in the layer 'counts'"),
        (COUNTS * 7.25, "so it looks normalised"),
        (np.where(COUNTS > 3, np.nan, COUNTS), "not finite (nan)"),
    ],
)
@pytest.mark.parametrize("block", [8_000_000, 7])
def test_what_are_no_counts(path: Path, monkeypatch: pytest.MonkeyPatch, X: Any, message: str, block: int) -> None:
    monkeypatch.setattr(module, "BLOCK", block)
    adata(X).write_h5ad(path)
    assert message in refusal(path)


def test_a_negative_value_behind_other_faults_tells_z_scores(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 7)
    X = COUNTS + 0.5
    X[8, 0] = -0.25
    adata(X).write_h5ad(path)
    assert "negative values (min -0.25), so it looks z-scored" in refusal(path)


def test_z_scores_are_named_as_such(path: Path) -> None:
    made = adata(SCALED)
    made.layers["log"] = LOGGED
    made.write_h5ad(path)
    message = refusal(path)
    assert "looks z-scored" in message
    assert "layers there are: log" in message


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["CD3E", "Cd19", "LYZ", "NKG7", "HLA-DRA", "LYZ"], "LYZ"),
        (["CD3E", "Cd19", "LYZ", "NKG7", "HLA-DRA", "CD19"], "Cd19"),
        (["CD3E", "Cd19", "LYZ", "NKG7", "HLA DRA", "B"], "HLA DRA"),
    ],
)
@pytest.mark.filterwarnings("ignore:Variable names are not unique")
def test_gene_names_that_collide(path: Path, names: list[str], message: str) -> None:
    adata(var_names=names).write_h5ad(path)
    assert message in refusal(path)


@pytest.mark.filterwarnings("ignore:Observation names are not unique")
def test_cell_names(path: Path) -> None:
    made = adata()
    made.obs_names = ["a", "b", "c", "d", "e", "f", "g", "h", "a"]
    made.write_h5ad(path)
    assert "two cells named 'a'" in refusal(path)
    made.obs_names = ["a", "b", "c", "d 1", "e", "f", "g", "h", "i"]
    made.write_h5ad(path)
    assert "a cell named 'd 1'" in refusal(path)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_matrix])
@pytest.mark.parametrize(("cells", "genes"), [(0, 6), (9, 0), (0, 0)])
def test_nothing_in_it(path: Path, form: Callable[[Any], Any], cells: int, genes: int) -> None:
    adata(form(COUNTS[:cells, :genes]), var_names=SYMBOLS[:genes]).write_h5ad(path)
    assert f"{cells} cells x {genes} genes; expected at least one cell and one gene" in refusal(path)


def test_cell_types(path: Path) -> None:
    adata(donor=["x"] * 9, dose=np.arange(9)).write_h5ad(path)
    message = refusal(path, cell_type_col="type")
    assert "no obs column 'type'; expected one of those there are: cell_type, donor, dose" in message
    adata(label=["x", None] * 4 + ["x"]).write_h5ad(path)
    assert "obs column 'label' has 4 missing values" in refusal(path, cell_type_col="label")


def test_truncated_files(tmp_path: Path) -> None:
    h5ad, tenx = tmp_path / "a.h5ad", tmp_path / "a.h5"
    adata(sparse.csr_matrix(COUNTS)).write_h5ad(h5ad)
    write_10x(tenx, "v3")
    for path in (h5ad, tenx):
        whole = path.read_bytes()
        for length in (0, 5, 200, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:length])
            assert "expected a whole" in refusal(path)


def test_other_files(tmp_path: Path) -> None:
    path = tmp_path / "mine.h5ad"
    path.write_text("gene,cell1\nCD3E,4\n")
    assert "not an HDF5 file" in refusal(path)
    with h5py.File(path, "w") as file:
        file["numbers"] = np.arange(3)
    assert "0 matrices in the file; expected one: a .h5ad or a 10x .h5 file" in refusal(path)
    path.unlink()
    assert "no such file" in refusal(path)


def test_a_matrix_that_does_not_fit_its_cells(path: Path) -> None:
    adata().write_h5ad(path)
    with h5py.File(path, "r+") as file:
        del file["X"]
        file["X"] = COUNTS[:5]
        file["X"].attrs.update({"encoding-type": "array", "encoding-version": "0.2.0"})
    assert "a matrix (5, 6) for 9 cells" in refusal(path)


def test_files_of_an_old_anndata_and_files_without_a_matrix(path: Path) -> None:
    made = adata()
    made.X = None
    made.write_h5ad(path)
    assert "no raw counts: no matrix" in refusal(path)
    with h5py.File(path, "w") as file:
        file["obs"] = np.zeros(3, dtype=[("index", "S3"), ("cell_type", "i1")])
        file["var"] = np.zeros(3, dtype=[("index", "S3")])
    assert "anndata before 0.7" in refusal(path)


def test_command_line_refuses_in_one_line_with_status_2(path: Path) -> None:
    adata(SCALED).write_h5ad(path)
    flags = ["--path", path.name, "--raw", "out/raw.h5ad"]
    done = subprocess.run(
        [sys.executable, "-m", "raw2fig", "c2s", "reference", *flags],
        cwd=path.parent,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if " INFO " not in line]
    assert len(lines) == 1
    assert lines[0].startswith("raw2fig c2s reference: mine.h5ad: no raw counts: X has negative values")
    assert not list(path.parent.glob("out/*"))

"""The `sentences` command: content, the same bytes however it is run, resuming, and what it refuses."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from processes import session, within
from scipy.sparse import csc_matrix, csr_matrix

from raw2fig.errors import InputError
from raw2fig.papers.c2s import backed, convert
from raw2fig.papers.c2s import sentences as sentence_module
from raw2fig.papers.c2s.convert import MANIFEST, sentences
from raw2fig.papers.c2s.sentences import rank_genes, to_sentences

GENES = 40


def adata_of(X, **obs) -> ad.AnnData:
    names = [f"cell-{i}" for i in range(X.shape[0])]
    var = pd.DataFrame(index=[f"gene{i}" for i in range(X.shape[1])])
    return ad.AnnData(X, obs=pd.DataFrame(obs, index=names), var=var)


def counts(n_cells: int, seed: int = 0) -> csr_matrix:
    return csr_matrix(np.random.default_rng(seed).poisson(0.4, (n_cells, GENES)).astype(np.float32))


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> Path:
    """23,500 cells: three shards, the last one not full; cells 0 and 11,000 are empty."""
    X = counts(23_500).toarray()
    X[[0, 11_000]] = 0
    path = tmp_path_factory.mktemp("large") / "large.h5ad"
    adata_of(csr_matrix(X), kind=pd.Categorical(np.resize(["T", "B", None], 23_500))).write_h5ad(path)
    return path


@pytest.fixture(scope="module")
def reference(large, tmp_path_factory) -> dict[str, str]:
    output = tmp_path_factory.mktemp("reference") / "shards"
    sentences(adata=large, output=output, cell_type_col="kind")
    return digests(output)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def small(tmp_path: Path, X=None, **obs) -> Path:
    path = tmp_path / "small.h5ad"
    adata_of(counts(30) if X is None else X, **obs).write_h5ad(path)
    return path


def test_shards_hold_the_sentences(large, tmp_path, caplog):
    with caplog.at_level("INFO"):
        sentences(adata=large, output=tmp_path / "shards", top=9, seed=5, cell_type_col="kind")
    assert "23500 cells in 3 shards; 2 without any expressed gene" in caplog.text
    assert [path.name for path in sorted((tmp_path / "shards").iterdir())] == [
        MANIFEST,
        "cells-000000000-000009999.parquet",
        "cells-000010000-000019999.parquet",
        "cells-000020000-000023499.parquet",
    ]
    frame = pd.read_parquet(tmp_path / "shards")
    adata = ad.read_h5ad(large)
    vocab = [name.upper() for name in adata.var_names]
    assert list(frame) == ["cell", "sentence", "n_genes", "kind"]
    assert frame["sentence"].tolist() == to_sentences(rank_genes(adata.X, 9, 5), vocab)
    assert frame["cell"].tolist() == adata.obs_names.tolist()
    assert frame["n_genes"].tolist() == [len(text.split()) for text in frame["sentence"]]
    assert frame["kind"].tolist()[:3] == ["T", "B", None]
    assert frame["sentence"][0] == frame["sentence"][11_000] == ""


@pytest.mark.parametrize(("shard_size", "workers"), [(1, 1), (1_500, 1), (1_000_000, 1), (4_000, 3)])
def test_same_bytes_whatever_the_shard_size_and_workers(large, reference, tmp_path, shard_size, workers):
    output = tmp_path / "shards"
    sentences(adata=large, output=output, shard_size=shard_size, workers=workers, cell_type_col="kind")
    assert digests(output) == reference


def test_same_bytes_however_words_are_joined(tmp_path, monkeypatch):
    """Sentences long enough for several Parquet pages in a row group, whose bounds follow the pieces written."""
    X = np.random.default_rng(0).poisson(1, (1_200, 900)).astype(np.float32)
    path = small(tmp_path, csr_matrix(X))
    sentences(adata=path, output=tmp_path / "one")
    monkeypatch.setattr(sentence_module, "WORDS", 70_000)
    sentences(adata=path, output=tmp_path / "two")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_same_bytes_from_a_dense_file(tmp_path, monkeypatch):
    monkeypatch.setattr(backed, "DENSE_BYTES", 7 * GENES * 4)
    for name, X in (("sparse", counts(60)), ("dense", counts(60).toarray())):
        adata_of(X).write_h5ad(tmp_path / f"{name}.h5ad")
        sentences(adata=tmp_path / f"{name}.h5ad", output=tmp_path / name)
    one, two = (digests(tmp_path / name) for name in ("sparse", "dense"))
    assert one.keys() == two.keys()
    assert one["cells-000000000-000000059.parquet"] == two["cells-000000000-000000059.parquet"]


def test_resumes_with_what_is_missing_or_damaged(large, reference, tmp_path, monkeypatch):
    output = tmp_path / "shards"
    sentences(adata=large, output=output, cell_type_col="kind")
    shards = sorted(output.glob("cells-*"))
    shards[0].unlink()
    shards[1].write_bytes(shards[1].read_bytes()[:-1000])
    pq.write_table(pq.read_table(shards[2]).slice(0, 3_000), shards[2])
    (output / f".partial-{shards[0].name}").write_bytes(b"half")
    made = []
    original = convert._write
    monkeypatch.setattr(convert, "_write", lambda *a: (made.append(a[3]), original(*a)))
    sentences(adata=large, output=output, cell_type_col="kind", workers=1, shard_size=3)
    assert made == [0, 10_000, 20_000]
    assert digests(output) == reference
    shards[1].unlink()
    sentences(adata=large, output=output, cell_type_col="kind")
    assert made[3:] == [10_000]
    assert digests(output) == reference


@pytest.mark.parametrize("workers", [1, 2])
def test_resumes_after_sigkill(large, reference, tmp_path, workers):
    output = tmp_path / "shards"
    command = [sys.executable, "-m", "raw2fig", "c2s", "sentences", "--adata", large, "--output", output]
    command += ["--cell-type-col", "kind", "--workers", str(workers)]
    run = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL, start_new_session=True)
    assert within(60, lambda: any(output.glob("cells-*")))
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    assert within(60, lambda: not session(run.pid)), "workers outlive a killed parent"
    before = {path: path.stat().st_mtime_ns for path in output.glob("cells-*")}
    assert before
    sentences(adata=large, output=output, cell_type_col="kind", workers=workers)
    assert digests(output) == reference
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.mark.parametrize(
    "other", [{"top": 5}, {"seed": 1}, {"cell_type_col": None}, {"layer": "scaled"}, {"adata": "changed"}]
)
def test_other_parameters_in_the_same_folder_are_refused(tmp_path, other):
    adata = adata_of(counts(30), kind=["T"] * 30)
    adata.layers["scaled"] = adata.X * 2
    adata.write_h5ad(tmp_path / "small.h5ad")
    adata.X[0, 0] = 7
    adata.write_h5ad(tmp_path / "changed.h5ad")
    parameters = {"adata": tmp_path / "small.h5ad", "output": tmp_path / "shards", "cell_type_col": "kind"}
    sentences(**parameters)
    before = digests(tmp_path / "shards")
    if "adata" in other:
        other = {"adata": tmp_path / "changed.h5ad"}
    with pytest.raises(InputError, match="holds shards made with") as refused:
        sentences(**{**parameters, **other})
    assert str(refused.value).count("\n") == 0
    assert digests(tmp_path / "shards") == before
    sentences(**parameters, workers=2, shard_size=7)
    assert digests(tmp_path / "shards") == before


def test_a_folder_with_something_else_is_refused(tmp_path):
    path = small(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match=r"holds thesis\.txt"):
        sentences(adata=path, output=tmp_path / "mine")
    with pytest.raises(InputError, match=r"mine/thesis\.txt"):
        sentences(adata=path, output=tmp_path / "mine" / "thesis.txt")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


def z_scored(n_cells: int = 30) -> np.ndarray:
    X = counts(n_cells).toarray()
    return (X - X.mean(axis=0)) / X.std(axis=0)


@pytest.mark.parametrize("workers", [1, 2])
def test_values_that_cannot_be_ranked_leave_nothing(large, tmp_path, workers):
    adata = ad.read_h5ad(large)
    adata.X[15_000, 3] = np.nan
    adata.write_h5ad(tmp_path / "bad.h5ad")
    with pytest.raises(InputError, match=r"bad\.h5ad: cells 10000 to 19999: X: NaN") as refused:
        sentences(adata=tmp_path / "bad.h5ad", output=tmp_path / "shards", workers=workers)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "shards").exists()


def refused(tmp_path: Path, path: Path, problem: str, **parameters) -> None:
    with pytest.raises(InputError, match=problem) as error:
        sentences(adata=path, output=tmp_path / "shards", **parameters)
    assert str(path) in str(error.value) or str(error.value).startswith("--")
    assert not (tmp_path / "shards").exists()


@pytest.mark.parametrize(
    ("X", "problem"),
    [
        (z_scored(), "negative values"),
        (csc_matrix(counts(30)), r"stored by column \(CSC\)"),
        (csr_matrix((0, 5), dtype=np.float32), "0 cells x 5 genes"),
        (csr_matrix((5, 0), dtype=np.float32), "5 cells x 0 genes"),
        (None, "no X"),
    ],
)
def test_matrices_that_are_refused(tmp_path, X, problem):
    if X is None:
        ad.AnnData(obs=pd.DataFrame(index=list("ab")), var=pd.DataFrame(index=list("cd"))).write_h5ad(
            tmp_path / "x.h5ad"
        )
        path = tmp_path / "x.h5ad"
    else:
        path = small(tmp_path, X)
    refused(tmp_path, path, problem)


@pytest.mark.parametrize(("names", "problem"), [(["A", "B", "A"], "occurs twice"), (["A", "b", "B"], "'b' and 'B'")])
def test_gene_names_that_are_refused(tmp_path, names, problem):
    adata = ad.AnnData(csr_matrix(np.eye(3, dtype=np.float32)), var=pd.DataFrame(index=names))
    adata.write_h5ad(tmp_path / "x.h5ad")
    refused(tmp_path, tmp_path / "x.h5ad", problem)


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"layer": "spliced"}, "no layer 'spliced'; expected one of counts"),
        ({"cell_type_col": "celltype"}, "no obs column 'celltype'; expected one of kind"),
        ({"cell_type_col": "sentence"}, "name of a column made here"),
        ({"top": 0}, "--top: 0"),
        ({"workers": 0}, "--workers: is 0; expected a number from 1 to"),
        ({"shard_size": -1}, "--shard-size: -1"),
    ],
)
def test_parameters_that_are_refused(tmp_path, parameters, problem):
    adata = adata_of(counts(3), kind=list("abc"))
    adata.layers["counts"] = adata.X.copy()
    adata.write_h5ad(tmp_path / "x.h5ad")
    refused(tmp_path, tmp_path / "x.h5ad", problem, **parameters)


def test_files_that_are_not_whole_are_refused(tmp_path):
    path = small(tmp_path)
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"not HDF5 at all"):
        path.write_bytes(content)
        refused(tmp_path, path, "cannot be read")
    with h5py.File(tmp_path / "other.h5ad", "w") as file:
        file["X"] = np.eye(3)
    refused(tmp_path, tmp_path / "other.h5ad", "no group 'obs'")
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        file["X/indices"][0] = GENES + 1
    with pytest.raises(InputError, match="outside the matrix"):
        sentences(adata=path, output=tmp_path / "shards")


def test_layer_and_raw(tmp_path):
    adata = adata_of(counts(30))
    adata.raw = adata
    chosen = adata[:, :12].copy()
    chosen.layers["counts"] = chosen.X.copy()
    chosen.X = z_scored()[:, :12]
    chosen.write_h5ad(tmp_path / "x.h5ad")
    for layer, X in (("counts", counts(30)[:, :12]), ("raw", counts(30))):
        sentences(adata=tmp_path / "x.h5ad", output=tmp_path / layer, layer=layer)
        names = [f"GENE{i}" for i in range(X.shape[1])]
        assert pd.read_parquet(tmp_path / layer)["sentence"].tolist() == to_sentences(rank_genes(X), names)


def with_ensembl_ids(tmp_path: Path, **var) -> Path:
    adata = adata_of(counts(30))
    adata.var_names = [f"ENSG{i:011d}" for i in range(GENES)]
    for name, values in var.items():
        adata.var[name] = values
    adata.write_h5ad(tmp_path / "x.h5ad")
    return tmp_path / "x.h5ad"


@pytest.mark.parametrize("kind", [list, pd.Categorical])
def test_symbols_beside_ensembl_ids_are_the_words(tmp_path, kind):
    symbols = [f"gene{i}" for i in range(GENES)]
    path = with_ensembl_ids(tmp_path, feature_name=kind(symbols), other=kind([f"o{i}" for i in range(GENES)]))
    plain = to_sentences(rank_genes(counts(30)), [name.upper() for name in symbols])
    for name, column in (("found", None), ("asked", "feature_name")):
        sentences(adata=path, output=tmp_path / name, gene_col=column)
        assert pd.read_parquet(tmp_path / name)["sentence"].tolist() == plain
    sentences(adata=path, output=tmp_path / "other", gene_col="other")
    assert pd.read_parquet(tmp_path / "other")["sentence"][0] == plain[0].replace("GENE", "O")
    sentences(adata=path, output=tmp_path / "ids", gene_col="index")
    assert set(pd.read_parquet(tmp_path / "ids")["sentence"][0].split()) <= set(ad.read_h5ad(path).var_names)
    with pytest.raises(InputError, match="made with gene_col feature_name, not other"):
        sentences(adata=path, output=tmp_path / "found", gene_col="other")
    refused(
        tmp_path,
        path,
        "no var column 'symbols'; expected one of those there are: feature_name, other",
        gene_col="symbols",
    )


def test_ensembl_ids_without_symbols_are_words_with_a_warning(tmp_path, caplog):
    path = with_ensembl_ids(tmp_path)
    sentences(adata=path, output=tmp_path / "ids")
    assert "genes have Ensembl ids and no symbols" in caplog.text


def test_symbols_that_are_missing_or_double_are_refused(tmp_path):
    refused(tmp_path, with_ensembl_ids(tmp_path, symbol=["A", "A", *map(str, range(GENES - 2))]), "'A' occurs twice")
    gaps = pd.Categorical([None, *map(str, range(GENES - 1))])
    refused(tmp_path, with_ensembl_ids(tmp_path, symbol=gaps), "gene name ''; expected non-empty text")


def test_a_10x_file_names_the_command_that_reads_it(tmp_path):
    with h5py.File(tmp_path / "mine.h5", "w") as file:
        file["matrix/barcodes"] = np.array(["A", "B"], dtype="S")
    refused(tmp_path, tmp_path / "mine.h5", "is a 10x .h5 file; expected an .h5ad, which `raw2fig c2s reference --path")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pd.Categorical(["x", None, "y"]), ["x", None, "y"]),
        (["x", "z", "y"], ["x", "z", "y"]),
        ([1, 2, 3], ["1", "2", "3"]),
        ([0.5, np.nan, 2.0], ["0.5", None, "2.0"]),
        ([True, False, True], ["True", "False", "True"]),
        (pd.array([1, None, 3], dtype="Int64"), ["1", None, "3"]),
        (pd.Categorical([3, 1, 3]), ["3", "1", "3"]),
    ],
)
def test_label_columns_of_every_kind(tmp_path, column, expected):
    path = small(tmp_path, counts(3), label=column)
    sentences(adata=path, output=tmp_path / "shards", cell_type_col="label")
    assert pd.read_parquet(tmp_path / "shards")["label"].tolist() == expected


def test_the_command(tmp_path):
    path = small(tmp_path)
    command = [sys.executable, "-m", "raw2fig", "c2s", "sentences", "--adata", str(path), "--output"]
    done = subprocess.run([*command, str(tmp_path / "shards"), "--top", "4"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "shards" / MANIFEST).read_text())["top"] == 4
    assert max(pq.read_table(tmp_path / "shards")["n_genes"].to_pylist()) == 4
    small(tmp_path, z_scored())
    done = subprocess.run([*command, str(tmp_path / "other")], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"raw2fig c2s sentences: {path}: cells 0 to 29: X: negative values")
    assert not (tmp_path / "other").exists()

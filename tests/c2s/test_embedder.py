"""The PCA embedder: agreement with scikit-learn, signs, files, and the path of real cells through sentences."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import write_cells
from raw2fig.papers.c2s.embedder import (
    Embedder,
    Embedding,
    embedder,
    fit_pca,
    load_embedder,
    project,
    save_embedder,
    through_sentences,
)
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.tables import write_json

LINE = {"slope": -0.5, "intercept": 2.0}


def cells(n: int = 60, d: int = 9, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, d)) * np.arange(1, d + 1) @ np.linalg.qr(rng.normal(size=(d, d)))[0] + 3


def test_pca_agrees_with_sklearn() -> None:
    from sklearn.decomposition import PCA

    X = cells()
    model, other = fit_pca(X, 4), PCA(4, svd_solver="full").fit(X)
    assert model.components.shape == (4, 9)
    np.testing.assert_allclose(model.components @ model.components.T, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(np.abs(project(model, X)), np.abs(other.transform(X)), atol=1e-8)


def test_projection_of_training_cells_is_centred_uncorrelated_and_descending() -> None:
    X = cells()
    covariance = np.cov(project(fit_pca(X, 9), X), rowvar=False)
    variances = np.diag(covariance)
    assert (np.diff(variances) < 0).all()
    np.testing.assert_allclose(covariance, np.diag(variances), atol=1e-9)
    assert variances.sum() == pytest.approx(np.trace(np.cov(X, rowvar=False)))
    # all axes kept: distances survive
    embedded = project(fit_pca(X, 9), X)
    assert np.linalg.norm(embedded[0] - embedded[1]) == pytest.approx(np.linalg.norm(X[0] - X[1]))


def test_sign_of_an_axis_depends_on_the_axis_alone() -> None:
    X = cells()
    model, mirrored, reordered = fit_pca(X, 5), fit_pca(6 - X, 5), fit_pca(X[::-1], 5)
    np.testing.assert_allclose(mirrored.components, model.components, atol=1e-9)
    np.testing.assert_allclose(reordered.components, model.components, atol=1e-9)
    assert (model.components[np.arange(5), np.abs(model.components).argmax(axis=1)] > 0).all()


@pytest.mark.parametrize("dim", [0, 6])
def test_dimension_must_fit(dim: int) -> None:
    with pytest.raises(InputError, match="1 to 5"):
        fit_pca(cells(n=6), dim)


def test_another_panel_is_refused() -> None:
    with pytest.raises(InputError, match="8 genes"):
        project(fit_pca(cells(), 3), cells(d=8))


def test_files_round_trip_to_the_byte_and_carry_no_time(tmp_path: Path) -> None:
    model = fit_pca(cells(), 3)
    one, two = tmp_path / "a.npz", tmp_path / "b.npz"
    save_embedder(model, one)
    loaded = load_embedder(one)
    save_embedder(loaded, two)
    assert one.read_bytes() == two.read_bytes()
    np.testing.assert_array_equal(loaded.components, model.components)
    np.testing.assert_array_equal(loaded.mean, model.mean)
    with zipfile.ZipFile(one) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_files_that_are_no_embedder_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.npz"
    save_embedder(fit_pca(cells(), 3), path)
    whole = path.read_bytes()
    np.savez(tmp_path / "other.npz", x=np.ones(2))
    np.save(tmp_path / "array.npy", np.ones(2))
    save_embedder(Embedder(np.ones(3), np.ones((2, 4))), tmp_path / "shapes.npz")
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "text.npz").write_text("hello")
    for name in ("other.npz", "array.npy", "shapes.npz", "cut.npz", "empty.npz", "text.npz", "absent.npz"):
        with pytest.raises(InputError, match=name):
            load_embedder(tmp_path / name)


def test_real_cells_pass_through_sentences(tmp_path: Path) -> None:
    write_json(LINE, tmp_path / "fit.json")
    X = csr_matrix(np.array([[0, 3.0, 1.0, 2.0], [5.0, 0, 0, 0]]))
    expected = np.array([[0, 2.0, 0, 2 - 0.5 * np.log10(2)], [2.0, 0, 0, 0]])
    result = through_sentences(X, tmp_path / "fit.json", 2, 0)
    np.testing.assert_allclose(result, expected, rtol=1e-6)


def make_cells(path: Path, counts: np.ndarray) -> None:
    import anndata
    import pandas as pd

    n, d = counts.shape
    matrix = csr_matrix(counts.astype(np.float32))
    obs = pd.DataFrame(
        {"cell_type": "T", "split": np.where(np.arange(n) % 4, "train", "test")},
        index=[f"c{i}" for i in range(n)],
    )
    adata = anndata.AnnData(matrix.log1p(), obs=obs, layers={"counts": matrix})
    adata.var_names = [f"G{i}" for i in range(d)]
    write_cells(adata, path)


def test_step_uses_training_cells_only_and_repeats_to_the_byte(tmp_path: Path) -> None:
    write_json(LINE, tmp_path / "fit.json")
    counts = np.random.default_rng(0).poisson(2.0, (40, 12))
    altered = counts.copy()
    altered[::4] = counts[::4, ::-1]  # the test cells
    settings: dict[str, Any] = {"sentence": Sentence(top=6), "embedding": Embedding(dim=3), "replicate": 0}
    made = []
    for name, table in (("a", counts), ("b", counts), ("c", altered)):
        make_cells(tmp_path / f"{name}.h5ad", table)
        model = tmp_path / f"{name}.npz"
        embedder(cells=tmp_path / f"{name}.h5ad", fit=tmp_path / "fit.json", model=model, **settings)
        made.append(model.read_bytes())
    assert made[0] == made[1] == made[2]
    assert load_embedder(tmp_path / "a.npz").components.shape == (3, 12)


@pytest.mark.parametrize("content", [{}, [], {"slope": "x", "intercept": 1}])
def test_a_fit_without_a_line_is_refused(tmp_path: Path, content: object) -> None:
    write_json(content, tmp_path / "fit.json")
    with pytest.raises(InputError, match="slope and intercept"):
        through_sentences(csr_matrix(np.ones((2, 3))), tmp_path / "fit.json", 2, 0)

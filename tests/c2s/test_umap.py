"""UMAP: graph and forces against their definitions, maps that keep neighbours, the step."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from c2s_settings import given
from scipy.optimize import curve_fit
from scipy.sparse import csr_matrix
from scipy.spatial.distance import cdist

from raw2fig.errors import InputError
from raw2fig.papers.c2s import umap
from raw2fig.papers.c2s.counts import normalise, write_cells
from raw2fig.papers.c2s.embedder import fit_pca, project, save_embedder
from raw2fig.papers.c2s.predictions import CONDITION, write_predictions
from raw2fig.papers.c2s.sentences import Sentence
from raw2fig.seeding import seed_everything
from raw2fig.tables import write_json


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_nearest_are_those_of_all_distances(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(umap, "BLOCK", 7)
    X = rng.normal(size=(30, 4))
    apart = cdist(X, X)
    np.fill_diagonal(apart, np.inf)
    indices, distances = umap.nearest(X, 5)
    np.testing.assert_allclose(distances, np.sort(apart, axis=1)[:, :5])
    np.testing.assert_array_equal(indices, np.argsort(apart, axis=1)[:, :5])


def test_memberships_sum_to_the_logarithm_of_k(rng: np.random.Generator) -> None:
    # distances that differ by orders of magnitude between points
    distances = np.sort(rng.gamma(2, size=(50, 15)) * np.logspace(-2, 3, 50)[:, None], axis=1)
    strengths = umap.memberships(distances)
    dense = distances.mean(axis=1) < 0.01 * distances.mean()
    np.testing.assert_allclose(strengths.sum(axis=1)[~dense], np.log2(15), atol=1e-9)
    np.testing.assert_array_equal(strengths[:, 0], 1)
    assert (np.diff(strengths, axis=1) <= 0).all()


def test_graph_is_the_fuzzy_union(rng: np.random.Generator) -> None:
    X = rng.normal(size=(40, 3))
    indices, distances = umap.nearest(X, 6)
    one_way = np.zeros((40, 40))
    np.put_along_axis(one_way, indices, umap.memberships(distances), axis=1)
    expected = 1 - (1 - one_way) * (1 - one_way.T)
    np.testing.assert_allclose(umap.fuzzy_graph(X, 6).toarray(), expected, atol=1e-12)


def test_similarity_is_the_fit_to_the_minimal_distance() -> None:
    d = np.linspace(0, 3, 300)
    wanted = np.where(d < 0.1, 1.0, np.exp(0.1 - d))
    (a, b), _ = curve_fit(lambda d, a, b: 1 / (1 + a * d ** (2 * b)), d, wanted)
    np.testing.assert_allclose([umap.A, umap.B], [a, b], rtol=1e-3)


@pytest.mark.parametrize(
    ("force", "loss"), [(umap.attraction, lambda s: -np.log(s)), (umap.repulsion, lambda s: -np.log1p(-s))]
)
def test_forces_are_gradients_of_the_loss(force, loss, rng: np.random.Generator) -> None:  # type: ignore[no-untyped-def]
    apart = np.exp(1j * rng.uniform(0, 2 * np.pi, 40)) * rng.uniform(0.7, 6, 40)
    apart = np.stack([apart.real, apart.imag], axis=-1)

    def value(v: np.ndarray) -> np.ndarray:
        return loss(1 / (1 + umap.A * (v**2).sum(axis=-1) ** umap.B))

    h = 1e-5
    slope = np.stack([(value(apart + h * e) - value(apart - h * e)) / (2 * h) for e in np.eye(2)], axis=-1)
    np.testing.assert_allclose(force(apart), -slope, rtol=0.003, atol=1e-6)  # 0.003: the bound of the repulsion near 0


def test_forces_are_finite_and_bounded_at_0() -> None:
    for force in (umap.attraction, umap.repulsion):
        assert np.abs(force(np.array([[0.0, 0.0], [1e-9, 0], [1e-3, -1e-3]]))).max() <= umap.LIMIT


def test_groups_stay_together_and_apart(rng: np.random.Generator) -> None:
    group = np.repeat(np.arange(4), 30)
    X = 8 * rng.normal(size=(4, 10))[group] + rng.normal(size=(120, 10))
    place = umap.layout(X)
    apart = cdist(place, place)
    np.fill_diagonal(apart, np.inf)
    assert (group[apart.argmin(axis=1)] == group).all()
    between = apart[group[:, None] != group].min()
    within = max(np.ptp(place[group == g], axis=0).max() for g in range(4))
    assert between > 0.25 * within
    # neighbours do not fall onto each other
    assert np.median(apart.min(axis=1)) > 0.1


def test_neighbours_on_a_curve_stay_neighbours(rng: np.random.Generator) -> None:
    """A closed curve through ten dimensions, which two principal components fold onto itself."""
    t = np.sort(rng.uniform(0, 2 * np.pi, 200))
    X = np.cos(np.arange(1, 6)[:, None, None] * t + np.array([0, np.pi / 2])[:, None]).reshape(10, -1).T

    def kept(place: np.ndarray) -> float:
        near, now = umap.nearest(X, 10)[0], umap.nearest(place, 10)[0]
        return float(np.mean([np.isin(a, b).mean() for a, b in zip(now, near, strict=True)]))

    assert kept(umap.layout(X)) > 0.78
    assert kept(project(fit_pca(X, 2), X)) < 0.7  # what the map starts from


def test_a_layout_is_its_input_and_seed(rng: np.random.Generator) -> None:
    X = rng.normal(size=(50, 5))
    first = umap.layout(X, seed=3)
    seed_everything(99)
    assert umap.layout(X.copy(), seed=3).tobytes() == first.tobytes()
    assert not np.array_equal(umap.layout(X, seed=4), first)


def test_few_and_equal_points(rng: np.random.Generator) -> None:
    X = np.repeat(rng.normal(size=(3, 4)), 2, axis=0)
    assert np.isfinite(umap.layout(X)).all()
    with pytest.raises(InputError, match="axes from"):
        umap.layout(X[:2])


CONDITIONS = [("B", "IFNB", "acute", "seen"), ("B", "IFNB+IL6", "acute", "tier1"), ("T", "IFNG", "acute", "tier2")]
METHODS = ("SFT", "no_change", "additive_shift", "gaussian_monge", "GRPO mmd")


@pytest.fixture
def run(tmp_path: Path, rng: np.random.Generator) -> dict[str, Path]:
    """Three test cells, three others, and five predicted cells for each condition."""
    genes = [f"G{i}" for i in range(12)]
    labels = [*CONDITION, "tier"]
    obs = pd.DataFrame([c for c in CONDITIONS for _ in range(6)], columns=labels).assign(split="test")
    obs.loc[::2, "split"] = "train"
    obs.index = [f"c{i}" for i in range(len(obs))]
    counts = csr_matrix(rng.poisson(3, (len(obs), 12)).astype(np.float32))
    data = AnnData(normalise(counts, None), obs=obs, var=pd.DataFrame(index=genes), layers={"counts": counts})
    data.uns["preprocess"] = {"target": 0}
    write_cells(data, tmp_path / "cells.h5ad")
    write_json({"slope": -0.5, "intercept": 1.5}, tmp_path / "fit.json")
    save_embedder(fit_pca(rng.random((30, 12)), 4), tmp_path / "embedder.npz")
    frame = pd.DataFrame(
        [(m, *c, i) for m in METHODS for c in CONDITIONS for i in range(5)], columns=["method", *labels, "sample"]
    )
    write_predictions(frame, rng.random((len(frame), 12)), tmp_path / "predictions.parquet")
    typed = pd.DataFrame({"cell": ["a", "b", "c", "d"], "cell_type": "B", "predicted": "T"})
    typed.assign(embedding=list(rng.normal(size=(4, 6)).astype(np.float32))).to_parquet(tmp_path / "annotation.parquet")
    return {name: tmp_path / f"{name}.{suffix}" for name, suffix in (("cells", "h5ad"), ("fit", "json"))} | {
        "embedder": tmp_path / "embedder.npz",
        "annotation": tmp_path / "annotation.parquet",
    }


def test_step(run: dict[str, Path], tmp_path: Path) -> None:
    outputs = {name: tmp_path / f"{name}.parquet" for name in ("annotated", "perturbed")}
    inputs: dict[str, Any] = {
        **run,
        "predictions": [tmp_path / "predictions.parquet"],
        "sentence": Sentence(top=32),
        "replicate": 0,
    }
    maps = partial(given, umap.Maps, "umap")
    umap.umap(**inputs, **outputs, maps=maps(n=4))
    typed, cells = (pd.read_parquet(path) for path in outputs.values())
    assert typed["cell"].tolist() == ["a", "b", "c", "d"]
    assert np.isfinite(typed[umap.COORDINATES]).all().all()
    # held-out conditions only, n of the test cells of each, and every method on the same map
    sizes = cells.groupby(["source", "cytokine"]).size().to_dict()
    assert sizes == {(s, c): 3 if s == "real" else 4 for s in ("real", *METHODS[:4]) for c in ("IFNB+IL6", "IFNG")}
    assert cells.set_index("cytokine")["tier"].to_dict() == {"IFNB+IL6": "tier1", "IFNG": "tier2"}
    assert np.isfinite(cells[umap.COORDINATES]).all().all()
    before = [path.read_bytes() for path in outputs.values()]
    umap.umap(**inputs, **outputs, maps=maps(n=4))
    assert [path.read_bytes() for path in outputs.values()] == before
    umap.umap(**inputs, **outputs, maps=maps(n=2))
    assert set(pd.read_parquet(outputs["perturbed"]).groupby(["source", "cytokine"]).size()) == {2}
    with pytest.raises(InputError, match="no held-out cells of CellOT"):
        umap.umap(**inputs, **outputs, maps=maps(methods=["SFT", "CellOT"]))

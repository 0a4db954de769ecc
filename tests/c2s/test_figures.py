"""Every figure step on a small made-up run: three files, and plotted values that follow from the tables."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.papers.c2s import figures, figures_perturbation
from raw2fig.papers.c2s.predictions import write_predictions
from raw2fig.stats import proportion
from raw2fig.tables import write_json

CONDITIONS = [
    ("B", "IFNB", "acute", "seen"),
    ("T", "IFNB", "acute", "seen"),
    ("B", "IFNB+IL6", "acute", "tier1"),
    ("T", "IFNB+IL6", "acute", "tier1"),
    ("T", "IFNG", "acute", "tier2"),
]
LABELS = ["cell_type", "cytokine", "exposure", "tier"]


class Figure(NamedTuple):
    svg: Path
    png: Path
    csv: Path

    @property
    def table(self) -> pd.DataFrame:
        return pd.read_csv(self.csv)

    @property
    def outputs(self) -> dict[str, Path]:
        return self._asdict()


@pytest.fixture
def drawn(tmp_path: Path) -> Figure:
    return Figure(*(tmp_path / f"figure.{suffix}" for suffix in ("svg", "png", "csv")))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def scaling(tmp_path: Path) -> list[Path]:
    """Two seeds of two sizes on 6 samples; every score of a size is 0.1 x its parameters, plus noise of mean 0."""
    paths = []
    tasks = (("loss", "generation"), ("accuracy", "annotation"), ("accuracy", "tissue_annotation"))
    for seed in (0, 1):
        rows = [
            {"size": size, "parameters": p, "seed": seed, "metric": metric, "task": task}
            | {"cell": f"c{cell}", "count": 1 + cell % 2, "value": 0.1 * p + (-1) ** seed * 0.01 * cell}
            for size, p in (("XS", 2), ("S", 5))
            for metric, task in (*tasks, ("overlap", "generation"))
            for cell in range(6)
        ]
        paths.append(tmp_path / f"scaling-s{seed}.parquet")
        pd.DataFrame(rows).to_parquet(paths[-1])
    return paths


@pytest.fixture
def scores(tmp_path: Path, rng: np.random.Generator) -> Path:
    methods = ("floor", "no_change", "SFT", "GRPO kendall", "GRPO mmd")
    rows = [
        {"method": method, **dict(zip(LABELS, condition, strict=True)), "metric": metric, "value": rng.random(), "n": 8}
        for method in methods
        for condition in CONDITIONS
        for metric in figures_perturbation.METRICS
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "scores.parquet")
    return tmp_path / "scores.parquet"


def whole(figure: Figure) -> None:
    assert figure.svg.read_text().startswith("<?xml")
    assert figure.png.read_bytes().startswith(b"\x89PNG")
    assert len(figure.table)


def test_principal_axes_are_those_of_the_covariance(rng: np.random.Generator) -> None:
    points = rng.normal(size=(50, 4)) * [3, 2, 1, 0.5] + 7
    centre, axes = figures.principal_axes(points)
    vectors = np.linalg.eigh(np.cov(points.T))[1]
    np.testing.assert_allclose(centre, points.mean(0))
    np.testing.assert_allclose(np.abs(axes @ vectors[:, :-3:-1]), np.eye(2), atol=1e-10)
    np.testing.assert_allclose(figures.principal_axes(2 * centre - points)[1], axes, atol=1e-10)


def test_rank(tmp_path: Path, drawn: Figure, rng: np.random.Generator) -> None:
    score = {"r2": 0.9, "r2_ci": [0.8, 0.95], "pearson": 0.9, "spearman": 0.8, "pairs": 20, "cells": 3}
    write_json({"slope": -0.5, "intercept": 1.5, "test": score}, tmp_path / "fit.json")
    x = rng.random(20)
    pairs = pd.DataFrame({"cell": "a", "split": ["train", "test"] * 10, "log_rank": x, "log_expression": 1.5 - x / 2})
    pairs.assign(reconstructed=1.5 - x / 2).to_parquet(tmp_path / "pairs.parquet")
    figures.fig_rank(fit=tmp_path / "fit.json", pairs=tmp_path / "pairs.parquet", **drawn.outputs)
    whole(drawn)
    np.testing.assert_allclose(drawn.table["log_rank"], x[1::2])


def test_scaling(scaling: list[Path], drawn: Figure) -> None:
    figures.fig_scaling(scores=scaling, **drawn.outputs)
    whole(drawn)
    table = drawn.table
    assert len(table) == 4 * 2
    np.testing.assert_allclose(table["value"], 0.1 * table["parameters"])
    assert set(table["seeds"]) == {2}
    # seeds cancel within each sample: a bootstrap over samples, and only that, has no width
    np.testing.assert_allclose(table["high"] - table["low"], 0, atol=1e-12)


def test_tissue(scaling: list[Path], drawn: Figure) -> None:
    figures.fig_tissue(scores=scaling, **drawn.outputs)
    whole(drawn)
    assert drawn.table.groupby("parameters")["cells"].apply(list).to_dict() == {2: [1, 2], 5: [1, 2]}
    assert set(drawn.table["n"]) == {6}


def test_samples(tmp_path: Path, drawn: Figure) -> None:
    paths = [tmp_path / f"S-s{seed}.json" for seed in (0, 1)]
    for seed, path in enumerate(paths):
        probes = [
            {"step": step, "held_out_loss": 4.0 - step + seed, "held_out_error": 0.1, "held_out_samples": 9}
            for step in (1, 2)
        ]
        write_json({"size": "8/1/1", "parameters": 7, "batch": 32, "log": [{"step": 1, "loss": 3.0}, *probes]}, path)
    figures.fig_samples(logs=paths, **drawn.outputs)
    whole(drawn)
    assert drawn.table[["samples", "value", "seed 0", "seed 1"]].to_numpy().tolist() == [
        [32, 3.5, 3, 4],
        [64, 2.5, 2, 3],
    ]
    assert drawn.table["high"][0] - drawn.table["value"][0] == pytest.approx(0.196, abs=1e-3)


def test_annotation(tmp_path: Path, drawn: Figure, rng: np.random.Generator) -> None:
    cells = pd.DataFrame({"cell": [f"c{i}" for i in range(12)], "cell_type": ["B", "T"] * 6})
    model = cells.assign(method="C2S", predicted=["b", "T"] * 5 + ["T", "T"], embedding=list(rng.normal(size=(12, 5))))
    model.to_parquet(tmp_path / "model.parquet")
    cells.assign(method="majority", predicted="B").to_parquet(tmp_path / "baselines.parquet")
    inputs = [tmp_path / "model.parquet", tmp_path / "baselines.parquet"]
    figures.fig_annotation(predictions=inputs, **drawn.outputs)
    whole(drawn)
    bars = drawn.table[drawn.table["panel"] == "accuracy"].set_index("method")
    for method, right in (("C2S", 11), ("majority", 6)):
        np.testing.assert_allclose(bars.loc[method, ["value", "low", "high"]].astype(float), proportion(right, 12)[:3])
    dots = drawn.table[drawn.table["panel"] == "pca"]
    assert dots["correct"].tolist().count(False) == 1
    assert dots["cell"].tolist() == cells["cell"].tolist()


def test_spatial(tmp_path: Path, drawn: Figure) -> None:
    rows = [
        {"model": prior, "task": task, "response": label, "correct": i < right}
        for prior, right in (("both", 6), ("none", 4))
        for task, labels in (("same_neighbourhood", ("yes.", "no.")), ("niche", ("a.", "b.", "c.", "d.")))
        for i, label in enumerate(labels * 2)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "answers.parquet")
    figures.fig_spatial(answers=tmp_path / "answers.parquet", **drawn.outputs)
    whole(drawn)
    assert drawn.table["prior"].tolist() == ["none", "none", "both", "both"]
    assert drawn.table["chance"].tolist() == [0.5, 0.25] * 2
    assert drawn.table["value"].tolist() == [1.0, 0.5, 1.0, 0.75]


def test_perturbation(scores: Path, drawn: Figure) -> None:
    figures_perturbation.fig_perturbation(scores=scores, **drawn.outputs)
    whole(drawn)
    frame = pd.read_parquet(scores)
    means = frame.groupby(["metric", "method", "tier"])["value"].mean()
    table = drawn.table.set_index(["metric", "method", "tier"])
    assert len(table) == 4 * 5 * 3
    np.testing.assert_allclose(table["value"], means.loc[table.index])
    # one condition gives a value without interval
    assert table["low"].isna().equals(table["n"] == 1)


def test_cells(tmp_path: Path, drawn: Figure, rng: np.random.Generator) -> None:
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    from raw2fig.papers.c2s.counts import normalise, write_cells

    genes = [f"G{i}" for i in range(12)]
    obs = pd.DataFrame([c for c in CONDITIONS for _ in range(6)], columns=LABELS).assign(split="test")
    obs.index = [f"c{i}" for i in range(len(obs))]
    counts = csr_matrix(rng.poisson(3, (len(obs), 12)).astype(np.float32))
    data = AnnData(normalise(counts, None), obs=obs, var=pd.DataFrame(index=genes), layers={"counts": counts})
    data.uns["preprocess"] = {"target": 0}
    write_cells(data, tmp_path / "cells.h5ad")
    write_json({"slope": -0.5, "intercept": 1.5}, tmp_path / "fit.json")
    methods = ("SFT", "no_change", "additive_shift", "gaussian_monge")
    labels = pd.DataFrame(
        [(m, *c, i) for m in methods for c in CONDITIONS for i in range(4)], columns=["method", *LABELS, "sample"]
    )
    write_predictions(labels, rng.random((len(labels), 12)), tmp_path / "predictions.parquet")
    inputs = {"cells": tmp_path / "cells.h5ad", "predictions": [tmp_path / "predictions.parquet"]}
    figures_perturbation.fig_cells(**inputs, fit=tmp_path / "fit.json", n=4, **drawn.outputs)
    whole(drawn)
    sizes = drawn.table.groupby(["panel", "method", "source"]).size().unstack("panel")
    assert sizes.columns.tolist() == ["B IFNB+IL6 acute", "T IFNG acute", "all 3 held-out conditions"]
    assert set(sizes.index.get_level_values("method")) == {"SFT", "no_change", "additive_shift"}
    assert (sizes == [4, 4, 12]).all().all()
    with pytest.raises(InputError, match="no held-out cells of GRPO"):
        figures_perturbation.fig_cells(**inputs, fit=tmp_path / "fit.json", methods=["GRPO"], **drawn.outputs)


def test_grpo(tmp_path: Path, scores: Path, drawn: Figure) -> None:
    logs = []
    for reward in ("kendall", "mmd"):
        log = [{"step": 1, "reward": 0.5}, {"step": 2, "reward": 0.6}, {"step": 2, "validation_scfid": 0.3}]
        run = {"reward": reward, "before": {"validation_scfid": 0.4}, "kept": {"lr": 0.1, "step": 2}}
        logs.append(tmp_path / f"{reward}.json")
        write_json(run | {"runs": [{"lr": 0.1, "log": log}, {"lr": 0.2, "log": log}]}, logs[-1])
    figures_perturbation.fig_grpo(scores=scores, logs=logs, **drawn.outputs)
    whole(drawn)
    table = drawn.table
    curve = table[(table["metric"] == "validation_scfid") & (table["method"] == "GRPO mmd") & (table["lr"] == 0.1)]
    assert curve[["step", "value"]].to_numpy().tolist() == [[0, 0.4], [2, 0.3]]
    bars = table[table["tier"].notna()]
    assert set(bars["method"]) == {"SFT", "GRPO kendall", "GRPO mmd"}
    assert len(bars) == 3 * 3 * 2


def test_screen(tmp_path: Path, drawn: Figure) -> None:
    rows = [
        {
            "drug": drug,
            "context": context,
            "cell": f"B-{cell}",
            "score": 1 + 0.1 * cell + change[place] + 0.01 * (cell % 2),
        }
        for drug, change in (("vehicle", (0, 0)), ("D1", (0, 1)), ("D2", (0.8, 0.8)), ("D3", (0, 0)))
        for place, context in enumerate(("neutral", "positive"))
        for cell in range(6)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "screen.parquet")
    folds = {"D1": (0.0, 1.0), "D2": (1.0, 1.0), "D3": (0.0, 0.0)}
    truth = {
        drug: {"drug_class": "X", "planted": drug == "D1", "programme_fold": {"neutral": n, "positive": p}}
        for drug, (n, p) in folds.items()
    }
    write_json({"drugs": truth}, tmp_path / "truth.json")
    inputs = {"screen": tmp_path / "screen.parquet", "truth": tmp_path / "truth.json"}
    figures_perturbation.fig_screen(**inputs, **drawn.outputs)
    whole(drawn)
    table = drawn.table.set_index("drug")
    assert table.index[0] == "D1"
    np.testing.assert_allclose(
        table.loc["D1", ["delta_neutral", "delta_positive", "split"]].astype(float), [0, 1, 1], atol=1e-9
    )
    # cells are paired: the drug's effect has no spread, whatever that of the cells
    np.testing.assert_allclose(table["positive_high"] - table["positive_low"], 0, atol=1e-9)
    assert table["kind"].str.split().str[0].to_dict() == {"D1": "conditional", "D2": "other", "D3": "without"}

"""Every figure step on a small made-up run: three files, plotted values that follow from the tables, nothing clipped
and nothing on top of something else."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from raw2fig import plotting
from raw2fig.errors import InputError
from raw2fig.papers.c2s import figures, figures_maps, figures_perturbation, figures_summary
from raw2fig.papers.c2s.figures_planted import fig_planted
from raw2fig.papers.c2s.screen import Hits
from raw2fig.stats import over_replicates, proportion
from raw2fig.step import run_step
from raw2fig.tables import write_json

CONDITIONS = [
    ("B", "IFNB", "acute", "seen"),
    ("T", "IFNB", "acute", "seen"),
    ("B", "IFNB+IL6", "acute", "tier1"),
    ("T", "IFNB+IL6", "acute", "tier1"),
    ("T", "IFNG", "acute", "tier2"),
]
HITS = Hits(margin=0.25)
LABELS = ["cell_type", "cytokine", "exposure", "tier"]


class Figure(NamedTuple):
    svg: Path
    png: Path
    csv: Path

    @property
    def table(self) -> pd.DataFrame:
        return pd.read_csv(self.csv)

    def draw(self, step: Callable[..., plotting.Drawing], **arguments: Any) -> None:
        """Run a figure step and save what it draws."""
        run_step(step, {**arguments, "scale": "laptop", **self._asdict()})


@pytest.fixture
def drawn(tmp_path: Path) -> Figure:
    return Figure(*(tmp_path / f"figure.{suffix}" for suffix in ("svg", "png", "csv")))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every figure that is saved is looked at: its legend is above the panels, and boxes lie apart and inside."""

    saved = plotting.save

    def look(drawing: plotting.Drawing, **given: Any) -> None:
        saved(drawing, **given)
        fig = drawing.fig
        renderer = FigureCanvasAgg(fig).get_renderer()
        panels = [ax for ax in fig.axes if ax.get_visible()]
        assert not any(ax.get_legend() for ax in panels)
        boxes = [ax.get_tightbbox(renderer) for ax in panels]
        boxes += [item.get_window_extent(renderer) for item in (*fig.legends, *fig.texts)]
        inside = fig.bbox.padded(1)
        for box in boxes:
            assert inside.x0 <= box.x0 <= box.x1 <= inside.x1
            assert inside.y0 <= box.y0 <= box.y1 <= inside.y1
        for one, other in combinations([box.padded(-1) for box in boxes], 2):
            assert not one.overlaps(other), (one, other)

    monkeypatch.setattr(plotting, "save", look)


@pytest.fixture
def scaling(tmp_path: Path) -> list[Path]:
    """Two replicates of two sizes on 6 samples; scores of a size are 0.1 x its parameters, plus noise of mean 0."""
    paths = []
    tasks = (("loss", "generation"), ("accuracy", "annotation"), ("accuracy", "tissue_annotation"))
    for replicate in (0, 1):
        rows = [
            # a replicate may know fewer words and so have fewer parameters
            {
                "size": size,
                "parameters": p + 0.4 * (-1) ** replicate,
                "replicate": replicate,
                "metric": metric,
                "task": task,
            }
            | {"cell": f"c{cell}", "count": 1 + cell % 2, "value": 0.1 * p + (-1) ** replicate * 0.01 * cell}
            for size, p in (("XS", 2), ("S", 5))
            for metric, task in (*tasks, ("overlap", "generation"))
            for cell in range(6)
        ]
        paths.append(tmp_path / f"scaling-r{replicate}.parquet")
        pd.DataFrame(rows).to_parquet(paths[-1])
    return paths


@pytest.fixture
def baselines(tmp_path: Path) -> list[Path]:
    """Guesses for the same 6 samples: right in half of the cases, chance 0.3."""
    rows = [
        {"replicate": replicate, "method": method, "metric": metric, "task": task, "cell": f"c{cell}"}
        | {"value": 0.3 if method == "chance" else float(cell % 2)}
        for metric, task, methods in (
            ("accuracy", "tissue_annotation", ("majority", "chance")),
            ("overlap", "generation", ("frequent_genes", "training_cell", "chance")),
        )
        for method in methods
        for cell in range(6)
        for replicate in (0, 1)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "guesses.parquet")
    return [tmp_path / "guesses.parquet"]


@pytest.fixture
def annotation(tmp_path: Path) -> dict[str, Any]:
    """Predicted types of 12 cells: 11 right by one replicate's model, one of them in other letters, 12 by the other's,
    6 by the baseline."""
    cells = pd.DataFrame({"cell": [f"c{i}" for i in range(12)], "cell_type": ["B", "T"] * 6})
    paths = [tmp_path / f"annotation-r{replicate}.parquet" for replicate in (0, 1)]
    for replicate, types in enumerate((["b", "T"] * 5 + ["T", "T"], ["B", "T"] * 6)):
        cells.assign(replicate=replicate, method="C2S", predicted=types).to_parquet(paths[replicate])
    cells.assign(method="majority", predicted="B").to_parquet(tmp_path / "majority.parquet")
    return {"predictions": paths, "classifiers": tmp_path / "majority.parquet"}


@pytest.fixture
def matches(tmp_path: Path) -> list[Path]:
    """FOSCTTM of two replicates with means 0.1 and 0.2."""
    rows = [
        {"replicate": replicate, "method": method, "value": mean + 0.02 * (-1) ** replicate, "pairs": 5}
        for method, mean in (("C2S", 0.1), ("log-expression", 0.2))
        for replicate in (0, 1)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "matches.parquet")
    return [tmp_path / "matches.parquet"]


@pytest.fixture
def answers(tmp_path: Path) -> list[Path]:
    """With both lists models are right in 6 of 8; without they say yes, or a, to everything."""
    rows = [
        {"replicate": replicate, "model": prior, "task": task, "response": label}
        | {"predicted": labels[0] if prior == "none" else label if i < 6 else "?"}
        for prior in ("both", "none")
        for task, labels in (("same_neighbourhood", ("yes.", "no.")), ("niche", ("a.", "b.", "c.", "d.")))
        for i, label in enumerate(labels * (8 // len(labels)))
        for replicate in (0, 1)
    ]
    frame = pd.DataFrame(rows)
    frame.assign(value=frame["predicted"] == frame["response"]).to_parquet(tmp_path / "answers.parquet")
    return [tmp_path / "answers.parquet"]


@pytest.fixture
def neighbours(tmp_path: Path) -> list[Path]:
    """A classifier that is right in 5 of 8."""
    rows = [
        {"replicate": replicate, "model": "classifier", "task": "same_neighbourhood", "response": "yes."}
        | {"predicted": "yes." if i < 5 else "no.", "value": i < 5}
        for i in range(8)
        for replicate in (0, 1)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "neighbours.parquet")
    return [tmp_path / "neighbours.parquet"]


@pytest.fixture
def screen(tmp_path: Path) -> dict[str, Any]:
    """Two replicates of three drugs, of which D1 works in one context only and D2 in both."""
    rows = [
        {"replicate": replicate, "drug": drug, "context": context, "cell": f"B-{cell}"}
        | {"score": 1 + 0.1 * cell + (1 + 0.2 * (-1) ** replicate) * change[place] + 0.01 * (cell % 2)}
        for drug, change in (("vehicle", (0, 0)), ("D1", (0, 1)), ("D2", (0.8, 0.8)), ("D3", (0, 0)))
        for place, context in enumerate(("neutral", "positive"))
        for cell in range(6)
        for replicate in (0, 1)
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "screen.parquet")
    folds = {"D1": (0.0, 1.0), "D2": (1.0, 1.0), "D3": (0.0, 0.0)}
    truth = {
        drug: {"drug_class": "X", "planted": drug == "D1", "programme_fold": {"neutral": n, "positive": p}}
        for drug, (n, p) in folds.items()
    }
    write_json({"drugs": truth}, tmp_path / "truth.json")
    return {"screen": [tmp_path / "screen.parquet"], "truth": tmp_path / "truth.json"}


@pytest.fixture
def scores(tmp_path: Path, rng: np.random.Generator) -> list[Path]:
    """Two replicates; scFID of SFT on interferon genes is half of that without change."""
    methods = ("floor", "no_change", "additive_shift", "gaussian_monge", "SFT", "GRPO kendall", "GRPO mmd")
    rows = [
        {
            "method": method,
            **dict(zip(LABELS, condition, strict=True)),
            "metric": metric,
            "replicate": replicate,
            "n": 8,
        }
        | {"value": value / 2 if method == "SFT" else value}
        for condition in CONDITIONS
        for metric in figures_perturbation.METRICS
        for replicate, value in enumerate(rng.random(2))
        for method in methods
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "scores.parquet")
    return [tmp_path / "scores.parquet"]


def whole(figure: Figure) -> None:
    assert figure.svg.read_text().startswith("<?xml")
    assert figure.png.read_bytes().startswith(b"\x89PNG")
    assert len(figure.table)


def test_rank(tmp_path: Path, drawn: Figure, rng: np.random.Generator) -> None:
    score = {"r2": 0.9, "r2_ci": [0.8, 0.95], "pearson": 0.9, "spearman": 0.8, "pairs": 20, "cells": 3}
    write_json({"slope": -0.5, "intercept": 1.5, "test": score}, tmp_path / "fit.json")
    x = rng.random(20)
    pairs = pd.DataFrame({"cell": "a", "split": ["train", "test"] * 10, "log_rank": x, "log_expression": 1.5 - x / 2})
    pairs.assign(reconstructed=1.5 - x / 2).to_parquet(tmp_path / "pairs.parquet")
    drawn.draw(figures.fig_rank, fit=tmp_path / "fit.json", pairs=tmp_path / "pairs.parquet")
    whole(drawn)
    np.testing.assert_allclose(drawn.table["log_rank"], x[1::2])


def test_scaling(scaling: list[Path], drawn: Figure) -> None:
    drawn.draw(figures.fig_scaling, scores=scaling)
    whole(drawn)
    table = drawn.table
    assert len(table) == 4 * 2
    # the noise of the two replicates cancels
    np.testing.assert_allclose(table["value"], 0.1 * table["parameters"])
    assert set(table["replicates"]) == {2}
    assert set(table["n"]) == {6}
    losses = table[table["metric"] == "loss"]
    np.testing.assert_allclose(losses["high"] - losses["value"], over_replicates({0: 0.025, 1: -0.025}).high)
    # a share ends at 1
    assert table["high"][table["metric"] != "loss"].max() <= 1


def test_tissue(scaling: list[Path], baselines: list[Path], drawn: Figure) -> None:
    drawn.draw(figures.fig_tissue, scores=scaling, baselines=baselines)
    whole(drawn)
    points = drawn.table[drawn.table["method"] == "C2S"]
    assert points.groupby("parameters")["cells"].apply(list).to_dict() == {2: [1, 2], 5: [1, 2]}
    # half of the 6 samples have one cell, half two
    assert set(points["n"]) == {3}
    lines = drawn.table.set_index("method")["value"]
    assert lines["majority"] == 0.5
    assert lines["chance"] == pytest.approx(0.3)


def test_samples(tmp_path: Path, drawn: Figure) -> None:
    paths = [tmp_path / f"S-r{replicate}.json" for replicate in (0, 1)]
    for replicate, path in enumerate(paths):
        probes = [{"step": step, "held_out_loss": 4.0 - step + replicate, "held_out_samples": 9} for step in (1, 2)]
        about = {"replicate": replicate, "size": "8/1/1", "parameters": 7, "batch": 32}
        write_json(about | {"log": [{"step": 1, "loss": 3.0}, *probes]}, path)
    drawn.draw(figures.fig_samples, logs=paths)
    whole(drawn)
    assert drawn.table[["samples", "value", "replicate 0", "replicate 1"]].to_numpy().tolist() == [
        [32, 3.5, 3, 4],
        [64, 2.5, 2, 3],
    ]
    np.testing.assert_allclose(drawn.table["high"], drawn.table["value"] + 12.7062 * 0.5, rtol=1e-4)


def test_annotation(
    tmp_path: Path, annotation: dict[str, Any], matches: list[Path], drawn: Figure, rng: np.random.Generator
) -> None:
    places = pd.DataFrame(rng.random((12, 2)), columns=["umap1", "umap2"])
    cells = pd.read_parquet(annotation["predictions"][0])[["cell", "cell_type", "predicted"]]
    cells.loc[0, "predicted"] = "no such type"
    pd.concat([cells, places], axis=1).to_parquet(tmp_path / "umap.parquet")
    inputs = {**annotation, "matches": matches, "coordinates": tmp_path / "umap.parquet"}
    drawn.draw(figures_maps.fig_annotation, **inputs)
    whole(drawn)
    bars = drawn.table[drawn.table["panel"] == "accuracy"].set_index("method")
    expected = {"C2S": over_replicates({0: 11 / 12, 1: 1}, 12, 0, 1), "majority": proportion(6, 12)}
    for method, found in expected.items():
        np.testing.assert_allclose(bars.loc[method, ["value", "low", "high"]].astype(float), found[:3])
    fractions = drawn.table[drawn.table["panel"] == "foscttm"].set_index("method")
    np.testing.assert_allclose(fractions["value"], [0.1, 0.2])
    dots = drawn.table[drawn.table["panel"] == "umap"]
    np.testing.assert_allclose(dots[["umap1", "umap2"]], places)
    assert dots["predicted"].tolist() == ["other", "T", *["B", "T"] * 4, "T", "T"]


def test_spatial(answers: list[Path], neighbours: list[Path], drawn: Figure) -> None:
    drawn.draw(figures.fig_spatial, answers=answers, baselines=neighbours)
    whole(drawn)
    assert drawn.table["prior"].tolist() == ["none", "none", "both", "both", "classifier"]
    assert drawn.table["chance"].tolist() == [0.5, 0.25, 0.5, 0.25, 0.5]
    assert drawn.table["value"].tolist() == [0.5, 0.25, 0.75, 0.75, 0.625]
    # both models without lists give one answer to every question
    assert drawn.table["constant_models"].tolist()[:4] == [2, 2, 0, 0]


def test_planted(answers: list[Path], neighbours: list[Path], drawn: Figure) -> None:
    drawn.draw(fig_planted, effects=[0, 1], answers=answers * 2, baselines=neighbours * 2)
    whole(drawn)
    table = drawn.table.set_index(["method", "effect"])
    assert table["value"].to_dict() == {
        ("C2S", 0): 0.5,
        ("C2S", 1): 0.5,
        ("classifier of gene counts", 0): 0.625,
        ("classifier of gene counts", 1): 0.625,
    }
    with pytest.raises(InputError, match="3 factors for 1 and 1 tables"):
        drawn.draw(fig_planted, effects=[0, 1, 2], answers=answers, baselines=neighbours)


def test_perturbation(scores: list[Path], drawn: Figure) -> None:
    drawn.draw(figures_perturbation.fig_perturbation, scores=scores)
    whole(drawn)
    frame = pd.read_parquet(scores[0])
    means = frame.groupby(["metric", "method", "tier"])["value"].mean()
    table = drawn.table.set_index(["metric", "method", "tier"])
    assert len(table) == 4 * 7 * 3
    np.testing.assert_allclose(table["value"], means.loc[table.index])
    assert set(table["replicates"]) == {2}
    assert table["low"].notna().all()


def test_cells(tmp_path: Path, drawn: Figure, rng: np.random.Generator) -> None:
    sources = ("real", "SFT", "no_change", "additive_shift", "gaussian_monge")
    held_out = [condition for condition in CONDITIONS if condition[3] != "seen"]
    rows = [(source, *condition) for source in sources for condition in held_out for _ in range(4)]
    cells = pd.DataFrame(rows, columns=["source", *LABELS])
    cells[["umap1", "umap2"]] = rng.random((len(cells), 2))
    cells.to_parquet(tmp_path / "umap.parquet")
    drawn.draw(figures_maps.fig_cells, coordinates=tmp_path / "umap.parquet")
    whole(drawn)
    sizes = drawn.table.groupby(["panel", "method", "source"]).size().unstack("panel")
    assert sizes.columns.tolist() == ["B IFNB+IL6 acute", "T IFNG acute", "all 3 held-out conditions"]
    assert set(sizes.index.get_level_values("method")) == set(sources[1:])
    assert (sizes == [4, 4, 12]).all().all()
    shown = drawn.table[(drawn.table["panel"] == "T IFNG acute") & (drawn.table["source"] == "no_change")]
    there = (cells["source"] == "no_change") & (cells["cytokine"] == "IFNG")
    np.testing.assert_allclose(shown[["umap1", "umap2"]], cells.loc[there, ["umap1", "umap2"]])
    cells[cells["source"] != "real"].to_parquet(tmp_path / "umap.parquet")
    with pytest.raises(InputError, match="real or predicted cells are absent"):
        drawn.draw(figures_maps.fig_cells, coordinates=tmp_path / "umap.parquet")


def test_grpo(tmp_path: Path, scores: list[Path], drawn: Figure, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = []
    for reward in ("kendall", "mmd"):
        for run in (0, 1):
            log = [{"step": 1, "reward": 0.5}, {"step": 2, "reward": 0.6}, {"step": 2, "validation_scfid": 0.3 + run}]
            about = {"replicate": run, "reward": reward, "before": {"validation_scfid": 0.4 + run}}
            about |= {"kept": {"lr": 0.1, "step": 2}}
            logs.append(tmp_path / f"{reward}-r{run}.json")
            write_json(about | {"runs": [{"lr": 0.1, "log": log}, {"lr": 0.2, "log": log}]}, logs[-1])
    colours: dict[str, set[str]] = {}
    look = plotting.save

    def lines(drawing: plotting.Drawing, **given: Any) -> None:
        look(drawing, **given)
        fig = drawing.fig
        for line in fig.axes[6].get_lines():
            colours.setdefault(line.get_label(), set()).add(line.get_color())
        assert [len(fig.axes[number].get_lines()) for number in (3, 6)] == [5, 5]  # 2 replicates x 2 rates, models kept

    monkeypatch.setattr(plotting, "save", lines)
    drawn.draw(figures_perturbation.fig_grpo, scores=scores, logs=logs)
    whole(drawn)
    table = drawn.table
    curves = table[(table["metric"] == "validation_scfid") & (table["method"] == "GRPO mmd") & (table["lr"] == 0.1)]
    assert curves[["replicate", "step", "value", "kept"]].to_numpy().tolist() == [
        [0, 0, 0.4, False],
        [0, 2, 0.3, True],
        [1, 0, 1.4, False],
        [1, 2, 1.3, True],
    ]
    # a colour for each learning rate, the same for its replicates and not that of the other
    assert [len(colours[f"learning rate {lr}"]) for lr in (0.1, 0.2)] == [1, 1]
    assert colours["learning rate 0.1"] != colours["learning rate 0.2"]
    bars = table[table["tier"].notna()]
    assert set(bars["method"]) == {"SFT", "GRPO kendall", "GRPO mmd"}
    assert len(bars) == 3 * 3 * 2


def test_screen(screen: dict[str, Any], drawn: Figure) -> None:
    drawn.draw(figures_perturbation.fig_screen, **screen, hits=HITS)
    whole(drawn)
    table = drawn.table.set_index("drug")
    assert table.index[0] == "D1"
    np.testing.assert_allclose(
        table.loc["D1", ["delta_neutral", "delta_positive", "split"]].astype(float), [0, 1, 1], atol=1e-9
    )
    # the effects of a replicate are 1.2 and 0.8 times what is planted
    half = 12.7062 * 0.2 * np.array([1, 0.8, 0])
    np.testing.assert_allclose(table["delta_positive_high"] - table["delta_positive"], half, rtol=1e-4, atol=1e-9)
    assert table["hits"].to_dict() == {"D1": 2, "D2": 0, "D3": 0}
    assert table["kind"].str.split().str[0].to_dict() == {"D1": "conditional", "D2": "other", "D3": "without"}


def test_summary(
    annotation: dict[str, Any],
    matches: list[Path],
    scaling: list[Path],
    baselines: list[Path],
    answers: list[Path],
    neighbours: list[Path],
    scores: list[Path],
    screen: dict[str, Any],
    drawn: Figure,
) -> None:
    inputs = {"annotation": annotation["predictions"], "classifiers": annotation["classifiers"], "matches": matches}
    inputs |= {"scaling": scaling, "baselines": baselines, "spatial": answers, "perturbation": scores}
    inputs |= {"neighbours": neighbours}
    inputs |= {"screen": screen["screen"], "size": "S", "hits": HITS}
    drawn.draw(figures_summary.fig_summary, **inputs, truth=screen["truth"])
    whole(drawn)
    table = drawn.table.set_index(["task", "method"])
    seen = {
        ("cell type annotation", "C2S"): over_replicates({0: 11 / 12, 1: 1}, 12, 0, 1),
        ("cell type annotation", "most common label"): proportion(6, 12),
        ("same spatial neighbourhood", "C2S with interactions"): over_replicates({0: 0.75, 1: 0.75}, 8),
        ("same spatial neighbourhood", "most common answer"): over_replicates({0: 0.5, 1: 0.5}, 8),
        ("same spatial neighbourhood", "classifier of gene counts"): over_replicates({0: 0.625, 1: 0.625}, 8),
    }
    for row, share in seen.items():
        np.testing.assert_allclose(table.loc[row, ["value", "low", "high", "n"]].astype(float), share[:4])
    means = {
        ("matching cells to pseudobulks", "C2S"): 0.1,
        # of size S only, over both replicates, and the guesses on the same samples
        ("generation of a cell of a type", "C2S"): 0.5,
        ("generation of a cell of a type", "most frequent genes"): 0.5,
        ("unseen cytokine combination", "C2S"): 0.5,
        ("unseen cytokine combination", "floor: other real cells"): 1,
        ("planted drugs by two contexts", "C2S"): 1,
    }
    assert {row: table["value"][row] for row in means} == pytest.approx(means)
    assert table["chance"].groupby("task").first().to_dict() == {
        "cell type annotation": 0.5,
        "matching cells to pseudobulks": 0.5,
        "tissue of a sample": pytest.approx(0.3),
        "generation of a cell of a type": pytest.approx(0.3),
        "same spatial neighbourhood": 0.5,
        "unseen cytokine combination": 1,
        "planted drugs by two contexts": 0.5,
    }
    assert table["replicates"].max() == 2
    # real drugs: nobody knows which of them work
    drawn.draw(figures_summary.fig_summary, **inputs)
    assert set(table["score"]) - set(drawn.table["score"]) == {"AUROC"}

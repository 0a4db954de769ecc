"""Figure of C2S-Scale over all task families, each beside its baselines and chance (Fig. 3)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raw2fig.claims import Absent
from raw2fig.papers.c2s.measures import RANDOM, matching, relative
from raw2fig.papers.c2s.predictions import read_annotations
from raw2fig.papers.c2s.screen import Hits, context_split
from raw2fig.plotting import PALETTE, WHISKER, Drawing, canvas, legend_above
from raw2fig.stats import SEED, Estimate, auroc_interval, bootstrap_mean, proportion
from raw2fig.step import Input, figure
from raw2fig.tables import read_json, read_table, read_tables, rows_where

if TYPE_CHECKING:
    import pandas as pd

MODEL = "C2S"
NAMES = {
    "logistic": "logistic regression",
    "knn": "nearest neighbours",
    "majority": "most common label",
    "frequent_genes": "most frequent genes",
    "training_cell": "a training cell of the type",
    "SFT": MODEL,
    "additive_shift": "additive shift",
    "gaussian_monge": "Gaussian Monge map",
    "floor": "floor: other real cells",
}
"""What the figure calls the methods of the tables."""
BASELINE_COLOUR = "#AAAAAA"
SHARE = (0.0, 1.0)


class Panel(NamedTuple):
    """One task family: its score by method, that of chance, and the range of its axis (None: as it comes)."""

    title: str
    score: str
    bars: dict[str, Estimate]
    """Bars whose names begin with `MODEL` are the model's."""
    chance: float
    better: str = "higher"
    limits: tuple[float | None, float | None] = SHARE


@figure
def fig_summary(
    *,
    annotation: list[Input],
    matches: Input,
    scaling: list[Input],
    baselines: Input,
    spatial: Input,
    perturbation: Input,
    screen: Input | None = None,
    truth: Input | None = None,
    size: str,
    hits: Hits,
) -> Drawing:
    """Fig. 3: one score of every task family beside its baselines and chance.

    Parameters
    ----------
    annotation
        Predicted types of the model, then of the baselines.
    matches
        FOSCTTM scores of the pairs of cells and pseudobulks.
    scaling
        Held-out scores of the pretrained models, one table for each seed.
    baselines
        Scores of guesses without a model on the same samples.
    spatial
        Answers to the spatial prompts.
    perturbation
        Scores of all methods on all conditions.
    screen
        Scores of the drug screen, where drugs are simulated.
    truth
        What the drug simulator planted.
    size
        Model that is shown for the tasks of pretraining: the one that is fine-tuned for the others.
    """
    import pandas as pd

    kinds = {"metric": "string", "task": "string", "cell": "string", "value": "number"}
    trained = read_tables(scaling, kinds | {"size": "string", "seed": "integer"})
    trained = trained[trained["size"] == size].assign(method=MODEL)
    guessed = read_table(baselines, kinds | {"method": "string"}).assign(seed=0)
    pretraining = pd.concat([trained, guessed], ignore_index=True)
    panels = [
        _annotation(annotation),
        _matching(matches),
        _pretrained(pretraining, "tissue of a sample", "tissue_annotation", "accuracy"),
        _pretrained(pretraining, "generation of a cell of a type", "generation", "overlap"),
        _neighbourhood(spatial),
        *_unseen(perturbation),
        *([_screen(screen, truth, hits.margin)] if screen and truth else []),
    ]
    fig, grid = canvas(9.4, 9.0, rows=4, cols=2)
    for ax, panel in zip(grid.flat, panels, strict=False):
        _draw(ax, panel)
    for ax in grid.flat[len(panels) :]:
        ax.set_visible(False)
    legend_above(fig, grid.flat[: len(panels)])
    rows = [
        {"task": panel.title, "score": panel.score, "better": panel.better, "method": name, "chance": panel.chance}
        | value._asdict()
        for panel in panels
        for name, value in panel.bars.items()
    ]
    table = pd.DataFrame(rows)
    note = (
        f"n in each panel, of one of at most {table['seeds'].max()} replicates · 95 % intervals over held-out items "
        "and replicates"
    )
    return Drawing(fig, table, "", note=note)


def _annotation(paths: list[Path]) -> Panel:
    frame = read_annotations(paths)
    bars = {
        NAMES.get(str(method), str(method)): proportion(int(part.sum()), len(part))
        for method, part in frame.groupby("method", sort=False)["correct"]
    }
    return Panel("cell type annotation", "accuracy", bars, 1 / frame["cell_type"].nunique())


def _matching(path: Path) -> Panel:
    frame = read_table(path, {"method": "string", "pair": "integer", "value": "number"})
    bars = {str(method): matching(frame, method) for method in frame["method"].unique()}
    return Panel("matching cells to pseudobulks", "FOSCTTM", bars, RANDOM, "lower")


def _pretrained(scores: pd.DataFrame, title: str, task: str, metric: str) -> Panel:
    part = rows_where(scores, task=task, metric=metric)
    means = {
        str(method): bootstrap_mean(here["value"], SEED, here["cell"].tolist(), here["seed"].tolist())
        for method, here in part.groupby("method", sort=False)
    }
    chance = means.pop("chance").value
    score = {"accuracy": "accuracy", "overlap": "gene overlap"}[metric]
    return Panel(title, score, {NAMES.get(method, method): mean for method, mean in means.items()}, chance)


def _neighbourhood(path: Path) -> Panel:
    frame = read_table(path, {"model": "string", "task": "string", "response": "string", "correct": "boolean"})
    frame = frame[frame["task"] == "same_neighbourhood"]
    bars = {}
    for prior, name in (("none", MODEL), ("both", f"{MODEL} with interactions")):
        correct = frame["correct"][frame["model"] == prior]
        bars[name] = proportion(int(correct.sum()), len(correct))
    truth = frame["response"][frame["model"] == "none"]
    bars["most common answer"] = proportion(int(truth.value_counts().iloc[0]), len(truth))
    return Panel("same spatial neighbourhood", "accuracy", bars, 1 / frame["response"].nunique())


def _unseen(path: Path) -> list[Panel]:
    """Nothing where no condition of the first tier is measured."""
    kinds = dict.fromkeys(("method", "metric", "tier"), "string")
    scores = read_table(path, kinds | {"seed": "integer", "value": "number"})
    bars = {}
    for method in ("SFT", "additive_shift", "gaussian_monge", "floor"):
        try:
            change = relative(scores, "no_change", method)
        except Absent:
            return []
        bars[NAMES[method]] = change._replace(value=1 + change.value, low=1 + change.low, high=1 + change.high)
    return [Panel("unseen cytokine combination", "relative scFID", bars, 1.0, "lower", (0.0, None))]


def _screen(path: Path, truth: Path, margin: float) -> Panel:
    kinds = {"drug": "string", "context": "string", "cell": "string", "score": "number"}
    summary = context_split(read_table(path, kinds), np.random.default_rng(SEED), margin)
    planted = {name for name, drug in read_json(truth)["drugs"].items() if drug["planted"]}
    labels = summary["drug"].isin(planted)
    bars = {
        MODEL: auroc_interval(labels, summary["split"]),
        "one context only": auroc_interval(labels, summary["delta_positive"]),
    }
    return Panel("planted drugs by two contexts", "AUROC", bars, 0.5)


def _draw(ax: Any, panel: Panel) -> None:
    """Horizontal bars, the model's first and coloured, and a line at chance."""
    for place, (name, item) in enumerate(panel.bars.items()):
        ours = name.startswith(MODEL)
        ax.barh(
            place,
            item.value,
            0.7,
            xerr=[[max(0.0, item.value - item.low)], [max(0.0, item.high - item.value)]],
            color=PALETTE[0] if ours else BASELINE_COLOUR,
            label=MODEL if ours else "baseline or reference",
            error_kw={"ecolor": WHISKER, "elinewidth": 1.2, "capsize": 2.5},
        )
    ax.axvline(panel.chance, color=PALETTE[1], linestyle="--", label="chance, or no change")
    ax.set_yticks(range(len(panel.bars)), list(panel.bars))
    ax.invert_yaxis()
    ax.grid(axis="y", visible=False)
    n = next(iter(panel.bars.values())).n
    ax.set(title=panel.title, xlabel=f"{panel.score}, {panel.better} is better, n = {n}", xlim=panel.limits)

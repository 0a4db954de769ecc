"""Figure of C2S-Scale over all task families, each beside its baselines and chance (Fig. 3)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from raw2fig.claims import Absent
from raw2fig.papers.c2s.measures import (
    ANSWERS,
    GUESSES,
    MATCHES,
    PERTURBATION,
    RANDOM,
    SCALING,
    SCREEN,
    SHARE,
    matching,
    mean,
    rankings,
    ratios,
)
from raw2fig.papers.c2s.predictions import read_annotations
from raw2fig.papers.c2s.screen import Hits
from raw2fig.plotting import PALETTE, WHISKER, Drawing, canvas, legend_above
from raw2fig.stats import Estimate, over_replicates, proportion
from raw2fig.step import Input, figure
from raw2fig.tables import read_tables, rows_where

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
    classifiers: Input,
    matches: list[Input],
    scaling: list[Input],
    baselines: list[Input],
    spatial: list[Input],
    neighbours: list[Input],
    perturbation: list[Input],
    screen: list[Input],
    truth: Input | None = None,
    size: str,
    hits: Hits,
) -> Drawing:
    """Fig. 3: one score of every task family beside its baselines and chance.

    Each replicate has its own tables of what was trained.

    Parameters
    ----------
    annotation
        Predicted types of the model.
    classifiers
        Predicted types of classifiers that are fitted to the reference.
    matches
        FOSCTTM of embeddings and of log-expression.
    scaling
        Held-out scores of the pretrained models.
    baselines
        Scores of guesses without a model on the same samples.
    spatial
        Answers to the spatial prompts.
    neighbours
        Answers of a classifier to the prompts on neighbourhoods.
    perturbation
        Scores of all methods on all conditions.
    screen
        Scores of the drug screen.
    truth
        What the drug simulator planted. There is none for real drugs.
    size
        Model that is shown for the tasks of pretraining: the one that is fine-tuned for the others.
    """
    import pandas as pd

    trained = rows_where(read_tables(scaling, SCALING), size=size).assign(method=MODEL)
    pretraining = pd.concat([trained, read_tables(baselines, GUESSES)], ignore_index=True)
    panels = [
        _annotation(annotation, classifiers),
        _matching(matches),
        _pretrained(pretraining, "tissue of a sample", "tissue_annotation", "accuracy"),
        _pretrained(pretraining, "generation of a cell of a type", "generation", "overlap"),
        _neighbourhood(spatial, neighbours),
        *_unseen(perturbation),
        *([_screen(screen, truth, hits.margin)] if truth else []),
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
        f"n in each panel, of each of {trained['replicate'].nunique()} replicates · 95 % intervals over replicates "
        "(classifiers of cell types: Wilson, over cells)"
    )
    return Drawing(fig, table, "", note=note)


def _annotation(paths: list[Path], classifiers: Path) -> Panel:
    frame, baselines = read_annotations(paths), read_annotations([classifiers])
    bars = {MODEL: mean(frame)}
    for method, correct in baselines.groupby("method", sort=False)["value"]:
        bars[NAMES.get(str(method), str(method))] = proportion(int(correct.sum()), len(correct))
    return Panel("cell type annotation", "accuracy", bars, 1 / frame["cell_type"].nunique())


def _matching(paths: list[Path]) -> Panel:
    frame = read_tables(paths, MATCHES)
    bars = {str(method): matching(frame, method) for method in frame["method"].unique()}
    return Panel("matching cells to pseudobulks", "FOSCTTM", bars, RANDOM, "lower")


def _pretrained(scores: pd.DataFrame, title: str, task: str, metric: str) -> Panel:
    part = rows_where(scores, task=task, metric=metric)
    means = {str(method): mean(here) for method, here in part.groupby("method", sort=False)}
    chance = means.pop("chance").value
    score = {"accuracy": "accuracy", "overlap": "gene overlap"}[metric]
    return Panel(title, score, {NAMES.get(method, method): found for method, found in means.items()}, chance)


def _neighbourhood(paths: list[Path], classified: list[Path]) -> Panel:
    frame = rows_where(read_tables(paths, ANSWERS), task="same_neighbourhood")
    without = rows_where(frame, model="none")
    bars = {MODEL: mean(without)}
    if len(both := rows_where(frame, model="both")):
        bars[f"{MODEL} with interactions"] = mean(both)
    bars["classifier of gene counts"] = mean(read_tables(classified, ANSWERS))
    common = without["response"] == without["response"].mode()[0]
    bars["most common answer"] = mean(without.assign(value=common))
    return Panel("same spatial neighbourhood", "accuracy", bars, 1 / frame["response"].nunique())


def _unseen(paths: list[Path]) -> list[Panel]:
    """Nothing where no condition of the first tier is measured."""
    scores = read_tables(paths, PERTURBATION)
    bars = {}
    for method in ("SFT", "additive_shift", "gaussian_monge", "floor"):
        try:
            found, conditions = ratios(scores, "no_change", method)
        except Absent:
            return []
        bars[NAMES[method]] = over_replicates(found, conditions, least=0.0)
    return [Panel("unseen cytokine combination", "relative scFID", bars, 1.0, "lower", (0.0, None))]


def _screen(paths: list[Path], truth: Path, margin: float) -> Panel:
    scores = read_tables(paths, SCREEN)
    found, drugs = rankings(scores, truth, margin), scores["drug"].nunique() - 1
    bars = {
        MODEL: over_replicates({name: one.auroc_split for name, one in found.items()}, drugs, *SHARE),
        "one context only": over_replicates({name: one.auroc_positive for name, one in found.items()}, drugs, *SHARE),
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

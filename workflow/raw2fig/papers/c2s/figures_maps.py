"""Figures of C2S-Scale with maps of cells: annotation and embeddings, real and predicted cells (Fig. 3, 5B, 8D)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.annotate import METHOD
from raw2fig.papers.c2s.measures import MATCHES, RANDOM, matching, mean
from raw2fig.papers.c2s.predictions import CONDITION, read_annotations
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, bars_with_intervals, canvas, legend_above
from raw2fig.stats import proportion
from raw2fig.step import Input, figure
from raw2fig.tables import read_table, read_tables

if TYPE_CHECKING:
    import pandas as pd

COORDINATES = {"umap1": "number", "umap2": "number"}
NAMES = {"logistic": "logistic\nregression", "knn": "nearest\nneighbours", "majority": "most\ncommon"} | {
    "SFT": "C2S",
    "no_change": "no change",
    "additive_shift": "additive shift",
    "gaussian_monge": "Gaussian Monge map",
}
"""What figures call the methods of the tables."""
OTHER = "other"
"""A predicted type that there is not."""


@figure
def fig_annotation(
    *,
    predictions: list[Input],
    classifiers: Input,
    matches: list[Input],
    coordinates: Input,
) -> Drawing:
    """Fig. 3 and 5B: annotation and matching to pseudobulks beside baselines, and a map of the model's embeddings.

    Parameters
    ----------
    predictions
        Predicted types of the model, one table for each replicate.
    classifiers
        Predicted types of classifiers that are fitted to the reference.
    matches
        FOSCTTM of embeddings and of log-expression, one table for each replicate.
    coordinates
        UMAP of the held-out cells by the model of one replicate.
    """
    import pandas as pd

    frame, baselines = read_annotations(predictions), read_annotations([classifiers])
    shares = {METHOD: mean(frame)}
    for method, part in baselines.groupby("method", sort=False):
        shares[str(method)] = proportion(int(part["value"].sum()), len(part))
    pairs = read_tables(matches, MATCHES)
    fractions = {str(method): matching(pairs, method) for method in pairs["method"].unique()}
    cells = read_table(coordinates, {"cell_type": "string", "predicted": "string", **COORDINATES})

    fig, (maps, bars) = canvas(8.6, 7.8, rows=2, cols=2)
    types = sorted(set(cells["cell_type"]))
    known = {name.lower(): name for name in types}
    cells["predicted"] = cells["predicted"].str.lower().map(known).fillna(OTHER)
    for ax, column, title in zip(maps, ("cell_type", "predicted"), ("true type", "predicted type"), strict=True):
        for index, kind in enumerate([*types, OTHER]):
            part = cells[cells[column] == kind]
            if len(part):
                style = {"color": PALETTE[index % len(PALETTE)], "marker": MARKERS[index % len(MARKERS)]}
                ax.scatter(part["umap1"], part["umap2"], s=14, alpha=0.8, linewidths=0, label=kind, **style)
        ax.set(xlabel="UMAP 1", ylabel="UMAP 2", title=f"embeddings by {title}", xticks=[], yticks=[])
    legend_above(fig, maps)
    bars_with_intervals(bars[0], [NAMES.get(name, name) for name in shares], {"accuracy": list(shares.values())})
    bars[0].set(ylabel="accuracy on held-out cells", ylim=(0, 1), title="cell type annotation (higher is better)")
    bars_with_intervals(bars[1], list(fractions), {"FOSCTTM": list(fractions.values())})
    bars[1].axhline(RANDOM, color=NEUTRAL, linestyle="--")
    bars[1].text(-0.45, RANDOM + 0.01, "random matches", color=NEUTRAL, fontsize=8)
    bars[1].set(ylabel="FOSCTTM", ylim=(0, 0.6), title="cells to their pseudobulks (lower is better)")
    rows = [{"panel": "accuracy", "method": name, **share._asdict()} for name, share in shares.items()]
    rows += [{"panel": "foscttm", "method": name, **value._asdict()} for name, value in fractions.items()]
    table = pd.concat([pd.DataFrame(rows), cells.assign(panel="umap")], ignore_index=True)
    n = next(iter(fractions.values())).n
    items = f"{len(cells)} held-out cells, {n} pairs of a cell and a pseudobulk"
    intervals = "95 % intervals over replicates (classifiers: Wilson, over cells); maps: the first replicate"
    return Drawing(fig, table, items, frame["replicate"].nunique(), intervals)


@figure
def fig_cells(*, coordinates: Input) -> Drawing:
    """Fig. 8D: real and predicted cells of held-out conditions on one map.

    Parameters
    ----------
    coordinates
        UMAP of real and predicted cells of one replicate.
    """
    import pandas as pd

    kinds = dict.fromkeys(("source", "tier", *CONDITION), "string")
    cells = read_table(coordinates, kinds | COORDINATES)
    methods = [name for name in cells["source"].unique() if name != "real"]
    if not methods or len(methods) == cells["source"].nunique():
        raise InputError(coordinates, "real or predicted cells are absent", "both")
    held_out = cells[["tier", *CONDITION]].drop_duplicates().sort_values(["tier", *CONDITION])
    tiers = sorted(set(held_out["tier"]))
    # one of the first tier and one of the next: B under IFNB+IL6 and T under IFNG in the default design, as the paper
    singles = (held_out[held_out["tier"] == tiers[0]].iloc[0], held_out[held_out["tier"] == tiers[:2][-1]].iloc[-1])
    panels: dict[str, Any] = {f"all {len(held_out)} held-out conditions": None}
    panels |= {" ".join(row[CONDITION]): row for row in singles}
    fig, grid = canvas(2.7 * len(methods), 2.7 * len(panels), rows=len(panels), cols=len(methods))
    grid = np.reshape(grid, (len(panels), len(methods)))
    points = []
    for line, (panel, row) in zip(grid, panels.items(), strict=True):
        here = cells if row is None else cells[(cells[CONDITION] == row[CONDITION]).all(axis=1)]
        for ax, method in zip(line, methods, strict=True):
            for source, colour, marker in (("real", NEUTRAL, "o"), (method, PALETTE[1], "^")):
                part = here[here["source"] == source]
                style = {"color": colour, "marker": marker, "s": 4 if row is None else 14, "rasterized": True}
                label = "real cells" if source == "real" else "predicted cells"
                ax.scatter(part["umap1"], part["umap2"], alpha=0.5, linewidths=0, label=label, **style)
                points.append(part[[*COORDINATES]].assign(panel=panel, method=method, source=source))
            ax.set(xlim=_limits(here["umap1"]), ylim=_limits(here["umap2"]), xticks=[], yticks=[])
            ax.set_title(f"{NAMES.get(method, method)}:\n{panel}", fontsize=8)
        line[0].set_ylabel("UMAP 2")
    for ax in grid[-1]:
        ax.set_xlabel("UMAP 1")
    legend_above(fig, grid[1:2].flat)
    n = cells.groupby(["source", *CONDITION]).size().max()
    items = f"{n} cells x {len(held_out)} held-out conditions, real and per method"
    intervals = "every cell a point; the panels of a row show one part of one map"
    return Drawing(fig, pd.concat(points, ignore_index=True), items, intervals=intervals)


def _limits(values: pd.Series) -> tuple[float, float]:
    """The range of `values` and a margin."""
    margin = 0.05 * float(np.ptp(values)) + 1e-6
    return float(values.min()) - margin, float(values.max()) + margin

"""Scores of pretrained models against the share of junk that they read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.brain_rot.figures_pretrained import name_axes, number_of_replicates, unit_of, with_mean
from raw2fig.papers.brain_rot.plan_pretrained import DOSES, OFFICIAL
from raw2fig.papers.brain_rot.pretrained import is_detail, read_probes
from raw2fig.plotting import MARKERS, PALETTE, Drawing, canvas, legend_above
from raw2fig.stats import over_replicates
from raw2fig.step import Input, figure
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    from pandas import DataFrame

LINES = ("-", "--", ":", "-.")
"""One for each definition of junk."""
ACROSS = 3
"""Panels side by side."""


def curves(scores: DataFrame) -> DataFrame:
    """Mean over replicates, and its interval, of every measure at each share of junk, by the official schedule: columns
    model, definition, measure, ratio, value, low, high, replicates. Definitions with fewer shares are left out."""
    import pandas as pd

    table = rows_where(with_mean(scores), **dict(zip(("schedule", "eos", "loss"), OFFICIAL, strict=True)))
    rows = []
    for (model, definition, what), part in table.groupby(["model", "definition", "what"], sort=False):
        if part["ratio"].nunique() < DOSES or is_detail(what):
            continue
        for ratio, at in part.groupby("ratio"):
            found = over_replicates(dict(zip(at["replicate"], at["score"], strict=True)))
            about = {"model": model, "definition": definition, "measure": what, "ratio": ratio}
            rows.append(about | {"value": found.value, "low": found.low, "high": found.high, "replicates": len(at)})
    return pd.DataFrame(rows)


@figure
def fig_pretrained_dose(*, scores: Input) -> Drawing:
    """Draw scores of pretrained models against the share of junk that they read, by the official schedule.

    Parameters
    ----------
    scores
        Scores of all models, replicates and arms.
    """
    plotted = curves(read_probes(scores))
    measures, models, definitions = (list(plotted[name].unique()) for name in ("measure", "model", "definition"))
    columns = min(ACROSS, len(measures))
    rows = -(-len(measures) // columns)
    fig, axes = canvas(3.1 * columns, 1.4 + 2.5 * rows, rows=rows, cols=columns)
    panels = np.atleast_1d(axes).ravel()
    for empty in panels[len(measures) :]:
        empty.set_axis_off()
    for ax, what in zip(panels, measures, strict=False):
        for (model, definition), part in rows_where(plotted, measure=what).groupby(["model", "definition"], sort=False):
            colour = PALETTE[models.index(model) % len(PALETTE)]
            place = definitions.index(definition) % len(LINES)
            label = definition if len(models) == 1 else f"{model}, {definition}"
            ax.fill_between(part["ratio"], part["low"], part["high"], color=colour, alpha=0.15, linewidth=0)
            ax.plot(part["ratio"], part["value"], LINES[place], marker=MARKERS[place], color=colour, label=label)
        ax.set_ylabel(unit_of(what))
        name_axes(ax, what, "share of junk")
    legend_above(fig, panels, "More junk, as many tokens")
    note = f"{number_of_replicates(plotted['replicates'])}; bands: 95 % t intervals over replicates"
    return Drawing(fig, plotted, "", note=note)

"""Figure of routers with other settings: the trade-off of accuracy and layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.papers.dr_llm.ablations import FACTORS
from raw2fig.papers.dr_llm.runs import read_ablations
from raw2fig.plotting import Drawing, canvas, line_with_band, points_with_intervals
from raw2fig.stats import over_replicates
from raw2fig.step import Input, figure
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

TITLES = {
    "hidden": "width of the hidden layers",
    "linear_layers": "linear maps",
    "windows": "windows",
    "loss": "loss",
    "states": "states that are read",
}


def values(rows: pd.DataFrame, column: str) -> dict[Any, float]:
    """Replicate → its value."""
    return dict(zip(rows["replicate"], rows[column], strict=True))


@figure
def fig_ablations(*, ablations: Input) -> Drawing:
    """Draw the change of accuracy against layers for routers with one setting changed at a time, and their labels.

    Parameters
    ----------
    ablations
        Rows of all replicates.
    """
    rows = read_ablations(ablations)
    factors = [factor for factor in FACTORS if (rows["factor"] == factor).any()]
    fig, grid = canvas(2.75 * len(factors), 6.0, rows=2, cols=len(factors))
    axes = np.asarray(grid).reshape(2, -1)
    for place, factor in enumerate(factors):
        mine = rows_where(rows, factor=factor)
        names = list(mine["value"].unique())
        upper, lower = axes[0][place], axes[1][place]
        for index, name in enumerate(names):
            arm = rows_where(mine, value=name)
            knobs = sorted(arm["knob"].unique())
            at = [rows_where(arm, knob=knob) for knob in knobs]
            layers = [over_replicates(values(one, "layers")).value for one in at]
            changes = [over_replicates(values(one, "change"), least=-1, most=1) for one in at]
            line_with_band(upper, layers, changes, name, index)
            # the mean over labels jumps where repeats are neither held out nor said
            said = over_replicates(values(at[0], "f1_skip"), least=0, most=1)
            points_with_intervals(lower, [index], [said], "", index)
        upper.set_title(TITLES[factor], fontsize=9)
        upper.set_xlabel("layers per token")
        upper.legend(fontsize=7, loc="lower right")
        lower.set_xticks(range(len(names)), names)
        lower.set_xlim(-0.5, len(names) - 0.5)
        lower.set_ylim(0, 1)
    axes[0][0].set_ylabel("accuracy, less that of all layers")
    axes[1][0].set_ylabel("F1 of held-out skips")
    fig.suptitle("Routers with one setting changed at a time, in the miniature", x=0.01, ha="left", fontsize=11)
    number = rows["replicate"].nunique()
    knobs_drawn = ", ".join(f"{knob:g}" for knob in sorted(rows["knob"].unique()))
    note = f"{number} replicates; bands and whiskers: 95 % t intervals over replicates; knobs {knobs_drawn}"
    return Drawing(fig, rows, "", note=note)

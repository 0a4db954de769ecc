"""Effect sizes of four models: as the paper's Fig. 3 computes them beside the usual Hedges' g."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.brain_rot.effects import g_paired, g_usual, paired_effect, resampled, usual_effect
from raw2fig.papers.brain_rot.published import COMPARED, CORE, DEFINITIONS, METRICS, arms, read_effects, read_scores
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas, legend_above
from raw2fig.published import number_in
from raw2fig.stats import SEED
from raw2fig.step import Input, figure, table
from raw2fig.tables import Table, rows_where

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

BEYOND = 0.3
"""Size of an effect that the paper speaks of."""
CLIP = 1.5
"""Where Fig. 3 ends."""
SHIFT = 0.18
"""Height of a marker above or below its row."""


def effects_of(scores: pd.DataFrame, printed: pd.DataFrame) -> pd.DataFrame:
    """A row for each metric and definition of junk: the effect as printed, as recomputed with the interval of the paper
    and that of the noncentral t distribution, the usual Hedges' g with its interval, and the same with the exact
    factor."""
    import pandas as pd

    rows = []
    for metric in COMPARED:
        for definition in DEFINITIONS:
            pair = arms(scores, metric, definition)
            ours, paired, usual = resampled(*pair, SEED), paired_effect(*pair), usual_effect(*pair)
            row = {
                "metric": METRICS[metric],
                "definition": definition,
                "lower_is_better": bool(rows_where(printed, metric=metric)["lower_is_better"].iloc[0]),
                "printed": number_in(printed, metric=metric, definition=definition),
                "paired": g_paired(*pair),
                "paired_low_90": ours.low,
                "paired_high_90": ours.high,
                "paired_low_95": paired.low,
                "paired_high_95": paired.high,
                "usual": g_usual(*pair),
                "usual_low_95": usual.low,
                "usual_high_95": usual.high,
                "usual_exact": g_usual(*pair, exact=True),
                "core": metric in CORE,
            }
            rows.append(row)
    return pd.DataFrame(rows)


@table
def table_effects(*, scores: Input, effects: Input) -> Table:
    """The 28 effects of Fig. 3: as printed, as recomputed, and as the usual Hedges' g.

    Parameters
    ----------
    scores
        Published scores of four models.
    effects
        Effects as printed.
    """
    found = effects_of(read_scores(scores), read_effects(effects))
    return Table(found.drop(columns="core"))


@figure
def fig_effect_sizes(*, scores: Input, effects: Input) -> Drawing:
    """Fig. 3 as the paper computes it, beside the usual Hedges' g of the same four models.

    Parameters
    ----------
    scores
        Published scores of four models.
    effects
        Effects as printed.
    """
    found = effects_of(read_scores(scores), read_effects(effects))
    core = found[found["core"]]
    beyond = [int((core[name].abs() > BEYOND).sum()) for name in ("paired", "usual")]
    fig, (left, right) = canvas(8.2, 5.6, cols=2)
    _forest(left, found, "paired", 90)
    _forest(right, found, "usual", 95)
    places = _places(found, "M1"), _places(found, "M2")
    for index, (definition, place) in enumerate(zip(DEFINITIONS, places, strict=True)):
        mine = rows_where(found, definition=definition)
        label = "printed in Fig. 3" if index == 0 else ""
        left.plot(mine["printed"], place, "|", color="black", markersize=10, label=label or "_nolegend_")
    left.set_title(f"As Fig. 3: {beyond[0]} of {len(core)} beyond {BEYOND}")
    right.set_title(f"Usual Hedges' g: {beyond[1]} of {len(core)} beyond {BEYOND}")
    right.tick_params(axis="y", labelleft=False)
    message = "Reasoning and long context (the first four rows): how large the effect is depends on the measure"
    legend_above(fig, (left,), message)
    note = (
        "4 models, each once per arm; 90 % bootstrap intervals over models on the left, as in the paper, 95 % "
        f"intervals by the noncentral t distribution on the right, both drawn to {CLIP}; bands end at 0.2 and 0.5"
    )
    return Drawing(fig, found, "", note=note)


def _places(found: pd.DataFrame, definition: str) -> np.ndarray:
    """Heights of the markers of a definition, from the top row down."""
    return -np.arange(found["metric"].nunique()) + (SHIFT if definition == DEFINITIONS[0] else -SHIFT)


def _forest(ax: Axes, found: pd.DataFrame, measure: str, level: int) -> None:
    """Effects with their intervals, a row for each metric, over bands of small effects."""
    for size, shade in ((0.5, "#eeeeee"), (0.2, "#dddddd")):
        ax.axvspan(-size, size, color=shade, zorder=0, linewidth=0)
    ax.axvline(0, color=NEUTRAL, linewidth=1)
    for index, definition in enumerate(DEFINITIONS):
        mine = rows_where(found, definition=definition)
        place = _places(found, definition)
        low, high = (mine[f"{measure}_{end}_{level}"].to_numpy() for end in ("low", "high"))
        ax.hlines(place, low.clip(-CLIP, CLIP), high.clip(-CLIP, CLIP), color=PALETTE[index], alpha=0.45, linewidth=4)
        ax.plot(mine[measure], place, MARKERS[index], color=PALETTE[index], label=f"{definition} junk")
    one = found.drop_duplicates("metric")
    names = one["metric"] + np.where(one["lower_is_better"], " ↓", "")
    ax.set_yticks(-np.arange(len(names)), names)
    ax.set(xlim=(-CLIP - 0.05, CLIP + 0.05), xlabel="junk less control, in standard deviations")
    ax.grid(axis="y", visible=False)

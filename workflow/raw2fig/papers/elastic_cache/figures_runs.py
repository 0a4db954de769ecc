"""Figures and tables of our own runs: work and exactness of all methods, ablations, motivation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.elastic_cache.runs import (
    DISTANCES,
    arms_of,
    label,
    measured,
    read_benchmarks,
    read_layers,
    read_measured,
)
from raw2fig.plotting import NEUTRAL, PALETTE, Drawing, canvas, legend_above, line_with_band, points_with_intervals
from raw2fig.stats import Estimate, Z, over_replicates
from raw2fig.step import Input, figure, table
from raw2fig.tables import Table, as_markdown, read_table, rows_where

if TYPE_CHECKING:
    import pandas as pd

SHARES = ("accuracy", "agreement")
"""Measures between 0 and 1."""
NAMES = {
    "accuracy": "right answers",
    "forwards": "forwards",
    "updates": "token-layer updates",
    "divergence": "KL from an exact forward, nats",
    "update_frequency": "update frequency",
    "tokens_per_forward": "tokens per forward",
}


def estimate(rows: pd.DataFrame, arm: str, measure: str) -> Estimate:
    """Mean over replicates of a measure of an arm."""
    if measure in SHARES:
        return over_replicates(measured(rows, arm, measure), least=0, most=1)
    return over_replicates(measured(rows, arm, measure), least=0)


def _note(rows: pd.DataFrame) -> str:
    number = rows["replicate"].nunique()
    return f"{number} replicate{'s' if number > 1 else ''}; whiskers and bands: 95 % t intervals over replicates"


@figure
def fig_methods(*, measured: Input) -> Drawing:
    """Draw right answers, forwards and work of all methods, with one token a step and in parallel.

    Parameters
    ----------
    measured
        Rows of all replicates.
    """
    rows = read_measured(measured)
    panels = [(panel, arms_of(rows, panel)) for panel in ("one", "parallel")]
    shown = ("accuracy", "forwards", "updates")
    fig, axes = canvas(11.0, 3.8, cols=len(shown))
    names = [
        f"{label(arm)}, {'one token a step' if panel == 'one' else 'parallel'}"
        for panel, arms in panels
        for arm in arms
    ]
    arms = [arm for _, some in panels for arm in some]
    places = [-place - 0.6 * (arm.startswith("parallel/")) for place, arm in enumerate(arms)]
    for ax, measure in zip(axes, shown, strict=True):
        found = [estimate(rows, arm, measure) for arm in arms]
        colours = [PALETTE[0] if arm.startswith("one/") else PALETTE[1] for arm in arms]
        values = [one.value for one in found]
        ax.barh(places, values, 0.7, color=colours)
        whiskers = [[one.value - one.low for one in found], [one.high - one.value for one in found]]
        ax.errorbar(values, places, xerr=np.nan_to_num(np.array(whiskers)), fmt="none", color=NEUTRAL, linewidth=1)
        ax.set_xlabel(NAMES[measure] + (" of an answer" if measure != "accuracy" else ""))
        ax.set_yticks(places, names if measure == shown[0] else [""] * len(names))
        ax.grid(axis="y", visible=False)
    fig.suptitle("The same prompts, tokens and stops for all methods", x=0.01, ha="left", fontsize=11)
    return Drawing(fig, rows[rows["arm"].isin(arms)], "", note=_note(rows))


@figure
def fig_exactness(*, measured: Input) -> Drawing:
    """Draw exactness against work for Elastic-Cache at settings of gamma, and for refreshing at intervals.

    Parameters
    ----------
    measured
        Rows of all replicates.
    """
    rows = read_measured(measured)
    shown = ("divergence", "agreement", "accuracy")
    fig, axes = canvas(11.0, 3.6, cols=len(shown))
    for ax, measure in zip(axes, shown, strict=True):
        for index, (panel, name) in enumerate((("gamma", "Elastic-Cache, gamma"), ("interval", "intervals"))):
            arms = sorted(arms_of(rows, panel), key=lambda arm: estimate(rows, arm, "updates").value)
            x = [estimate(rows, arm, "updates").value for arm in arms]
            found = [estimate(rows, arm, measure) for arm in arms]
            line_with_band(ax, x, found, name, index)
            named = -np.inf
            for place, one, arm in zip(x, found, arms, strict=True):
                if place - named > 0.03 * max(x):  # names of points that lie on each other cannot be read
                    beside = (2, 3 - 11 * index)
                    ax.annotate(label(arm), (place, one.value), fontsize=6, textcoords="offset points", xytext=beside)
                    named = place
        ax.set_xlabel("token-layer updates of an answer")
        ax.set_ylabel(NAMES.get(measure, "likeliest token as in an exact forward"))
    legend_above(fig, [axes[0]], "What gamma buys: work against exactness, one token a step")
    return Drawing(fig, rows[rows["arm"].str.startswith(("gamma/", "interval/"))], "", note=_note(rows))


@figure
def fig_settings(*, measured: Input) -> Drawing:
    """Draw right answers and forwards for settings of epsilon, of the window and of the tracked tokens.

    Parameters
    ----------
    measured
        Rows of all replicates.
    """
    rows = read_measured(measured)
    panels = [panel for panel in ("epsilon", "window", "track") if arms_of(rows, panel)]
    fig, axes = canvas(3.6 * len(panels), 5.6, rows=2, cols=len(panels))
    for column, panel in zip(np.asarray(axes).reshape(2, -1).T, panels, strict=True):
        arms = arms_of(rows, panel)
        for ax, measure in zip(column, ("accuracy", "forwards" if panel != "track" else "updates"), strict=True):
            points_with_intervals(ax, range(len(arms)), [estimate(rows, arm, measure) for arm in arms])
            ax.set_xticks(range(len(arms)), [label(arm) for arm in arms])
            ax.set_ylabel(NAMES[measure])
        column[0].set_title({"track": "tracked tokens"}.get(panel, panel), fontsize=9)
    fig.suptitle("Elastic-Cache with one setting changed, in the miniature", x=0.01, ha="left", fontsize=11)
    shown = [arm for panel in panels for arm in arms_of(rows, panel)]
    return Drawing(fig, rows[rows["arm"].isin(shown)], "", note=_note(rows))


@figure
def fig_motivation(*, layers: Input, distances: Input) -> Drawing:
    """Draw what an exact decoder shows: attention to far masks, drift by layer, the tracked token, and similarity.

    Parameters
    ----------
    layers
        Rows of all replicates by layer.
    distances
        Rows of all replicates by distance.
    """
    import pandas as pd

    rows, far = read_layers(layers), read_table(distances, DISTANCES)
    fig, axes = canvas(11.0, 3.4, cols=4)
    numbers = sorted(rows["layer"].unique())

    def by(frame: pd.DataFrame, key: str, value: int, column: str) -> Estimate:
        mine = frame[frame[key] == value].dropna(subset=[column])
        least = -1 if column == "correlation" else 0
        most = float("inf") if column in ("mean", "tracked") else 1
        return over_replicates(dict(zip(mine["replicate"], mine[column], strict=True)), least=least, most=most)

    places = sorted(far["distance"].unique())
    line_with_band(axes[0], places, [by(far, "distance", place, "attention") for place in places])
    axes[0].set(xlabel="masks beyond the window", ylabel="attention they get")
    for index, (column, name) in enumerate((("mean", "known tokens"), ("tracked", "tracked token"))):
        points_with_intervals(axes[1], numbers, [by(rows, "layer", one, column) for one in numbers], name, index)
    axes[1].set(xlabel="layer", ylabel="drift of keys and values, 1 - cosine")
    axes[1].legend(fontsize=7)
    later = [one for one in numbers if one > 0]
    points_with_intervals(axes[2], later, [by(rows, "layer", one, "smaller") for one in later])
    axes[2].axhline(0.5, color=NEUTRAL, linewidth=1)
    axes[2].set(xlabel="layer", ylabel="steps in which the tracked token drifts less", ylim=(0, 1.02))
    told = [one for one in numbers if rows[rows["layer"] == one]["correlation"].notna().any()]
    points_with_intervals(axes[3], told, [by(rows, "layer", one, "correlation") for one in told])
    axes[3].axhline(0, color=NEUTRAL, linewidth=1)
    axes[3].set(xlabel="layer", ylabel="similarity of attention with drift (Spearman)", ylim=(-1, 1))
    fig.suptitle("What the method rests on, measured in an exact decoder", x=0.01, ha="left", fontsize=11)
    return Drawing(fig, pd.concat([rows, far], ignore_index=True), "", note=_note(rows))


@table
def table_methods(*, measured: Input) -> Table:
    """Every measure of all methods in the miniature, one token a step and in parallel.

    Parameters
    ----------
    measured
        Rows of all replicates.
    """
    return arms_table(read_measured(measured), ("one", "parallel", "stop"))


def arms_table(rows: pd.DataFrame, panels: Sequence[str]) -> Table:
    """A row for each arm of some panels, with all measures."""
    import pandas as pd

    arms = [arm for panel in panels for arm in arms_of(rows, panel)]
    shown: dict[str, str] = {
        "accuracy": ".3f",
        "tokens": ".1f",
        "tokens_as_published": ".1f",
        "inflation": ".2f",
        "forwards": ".1f",
        "tokens_per_forward": ".2f",
        "updates": ".0f",
        "flops": ".3g",
        "update_frequency": ".3f",
        "later_update_frequency": ".3f",
        "divergence": ".2g",
        "agreement": ".3f",
    }
    found, written = [], []
    for arm in arms:
        mine = rows[rows["arm"] == arm]
        there = [name for name in shown if (mine["measure"] == name).any()]
        told = {name: estimate(rows, arm, name) for name in there}
        about = {"arm": arm, "batch": int(mine["batch"].iloc[0]), "replicates": mine["replicate"].nunique()}
        found.append(
            about
            | {
                f"{name}{end}": value
                for name, one in told.items()
                for end, value in (("", one.value), (" low", one.low), (" high", one.high))
            }
        )
        written.append(
            about
            | {
                name: f"{one.value:{shown[name]}} [{one.low:{shown[name]}}, {one.high:{shown[name]}}]"
                for name, one in told.items()
            }
        )
    return Table(pd.DataFrame(found), as_markdown(pd.DataFrame(written).fillna("")))


@figure
def fig_benchmarks(*, harness: Input) -> Drawing:
    """Draw what released models score on benchmarks against true tokens per second, decoded in all ways.

    Parameters
    ----------
    harness
        Rows of all models.
    """
    rows = read_benchmarks(harness)
    first = rows.drop_duplicates(["model", "task", "arm"])
    panels = list(first[["model", "task"]].drop_duplicates().itertuples(index=False))
    fig, grid = canvas(3.4 * len(panels), 3.6, cols=len(panels))
    for ax, (model, task) in zip(np.atleast_1d(grid), panels, strict=True):
        mine = rows_where(first, model=model, task=task)
        for index, row in enumerate(mine.itertuples(index=False)):
            error = Z * row.error
            one = Estimate(row.value, row.value - error, row.value + error, int(row.n))
            points_with_intervals(ax, [row.tokens_per_second], [one], row.arm, index)
        ax.set(xlabel="tokens per second", ylabel=f"{mine['metric'].iloc[0]}, {task}", title=model, xscale="log")
    legend_above(fig, np.atleast_1d(grid)[:1], "Released models, the same count of tokens for all methods")
    return Drawing(fig, first, "", note="one run; whiskers: 95 % normal intervals over questions")


@table
def table_benchmarks(*, harness: Input) -> Table:
    """Benchmarks of released models, decoded in all ways, with what the same answers cost.

    Parameters
    ----------
    harness
        Rows of all models.
    """
    rows = read_benchmarks(harness)
    return Table(rows, as_markdown(rows.round(3)))

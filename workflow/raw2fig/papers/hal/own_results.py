"""What our own agents did: accuracy beside doing nothing, frontiers, flags against what was planted.

Estimates are means over replicates with the t interval over replicates: tasks, slips and plants are drawn anew in each.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.hal.agents import split
from raw2fig.papers.hal.benchmarks import BENCHMARKS
from raw2fig.papers.hal.detectors import DETECTORS
from raw2fig.papers.hal.frontier import hull
from raw2fig.papers.hal.runs import on_frontier
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, bars_with_intervals, canvas, legend_above
from raw2fig.stats import Estimate, over_replicates
from raw2fig.step import Input, figure, table
from raw2fig.tables import Table, read_tables

if TYPE_CHECKING:
    import pandas as pd

SCORES = {
    "replicate": "integer",
    "benchmark": "string",
    "agent": "string",
    "task": "string",
    "repeat": "integer",
    "status": "string",
    "score": "number",
    "calls": "integer",
    "actions": "integer",
    "tokens": "integer",
    "cost_list": "number",
    "seconds": "number",
}
FLAGS = {
    "replicate": "integer",
    "benchmark": "string",
    "agent": "string",
    "task": "string",
    "repeat": "integer",
    "detector": "string",
    "flagged": "boolean",
    "planted": "boolean",
    "success": "boolean",
}


def read_scores(paths: list[Path]) -> pd.DataFrame:
    """The scores of all replicates, with scaffold and model."""
    frame = read_tables(paths, SCORES)
    names = frame["agent"].map(split)
    return frame.assign(scaffold=names.str[0], model=names.str[1], course=frame["course"].fillna(""))


def by_agent(scores: pd.DataFrame, value: str = "score") -> pd.DataFrame:
    """Means of each replicate's first repeats: a row for each benchmark and agent, a column for each replicate."""
    once = scores[scores["repeat"] == 0]
    return once.pivot_table(value, ["benchmark", "scaffold", "model"], "replicate", sort=False)


def estimates(scores: pd.DataFrame) -> pd.DataFrame:
    """A row for each benchmark, scaffold and model: the mean score over replicates with its interval."""
    import pandas as pd

    wide = by_agent(scores)
    found = [over_replicates(row, least=0, most=1)._asdict() for _, row in wide.iterrows()]
    return pd.DataFrame(found, index=wide.index).reset_index()


def over_defined(values: Mapping[int, float]) -> Estimate:
    """Mean of shares over those replicates in which there is one; NaN where there is none."""
    known = {replicate: value for replicate, value in values.items() if not np.isnan(value)}
    nan = float("nan")
    return over_replicates(known, least=0, most=1) if known else Estimate(nan, nan, nan, 0)


@table
def table_agents(*, scores: list[Input]) -> Table:
    """Our own agents: accuracy, with and without rollouts whose environment failed, and what a task costs. The model
    `nothing` is the baseline that does nothing.

    Parameters
    ----------
    scores
        Scores of all replicates.
    """
    frame = read_scores(scores)
    rows = estimates(frame).rename(columns={"value": "accuracy"})
    key = ["benchmark", "scaffold", "model"]
    held = frame[frame["status"] != "env_error"].groupby(key)["score"].mean().rename("without failed environments")
    rest = frame.groupby(key)[["cost_list", "tokens", "calls", "actions"]].mean()
    ends = frame.groupby(key)["status"].value_counts().unstack(fill_value=0).drop(columns="ok", errors="ignore")
    return Table(rows.join(held, on=key).join(rest, on=key).join(ends, on=key))


@figure
def fig_own_frontier(*, scores: list[Input]) -> Drawing:
    """Accuracy of our own agents against dollars and against tokens, with the frontier of each.

    Parameters
    ----------
    scores
        Scores of all replicates.
    """
    frame = read_scores(scores)
    rows = own_frontiers(frame)
    names = [name for name in BENCHMARKS if name in set(rows["benchmark"])]
    fig, grid = canvas(3.1 * len(names), 5.4, rows=2, cols=len(names))
    for axes, (cost, label) in zip(np.atleast_2d(grid), COSTS.items(), strict=True):
        for ax, name in zip(axes, names, strict=True):
            chosen = rows[rows["benchmark"] == name]
            for number, (scaffold, group) in enumerate(chosen.groupby("scaffold")):
                colour = PALETTE[number]
                ax.vlines(group[cost], group["low"], group["high"], color=colour, alpha=0.4)
                ax.plot(group[cost], group["value"], MARKERS[number], color=colour, label=scaffold, alpha=0.8)
            best = chosen[chosen[f"on {cost}"]].sort_values(cost)
            ax.plot([0, *best[cost]], [0, *best["value"]], color=NEUTRAL, linewidth=1, label="upper convex hull")
            # agents at one point share a name: its number stands for the others
            for _, same in best.groupby([best[cost].round(6), "value"], sort=False):
                one, more = same.iloc[0], f" (+{len(same) - 1})" if len(same) > 1 else ""
                place = one[cost], one["value"]
                ax.annotate(f"{one['model']}{more}", place, (3, -8), textcoords="offset points", fontsize=6)
            ax.set(xlabel=label, ylim=(-0.02, 1.02), title=BENCHMARKS[name].title if cost == "cost_list" else "")
        axes[0].set_ylabel("accuracy")
    legend_above(fig, np.ravel(grid))
    return Drawing(fig, rows, _items(frame), frame["replicate"].nunique(), "95 % intervals over replicates")


COSTS = {"cost_list": "notional dollars a task", "tokens": "tokens a task"}


def own_frontiers(frame: pd.DataFrame) -> pd.DataFrame:
    """Accuracy, dollars and tokens of a task for each benchmark and agent, and whether it is on the hull of either."""
    rows = estimates(frame)
    for cost in COSTS:
        rows[cost] = by_agent(frame, cost).mean(axis=1).to_numpy()
    renamed = rows.rename(columns={"value": "accuracy"})
    for cost in COSTS:
        rows[f"on {cost}"] = on_frontier(renamed, cost, hull)
    return rows


def _items(frame: pd.DataFrame) -> str:
    return f"{frame.groupby(['replicate', 'benchmark'])['task'].nunique().max()} tasks a benchmark"


MEASURES = ("precision", "recall")


def found_plants(flags: pd.DataFrame, detector: str) -> dict[str, Estimate]:
    """Precision and recall of a detector against what is planted, among the agents of whose rollouts some are planted
    with it. Rollouts of other agents hold no truth: an agent that slips may do the same by itself."""
    chosen = flags[flags["detector"] == detector]
    of = chosen[chosen.groupby("agent")["planted"].transform("any")]
    both = of["planted"] & of["flagged"]
    counts = of.assign(both=both).groupby("replicate")[["planted", "flagged", "both"]].sum().astype(float)
    precision, recall = counts["both"] / counts["flagged"], counts["both"] / counts["planted"]
    return {"precision": over_defined(precision.to_dict()), "recall": over_defined(recall.to_dict())}


def read_flags(paths: list[Path]) -> pd.DataFrame:
    """The flags of all replicates."""
    return read_tables(paths, FLAGS)


@figure
def fig_detectors(*, flags: list[Input]) -> Drawing:
    """How well deterministic detectors find the misbehaviour that was planted: precision and recall.

    Parameters
    ----------
    flags
        Flags of all replicates.
    """
    import pandas as pd

    frame = read_flags(flags)
    names = [name for name in DETECTORS if frame.loc[frame["detector"] == name, "planted"].any()]
    found = [found_plants(frame, name) for name in names]
    series = {measure: [one[measure] for one in found] for measure in MEASURES}
    fig, ax = canvas(8.0, 3.8)
    bars_with_intervals(ax, [name.replace(" ", "\n") for name in names], series)
    ax.set(ylim=(0, 1.05), title="Detectors against planted misbehaviour")
    legend_above(fig, [ax])
    rows = [
        {"detector": name, "measure": measure, **one._asdict()}
        for measure, of in series.items()
        for name, one in zip(names, of, strict=True)
    ]
    plants = int(frame["planted"].sum())
    return Drawing(fig, pd.DataFrame(rows), f"{plants:,} planted rollouts", frame["replicate"].nunique())

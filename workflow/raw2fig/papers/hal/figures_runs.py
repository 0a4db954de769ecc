"""Figures of runs: accuracy against cost with its frontier, effort, scaffolds, and what a run costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.papers.hal.frontier import hull, hull_paper
from raw2fig.papers.hal.runs import (
    BENCHMARKS,
    COSTS,
    GENERALIST,
    accuracy_of,
    effort_pairs,
    on_frontier,
    read_runs,
    scaffold_pairs,
)
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas, legend_above
from raw2fig.step import Input, figure, table
from raw2fig.tables import Table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLUMNS = 3
"""Panels in a row."""


def _by_benchmark(runs: pd.DataFrame) -> tuple[Any, dict[str, Axes]]:
    """A panel for each benchmark, titled."""
    benchmarks = [name for name in BENCHMARKS if name in set(runs["benchmark"])]
    rows = -(-len(benchmarks) // COLUMNS)
    fig, grid = canvas(3.0 * COLUMNS, 0.5 + 2.4 * rows, rows=rows, cols=COLUMNS)
    axes = np.ravel(grid)
    for ax in axes[len(benchmarks) :]:
        ax.remove()
    for name, ax in zip(benchmarks, axes, strict=False):
        ax.set_title(BENCHMARKS[name][0])
    return fig, dict(zip(benchmarks, axes, strict=False))


def _frontiers(path: Path, cost: str) -> Drawing:
    """Accuracy against a cost on a logarithmic axis, a panel for each benchmark, with both frontiers of single runs."""
    runs = read_runs(path)
    runs = runs.assign(hull=on_frontier(runs, cost, hull), hull_paper=on_frontier(runs, cost, hull_paper))
    fig, axes = _by_benchmark(runs)
    for name, ax in axes.items():
        chosen = runs[runs["benchmark"] == name]
        for general, group in chosen.groupby(chosen["scaffold"] == GENERALIST):
            index, label = (1, "generalist") if general else (0, "specialist")
            ax.plot(group[cost], group["accuracy"], MARKERS[index], color=PALETTE[index], label=label, alpha=0.8)
        ours = chosen[chosen["hull"]].sort_values(cost)
        ax.plot(ours[cost], ours["accuracy"], color=NEUTRAL, label="upper convex hull with the origin")
        theirs = chosen[chosen["hull_paper"] & ~chosen["hull"]]
        style: Any = {"marker": "o", "linestyle": "", "mfc": "none", "mec": PALETTE[1], "markersize": 11}
        ax.plot(theirs[cost], theirs["accuracy"], label="on the frontier by the paper's code alone", **style)
        for _, run in ours.iterrows():
            ax.annotate(run["model"], (run[cost], run["accuracy"]), (3, -8), textcoords="offset points", fontsize=6)
        ax.set(xscale="log", ylim=(0, None))
        ax.margins(x=0.12)
    for ax in list(axes.values())[::COLUMNS]:
        ax.set_ylabel("accuracy")
    for ax in list(axes.values())[-COLUMNS:]:
        ax.set_xlabel(COSTS[cost])
    legend_above(fig, axes.values())
    columns = ["benchmark", "scaffold", "model", cost, "accuracy", "hull", "hull_paper"]
    return Drawing(fig, runs[columns], "", note=f"{len(runs)} runs, one for each point; no intervals")


@figure
def fig_cost_frontier(*, runs: Input) -> Drawing:
    """Figure 2: accuracy against dollars, and the runs that are worth their cost.

    Parameters
    ----------
    runs
        Table of runs.
    """
    return _frontiers(runs, "cost_usd")


@figure
def fig_token_frontier(*, runs: Input) -> Drawing:
    """Figure A2: accuracy against tokens, and the runs that are worth theirs.

    Parameters
    ----------
    runs
        Table of runs.
    """
    return _frontiers(runs, "tokens")


@figure
def fig_effort(*, runs: Input) -> Drawing:
    """Figure 3: accuracy with high less accuracy with low reasoning effort, for each benchmark, scaffold and family.

    Parameters
    ----------
    runs
        Table of runs.
    """
    pairs = effort_pairs(read_runs(runs))
    pairs["change"] = (pairs["accuracy_high"] - pairs["accuracy_low"]).round(6)
    pairs = pairs.sort_values("change", kind="stable").reset_index(drop=True)
    lower, equal, higher = (
        int(found.sum()) for found in (pairs["change"] < 0, pairs["change"] == 0, pairs["change"] > 0)
    )
    fig, ax = canvas(7.4, 6.6)
    families = sorted(set(pairs["family"]))
    for index, family in enumerate(families):
        mine = pairs[pairs["family"] == family]
        ax.barh(mine.index, mine["change"], color=PALETTE[index], label=family)
        ax.plot(mine["change"], mine.index, MARKERS[index], color=PALETTE[index])
    names = [f"{BENCHMARKS[row.benchmark][0]}, {row.scaffold}" for row in pairs.itertuples()]
    ax.set_yticks(range(len(pairs)), names, fontsize=6)
    ax.axvline(0, color=NEUTRAL)
    ax.set(xlabel="change of accuracy from low to high effort", ylim=(-0.7, len(pairs) - 0.3))
    ax.set_title(f"High effort: lower in {lower}, equal in {equal}, higher in {higher} of {len(pairs)} pairs")
    ax.legend()
    columns = ["benchmark", "scaffold", "family", "accuracy_low", "accuracy_high", "change"]
    return Drawing(fig, pairs[columns], "", note=f"{len(pairs)} pairs of single runs; no intervals")


@figure
def fig_scaffolds(*, runs: Input) -> Drawing:
    """Figure A3: the specialist of a benchmark against the generalist, accuracy and cost of each model with either.

    Parameters
    ----------
    runs
        Table of runs.
    """
    import pandas as pd

    frame = read_runs(runs)
    several = frame.groupby("benchmark")["scaffold"].agg(
        lambda names: GENERALIST in set(names) and len(set(names)) == 2
    )
    benchmarks = [name for name in BENCHMARKS if several.get(name, False)]
    tables = [scaffold_pairs(frame, name).assign(benchmark=name) for name in benchmarks]
    pairs = pd.concat(tables, ignore_index=True)
    fig, (left, right) = canvas(7.6, 3.9, cols=2)
    for ax, column in ((left, "accuracy"), (right, "cost_usd")):
        general, special = f"{column}_generalist", f"{column}_specialist"
        for index, (name, mine) in enumerate(pairs.groupby("benchmark", sort=False)):
            ax.plot(mine[general], mine[special], MARKERS[index], color=PALETTE[index], label=BENCHMARKS[str(name)][0])
        both = pairs[[general, special]].to_numpy()
        ax.plot([both.min(), both.max()], [both.min(), both.max()], color=NEUTRAL, linewidth=1)
    wins, cheaper = (
        (pairs["accuracy_specialist"] > pairs["accuracy_generalist"]).sum(),
        (pairs["cost_usd_generalist"] < pairs["cost_usd_specialist"]).sum(),
    )
    left.set(xlabel="accuracy of the generalist", ylabel="accuracy of the specialist")
    left.set_title(f"Specialist ahead in {wins} of {len(pairs)}")
    right.set(xlabel="US dollars, generalist", ylabel="US dollars, specialist", xscale="log", yscale="log")
    right.set_title(f"Generalist cheaper in {cheaper} of {len(pairs)}")
    legend_above(fig, (left, right))
    columns = [
        "benchmark",
        "model",
        *(f"{what}_{who}" for what in ("accuracy", "cost_usd") for who in ("specialist", "generalist")),
    ]
    return Drawing(fig, pairs[columns], "", note=f"{len(pairs)} pairs of single runs; no intervals")


@figure
def fig_run_cost(*, runs: Input) -> Drawing:
    """Figure A4: what a run of each benchmark costs, its mean over models and scaffolds, and each run.

    Parameters
    ----------
    runs
        Table of runs.
    """
    frame = read_runs(runs)
    costs = frame.groupby("benchmark")["cost_usd"].agg(["mean", "min", "max", "size"]).sort_values("mean").reset_index()
    fig, ax = canvas(6.4, 3.8)
    ax.barh(range(len(costs)), costs["mean"], color=PALETTE[0], alpha=0.5)
    for place, name in enumerate(costs["benchmark"]):
        own = frame.loc[frame["benchmark"] == name, "cost_usd"]
        ax.plot(own, np.full(len(own), place), "|", color=NEUTRAL)
    ax.set_yticks(range(len(costs)), [BENCHMARKS[name][0] for name in costs["benchmark"]])
    ax.set(xscale="log", xlabel="US dollars of a run: mean, and every run")
    ax.set_title(f"{len(frame)} runs cost {frame['cost_usd'].sum():,.0f} US dollars")
    return Drawing(fig, costs, "", note=f"{len(frame)} runs; no intervals")


@table
def table_leaderboard(*, runs: Input) -> Table:
    """Every run with its accuracy, Wilson's interval over the benchmark's tasks, cost, tokens and frontiers.

    Parameters
    ----------
    runs
        Table of runs.
    """
    frame = read_runs(runs)
    found = [accuracy_of(run.accuracy, BENCHMARKS[run.benchmark][1]) for run in frame.itertuples()]
    rows = frame.assign(
        low=[one.low for one in found],
        high=[one.high for one in found],
        on_hull=on_frontier(frame, "cost_usd", hull),
        on_hull_of_paper=on_frontier(frame, "cost_usd", hull_paper),
    )
    columns = [
        "benchmark",
        "scaffold",
        "model",
        "accuracy",
        "low",
        "high",
        "cost_usd",
        "tokens",
        "on_hull",
        "on_hull_of_paper",
    ]
    return Table(rows.sort_values(["benchmark", "accuracy"], ascending=[True, False])[columns])

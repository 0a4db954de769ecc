"""`raw2fig hal frontier`: which of your own runs are worth their cost."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.hal.frontier import hull, hull_paper, nondominated
from raw2fig.papers.hal.runs import accuracy_of, on_frontier
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas, save
from raw2fig.step import Input, Output, step
from raw2fig.tables import (
    check_magnitudes,
    distinct_columns,
    read_header,
    read_table,
    require_column,
    row_name,
    table_kind,
    usual_column,
    write_table,
)

if TYPE_CHECKING:
    import pandas as pd

ACCURACY = ("accuracy", "accuracy_pct", "score", "success_rate", "pass_rate", "resolved")
COST = ("cost_usd", "cost", "total_cost", "usd", "price", "tokens", "total_tokens")
NAME = ("name", "model", "agent", "agent_name", "run", "run_id")
TASKS = ("tasks", "n", "samples", "total_samples")
"""Names of columns, in any case, that need no flag."""


@step
def frontier(
    *,
    runs: Input,
    accuracy_col: str = "",
    cost_col: str = "",
    name_col: str = "",
    tasks_col: str = "",
    benchmark_col: str = "benchmark",
    table: Output = Path("hal-frontier.csv"),
    svg: Output = Path("hal-frontier.svg"),
    png: Output = Path("hal-frontier.png"),
    csv: Output = Path("hal-frontier-figure.csv"),
) -> None:
    """Tell which of your runs are worth their cost, on each benchmark by itself.

    The table has a row for each run, with its accuracy and its cost in whatever unit. Columns with usual names
    (accuracy, score, cost, tokens, model, ...) are found by themselves. An example: raw2fig hal frontier --runs
    my_runs.csv

    A run is not dominated if no other one is as cheap and as accurate and better in one of both. It is on the hull if
    no mixture of two other runs, or of a run and not running anything, is as accurate for its cost.

    Parameters
    ----------
    runs
        CSV or Parquet with a row for each run.
    accuracy_col
        Column of the accuracy, from 0 to 1 or in percent. Not needed for a usual name.
    cost_col
        Column of the cost: dollars, tokens, seconds. Not needed for a usual name.
    name_col
        Column that names a run. Not needed for a usual name.
    tasks_col
        Column of the number of tasks, with which accuracies get intervals. Not needed for a usual name.
    benchmark_col
        Column of the benchmark. Without it all runs are of one.
    table
        The runs with the further columns nondominated, hull and hull_paper (as the paper's code has it, which keeps a
        run that is as accurate as a cheaper one), and low and high of the accuracy if the number of tasks is known.
    svg
        The figure of all runs with their frontiers.
    png
        The same figure as an image.
    csv
        The values that it shows.
    """
    table_kind(table)  # refused before any work
    there = read_header(runs)
    columns = {
        "accuracy": accuracy_col or usual_column(runs, there, ACCURACY, "accuracy", "--accuracy-col"),
        "cost": cost_col or usual_column(runs, there, COST, "cost", "--cost-col"),
        "name": name_col or usual_column(runs, there, NAME, "name", "--name-col", needed=False),
        "tasks": tasks_col or usual_column(runs, there, TASKS, "number of tasks", "--tasks-col", needed=False),
        "benchmark": benchmark_col if benchmark_col in there else "",
    }
    frame = read_own(runs, columns)
    found = on_frontiers(frame)
    write_table(found, table)
    save(_drawing(found), "", svg, png, csv)


def read_own(path: Path, columns: dict[str, str]) -> pd.DataFrame:
    """The runs of a table as the columns benchmark, name, accuracy, cost and, where it is known, tasks; `columns` maps
    these to the columns of the table, empty where there is none.

    Raises `InputError` for a negative cost, an accuracy below 0 or above 100 %, and less than one task.
    """
    distinct_columns(path, {f"--{name}-col": column for name, column in columns.items()})
    kinds = {"accuracy": "number", "cost": "number", "name": "string", "tasks": "integer", "benchmark": "string"}
    wanted = {column: kinds[name] for name, column in columns.items() if column}
    for column in wanted:
        require_column(path, column, read_header(path))
    frame = read_table(path, wanted)
    check_magnitudes(path, frame, [columns["accuracy"], columns["cost"]])
    own = frame[list(wanted)].rename(columns={column: name for name, column in columns.items() if column})
    for name, least in (("accuracy", 0), ("cost", 0), ("tasks", 1)):
        low = (own[name] < least).to_numpy() if name in own else np.zeros(1, dtype=bool)
        if low.any():
            row = int(low.argmax())
            raise InputError(
                path, f"{columns[name]} is {own[name].iloc[row]:g} in {row_name(row)}", f"at least {least}"
            )
    if own["accuracy"].max() > 100:
        row = int(own["accuracy"].argmax())
        raise InputError(
            path, f"{columns['accuracy']} is {own['accuracy'].iloc[row]:g} in {row_name(row)}", "at most 100 %"
        )
    if own["accuracy"].max() > 1:
        logging.warning("%s: %s is taken for percent and divided by 100", path, columns["accuracy"])
        own["accuracy"] = own["accuracy"] / 100
    names = own["name"] if "name" in own else [f"run {number}" for number in range(1, len(own) + 1)]
    return own.assign(name=names, benchmark=own.get("benchmark", "all runs"))


def on_frontiers(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs with the masks of all three frontiers, benchmark by benchmark, and Wilson's intervals."""
    masks = {mask.__name__: on_frontier(runs, "cost", mask) for mask in (nondominated, hull, hull_paper)}
    runs = runs.assign(**masks)
    if "tasks" in runs:
        found = [accuracy_of(run.accuracy, run.tasks) for run in runs.itertuples()]
        runs = runs.assign(low=[one.low for one in found], high=[one.high for one in found])
    return runs


def _drawing(runs: pd.DataFrame) -> Drawing:
    """Accuracy against cost, a colour for each benchmark, with its hull."""
    fig, ax = canvas(7.0, 4.6)
    for number, (benchmark, group) in enumerate(runs.groupby("benchmark", sort=False)):
        colour, marker = PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)]
        if "low" in group:
            ax.vlines(group["cost"], group["low"], group["high"], color=colour, alpha=0.4)
        ax.plot(group["cost"], group["accuracy"], marker, color=colour, label=str(benchmark))
        best = group[group["hull"]].sort_values("cost")
        ax.plot([0.0, *best["cost"]], [0.0, *best["accuracy"]], color=colour, linewidth=1, label="_nolegend_")
        for run in best.itertuples():
            ax.annotate(run.name, (run.cost, run.accuracy), (3, 3), textcoords="offset points", fontsize=7)
    ax.axhline(0, color=NEUTRAL, linewidth=0.6)
    ax.set(xlabel="cost", ylabel="accuracy")
    ax.set_title(f"{int(runs['hull'].sum())} of {len(runs)} runs are worth their cost")
    ax.legend()
    how = "95 % intervals over tasks" if "low" in runs else "no intervals: the number of tasks is not known"
    return Drawing(fig, runs, "", note=f"{len(runs)} runs · {how} · lines: upper convex hull with the origin")

"""Figures that compare arms: pass rates over compute, differences at the end, and quantities of the training log."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.scalerl.axes import compute_axis
from raw2fig.papers.scalerl.compare import common_budget, gain, read_rates
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas, legend_above, points_with_intervals
from raw2fig.step import Input, figure
from raw2fig.tables import read_table, read_yaml

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PASS_RATE = "pass_rate"
UNITS = {"staleness/mean": "updates", "ratio_gap": "|ratio - 1|", "entropy": "nats per token", "retired": "prompts"} | {
    "kept": "share of groups",
    "truncated": "share of completions",
    "interrupted": "share of completions",
}
"""Labels of the logged quantities' axes."""
SMOOTH = 5
"""Updates over which a quantity of the log is averaged."""


@figure
def fig_arms(*, figures: Input, panels: str, runs: Input, problems: Input, updates: Input) -> Drawing:
    """Draw one of the figures that compare arms (2, 4, 5, 6, 9, 10, 14, 16, 19, 20).

    Parameters
    ----------
    figures
        YAML file: name of a figure → its panels, each with title, metric and arms.
    panels
        Name of the figure in that file.
    runs
        Points of all runs.
    problems
        Pass rates of single problems.
    updates
        Training logs of all runs.
    """
    import pandas as pd

    chosen = read_panels(figures, panels)
    points = read_table(runs, {"arm": "string", "seed": "integer", "rollouts": "integer", "compute": "number"})
    rates, log = read_rates(problems), read_table(updates, {"arm": "string", "seed": "integer", "rollouts": "integer"})
    # an arm has one colour throughout a figure
    order = {arm: place for place, arm in enumerate(dict.fromkeys(arm for panel in chosen for arm in panel["arms"]))}
    absent = [arm for arm in order if arm not in set(points["arm"])]
    if absent:
        raise InputError(runs, f"no run of {', '.join(absent)}", f"the arms of figure {panels}")
    places = sum(2 if panel["metric"] == PASS_RATE else 1 for panel in chosen)
    fig, grid = canvas(9.6, 0.6 + 2.9 * -(-places // 2), rows=-(-places // 2), cols=2)
    axes = iter(list(np.reshape(grid, -1)))
    drawn, rows = [], []
    for panel in sorted(chosen, key=lambda panel: panel["metric"] != PASS_RATE):
        ax = next(axes)
        ax.set_title(panel["title"])
        drawn.append(ax)
        if panel["metric"] == PASS_RATE:
            rows += _curves(ax, points, rates, panel, order)
            rows += _differences(next(axes), rates, panel, order)
        else:
            rows += _logged(ax, log, panel, order)
    for ax in axes:
        ax.set_visible(False)
    legend_above(fig, drawn)
    shown = rates[rates["arm"].isin(list(order))]
    items = f"{shown['problem'].nunique()} held-out problems"
    intervals = (
        "95 % intervals over problems and seeds (right); thin lines: single seeds; FLOPs: 2 N per token drawn, 6 N per "
        "token trained"
    )
    return Drawing(fig, pd.DataFrame(rows), items, shown["seed"].nunique(), intervals)


def read_panels(path: Path, name: str) -> list[dict[str, Any]]:
    """Panels of a figure. Raises `InputError` for a figure that is not there, and for a panel of another form."""
    figures = read_yaml(path)
    if not isinstance(figures, dict) or name not in figures:
        raise InputError(path, f"has no figure {name!r}", f"one of {', '.join(figures)}")
    for panel in figures[name]:
        if not isinstance(panel, dict) or set(panel) != {"title", "metric", "arms"} or len(panel["arms"]) < 2:
            raise InputError(path, f"figure {name!r} has the panel {panel}", "title, metric, and two arms or more")
    return figures[name]


def _curves(
    ax: Axes, points: pd.DataFrame, rates: pd.DataFrame, panel: dict[str, Any], order: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Pass rate over compute up to the arms' common budget: a thin line per seed, and their mean."""
    last, rows = common_budget(rates, panel["arms"]), []
    for arm in panel["arms"]:
        mine = points[(points["arm"] == arm) & (points["rollouts"] <= last)]
        colour, marker = PALETTE[order[arm] % len(PALETTE)], MARKERS[order[arm] % len(MARKERS)]
        for _, run in mine[mine["rollouts"] > 0].groupby("seed"):
            ax.plot(run["compute"], run[PASS_RATE], color=colour, linewidth=0.6, alpha=0.6)
        mean = mine.groupby("rollouts")[["compute", PASS_RATE]].mean()
        seen = mean[mean.index > 0]
        ax.plot(seen["compute"], seen[PASS_RATE], color=colour, marker=marker, label=arm)
        rows += [
            {"panel": panel["title"], "kind": "point", "arm": arm, "seed": seed, "x": compute, "value": rate}
            for seed, compute, rate in mine[["seed", "compute", PASS_RATE]].itertuples(index=False, name=None)
        ]
    start = points[(points["arm"] == panel["arms"][0]) & (points["rollouts"] == 0)][PASS_RATE].iloc[0]
    ax.axhline(start, color=NEUTRAL, linewidth=1, linestyle=":")
    ax.set(ylabel="pass rate")
    compute_axis(ax)
    return rows


def _differences(
    ax: Axes, rates: pd.DataFrame, panel: dict[str, Any], order: Mapping[str, int]
) -> list[dict[str, Any]]:
    """What each arm has over the first at their common budget, with intervals."""
    base, last, rows = panel["arms"][0], common_budget(rates, panel["arms"]), []
    ax.axhline(0, color=NEUTRAL, linewidth=1)
    for index, arm in enumerate(panel["arms"][1:], 1):
        found = gain(rates, base, arm, last)
        points_with_intervals(ax, [index], [found], index=order[arm])
        rows.append({"panel": panel["title"], "kind": "difference", "arm": arm, "x": last, **found._asdict()})
    ax.set_xticks(range(1, len(panel["arms"])), panel["arms"][1:])
    ax.set_xlim(0.4, len(panel["arms"]) - 0.4)
    ax.set(ylabel=f"pass rate minus that of {base}", title=f"after {last} rollouts")
    ax.grid(axis="x", visible=False)
    return rows


def _logged(ax: Axes, log: pd.DataFrame, panel: dict[str, Any], order: Mapping[str, int]) -> list[dict[str, Any]]:
    """A quantity of the log over the rollouts that all arms have: mean over seeds, running mean."""
    metric, rows = panel["metric"], []
    if metric not in log:
        raise InputError("metric", f"{metric} is not logged", f"one of {', '.join(map(str, log.columns))}")
    last = log[log["arm"].isin(panel["arms"])].groupby("arm")["rollouts"].max().min()
    for arm in panel["arms"]:
        mine = log[(log["arm"] == arm) & (log["rollouts"] <= last)]
        mean = mine.groupby("rollouts")[metric].mean()
        smooth = mean.rolling(SMOOTH, min_periods=1).mean()
        ax.plot(smooth.index, smooth, color=PALETTE[order[arm] % len(PALETTE)], label=arm)
        rows += [
            {"panel": panel["title"], "kind": metric, "arm": arm, "x": rollouts, "value": value}
            for rollouts, value in mean.items()
        ]
    ax.set(xlabel="rollouts", ylabel=UNITS.get(metric, metric))
    return rows

"""Figures that compare arms: pass rates over compute, differences at the end, and quantities of the training log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.scalerl.axes import compute_axis
from raw2fig.papers.scalerl.compare import CURVES, gain_after, shared
from raw2fig.papers.scalerl.panels import filled, read_panels
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas, legend_above, points_with_intervals
from raw2fig.stats import Estimate, over_replicates
from raw2fig.step import Input, figure
from raw2fig.tables import read_table

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
def fig_arms(*, figures: Input, panels: str, runs: Input, updates: Input) -> Drawing:
    """Draw one of the figures that compare arms (2, 4, 5, 6, 9, 10, 14, 16, 19, 20).

    Parameters
    ----------
    figures
        YAML file: name of a figure → its panels, each with title, metric and arms.
    panels
        Name of the figure in that file.
    runs
        Points of all runs.
    updates
        Training logs of all runs.
    """
    import pandas as pd

    points = read_table(runs, CURVES)
    whole = read_panels(figures, panels)
    chosen = filled(whole, set(points["arm"]))
    if not chosen:
        raise InputError(runs, f"has too few arms of figure {panels}", "two arms of one of its panels")
    log = read_table(updates, {"arm": "string", "replicate": "integer", "rollouts": "integer"})
    # an arm has one colour throughout a figure
    order = {arm: place for place, arm in enumerate(dict.fromkeys(arm for panel in chosen for arm in panel["arms"]))}
    places = sum(2 if panel["metric"] == PASS_RATE else 1 for panel in chosen)
    fig, grid = canvas(9.6, 0.6 + 2.9 * -(-places // 2), rows=-(-places // 2), cols=2)
    axes = iter(list(np.reshape(grid, -1)))
    drawn, rows = [], []
    for panel in sorted(chosen, key=lambda panel: panel["metric"] != PASS_RATE):
        ax = next(axes)
        ax.set_title(panel["title"])
        drawn.append(ax)
        if panel["metric"] == PASS_RATE:
            rows += _curves(ax, points, panel, order)
            rows += _differences(next(axes), points, panel, order)
        else:
            rows += _logged(ax, log, panel, order)
    for ax in axes:
        ax.set_visible(False)
    legend_above(fig, drawn)
    absent = sorted({arm for panel in whole for arm in panel["arms"]} - set(points["arm"]))
    intervals = "95 % intervals over replicates; FLOPs: 2 N per token drawn, 6 N per token trained"
    intervals += f"; not trained at this scale: {', '.join(absent)}" if absent else ""
    items = f"{points['problems'].max()} held-out problems"
    return Drawing(fig, pd.DataFrame(rows), items, points["replicate"].nunique(), intervals)


def _curves(ax: Axes, points: pd.DataFrame, panel: dict[str, Any], order: Mapping[str, int]) -> list[dict[str, Any]]:
    """Pass rate over compute up to the arms' common budget: mean over replicates, at their mean compute."""
    kept, rows = shared(points, panel["arms"]), []
    for arm in panel["arms"]:
        mine = points[(points["arm"] == arm) & points["rollouts"].isin(kept)]
        wide = mine.pivot(index="rollouts", columns="replicate", values=["compute", PASS_RATE])
        compute, marker = wide["compute"].mean(axis=1), MARKERS[order[arm] % len(MARKERS)]
        found = _line(ax, compute, wide[PASS_RATE], arm, order[arm], marker, most=1)
        rows += _rows(panel, "mean", arm, compute, found)
        rows += [
            {"panel": panel["title"], "kind": "point", "arm": arm, "replicate": replicate, "x": compute, "value": rate}
            for replicate, compute, rate in mine[["replicate", "compute", PASS_RATE]].itertuples(index=False, name=None)
        ]
    start = points[(points["arm"] == panel["arms"][0]) & (points["rollouts"] == 0)][PASS_RATE].mean()
    ax.axhline(start, color=NEUTRAL, linewidth=1, linestyle=":")
    ax.set(ylabel="pass rate")
    compute_axis(ax)
    return rows


def _differences(
    ax: Axes, points: pd.DataFrame, panel: dict[str, Any], order: Mapping[str, int]
) -> list[dict[str, Any]]:
    """What each arm has over the first at their common budget, with intervals."""
    base, last, rows = panel["arms"][0], shared(points, panel["arms"])[-1], []
    ax.axhline(0, color=NEUTRAL, linewidth=1)
    for index, arm in enumerate(panel["arms"][1:], 1):
        found = gain_after(points, base, arm, [last])
        points_with_intervals(ax, [index], [found], index=order[arm])
        rows += _rows(panel, "difference", arm, [last], [found])
    ax.set_xticks(range(1, len(panel["arms"])), panel["arms"][1:])
    ax.set_xlim(0.4, len(panel["arms"]) - 0.4)
    ax.set(ylabel=f"pass rate minus that of {base}", title=f"after {last} rollouts")
    ax.grid(axis="x", visible=False)
    return rows


def _logged(ax: Axes, log: pd.DataFrame, panel: dict[str, Any], order: Mapping[str, int]) -> list[dict[str, Any]]:
    """Running mean of a quantity of the log over the rollouts that all arms have: mean over replicates."""
    metric, rows = panel["metric"], []
    if metric not in log:
        raise InputError("metric", f"{metric} is not logged", f"one of {', '.join(map(str, log.columns))}")
    last = log[log["arm"].isin(panel["arms"])].groupby("arm")["rollouts"].max().min()
    for arm in panel["arms"]:
        mine = log[(log["arm"] == arm) & (log["rollouts"] <= last)]
        values = mine.pivot(index="rollouts", columns="replicate", values=metric)
        smooth = values.rolling(SMOOTH, min_periods=1).mean().dropna(how="all")
        found = _line(ax, smooth.index, smooth, arm, order[arm])
        rows += _rows(panel, metric, arm, smooth.index, found)
    ax.set(xlabel="rollouts", ylabel=UNITS.get(metric, metric))
    return rows


def _line(
    ax: Axes, x: Any, values: pd.DataFrame, arm: str, index: int, marker: str = "", most: float = np.inf
) -> list[Estimate]:
    """Draw the mean over replicates, which are the columns of `values`, with its interval as a band."""
    found = [over_replicates(row.dropna(), least=0, most=most) for _, row in values.iterrows()]
    mean, low, high = np.array([estimate[:3] for estimate in found]).T
    colour = PALETTE[index % len(PALETTE)]
    ax.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0)
    ax.plot(x, mean, color=colour, marker=marker, label=arm)
    return found


def _rows(
    panel: dict[str, Any], kind: str, arm: str, x: Iterable[float], found: Sequence[Estimate]
) -> list[dict[str, Any]]:
    """Estimates as rows of the plotted values."""
    named = {"panel": panel["title"], "kind": kind, "arm": arm}
    return [named | {"x": at, **estimate._asdict()} for at, estimate in zip(x, found, strict=True)]

"""Figures of groups: criteria against their nulls, p values beside Fisher, and agent differentiation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.coordination.calibrate import DIFFERENTIATION
from raw2fig.papers.coordination.group_tests import LEVEL, MAIN
from raw2fig.papers.coordination.measures import CRITERIA, NAMES
from raw2fig.papers.coordination.pooling import fisher, read_criteria, share_of
from raw2fig.papers.coordination.results import (
    ALL,
    estimates,
    in_order,
    read_calibration,
    read_pooled,
    read_shares,
    span_of,
    stamp,
    title_of,
)
from raw2fig.plotting import (
    NEUTRAL,
    PALETTE,
    Drawing,
    bars_with_intervals,
    canvas,
    legend_above,
    points_with_intervals,
)
from raw2fig.stats import Estimate, proportion
from raw2fig.step import Input, figure
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

NULLS = {"row": "row shuffle", "column": "column shift", "sync": "sync null", "matched": "matched null"}
"""Null models in the order of figures; the last two are without coordination."""
VARIANTS = {
    MAIN: "",
    "bins=3": ", 3 bins",
    "detrend=yes": ", no time trend",
    "redundancy=mmi": ", MMI",
    "estimator=plugin": ", plug-in",
    "estimator=miller_madow": ", Miller-Madow",
    "lag=2": ", lag 2",
}
TITLES = NAMES | {"s_macro_max": "practical, less the best agent", "stability": "Total Stability (ratio)"}
SPREAD = 0.5
"""Width over which the null models of one condition are spread."""


def _criteria(pooled: Path, models: Sequence[str], panels: Sequence[str]) -> Drawing:
    """Mean bias-corrected criteria by condition and null model: a row of panels for each player, and a column for each
    of `panels`, which are criteria, or criterion:variant such as capacity:bins=3."""
    import pandas as pd

    frame = read_pooled(pooled)
    fig, grid = canvas(2.9 * len(panels), 0.5 + 2.7 * len(models), rows=len(models), cols=len(panels))
    rows: list[dict[str, Any]] = []
    axes = np.reshape(grid, (len(models), len(panels)))
    for model, line in zip(models, axes, strict=True):
        for panel, ax in zip(panels, line, strict=True):
            criterion, _, variant = panel.partition(":")
            chosen = rows_where(frame, model=model, criterion=criterion)
            chosen = chosen[(chosen["variant"] == (variant or MAIN)) & (chosen["condition"] != ALL)]
            drawn = _against_nulls(ax, chosen)
            rows += [{"model": model, "criterion": criterion, "variant": variant or MAIN} | row for row in drawn]
            name = TITLES.get(criterion, criterion) + VARIANTS.get(variant or MAIN, f", {variant}")
            ax.set_title(name if len(models) == 1 else f"{model}: {name}")
        line[0].set_ylabel("less null median (bit)")
    if not rows:
        raise InputError(pooled, f"no groups of {', '.join(models)}", "tested players")
    legend_above(fig, axes.ravel())
    table = pd.DataFrame(rows)
    shown = frame[frame["model"].isin(models)]
    return Drawing(fig, table, **stamp(shown, f"{span_of(table['n'])} groups per point"))


@figure
def fig_capacity(*, pooled: Input, model: str) -> Drawing:
    """Figure 3a: emergence capacity and practical criterion by condition, minus the median of each null model.

    Parameters
    ----------
    pooled
        Tests pooled by condition.
    model
        The player.
    """
    return _criteria(pooled, [model], ["capacity", "capacity:bins=3", "s_macro", "s_macro_max"])


@figure
def fig_coalition(*, pooled: Input, models: list[str]) -> Drawing:
    """Figure 3b and 3c: I3, G3 and Total Stability by condition, minus the median of each null model.

    Parameters
    ----------
    pooled
        Tests pooled by condition.
    models
        Players, a row of panels for each.
    """
    return _criteria(pooled, models, ["i3", "g3", "stability"])


@figure
def fig_robustness(*, pooled: Input, model: str) -> Drawing:
    """Appendix A.5 and A.8: criteria with another redundancy measure, with other estimators, and without time trend.

    Parameters
    ----------
    pooled
        Tests pooled by condition.
    model
        The player.
    """
    panels = ["capacity:redundancy=mmi", "capacity:estimator=plugin", "i3:detrend=yes", "i3:estimator=miller_madow"]
    return _criteria(pooled, [model], panels)


def _against_nulls(ax: Axes, pooled: pd.DataFrame) -> list[dict[str, Any]]:
    """One panel: conditions side by side, each with its nulls. Returns what is drawn."""
    conditions = in_order(pooled["condition"].tolist())
    rows: list[dict[str, Any]] = []
    ax.axhline(0, color=NEUTRAL, linewidth=1)
    for index, (null, label) in enumerate(NULLS.items()):
        of = pooled[pooled["null"] == null]
        there = [name for name in conditions if name in set(of["condition"])]
        if there:
            points = estimates(of, there, ("mean", "mean_low", "mean_high", "groups"))
            shift = SPREAD * ((index + 0.5) / len(NULLS) - 0.5)
            points_with_intervals(ax, [conditions.index(name) + shift for name in there], points, label, index)
            named = zip(there, points, strict=True)
            rows += [{"null": null, "condition": name, **one._asdict()} for name, one in named]
    ax.set_xticks(range(len(conditions)), [title_of(name) for name in conditions])
    ax.set_xlim(-0.5, max(len(conditions), 1) - 0.5)
    ax.grid(axis="x", visible=False)
    return rows


@figure
def fig_pvalues(*, criteria: list[Input], model: str) -> Drawing:
    """Where the p values of groups lie under the column null, beside Fisher's p of all groups, which can be small
    without any group that is significant.

    Parameters
    ----------
    criteria
        Tests of groups.
    model
        The player.
    """
    import pandas as pd

    null = "column"

    frame = read_criteria(criteria)
    frame = frame[(frame["model"] == model) & (frame["null"] == null) & (frame["variant"] == MAIN)].dropna(subset=["p"])
    if frame.empty:
        raise InputError(criteria[0], f"no groups of {model} under the {null} null", "a tested player")
    conditions, edges = in_order(frame["condition"].tolist()), np.linspace(0, 1, 21)
    fig, axes = canvas(11, 3.6, cols=len(CRITERIA))
    rows = []
    for ax, criterion in zip(axes, CRITERIA, strict=True):
        ax.axhline(LEVEL, color=NEUTRAL, linewidth=1, linestyle="--")
        for index, condition in enumerate(conditions):
            p = frame.loc[(frame["criterion"] == criterion) & (frame["condition"] == condition), "p"]
            if p.empty:
                continue
            share, pooled = share_of(int((p < LEVEL).sum()), len(p)), fisher(p)
            counts = np.histogram(p, edges)[0] / len(p)
            label = f"{title_of(condition)}: {share.value:.0%}, {_short(pooled)}"
            ax.stairs(counts, edges, color=PALETTE[index], linewidth=1.4, label=label)
            named = {"criterion": criterion, "condition": condition, "groups": len(p)}
            named |= {"share": share.value, "low": share.low, "high": share.high, "fisher_p": pooled}
            rows += [named | {"from": a, "share_of_groups": b} for a, b in zip(edges[:-1], counts, strict=True)]
        ax.set(xlabel="p", title=NAMES[criterion])
        ax.legend(title="p < .05, Fisher's p", title_fontsize=8, fontsize=7.5, loc="upper right")
        ax.set_ylim(0, 1.45 * ax.get_ylim()[1])
    axes[0].set_ylabel("share of groups")
    table = pd.DataFrame(rows)
    groups = f"{span_of(table['groups'])} groups per condition"
    return Drawing(fig, table, groups, note=f"n = {groups} · dashed: uniform p; {model}, {null} null")


@figure
def fig_differentiation(*, shares: Input, calibration: list[Input], models: list[str]) -> Drawing:
    """Figure 3d: share of groups whose agents differ, by plain and by prewhitened tests, beside groups of known truth.

    Parameters
    ----------
    shares
        Shares of differentiated groups.
    calibration
        Rejection rates for groups with known truth.
    models
        Players, a panel for each.
    """
    import pandas as pd

    found, known = read_shares(shares), read_calibration(calibration)
    known = known[known["null"] == DIFFERENTIATION]
    fig, grid = canvas(3.4 * (len(models) + 1), 3.4, cols=len(models) + 1)
    axes = np.reshape(grid, -1)
    tests = {"plain": "plain mixed model", "robust": "prewhitened", "ends": "first against last rounds"}
    truth = {"iid": "no\nmemory", "ar": "AR(0.7)", "identity": "own\nlevels", "plain": "rule\nplain"}
    names = {"plain": "differentiated", "robust": "differentiated_robust", "ends": "ends"}
    there = [name for name in truth if name in set(known["process"])]
    series: dict[str, list[Estimate]] = {}
    rows: list[dict[str, Any]] = []
    for test, label in tests.items():
        of = known[known["criterion"] == names[test]].set_index("process")
        series[label] = [proportion(int(of.loc[name, "rejected"]), int(of.loc[name, "reps"])) for name in there]
        rows += [_row("known truth", name, test, one) for name, one in zip(there, series[label], strict=True)]
    bars_with_intervals(axes[0], [truth[name] for name in there], series)
    axes[0].set(title="known truth", ylabel="share differentiated")
    for model, ax in zip(models, axes[1:], strict=True):
        of_model = found[found["model"] == model]
        if of_model.empty:
            raise InputError(shares, f"no groups of {model}", "a tested player")
        conditions = in_order(of_model["condition"].tolist())
        series = {}
        for test, label in tests.items():
            of = of_model[of_model["test"] == test]
            series[label] = estimates(of, conditions, ("share", "low", "high", "groups"), 0, 1)
            rows += [_row(model, name, test, one) for name, one in zip(conditions, series[label], strict=True)]
        bars_with_intervals(ax, [title_of(name) for name in conditions], series)
        ax.set_title(model)
    for ax in axes:
        ax.set_ylim(0, 1.03)
        ax.axhline(LEVEL, color=NEUTRAL, linewidth=1, linestyle="--")
    legend_above(fig, axes)
    table = pd.DataFrame(rows)
    shown = found[found["model"].isin(models)]
    return Drawing(fig, table, **stamp(shown, f"{span_of(table['n'])} groups per bar; dashed: .05"))


def _row(panel: str, group: str, test: str, found: Estimate) -> dict[str, Any]:
    return {"panel": panel, "group": group, "test": test, **found._asdict()}


def _short(p: float) -> str:
    return "0" if p == 0 else f"{p:.2g}" if p >= 0.001 else f"1e{int(np.floor(np.log10(p)))}"

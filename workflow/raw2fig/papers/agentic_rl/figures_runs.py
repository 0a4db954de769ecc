"""Figures of our own runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raw2fig.papers.agentic_rl.evaluation import ALL, SAMPLES
from raw2fig.papers.agentic_rl.experts import DELIBERATIVE, REACTIVE, STITCHED
from raw2fig.papers.agentic_rl.plan import REAL
from raw2fig.papers.agentic_rl.runs import measure, read_measured, read_uptake
from raw2fig.plotting import Drawing, bars_with_intervals, canvas, legend_above, line_with_band
from raw2fig.stats import Estimate, over_replicates
from raw2fig.step import Input, figure
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd


@figure
def fig_clips(*, uptake: Input) -> Drawing:
    """Draw expected reward at the end, and how often the bound held an action back, by upper bound.

    Parameters
    ----------
    uptake
        Rows of `raw2fig agentic-rl clip-study`.
    """
    rows = read_uptake(uptake)
    last = rows_where(rows, batch=int(rows["batch"].max()))
    bounds, regimes = sorted(last["eps_high"].unique()), list(last["regime"].unique())
    fig, axes = canvas(8.6, 4.0, cols=2)
    places = range(len(bounds))
    for index, regime in enumerate(regimes):
        for ax, column in zip(axes, ("reward", "held_back"), strict=True):
            line_with_band(ax, places, [_at(last, regime, bound, column) for bound in bounds], regime, index)
    axes[0].set(ylabel=f"expected reward after {last['batch'].iloc[0]} batches")
    axes[1].set(ylabel="actions that the bound holds back", ylim=(0, None))
    for ax in axes:
        ax.set_xticks(places, [f"{bound:g}" for bound in bounds])
        ax.set_xlabel("upper bound, eps_high")
    legend_above(fig, axes, "A higher clip helps a rare good action against a strong habit, not against a weak one")
    number = rows["replicate"].nunique()
    return Drawing(fig, last, "", note=f"{number} replicates; bands: 95 % t intervals over replicates")


def _at(last: pd.DataFrame, regime: str, bound: float, column: str) -> Estimate:
    found = rows_where(last, regime=regime, eps_high=bound)
    return over_replicates(dict(zip(found["replicate"], found[column], strict=True)), least=0, most=1)


@figure
def fig_cold_start(*, measured: list[Input]) -> Drawing:
    """Draw accuracy after real and after stitched demonstrations, and of deliberative and reactive responses.

    Parameters
    ----------
    measured
        Tables of `raw2fig agentic-rl evaluate`, of each replicate.
    """
    rows = read_measured(measured)
    fig, axes = canvas(8.6, 3.8, cols=2)
    samples = int(next(iter(measure(rows, REAL, SAMPLES).values())))
    names = {name: f"{name}@{samples}" for name in ("average", "pass", "maj")}
    bars_with_intervals(
        axes[0],
        list(names.values()),
        {kind: [_mean(rows, kind, name) for name in names] for kind in (REAL, STITCHED)},
    )
    axes[0].set(ylabel="share that is right", ylim=(0, 1))
    mine = rows[(rows["policy"] == REAL) & rows["measure"].str.match(r"accuracy, \d steps")]
    steps = sorted({int(name.split()[1]) for name in mine["measure"]})
    for index, manner in enumerate((DELIBERATIVE, REACTIVE)):
        told = [step for step in steps if _is_everywhere(mine, manner, f"accuracy, {step} steps")]
        found = [_mean(rows, REAL, f"accuracy, {step} steps", manner) for step in told]
        line_with_band(axes[1], told, found, manner, index)
    axes[1].set(xlabel="steps of the problem", ylabel="right answers", ylim=(0, 1))
    axes[1].set_xticks(steps)
    for ax in axes:
        ax.legend(fontsize=8)
    fig.suptitle("After a cold start on real and on stitched trajectories", x=0.01, ha="left", fontsize=11)
    number = rows["replicate"].nunique()
    return Drawing(fig, rows, "", note=f"{number} replicates; whiskers and bands: 95 % t intervals over replicates")


def _mean(rows: pd.DataFrame, policy: str, name: str, manner: str = ALL) -> Estimate:
    return over_replicates(measure(rows, policy, name, manner), least=0, most=1)


def _is_everywhere(rows: pd.DataFrame, manner: str, name: str) -> bool:
    """Whether every replicate has such responses."""
    return len(rows_where(rows, manner=manner, measure=name)) == rows["replicate"].nunique()

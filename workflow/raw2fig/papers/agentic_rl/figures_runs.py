"""Figures of our own runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raw2fig.papers.agentic_rl.runs import read_uptake
from raw2fig.plotting import Drawing, canvas, legend_above, line_with_band
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

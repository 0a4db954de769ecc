"""The figure of how groups answer the feedback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raw2fig.papers.coordination.moves import FOLLOWED, TURNED, read_moves
from raw2fig.papers.coordination.results import REPLICATES, in_order, span_of, title_of
from raw2fig.plotting import NEUTRAL, PALETTE, Drawing, bars_with_intervals, canvas, legend_above
from raw2fig.stats import SEED, Estimate, bootstrap_mean, over_replicates
from raw2fig.step import Input, figure
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

PANELS = {FOLLOWED: "guesses that move as the feedback asks", TURNED: "rounds that turn the feedback"}


@figure
def fig_feedback(*, moves: Input, trained: list[str] | None = None) -> Drawing:
    """Draw how often agents follow the feedback, and how often it turns, by condition and player.

    Parameters
    ----------
    moves
        Table of `raw2fig coordination moves`.
    trained
        Players that were trained here, in each replicate.
    """
    import pandas as pd

    frame = read_moves([moves])
    conditions, models = in_order(frame["condition"].tolist()), list(dict.fromkeys(frame["model"]))
    fig, axes = canvas(11, 4.0, cols=len(PANELS))
    rows: list[dict[str, Any]] = []
    for ax, (name, label) in zip(axes, PANELS.items(), strict=True):
        series = {}
        for model in models:
            of = [rows_where(frame, model=model, condition=condition) for condition in conditions]
            series[model] = [_share(part, name, model in (trained or [])) for part in of]
            named = zip(conditions, series[model], strict=True)
            rows += [{"share": name, "model": model, "condition": one, **found._asdict()} for one, found in named]
        # black would hide the whiskers
        bars_with_intervals(ax, [title_of(one) for one in conditions], series, (*PALETTE[:-1], NEUTRAL))
        ax.axhline(0.5, color=NEUTRAL, linewidth=1, linestyle=":")
        ax.set(ylabel=f"share of {label}", ylim=(0, 1))
    legend_above(fig, axes)
    drawn = pd.DataFrame(rows).drop(columns="replicates", errors="ignore").dropna(subset=["value"])
    return Drawing(fig, drawn, "", note=f"{span_of(drawn['n'])} games per bar · {REPLICATES}")


def _share(games: pd.DataFrame, name: str, trained: bool) -> Estimate:
    """Mean over the games of each replicate and over replicates of a trained player, over games of any other."""
    told = games.dropna(subset=[name])
    if told.empty:
        return Estimate(float("nan"), float("nan"), float("nan"), 0)
    if trained:
        return over_replicates(told.groupby("replicate")[name].mean(), len(told), 0, 1)
    return bootstrap_mean(told[name].tolist(), SEED)

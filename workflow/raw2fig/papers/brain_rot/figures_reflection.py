"""The figure of reflection in the miniature: right answers and thought-skipping, round by round."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from raw2fig.papers.brain_rot.battery.forensics import WITHOUT_THOUGHT
from raw2fig.papers.brain_rot.battery.reflect import ROUNDS
from raw2fig.papers.brain_rot.figures_mini import note, read_scores
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas
from raw2fig.stats import Estimate, over_replicates
from raw2fig.step import Input, figure
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    from pandas import DataFrame

ARM = {"base": "familiar", "definition": "M1", "ratio": 1.0, "schedule": "official", "eos": "turn", "loss": "token"}
"""The arm that reflects in the figure."""
SKIPS = tuple(f"mode:{mode.lower()}" for mode in WITHOUT_THOUGHT)
"""Shares of chains that fail for want of thought, in three forms of which an answer has at most one."""
MEASURES = {"right answers": ("cot",), "answers without thought": SKIPS}
"""What is drawn: sums of metrics."""
CRITICS = {"self": "its own verdicts", "external": "verdicts of rules"}


def by_round(scores: DataFrame, critic: str, metrics: tuple[str, ...]) -> dict[int, dict[int, float]]:
    """Round → replicate → the sum of `metrics`. Round 0 is before reflection. Rounds that were not run are left out."""
    stages = {0: "it", **{number: f"{critic}_{number}" for number in range(1, ROUNDS + 1)}}
    found = {number: _summed(rows_where(scores, stage=stage, **ARM), metrics) for number, stage in stages.items()}
    return {number: values for number, values in found.items() if values}


def of_base(scores: DataFrame, metrics: tuple[str, ...]) -> dict[int, float]:
    """Replicate → the same of the base after instruction tuning."""
    return _summed(rows_where(scores, base=ARM["base"], definition="none", stage="it"), metrics)


def _summed(rows: DataFrame, metrics: tuple[str, ...]) -> dict[int, float]:
    sums = rows[rows["metric"].isin(metrics)].groupby("replicate")["value"].sum()
    return {int(str(replicate)): float(value) for replicate, value in sums.items()}


@figure
def fig_reflection(*, scores: Input) -> Drawing:
    """Draw what is right, and what lacks thought, after each round of reflection of the model that read junk.

    Parameters
    ----------
    scores
        Scores of all replicates.
    """
    import pandas as pd

    table = read_scores(scores)
    fig, axes = canvas(7.8, 3.8, cols=len(MEASURES))
    plotted: list[dict[str, Any]] = []
    for ax, (title, metrics) in zip(axes, MEASURES.items(), strict=True):
        for index, (critic, label) in enumerate(CRITICS.items()):
            rounds = by_round(table, critic, metrics)
            _curve(ax, rounds, index, label)
            plotted += [
                {"measure": title, "critic": critic, "round": number, "replicate": replicate, "value": value}
                for number, values in rounds.items()
                for replicate, value in values.items()
            ]
        before = of_base(table, metrics)
        ax.axhline(over_replicates(before, 0, 0, 1).value, color=NEUTRAL, linestyle="--", linewidth=1, label="base")
        plotted += [
            {"measure": title, "critic": "base", "round": 0, "replicate": replicate, "value": value}
            for replicate, value in before.items()
        ]
        ax.set_ylim(-0.03, 1.05)
        ax.set_xlabel("rounds of reflection")
        ax.set_title(title)
    axes[0].set_ylabel("share of chains")
    axes[0].legend(loc="center right")
    return Drawing(fig, pd.DataFrame(plotted), "", note=note(table, "bands"))


def _curve(ax: Any, rounds: dict[int, dict[int, float]], index: int, label: str) -> None:
    """Means by round with their intervals, and a point for each replicate."""
    means: list[Estimate] = []
    for number, values in rounds.items():
        ax.plot(
            [number + 0.06 * (2 * index - 1)] * len(values), list(values.values()), ".", color=PALETTE[index], alpha=0.5
        )
        means.append(over_replicates(values, 0, 0, 1))
    ends = [(m.low, m.high) if m.low == m.low else (m.value, m.value) for m in means]
    ax.fill_between(list(rounds), [a for a, _ in ends], [b for _, b in ends], color=PALETTE[index], alpha=0.15)
    ax.plot(list(rounds), [m.value for m in means], MARKERS[index] + "-", color=PALETTE[index], label=label)

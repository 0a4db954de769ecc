"""Figures of our own runs."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from raw2fig.papers.kimi_dev.arms import ARMS, MIDTRAINED, PLAIN, REMEDY, SFT
from raw2fig.papers.kimi_dev.playing import ONE_PROMPT
from raw2fig.papers.kimi_dev.runs import LOGGED, PLAYED, alone, played, read_runs
from raw2fig.plotting import Drawing, bars_with_intervals, canvas, legend_above, line_with_band
from raw2fig.stats import Estimate, over_replicates
from raw2fig.step import Input, figure
from raw2fig.tables import rows_where
from raw2fig.tasks.parts import TEST

if TYPE_CHECKING:
    import pandas as pd

BLOCK = 4
"""Updates whose mean reward is drawn as one point."""
MANNERS = ("pass", "self-play", "majority")
NOTE = "bands and whiskers: 95 % t intervals over replicates"


def present(names: Sequence[str], column: pd.Series) -> list[str]:
    """Those of the names that a column has."""
    found = set(column)
    return [name for name in names if name in found]


def share(values: dict[Hashable, float]) -> Estimate:
    """A share over replicates."""
    return over_replicates(values, least=0, most=1)


@figure
def fig_games(*, play: list[Input]) -> Drawing:
    """Draw how many tasks self-play, majority and any of the patches resolve, by number of patches and tests.

    Parameters
    ----------
    play
        Tables of `raw2fig kimi-dev play`, of each replicate.
    """
    rows = read_runs(play, PLAYED)
    models = present((SFT, PLAIN, REMEDY), rows["model"])
    fig, axes = canvas(9.6, 3.8, cols=len(models))
    titles = {SFT: "after the cold start", PLAIN: "after reinforcement", REMEDY: "after reinforcement with the remedy"}
    for ax, model in zip(axes, models, strict=True):
        sizes = sorted(set(rows_where(rows, model=model, tasks=TEST, measure="self-play")["size"]))
        for index, manner in enumerate(MANNERS):
            found = [share(played(rows, model, manner, size)) for size in sizes]
            line_with_band(ax, range(len(sizes)), found, manner, index)
        ax.set_xticks(range(len(sizes)), [str(size) for size in sizes])
        ax.set(xlabel="patches, and as many tests", ylim=(0, 1), title=titles[model])
    axes[0].set(ylabel="tasks that are resolved")
    legend_above(fig, axes, "Tasks that self-play, a vote, and the best of the patches resolve")
    shown = rows[rows["measure"].isin(MANNERS) & rows["model"].isin(models)]
    return Drawing(fig, shown, "", note=f"{rows['replicate'].nunique()} replicates; {NOTE}")


@figure
def fig_learning(*, play: list[Input], log: list[Input]) -> Drawing:
    """Draw the BugFixer by amount of mid-training, and reward and entropy of the arms of reinforcement learning.

    Parameters
    ----------
    play
        Tables of `raw2fig kimi-dev play`, of each replicate.
    log
        Logs of `raw2fig kimi-dev reinforce`, of each replicate.
    """
    rows, logged = read_runs(play, PLAYED), read_runs(log, LOGGED)
    thirds = present(MIDTRAINED, rows["model"])
    fig, axes = canvas(9.6, 3.8, cols=2 + bool(thirds))
    if thirds:
        names = [f"{MIDTRAINED.index(name) + 1}/3" for name in thirds]
        bars_with_intervals(axes[0], names, {"BugFixer": [share(alone(rows, name, "resolved")) for name in thirds]})
        axes[0].set(xlabel="mid-training", ylabel="patches that resolve their task")
    panels = axes[-2:]
    blocks = logged.assign(block=(logged["update"] - 1) // BLOCK)
    for index, arm in enumerate(present(ARMS, logged["arm"])):
        for ax, column in zip(panels, ("reward", "entropy"), strict=True):
            mine = rows_where(blocks, arm=arm).groupby(["block", "replicate"])[column].mean().unstack()
            found = [over_replicates(dict(values)) for _, values in mine.iterrows()]
            line_with_band(ax, [BLOCK * (block + 0.5) for block in mine.index], found, arm, index)
    panels[0].set(xlabel="updates", ylabel="reward")
    panels[1].set(xlabel="updates", ylabel="entropy of a token, nats", ylim=(0, None))
    legend_above(fig, panels, "Patches after mid-training; reward and entropy in reinforcement")
    return Drawing(fig, logged, "", note=f"{rows['replicate'].nunique()} replicates; {NOTE}")


@figure
def fig_together(*, play: list[Input]) -> Drawing:
    """Draw another patch that a model writes when it sees several of its patches, beside the vote of the same ones.

    Parameters
    ----------
    play
        Tables of `raw2fig kimi-dev play`, of each replicate.
    """
    rows = read_runs(play, PLAYED)
    fig, axes = canvas(7.2, 3.8, cols=2)
    shown = rows_where(rows, tasks=TEST)
    shown = shown[shown["measure"].isin([ONE_PROMPT, "majority", "pass"]) & shown["model"].isin([SFT, PLAIN])]
    sizes = sorted(set(rows_where(shown, measure=ONE_PROMPT)["size"]))
    for ax, (model, title) in zip(axes, ((SFT, "after the cold start"), (PLAIN, "after reinforcement")), strict=True):
        for index, manner in enumerate((ONE_PROMPT, "majority", "pass")):
            line_with_band(ax, sizes, [share(played(rows, model, manner, size)) for size in sizes], manner, index)
        ax.set_xticks(sizes)
        ax.set(xlabel="patches", ylim=(0, 1), title=title)
    axes[0].set(ylabel="tasks that are resolved")
    legend_above(fig, axes, "One more patch by a model that sees several, and the vote of these")
    return Drawing(fig, shown, "", note=f"{rows['replicate'].nunique()} replicates; {NOTE}")

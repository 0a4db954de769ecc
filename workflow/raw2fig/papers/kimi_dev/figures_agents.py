"""Figures of agents, and of tasks out of distribution."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING

from raw2fig.papers.kimi_dev.arms import PLAIN, PRIORS, SFT
from raw2fig.papers.kimi_dev.figures_runs import NOTE, present, share
from raw2fig.papers.kimi_dev.runs import PLAYED, alone, by_replicate, read_runs
from raw2fig.papers.kimi_dev.runs_agents import ADAPTED, sets, turn_limits
from raw2fig.papers.kimi_dev.tasks import LONGER, OPERATOR
from raw2fig.plotting import Drawing, bars_with_intervals, canvas, legend_above, line_with_band
from raw2fig.stats import over_replicates
from raw2fig.step import Input, figure
from raw2fig.tasks.parts import TEST

if TYPE_CHECKING:
    import pandas as pd


def of(rows: pd.DataFrame, prior: str, budget: str, measure: str = "resolved") -> dict[Hashable, float]:
    """A measure of a prior after a set of trajectories, in each replicate."""
    return by_replicate(rows, prior=prior, budget=budget, measure=measure)


@figure
def fig_priors(*, agents: list[Input]) -> Drawing:
    """Draw what the priors resolve as agents, by trajectories (Fig. 5).

    Parameters
    ----------
    agents
        Tables of `raw2fig kimi-dev adapt`, of each replicate.
    """
    rows = read_runs(agents, ADAPTED)
    fig, ax = canvas(5.6, 3.8)
    budgets = list(dict.fromkeys(rows["budget"]))
    for prior in present(PRIORS, rows["prior"]):
        found = [share(of(rows, prior, budget)) for budget in budgets]
        line_with_band(ax, range(len(budgets)), found, prior, PRIORS.index(prior))
    ax.set_xticks(range(len(budgets)), budgets)
    ax.set(xlabel="trajectories", ylabel="tasks that are resolved", ylim=(0, None))
    legend_above(fig, [ax], "What the priors resolve as agents")
    return Drawing(
        fig, rows[rows["measure"] == "resolved"], "", note=f"{rows['replicate'].nunique()} replicates; {NOTE}"
    )


@figure
def fig_turns(*, agents: list[Input]) -> Drawing:
    """Draw what the priors resolve within a number of turns, and their skills (Fig. 6).

    Parameters
    ----------
    agents
        Tables of `raw2fig kimi-dev adapt`, of each replicate.
    """
    rows = read_runs(agents, ADAPTED)
    fig, axes = canvas(8.4, 3.8, cols=2)
    top, priors = sets(rows)[-1], present(PRIORS, rows["prior"])
    limits = turn_limits(rows, top)
    turns = [int(limit.split()[2]) for limit in limits]
    for prior in priors:
        found = [share(of(rows, prior, str(top), limit)) for limit in limits]
        line_with_band(axes[0], turns, found, prior, PRIORS.index(prior))
    told = f", {limits[0].split()[0]}" if limits[0].startswith("pass@") else ""
    axes[0].set(xlabel="turns at most", ylabel=f"tasks that are resolved{told}", ylim=(0, None))
    skills = {
        name: [over_replicates(of(rows, prior, str(top), name), least=-1, most=1) for prior in priors]
        for name in ("BugFixer skill", "reflection")
    }
    bars_with_intervals(axes[1], priors, skills)
    axes[1].set(xlabel="prior", ylabel="share of tasks")
    legend_above(fig, axes, f"Agents after {top} trajectories: turns, and skills")
    shown = rows[rows["budget"] == str(top)]
    return Drawing(fig, shown, "", note=f"{rows['replicate'].nunique()} replicates; {NOTE}")


@figure
def fig_elsewhere(*, play: list[Input], agents: list[Input]) -> Drawing:
    """Draw tasks out of distribution: patches of the BugFixer, and agents (Figs. 10 and 11).

    Parameters
    ----------
    play
        Tables of `raw2fig kimi-dev play`, of each replicate.
    agents
        Tables of `raw2fig kimi-dev adapt`, of each replicate.
    """
    rows, of_agents = read_runs(play, PLAYED), read_runs(agents, ADAPTED)
    fig, ax = canvas(7.2, 3.8)
    parts = (TEST, LONGER, OPERATOR)
    series = {
        f"patches, {name}": [share(alone(rows, model, "resolved", part)) for part in parts]
        for name, model in (("cold start", SFT), ("RL", PLAIN))
    }
    top = str(sets(of_agents)[-1])
    if f"resolved, {LONGER}" in set(of_agents["measure"]):
        measures = ("resolved", f"resolved, {LONGER}", f"resolved, {OPERATOR}")
        for prior in present(PRIORS, of_agents["prior"]):
            series[f"agent, {prior}"] = [share(of(of_agents, prior, top, measure)) for measure in measures]
    bars_with_intervals(ax, parts, series)
    ax.set(ylabel="patches, or tasks of agents, that are right", ylim=(0, None))
    legend_above(fig, [ax], "Tasks out of distribution")
    shown = rows[(rows["measure"] == "resolved") & rows["model"].isin([SFT, PLAIN])]
    return Drawing(fig, shown, "", note=f"{rows['replicate'].nunique()} replicates; {NOTE}")

"""Figures of RL of the miniature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.papers.agentic_rl.evaluation import SAMPLES
from raw2fig.papers.agentic_rl.plan import REAL
from raw2fig.papers.agentic_rl.reinforced import PAID, UNPAID, read_updates
from raw2fig.papers.agentic_rl.runs import measure, read_measured
from raw2fig.plotting import Drawing, bars_with_intervals, canvas, legend_above, line_with_band
from raw2fig.stats import Estimate, over_replicates
from raw2fig.step import Input, figure
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

PARTS = 10
"""Parts of a run, of which a curve has a point each."""
SHARES = ("solved", "tool_success", "informative")
LABELS = {
    "solved": "right answers",
    "outcome": "mean reward, without length",
    "entropy": "entropy of a token (nats)",
    "mean_length": "tokens of a response",
    "calls": "calls of a response",
    "tool_success": "calls that succeed",
    "informative": "groups with a signal",
}


@figure
def fig_learning(*, updates: list[Input], measured: list[Input], arms: list[str]) -> Drawing:
    """Draw right answers and entropy during RL, and average, pass and majority before and after it.

    Parameters
    ----------
    updates
        Logs of `raw2fig agentic-rl reinforce`, of each replicate.
    measured
        Tables of `raw2fig agentic-rl evaluate`, of each replicate.
    arms
        Arms to draw.
    """
    rows, policies = read_updates(updates), read_measured(measured)
    fig, axes = canvas(11, 3.8, cols=3)
    drawn = _curves(axes[:2], rows, arms, ("solved", "entropy"))
    samples = int(next(iter(measure(policies, REAL, SAMPLES).values())))
    names = {name: f"{name}@{samples}" for name in ("average", "pass", "maj")}
    before_and_after = {("before RL" if one == REAL else one): one for one in (REAL, *arms)}
    bars_with_intervals(
        axes[2],
        list(names.values()),
        {
            label: [over_replicates(measure(policies, one, name), least=0, most=1) for name in names]
            for label, one in before_and_after.items()
        },
    )
    axes[2].set(ylabel="held-out problems", ylim=(0, 1))
    return _told(fig, axes, drawn, rows, "RL by the recipes, from the policy after real trajectories")


@figure
def fig_calls(*, updates: list[Input], arms: list[str]) -> Drawing:
    """Draw calls, their success and tokens of a response during RL.

    Parameters
    ----------
    updates
        Logs of `raw2fig agentic-rl reinforce`, of each replicate.
    arms
        Arms to draw.
    """
    return _panels(updates, arms, ("calls", "tool_success", "mean_length"), "RL leads to fewer calls")


@figure
def fig_paid(*, updates: list[Input]) -> Drawing:
    """Draw calls, reward and right answers during RL from a weak start, with and without the reward for calls.

    Parameters
    ----------
    updates
        Logs of `raw2fig agentic-rl reinforce`, of each replicate.
    """
    message = "From a weak start: what a reward for the calls of wrong answers teaches"
    return _panels(updates, (UNPAID, PAID), ("calls", "outcome", "solved"), message)


@figure
def fig_clip_sweep(*, updates: list[Input]) -> Drawing:
    """Draw right answers and entropy during RL with three upper bounds of the clip.

    Parameters
    ----------
    updates
        Logs of `raw2fig agentic-rl reinforce`, of each replicate.
    """
    arms = {"TCR": "0.28", "TCR-0.315": "0.315", "TCR-0.35": "0.35"}
    return _panels(updates, arms, ("solved", "entropy"), "GRPO-TCR by its upper clip")


@figure
def fig_diversity(*, updates: list[Input]) -> Drawing:
    """Draw entropy and the share of groups with a signal during RL on diverse and on narrow problems.

    Parameters
    ----------
    updates
        Logs of `raw2fig agentic-rl reinforce`, of each replicate.
    """
    arms = {"TCR": "diverse problems", "narrow": "additions alone"}
    return _panels(updates, arms, ("entropy", "informative"), "RL on diverse and on narrow problems")


@figure
def fig_curation(*, updates: list[Input]) -> Drawing:
    """Draw the share of groups with a signal, reward and right answers of a weak policy, on all problems and on curated
    ones.

    Parameters
    ----------
    updates
        Logs of `raw2fig agentic-rl reinforce`, of each replicate.
    """
    arms = {"uncurated": "all problems", "curated": "model-aware problems"}
    return _panels(updates, arms, ("informative", "outcome", "solved"), "RL from a weak start, by its problems")


@figure
def fig_long_cot(*, updates: list[Input]) -> Drawing:
    """Draw calls, right answers and tokens of policies that learned to reason in text first.

    Parameters
    ----------
    updates
        Logs of `raw2fig agentic-rl reinforce`, of each replicate.
    """
    arms = {
        "TCR": "after real trajectories alone",
        "long-CoT-SFT": "text, then real trajectories",
        "long-CoT": "text",
        "long-CoT-easy": "text, on easy problems",
    }
    return _panels(updates, arms, ("calls", "solved", "mean_length"), "RL of policies that reason in text")


def _panels(
    updates: Sequence[Path], arms: Sequence[str] | Mapping[str, str], names: Sequence[str], message: str
) -> Drawing:
    """Curves of some arms, a panel for each name."""
    rows = read_updates(updates)
    fig, axes = canvas(3.6 * len(names) + 0.4, 3.8, cols=len(names))
    return _told(fig, axes, _curves(axes, rows, arms, names), rows, message)


def _curves(
    axes: Sequence[Any], rows: pd.DataFrame, arms: Sequence[str] | Mapping[str, str], names: Sequence[str]
) -> pd.DataFrame:
    """Draw a panel for each name, with a line for each arm, and return the rows drawn: means over parts of a run."""
    import pandas as pd

    labels = arms if isinstance(arms, Mapping) else {arm: arm for arm in arms}
    drawn = []
    for index, (arm, label) in enumerate(labels.items()):
        mine = rows_where(rows, arm=arm)
        steps = int(mine["step"].max())
        part = np.ceil(mine["step"] * min(PARTS, steps) / steps).astype(int)
        means = mine.groupby([part.rename("part"), "replicate"])[list(names)].mean().reset_index()
        ends = means["part"] * steps / min(PARTS, steps)
        drawn.append(means.assign(arm=arm, update=ends))
        for ax, name in zip(axes, names, strict=True):
            points = [(end, _estimate(found, name)) for end, found in drawn[-1].groupby("update")]
            told = [(end, one) for end, one in points if one is not None]
            line_with_band(ax, [end for end, _ in told], [one for _, one in told], label, index)
    for ax, name in zip(axes, names, strict=True):
        ax.set(xlabel="update", ylabel=LABELS[name])
        if name in SHARES:
            ax.set_ylim(0, 1)
    return pd.concat(drawn, ignore_index=True)


def _estimate(rows: pd.DataFrame, name: str) -> Estimate | None:
    """Mean over replicates; None where one has no value, such as success without calls."""
    values = dict(zip(rows["replicate"], rows[name], strict=True))
    bounds = (0, 1) if name in SHARES else (-1, 2) if name == "outcome" else (0, np.inf)
    return None if rows[name].isna().any() else over_replicates(values, least=bounds[0], most=bounds[1])


def _told(fig: Any, axes: Sequence[Any], drawn: pd.DataFrame, rows: pd.DataFrame, message: str) -> Drawing:
    legend_above(fig, axes, message)
    number = rows["replicate"].nunique()
    return Drawing(fig, drawn, "", note=f"{number} replicates; bands and whiskers: 95 % t intervals over replicates")

"""Figures of training: mid-training and RL on the project page, budgets of SFT, and skills of two priors."""

from __future__ import annotations

from raw2fig.papers.kimi_dev.claims_training import attempts, fewer_tokens, longest
from raw2fig.papers.kimi_dev.published import (
    BASE,
    GAIN,
    MID_TRAINING,
    OF_TASKS,
    PRIOR,
    RL,
    STAGE,
    cases,
    per_trajectory,
    points,
    read_budgets,
    read_curves,
    read_skills,
    tasks,
    with_ends,
)
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas, points_with_intervals
from raw2fig.published import in_percent, read_numbers, read_settings
from raw2fig.stats import Estimate
from raw2fig.step import Input, figure


@figure
def fig_training(*, curves: Input, numbers: Input) -> Drawing:
    """Rates by tokens of mid-training and during RL, from images of the project page.

    Parameters
    ----------
    curves
        Published points of three curves.
    numbers
        Other published numbers.
    """
    import pandas as pd

    rows, items = read_curves(curves), tasks(read_numbers(numbers))
    fig, panels = canvas(8.2, 3.4, cols=2)
    plotted = []
    for index, (ax, curve) in enumerate(zip(panels, (MID_TRAINING, RL), strict=True)):
        mine = points(rows, curve)
        shown = [in_percent(value, items) for value in mine["value"]]
        ax.plot(mine["at"], mine["value"], color=PALETTE[index], alpha=0.4, linewidth=1)
        points_with_intervals(ax, mine["at"], shown, "", index)
        gain = mine["value"].iloc[-1] - mine["value"].iloc[0]
        ax.set(ylabel="tasks resolved, percent", ylim=(20, 55))
        ax.set_title(f"{'Mid-training' if curve == MID_TRAINING else curve}: {gain:.1f} points from first to last")
        plotted.append(with_ends(mine, shown))
    panels[0].set(xlabel="label of the bar, billion tokens", xlim=(4, 14))
    panels[0].set_xticks(plotted[0]["at"], [f"{at:g}" for at in plotted[0]["at"]])
    panels[1].set(xlabel="point, from left to right", xlim=(0.5, 6.5))
    note = (
        "read from images of June 2025 to 0.2 points, not the runs of the paper's figures; the axis of RL has no "
        f"numbers; {OF_TASKS.format(items)}"
    )
    return Drawing(fig, pd.concat(plotted, ignore_index=True), "", note=note)


@figure
def fig_budgets(*, budgets: Input, settings: Input) -> Drawing:
    """Printed budgets of SFT by trajectories, and tokens per trajectory beside the longest trajectory.

    Parameters
    ----------
    budgets
        Published budgets of SFT.
    settings
        Published settings.
    """
    rows, most = read_budgets(budgets), longest(read_settings(settings))
    means = per_trajectory(rows)
    fig, (left, right) = canvas(8.4, 3.5, cols=2)
    left.plot(means["trajectories"], means["tokens"], MARKERS[0] + "-", color=PALETTE[0])
    for index, name, align in (
        (0, "best rate of the Base prior, with the RL prior", "left"),
        (-1, "the same with the Base prior", "right"),
    ):
        place = means["trajectories"].iloc[index], means["tokens"].iloc[index]
        left.annotate(
            name, place, (9 if index == 0 else -9, -3), textcoords="offset points", ha=align, va="center", fontsize=8
        )
    ratio = fewer_tokens(rows).value
    left.set(xscale="log", yscale="log", xlabel="trajectories", ylabel="tokens", xlim=(60, 9000), ylim=(4e6, 9e8))
    left.set_title(f"{ratio:.0f} times fewer tokens to the same rate")
    shown = [Estimate(row.mean / 1000, row.low / 1000, row.high / 1000, 1) for row in means.itertuples()]
    points_with_intervals(right, means["trajectories"], shown, "budget per trajectory", 1)
    right.axhline(most / 1000, color=NEUTRAL, linestyle="--", label="longest trajectory in training")
    right.set(xscale="log", xlabel="trajectories", ylabel="thousand tokens", ylim=(0, 100), xlim=(60, 9000))
    for ax in (left, right):
        ax.set_xticks(means["trajectories"], [f"{count:,}" for count in means["trajectories"]])
        ax.set_xticks([], minor=True)
    right.legend(loc="lower left")
    right.set_title("Budgets exceed one pass over the trajectories")
    note = (
        "section 4.2; the rate of the two priors is said to be the same, not printed; bars: what rounding leaves open"
    )
    return Drawing(fig, means.drop(columns="source"), "", note=note)


@figure
def fig_skills(*, skills: Input, numbers: Input) -> Drawing:
    """Attempts that are resolved at the end of stage 3, and what is gained after it, for two priors.

    Parameters
    ----------
    skills
        Published counts of cases by stage.
    numbers
        Other published numbers.
    """
    import pandas as pd

    rows, single = read_skills(skills), read_numbers(numbers)
    items, tried = tasks(single), attempts(single)
    fig, panels = canvas(7.6, 3.3, cols=2)
    plotted = []
    for ax, (when, title) in zip(
        panels, {STAGE: "Resolved at the end of stage 3", GAIN: "Gained after it"}.items(), strict=True
    ):
        counts = [cases(rows, prior, when) for prior in (BASE, PRIOR)]
        shown = [in_percent(100 * count / tried, items) for count in counts]
        for index, (prior, one) in enumerate(zip((BASE, PRIOR), shown, strict=True)):
            points_with_intervals(ax, [index], [one], prior, index)
            ax.annotate(
                f"{counts[index]} of {tried:,}", (index, one.value), (8, 0), textcoords="offset points", va="center"
            )
        ax.set_xticks([0, 1], [f"{prior} prior" for prior in (BASE, PRIOR)])
        ax.set(ylabel="attempts, percent", xlim=(-0.5, 1.8), ylim=(0, 50 if when == STAGE else 13))
        ax.grid(axis="x", visible=False)
        ax.set_title(f"{title}: {shown[1].value - shown[0].value:+.1f} points")
        plotted.append(with_ends(pd.DataFrame({"prior": [BASE, PRIOR], "when": when, "cases": counts}), shown))
    note = f"three runs together; 95 % intervals of {items} tasks, because attempts at a task are not independent"
    return Drawing(fig, pd.concat(plotted, ignore_index=True), "", note=note)

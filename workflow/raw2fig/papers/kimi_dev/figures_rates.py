"""Figures of rates on SWE-bench Verified: the workflow, agents, self-play, and the standing of the benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from raw2fig.papers.kimi_dev.claims_rates import AGENT_TRIES, WORKFLOW_TRIES, ceiling, flawed, highest, near, printed
from raw2fig.papers.kimi_dev.published import (
    AGENT,
    GROUPS,
    OF_TASKS,
    OURS,
    SELF_PLAY,
    points,
    rate,
    read_agents,
    read_curves,
    read_workflow,
    runs_of_tests,
    tasks,
    with_ends,
)
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas, legend_above, points_with_intervals
from raw2fig.published import in_percent, read_numbers
from raw2fig.step import Input, figure

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from raw2fig.stats import Estimate


@figure
def fig_workflow(*, workflow: Input, numbers: Input) -> Drawing:
    """Rates of models in a workflow of patches and tests, Table 1.

    Parameters
    ----------
    workflow
        Published rates of models in a workflow.
    numbers
        Other published numbers.
    """
    rows, items = read_workflow(workflow), tasks(read_numbers(numbers))
    rows = rows.sort_values("value", ignore_index=True)
    ours = rate(rows, OURS)
    others = rows.loc[rows["model"] != OURS, "value"]
    close = sum(near(ours, other, items) for other in others)
    shown = [in_percent(value, items) for value in rows["value"]]
    fig, ax = canvas(7.0, 3.8)
    sideways(ax, names_of(rows), shown, [0 if model == OURS else 1 for model in rows["model"]], {})
    ax.axvline(ours, color=PALETTE[0], alpha=0.35, linewidth=1)
    ax.set(xlabel="tasks resolved, percent", xlim=(30, 70))
    ax.set_title(f"{close} of {len(others)} other models are within chance of Kimi-Dev")
    note = f"Table 1, SWE-bench Verified; {OF_TASKS.format(items)}"
    return Drawing(fig, with_ends(rows, shown), "", note=note)


@figure
def fig_agents(*, agents: Input, numbers: Input) -> Drawing:
    """Rates of agents with one attempt, Table 2, by size.

    Parameters
    ----------
    agents
        Published rates of models as agents.
    numbers
        Other published numbers.
    """
    rows, items = read_agents(agents), tasks(read_numbers(numbers))
    place = {name: index for index, name in enumerate(GROUPS)}
    rows = rows.sort_values(["group", "value"], key=lambda column: column.map(place).fillna(column), ignore_index=True)
    shown = [in_percent(value, items) for value in rows["value"]]
    fig, ax = canvas(7.0, 5.2)
    kinds = [0 if row.model == AGENT else 1 + place[row.group] for row in rows.itertuples()]
    sideways(ax, names_of(rows), shown, kinds, dict(enumerate([OURS, *GROUPS])))
    ax.axvline(rate(rows, AGENT), color=PALETTE[0], alpha=0.35, linewidth=1)
    ax.set(xlabel="tasks resolved, percent", xlim=(30, 82))
    smaller = rows[(rows["billions"] < rows.set_index("model")["billions"][AGENT])]
    ahead = int((smaller["value"] > rate(rows, AGENT)).sum())
    legend_above(fig, [ax], f"{ahead} of {len(smaller)} smaller open models are ahead of Kimi-Dev as an agent")
    note = f"Table 2, SWE-bench Verified, one attempt; frameworks differ; {OF_TASKS.format(items)}"
    return Drawing(fig, with_ends(rows, shown), "", note=note)


@figure
def fig_scaling(*, curves: Input, numbers: Input) -> Drawing:
    """Rate of self-play by patches and tests, beside what the right choice among attempts would give.

    Parameters
    ----------
    curves
        Published points of three curves.
    numbers
        Other published numbers.
    """
    rows, single = points(read_curves(curves), SELF_PLAY), read_numbers(numbers)
    items = tasks(single)
    shown = [in_percent(value, items) for value in rows["value"]]
    fig, ax = canvas(7.0, 3.9)
    budgets = [int(at) for at in rows["at"]]
    ax.plot(budgets, rows["value"], color=PALETTE[0], alpha=0.4, linewidth=1)
    points_with_intervals(ax, budgets, shown, "self-play", 0)
    for colour, name in zip(PALETTE[1:], (AGENT_TRIES, WORKFLOW_TRIES), strict=False):
        ax.axhline(single[name], color=colour, linewidth=1, label=f"{name}, {single[name]:.1f}")
    ax.set(
        xscale="log",
        ylabel="tasks resolved, percent",
        ylim=(40, 80),
        xlabel="patches and as many tests\nruns of a test file for an issue",
    )
    ax.set_xticks(budgets, [f"{budget}\n{runs_of_tests(budget, budget):,}" for budget in budgets])
    ax.set_xticks([], minor=True)
    ax.grid(axis="x", visible=False)
    first, last = rows["value"].iloc[0], rows["value"].iloc[-1]
    way = (last - first) / (single[WORKFLOW_TRIES] - first)
    legend_above(fig, [ax], f"Self-play gets {100 * way:.0f} % of the way to the best of 30 patches")
    note = (
        "48.0 and 60.4 from the text; others read from an image of June 2025 to 0.2 points, budgets between the ends "
        f"inferred; {OF_TASKS.format(items)}"
    )
    frame = with_ends(rows, shown).assign(runs=[runs_of_tests(budget, budget) for budget in budgets])
    return Drawing(fig, frame, "", note=note)


@figure
def fig_verified(*, workflow: Input, agents: Input, numbers: Input) -> Drawing:
    """What the audit of SWE-bench Verified found, beside rates of the paper.

    Parameters
    ----------
    workflow
        Published rates of models in a workflow.
    agents
        Published rates of models as agents.
    numbers
        Other published numbers.
    """
    import pandas as pd

    table, others, single = read_workflow(workflow), read_agents(agents), read_numbers(numbers)
    items, bad, audited = tasks(single), flawed(single), int(single["audited tasks"])
    rates = {
        "Kimi-Dev, agent": rate(others, AGENT),
        "Kimi-Dev, workflow": rate(table, OURS),
        WORKFLOW_TRIES: single[WORKFLOW_TRIES],
        "highest rate in the paper": highest(printed(table, others), single),
    }
    shares = {
        "not audited": 100 * (items - audited) / items,
        "audited, no flaw found": 100 * (audited - bad) / items,
        "audited, tests reject correct fixes": 100 * bad / items,
    }
    fig, ax = canvas(7.6, 3.2)
    start = 0.0
    for (name, share), colour in zip(shares.items(), ("#cccccc", PALETTE[2], PALETTE[1]), strict=True):
        ax.barh(-1, share, left=start, color=colour, label=name, height=0.6)
        ax.annotate(f"{share * items / 100:.0f}", (start + share / 2, -1), ha="center", va="center")
        start += share
    shown = [in_percent(value, items) for value in rates.values()]
    sideways(ax, list(rates), shown, [0] * len(rates), {})
    ax.axvline(ceiling(single), color=NEUTRAL, linestyle="--", linewidth=1)
    ax.set_yticks(range(-1, len(rates)), ["all tasks", *rates])
    ax.set(xlabel=f"percent of {items} tasks", xlim=(0, 100), ylim=(-1.5, len(rates) - 0.4))
    ax.grid(axis="y", visible=False)
    legend_above(fig, [ax], f"A rate above {ceiling(single):.1f} % would be suspect; the paper has none")
    note = f"OpenAI's audit, at least {bad} of {audited} tasks, the others not estimated; {OF_TASKS.format(items)}"
    frame = pd.concat(
        [
            pd.DataFrame({"what": list(shares), "percent": list(shares.values())}),
            with_ends(pd.DataFrame({"what": list(rates), "percent": list(rates.values())}), shown),
        ],
        ignore_index=True,
    )
    return Drawing(fig, frame, "", note=note)


def names_of(rows: pd.DataFrame) -> list[str]:
    """Models with their sizes, where those are published."""
    return [row.model + (f", {row.billions:g}B" if row.billions == row.billions else "") for row in rows.itertuples()]


def sideways(
    ax: Axes, names: Sequence[str], shown: Sequence[Estimate], kinds: Sequence[int], labels: Mapping[int, str]
) -> None:
    """Estimates one below the other, the first at the bottom, each in the colour of its kind."""
    for y, (one, kind) in enumerate(zip(shown, kinds, strict=True)):
        ax.errorbar(
            one.value,
            y,
            xerr=[[one.value - one.low], [one.high - one.value]],
            fmt=MARKERS[kind],
            color=PALETTE[kind],
            capsize=2.5,
            label=labels.get(kind, "_nolegend_"),
        )
    ax.set_yticks(range(len(names)), names)
    ax.grid(axis="y", visible=False)

"""Figures of the published numbers: SFT, steps, recipes, the final comparison, and rewards of calls."""

from __future__ import annotations

import numpy as np

from raw2fig.papers.agentic_rl.claims_final import recovered
from raw2fig.papers.agentic_rl.claims_recipes import CALLS
from raw2fig.papers.agentic_rl.published import (
    AIME,
    ALONE,
    AVERAGE,
    BASELINE,
    BENCHMARKS,
    FIFTY,
    LEAD,
    METRICS,
    OURS,
    PASS,
    REAL,
    RECIPE,
    SAME_ACCURACY,
    START,
    STITCHED,
    STRONG,
    TOOLS,
    accuracy,
    after_sft,
    answers,
    read_final,
    read_recipes,
    read_sft,
    read_studies,
    score,
    step,
)
from raw2fig.papers.agentic_rl.tool_terms import INTENDED, PAPER, RELEASED, of_right, of_wrong
from raw2fig.plotting import (
    MARKERS,
    NEUTRAL,
    PALETTE,
    Drawing,
    bars_with_intervals,
    canvas,
    legend_above,
    points_with_intervals,
)
from raw2fig.published import in_percent, read_numbers
from raw2fig.stats import fact
from raw2fig.step import Input, figure

SEQUENCES = "GRPO-SCR"
"""The run whose accuracy is printed as a distance alone."""


@figure
def fig_sft(*, sft: Input, final: Input) -> Drawing:
    """Accuracy after SFT on stitched and on real trajectories, beside that of the untrained model.

    Parameters
    ----------
    sft
        Published accuracies after SFT.
    final
        Published accuracies of the final comparison.
    """
    import pandas as pd

    rows, compared = read_sft(sft), read_final(final)
    bases = list(dict.fromkeys(rows["base"]))
    places = [(base, metric) for base in bases for metric in METRICS]
    fig, panels = canvas(9.0, 3.8, cols=2)
    untrained = []
    for ax, benchmark in zip(panels, AIME, strict=True):
        series = {
            data: [fact(after_sft(rows, base, data, benchmark, metric), 1) for base, metric in places]
            for data in (STITCHED, REAL)
        }
        bars_with_intervals(ax, [label for base in bases for label in ("average", f"pass\n{base}", "majority")], series)
        for index, base in enumerate(bases):
            left = index * len(METRICS) - 0.45
            for group, style, tools in ((ALONE, "-", "no tools"), (TOOLS, ":", "tools")):
                height = score(compared, base, benchmark, group)
                ax.plot([left, left + 0.9], [height] * 2, style, color="black", label=f"average, untrained, {tools}")
                untrained.append([base, f"untrained, {tools}", benchmark, AVERAGE, height])
        ax.set(ylabel="of 32 samples, percent", ylim=(0, 80))
        least = min(after.value - before.value for before, after in zip(series[STITCHED], series[REAL], strict=True))
        ax.set_title(f"{benchmark}: real trajectories gain at least {least:.0f} points")
    legend_above(fig, panels)
    printed = rows.drop(columns="source")
    plotted = pd.concat([printed, pd.DataFrame(untrained, columns=list(printed))], ignore_index=True)
    return Drawing(fig, plotted, "", note="Tables 1 and 2, one run of each; pass@32 and maj@32 drawn with replacement")


@figure
def fig_steps(*, studies: Input) -> Drawing:
    """Steps of RL to the same accuracy, in the three places where the paper prints them.

    Parameters
    ----------
    studies
        Published findings.
    """
    import pandas as pd

    rows = read_studies(studies)
    pairs = {
        "GRPO-TCR passes the best of GRPO-T,\nof its whole run": (
            step(rows, RECIPE, "step that passes the best of GRPO-T"),
            step(rows, RECIPE, "steps of the run"),
        ),
        "50 % on AIME25 with diverse problems,\nof mathematics alone": (
            step(rows, "diverse set", FIFTY),
            step(rows, "mathematics alone", FIFTY),
        ),
        "same accuracy on AIME25, clip up to 0.315,\nof up to 0.28": (
            step(rows, "0.315", SAME_ACCURACY),
            step(rows, "0.28", SAME_ACCURACY),
        ),
    }
    fig, ax = canvas(7.6, 2.9)
    for y, (early, late) in enumerate(pairs.values()):
        ax.plot([early, late], [-y, -y], color=NEUTRAL, zorder=1)
        for index, (value, label) in enumerate(((early, "steps"), (late, "compared with"))):
            ax.plot(value, -y, MARKERS[index], color=PALETTE[index], label=label, markersize=7)
        ax.annotate(
            f"{early:g} of {late:g}: {100 * early / late:.0f} %",
            (late, -y),
            (9, 0),
            textcoords="offset points",
            va="center",
        )
    ax.set_yticks(-np.arange(len(pairs)), list(pairs))
    ax.set(xlabel="steps of RL", xlim=(0, 620), ylim=(-2.5, 0.5))
    ax.grid(axis="y", visible=False)
    shares = [100 * early / late for early, late in pairs.values()]
    legend_above(fig, [ax], f"What is called faster takes {min(shares):.0f} to {max(shares):.0f} % of the steps")
    plotted = pd.DataFrame(
        [[name.replace("\n", " "), *both] for name, both in pairs.items()], columns=["what", "steps", "of"]
    )
    return Drawing(fig, plotted, "", note="one run of each; a step of a run with longer responses costs more")


@figure
def fig_recipes(*, recipes: Input, sft: Input, final: Input, numbers: Input) -> Drawing:
    """Average@32 of the start, of three recipes and of the final model, beside the pass@32 of the start.

    Parameters
    ----------
    recipes
        Published accuracies of the recipes.
    sft
        Published accuracies after SFT.
    final
        Published accuracies of the final comparison.
    numbers
        Other published numbers.
    """
    import pandas as pd

    runs, before, compared = read_recipes(recipes), read_sft(sft), read_final(final)
    _, samples = answers(read_numbers(numbers))
    fig, panels = canvas(8.6, 3.7, cols=2)
    plotted = []
    for ax, benchmark in zip(panels, AIME, strict=True):
        best = accuracy(runs, RECIPE, benchmark)
        found = {
            START: accuracy(runs, START, benchmark),
            BASELINE: accuracy(runs, BASELINE, benchmark),
            SEQUENCES: best - accuracy(runs, LEAD, benchmark),
            RECIPE: best,
            OURS: score(compared, OURS, benchmark),
        }
        ceiling = after_sft(before, STRONG, REAL, benchmark, PASS)
        ax.axhline(ceiling, color=NEUTRAL, linestyle="--", label="pass@32 of the start, as printed")
        shown = [in_percent(value, samples) for value in found.values()]
        points_with_intervals(ax, range(len(found)), shown, "average@32", 0)
        ax.set_xticks(range(len(found)), [name.replace("DemyAgent", "Demy-\nAgent") for name in found])
        ax.set(ylabel="percent", ylim=(20, 85), xlim=(-0.5, len(found) - 0.5))
        ax.grid(axis="x", visible=False)
        ax.set_title(f"{benchmark}: GRPO-TCR is {best - found[BASELINE]:.1f} points above GRPO-T")
        rows = pd.DataFrame({"run": list(found), "average@32": [one.value for one in shown]})
        rows = rows.assign(low=[one.low for one in shown], high=[one.high for one in shown])
        plotted.append(rows.assign(benchmark=benchmark, pass_of_the_start=ceiling))
    legend_above(fig, panels, "No average exceeds the pass@32 that the start already had")
    note = (
        "Qwen3-4B, one run of each; GRPO-T: best of its run; GRPO-SCR from its printed distance; "
        f"95 % intervals of {samples} independent answers, not of trainings"
    )
    return Drawing(fig, pd.concat(plotted, ignore_index=True), "", note=note)


@figure
def fig_final(*, final: Input) -> Drawing:
    """The final model beside its own base model with and without tools, and beside the other models of Table 2.

    Parameters
    ----------
    final
        Published accuracies of the final comparison.
    """
    rows = read_final(final)
    marked = {
        "Qwen3-4B with tools, untrained": (STRONG, TOOLS),
        "Qwen3-4B without tools": (STRONG, ALONE),
        OURS: (OURS, TOOLS),
    }
    fig, ax = canvas(7.6, 4.0)
    others = rows[~rows["model"].isin([STRONG, OURS])].dropna(subset="value")
    place = {name: x for x, name in enumerate(BENCHMARKS)}
    for group, marker, shift in ((ALONE, "x", -0.12), (TOOLS, "+", 0.12)):
        mine = others[others["group"] == group]
        ax.plot(
            mine["benchmark"].map(place) + shift, mine["value"], marker, color=NEUTRAL, label=f"other models, {group}"
        )
    for index, (label, (model, group)) in enumerate(marked.items()):
        values = [score(rows, model, name, group) for name in BENCHMARKS]
        ax.plot(range(len(BENCHMARKS)), values, MARKERS[index], color=PALETTE[index], label=label, markersize=7)
    for x, name in enumerate(BENCHMARKS):
        ends = score(rows, STRONG, name, TOOLS), score(rows, OURS, name)
        ax.plot([x, x], ends, color=PALETTE[0], alpha=0.35, zorder=0)
    shares = [recovered(rows, name) for name in BENCHMARKS]
    ax.set_xticks(
        range(len(BENCHMARKS)), [f"{name}\n{100 * one:.0f} %" for name, one in zip(BENCHMARKS, shares, strict=True)]
    )
    ax.set(ylabel="percent", ylim=(0, 90), xlim=(-0.5, len(BENCHMARKS) - 0.5))
    ax.grid(axis="x", visible=False)
    legend_above(fig, [ax], "More than half of the gain makes up for what tools cost the base model")
    note = "Table 2; below each name, what tools cost the untrained model in percent of what training gains over it"
    return Drawing(fig, rows.drop(columns="source"), "", note=note)


@figure
def fig_tool_terms(*, numbers: Input) -> Drawing:
    """Reward of wrong and of right answers by their calls: as printed, as the code means it, and as the code gives it.

    Parameters
    ----------
    numbers
        Published numbers of the reward.
    """
    import pandas as pd

    single = read_numbers(numbers)
    labels = {PAPER: "as printed", INTENDED: "as the code means it", RELEASED: "as the code gives it"}
    fig, panels = canvas(8.2, 3.3, cols=2)
    plotted = []
    for ax, (outcome, reward) in zip(panels, {"wrong": of_wrong, "right": of_right}.items(), strict=True):
        for index, (term, label) in enumerate(labels.items()):
            values = [reward(term, calls, single) for calls in CALLS]
            ax.plot(CALLS, values, MARKERS[index] + ("-", "-", "--")[index], color=PALETTE[index], label=label)
            plotted.append(pd.DataFrame({"answer": outcome, "term": term, "calls": CALLS, "reward": values}))
        ax.set(xlabel="calls", ylabel="reward")
    worth = of_wrong(RELEASED, 0, single)
    panels[0].set_title(f"A wrong answer is worth {worth:.1f}, whatever its calls")
    panels[1].set_title("The code pays a right answer for no call")
    legend_above(fig, panels)
    note = "eq. 8, whose bound for wrong answers is missing in print, and the released code, read and not run"
    return Drawing(fig, pd.concat(plotted, ignore_index=True), "", note=note)

"""Figures of the published numbers: gains and savings, other benchmarks, throughput, labels, and the run of others."""

from __future__ import annotations

import numpy as np

from raw2fig.papers.dr_llm.losses import class_weights
from raw2fig.papers.dr_llm.paths import ACTIONS
from raw2fig.papers.dr_llm.published import (
    MODELS,
    SETS,
    by_level,
    changes_out_of_domain,
    gains,
    outcomes,
    printed_change,
    read_in_domain,
    read_independent,
    read_out_of_domain,
    read_throughput,
    saving,
    total_change,
    total_of,
)
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas, legend_above, points_with_intervals
from raw2fig.published import read_numbers
from raw2fig.stats import SEED, Estimate, difference, proportion
from raw2fig.step import Input, figure

BETAS = (0.99, 0.999, 0.9999, 0.99999, 0.999999)
RERUN = {"Llama-3.2-3B-Instruct": "LLaMA-3B-Instruct"}
"""The model that others ran again → its name in Table 3."""


@figure
def fig_in_domain(*, in_domain: Input) -> Drawing:
    """What routers gain in accuracy and save in layer applications on ARC and DART, in percent of all.

    Parameters
    ----------
    in_domain
        Published accuracies and layers.
    """
    import pandas as pd

    rows = read_in_domain(in_domain)
    fig, (left, right) = canvas(8.8, 3.6, cols=2)
    place = -np.arange(len(MODELS))
    plotted = []
    for index, subset in enumerate((*SETS, "both")):
        values = [
            total_change(rows, model, "accuracy")
            if subset == "both"
            else printed_change(rows, model, subset, "accuracy")
            for model in MODELS
        ]
        left.plot(values, place, MARKERS[index], color=PALETTE[index], label=subset)
        plotted.append(pd.DataFrame({"model": MODELS, "metric": f"accuracy, {subset}", "change": values}))
    left.axvline(0, color=NEUTRAL, linestyle=":")
    left.set(xlabel="points of accuracy", yticks=place, yticklabels=MODELS, xlim=(-0.5, 4.5))
    left.set_title("Accuracy: one run, no intervals")
    saved = np.array([saving(rows, model) for model in MODELS])
    right.barh(place, saved, 0.6, color=PALETTE[0])
    for y, model, share in zip(place, MODELS, saved, strict=True):
        count = -total_change(rows, model, "layers")
        whole = total_of(rows, model, "layers", "base")
        right.annotate(f"{count:.1f} of {whole:.0f}", (share, y), (4, 0), textcoords="offset points", va="center")
    right.set(xlabel="layer applications saved, %", yticks=place, yticklabels=[""] * len(MODELS), xlim=(0, 5))
    right.set_title(f"Layer applications saved: {np.mean(saved):.1f} % on average")
    for ax in (left, right):
        ax.grid(axis="y", visible=False)
    left.legend(loc="lower right")
    plotted.append(pd.DataFrame({"model": MODELS, "metric": "layer applications, %", "change": -saved}))
    note = "Table 3; layer applications of an answer, mean of two subsets of ARC and five of DART"
    return Drawing(fig, pd.concat(plotted, ignore_index=True), "", note=note)


@figure
def fig_out_of_domain(*, out_of_domain: Input) -> Drawing:
    """What routers change on benchmarks that they were not trained for.

    Parameters
    ----------
    out_of_domain
        Published scores.
    """
    changes = changes_out_of_domain(read_out_of_domain(out_of_domain))
    fig, ax = canvas(8.4, 3.6)
    place = np.arange(changes.shape[1])
    for index, (model, row) in enumerate(changes.iterrows()):
        ax.plot(place + 0.12 * (index - 1.5), row, MARKERS[index], color=PALETTE[index], label=str(model))
    for x, mean in zip(place, changes.mean(), strict=True):
        ax.plot([x - 0.35, x + 0.35], [mean, mean], color="black", label="mean")
    ax.axhline(0, color=NEUTRAL, linestyle=":")
    ax.set_xticks(place, list(changes.columns))
    ax.set_ylabel("change, points")
    ax.grid(axis="x", visible=False)
    legend_above(fig, [ax], f"Other benchmarks: {changes.to_numpy().mean():.2f} points on average, AGIEval most")
    plotted = changes.rename_axis("model").reset_index().melt("model", var_name="benchmark", value_name="change")
    return Drawing(fig, plotted, "", note="Table 4, one run of each model; layers are not reported there")


@figure
def fig_throughput(*, throughput: Input, in_domain: Input, numbers: Input) -> Drawing:
    """How much faster routed models generate, by batch size, and beside the layers that they save.

    Parameters
    ----------
    throughput
        Published tokens per second.
    in_domain
        Published layers.
    numbers
        Published seconds.
    """
    import pandas as pd

    speed, rows, single = gains(read_throughput(throughput)), read_in_domain(in_domain), read_numbers(numbers)
    fig, (left, right) = canvas(8.6, 3.4, cols=2)
    place = np.arange(len(speed))
    left.bar(place, speed, 0.7, color=PALETTE[0])
    left.set_xticks(place, [str(batch) for batch in speed.index])
    left.set(xlabel="sequences in a batch", ylabel="gain of throughput, %")
    left.set_title(f"From {speed.iloc[0]:.0f} % to {speed.iloc[-1]:.0f} %, {speed.mean():.2f} % on average")
    faster = 100 * (1 - single["seconds for 1000 tokens, router"] / single["seconds for 1000 tokens, base"])
    saved = {model: saving(rows, model) for model in MODELS}
    names = ["time for 1,000 tokens", *(f"layers, {model}" for model in MODELS)]
    right.barh(-np.arange(len(names)), [faster, *saved.values()], 0.6, color=[PALETTE[1], *[PALETTE[0]] * len(saved)])
    right.set_yticks(-np.arange(len(names)), names)
    right.set_xlabel("saved, %")
    right.set_title(f"Time {faster:.1f} %, layers at most {max(saved.values()):.1f} %")
    left.grid(axis="x", visible=False)
    right.grid(axis="y", visible=False)
    plotted = [
        pd.DataFrame({"what": [f"throughput, batch of {batch}" for batch in speed.index], "percent": speed.to_numpy()}),
        pd.DataFrame({"what": names, "percent": [faster, *saved.values()]}),
    ]
    note = "Tables 3 and 7 and the section on efficiency; one run each, no deviations"
    return Drawing(fig, pd.concat(plotted, ignore_index=True), "", note=note)


@figure
def fig_classes(*, numbers: Input) -> Drawing:
    """How often labels skip, execute and repeat, and the weights that these classes have in the loss.

    Parameters
    ----------
    numbers
        Published counts.
    """
    import pandas as pd

    single = read_numbers(numbers)
    counts = [int(single[f"labels {action}"]) for action in ACTIONS]
    shares = 100 * np.array(counts) / sum(counts)
    weights = np.array([class_weights(counts, beta) for beta in BETAS])
    fig, (left, right) = canvas(8.4, 3.2, cols=2)
    bars = left.bar(range(len(ACTIONS)), shares, 0.6, color=PALETTE[: len(ACTIONS)])
    left.bar_label(bars, [f"{share:.1f} %" for share in shares])
    left.set_xticks(range(len(ACTIONS)), ACTIONS)
    left.set(ylabel="share of labels, %", ylim=(0, 108))
    left.set_title(f"{shares[1]:.0f} % of labels execute")
    left.grid(axis="x", visible=False)
    for index, action in enumerate(ACTIONS):
        right.plot(range(len(BETAS)), weights[:, index], MARKERS[index] + "-", color=PALETTE[index], label=action)
    used = single["beta of the class weights"]
    right.axvline(BETAS.index(used), color=NEUTRAL, linestyle=":", label="the paper's")
    right.set_xticks(range(len(BETAS)), [f"{beta:g}" for beta in BETAS])
    right.set(xlabel="β", ylabel="weight in the loss", ylim=(0, None))
    chosen = weights[BETAS.index(used)]
    right.set_title(f"At β = {used:g} the largest is {chosen.max() / chosen.min():.1f} times the smallest")
    right.legend()
    plotted = pd.DataFrame(weights, columns=list(ACTIONS)).assign(beta=BETAS)
    plotted = pd.concat([pd.DataFrame([counts], columns=list(ACTIONS)), plotted], ignore_index=True)
    plotted.insert(0, "what", ["count", *["weight"] * len(BETAS)])
    return Drawing(fig, plotted, "", note=f"Appendix D, {sum(counts):,} labels; weights by the equation of the loss")


@figure
def fig_independent(*, independent: Input, in_domain: Input) -> Drawing:
    """DART by level as others ran it, and the gain there against the paper's.

    Parameters
    ----------
    independent
        Scores that others published.
    in_domain
        Published accuracies.
    """
    import pandas as pd

    rows, inside = read_independent(independent), read_in_domain(in_domain)
    (model, own), items = *RERUN.items(), int(rows["items"].iloc[0])
    levels = np.arange(1, 6)
    fig, (left, right) = canvas(8.0, 3.4, cols=2)
    plotted = []
    for index, method in enumerate(("base", "Dr.LLM", "PoLar")):
        scores = by_level(rows, model, method)
        found = [proportion(round(score * items / 100), items) for score in scores]
        points_with_intervals(left, list(levels + 0.15 * (index - 1)), [_percent(one) for one in found], method, index)
        plotted.append(pd.DataFrame({"what": f"accuracy, {method}", "level": levels, "value": scores}))
    left.set(xlabel="level of DART", ylabel="accuracy, %", xticks=levels)
    left.legend()
    printed = printed_change(inside, own, "DART", "accuracy")
    base, routed = (outcomes(by_level(rows, model, method), items) for method in ("base", "Dr.LLM"))
    change = difference(100 * base, 100 * routed, SEED)
    left.set_title("Dr.LLM and its base, as PoLar's authors ran them")
    points_with_intervals(right, [1], [change], "run by others", 1)
    right.plot([0], [printed], MARKERS[0], color=PALETTE[0], label="the paper")
    right.axhline(0, color=NEUTRAL, linestyle=":")
    right.set_xticks([0, 1], ["the paper", "run by others"])
    right.set(xlim=(-0.6, 1.6), ylabel="gain of routing on DART, points")
    right.set_title(f"{printed:+.1f} points in the paper, {change.value:+.1f} by others")
    right.grid(axis="x", visible=False)
    plotted.append(pd.DataFrame({"what": ["change, paper", "change, run by others"], "value": [printed, change.value]}))
    note = f"{model}, {items} questions of each level; 95 % intervals over questions, both runs taken as independent"
    return Drawing(fig, pd.concat(plotted, ignore_index=True), "", note=note)


def _percent(share: Estimate) -> Estimate:
    return share._replace(value=100 * share.value, low=100 * share.low, high=100 * share.high)

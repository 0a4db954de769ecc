"""Figures of the published numbers: speed-ups and their correction, accuracy, and ablations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.elastic_cache.ablations import NO_CACHE, at, out_of_order, places, series
from raw2fig.papers.elastic_cache.published import (
    ACCURACY,
    ELASTIC,
    FAST_DLLM,
    HEADLINE,
    MODEL,
    NEWER,
    SPEED,
    SPEED_UP,
    Setting,
    change,
    corrected,
    original,
    read_ablations,
    read_independent,
    read_results,
    read_windows,
    settings_of,
    speed_up,
    value_of,
)
from raw2fig.papers.elastic_cache.reruns import change_again
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas, legend_above, points_with_intervals
from raw2fig.stats import fact
from raw2fig.step import Input, figure
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

DEFAULT = 0.9
"""The paper's gamma and its epsilon."""


@figure
def fig_speed_ups(*, results: Input, independent: Input) -> Drawing:
    """Speed-ups over decoding without a cache as published, as corrected, and as others measured them.

    Parameters
    ----------
    results
        Published throughputs, and what the authors corrected.
    independent
        Throughputs that others measured.
    """
    import pandas as pd

    found, again = read_results(results), read_independent(independent)
    rows, true = original(found), corrected(found)
    both = settings_of(again)
    kinds = {
        "published": {
            f"{NEWER}, {HEADLINE}": value_of(rows, HEADLINE, ELASTIC, SPEED_UP, NEWER),
            **{str(one): value_of(rows, one, ELASTIC, SPEED_UP) for one in settings_of(rows)},
        },
        "corrected by the authors": {f"{NEWER}, {HEADLINE}": value_of(true, HEADLINE, ELASTIC, SPEED_UP, NEWER)},
        "measured by others": {str(one): speed_up(again, one) for one in both},
    }
    fig, (left, right) = canvas(9.0, 3.9, cols=2)
    names = list(kinds["published"])
    for index, (kind, values) in enumerate(kinds.items()):
        y = [-names.index(name) for name in values]
        left.plot(list(values.values()), y, MARKERS[index], color=PALETTE[index], label=kind)
    left.set(xlabel="speed-up over decoding without a cache", xscale="log", xlim=(3.5, 60))
    left.set_xticks([5, 10, 20, 40], ["5", "10", "20", "40"])
    left.set_xticks([], minor=True)
    left.set_yticks(-np.arange(len(names)), names)
    published, truth = kinds["published"][names[0]], kinds["corrected by the authors"][names[0]]
    left.set_title(f"{published:g} times became {truth:g} times")
    plotted = [pd.DataFrame({"what": f"speed-up, {kind}", "value": values}) for kind, values in kinds.items()]
    benchmarks = list(dict.fromkeys(one.benchmark for one in both))
    for index, (kind, source) in enumerate((("published", rows), ("measured by others", again))):
        for line, benchmark in enumerate(benchmarks):
            speeds = [value_of(source, Setting(benchmark, length), ELASTIC, SPEED) for length in (256, 512)]
            colour = PALETTE[2 * index]
            right.plot([0, 1], speeds, color=colour, marker=MARKERS[2 * index], linestyle=("-", "--", ":")[line])
            right.annotate(
                benchmark, (1 - index, speeds[1 - index]), (7 * (1 - 2 * index), 0), textcoords="offset points",
                va="center", ha="right" if index else "left", color=colour,
            )  # fmt: skip
            what = f"tokens/s, {kind}, {benchmark}"
            plotted.append(pd.DataFrame({"what": what, "value": dict(zip(("256", "512"), speeds, strict=True))}))
    right.set_xticks([0, 1], ["256 tokens", "512 tokens"])
    right.set(xlim=(-0.6, 1.6), ylabel="tokens/s of Elastic-Cache", yscale="log", ylim=(30, 200))
    right.set_yticks([40, 60, 100, 160], ["40", "60", "100", "160"])
    right.set_yticks([], minor=True)
    right.set_title("Others see throughput fall with length")
    left.grid(axis="y", visible=False)
    right.grid(axis="x", visible=False)
    legend_above(fig, [left])
    note = (
        f"{MODEL} but for the first row; one A100, batches of one, one run of each group; corrected: up to 16.0 times"
    )
    frame = pd.concat(plotted).rename_axis("setting").reset_index()
    return Drawing(fig, frame[["what", "setting", "value"]], "", note=note)


@figure
def fig_accuracy(*, results: Input, independent: Input) -> Drawing:
    """Points of accuracy that cached decoding changes, in the paper and as others ran it.

    Parameters
    ----------
    results
        Published accuracies.
    independent
        Accuracies that others measured.
    """
    import pandas as pd

    rows, again = original(read_results(results)), read_independent(independent)
    settings = settings_of(rows)
    fig, panels = canvas(9.0, 3.5, cols=2)
    plotted = []
    for ax, method in zip(panels, (ELASTIC, FAST_DLLM), strict=True):
        said = [fact(change(rows, one, method), 2) for one in settings]
        places_again = [settings.index(one) + 0.12 for one in settings_of(again)]
        found = [change_again(again, one, method) for one in settings_of(again)]
        points_with_intervals(ax, [place - 0.12 for place in range(len(settings))], said, "the paper", 0)
        points_with_intervals(ax, places_again, found, "run by others", 2)
        ax.axhline(0, color=NEUTRAL, linestyle=":")
        ax.set_xticks(range(len(settings)), [str(one.length) for one in settings])
        names = list(dict.fromkeys(one.benchmark for one in settings))
        middle = [np.mean([place for place, one in enumerate(settings) if one.benchmark == name]) for name in names]
        ax.set_xticks(middle, [f"\n{name}" for name in names], minor=True)
        ax.tick_params(axis="x", which="minor", length=0)
        ax.set_ylabel("change of accuracy, points")
        ax.grid(axis="x", visible=False)
        worst = min(found, key=lambda one: one.value)
        ax.set_title(
            f"{method}: {min(one.value for one in said):+.1f} at worst in the paper, {worst.value:+.1f} by others"
        )
        for who, values, places_of in (("paper", said, settings), ("others", found, settings_of(again))):
            for one, name in zip(values, places_of, strict=True):
                plotted.append({"method": method, "who": who, "setting": str(name), **one._asdict()})
    low = min(ax.get_ylim()[0] for ax in panels)
    high = max(ax.get_ylim()[1] for ax in panels)
    for ax in panels:
        ax.set_ylim(low, high)
    legend_above(fig, [panels[0]])
    note = f"{MODEL}; 95 % intervals over questions, both runs taken as independent; the paper has no intervals"
    return Drawing(fig, pd.DataFrame(plotted), "", note=note)


@figure
def fig_gamma(*, ablations: Input) -> Drawing:
    """How often caches are refreshed, accuracy, and throughput by the threshold of attention similarity.

    Parameters
    ----------
    ablations
        Published ablations.
    """
    rows = read_ablations(ablations)
    ends = series(rows, "gamma", ACCURACY)
    message = (
        f"From gamma 0.5 to 0.95: accuracy {ends[0]:g} to {ends[-1]:g}, without a cache {without(rows, 'gamma'):g}"
    )
    return _ablation(rows, "gamma", message)


@figure
def fig_epsilon(*, ablations: Input) -> Drawing:
    """The same by the threshold of confidence.

    Parameters
    ----------
    ablations
        Published ablations.
    """
    rows = read_ablations(ablations)
    steps = out_of_order(series(rows, "epsilon", SPEED))
    message = f"A lower epsilon is faster and less accurate; {steps} step of throughput is out of order"
    return _ablation(rows, "epsilon", message)


@figure
def fig_window(*, windows: Input) -> Drawing:
    """Accuracy of sliding windows and of blocks by their size.

    Parameters
    ----------
    windows
        Published ablation of windows.
    """
    rows = read_windows(windows)
    fig, ax = canvas(6.4, 3.6)
    for index, window in enumerate(("sliding", "blocks")):
        found = rows_where(rows, window=window, metric=ACCURACY)
        x, low, high = (found[name].to_numpy(dtype=float) for name in ("size", "low", "high"))
        ax.plot(x, (low + high) / 2, color=PALETTE[index], alpha=0.4)
        ax.errorbar(
            x, (low + high) / 2, yerr=(high - low) / 2, fmt=MARKERS[index], color=PALETTE[index], capsize=2.5,
            label="sliding windows" if window == "sliding" else window,
        )  # fmt: skip
        speeds = rows_where(rows, window=window, metric=SPEED).dropna(subset="low")
        for size, speed in zip(speeds["size"], speeds["low"], strict=True):
            ax.annotate(
                f"fastest: {speed:g} tokens/s", (size, 81.5), (0, 12 + 12 * index), textcoords="offset points",
                ha="center", color=PALETTE[index],
            )  # fmt: skip
    ax.set_xscale("log", base=2)
    sizes = sorted(rows["size"].unique())
    ax.set_xticks(sizes, [str(size) for size in sizes])
    ax.set(xlabel="tokens of a window or block", ylabel="accuracy, %", ylim=(25, 95))
    legend_above(fig, [ax], "Sliding windows collapse when large, blocks lose when small")
    note = "points read off a figure, some as a range; throughput is the one that the authors withdrew"
    return Drawing(fig, rows, "", note=note)


def without(rows: pd.DataFrame, ablation: str) -> float:
    """Accuracy without a cache."""
    return at(rows, ablation, NO_CACHE, ACCURACY)


def _ablation(rows: pd.DataFrame, ablation: str, message: str) -> Drawing:
    """Three measures by a threshold, and what they are without a cache."""
    fig, panels = canvas(9.0, 3.1, cols=3)
    x = places(rows, ablation)
    measures = {"update frequency": "layers refreshed, %", ACCURACY: "accuracy, %", SPEED: "tokens/s"}
    for index, (ax, (metric, label)) in enumerate(zip(panels, measures.items(), strict=True)):
        values = series(rows, ablation, metric)
        ax.plot(x, values, MARKERS[index] + "-", color=PALETTE[index])
        if metric != "update frequency":
            ax.axhline(at(rows, ablation, NO_CACHE, metric), color=NEUTRAL, linestyle=":", label="without a cache")
        _mark_default(ax, x, values)
        ax.set(xlabel=ablation, ylabel=label, ylim=(60, 90) if metric == ACCURACY else (0, None))
    legend_above(fig, panels, message)
    note = "GSM8K-512, LLaDA-1.5 (inferred); read off a figure; throughput is the one that the authors withdrew"
    return Drawing(fig, rows_where(rows, ablation=ablation), "", note=note)


def _mark_default(ax: Axes, x: Sequence[float], values: Sequence[float]) -> None:
    """A ring around the paper's setting."""
    ax.plot(
        [DEFAULT],
        [values[list(x).index(DEFAULT)]],
        "o",
        color="black",
        fillstyle="none",
        markersize=10,
        label="the paper's",
    )

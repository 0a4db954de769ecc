"""Seconds of a step on random weights: by length, and at the update frequencies that the paper prints."""

from __future__ import annotations

from raw2fig.papers.elastic_cache.ablations import NO_CACHE
from raw2fig.papers.elastic_cache.latency import FULL, KINDS, TESTED, WINDOW
from raw2fig.papers.elastic_cache.published import read_ablations, read_independent
from raw2fig.papers.elastic_cache.runs import over_rounds, read_times
from raw2fig.plotting import NEUTRAL, Drawing, canvas, line_with_band
from raw2fig.step import Input, figure, table
from raw2fig.tables import Table, as_markdown, rows_where

REMEASURED = {"model": "LLaDA-8B-Instruct", "method": "Elastic-Cache", "metric": "tokens per forward"}
"""Where tokens per forward are taken from: others' runs, which count true tokens."""


@figure
def fig_latency(*, times: Input) -> Drawing:
    """Draw seconds of a step by length, on random weights, and how much faster a windowed step is.

    Parameters
    ----------
    times
        Rows of all rounds.
    """
    rows = read_times(times)
    fig, axes = canvas(9.0, 3.6, cols=2)
    lengths = sorted(rows["length"].unique())
    one = rows_where(rows, samples=int(rows["samples"].min()))
    for index, kind in enumerate(KINDS):
        found = [over_rounds(1000 * rows_where(one, kind=kind, length=length)["seconds"]) for length in lengths]
        line_with_band(axes[0], lengths, found, kind, index)
    axes[0].set(xlabel="positions", ylabel="milliseconds of a step", xscale="log", yscale="log")
    axes[0].legend(fontsize=7)
    for index, samples in enumerate(sorted(rows["samples"].unique())):
        found = []
        for length in lengths:
            seconds = rows_where(rows, length=length, samples=samples).pivot_table(
                index="round", columns="kind", values="seconds"
            )
            found.append(over_rounds(seconds[FULL] / seconds[WINDOW]))
        line_with_band(axes[1], lengths, found, f"{samples} together", index)
    axes[1].axhline(1, color=NEUTRAL, linewidth=1)
    axes[1].set(xlabel="positions", ylabel="all positions over window, times", xscale="log")
    axes[1].legend(fontsize=7)
    low, high = rows["seconds"].min() * 1000, rows["seconds"].max() * 1000
    ticks = [tick for power in range(-3, 7) for tick in (10.0**power, 3 * 10.0**power) if low / 3 < tick < high * 3]
    axes[0].set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    for ax in axes:
        ax.set_xticks(lengths, [str(length) for length in lengths])
        ax.minorticks_off()
    fig.suptitle("Latency only: random weights, forced schedules", x=0.01, ha="left", fontsize=11)
    number = rows["round"].nunique()
    return Drawing(fig, rows, "", note=f"{number} rounds in turn; medians, and their range")


@table
def table_schedules(*, times: Input, ablations: Input, independent: Input) -> Table:
    """What a step would cost at each update frequency that the paper prints, and tokens per second that follow.

    The frequency is the share of layers that compute all positions. A step costs what a windowed one with the drift
    test does, and for that share as much more as all positions cost more than a window.

    Parameters
    ----------
    times
        Rows of all rounds.
    ablations
        Published update frequencies by gamma.
    independent
        Tokens per forward as others measured them.
    """
    import pandas as pd

    rows = rows_where(read_times(times), samples=1)
    frequencies = rows_where(read_ablations(ablations), ablation="gamma", metric="update frequency")
    told = rows_where(read_independent(independent), **REMEASURED)["value"].dropna()
    found = []
    for length in sorted(rows["length"].unique()):
        seconds = rows_where(rows, length=int(length)).pivot_table(index="round", columns="kind", values="seconds")
        for gamma, percent in zip(frequencies["setting"], frequencies["value"], strict=True):
            if gamma == NO_CACHE:
                continue
            one = seconds[TESTED] + percent / 100 * (seconds[FULL] - seconds[WINDOW])
            took, faster = over_rounds(one), over_rounds(seconds[FULL] / one)
            found.append(
                {
                    "positions": int(length),
                    "gamma": gamma,
                    "update frequency, %": percent,
                    "ms a step": 1000 * took.value,
                    "times faster than all positions": faster.value,
                    "lowest": faster.low,
                    "highest": faster.high,
                    f"tokens/s at {told.min():g} tokens a step": told.min() / took.value,
                    f"tokens/s at {told.max():g} tokens a step": told.max() / took.value,
                }
            )
    frame = pd.DataFrame(found)
    return Table(frame, as_markdown(frame.map(lambda cell: f"{cell:.3g}" if isinstance(cell, float) else cell)))

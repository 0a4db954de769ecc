"""The paper's other figures and tables from its published numbers: dose response, modes of failure, washing out,
popularity against length, and both versions side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.brain_rot.published import (
    DEFINITIONS,
    LLAMA,
    METRICS,
    VERSIONS,
    read_failures,
    read_robustness,
    read_scores,
    read_splits,
    read_wash_out,
)
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas, legend_above, points_with_intervals
from raw2fig.published import number_in
from raw2fig.stats import proportion
from raw2fig.step import Input, figure, table
from raw2fig.tables import Table, as_markdown, rows_where

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

DOSE = ("arc_cot", "ruler", "cwe", "vt", "advbench", "psychopathy")
"""Metrics of the figure of the dose response."""
WASHED = ("arc_cot", "ruler", "advbench")
"""Metrics of the figures of washing out and of popularity against length."""
MODES = ("no thinking", "no plan", "factual error")
"""Modes of failure whose shares are drawn; the others hold at most 12 answers."""
LINES = (("v1", "M1"), ("v2", "M1"), ("v2", "M2"))
"""Version and definition of the lines of the dose response: M2 is the same in both versions, but for a cell."""


def title_of(rows: pd.DataFrame, metric: str) -> str:
    """Title of a metric, with an arrow where lower is better."""
    return METRICS[metric] + (" ↓" if rows_where(rows, metric=metric)["lower_is_better"].iloc[0] else "")


def monotone(shares: list[float], values: list[float]) -> float:
    """Spearman's correlation of the share of junk and a score; 0 for a score that is the same everywhere."""
    from scipy.stats import spearmanr

    return float(spearmanr(shares, values).statistic) if len(set(values)) > 1 else 0.0


def dose(scores: pd.DataFrame, metric: str, definition: str, version: str) -> tuple[list[float], list[float]]:
    """Shares of junk from 0 to 1 and Llama's scores at them."""
    rows = rows_where(scores, metric=metric, definition=definition, version=version, model=LLAMA).sort_values("ratio")
    return rows["ratio"].tolist(), rows["value"].tolist()


@figure
def fig_dose(*, scores: Input) -> Drawing:
    """Scores of Llama3-8B against the share of junk, in both versions of the paper.

    Parameters
    ----------
    scores
        Published scores.
    """
    import pandas as pd

    published = read_scores(scores)
    fig, grid = canvas(8.6, 5.2, rows=2, cols=3)
    plotted = []
    for metric, ax in zip(DOSE, grid.ravel(), strict=True):
        found = []
        for index, (version, definition) in enumerate(LINES):
            shares, values = dose(published, metric, definition, version)
            style = "--" if version == "v1" else "-"
            label = f"{definition}, {version}" if definition == "M1" else f"{definition}, both versions"
            ax.plot(shares, values, style, marker=MARKERS[index], color=PALETTE[index], label=label)
            found.append(monotone(shares, values))
            mine = {"metric": metric, "definition": definition, "version": version, "ratio": shares, "value": values}
            plotted.append(pd.DataFrame(mine))
        base = number_in(published, version="v2", model=LLAMA, metric=metric, definition="none")
        ax.axhline(base, color=NEUTRAL, linestyle=":", label="no junk or control text")
        ax.set_title(
            f"{title_of(published, metric)}\nSpearman M1 {found[0]:+.2f} (v1), {found[1]:+.2f} (v2)", fontsize=8
        )
        ax.set_xticks([0, 0.2, 0.5, 0.8, 1])
    for ax in grid[-1]:
        ax.set_xlabel("share of junk")
    for ax in grid[:, 0]:
        ax.set_ylabel("score")
    message = "With M1 junk reasoning falls at each dose in both versions; with M2 junk, and elsewhere, not always"
    legend_above(fig, grid.ravel(), message)
    return Drawing(
        fig, pd.concat(plotted, ignore_index=True), "", note=f"{LLAMA}, one run for each point; no intervals"
    )


@figure
def fig_failure_modes(*, failures: Input) -> Drawing:
    """How answers to ARC Challenge with reasoning fail: numbers of failed answers, and shares of them.

    Parameters
    ----------
    failures
        Published counts.
    """
    import pandas as pd

    counts = read_failures(failures)
    wide = counts.pivot_table("count", ["definition", "ratio"], "mode", sort=False, dropna=False)
    wide = wide.dropna(how="all").astype(int)
    names = [_arm(definition, ratio) for definition, ratio in wide.index]
    place = np.arange(len(names))
    fig, (left, right) = canvas(8.6, 4.2, cols=2)
    silent, rest = wide["no thinking"].to_numpy(), (wide["failed"] - wide["no thinking"]).to_numpy()
    left.bar(place, silent, 0.7, color=PALETTE[0], label="no thinking at all")
    left.bar(place, rest, 0.7, bottom=silent, color=PALETTE[5], label="failed otherwise")
    for x, low, high in zip(place, silent, silent + rest, strict=True):
        left.annotate(str(low), (x, low / 2), ha="center", va="center", color="white")
        left.annotate(str(high), (x, high), (0, 2), textcoords="offset points", ha="center")
    left.set(ylabel=f"failed answers of {counts['of'].iloc[0]:,}", ylim=(0, 1.1 * wide["failed"].max()))
    left.legend(loc="upper right")
    left.grid(axis="x", visible=False)
    plotted = []
    for index, mode in enumerate(MODES):
        shares = [proportion(int(k), int(n)) for k, n in zip(wide[mode], wide["failed"], strict=True)]
        points_with_intervals(right, list(place + 0.15 * (index - 1)), shares, mode, index)
        mine = wide[["failed", mode]].rename(columns={mode: "count"})
        found = {"arm": [name.replace("\n", " ") for name in names], "share": [one.value for one in shares]}
        plotted.append(mine.assign(mode=mode, **found))
    right.set(ylabel="share of the failed answers", ylim=(0, 1.02))
    right.legend(loc="center right")
    for ax in (left, right):
        ax.set_xticks(place, names)
    junk, base = names.index(_arm("M1", 1.0)), names.index(_arm("none", float("nan")))
    left.set_title(f"No thinking: {silent[base]} answers (base) become {silent[junk]} (M1 junk)")
    share = silent / (silent + rest)
    right.set_title(f"The share grows less: {share[base]:.0%} become {share[junk]:.0%}")
    note = f"{LLAMA}, models of v1, one run for each; 95 % intervals over failures, which can have several modes"
    return Drawing(fig, pd.concat(plotted, ignore_index=True), "", note=note)


def _arm(definition: str, ratio: float) -> str:
    """Name of an arm on two lines."""
    return "base" if definition == "none" else f"{definition}\n{'junk' if ratio else 'control'}"


@figure
def fig_wash_out(*, wash_out: Input, scores: Input) -> Drawing:
    """Scores of the model after junk alone, with more training on clean text.

    Parameters
    ----------
    wash_out
        Published scores against tokens.
    scores
        Published scores, for those of the base model.
    """
    rows, published = read_wash_out(wash_out), read_scores(scores)
    fig, axes = canvas(8.8, 3.8, cols=3)
    treatments = [name for name in dict.fromkeys(rows["treatment"]) if name != "base line"]
    for metric, ax in zip(WASHED, axes, strict=True):
        for index, treatment in enumerate(treatments):
            mine = rows_where(rows, metric=metric, treatment=treatment)
            ax.plot(mine["tokens_millions"], mine["value"], MARKERS[index] + "-", color=PALETTE[index], label=treatment)
        line = number_in(rows, metric=metric, treatment="base line")
        ax.axhline(line, color="black", linestyle="--", label="base model, as drawn in the figure")
        base = number_in(published, version="v2", model=LLAMA, metric=metric, definition="none")
        ax.axhline(base, color=NEUTRAL, linestyle=":", label="base model, main table")
        ax.set(xlabel="tokens of training, millions")
        ax.set_title(f"{title_of(rows, metric)}: {gap(rows, metric):.1f} points left")
    axes[0].set_ylabel("score")
    message = "More instruction tuning heals a part of all three; clean text alone does not heal reasoning"
    legend_above(fig, axes, message)
    note = f"{LLAMA} after M1 junk alone; digitised, one run for each point; no intervals"
    return Drawing(fig, rows.drop(columns="source"), "", note=note)


def gap(rows: pd.DataFrame, metric: str, treatment: str = "instruction tuning") -> float:
    """Points from the best score of a treatment to the base line of its figure."""
    lower = bool(rows_where(rows, metric=metric)["lower_is_better"].iloc[0])
    found = rows_where(rows, metric=metric, treatment=treatment)["value"]
    line = number_in(rows, metric=metric, treatment="base line")
    return float(found.min() - line if lower else line - found.max())


@figure
def fig_popularity_length(*, splits: Input) -> Drawing:
    """What junk costs if it differs from control text in length, in popularity, or in both.

    Parameters
    ----------
    splits
        Published scores.
    """
    rows = read_splits(splits)
    fig, axes = canvas(8.6, 3.2, cols=3)
    kinds = list(dict.fromkeys(rows["split"]))
    for metric, ax in zip(WASHED, axes, strict=True):
        for place, kind in enumerate(kinds):
            junk, control = (number_in(rows, metric=metric, split=kind, arm=arm) for arm in ("junk", "control"))
            _dumbbell(ax, -place, junk, control)
        ax.set_yticks(-np.arange(len(kinds)), kinds if ax is axes[0] else [""] * len(kinds))
        ax.set(title=title_of(rows, metric), xlabel="score", ylim=(0.6 - len(kinds), 0.55))
        ax.margins(x=0.15)
        ax.grid(axis="y", visible=False)
    legend_above(fig, axes, "Popularity costs more in reasoning, length more in long context and safety")
    note = f"{LLAMA}, one run for each point; no intervals; the three controls differ too"
    return Drawing(fig, rows.drop(columns="source"), "", note=note)


def _dumbbell(ax: Axes, place: float, junk: float, control: float) -> None:
    """Scores after control text and after junk on one row, and their difference."""
    ax.plot([control, junk], [place, place], color=NEUTRAL, linewidth=1.2, zorder=1)
    ax.plot(control, place, MARKERS[0], color=PALETTE[0], label="control")
    ax.plot(junk, place, MARKERS[1], color=PALETTE[1], label="junk")
    middle = (junk + control) / 2
    ax.annotate(f"{junk - control:+.1f}", (middle, place), (0, 4), textcoords="offset points", ha="center", fontsize=8)


@table
def table_versions(*, scores: Input) -> Table:
    """The main table of both versions side by side, for Llama3-8B. This run is compared with version 2.

    Parameters
    ----------
    scores
        Published scores.
    """
    published = rows_where(read_scores(scores), model=LLAMA)
    key = ["metric", "definition", "ratio"]
    v1, v2 = (rows_where(published, version=version).set_index(key)["value"] for version in VERSIONS)
    rows = v2.rename("v2").to_frame().assign(v1=v1).reset_index()
    rows = rows.assign(difference=(rows["v2"] - rows["v1"]).round(6), compared_with="v2")
    rows = rows[[*key, "v1", "v2", "difference", "compared_with"]]
    return Table(rows, _side_by_side(published, rows))


@table
def table_robustness(*, robustness: Input) -> Table:
    """Junk and control with other epochs, learning rates and models, and with and without instruction tuning.

    Parameters
    ----------
    robustness
        Published scores.
    """
    rows = read_robustness(robustness)
    key = ["model", "study", "setting", "metric"]
    arm = rows["ratio"].map({1.0: "junk", 0.0: "control"}).fillna("base")
    wide = rows.assign(arm=arm).pivot(index=key, columns="arm", values="value")[["junk", "control", "base"]]
    wide = wide.loc[list(dict.fromkeys(rows[key].itertuples(index=False, name=None)))]
    found = wide.assign(difference=(wide["junk"] - wide["control"]).round(6)).reset_index()
    return Table(found, as_markdown(found.astype(object).where(found.notna(), "")))


def _side_by_side(published: pd.DataFrame, rows: pd.DataFrame) -> str:
    """A line for each metric: v1 and v2 at each share of M1 junk, then what else differs."""
    mine = rows_where(rows, definition="M1")
    shares = sorted(set(mine["ratio"]), reverse=True)
    wide = mine.pivot(index="metric", columns="ratio", values=list(VERSIONS)).loc[list(dict.fromkeys(mine["metric"]))]
    text = wide.map(lambda value: "–" if np.isnan(value) else f"{value:g}")
    text.columns = [f"{share:.0%} {version}" for version, share in text.columns]
    text = text[[f"{share:.0%} {version}" for share in shares for version in VERSIONS]].reset_index()
    text["metric"] = [title_of(published, metric) for metric in text["metric"]]
    others = rows[(rows["definition"] != "M1") & (rows["difference"].abs() > 0)]
    cells = [
        f"{METRICS[row.metric]} at {row.ratio:.0%} {row.definition} junk: {row.v1:g} in v1, {row.v2:g} in v2"
        for row in others.itertuples()
    ]
    differing = "; ".join(cells) or "none"
    return (
        f"{LLAMA}, M1: share of junk, version 1 (October 2025) and version 2 (April 2026). "
        "This repository compares with version 2; claims that name v1 say so.\n\n"
        f"{as_markdown(text)}\nOf {DEFINITIONS[1]} and the base model these cells differ: {differing}.\n"
    )

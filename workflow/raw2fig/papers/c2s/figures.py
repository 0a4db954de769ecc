"""Figures of C2S-Scale on reference cells and tissue: rank fit, scaling, sample labels, spatial (Fig. 4, 6C, 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.ticker import EngFormatter

from raw2fig.errors import InputError
from raw2fig.papers.c2s.measures import ANSWERS, GUESSES, SCALING, SHARE, mean, values
from raw2fig.plotting import (
    NEUTRAL,
    PALETTE,
    Drawing,
    bars_with_intervals,
    canvas,
    legend_above,
    line_with_band,
    points_with_intervals,
)
from raw2fig.stats import Estimate, over_replicates
from raw2fig.step import Input, figure
from raw2fig.tables import read_json, read_table, read_tables, rows_where

if TYPE_CHECKING:
    import pandas as pd

NAMES = {"annotation": "cell type", "tissue_annotation": "tissue"} | {
    "none": "no statements",
    "cpdb": "CellPhoneDB",
    "biogrid": "BioGRID",
    "both": "both lists",
}
"""What figures call the tasks and priors of the tables."""
INTERVALS = "95 % intervals over replicates; rings: single replicates"


@figure
def fig_rank(*, fit: Input, pairs: Input) -> Drawing:
    """Fig. 9: expression against rank with the fitted line, and original against reconstructed expression.

    Parameters
    ----------
    fit
        The rank fit.
    pairs
        Sampled (cell, gene) pairs of the rank fit; the held-out ones are shown.
    """
    kinds = {"split": "string", "log_rank": "number", "log_expression": "number", "reconstructed": "number"}
    frame, line = read_table(pairs, kinds), read_json(fit)
    frame = frame[frame["split"] == "test"].reset_index(drop=True)
    score = line["test"]
    if frame.empty or score is None:
        raise InputError(pairs, "no held-out pair", "a rank fit with test cells")
    fig, (left, right) = canvas(8.4, 4.1, cols=2)
    dots = {"s": 3, "alpha": 0.25, "linewidths": 0, "rasterized": True}
    left.scatter(frame["log_rank"], frame["log_expression"], color=PALETTE[5], **dots)
    ends = np.array([0, frame["log_rank"].max()])
    text = f"fit to training cells: y = {line['intercept']:.3f} {line['slope']:+.3f} x"
    left.plot(ends, line["intercept"] + line["slope"] * ends, color=PALETTE[1], label=text)
    low, high = score["r2_ci"]
    left.set(xlabel="log10(1 + rank)", ylabel="log10 normalised expression")
    left.set_title(f"R² {score['r2']:.3f} [{low:.3f}, {high:.3f}]")
    right.scatter(frame["log_expression"], frame["reconstructed"], color=PALETTE[5], **dots)
    top = frame[["log_expression", "reconstructed"]].max().max()
    right.plot([0, top], [0, top], color=NEUTRAL, linestyle="--", label="identity")
    right.set(xlabel="original expression (log10)", ylabel="reconstructed expression (log10)")
    right.set_title(f"Pearson {score['pearson']:.3f}, Spearman {score['spearman']:.3f}")
    legend_above(fig, (left, right))
    items = f"{score['pairs']} pairs of {score['cells']} held-out cells ({len(frame)} drawn)"
    return Drawing(fig, frame, items, intervals="95 % interval of R² over cells")


@figure
def fig_scaling(*, scores: list[Input]) -> Drawing:
    """Fig. 4C: held-out loss, accuracy and gene overlap against model size.

    Parameters
    ----------
    scores
        Held-out scores of the pretrained models, one table for each replicate.
    """
    import pandas as pd

    frame = read_tables(scores, SCALING)
    panels: dict[str, tuple[str, tuple[float, float], dict[str, str | None]]] = {
        "loss": ("held-out loss (nats per word)", (0.0, float("inf")), {"all tasks": None}),
        "accuracy": ("accuracy", SHARE, {name: name for name in ("annotation", "tissue_annotation")}),
        "overlap": ("gene overlap of generated cells", SHARE, {"generation": "generation"}),
    }
    fig, axes = canvas(10, 3.6, cols=3)
    rows = []
    for ax, (metric, (label, bounds, tasks)) in zip(axes, panels.items(), strict=True):
        for index, (name, task) in enumerate(tasks.items()):
            part = frame[(frame["metric"] == metric) & ((frame["task"] == task) | (task is None))]
            if part.empty:
                raise InputError(scores[0], f"no {metric} of {name}", "scores of all panels")
            sizes = {}
            for parameters, group in _by_size(part):
                sizes[parameters] = mean(group, bounds)
                size = group["size"].iloc[0]
                rows.append({"metric": metric, "task": name, "size": size, "parameters": parameters})
                rows[-1] |= sizes[parameters]._asdict()
                _singles(ax, parameters, values(group), index)
            line_with_band(ax, list(sizes), list(sizes.values()), NAMES.get(name, ""), index)
        ax.set_xscale("log")
        ax.set_xticks(list(sizes))
        ax.minorticks_off()
        ax.xaxis.set_major_formatter(EngFormatter(places=0, sep=""))
        ax.set(xlabel="parameters", title=label)
    legend_above(fig, axes)
    intervals = f"{INTERVALS}; loss of responses, all tasks"
    return Drawing(fig, pd.DataFrame(rows), _items(frame), frame["replicate"].nunique(), intervals)


@figure
def fig_samples(*, logs: list[Input]) -> Drawing:
    """Fig. 4E: held-out loss against training samples seen, for each model size.

    Parameters
    ----------
    logs
        Pretraining logs of all sizes and replicates.
    """
    import pandas as pd

    probes = []
    for path in logs:
        log = read_json(path)
        found = [record for record in log["log"] if "held_out_loss" in record]
        if not found:
            raise InputError(path, "no held-out loss", "a log with probes")
        for record in found:
            probes.append({name: log[name] for name in ("replicate", "size", "parameters")})
            probes[-1] |= {"samples": record["step"] * log["batch"], "value": record["held_out_loss"]}
            probes[-1] |= {"n": int(record["held_out_samples"])}
    frame = pd.DataFrame(probes).sort_values(["parameters", "samples", "replicate"], ignore_index=True)
    fig, ax = canvas(5.6, 4.0)
    rows = []
    for index, (parameters, part) in enumerate(_by_size(frame)):
        means = {}
        for samples, probe in part.groupby("samples"):
            losses = values(probe)
            means[samples] = over_replicates(losses, int(probe["n"].iloc[0]))
            singles = {f"replicate {replicate}": loss for replicate, loss in losses.items()}
            rows.append({"parameters": parameters, "samples": samples} | means[samples]._asdict() | singles)
            _singles(ax, samples, losses, index)
        line_with_band(ax, list(means), list(means.values()), f"{parameters:,} parameters", index)
    ax.set(xlabel="training samples seen", ylabel="held-out loss of whole texts (nats per token)")
    legend_above(fig, [ax])
    table = pd.DataFrame(rows)
    return Drawing(fig, table, f"{table['n'].max()} held-out samples", frame["replicate"].nunique(), INTERVALS)


@figure
def fig_tissue(*, scores: list[Input], baselines: list[Input]) -> Drawing:
    """Accuracy of the sample label by the number of cells in the prompt.

    Parameters
    ----------
    scores
        Held-out scores of the pretrained models, one table for each replicate.
    baselines
        Scores of guesses without a model, one table for each replicate.
    """
    import pandas as pd

    frame = read_tables(scores, SCALING | {"count": "integer"})
    frame = rows_where(frame, metric="accuracy", task="tissue_annotation")
    if frame.empty:
        raise InputError(scores[0], "no accuracy of tissue_annotation", "scores of that task")
    guesses = rows_where(read_tables(baselines, GUESSES), task="tissue_annotation")
    fig, ax = canvas(5.6, 4.0)
    rows: list[dict[str, Any]] = []
    for index, (parameters, part) in enumerate(_by_size(frame)):
        counts = {}
        for count, group in part.groupby("count"):
            counts[count] = mean(group)
            rows.append({"method": "C2S", "parameters": parameters, "cells": count} | counts[count]._asdict())
        beside = [count + 0.08 * index for count in counts]  # intervals of all sizes stay apart
        points_with_intervals(ax, beside, list(counts.values()), f"{parameters:,} parameters", index)
    for method, label, style in (("majority", "most common label", "--"), ("chance", "chance", ":")):
        found = mean(rows_where(guesses, method=method))
        ax.axhline(found.value, color=NEUTRAL, linestyle=style, label=label)
        rows.append({"method": method} | found._asdict())
    ax.set(xlabel="cells in the prompt", ylabel="accuracy of the sample label", xticks=sorted(frame["count"].unique()))
    legend_above(fig, [ax])
    return Drawing(
        fig, pd.DataFrame(rows), _items(frame), frame["replicate"].nunique(), "95 % intervals over replicates"
    )


@figure
def fig_spatial(*, answers: list[Input], baselines: list[Input]) -> Drawing:
    """Fig. 6C: accuracy of the spatial tasks with each kind of prior knowledge about interactions.

    Parameters
    ----------
    answers
        Answers of the models trained with each prior, one table for each replicate; the model's name is the prior.
    baselines
        Answers of a classifier to the prompts on neighbourhoods, one table for each replicate.
    """
    import pandas as pd

    frame = read_tables(answers, ANSWERS)
    tasks = [name for name in ("same_neighbourhood", "same_niche", "niche") if name in set(frame["task"])]
    priors = [name for name in ("none", "cpdb", "biogrid", "both") if name in set(frame["model"])]
    if not tasks or not priors:
        raise InputError(
            answers[0], "no spatial task or no prior", "same_neighbourhood with prior none, cpdb, biogrid, both"
        )
    series: dict[str, list[Estimate]] = {}
    rows = []
    for prior in priors:
        for task in tasks:
            part = rows_where(frame, model=prior, task=task)
            share = mean(part)
            series.setdefault(NAMES[prior], []).append(share)
            rows.append({"prior": prior, "task": task, "chance": _chance(frame, task)} | share._asdict())
            # 1: the model of a replicate gives one answer to every question
            common = part.groupby("replicate")["predicted"].agg(
                lambda given: given.value_counts(normalize=True).iloc[0]
            )
            rows[-1]["constant_models"] = int((common == 1).sum())
    fig, ax = canvas(6.6, 4.1)
    bars_with_intervals(ax, [task.replace("_", " ") for task in tasks], series)
    for place, task in enumerate(tasks):
        label = "chance" if place == 0 else None
        ax.hlines(_chance(frame, task), place - 0.45, place + 0.45, color=NEUTRAL, linestyle="--", label=label)
    classified = read_tables(baselines, ANSWERS)
    for task in [task for task in tasks if task in set(classified["task"])]:
        found, place = mean(rows_where(classified, task=task)), tasks.index(task)
        ax.hlines(found.value, place - 0.45, place + 0.45, color=PALETTE[6], linestyle=":", label="classifier")
        rows.append({"prior": "classifier", "task": task, "chance": _chance(frame, task)} | found._asdict())
    ax.set(ylabel="accuracy on held-out cells", ylim=(0, 1))
    legend_above(fig, [ax])
    table = pd.DataFrame(rows)
    counts = ", ".join(
        f"{n} {task.replace('_', ' ')}" for task, n in table.groupby("task", sort=False)["n"].max().items()
    )
    constant = table[table["constant_models"] > 0].to_dict("records")
    cases = [f"{row['task'].replace('_', ' ')}, {NAMES[row['prior']]}: {row['constant_models']}" for row in constant]
    intervals = "95 % intervals over replicates" + (
        f" · models with one answer to every question: {'; '.join(cases)}" if cases else ""
    )
    return Drawing(fig, table, f"{counts} questions", frame["replicate"].nunique(), intervals)


def _singles(ax: Any, x: float, found: Mapping[Any, float], index: int) -> None:
    """The value of each replicate at `x`, as rings in the `index`-th colour."""
    colour = PALETTE[index % len(PALETTE)]
    ax.scatter([x] * len(found), list(found.values()), s=10, color="white", edgecolors=colour, zorder=3)


def _by_size(frame: pd.DataFrame) -> list[tuple[int, pd.DataFrame]]:
    """Number of parameters and rows of each size, smallest first. A replicate whose samples lack some words has a few
    parameters less: the number is the mean over replicates."""
    sizes = [(round(part["parameters"].mean()), part) for _, part in frame.groupby("size")]
    return sorted(sizes, key=lambda size: size[0])


def _items(scores: pd.DataFrame) -> str:
    return f"{scores.groupby('replicate')['cell'].nunique().max()} held-out samples"


def _chance(frame: pd.DataFrame, task: str) -> float:
    """Of guessing among the labels of a task: 1/2 for yes or no."""
    return 1 / frame["response"][frame["task"] == task].nunique()

"""Figures of C2S-Scale on perturbed cells: prediction, GRPO and the drug screen (Fig. 8D, 8E, 8G, late Fig. 7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import read_cells
from raw2fig.papers.c2s.embedder import through_sentences
from raw2fig.papers.c2s.figures import SEED, principal_axes, stamp
from raw2fig.papers.c2s.predictions import read_predictions
from raw2fig.papers.c2s.screen import NEUTRAL as NEUTRAL_CONTEXT
from raw2fig.papers.c2s.screen import POSITIVE, VEHICLE, context_split
from raw2fig.plotting import NEUTRAL, PALETTE, bars_with_intervals, figure, save
from raw2fig.stats import Estimate, bootstrap_mean
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json, read_table

if TYPE_CHECKING:
    import pandas as pd

TIERS = ("seen", "tier1", "tier2", "tier3")
REFERENCES = ("floor", "oracle", "no_change", "additive_shift", "gaussian_monge", "SFT")
"""Methods in the order of the figures; GRPO models follow."""
COLOURS = {"floor": NEUTRAL, "oracle": "#AAAAAA", "no_change": PALETTE[6], "additive_shift": PALETTE[3]} | {
    "gaussian_monge": PALETTE[4],
    "SFT": PALETTE[0],
}
GRPO_COLOURS = (PALETTE[1], PALETTE[2], PALETTE[5])
METRICS = {
    "scfid": "scFID",
    "scfid_programme": "scFID, interferon programme",
    "mmd": "MMD",
    "wasserstein": "Wasserstein",
    "kendall": "Kendall tau, programme",
    "pearson_delta": "Pearson r of the change, programme",
}
CONDITION = ["cell_type", "cytokine", "exposure"]


@step
def fig_perturbation(*, scores: Input, svg: Output, png: Output, csv: Output, scale: str = "laptop") -> None:
    """Fig. 8E: distances of predicted from real cells, by method and by how far a condition is from training.

    Parameters
    ----------
    scores
        Scores of all methods on all conditions.
    """
    import pandas as pd

    frame = _read_scores(scores)
    methods, tiers = _methods(frame), [tier for tier in TIERS if tier in set(frame["tier"])]
    fig, axes = figure(11, 6.2, rows=2, cols=2)
    rows: list[dict[str, Any]] = []
    for ax, metric in zip(axes.flat, ("scfid", "scfid_programme", "mmd", "wasserstein"), strict=True):
        rows += _bars(ax, frame, metric, tiers, methods)
    fig.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(methods))
    table = pd.DataFrame(rows)
    counts = table.groupby("tier", sort=False)["n"].max()
    items = ", ".join(f"{n} {tier}" for tier, n in counts.items()) + f" conditions x {frame['n'].max()} cells"
    save(fig, svg, png, csv, table, stamp(scale, items) + " over conditions; lower is better; floor: other real cells")


@step
def fig_cells(
    *,
    cells: Input,
    predictions: list[Input],
    fit: Input,
    svg: Output,
    png: Output,
    csv: Output,
    methods: list[str] | None = None,
    top: int = 32,
    n: int = 64,
    scale: str = "laptop",
    seed: int = 0,
) -> None:
    """Fig. 8D: real and predicted cells of held-out conditions on the principal axes of the real ones.

    Parameters
    ----------
    cells
        Processed cytokine cells; the first n test cells of a condition are shown, as in the evaluation.
    predictions
        Tables of predicted cells.
    fit
        The rank fit: real cells go through sentences, as predicted ones did.
    methods
        Methods to show; SFT, no_change and additive_shift if left out.
    top
        Genes of a sentence.
    n
        Cells for each condition.
    """
    import pandas as pd

    data = read_cells(cells, columns=(*CONDITION, "tier", "split"))
    tables = [read_predictions(path) for path in predictions]
    labels = pd.concat([table.labels for table in tables], ignore_index=True)
    expression = np.concatenate([table.expression for table in tables])
    shown = methods or ["SFT", "no_change", "additive_shift"]
    kept = (labels["method"].isin(shown) & (labels["tier"] != "seen")).to_numpy()
    labels, expression = labels[kept], expression[kept]
    absent = [name for name in shown if name not in set(labels["method"])]
    if absent:
        raise InputError(predictions[0], f"no held-out cells of {', '.join(absent)}", "cells of every method shown")
    held_out = labels[["tier", *CONDITION]].drop_duplicates().sort_values(["tier", *CONDITION])
    obs = data.obs.assign(row=np.arange(data.n_obs))
    test = obs[obs["split"] == "test"].merge(held_out[CONDITION], on=CONDITION)
    real_labels = test.groupby(CONDITION, observed=True).head(n)
    real = through_sentences(data.X[real_labels["row"].to_numpy()], fit, top, seed)
    centre, axes = principal_axes(real.astype(float))
    tiers = sorted(set(held_out["tier"]))
    # one of the first tier and one of the next: B under IFNB+IL6 and T under IFNG in the default design, as the paper
    singles = (held_out[held_out["tier"] == tiers[0]].iloc[0], held_out[held_out["tier"] == tiers[:2][-1]].iloc[-1])
    panels = {f"all {len(held_out)} held-out conditions": None} | {" ".join(row[CONDITION]): row for row in singles}
    fig, grid = figure(9.6, 3 * len(panels), rows=len(panels), cols=len(shown))
    grid = np.reshape(grid, (len(panels), len(shown)))
    points = []
    for line, (panel, row) in zip(grid, panels.items(), strict=True):
        for ax, method in zip(line, shown, strict=True):
            for source, table, matrix in (("real", real_labels, real), (method, labels, expression)):
                mask = np.ones(len(table), dtype=bool) if source == "real" else (table["method"] == source).to_numpy()
                if row is not None:
                    mask &= (table[CONDITION] == row[CONDITION]).all(axis=1).to_numpy()
                place = (matrix[mask] - centre) @ axes.T
                style = {"color": NEUTRAL, "marker": "o"} if source == "real" else {"color": PALETTE[1], "marker": "^"}
                size = 4 if row is None else 14
                ax.scatter(*place.T, s=size, alpha=0.5, linewidths=0, label=source, rasterized=True, **style)
                points.append(
                    pd.DataFrame({"panel": panel, "method": method, "source": source}, index=range(len(place)))
                )
                points[-1][["pc1", "pc2"]] = place
            ax.set_title(f"{method}: {panel}", fontsize=8)
            ax.legend(markerscale=1.5)
        line[0].set_ylabel("PC 2")
    for ax in grid[-1]:
        ax.set_xlabel("PC 1")
    items = f"{n} cells x {len(held_out)} held-out conditions, real and per method"
    note = stamp(scale, items, intervals="every cell a point; principal axes of the real cells")
    save(fig, svg, png, csv, pd.concat(points, ignore_index=True), note)


@step
def fig_grpo(*, scores: Input, logs: list[Input], svg: Output, png: Output, csv: Output, scale: str = "laptop") -> None:
    """Fig. 8G: the fine-tuned model before and after GRPO with each reward, and the course of GRPO.

    Parameters
    ----------
    scores
        Scores of all methods on all conditions.
    logs
        Logs of GRPO, one for each reward.
    """
    import pandas as pd

    frame, runs = _read_scores(scores), [read_json(path) for path in logs]
    methods = ["SFT", *(f"GRPO {run['reward']}" for run in runs)]
    absent = [name for name in methods if name not in set(frame["method"])]
    if absent:
        raise InputError(scores, f"no scores of {', '.join(absent)}", "scores of SFT and of every reward")
    tiers = [tier for tier in ("tier1", "seen") if tier in set(frame["tier"])]
    cols = max(3, len(runs))
    fig, grid = figure(3.6 * cols, 8.0, rows=3, cols=cols)
    rows: list[dict[str, Any]] = []
    for ax, metric in zip(grid[0], ("kendall", "pearson_delta", "scfid_programme"), strict=False):
        rows += _bars(ax, frame, metric, tiers, methods)
    fig.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=len(methods))
    for column, run in enumerate(runs):
        rows += _curves(grid[1, column], grid[2, column], run)
    for ax in grid.flat:
        if not ax.has_data():
            ax.set_visible(False)
    conditions = frame[frame["tier"].isin(tiers)].groupby("tier")[CONDITION].apply(lambda t: len(t.drop_duplicates()))
    items = ", ".join(f"{conditions[tier]} {tier}" for tier in tiers) + f" conditions x {frame['n'].max()} cells"
    note = stamp(scale, items) + " over conditions (bars); curves: training conditions only, cross: the model kept"
    save(fig, svg, png, csv, pd.DataFrame(rows), note)


@step
def fig_screen(
    *,
    screen: Input,
    truth: Input,
    svg: Output,
    png: Output,
    csv: Output,
    margin: float = 0.25,
    scale: str = "laptop",
) -> None:
    """Late Fig. 7: effect of every drug in both contexts, and the drugs ranked by the context split.

    Parameters
    ----------
    screen
        Scores of the drug screen.
    truth
        What the drug simulator planted.
    margin
        Largest effect of a hit in the neutral context.
    """
    kinds = {"drug": "string", "context": "string", "cell": "string", "score": "number"}
    scores, planted = read_table(screen, kinds), read_json(truth)["drugs"]
    summary = context_split(scores, np.random.default_rng(SEED), margin)
    unknown = set(summary["drug"]) - set(planted)
    if unknown:
        raise InputError(truth, f"nothing about {', '.join(sorted(unknown))}", "every screened drug")
    summary["kind"] = [_kind(planted[drug]) for drug in summary["drug"]]
    summary["drug_class"] = [planted[drug]["drug_class"] for drug in summary["drug"]]
    for context in (NEUTRAL_CONTEXT, POSITIVE):
        table = scores[scores["context"] == context].pivot(index="cell", columns="drug", values="score")
        effects = [bootstrap_mean((table[d] - table[VEHICLE]).dropna(), SEED) for d in summary["drug"]]
        summary[f"{context}_low"] = [effect.low for effect in effects]
        summary[f"{context}_high"] = [effect.high for effect in effects]
    fig, (left, right) = figure(10, 4.8, cols=2)
    left.axvspan(-margin, margin, color=NEUTRAL, alpha=0.12, linewidth=0, label="margin of a hit")
    left.axline((0, 0), slope=1, color=NEUTRAL, linestyle="--", linewidth=1, label="no context split")
    summary["rank"] = np.arange(1, len(summary) + 1)
    styles = zip(sorted(set(summary["kind"])), ((PALETTE[1], "D"), (PALETTE[0], "o"), (NEUTRAL, "s")), strict=False)
    bars: dict[str, Any] = {"elinewidth": 0.8, "capsize": 0, "linestyle": "none"}
    for kind, (colour, marker) in styles:
        part = summary[summary["kind"] == kind]
        x, y, split = part["delta_neutral"], part["delta_positive"], part["split"]
        across, up = (_whiskers(v, part, f"{c}_") for v, c in ((x, NEUTRAL_CONTEXT), (y, POSITIVE)))
        left.errorbar(x, y, xerr=across, yerr=up, color=colour, marker=marker, label=kind, **bars)
        right.errorbar(
            split, part["rank"], xerr=_whiskers(split, part), color=colour, marker=marker, label=kind, **bars
        )
    left.set(xlabel="effect in the neutral context", ylabel="effect in the positive context")
    left.legend()
    names = [
        f"{d} {c}{' *' if hit else ''}" for d, c, hit in summary[["drug", "drug_class", "hit"]].itertuples(index=False)
    ]
    right.set_yticks(summary["rank"], names, fontsize=7)
    right.invert_yaxis()
    right.axvline(0, color=NEUTRAL, linewidth=1)
    right.set(xlabel="context split S = positive - neutral", title="ranked by S (* hit)")
    cells = scores.groupby(["drug", "context"]).size().max()
    items = f"{len(summary)} drugs x 2 contexts x {cells} cells"
    save(
        fig, svg, png, csv, summary, stamp(scale, items) + " over cells; scores: mean log10 expression of the programme"
    )


def _whiskers(value: pd.Series, table: pd.DataFrame, prefix: str = "") -> np.ndarray:
    """Lengths below and above `value`, (2, n); an interval without width may miss it by rounding."""
    return np.clip(np.stack([value - table[f"{prefix}low"], table[f"{prefix}high"] - value]), 0, None)


def _kind(drug: dict[str, Any]) -> str:
    """What a drug was planted to do to the programme; names sort in the order of the legend."""
    if drug["planted"]:
        return "conditional amplifier (planted)"
    return "other effect on the programme" if any(drug["programme_fold"].values()) else "without effect on it"


def _read_scores(path: Any) -> pd.DataFrame:
    kinds = dict.fromkeys(("method", "metric", "tier", *CONDITION), "string")
    return read_table(path, kinds | {"value": "number", "n": "integer"})


def _methods(frame: pd.DataFrame) -> list[str]:
    """Methods of a table of scores in the order of the figures."""
    found = set(frame["method"])
    return [name for name in REFERENCES if name in found] + sorted(found - set(REFERENCES))


def _bars(ax: Any, frame: pd.DataFrame, metric: str, tiers: list[str], methods: list[str]) -> list[dict[str, Any]]:
    """Bars of one metric, tier by tier, without legend; returns the plotted rows."""
    series: dict[str, list[Estimate]] = {}
    rows = []
    for method in methods:
        for tier in tiers:
            chosen = (frame["method"] == method) & (frame["metric"] == metric) & (frame["tier"] == tier)
            estimate = bootstrap_mean(frame.loc[chosen, "value"], SEED)
            series.setdefault(method, []).append(estimate)
            rows.append({"metric": metric, "method": method, "tier": tier, **estimate._asdict()})
    grpo = sorted(name for name in methods if name not in COLOURS)
    colours = COLOURS | {name: GRPO_COLOURS[index % len(GRPO_COLOURS)] for index, name in enumerate(grpo)}
    bars_with_intervals(ax, tiers, series, [colours[name] for name in methods])
    if legend := ax.get_legend():
        legend.remove()
    ax.set_title(METRICS[metric])
    return rows


def _curves(above: Any, below: Any, run: dict[str, Any]) -> list[dict[str, Any]]:
    """Reward and validation scFID of the runs with one reward; returns the plotted rows."""
    name, rows = run["reward"], []
    for index, one in enumerate(run["runs"]):
        colour = PALETTE[index % len(PALETTE)]
        for ax, key in ((above, "reward"), (below, "validation_scfid")):
            course = [(record["step"], record[key]) for record in one["log"] if key in record]
            if key == "validation_scfid":
                course = [(0, run["before"][key]), *course]
            ax.plot(*zip(*course, strict=True), color=colour, marker="o", markersize=2.5, label=f"lr {one['lr']:g}")
            rows += [
                {"metric": key, "method": f"GRPO {name}", "lr": one["lr"], "step": s, "value": v} for s, v in course
            ]
            kept = [point for point in course if run["kept"] == {"lr": one["lr"], "step": point[0]}]
            if kept:
                ax.plot(*kept[0], color="black", marker="x", markersize=9, linestyle="none")
    below.axhline(run["before"]["validation_scfid"], color=NEUTRAL, linestyle="--", linewidth=1, label="before")
    above.set(title=f"reward {name}", ylabel="mean reward")
    below.set(title=f"reward {name}", ylabel="validation scFID", xlabel="step")
    below.legend()
    return rows

"""Figures of C2S-Scale on perturbed cells: prediction, GRPO and the drug screen (Fig. 8E, 8G, late Fig. 7)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.measures import PERTURBATION, SCREEN, mean
from raw2fig.papers.c2s.predictions import CONDITION
from raw2fig.papers.c2s.screen import Hits, context_split
from raw2fig.plotting import NEUTRAL, PALETTE, Drawing, bars_with_intervals, canvas, legend_above
from raw2fig.stats import SEED, Estimate, over_replicates
from raw2fig.step import Input, figure
from raw2fig.tables import read_json, read_tables

if TYPE_CHECKING:
    import pandas as pd

TIERS = {"seen": "seen in\ntraining", "tier1": "new\ncombination", "tier2": "new cytokine\nfor the type"} | {
    "tier3": "new exposure\nfor the type"
}
"""Tier → what it is, from near to training to the held-out design."""
REFERENCES = ("floor", "oracle", "no_change", "additive_shift", "gaussian_monge", "SFT")
"""Methods in the order of the figures; GRPO models follow."""
COLOURS = {"floor": NEUTRAL, "oracle": "#AAAAAA", "no_change": PALETTE[6], "additive_shift": PALETTE[3]} | {
    "gaussian_monge": PALETTE[4],
    "SFT": PALETTE[0],
}
GRPO_COLOURS = (PALETTE[1], PALETTE[2], PALETTE[5])
CURVE_COLOURS = (PALETTE[3], PALETTE[4], PALETTE[6])
"""Colours of learning rates, unlike those of the methods in the same figure."""
NAMES = {
    "floor": "floor: other real cells",
    "oracle": "oracle: fresh simulated cells",
    "no_change": "no change",
    "additive_shift": "additive shift",
    "gaussian_monge": "Gaussian Monge map",
    "SFT": "C2S after SFT",
    "GRPO mse_pair": "GRPO, MSE reward",
    "GRPO kendall": "GRPO, Kendall's tau reward",
    "GRPO mmd": "GRPO, kernel-witness reward",
}
"""What figures call the methods of the tables."""
METRICS = {
    "scfid": "scFID",
    "scfid_programme": "scFID, interferon programme",
    "mmd": "MMD",
    "wasserstein": "Wasserstein",
    "kendall": "Kendall's tau, interferon programme",
    "pearson_delta": "Pearson's r of expression changes",
}
BOUNDS = dict.fromkeys(("kendall", "pearson_delta"), (-1.0, 1.0))
DISTANCE = (0.0, float("inf"))
"""The least and the most that a metric can be: correlations, and all others."""


@figure
def fig_perturbation(*, scores: list[Input]) -> Drawing:
    """Fig. 8E: distances of predicted from real cells, by method and by how far a condition is from training.

    Parameters
    ----------
    scores
        Scores of all methods on all conditions, one table for each replicate.
    """
    import pandas as pd

    frame = read_tables(scores, PERTURBATION)
    methods, tiers = _methods(frame), [tier for tier in TIERS if tier in set(frame["tier"])]
    fig, axes = canvas(11, 6.6, rows=2, cols=2)
    rows: list[dict[str, Any]] = []
    for ax, metric in zip(axes.flat, ("scfid", "scfid_programme", "mmd", "wasserstein"), strict=True):
        rows += _bars(ax, frame, metric, tiers, methods)
    legend_above(fig, axes.flat)
    table = pd.DataFrame(rows)
    counts = table.groupby("tier", sort=False)["n"].max()
    items = _items(frame, counts.items())
    intervals = "95 % intervals over replicates; lower is better"
    return Drawing(fig, table, items, frame["replicate"].nunique(), intervals)


@figure
def fig_grpo(*, scores: list[Input], logs: list[Input]) -> Drawing:
    """Fig. 8G: the fine-tuned model before and after GRPO with each reward, and the course of GRPO.

    Parameters
    ----------
    scores
        Scores of all methods on all conditions, one table for each replicate.
    logs
        Logs of GRPO, one for each reward and replicate.
    """
    import pandas as pd

    frame, runs = read_tables(scores, PERTURBATION), [read_json(path) for path in logs]
    rewards = list(dict.fromkeys(run["reward"] for run in runs))
    methods = ["SFT", *(f"GRPO {reward}" for reward in rewards)]
    absent = [name for name in methods if name not in set(frame["method"])]
    if absent:
        raise InputError(scores[0], f"no scores of {', '.join(absent)}", "scores of SFT and of every reward")
    tiers = [tier for tier in ("tier1", "seen") if tier in set(frame["tier"])]
    cols = max(3, len(rewards))
    fig, grid = canvas(3.6 * cols, 8.6, rows=3, cols=cols)
    rows: list[dict[str, Any]] = []
    for ax, metric in zip(grid[0], ("kendall", "pearson_delta", "scfid_programme"), strict=False):
        rows += _bars(ax, frame, metric, tiers, methods)
    for column, reward in enumerate(rewards):
        rows += _curves(grid[1, column], grid[2, column], [run for run in runs if run["reward"] == reward])
    for ax in grid.flat:
        if not ax.has_data():
            ax.set_visible(False)
    legend_above(fig, grid.flat)
    conditions = frame[frame["tier"].isin(tiers)].groupby("tier")[CONDITION].apply(lambda t: len(t.drop_duplicates()))
    items = _items(frame, ((tier, conditions[tier]) for tier in tiers))
    curves = "curves: a line for each replicate, training conditions only"
    intervals = f"95 % intervals over replicates (bars); {curves}"
    return Drawing(fig, pd.DataFrame(rows), items, frame["replicate"].nunique(), intervals)


@figure
def fig_screen(*, screen: list[Input], truth: Input, hits: Hits) -> Drawing:
    """Late Fig. 7: effect of every drug in both contexts, and the drugs ranked by the context split.

    Parameters
    ----------
    screen
        Scores of the drug screen, one table for each replicate.
    truth
        What the drug simulator planted.
    """
    margin = hits.margin
    scores, planted = read_tables(screen, SCREEN), read_json(truth)["drugs"]
    summary = _over_screens(scores, margin)
    replicates = scores["replicate"].nunique()
    unknown = set(summary["drug"]) - set(planted)
    if unknown:
        raise InputError(truth, f"nothing about {', '.join(sorted(unknown))}", "every screened drug")
    summary["kind"] = [_kind(planted[drug]) for drug in summary["drug"]]
    summary["drug_class"] = [planted[drug]["drug_class"] for drug in summary["drug"]]
    fig, (left, right) = canvas(10, max(4.8, 0.12 * len(summary)), cols=2)
    left.axvspan(-margin, margin, color=NEUTRAL, alpha=0.12, linewidth=0, label="margin of a hit")
    left.axline((0, 0), slope=1, color=NEUTRAL, linestyle="--", linewidth=1, label="no context split")
    summary["rank"] = np.arange(1, len(summary) + 1)
    styles = zip(sorted(set(summary["kind"])), ((PALETTE[1], "D"), (PALETTE[0], "o"), (NEUTRAL, "s")), strict=False)
    bars: dict[str, Any] = {"elinewidth": 0.8, "capsize": 0, "linestyle": "none"}
    for kind, (colour, marker) in styles:
        part = summary[summary["kind"] == kind]
        x, y, split = part["delta_neutral"], part["delta_positive"], part["split"]
        style = {"color": colour, "marker": marker, "label": kind, **bars}
        left.errorbar(x, y, xerr=_whiskers(part, x.name), yerr=_whiskers(part, y.name), **style)
        right.errorbar(split, part["rank"], xerr=_whiskers(part, split.name), **style)
    left.set(xlabel="effect in the neutral context", ylabel="effect in the positive context")
    legend_above(fig, [left])
    names = [
        f"{drug} {kind}{f' {hits} *' if hits else ''}"
        for drug, kind, hits in summary[["drug", "drug_class", "hits"]].itertuples(index=False)
    ]
    right.set_yticks(summary["rank"], names, fontsize=6)
    right.set_ylim(len(summary) + 0.7, 0.3)
    right.axvline(0, color=NEUTRAL, linewidth=1)
    right.set(xlabel="context split S = positive - neutral", title="ranked by S (*: replicates in which it is a hit)")
    cells = scores.groupby(["replicate", "drug", "context"]).size().max()
    items = f"{len(summary)} drugs x 2 contexts x {cells} cells"
    intervals = "95 % intervals over replicates; scores: mean log10 expression of the programme"
    return Drawing(fig, summary, items, replicates, intervals)


def _over_screens(scores: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Effects of every drug (<name>, <name>_low, <name>_high), mean over replicates, and the number of replicates in
    which it is a hit; the largest split first."""
    import pandas as pd

    screens = [
        context_split(part, np.random.default_rng(SEED), margin).assign(replicate=replicate)
        for replicate, part in scores.groupby("replicate")
    ]
    rows = []
    for drug, part in pd.concat(screens).set_index("replicate").groupby("drug"):
        rows.append({"drug": drug, "hits": int(part["hit"].sum())})
        for name in ("delta_positive", "delta_neutral", "split"):
            effect = over_replicates(part[name])
            rows[-1] |= {name: effect.value, f"{name}_low": effect.low, f"{name}_high": effect.high}
    return pd.DataFrame(rows).sort_values(["split", "drug"], ascending=[False, True], ignore_index=True)


def _whiskers(table: pd.DataFrame, name: str) -> np.ndarray:
    """Lengths below and above column `name`, (2, n); an interval without width may miss it by rounding."""
    value = table[name]
    return np.clip(np.stack([value - table[f"{name}_low"], table[f"{name}_high"] - value]), 0, None)


def _kind(drug: dict[str, Any]) -> str:
    """What a drug was planted to do to the programme; names sort in the order of the legend."""
    if drug["planted"]:
        return "conditional amplifier (planted)"
    return "other effect on the programme" if any(drug["programme_fold"].values()) else "without effect on it"


def _items(frame: pd.DataFrame, counts: Iterable[tuple[str, int]]) -> str:
    """Cells, and how many conditions of each tier."""
    conditions = ", ".join(f"{n} {TIERS[tier]}" for tier, n in counts).replace("\n", " ")
    return f"{frame['n'].max()} cells x conditions ({conditions})"


def _methods(frame: pd.DataFrame) -> list[str]:
    """Methods of a table of scores in the order of the figures."""
    found = set(frame["method"])
    return [name for name in REFERENCES if name in found] + sorted(found - set(REFERENCES))


def _bars(ax: Any, frame: pd.DataFrame, metric: str, tiers: list[str], methods: list[str]) -> list[dict[str, Any]]:
    """Bars of one metric, tier by tier; returns the plotted rows."""
    series: dict[str, list[Estimate]] = {}
    rows = []
    parts = dict(list(frame[frame["metric"] == metric].groupby(["method", "tier"])))
    for method in methods:
        for tier in tiers:
            part = parts.get((method, tier), frame[:0])
            estimate = mean(part, BOUNDS.get(metric, DISTANCE))
            series.setdefault(NAMES.get(method, method), []).append(estimate)
            rows.append({"metric": metric, "method": method, "tier": tier, **estimate._asdict()})
    grpo = sorted(name for name in methods if name not in COLOURS)
    colours = COLOURS | {name: GRPO_COLOURS[index % len(GRPO_COLOURS)] for index, name in enumerate(grpo)}
    bars_with_intervals(ax, [TIERS[tier] for tier in tiers], series, [colours[name] for name in methods])
    ax.set_title(METRICS[metric])
    return rows


def _curves(above: Any, below: Any, runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reward and validation scFID of the runs with one reward, a line for each replicate; returns the plotted rows."""
    method, rows = f"GRPO {runs[0]['reward']}", []
    for run in runs:
        for index, one in enumerate(run["runs"]):
            style = {"color": CURVE_COLOURS[index % len(CURVE_COLOURS)], "marker": "o", "markersize": 2.5}
            for ax, key in ((above, "reward"), (below, "validation_scfid")):
                course = [(record["step"], record[key]) for record in one["log"] if key in record]
                if not course:  # a run without validations
                    continue
                if key == "validation_scfid":
                    course = [(0, run["before"][key]), *course]
                ax.plot(*zip(*course, strict=True), label=f"learning rate {one['lr']:g}", linewidth=1.2, **style)
                for at, value in course:
                    rows.append({"metric": key, "method": method, "lr": one["lr"], "step": at})
                    rows[-1] |= {
                        "replicate": run["replicate"],
                        "value": value,
                        "kept": run["kept"] == {"lr": one["lr"], "step": at},
                    }
    for ax, key in ((above, "reward"), (below, "validation_scfid")):
        kept = [(row["step"], row["value"]) for row in rows if row["kept"] and row["metric"] == key]
        if kept:
            ax.plot(*zip(*kept, strict=True), "kx", markersize=8, label="model kept")
    name = NAMES.get(method, method)
    above.set(title=name, ylabel="mean reward", xlabel="step")
    below.set(title=name, ylabel="validation scFID", xlabel="step")
    return rows

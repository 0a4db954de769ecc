"""Figures of success: by condition, over group size and temperature, and what of the first rounds predicts it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.claims import published_numbers
from raw2fig.errors import InputError
from raw2fig.papers.coordination.compare import HORIZON
from raw2fig.papers.coordination.regression import read_early
from raw2fig.papers.coordination.results import (
    ALL,
    estimate,
    estimates,
    in_order,
    read_effects,
    read_odds,
    read_rates,
    span_of,
    stamp,
    title_of,
)
from raw2fig.plotting import (
    NEUTRAL,
    PALETTE,
    WHISKER,
    Drawing,
    bars_with_intervals,
    canvas,
    legend_above,
    line_with_band,
    points_with_intervals,
)
from raw2fig.stats import SEED, Estimate, over_replicates, proportion, relative_change
from raw2fig.step import Input, figure
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PARTS = 3
"""Parts by synergy that the groups with little and those with much redundancy are each divided into."""


@figure
def fig_success(*, rates: list[Input]) -> Drawing:
    """Figure 2a: success rates by condition and player.

    Parameters
    ----------
    rates
        Success rates of the players that are compared.
    """
    import pandas as pd

    frame = read_rates(rates)
    conditions, models = in_order(frame["condition"].tolist()), list(dict.fromkeys(frame["model"]))
    fig, ax = canvas(8.4, 4.0)
    rows: list[dict[str, Any]] = []
    series = {}
    for number, model in enumerate(models):
        of = frame[frame["model"] == model]
        series[model] = estimates(of, conditions, ("rate", "low", "high", "games"), 0, 1)
        named = zip(conditions, series[model], strict=True)
        rows += [{"model": model, "condition": name, **one._asdict()} for name, one in named]
        single = of[of["replicate"] != ALL]
        at = [conditions.index(name) + 0.8 * ((number + 0.5) / len(models) - 0.5) for name in single["condition"]]
        ax.plot(at, single["rate"], ".", color=WHISKER, alpha=0.4, zorder=3)
    # black would hide the whiskers
    bars_with_intervals(ax, [title_of(name) for name in conditions], series, (*PALETTE[:-1], NEUTRAL))
    ax.set(ylabel="share of groups that find the number", ylim=(0, 1))
    legend_above(fig, [ax])
    table = pd.DataFrame(rows).dropna(subset=["value"])
    return Drawing(fig, table, **stamp(frame, f"{span_of(table['n'])} groups per bar"))


@figure
def fig_sweep(*, rates: list[Input], odds: list[Input]) -> Drawing:
    """The preliminary sweep: success over group size and over temperature, with the odds ratios of its logit.

    Parameters
    ----------
    rates
        Success rates of the experiments that vary group size, temperature, or both.
    odds
        Odds ratios of these experiments.
    """
    import pandas as pd

    frame, ratios = read_rates(rates), read_odds(odds)
    fig, axes = canvas(9.6, 4.0, cols=2)
    rows: list[dict[str, Any]] = []
    for ax, (over, label) in zip(axes, (("agents", "agents"), ("temperature", "sampling temperature")), strict=True):
        number = 0
        for (model, condition), part in frame.groupby(["model", "condition"], sort=True):
            cells = part.groupby([over, "replicate"])[["games", "solved"]].sum()
            cells = cells[cells["games"] > 0]
            places = cells.index.unique(over).tolist()
            if len(places) < 2:
                continue
            found = [_success(cells.loc[at]) for at in places]
            wanted = rows_where(ratios, model=model, condition=condition, over=over)
            ratio = estimate(wanted, ("odds_ratio", "low", "high", "n"), least=0)
            text = f": {ratio.value:.2f} [{ratio.low:.2f}, {ratio.high:.2f}]" if ratio.n else ""
            line_with_band(ax, places, found, f"{model}, {title_of(condition)}{text}", number)
            names = {"over": over, "model": model, "condition": condition}
            rows += [names | {"at": at, **one._asdict()} for at, one in zip(places, found, strict=True)]
            for name, single in cells.groupby("replicate"):
                if name != ALL:
                    at = single.index.get_level_values(over)
                    ax.plot(at, single["solved"] / single["games"], color=PALETTE[number], alpha=0.3, linewidth=0.8)
            number += 1
        ax.set(xlabel=label, ylabel="success", ylim=(0, 1.02))
        if number:
            unit = "member" if over == "agents" else "unit"
            ax.legend(title=f"odds ratio per {unit}", title_fontsize=8, loc="best")
    if not rows:
        raise InputError(rates[0], "neither group size nor temperature varies", "several of one of them")
    table = pd.DataFrame(rows)
    return Drawing(fig, table, **stamp(frame, f"{span_of(table['n'])} groups per point"))


def _success(counts: pd.DataFrame) -> Estimate:
    """Success of the samples that are the index of `counts`, from their numbers of games and of solved ones."""
    if ALL in counts.index:
        return proportion(int(counts["solved"].sum()), int(counts["games"].sum()))
    return over_replicates(counts["solved"] / counts["games"], int(counts["games"].max()), 0, 1)


@figure
def fig_interaction(
    *, early: list[Input], regression: Input, mediation: Input, published: Input, model: str
) -> Drawing:
    """Section 4.3: success over early synergy at low and high redundancy, interaction, and mediated effect.

    Parameters
    ----------
    early
        Synergy and redundancy of the first rounds.
    regression
        Logit of success.
    mediation
        Mediated effects.
    published
        The paper's claims with their numbers, config/published/coordination.yaml.
    model
        The player of the first panel.
    """
    import pandas as pd

    first = read_early(early)
    first = rows_where(first, model=model, horizon=HORIZON)
    logit = read_effects(regression, ("model", "term"), ("horizon", "beta", "low", "high", "n"))
    mediated = read_effects(mediation, ("model", "method", "effect"), ("horizon", "estimate", "low", "high", "n"))
    fig, (left, middle, right) = canvas(11, 3.8, cols=3)
    rows = _predicted(left, first, logit[(logit["model"] == model) & (logit["horizon"] == HORIZON)])
    left.set(xlabel="synergy (z)", ylabel="success", ylim=(0, 1), title=f"{model}, first {HORIZON} rounds")
    terms = logit[logit["term"] == "interaction"].rename(columns={"beta": "estimate"})
    rows += _effects(middle, terms, "interaction")
    middle.axhline(_in_the_paper(published, "C5"), color=NEUTRAL, linestyle="--", linewidth=1, label="paper (GPT-4.1)")
    middle.set(title="synergy x redundancy", ylabel="beta (logit of success)")
    chosen = rows_where(mediated, method="simulation", effect="acme")
    rows += _effects(right, chosen, "acme")
    right.axhline(_in_the_paper(published, "C6"), color=NEUTRAL, linestyle="--", linewidth=1)
    right.set(title="ToM through synergy", ylabel="ACME (probability)")
    legend_above(fig, [left, middle, right])
    table = pd.DataFrame(rows)
    groups = f"{len(first)} groups (left), {span_of(table['n'].dropna())} per estimate"
    lines = "lines: fitted at the mean condition, redundancy -1 and +1 SD; points: observed, thirds by synergy"
    return Drawing(fig, table, groups, note=f"n = {groups} · 95 % intervals over groups; {lines}")


def _in_the_paper(published: Path, claim: str) -> float:
    """The number that the paper gives for a claim."""
    return next(float(row["value"]) for row in published_numbers(published, claim) if row["value"] is not None)


def _predicted(ax: Axes, first: pd.DataFrame, logit: pd.DataFrame) -> list[dict[str, Any]]:
    """Fitted success at mean condition, one standard deviation below and above the mean redundancy, and the observed
    one of groups below and above its median."""
    if len(first) < 2 * PARTS or not first["synergy"].std() > 0:
        return []
    beta = logit.set_index("term")["beta"]
    z = (first["synergy"] - first["synergy"].mean()) / first["synergy"].std(ddof=0)
    x = np.linspace(z.min(), z.max(), 50)
    of_condition = [beta.get(f"condition {name}", 0.0) for name in first["condition"]]
    level = beta.get("intercept", np.nan) + np.mean(of_condition)
    rows: list[dict[str, Any]] = []
    high = first["redundancy"] > first["redundancy"].median()
    for index, (name, r, part) in enumerate((("low redundancy", -1, ~high), ("high redundancy", 1, high))):
        if not np.isnan(level):
            eta = level + beta["synergy"] * x + beta["redundancy"] * r + beta["interaction"] * x * r
            fitted = 1 / (1 + np.exp(-eta))
            ax.plot(x, fitted, color=PALETTE[index])
            rows += [{"panel": name, "kind": "fitted", "x": a, "value": b} for a, b in zip(x, fitted, strict=True)]
        order = np.array_split(np.argsort(z[part].to_numpy(), kind="stable"), PARTS)
        values, solved = z[part].to_numpy(), first.loc[part, "success"].to_numpy()
        cells = [cell for cell in order if len(cell)]
        seen = [proportion(int(solved[cell].sum()), len(cell)) for cell in cells]
        at = [float(values[cell].mean()) for cell in cells]
        points_with_intervals(ax, at, seen, name, index)
        rows += [{"panel": name, "kind": "observed", "x": a, **b._asdict()} for a, b in zip(at, seen, strict=True)]
    return rows


def _effects(ax: Axes, frame: pd.DataFrame, name: str) -> list[dict[str, Any]]:
    """An effect of each player by horizon; those without estimate are left out."""
    there = frame.dropna(subset=["estimate"])
    models, rows = list(dict.fromkeys(there["model"])), []
    for index, (horizon, part) in enumerate(there.groupby("horizon", sort=True)):
        at = [models.index(model) + 0.16 * (2 * index - 1) for model in part["model"]]
        found = [Estimate(*row) for row in part[["estimate", "low", "high", "n"]].itertuples(index=False)]
        points_with_intervals(ax, at, found, f"H = {int(horizon)}", index + 2)
        rows += [
            {"panel": name, "kind": model, "x": horizon, **one._asdict()}
            for model, one in zip(part["model"], found, strict=True)
        ]
    ax.axhline(0, color=NEUTRAL, linewidth=1)
    ax.set_xticks(range(len(models)), models)
    ax.set_xlim(-0.6, max(len(models), 1) - 0.4)
    ax.grid(axis="x", visible=False)
    return rows


@figure
def fig_early(*, early: list[Input], model: str) -> Drawing:
    """A.11 and A.12: synergy, redundancy and I3 of the first rounds by condition, weighted for the games that ended.

    Parameters
    ----------
    early
        Synergy and redundancy of the first rounds.
    model
        The player.
    """
    import pandas as pd

    frame = read_early(early)
    frame = frame[frame["model"] == model]
    if frame.empty:
        raise InputError(early[0], f"no groups of {model}", "a tested player")
    conditions = in_order(frame["condition"].tolist())
    fig, axes = canvas(9.6, 3.4, cols=3)
    rows: list[dict[str, Any]] = []
    for ax, name in zip(axes, ("synergy", "redundancy", "i3"), strict=True):
        for index, (horizon, part) in enumerate(frame.groupby("horizon", sort=True)):
            there = [c for c in conditions if (part["condition"] == c).any()]
            found = [_weighted(part[part["condition"] == c], name) for c in there]
            at = [conditions.index(c) + 0.16 * (2 * index - 1) for c in there]
            points_with_intervals(ax, at, found, f"first {horizon} rounds", index)
            label = {"criterion": name, "horizon": horizon}
            rows += [label | {"condition": c, **one._asdict()} for c, one in zip(there, found, strict=True)]
        ax.set_xticks(range(len(conditions)), [title_of(c) for c in conditions])
        ax.grid(axis="x", visible=False)
        ax.set_title({"synergy": "synergy", "redundancy": "redundancy", "i3": "I3"}[name])
    axes[0].set_ylabel("raw value (bit)")
    legend_above(fig, axes)
    table = pd.DataFrame(rows)
    groups = f"{span_of(table['n'])} groups per point"
    advice = f"{model}; raw values prove nothing: compare conditions only"
    return Drawing(fig, table, groups, note=f"n = {groups} · 95 % intervals over groups; {advice}")


def _weighted(groups: pd.DataFrame, name: str) -> Estimate:
    """Mean of a value weighted by the inverse probability that a game lasts, resampling groups."""
    weights = groups["ipw"].to_numpy()
    # sum(w x) / sum(w), as a change relative to sum(w)
    found = relative_change(weights, groups[name].to_numpy() * weights, SEED)
    return found._replace(value=found.value + 1, low=found.low + 1, high=found.high + 1)

"""Figures of HERO on its runs: arms, dense range, curves, reward hacking (Table 2, Fig. 2, 5, 6); the main table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.papers.hero.results import (
    START,
    change,
    changes,
    mean,
    over_updates,
    read_logs,
    read_scores,
    select,
    start_of,
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
)
from raw2fig.stats import Estimate
from raw2fig.step import Input, figure, table
from raw2fig.tables import Table, rows_where

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

REGIMES = ("easy", "mixed", "hard")
ARMS = {"verifier_only": "verifier only", "rm_only": "reward model only", "naive": "naive sum", "hero": "HERO"}
LABELS = {"plain": "plain problems (=)", "signed": "signed problems (?)"}
SCALES = {"none": "advantages only centred", "group": "divided by the group's standard deviation"}
HACKING = {
    "rm_only-group": "reward model only, group scale",
    "rm_only-none": "reward model only, centred",
    "hero-none": "HERO, centred",
    "verifier_only-none": "verifier only, centred",
}
"""Runs beside those that the reward model alone rewards."""
OVER = "95 % t intervals over replicates"
LESS = "true answers less verifier only's"
BIN = 5
"""Updates of a point of a curve, less where a run is short."""


@table
def table_main(*, scores: list[Input], reward_model: str) -> Table:
    """Tabulate the share of true answers by training set, arm, scale and format, its change through RL, and the
    signals.

    Parameters
    ----------
    scores
        Held-out scores of all policies.
    reward_model
        Name of the reward model of the comparison.
    """
    import pandas as pd

    held_out = read_scores(scores, ranked=True)
    rows: list[dict[str, Any]] = []
    for form, forms in (("plain", ("plain",)), ("signed", ("signed",)), ("both", ())):
        start = start_of(held_out, forms)
        named = {"regime": START, "arm": "-", "scale": "-", "form": form}
        rows.append(named | mean(start)._asdict() | _signals(start))
        for regime in REGIMES:
            for arm in ARMS:
                for scale in SCALES:
                    run = f"{arm}-{scale}-{reward_model}"
                    part = select(held_out, run, (regime,), forms)
                    since = change(start, part)
                    ends = {"change": since.value, "change_low": since.low, "change_high": since.high}
                    named = {"regime": regime, "arm": arm, "scale": scale, "form": form}
                    rows.append(named | mean(part)._asdict() | _signals(part) | ends)
    return Table(pd.DataFrame(rows))


def _signals(rows: pd.DataFrame) -> dict[str, float]:
    """Means of what the rule and the reward model say of a policy's answers; AUROC over prompts of both truths."""
    return {name: rows[name].mean() for name in ("rule", "rm", "rule_uniform", "auroc")}


@figure
def fig_arms(*, scores: list[Input], reward_model: str) -> Drawing:
    """Show what each training set adds to the share of true answers, with every arm and both scales of the advantages
    (table 2).

    Parameters
    ----------
    scores
        Held-out scores of all policies.
    reward_model
        Name of the reward model of the comparison.
    """
    import pandas as pd

    held_out = read_scores(scores)
    fig, axes = canvas(9.2, 6.2, rows=2, cols=2)
    rows: list[dict[str, Any]] = []
    for line, (form, kind) in enumerate(LABELS.items()):
        start = start_of(held_out, (form,))
        rows.append({"form": form, "scale": "-", "regime": START, "arm": "-"} | mean(start)._asdict())
        for ax, (spread, title) in zip(axes[line], SCALES.items(), strict=True):
            pairs = {
                label: [(start, select(held_out, f"{arm}-{spread}-{reward_model}", (r,), (form,))) for r in REGIMES]
                for arm, label in ARMS.items()
            }
            series = bars_of_changes(ax, [f"{regime} set" for regime in REGIMES], pairs)
            for arm, label in ARMS.items():
                named = {"form": form, "scale": spread, "arm": arm}
                found = zip(REGIMES, series[label], strict=True)
                rows += [named | {"regime": regime} | value._asdict() for regime, value in found]
            ax.set(title=title if line == 0 else "", ylabel=f"change of true answers,\n{kind}")
        for ax in axes[line]:
            ax.set_ylim(_limits(axes[line]))
    legend_above(fig, axes.flat)
    table = pd.DataFrame(rows)
    before = ", ".join(f"{row['value']:.3f} {row['form']}" for row in rows if row["regime"] == START)
    return _drawing(fig, table, f", paired; before RL {before}")


@figure
def fig_dense_range(*, scores: list[Input], reward_model: str) -> Drawing:
    """Show what the easy and the hard set add, by the labels whose rewards are dense, without weight, and in groups of
    one label alone (figure 2).

    Parameters
    ----------
    scores
        Held-out scores of all policies.
    reward_model
        Name of the reward model of the comparison.
    """
    import pandas as pd

    held_out = read_scores(scores)
    arms = {
        "verifier_only": "none",
        "hero_neg_only": "negatives",
        "hero_pos_only": "positives",
        "hero": "both (HERO)",
        "hero_no_weight": "both,\nno weight",
        "gated_fallback": "only groups\nof one label",
    }
    starts = {form: start_of(held_out, (form,)) for form in LABELS}
    rows = [{"regime": START, "form": form, "arm": START} | mean(start)._asdict() for form, start in starts.items()]
    fig, axes = canvas(9.4, 4.0, cols=2)
    for ax, regime in zip(axes, ("easy", "hard"), strict=True):
        there = set(held_out["run"][held_out["regime"] == regime])
        trained = [arm for arm in arms if f"{arm}-none-{reward_model}" in there]
        pairs = {
            label: [
                (starts[form], select(held_out, f"{arm}-none-{reward_model}", (regime,), (form,))) for arm in trained
            ]
            for form, label in LABELS.items()
        }
        series = bars_of_changes(ax, [arms[arm] for arm in trained], pairs)
        for form, label in LABELS.items():
            found = zip(trained, series[label], strict=True)
            rows += [{"regime": regime, "form": form, "arm": arm} | value._asdict() for arm, value in found]
        ax.set(title=f"after the {regime} set", xlabel="labels whose rewards are dense")
    axes[0].set(ylabel="change of true answers")
    legend_above(fig, axes)
    table = pd.DataFrame(rows)
    return _drawing(fig, table, ", paired; advantages only centred")


@figure
def fig_curves(*, logs: list[Input], reward_model: str) -> Drawing:
    """Show the share of true answers among the rollouts of training, less that of verifier-only on the same prompts
    (figure 5).

    Parameters
    ----------
    logs
        Logs of all runs.
    reward_model
        Name of the reward model of the comparison.
    """
    import pandas as pd

    updates = read_logs(logs)
    updates = updates[updates["reward_model"] == reward_model]
    fig, axes = canvas(9.6, 5.8, rows=2, cols=3)
    rows: list[dict[str, Any]] = []
    for line, spread in enumerate(SCALES):
        for ax, regime in zip(axes[line], REGIMES, strict=True):
            rival = rows_where(updates, scale=spread, regime=regime)
            for index, (arm, label) in enumerate(list(ARMS.items())[1:], start=1):
                gained = beside(rival, f"{arm}-{spread}", f"verifier_only-{spread}", "truth")
                points = binned(gained, "truth", paired=True)
                line_with_band(ax, list(points), list(points.values()), label, index)
                named = {"scale": spread, "regime": regime, "arm": arm}
                rows += [named | {"update": update} | value._asdict() for update, value in points.items()]
            ax.axhline(0, color=NEUTRAL, linewidth=1)
            ax.set(title=f"{regime} set" if line == 0 else "", xlabel="update" if line == 1 else "")
        axes[line][0].set_ylabel(f"{LESS}\n{'only centred' if spread == 'none' else 'divided by group std'}")
    for ax in axes.flat:
        ax.set_ylim(_limits(axes.flat))
    legend_above(fig, axes.flat)
    groups = f"{int(updates['step'].max())} updates, {_bin(updates)} a point"
    return Drawing(fig, pd.DataFrame(rows), groups, updates["replicate"].nunique(), OVER)


@figure
def fig_hacking(*, logs: list[Input], reward_model: str) -> Drawing:
    """Show the reward model's mean score and the share of true answers in training, as they are and less those of
    verifier-only (figure 6).

    Parameters
    ----------
    logs
        Logs of all runs.
    reward_model
        Name of the reward model of the comparison.
    """
    import pandas as pd

    updates = read_logs(logs)
    updates = updates[updates["reward_model"] == reward_model]
    # each replicate's reward model has a zero of its own, which says nothing: all get the mean one
    offsets = updates.groupby("replicate")["rm"].transform("mean") - updates["rm"].mean()
    updates = updates.assign(rm=updates["rm"] - offsets)
    names = updates["arm"] + "-" + updates["scale"]
    fig, axes = canvas(9.6, 6.4, rows=2, cols=2)
    rows: list[dict[str, Any]] = []
    columns = {"rm": "mean score of the reward model", "truth": "share of true answers"}
    for (above, below), (column, label) in zip(axes.T, columns.items(), strict=True):
        for index, (run, name) in enumerate(HACKING.items()):
            rival = f"verifier_only-{run.rpartition('-')[2]}"
            panels = [(above, "as it is", updates[names == run])]
            if run != rival:
                panels.append((below, "less verifier-only", beside(updates, run, rival, column)))
            for ax, panel, values in panels:
                points = binned(values, column, paired=panel != "as it is")
                line_with_band(ax, list(points), list(points.values()), name, index)
                named = {"panel": panel, "value_of": column, "run": run}
                rows += [named | {"update": update} | value._asdict() for update, value in points.items()]
                ax.set_xticks(list(points))
        above.set_title(label)
        below.axhline(0, color=NEUTRAL, linewidth=1)
        below.set(xlabel="update", title=f"{label}, less that of verifier only")
    legend_above(fig, axes.flat)
    groups = f"{int(updates['step'].max())} updates of each of three sets, {_bin(updates)} a point"
    return Drawing(fig, pd.DataFrame(rows), groups, updates["replicate"].nunique(), f"{OVER}, below paired")


def bars_of_changes(
    ax: Axes,
    groups: Sequence[str],
    pairs: Mapping[str, Sequence[tuple[pd.DataFrame, pd.DataFrame]]],
    colours: Sequence[str] = PALETTE,
) -> dict[str, list[Estimate]]:
    """Bars of the change of true answers from the first to the second table of each pair, a label's pairs by group,
    with a faint point for each replicate. Returns the estimates."""
    series = {label: [change(*pair) for pair in of_label] for label, of_label in pairs.items()}
    bars_with_intervals(ax, groups, series, colours)
    for bar, pair in zip(ax.patches, chain.from_iterable(pairs.values()), strict=True):
        values = list(changes(*pair).values())
        middle = bar.get_x() + bar.get_width() / 2  # type: ignore[attr-defined]
        ax.plot([middle] * len(values), values, ".", color=WHISKER, alpha=0.4, markersize=4)
    ax.axhline(0, color=NEUTRAL, linewidth=1)
    return series


def beside(updates: pd.DataFrame, run: str, rival: str, column: str) -> pd.DataFrame:
    """A logged value of a run's updates less that of a rival's, of the same regime, replicate and update: both draw
    the same prompts with the same random numbers."""
    keys = ["regime", "replicate", "step"]
    runs = updates["arm"] + "-" + updates["scale"]
    both = updates[runs == run].merge(updates.loc[runs == rival, [*keys, column]], on=keys, suffixes=("", "_rival"))
    return both.assign(**{column: both[column] - both[f"{column}_rival"]})


def _limits(axes: Iterable[Any]) -> tuple[float, float]:
    """Limits that hold what is drawn on all of `axes`."""
    ends = [ax.get_ylim() for ax in axes]
    return min(low for low, _ in ends), max(high for _, high in ends)


def binned(rows: pd.DataFrame, column: str, paired: bool = False) -> dict[float, Estimate]:
    """Means of a logged value, or with `paired` of a difference between two, by bins of updates: last update of each
    bin → estimate."""
    size = _bin(rows)
    ends = size * np.ceil(rows["step"] / size)
    most = float("inf") if column == "rm" else 1.0
    least = -most if paired or column == "rm" else 0.0
    return {float(end): over_updates(part, column, least, most) for end, part in rows.groupby(ends)}


def _bin(rows: pd.DataFrame) -> int:
    return max(1, min(BIN, int(rows["step"].max()) // 2))


def _drawing(fig: Figure, table: pd.DataFrame, more: str) -> Drawing:
    return Drawing(fig, table, f"{table['n'].max()} problems", int(table["replicates"].max()), OVER + more)

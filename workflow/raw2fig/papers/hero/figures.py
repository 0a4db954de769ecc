"""Figures of HERO on its runs: arms, dense range, curves, reward hacking (Table 2, Fig. 2, 5, 6); the main table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.papers.hero.results import START, change, mean, over_updates, read_logs, read_scores, select
from raw2fig.plotting import (
    NEUTRAL,
    bars_with_intervals,
    figure,
    footnote,
    legend_above,
    line_with_band,
    save,
)
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    import pandas as pd

REGIMES = ("easy", "mixed", "hard")
ARMS = {"verifier_only": "verifier only", "rm_only": "reward model only", "naive": "naive sum", "hero": "HERO"}
SCALES = {"none": "advantages only centred", "group": "divided by the group's standard deviation"}
OVER = "95 % intervals over problems and seeds"
LESS = "true answers less verifier only's"
BIN = 5
"""Updates of a point of a curve, less where a run is short."""


@step
def main_table(*, scores: list[Input], table: Output, reward_model: str = "0") -> None:
    """Share of true answers by training set, arm and scale, and its change since the start, for each format.

    Parameters
    ----------
    scores
        Held-out scores of all policies.
    table
        CSV with a row per training set, arm, scale and format.
    reward_model
        Name of the reward model of the comparison.
    """
    import pandas as pd

    held_out = read_scores(scores)
    start = held_out[held_out["regime"] == START]
    rows: list[dict[str, Any]] = []
    for form in ("plain", "signed", "both"):
        of_form = start if form == "both" else start[start["form"] == form]
        rows.append({"regime": START, "arm": "-", "scale": "-", "form": form} | mean(of_form)._asdict())
        for regime in REGIMES:
            for arm in ARMS:
                for scale in SCALES:
                    run = f"{arm}-{scale}-{reward_model}"
                    part = select(held_out, run, (regime,), () if form == "both" else (form,))
                    since = change(start, part)
                    ends = {"change": since.value, "change_low": since.low, "change_high": since.high}
                    also = {"rule": part["rule"].mean(), "rm": part["rm"].mean()}
                    also["rule_uniform"] = part["rule_uniform"].mean()
                    named = {"regime": regime, "arm": arm, "scale": scale, "form": form}
                    rows.append(named | mean(part)._asdict() | ends | also)
    write_table(pd.DataFrame(rows), table)


@step
def fig_arms(
    *, scores: list[Input], svg: Output, png: Output, csv: Output, reward_model: str = "0", scale: str = "laptop"
) -> None:
    """Table 2: what each training set adds to the share of true answers, with every arm and both scales of advantages.

    Parameters
    ----------
    scores
        Held-out scores of all policies.
    reward_model
        Name of the reward model of the comparison.
    """
    import pandas as pd

    held_out = read_scores(scores)
    fig, axes = figure(9.2, 6.2, rows=2, cols=2)
    rows: list[dict[str, Any]] = []
    for line, (form, kind) in enumerate((("plain", "plain problems (=)"), ("signed", "signed problems (?)"))):
        start = held_out[(held_out["regime"] == START) & (held_out["form"] == form)]
        rows.append({"form": form, "scale": "-", "regime": START, "arm": "-"} | mean(start)._asdict())
        for ax, (spread, title) in zip(axes[line], SCALES.items(), strict=True):
            series = {}
            for arm, label in ARMS.items():
                parts = [select(held_out, f"{arm}-{spread}-{reward_model}", (regime,), (form,)) for regime in REGIMES]
                series[label] = [change(start, part) for part in parts]
                named = {"form": form, "scale": spread, "arm": arm}
                found = zip(REGIMES, series[label], strict=True)
                rows += [named | {"regime": regime} | value._asdict() for regime, value in found]
            bars_with_intervals(ax, [f"{regime} set" for regime in REGIMES], series)
            ax.axhline(0, color=NEUTRAL, linewidth=1)
            ax.set(title=title if line == 0 else "", ylabel=f"change of true answers,\n{kind}")
        for ax in axes[line]:
            ax.set_ylim(_limits(axes[line]))
    legend_above(fig, axes.flat)
    table = pd.DataFrame(rows)
    before = ", ".join(f"{row['value']:.3f} {row['form']}" for row in rows if row["regime"] == START)
    save(fig, svg, png, csv, table, _note(scale, table) + f", paired; before RL {before}")


@step
def fig_dense_range(
    *, scores: list[Input], svg: Output, png: Output, csv: Output, reward_model: str = "0", scale: str = "laptop"
) -> None:
    """Fig. 2: what the hard set adds by which labels have a dense range, without weight, and with the least control.

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
    arms = {arm: label for arm, label in arms.items() if f"{arm}-none-{reward_model}" in set(held_out["run"])}
    fig, ax = figure(7.2, 4.0)
    rows, series = [], {}
    for form, label in (("plain", "plain problems (=)"), ("signed", "signed problems (?)")):
        start = held_out[(held_out["regime"] == START) & (held_out["form"] == form)]
        rows.append({"form": form, "arm": START} | mean(start)._asdict())
        parts = [select(held_out, f"{arm}-none-{reward_model}", ("hard",), (form,)) for arm in arms]
        series[label] = [change(start, part) for part in parts]
        rows += [{"form": form, "arm": arm} | v._asdict() for arm, v in zip(arms, series[label], strict=True)]
    bars_with_intervals(ax, list(arms.values()), series)
    ax.axhline(0, color=NEUTRAL, linewidth=1)
    ax.set(ylabel="change of true answers\nafter the hard set", xlabel="labels whose rewards are dense")
    legend_above(fig, [ax])
    table = pd.DataFrame(rows)
    save(fig, svg, png, csv, table, _note(scale, table) + ", paired; advantages only centred")


@step
def fig_curves(
    *, logs: list[Input], svg: Output, png: Output, csv: Output, reward_model: str = "0", scale: str = "laptop"
) -> None:
    """Fig. 5: true answers among the rollouts of training over updates, less verifier-only's on the same prompts.

    Parameters
    ----------
    logs
        Logs of all runs.
    reward_model
        Name of the reward model of the comparison.
    """
    import pandas as pd

    told = read_logs(logs)
    told = told[told["reward_model"] == reward_model]
    fig, axes = figure(9.6, 5.8, rows=2, cols=3)
    rows: list[dict[str, Any]] = []
    for line, spread in enumerate(SCALES):
        for ax, regime in zip(axes[line], REGIMES, strict=True):
            rival = told[(told["scale"] == spread) & (told["regime"] == regime)]
            for index, (arm, label) in enumerate(list(ARMS.items())[1:], start=1):
                points = binned(beside(rival, f"{arm}-{spread}", f"verifier_only-{spread}", "truth"), "truth")
                line_with_band(ax, list(points), list(points.values()), label, index)
                named = {"scale": spread, "regime": regime, "arm": arm}
                rows += [named | {"update": update} | value._asdict() for update, value in points.items()]
            ax.axhline(0, color=NEUTRAL, linewidth=1)
            ax.set(title=f"{regime} set" if line == 0 else "", xlabel="update" if line == 1 else "")
        axes[line][0].set_ylabel(f"{LESS}\n{'only centred' if spread == 'none' else 'divided by group std'}")
    for ax in axes.flat:
        ax.set_ylim(_limits(axes.flat))
    legend_above(fig, axes.flat)
    groups = f"{int(told['step'].max())} updates, {_bin(told)} a point"
    intervals = "95 % intervals over updates and seeds"
    save(fig, svg, png, csv, pd.DataFrame(rows), footnote(scale, groups, told["seed"].nunique(), intervals))


@step
def fig_hacking(
    *, logs: list[Input], svg: Output, png: Output, csv: Output, reward_model: str = "0", scale: str = "laptop"
) -> None:
    """Fig. 6: the reward model's mean score beside the share of true answers, less those of verifier-only, by updates.

    Parameters
    ----------
    logs
        Logs of all runs.
    reward_model
        Name of the reward model of the comparison.
    """
    import pandas as pd

    told = read_logs(logs)
    told = told[told["reward_model"] == reward_model]
    shown = {
        "rm_only-group": "reward model only, group scale",
        "rm_only-none": "reward model only, centred",
        "hero-none": "HERO, centred",
    }
    fig, axes = figure(9.2, 3.9, cols=2)
    rows: list[dict[str, Any]] = []
    for ax, (column, label) in zip(axes, (("rm", "mean scores"), ("truth", "true answers")), strict=True):
        for index, (run, name) in enumerate(shown.items()):
            rival = f"verifier_only-{run.rpartition('-')[2]}"
            points = binned(beside(told, run, rival, column), column)
            line_with_band(ax, list(points), list(points.values()), name, index)
            rows += [{"value_of": column, "run": run, "update": u} | v._asdict() for u, v in points.items()]
        ax.axhline(0, color=NEUTRAL, linewidth=1)
        ax.set(xlabel="update", title=f"{label} less those of verifier only", xticks=list(points))
    legend_above(fig, axes)
    groups = f"{int(told['step'].max())} updates of each of three sets, {_bin(told)} a point"
    intervals = "95 % intervals over updates and seeds"
    save(fig, svg, png, csv, pd.DataFrame(rows), footnote(scale, groups, told["seed"].nunique(), intervals))


def beside(told: pd.DataFrame, run: str, rival: str, column: str) -> pd.DataFrame:
    """A logged value of a run's updates less that of a rival's, of the same regime, seed and update: both draw the same
    prompts with the same random numbers."""
    keys = ["regime", "seed", "step"]
    runs = told["arm"] + "-" + told["scale"]
    both = told[runs == run].merge(told.loc[runs == rival, [*keys, column]], on=keys, suffixes=("", "_rival"))
    return both.assign(**{column: both[column] - both[f"{column}_rival"]})


def _limits(axes: Iterable[Any]) -> tuple[float, float]:
    """Limits that hold what is drawn on all of `axes`."""
    ends = [ax.get_ylim() for ax in axes]
    return min(low for low, _ in ends), max(high for _, high in ends)


def binned(rows: pd.DataFrame, column: str) -> dict[float, Any]:
    """Means of a logged value by bins of updates: last update of each bin → estimate."""
    size = _bin(rows)
    ends = size * np.ceil(rows["step"] / size)
    return {float(end): over_updates(part, column) for end, part in rows.groupby(ends)}


def _bin(rows: pd.DataFrame) -> int:
    return max(1, min(BIN, int(rows["step"].max()) // 2))


def _note(scale: str, table: pd.DataFrame) -> str:
    return footnote(scale, f"{table['n'].max()} prompts", int(table["seeds"].max()), OVER)

"""Figures of HERO on its signals: rule and reward model, label noise, the knobs that cancel, verifiers (Fig. 1, 7)."""

from __future__ import annotations

from typing import Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.hero.results import SEED, START, UNKNOWN, change, ranking, read_rollouts, read_scores, select
from raw2fig.plotting import (
    NEUTRAL,
    PALETTE,
    bars_with_intervals,
    figure,
    footnote,
    legend_above,
    line_with_band,
    save,
)
from raw2fig.rl.shaping import Hyperparameters, Parameters, shape_groups, sigma_bar_in, spread, weighted
from raw2fig.stats import Estimate, auroc, bootstrap_mean
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json, read_table

FORMS = {"plain": "plain (=)", "signed": "signed (?)"}
TINY = 1e-8
"""Smallest change that is drawn."""
PAPER = {"normalised": {"recall": 0.101, "false_positive_rate": 0.003}, "math_verify": {"recall": 0.684}}
"""Rates of Table 1, of other answers."""


@step
def fig_signals(
    *,
    rollouts: Input,
    svg: Output,
    png: Output,
    csv: Output,
    generations: int = 8,
    alpha: float = 0.1,
    hyperparameters: Hyperparameters = "appendix",
    scale: str = "laptop",
) -> None:
    """Fig. 1: what the reward model says of true and false answers, and how well each signal ranks them.

    Parameters
    ----------
    rollouts
        Completions of the policy before RL, those of a prompt adjacent.
    generations
        Completions of each prompt.
    alpha
        Half-width of HERO's bands.
    """
    import pandas as pd

    signals = ("rule", "rm", "truth")
    frame = read_table(rollouts, {"prompt": "string", "form": "string", **dict.fromkeys(signals, "number")})
    rule, rm, truth = (frame[name].to_numpy(dtype=float).reshape(-1, generations) for name in signals)
    parameters = weighted(Parameters(alpha=alpha, beta=alpha), hyperparameters)
    shaped = shape_groups("hero", rule, rm, parameters, sigma_bar_in(None, spread(rm)))
    forms = frame["form"].to_numpy()[::generations]
    mixed = truth.min(1) < truth.max(1)
    fig, axes = figure(10.2, 3.9, cols=3)
    rows: list[dict[str, Any]] = []
    centred = rm - rm.mean(1, keepdims=True)
    for ax, form in zip(axes, FORMS, strict=False):
        values = centred[mixed & (forms == form)]
        low, high = np.quantile(values, [0.01, 0.99]).tolist() if len(values) else (-1.0, 1.0)
        edges = np.linspace(low, high, 31)
        for index, (kind, label) in enumerate(((1, "true"), (0, "false"))):
            chosen = values[truth[mixed & (forms == form)] == kind]
            ax.hist(
                chosen,
                edges,
                density=len(chosen) > 0,
                histtype="stepfilled",
                alpha=0.45,
                color=PALETTE[index],
                label=label,
            )
            counts, _ = np.histogram(chosen, edges)
            named = {"panel": "scores", "form": form, "truth": kind}
            rows += [named | {"from": a, "n": int(n)} for a, n in zip(edges, counts, strict=False)]
        ax.set(title=f"{FORMS[form]}: score less its group's mean", xlabel="score", ylabel="density")
    series: dict[str, list[Estimate]] = {}
    rewards = {"rule": rule, "reward model": rm, "HERO's reward": shaped.rewards}
    for form, label in FORMS.items():
        groups = np.flatnonzero(mixed & (forms == form))
        for name, values in rewards.items():
            areas = [auroc(truth[g] == 1, values[g]) for g in groups]
            found = bootstrap_mean(areas, SEED) if areas else UNKNOWN
            series.setdefault(label, []).append(found)
            rows.append({"panel": "AUROC", "form": form, "signal": name} | found._asdict())
    bars_with_intervals(axes[2], ["rule", "reward\nmodel", "HERO's\nreward"], series, PALETTE[2:])
    axes[2].axhline(0.5, color=NEUTRAL, linestyle="--", label="chance")
    axes[2].set(ylim=(0, 1.05), title="AUROC for the truth, within prompts")
    legend_above(fig, axes)
    n = f"{int(mixed.sum())} prompts with true and false answers x {generations} completions"
    save(fig, svg, png, csv, pd.DataFrame(rows), footnote(scale, n, 1, "95 % intervals over prompts"))


@step
def fig_reward_models(
    *,
    rollouts: list[Input],
    scores: list[Input],
    logs: list[Input],
    noises: list[str],
    svg: Output,
    png: Output,
    csv: Output,
    scale: str = "laptop",
) -> None:
    """Fig. 7: AUROC of the reward models over the noise of their labels, and what HERO reaches with each.

    Parameters
    ----------
    rollouts
        Completions of the policy before RL on held-out problems with the scores of a reward model, for each.
    scores
        Held-out scores of all policies.
    logs
        Logs of the reward models.
    noises
        Names of the reward models, in the same order: shares of labels that were flipped.
    """
    import pandas as pd

    if not len(rollouts) == len(logs) == len(noises):
        raise InputError("noises", f"{len(noises)} for {len(rollouts)} rollouts, {len(logs)} logs", "as many of each")
    scored = [read_rollouts([path]) for path in rollouts]
    held_out = read_scores(scores)
    places = [float(noise) for noise in noises]
    fig, (left, right) = figure(9.0, 3.9, cols=2)
    rows: list[dict[str, Any]] = []
    lines = {
        "within prompts of RL": [Estimate(**read_json(path)["auroc_train"]) for path in logs],
        "within held-out prompts": [ranking(frame, within=True) for frame in scored],
        "over all held-out completions": [ranking(frame, within=False) for frame in scored],
    }
    for index, (label, found) in enumerate(lines.items()):
        line_with_band(left, places, found, label, index)
        rows += [{"value_of": f"AUROC, {label}", "noise": p} | v._asdict() for p, v in zip(places, found, strict=True)]
    left.axhline(0.5, color=NEUTRAL, linestyle="--", label="chance")
    left.set(title="AUROC of the reward model for the truth", xlabel="share of flipped labels", xticks=places)
    for index, (form, label) in enumerate(FORMS.items(), start=3):
        parts = [select(held_out, f"hero-none-{noise}", ("hard",), (form,)) for noise in noises]
        found = [change(held_out[held_out["regime"] == START], part) for part in parts]
        line_with_band(right, places, found, f"HERO, {label} problems", index)
        rows += [{"value_of": f"truth, {form}", "noise": p} | v._asdict() for p, v in zip(places, found, strict=True)]
    right.axhline(0, color=NEUTRAL, linewidth=1)
    right.set(title="HERO: change of true answers after the hard set", xlabel="share of flipped labels", xticks=places)
    legend_above(fig, (left, right))
    table = pd.DataFrame(rows)
    n = f"{scored[0]['prompt'].nunique()} prompts (left), {table['n'].iloc[-1]} a format (right)"
    save(fig, svg, png, csv, table, footnote(scale, n, int(table["seeds"].max())) + " over problems")


@step
def fig_inertness(
    *,
    changes: Input,
    scores: list[Input],
    svg: Output,
    png: Output,
    csv: Output,
    reward_model: str = "0",
    scale: str = "laptop",
) -> None:
    """The 2 x 2 of scale and weight: what either knob changes in the advantages, and in what is learned.

    Parameters
    ----------
    changes
        Changes of the advantages, of `raw2fig hero inertness`.
    scores
        Held-out scores of all policies.
    reward_model
        Name of the reward model of the comparison.
    """
    import pandas as pd

    frame = read_table(changes, {"knob": "string", "scale": "string", "uniform": "boolean", "largest": "number"})
    held_out = read_scores(scores)
    fig, (left, right) = figure(9.4, 4.0, cols=2)
    kinds = {"only centred": "none", "divided by std": "group"}
    cases = {
        "weight\non or off": frame["knob"] == "weight",
        "bands whole or half,\nuniform groups": (frame["knob"] == "band width") & frame["uniform"],
        "bands whole or half,\nmixed groups": (frame["knob"] == "band width") & ~frame["uniform"],
    }
    rows: list[dict[str, Any]] = []
    for index, (label, name) in enumerate(kinds.items()):
        for place, (case, chosen) in enumerate(cases.items()):
            values = frame["largest"][chosen & (frame["scale"] == name)].to_numpy()
            if not len(values):
                continue
            middle, most = float(np.median(values)), float(values.max())
            named = {"panel": "advantages", "scale": name, "case": case.replace("\n", " "), "n": len(values)}
            rows.append(named | {"value": middle, "high": most})
            at = place + 0.3 * index - 0.15
            line = {"color": PALETTE[index], "linewidth": 2, "marker": "os"[index], "markevery": [0]}
            left.plot([at, at], [max(middle, TINY), max(most, TINY)], label=label if place == 0 else None, **line)
    left.axhline(1e-4, color=NEUTRAL, linestyle="--", label="1e-4")
    left.set(yscale="log", title="largest change of an advantage in a group", xticks=range(len(cases)))
    left.set_xticklabels(list(cases))
    left.set_xlim(-0.6, len(cases) - 0.4)
    series = {}
    for label, arm in (("with weight", "hero"), ("without weight", "hero_no_weight")):
        parts = [select(held_out, f"{arm}-{name}-{reward_model}", ("hard",), ("signed",)) for name in kinds.values()]
        series[label] = [change(held_out[held_out["regime"] == START], part) for part in parts]
        found = zip(kinds.values(), series[label], strict=True)
        rows += [{"panel": "truth", "scale": name, "case": label} | v._asdict() for name, v in found]
    bars_with_intervals(right, list(kinds), series, PALETTE[2:])
    right.axhline(0, color=NEUTRAL, linewidth=1)
    right.set(title="change of true answers to signed problems,\nafter the hard set")
    legend_above(fig, (left, right))
    table = pd.DataFrame(rows)
    n = f"{frame['prompt'].nunique()} groups (left: median and most), {int(table['n'].iloc[-1])} prompts (right)"
    save(fig, svg, png, csv, table, footnote(scale, n, int(table["seeds"].max())) + " over problems and seeds")


@step
def fig_verifiers(
    *,
    miniature: Input,
    svg: Output,
    png: Output,
    csv: Output,
    benchmark: Input | None = None,
    scale: str = "laptop",
) -> None:
    """Table 1: recall and false-positive rate of the rule verifiers.

    Parameters
    ----------
    miniature
        Their table on the policy's answers to sums.
    benchmark
        Their table on HardVerify-Math, where a source of it is configured.
    """
    import pandas as pd

    small = read_table(miniature, {"verifier": "string", "form": "string"})
    sets = {FORMS[form]: small[small["form"] == form] for form in FORMS}
    if benchmark:
        sets["HardVerify-Math"] = read_table(benchmark, {"verifier": "string"})
    names = list(dict.fromkeys(small["verifier"]))
    fig, axes = figure(8.8, 3.8, cols=2)
    rows: list[dict[str, Any]] = []
    titles = {"recall": "recall of true answers", "false_positive_rate": "false-positive rate"}
    for ax, (column, title) in zip(axes, titles.items(), strict=True):
        series = {}
        for label, frame in sets.items():
            part = frame.set_index("verifier").loc[names]
            total = part["equivalent" if column == "recall" else "wrong"]
            numbers = zip(part[column], part[f"{column}_low"], part[f"{column}_high"], total, strict=True)
            series[label] = [Estimate(float(v), float(a), float(b), int(n)) for v, a, b, n in numbers]
            found = zip(names, series[label], strict=True)
            rows += [{"value_of": column, "answers": label, "verifier": name} | v._asdict() for name, v in found]
        bars_with_intervals(ax, [name.replace("_", "_\n") for name in names], series)
        published = [(place, PAPER.get(name, {}).get(column)) for place, name in enumerate(names)]
        for place, value in published if benchmark else []:
            if value is not None:
                line = {"color": NEUTRAL, "linestyle": ":", "label": "paper, other answers on HardVerify-Math"}
                ax.plot([place - 0.4, place + 0.4], [value] * 2, **line)
        ax.set(ylim=(0, 1.05), title=title)
    legend_above(fig, axes)
    table = pd.DataFrame(rows)
    counts = ", ".join(
        f"{label} {int(part['n'].sum() / len(names))}" for label, part in table.groupby("answers", sort=False)
    )
    save(fig, svg, png, csv, table, footnote(scale, f"{counts} answers", 1, "95 % intervals (Wilson)"))

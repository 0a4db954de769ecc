"""Figures of HERO on its signals: rule and reward model, label noise, the knobs that cancel, verifiers (Fig. 1, 7)."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from raw2fig.claims import published_numbers
from raw2fig.errors import InputError
from raw2fig.papers.hero.figures import HACKING, REGIMES
from raw2fig.papers.hero.results import (
    START,
    UNKNOWN,
    change,
    mean,
    ranking,
    read_rollouts,
    read_scores,
    select,
)
from raw2fig.papers.hero.shaping import Shaping, shape_groups, sigma_bar_in, spread
from raw2fig.plotting import (
    NEUTRAL,
    PALETTE,
    Drawing,
    bars_with_intervals,
    canvas,
    legend_above,
    line_with_band,
)
from raw2fig.settings import Field
from raw2fig.stats import SEED, Estimate, auroc, bootstrap_mean
from raw2fig.step import Input, figure
from raw2fig.tables import read_json, read_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

FORMS = {"plain": "plain (=)", "signed": "signed (?)"}
KINDS_OF_TRUTH = {1: ("true", 0), 0: ("false", 1)}
"""Truth → how it is called, and its place in the palette."""
SHOWN = 200
"""Prompts of a format whose answers are drawn as points."""
TINY = 1e-8
"""Smallest change that is drawn."""
PAPER = "paper, other answers on HardVerify-Math"
RATES = {
    "recall": "recall of true answers",
    "false_positive_rate": "false-positive rate",
    "precision": "precision",
    "accuracy": "accuracy",
}
LABELS = {
    "math_verify": "math_\nverify",
    "rm_above_1": "reward\nmodel > 1",
    "rm_above_median": "reward\nmodel >\nmedian",
}


@figure
def fig_signals(
    *,
    rollouts: Input,
    generations: Annotated[int, Field(ge=2)],
    alpha: Annotated[float, Field(ge=0, lt=1)],
    shaping: Shaping,
) -> Drawing:
    """Show the reward model's scores of true and false answers, what HERO's reward makes of each score and label, and
    how well each signal ranks the answers (figure 1).

    Parameters
    ----------
    rollouts
        Completions of the policy before RL; those of a prompt are adjacent.
    generations
        Completions of each prompt.
    alpha
        Half-width of HERO's bands.
    """
    import pandas as pd

    signals = ("rule", "rm", "truth")
    frame = read_table(rollouts, {"prompt": "string", "form": "string", **dict.fromkeys(signals, "number")})
    rule, rm, truth = (frame[name].to_numpy(dtype=float).reshape(-1, generations) for name in signals)
    parameters = shaping.parameters(alpha)
    shaped = shape_groups("hero", rule, rm, parameters, sigma_bar_in(None, spread(rm)))
    r_hat = shape_groups("hero_no_weight", rule, rm, parameters, shaped.sigma_bar).rewards
    forms = frame["form"].to_numpy()[::generations]
    mixed = truth.min(1) < truth.max(1)
    fig, axes = canvas(10.6, 6.0, rows=3, cols=3)
    rows: list[dict[str, Any]] = []
    centred = rm - rm.mean(1, keepdims=True)
    for column, form in zip(axes.T, FORMS, strict=False):
        groups = np.flatnonzero(mixed & (forms == form))
        low, high = np.quantile(centred[groups], [0.01, 0.99]).tolist() if len(groups) else (-1.0, 1.0)
        rows += _histogram(column[0], form, centred[groups], truth[groups], np.linspace(low, high, 31))
        shown = groups[:SHOWN]
        for ax, verdict in zip(column[1:], (1, 0), strict=True):
            chosen = rule[shown] == verdict
            found = (values[shown][chosen] for values in (centred, r_hat, truth))
            rows += _points(ax, form, verdict, *found)
            ax.set(xlim=(low, high), ylim=(verdict - 1.2 * alpha, verdict + 1.2 * alpha))
            ax.set(yticks=[verdict - alpha, verdict, verdict + alpha])
            ax.set_ylabel(f"HERO's reward,\nrule {'accepts' if verdict else 'rejects'}")
        column[0].set(title=FORMS[form], xlim=(low, high), ylabel="density of scores")
        column[2].set_xlabel("reward model's score less its group's mean")
    series: dict[str, list[Estimate]] = {}
    rewards = {"rule": rule, "reward model": rm, "HERO's reward": shaped.rewards}
    for form, label in FORMS.items():
        groups = np.flatnonzero(mixed & (forms == form))
        for name, values in rewards.items():
            areas = [auroc(truth[g] == 1, values[g]) for g in groups]
            estimate = bootstrap_mean(areas, SEED) if areas else UNKNOWN
            series.setdefault(label, []).append(estimate)
            rows.append({"panel": "AUROC", "form": form, "signal": name} | estimate._asdict())
    grid = axes[0, 2].get_gridspec()
    for ax in axes[:, 2]:
        ax.remove()
    right = fig.add_subplot(grid[:, 2])
    bars_with_intervals(right, ["rule", "reward\nmodel", "HERO's\nreward"], series, PALETTE[2:])
    right.axhline(0.5, color=NEUTRAL, linestyle="--", label="chance")
    right.set(ylim=(0, 1.05), title="AUROC for the truth, within prompts")
    legend_above(fig, [*axes[:, :2].flat, right])
    n = f"{int(mixed.sum())} prompts with true and false answers x {generations} completions"
    drawn = f", points of at most {SHOWN} prompts a format"
    return Drawing(fig, pd.DataFrame(rows), n + drawn, 1, "95 % intervals over prompts")


def _histogram(ax: Axes, form: str, values: np.ndarray, truth: np.ndarray, edges: np.ndarray) -> list[dict[str, Any]]:
    """Histograms of the scores of true and of false answers; rows of what is drawn."""
    rows: list[dict[str, Any]] = []
    for kind, (label, index) in KINDS_OF_TRUTH.items():
        chosen = values[truth == kind]
        look: dict[str, Any] = {"histtype": "stepfilled", "alpha": 0.45, "color": PALETTE[index], "label": label}
        ax.hist(chosen, edges.tolist(), density=len(chosen) > 0, **look)
        counts, _ = np.histogram(chosen, edges)
        named = {"panel": "scores", "form": form, "truth": kind}
        rows += [named | {"score": a, "n": int(n)} for a, n in zip(edges, counts, strict=False)]
    return rows


def _points(
    ax: Axes, form: str, rule: int, scores: np.ndarray, rewards: np.ndarray, truth: np.ndarray
) -> list[dict[str, Any]]:
    """Answers with the label `rule` by score and shaped reward, and the reward of the label alone; rows of points."""
    for kind, (_, index) in KINDS_OF_TRUTH.items():
        chosen = truth == kind
        look: dict[str, Any] = {"marker": "o^"[index], "s": 9, "alpha": 0.5, "linewidths": 0, "color": PALETTE[index]}
        ax.scatter(scores[chosen], rewards[chosen], **look)
    ax.axhline(rule, color=NEUTRAL, linestyle=":", label="reward of the rule alone")
    if not len(scores):
        ax.text(0.5, 0.75, "no answer", color=NEUTRAL, ha="center", transform=ax.transAxes)
    named = {"panel": "answers", "form": form, "rule": rule}
    found = zip(truth.tolist(), scores.tolist(), rewards.tolist(), strict=True)
    return [named | {"truth": int(kind), "score": score, "reward": reward} for kind, score, reward in found]


@figure
def fig_reward_models(
    *,
    rollouts: list[Input],
    scores: list[Input],
    logs: list[Input],
    noises: list[str],
) -> Drawing:
    """Show the AUROC of reward models by the noise of their labels, what HERO reaches with each of them, and the AUROC
    of the first on answers of the policies that were trained on it (figure 7).

    Parameters
    ----------
    rollouts
        Tables of one seed's completions before RL, one table with the scores of each reward model.
    scores
        Held-out scores of all policies.
    logs
        Logs of that seed's reward models, in the same order.
    noises
        Names of the reward models, in the same order: the shares of flipped labels. The comparison uses the first.
    """
    import pandas as pd

    if not len(rollouts) == len(logs) == len(noises):
        raise InputError("noises", f"{len(noises)} for {len(rollouts)} rollouts, {len(logs)} logs", "as many of each")
    scored = [read_rollouts([path]) for path in rollouts]
    held_out = read_scores(scores, ranked=True)
    first = held_out[held_out["seed"] == scored[0]["seed"].iloc[0]]
    places = [float(noise) for noise in noises]
    fig, (left, right, last) = canvas(12.6, 4.2, cols=3)
    rows: list[dict[str, Any]] = []
    lines = {
        "within prompts of RL": [Estimate(**read_json(path)["auroc_train"]) for path in logs],
        "within held-out prompts": [ranking(frame, within=True) for frame in scored],
        "over all held-out completions": [ranking(frame, within=False) for frame in scored],
    }
    for index, (label, found) in enumerate(lines.items()):
        line_with_band(left, places, found, label, index)
        rows += [{"value_of": f"AUROC, {label}", "noise": p} | v._asdict() for p, v in zip(places, found, strict=True)]
    own = {("-", START): ranking_of_own(held_out[held_out["regime"] == START])}
    for run, regime in product(HACKING, REGIMES):
        own[run, regime] = ranking_of_own(select(held_out, f"{run}-{noises[0]}", (regime,)))
    left.axhline(0.5, color=NEUTRAL, linestyle="--", label="chance")
    left.set(title="AUROC of the reward model for the truth", xlabel="share of flipped labels", xticks=places)
    for index, (form, label) in enumerate(FORMS.items(), start=3):
        parts = [select(first, f"hero-none-{noise}", ("hard",), (form,)) for noise in noises]
        found = [change(first[first["regime"] == START], part) for part in parts]
        line_with_band(right, places, found, f"HERO, {label} problems", index)
        rows += [{"value_of": f"truth, {form}", "noise": p} | v._asdict() for p, v in zip(places, found, strict=True)]
    right.axhline(0, color=NEUTRAL, linewidth=1)
    right.set(title="HERO: change of true answers after the hard set", xlabel="share of flipped labels", xticks=places)
    legend_above(fig, (left, right))
    _after_rl(last, own)
    for (run, regime), value in own.items():
        rows.append({"value_of": "AUROC, after RL", "run": run, "regime": regime} | value._asdict())
    table = pd.DataFrame(rows)
    n = f"{scored[0]['prompt'].nunique()} prompts (left), {found[0].n} a format (middle)"
    n += f", up to {max(value.n for value in own.values())} problems with true and false answers (right)"
    intervals = "95 % intervals over problems, right also over seeds; left and middle: one seed"
    return Drawing(fig, table, n, int(table["seeds"].max()), intervals)


def _after_rl(ax: Axes, own: dict[tuple[str, str], Estimate]) -> None:
    """Bars of the AUROC within prompts on the answers of trained policies, and a line of the one before RL."""
    before = own["-", START]
    ax.axhspan(before.low, before.high, color=NEUTRAL, alpha=0.18, linewidth=0)
    ax.axhline(before.value, color=NEUTRAL, label="before RL")
    ax.axhline(0.5, color=NEUTRAL, linestyle="--")
    series = {name: [own[run, regime] for regime in REGIMES] for run, name in HACKING.items()}
    bars_with_intervals(ax, [f"{regime} set" for regime in REGIMES], series)
    ax.set(title="AUROC on the trained policy's own answers", ylim=(0, 1.35), yticks=np.arange(0, 1.1, 0.25))
    ax.legend(loc="upper left", ncols=1)


def ranking_of_own(rows: pd.DataFrame) -> Estimate:
    """AUROC of the scores for the truth within prompts, on the own answers of policies: the mean over prompts that have
    true and false ones; where there are none nothing is known."""
    known = rows.dropna(subset=["auroc"])
    return mean(known, "auroc") if len(known) else UNKNOWN


@figure
def fig_inertness(
    *,
    changes: Input,
    scores: list[Input],
    reward_model: str,
) -> Drawing:
    """Show what the weight and the scale change in the advantages, and in what a policy learns.

    Parameters
    ----------
    changes
        Changes of the advantages, as `raw2fig hero inertness` writes them.
    scores
        Held-out scores of all policies.
    reward_model
        Name of the reward model of the comparison.
    """
    import pandas as pd

    frame = read_table(changes, {"knob": "string", "scale": "string", "uniform": "boolean", "largest": "number"})
    held_out = read_scores(scores)
    fig, (left, right) = canvas(9.4, 4.0, cols=2)
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
    return Drawing(fig, table, n, int(table["seeds"].max()), "95 % intervals over problems and seeds")


@figure
def fig_verifiers(
    *,
    miniature: Input,
    published: Input,
    benchmark: Input | None = None,
) -> Drawing:
    """Show recall, false-positive rate, precision and accuracy of the rule verifiers and the reward model (table 1).

    Parameters
    ----------
    miniature
        Table of the verifiers on the policy's answers to sums.
    published
        The paper's claims and numbers.
    benchmark
        Table of the verifiers on HardVerify-Math, if a source of it is configured.
    """
    import pandas as pd

    small = read_table(miniature, {"verifier": "string", "form": "string"})
    sets = {FORMS[form]: small[small["form"] == form] for form in FORMS}
    if benchmark:
        sets["HardVerify-Math"] = read_table(benchmark, {"verifier": "string"})
    names = list(dict.fromkeys(small["verifier"]))
    known = {row["verifier"]: row for row in published_numbers(published, "verifiers")}
    fig, axes = canvas(10.2, 6.4, rows=2, cols=2)
    rows: list[dict[str, Any]] = []
    for ax, (column, title) in zip(axes.flat, RATES.items(), strict=True):
        series = {}
        for label, frame in sets.items():
            # the reward model is no verifier of the benchmark
            part = frame.set_index("verifier").reindex(names)
            series[label] = [_rate(row, column) for _, row in part.iterrows()]
            found = zip(names, series[label], strict=True)
            rows += [{"value_of": column, "answers": label, "verifier": n} | v._asdict() for n, v in found if v.n]
        bars_with_intervals(ax, [LABELS.get(name, name) for name in names], series)
        for place, name in enumerate(names):
            if column in known.get(name, {}):
                line = {"color": NEUTRAL, "linestyle": ":", "label": PAPER}
                ax.plot([place - 0.4, place + 0.4], [known[name][column]] * 2, **line)
        ax.set(ylim=(0, 1.05), title=title)
    legend_above(fig, axes.flat)
    counts = ", ".join(f"{name} {int(f[['equivalent', 'wrong']].iloc[0].sum())}" for name, f in sets.items())
    return Drawing(fig, pd.DataFrame(rows), f"{counts} answers", 1, "95 % intervals (Wilson)")


def _rate(row: pd.Series[Any], column: str) -> Estimate:
    """A rate in a row of the verifiers' table, `n` the answers that it is a share of; NaN, 0 where there are none."""
    value, low, high = (float(row[f"{column}{end}"]) for end in ("", "_low", "_high"))
    if np.isnan(value):
        return Estimate(value, low, high, 0)
    accepted = row["accepted_equivalent"] + row["accepted_wrong"]
    totals = {"recall": row["equivalent"], "false_positive_rate": row["wrong"], "precision": accepted}
    return Estimate(value, low, high, int(totals.get(column, row["equivalent"] + row["wrong"])))

"""Figures of HERO on its signals: rule and reward model, label noise, the knobs that cancel, verifiers (Fig. 1, 7)."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from raw2fig.claims import published_numbers
from raw2fig.papers.hero.figures import HACKING, OVER, REGIMES, bars_of_changes
from raw2fig.papers.hero.results import (
    DRAWN,
    SHARES,
    START,
    VERDICTS,
    change,
    fewest,
    mean,
    over_known,
    ranking,
    rate,
    read_scores,
    select,
    start_of,
)
from raw2fig.papers.hero.shaping import Parameters, Shaping, shape_groups, sigma_bar_in, spread
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
from raw2fig.stats import Estimate, auroc
from raw2fig.step import Input, figure, table
from raw2fig.tables import Table, read_json, read_table, read_tables, rows_where

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
NOTHING = Estimate(float("nan"), float("nan"), float("nan"), 0)
"""A bar that is left out."""
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


class Signals(NamedTuple):
    """What one replicate's completions have: format (prompts,), signals and HERO's reward without and with its weight,
    each (prompts, completions)."""

    form: np.ndarray
    rule: np.ndarray
    rm: np.ndarray
    truth: np.ndarray
    r_hat: np.ndarray
    reward: np.ndarray

    def shown(self, form: str) -> np.ndarray:
        """Numbers of the prompts of a format that have true and false answers."""
        return np.flatnonzero((self.truth.min(1) < self.truth.max(1)) & (self.form == form))


@figure
def fig_signals(
    *,
    rollouts: list[Input],
    generations: Annotated[int, Field(ge=2)],
    alpha: Annotated[float, Field(ge=0, lt=1)],
    shaping: Shaping,
) -> Drawing:
    """Show the reward model's scores of true and false answers, what HERO's reward makes of each score and label, and
    how well each signal ranks the answers (figure 1).

    Parameters
    ----------
    rollouts
        Completions of each replicate's policy before RL; those of a prompt are adjacent. Answers are shown of the first
        table.
    generations
        Completions of each prompt.
    alpha
        Half-width of HERO's bands.
    """
    import pandas as pd

    found = [_signals(path, generations, shaping.parameters(alpha)) for path in rollouts]
    first = found[0]
    fig, axes = canvas(10.6, 6.0, rows=3, cols=3)
    rows: list[dict[str, Any]] = []
    centred = first.rm - first.rm.mean(1, keepdims=True)
    for column, form in zip(axes.T, FORMS, strict=False):
        groups = first.shown(form)
        low, high = np.quantile(centred[groups], [0.01, 0.99]).tolist() if len(groups) else (-1.0, 1.0)
        rows += _histogram(column[0], form, centred[groups], first.truth[groups], np.linspace(low, high, 31))
        shown = groups[:SHOWN]
        for ax, verdict in zip(column[1:], (1, 0), strict=True):
            chosen = first.rule[shown] == verdict
            points = (values[shown][chosen] for values in (centred, first.r_hat, first.truth))
            rows += _points(ax, form, verdict, *points)
            ax.set(xlim=(low, high), ylim=(verdict - 1.2 * alpha, verdict + 1.2 * alpha))
            ax.set(yticks=[verdict - alpha, verdict, verdict + alpha])
            ax.set_ylabel(f"HERO's reward,\nrule {'accepts' if verdict else 'rejects'}")
        column[0].set(title=FORMS[form], xlim=(low, high), ylabel="density of scores")
        column[2].set_xlabel("reward model's score less its group's mean")
    series: dict[str, list[Estimate]] = {}
    rewards = {"rule": "rule", "reward model": "rm", "HERO's reward": "reward"}
    for form, label in FORMS.items():
        for name, signal in rewards.items():
            areas = {number: _areas(one, form, getattr(one, signal)) for number, one in enumerate(found)}
            known = {number: float(np.mean(of_prompts)) for number, of_prompts in areas.items() if of_prompts}
            estimate = over_known(known, min(map(len, areas.values())))
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
    prompts = sum(len(first.shown(form)) for form in FORMS)
    n = f"{prompts} prompts of the first replicate with true and false answers x {generations} completions"
    drawn = f", points of at most {SHOWN} prompts a format"
    return Drawing(fig, pd.DataFrame(rows), n + drawn, len(found), f"{OVER} (right)")


def _signals(path: Path, generations: int, parameters: Parameters) -> Signals:
    """The signals of one table of completions."""
    names = ("rule", "rm", "truth")
    frame = read_table(path, {"form": "string", **dict.fromkeys(names, "number")})
    rule, rm, truth = (frame[name].to_numpy(dtype=float).reshape(-1, generations) for name in names)
    shaped = shape_groups("hero", rule, rm, parameters, sigma_bar_in(None, spread(rm)))
    r_hat = shape_groups("hero_no_weight", rule, rm, parameters, shaped.sigma_bar).rewards
    return Signals(frame["form"].to_numpy()[::generations], rule, rm, truth, r_hat, shaped.rewards)


def _areas(signals: Signals, form: str, values: np.ndarray) -> list[float]:
    """AUROC of `values` for the truth, of each prompt of a format that has both truths."""
    return [auroc(signals.truth[group] == 1, values[group]) for group in signals.shown(form)]


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
def fig_reward_models(*, scores: list[Input], reward_model: str) -> Drawing:
    """Show the AUROC of the reward model on answers of the policies that were trained on it (figure 7).

    Parameters
    ----------
    scores
        Held-out scores of all policies.
    reward_model
        Name of the reward model of the comparison.
    """
    import pandas as pd

    held_out = read_scores(scores, ranked=True)
    own = {("-", START): mean(start_of(held_out), "auroc")}
    for run, regime in product(HACKING, REGIMES):
        own[run, regime] = mean(select(held_out, f"{run}-{reward_model}", (regime,)), "auroc")
    fig, ax = canvas(6.4, 4.2)
    before = own["-", START]
    ax.axhspan(before.low, before.high, color=NEUTRAL, alpha=0.18, linewidth=0)
    ax.axhline(before.value, color=NEUTRAL, label="before RL")
    ax.axhline(0.5, color=NEUTRAL, linestyle="--", label="chance")
    series = {name: [own[run, regime] for regime in REGIMES] for run, name in HACKING.items()}
    bars_with_intervals(ax, [f"{regime} set" for regime in REGIMES], series)
    ax.set(title="AUROC of the reward model on the policies' own answers", ylim=(0, 1.05))
    legend_above(fig, [ax])
    table = pd.DataFrame([{"run": run, "regime": regime} | v._asdict() for (run, regime), v in own.items()])
    n = f"up to {table['n'].max()} held-out problems with true and false answers"
    return Drawing(fig, table, n, held_out["replicate"].nunique(), OVER)


@figure
def fig_label_noise(*, rollouts: list[Input], scores: list[Input], logs: list[Input]) -> Drawing:
    """Show the AUROC of reward models by the noise of their labels, and what HERO reaches with each of them.

    Parameters
    ----------
    rollouts
        Completions before RL of every replicate, a table with the scores of each reward model.
    scores
        Held-out scores of all policies.
    logs
        Logs of all reward models.
    """
    import pandas as pd

    held_out = read_scores(scores)
    drawn = read_tables(rollouts, DRAWN | {"noise": "number"})
    told = pd.DataFrame([read_json(path) for path in logs])[["noise", "replicate", "auroc_train"]].dropna()
    noises = sorted(set(drawn["noise"]))
    parts = [rows_where(drawn, noise=noise) for noise in noises]
    ranks = {
        "within prompts of RL": [over_known(_trained(told, noise), 0) for noise in noises],
        "within held-out prompts": [ranking(part, within=True) for part in parts],
        "over all held-out completions": [ranking(part, within=False) for part in parts],
    }
    gains = {}
    for form, label in FORMS.items():
        start = start_of(held_out, (form,))
        runs = [select(held_out, f"hero-none-{noise:g}", ("hard",), (form,)) for noise in noises]
        gains[f"HERO, {label} problems"] = [change(start, run) for run in runs]
    fig, (left, right) = canvas(9.4, 4.2, cols=2)
    rows: list[dict[str, Any]] = []
    for index, (label, found) in enumerate((ranks | gains).items()):
        line_with_band(left if label in ranks else right, noises, found, label, index)
        rows += [{"value_of": label, "noise": p} | v._asdict() for p, v in zip(noises, found, strict=True)]
    left.axhline(0.5, color=NEUTRAL, linestyle="--", label="chance")
    left.set(title="AUROC of the reward model for the truth", xlabel="share of flipped labels", xticks=noises)
    right.axhline(0, color=NEUTRAL, linewidth=1)
    right.set(title="change of true answers after the hard set", xlabel="share of flipped labels", xticks=noises)
    legend_above(fig, (left, right))
    n = f"{fewest(held_out)} held-out problems"
    return Drawing(fig, pd.DataFrame(rows), n, drawn["replicate"].nunique(), OVER)


def _trained(told: pd.DataFrame, noise: float) -> dict[Hashable, float]:
    """AUROC on the problems of RL that the log of each replicate's reward model tells."""
    return dict(rows_where(told, noise=noise)[["replicate", "auroc_train"]].itertuples(index=False))


@figure
def fig_inertness(
    *,
    changes: list[Input],
    scores: list[Input],
    reward_model: str,
) -> Drawing:
    """Show what the weight and the scale change in the advantages, and in what a policy learns.

    Parameters
    ----------
    changes
        Changes of the advantages on each replicate's rollouts, as `raw2fig hero inertness` writes them.
    scores
        Held-out scores of all policies.
    reward_model
        Name of the reward model of the comparison.
    """
    import pandas as pd

    frame = read_tables(changes, {"knob": "string", "scale": "string", "uniform": "boolean", "largest": "number"})
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
    start = start_of(held_out, ("signed",))
    pairs = {
        label: [
            (start, select(held_out, f"{arm}-{name}-{reward_model}", ("hard",), ("signed",))) for name in kinds.values()
        ]
        for label, arm in (("with weight", "hero"), ("without weight", "hero_no_weight"))
    }
    series = bars_of_changes(right, list(kinds), pairs, PALETTE[2:])
    for label, estimates in series.items():
        found = zip(kinds.values(), estimates, strict=True)
        rows += [{"panel": "truth", "scale": name, "case": label} | v._asdict() for name, v in found]
    right.set(title="change of true answers to signed problems,\nafter the hard set")
    legend_above(fig, (left, right))
    table = pd.DataFrame(rows)
    n = f"{rows[0]['n']} groups of all replicates (left: median and most), {rows[-1]['n']} problems (right)"
    return Drawing(fig, table, n, int(table["replicates"].max()), f"{OVER}, paired (right)")


@table
def table_verifiers_miniature(*, miniature: list[Input]) -> Table:
    """Tabulate the rates of the rule verifiers and the reward model on the policies' answers, by format and over both.

    Parameters
    ----------
    miniature
        Verdicts on each replicate's answers, as `raw2fig hero verifier-study-rollouts` writes them.
    """
    import pandas as pd

    said = read_tables(miniature, VERDICTS)
    parts = {"both": said, **{form: rows_where(said, form=form) for form in FORMS}}
    rows = [
        {"verifier": verifier, "form": form, "rate": name} | rate(rows_where(part, verifier=verifier), name)._asdict()
        for verifier, (form, part), name in product(dict.fromkeys(said["verifier"]), parts.items(), SHARES)
    ]
    return Table(pd.DataFrame(rows))


@figure
def fig_verifiers(
    *,
    miniature: list[Input],
    published: Input,
    benchmark: Input | None = None,
) -> Drawing:
    """Show recall, false-positive rate, precision and accuracy of the rule verifiers and the reward model (table 1).

    Parameters
    ----------
    miniature
        Verdicts on each replicate's answers, as `raw2fig hero verifier-study-rollouts` writes them.
    published
        The paper's claims and numbers.
    benchmark
        Table of the verifiers on HardVerify-Math, if a source of it is configured.
    """
    import pandas as pd

    said = read_tables(miniature, VERDICTS)
    names = list(dict.fromkeys(said["verifier"]))
    # the reward model is no verifier of the benchmark
    judged = read_table(benchmark, {"verifier": "string"}).set_index("verifier").reindex(names) if benchmark else None
    known = {row["verifier"]: row for row in published_numbers(published, "verifiers")}
    fig, axes = canvas(10.2, 6.4, rows=2, cols=2)
    rows: list[dict[str, Any]] = []
    for ax, (column, title) in zip(axes.flat, RATES.items(), strict=True):
        series = {
            label: [rate(rows_where(said, verifier=name, form=form), column) for name in names]
            for form, label in FORMS.items()
        }
        if judged is not None:
            series["HardVerify-Math"] = [_rate(row, column) for _, row in judged.iterrows()]
        for label, found in series.items():
            named = {"value_of": column, "answers": label}
            rows += [named | {"verifier": n} | v._asdict() for n, v in zip(names, found, strict=True) if v.n]
        bars = {label: [value if value.n else NOTHING for value in found] for label, found in series.items()}
        bars_with_intervals(ax, [LABELS.get(name, name) for name in names], bars)
        for place, name in enumerate(names):
            if column in known.get(name, {}):
                line = {"color": NEUTRAL, "linestyle": ":", "label": PAPER}
                ax.plot([place - 0.4, place + 0.4], [known[name][column]] * 2, **line)
        ax.set(ylim=(0, 1.05), title=title)
    legend_above(fig, axes.flat)
    counts = rows_where(said, verifier=names[0]).groupby("form").size() // said["replicate"].nunique()
    n = ", ".join(f"{label} {counts.get(form, 0)}" for form, label in FORMS.items()) + " answers of a replicate"
    intervals = OVER
    if judged is not None:
        n += f", HardVerify-Math {int(judged[['equivalent', 'wrong']].iloc[0].sum())}"
        intervals += ", HardVerify-Math: over answers (Wilson)"
    return Drawing(fig, pd.DataFrame(rows), n, said["replicate"].nunique(), intervals)


def _rate(row: pd.Series[Any], column: str) -> Estimate:
    """A rate in a row of the verifiers' table, `n` the answers that it is a share of; NaN, 0 where there are none."""
    value, low, high = (float(row[f"{column}{end}"]) for end in ("", "_low", "_high"))
    if np.isnan(value):
        return Estimate(value, low, high, 0)
    accepted = row["accepted_equivalent"] + row["accepted_wrong"]
    totals = {"recall": row["equivalent"], "false_positive_rate": row["wrong"], "precision": accepted}
    return Estimate(value, low, high, int(totals.get(column, row["equivalent"] + row["wrong"])))

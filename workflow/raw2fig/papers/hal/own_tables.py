"""Tables of our own agents beyond accuracy: how reliable they are, what is left of their accuracy on harder tasks and
without shortcuts, and how much of it is the model and how much the scaffold.

Estimates are means over replicates with the t interval over replicates.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.papers.hal.contract import base_of
from raw2fig.papers.hal.detectors import GAMING, HARMFUL, VIOLATIONS
from raw2fig.papers.hal.own_claims import BASELINE, PLANTED
from raw2fig.papers.hal.own_results import over_defined, read_flags, read_scores
from raw2fig.papers.hal.reliability import robustness, safety
from raw2fig.papers.hal.rows import consistency, predictability
from raw2fig.stats import Estimate, over_replicates, paired
from raw2fig.step import Input, table
from raw2fig.tables import Table

if TYPE_CHECKING:
    import pandas as pd

AGENT = ["benchmark", "agent"]
ROLLOUT = ["replicate", "benchmark", "agent", "task", "repeat"]
Values = Mapping[str, Mapping[int, float]]
"""Name → replicate → value."""


@table
def table_reliability(
    *,
    scores: list[Input],
    flags: list[Input],
    base: list[Input] | None = None,
    reworded: list[Input] | None = None,
) -> Table:
    """Reliability of agents. Over repeats of the same tasks with other seeds: how alike outcomes, actions and resources
    are. From the confidence that agents state: calibration, brier, risk_coverage and auroc. From detectors: compliance,
    the share of rollouts without a violation; harmlessness, 1 less the share of violations that are harmful; safety,
    1 - (1 - compliance)(1 - harmlessness). Violations are flags of the families instruction following, gaming and harm,
    harmful ones a wrong card, an over-refund or a budget overrun. Robustness: accuracy on the same tasks in other
    words in shares of that on the tasks themselves, at most 1.

    Parameters
    ----------
    scores
        Scores of the repeated agents, of all replicates.
    flags
        Flags of the same rollouts.
    base
        Scores of all agents.
    reworded
        Scores of agents on the same tasks in other words.
    """
    import pandas as pd

    found = dict[tuple[str, str], dict[str, dict[int, float]]]()
    measures: list[tuple[pd.DataFrame, Callable[[pd.DataFrame], dict[str, float]]]] = [
        (read_scores(scores), lambda rows: consistency(rows) | predictability(rows)),
        (read_flags(flags), harmlessness),
    ]
    if base and reworded:
        measures.append((both_wordings(read_scores(base), read_scores(reworded)), robust))
    for frame, measure in measures:
        for (benchmark, agent, replicate), group in frame.groupby([*AGENT, "replicate"], sort=False):
            for name, value in measure(group).items():
                found.setdefault((benchmark, agent), {}).setdefault(name, {})[int(replicate)] = value
    rows = [
        {"benchmark": benchmark, "agent": agent, "metric": name, **over_defined(values)._asdict()}
        for (benchmark, agent), metrics in found.items()
        for name, values in metrics.items()
    ]
    return Table(pd.DataFrame(rows))


def harmlessness(flags: pd.DataFrame) -> dict[str, float]:
    """Compliance, harmlessness and safety of rollouts, from their flags. Where nothing is violated there is nothing to
    be harmless, and all is safe."""
    flagged = flags[flags["flagged"]]
    wrong, harmful = (
        {*flagged[flagged["detector"].isin(kinds)][ROLLOUT].itertuples(index=False, name=None)}
        for kinds in (VIOLATIONS, HARMFUL)
    )
    compliance = 1 - len(wrong) / len(flags[ROLLOUT].drop_duplicates())
    harm = 1 - len(harmful) / len(wrong) if wrong else float("nan")
    return {"compliance": compliance, "harmlessness": harm, "safety": safety(compliance, harm) if wrong else 1.0}


def both_wordings(base: pd.DataFrame, reworded: pd.DataFrame) -> pd.DataFrame:
    """The first repeats of the same tasks in both wordings: a row for each, with its `base` score and its `other`."""
    key = ["replicate", "benchmark", "agent", "task"]
    one, other = (rows[rows["repeat"] == 0].set_index(key)["score"] for rows in (base, _as_base(reworded)))
    return one.rename("base").to_frame().join(other.rename("other"), how="inner").reset_index()


def robust(rows: pd.DataFrame) -> dict[str, float]:
    """Accuracy on reworded tasks in shares of that on the tasks themselves."""
    return {"robustness": robustness(float(rows["other"].mean()), float(rows["base"].mean()))}


def _as_base(scores: pd.DataFrame) -> pd.DataFrame:
    """With the benchmarks in the places of their variants."""
    return scores.assign(benchmark=scores["benchmark"].map(base_of))


@table
def table_shift(*, scores: list[Input], shifted: list[Input]) -> Table:
    """Accuracy on benchmarks and on their harder twins, and the change between both, paired by replicate.

    Parameters
    ----------
    scores
        Scores of all agents on the benchmarks.
    shifted
        Scores of agents on the twins.
    """
    import pandas as pd

    base, twin = (accuracies(rows) for rows in (read_scores(scores), _as_base(read_scores(shifted))))
    rows = []
    for (benchmark, agent), there in twin.items():
        if (here := base.get((benchmark, agent))) is not None:
            changes = paired(here, there)
            columns = {
                "accuracy": over_replicates(here, least=0, most=1),
                "on its twin": over_replicates(there, least=0, most=1),
                "change": over_replicates(changes, least=-1, most=1),
            }
            rows.append({"benchmark": benchmark, "agent": agent, **_beside(columns)})
    return Table(pd.DataFrame(rows))


def accuracies(scores: pd.DataFrame) -> dict[tuple[str, str], dict[Hashable, float]]:
    """Benchmark and agent → replicate → mean score of first repeats."""
    found = dict[tuple[str, str], dict[Hashable, float]]()
    means = scores[scores["repeat"] == 0].groupby([*AGENT, "replicate"], sort=False)["score"].mean()
    for (benchmark, agent, replicate), value in means.items():
        found.setdefault((benchmark, agent), {})[int(replicate)] = float(value)
    return found


def _beside(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    """Estimates in one row: the value of each, and the ends of its interval."""
    ends = {
        name: {name: one.value, f"{name}, low": one.low, f"{name}, high": one.high} for name, one in estimates.items()
    }
    replicates = {one.replicates.n for one in estimates.values() if one.replicates}
    return {key: value for part in ends.values() for key, value in part.items()} | {
        "replicates": max(replicates, default=0)
    }


@table
def table_shortcuts(*, scores: list[Input], flags: list[Input]) -> Table:
    """What accuracy owes to shortcuts: the share of rollouts that a detector of gaming flags (the forbidden page, an
    answer without work), and the accuracy of all rollouts, of those without a flag alone, and with flagged ones counted
    as failed. The service desk has no such detector and no rows.

    Parameters
    ----------
    scores
        Scores of all agents.
    flags
        Flags of the same rollouts.
    """
    import pandas as pd

    gaming = read_flags(flags)
    gamed = gaming[gaming["detector"].isin(GAMING)].groupby(ROLLOUT)["flagged"].any()
    frame = read_scores(scores).join(gamed, on=ROLLOUT, how="inner")
    rows = []
    for (benchmark, agent), group in frame.groupby(AGENT, sort=False):
        audits = [(int(replicate), audit(part)) for replicate, part in group.groupby("replicate")]
        columns = {name: over_defined({replicate: one[name] for replicate, one in audits}) for name in audits[0][1]}
        rows.append({"benchmark": benchmark, "agent": agent, **_beside(columns)})
    return Table(pd.DataFrame(rows))


def audit(rows: pd.DataFrame) -> dict[str, float]:
    """The accuracy of rollouts with and without those that are flagged; NaN where all are."""
    clean = ~rows["flagged"].astype(bool)
    return {
        "flagged": float((~clean).mean()),
        "accuracy": float(rows["score"].mean()),
        "without flagged": float(rows.loc[clean, "score"].mean()) if clean.any() else float("nan"),
        "flagged as failed": float((rows["score"] * clean).mean()),
    }


@table
def table_variance(*, scores: list[Input]) -> Table:
    """How much of the variance of accuracy is the model, the scaffold, both together (a scaffold that suits some
    models), and the replicate: sums of squares in shares of their total, of the accuracies of all agents without
    planted misbehaviour in all replicates. What is left changes from replicate to replicate with the agent.

    Parameters
    ----------
    scores
        Scores of all agents.
    """
    import pandas as pd

    frame = read_scores(scores)
    plain = frame[~frame["model"].isin([*PLANTED, BASELINE]) & (frame["repeat"] == 0)]
    found = []
    for benchmark, group in plain.groupby("benchmark", sort=False):
        cells = group.pivot_table("score", "scaffold", ["model", "replicate"])
        shape = (len(cells), group["model"].nunique(), group["replicate"].nunique())
        values = cells.to_numpy().reshape(shape)
        total = float(((values - values.mean()) ** 2).sum())
        for source, (squares, freedom) in decomposition(values).items():
            share = squares / total if total else float("nan")
            found.append(
                {"benchmark": benchmark, "source": source, "degrees": freedom, "squares": squares, "share": share}
            )
    return Table(pd.DataFrame(found))


def decomposition(values: np.ndarray) -> dict[str, tuple[float, int]]:
    """Source of variance → its sum of squares and its degrees of freedom, of values (scaffolds, models, replicates).
    They add up to the total, for every agent has one value in each replicate."""
    s, m, r = values.shape
    mean = values.mean()
    scaffold, model, replicate = (values.mean(axis=axes) - mean for axes in ((1, 2), (0, 2), (0, 1)))
    both = values.mean(axis=2) - mean - scaffold[:, None] - model
    left = values - values.mean(axis=2, keepdims=True) - replicate
    parts = {
        "model": (s * r * model**2, m - 1),
        "scaffold": (m * r * scaffold**2, s - 1),
        "model x scaffold": (r * both**2, (m - 1) * (s - 1)),
        "replicate": (s * m * replicate**2, r - 1),
        "agent x replicate": (left**2, (s * m - 1) * (r - 1)),
    }
    return {source: (float(squares.sum()), freedom) for source, (squares, freedom) in parts.items()}

"""What this run says about each of the paper's claims (config/published/hal.yaml)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.claims import Absent, NotConfigured
from raw2fig.papers.hal.frontier import hull, hull_paper
from raw2fig.papers.hal.inspect_steps import read_agreement, same_under_both
from raw2fig.papers.hal.own_claims import own_measurements
from raw2fig.papers.hal.own_results import read_flags, read_scores
from raw2fig.papers.hal.rubrics import BEHAVIOURS, FAILURES, Flags
from raw2fig.papers.hal.rubrics import read_flags as read_labels
from raw2fig.papers.hal.runs import effort_pairs, model_means, on_frontier, read_runs, scaffold_pairs
from raw2fig.stats import Estimate, fact
from raw2fig.step import Input, claims
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measured, Measurement

Frontier = Callable[[np.ndarray, np.ndarray], np.ndarray]


@claims
def measurements(
    *,
    runs: Input,
    scores: list[Input],
    flags: list[Input],
    agreement: Input | None = None,
    rubrics: list[Input] | None = None,
) -> Mapping[str, Measurement]:
    """Decide every claim by its criterion.

    Parameters
    ----------
    runs
        Table of the paper's runs.
    scores
        Scores of our own agents, of all replicates.
    flags
        Flags of their rollouts.
    agreement
        What both runners have in common, if inspect-ai ran agents too.
    rubrics
        The authors' rubric files, if a source of them is configured.
    """
    frame = read_runs(runs)
    means = model_means(frame)
    files = {path.stem: path for path in rubrics or []}

    def labels(benchmark: str, rubric: str) -> Flags:
        row = next(row for row in (*FAILURES, *BEHAVIOURS) if (row.benchmark, row.rubric) == (benchmark, rubric))
        return read_labels(files[f"{row.benchmark}_{row.rubric}"], row.outcome)

    def judged(measure: Callable[[], Measured]) -> Measurement:
        if not files:
            return NotConfigured(
                "the authors' rubric files are not shipped: name their folder or address in hal.rubrics"
            )
        return measure

    return {
        "C1": lambda: fact(frame["cost_usd"].sum(), len(frame)),
        "C2": lambda: fact(frame["tokens"].sum() / 1e9, len(frame)),
        "C4": lambda: efforts(frame),
        "C5": lambda: fact(costliest_on(frame, hull_paper), frame["benchmark"].nunique()),
        "C5b": lambda: fact(costliest_on(frame, hull), frame["benchmark"].nunique()),
        "C6": lambda: sparse(means),
        "C7": lambda: {
            "on tokens": fact(counts(means, "tokens", hull_paper).get("Claude Opus 4.1", 0), 8),
            "on dollars": fact(counts(means, "cost_usd", hull_paper).get("Claude Opus 4.1", 0), 8),
        },
        "C8": lambda: correlations(frame),
        "C9": lambda: browsers(frame),
        "C10": lambda: scaffolds(frame),
        "C11": lambda: run_costs(frame),
        "C14": judged(
            lambda: {
                f"{name}, {outcome}": fact_of(labels(name, "tooluse").flag_given(outcome == "solved"))
                for name in ("scicode", "corebench")
                for outcome in ("failed", "solved")
            }
        ),
        "C15": judged(lambda: given_failure(labels, "instructionfollowing", "corebench", "assistantbench")),
        "C16": judged(lambda: given_failure(labels, "environmentalbarrier", "assistantbench", "scicode", "corebench")),
        "C17": judged(lambda: ratios(labels, "selfcorrection")),
        "C18": judged(lambda: ratios(labels, "verification")),
        **own_measurements(read_scores(scores), read_flags(flags)),
        "A8": (lambda: fact(*same_under_both(read_agreement(agreement))))
        if agreement
        else Absent("inspect-ai ran no agents"),
    }


def fact_of(found: Estimate) -> Estimate:
    """A share of the published labels, to be compared with the published share."""
    return fact(found.value, found.n)


def efforts(runs: pd.DataFrame) -> dict[str, Estimate]:
    """Pairs of efforts, and in how many of them the higher one is no better."""
    pairs = effort_pairs(runs)
    low, high = pairs["accuracy_low"], pairs["accuracy_high"]
    found = {"equal or lower": high <= low, "lower": high < low, "equal": high == low}
    return {name: fact(those.sum(), len(pairs)) for name, those in found.items()}


def costliest_on(runs: pd.DataFrame, frontier: Frontier) -> int:
    """Number of benchmarks whose costliest run is on the frontier of its single runs."""
    return int(on_frontier(runs, "cost_usd", frontier)[runs.groupby("benchmark")["cost_usd"].idxmax()].sum())


def counts(means: pd.DataFrame, cost: str, frontier: Frontier) -> dict[str, int]:
    """Model -> number of benchmarks on whose frontier of models it is."""
    found: dict[str, int] = means.loc[on_frontier(means, cost, frontier), "model"].value_counts().to_dict()
    return found


def sparse(means: pd.DataFrame) -> dict[str, Estimate]:
    """Share of the models that are on the frontier, a mean over benchmarks, and counts of single models."""
    on = means.assign(on=on_frontier(means, "cost_usd", hull_paper))
    shares = on.groupby("benchmark")["on"].mean()
    named = (
        "Gemini 2.0 Flash",
        "GPT-5 Medium",
        "o4-mini Low",
        "DeepSeek R1",
        "Claude-3.7 Sonnet High",
        "Claude Opus 4.1",
    )
    single = {name: rows_where(on, model=name)["on"] for name in named}
    found = {"share of models": fact(shares.mean(), len(shares))}
    return found | {name: fact(those.sum(), len(those)) for name, those in single.items()}


def correlations(runs: pd.DataFrame) -> dict[str, Estimate]:
    """Number of benchmarks in which tokens and accuracy of single runs go together, by three coefficients."""
    methods = ("pearson", "spearman", "kendall")
    found = {
        method: [group["tokens"].corr(group["accuracy"], method=method) for _, group in runs.groupby("benchmark")]
        for method in methods
    }
    return {method: fact(sum(value > 0 for value in values), len(values)) for method, values in found.items()}


def browsers(runs: pd.DataFrame) -> dict[str, Estimate]:
    """SeeAct with GPT-5 Medium against Browser-Use with Claude Sonnet 4: how much cheaper, and how much better."""
    chosen = {
        name: rows_where(runs, benchmark="online_mind2web", scaffold=name, model=model).iloc[0]
        for name, model in (("SeeAct", "GPT-5 Medium"), ("Browser-Use", "Claude Sonnet 4"))
    }
    ratio = chosen["Browser-Use"]["cost_usd"] / chosen["SeeAct"]["cost_usd"]
    return {
        "ratio of costs": fact(ratio, 2),
        "change of accuracy": fact(chosen["SeeAct"]["accuracy"] - chosen["Browser-Use"]["accuracy"], 2),
    }


def scaffolds(runs: pd.DataFrame) -> dict[str, Estimate]:
    """Number of models with which the specialist is more accurate, and with which the generalist is cheaper."""
    core, swe = (scaffold_pairs(runs, name) for name in ("corebench_hard", "swebench_verified_mini"))
    ahead = {
        name: (pairs["accuracy_specialist"] > pairs["accuracy_generalist"]).sum()
        for name, pairs in (("CORE-Agent ahead", core), ("SWE-Agent ahead", swe))
    }
    cheaper = sum((pairs["cost_usd_generalist"] < pairs["cost_usd_specialist"]).sum() for pairs in (core, swe))
    found = {name: fact(number, len(core)) for name, number in ahead.items()}
    return found | {"generalist cheaper": fact(cheaper, len(core) + len(swe))}


def run_costs(runs: pd.DataFrame) -> dict[str, Estimate]:
    """Smallest and largest mean cost of a benchmark's runs."""
    means = runs.groupby("benchmark")["cost_usd"].agg(["mean", "size"])
    ends = {"ScienceAgentBench": "scienceagentbench", "Online Mind2Web": "online_mind2web"}
    return {title: fact(means.loc[name, "mean"], int(means.loc[name, "size"])) for title, name in ends.items()}


def given_failure(flags: Callable[[str, str], Flags], rubric: str, *benchmarks: str) -> dict[str, Estimate]:
    """P(flag | failure) of a rubric."""
    return {name: fact_of(flags(name, rubric).flag_given(False)) for name in benchmarks}


def ratios(flags: Callable[[str, str], Flags], rubric: str) -> dict[str, Estimate]:
    """How much likelier success is with a behaviour than without it."""
    found = {name: flags(name, rubric) for name in ("assistantbench", "scicode", "corebench")}
    return {name: fact(one.ratio, sum(one)) for name, one in found.items()}

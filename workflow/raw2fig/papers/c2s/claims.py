"""What this run says about each of the paper's claims (config/published/c2s.yaml)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raw2fig.claims import decide_all, load_published, write_claims
from raw2fig.papers.c2s.foscttm import change, estimate
from raw2fig.papers.c2s.predictions import CONDITION, read_annotations
from raw2fig.papers.c2s.screen import context_split
from raw2fig.stats import SEED, Estimate, auroc_gain, auroc_interval, bootstrap_mean, difference, relative_change
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json, read_table, read_tables, rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Said


def scaling_steps(scores: pd.DataFrame) -> Said:
    """Parts of C2: changes between sizes, paired by held-out sample and seed, clustered by cell; the loss at each step
    from one size to the next."""
    sizes = list(scores.sort_values("parameters")["size"].unique())
    if len(sizes) < 2:
        return "one model size only"

    def change(metric: str, task: str | None, first: str, last: str) -> Estimate:
        chosen = scores[(scores["metric"] == metric) & ((scores["task"] == task) if task else True)]
        one, other = (chosen[chosen["size"] == size].reset_index(drop=True) for size in (first, last))
        seeds = one["seed"].tolist()
        return difference(one["value"], other["value"], SEED, True, groups=one["cell"].tolist(), seeds=seeds)

    first, last = sizes[0], sizes[-1]
    ends = f"{first} to {last}"
    return {
        "loss": {f"{a} to {b}": change("loss", None, a, b) for a, b in itertools.pairwise(sizes)},
        "annotation accuracy": {ends: change("accuracy", "annotation", first, last)},
        "gene overlap": {ends: change("overlap", "generation", first, last)},
    }


def together(parts: Mapping[str, Estimate | str]) -> Said:
    """The parts of a criterion; what keeps one from being measured keeps the claim."""
    estimates = {name: said for name, said in parts.items() if not isinstance(said, str)}
    return estimates if len(estimates) == len(parts) else next(s for s in parts.values() if isinstance(s, str))


class Pairs(NamedTuple):
    """Scores of two methods on the same conditions and seeds, for the functions of `raw2fig.stats`."""

    a: np.ndarray
    b: np.ndarray
    groups: list[tuple[str, ...]]  # conditions
    seeds: list[int]


def method_pairs(scores: pd.DataFrame, base: str, method: str, metric: str, tier: str = "tier1") -> Pairs | str:
    """Scores of `base` and `method` over the conditions of a tier, or why there are none; a base without training seeds
    stands beside each."""
    rows = rows_where(scores, metric=metric, tier=tier)
    first, last = (rows[rows["method"] == name] for name in (base, method))
    if rows.empty:
        return f"no condition of {tier} in the data"
    if last.empty:
        return f"no run of {method}"
    on = [*CONDITION, "seed"] if len(set(first["seed"])) > 1 else CONDITION
    both = last.merge(first[[*on, "value"]], on=on, suffixes=("", "_base"), validate="many_to_one")
    return Pairs(
        both["value_base"].to_numpy(),
        both["value"].to_numpy(),
        list(both[CONDITION].itertuples(index=False, name=None)),
        both["seed"].tolist(),
    )


def screen_ranking(scores: pd.DataFrame, planted: set[str], margin: float) -> dict[str, Estimate]:
    """Parts of C11: AUROC by context split, and its gain over the positive context alone, with intervals over drugs."""
    summary = context_split(scores, np.random.default_rng(SEED), margin)
    labels = summary["drug"].isin(planted)
    return {
        "AUROC by context split": auroc_interval(labels, summary["split"]),
        "gain over one context": auroc_gain(labels, summary["delta_positive"], summary["split"], SEED),
    }


@step
def claims(
    *,
    published: Input,
    fit: Input,
    scaling: list[Input],
    annotation: list[Input],
    foscttm: Input,
    spatial: Input,
    perturbation: Input,
    claims: Output,
    logs: list[Input] | None = None,
    screen: Input | None = None,
    truth: Input | None = None,
    scale: str = "laptop",
    margin: float = 0.25,
) -> None:
    """Decide every claim by the criterion fixed in the published file.

    Parameters
    ----------
    published
        The paper's claims and criteria.
    fit
        Rank fit over all genes.
    scaling
        Scores of the pretrained models, one table per seed.
    annotation
        Predictions of the model and of the baselines.
    foscttm
        FOSCTTM scores of the pairs of cells and pseudobulks.
    spatial
        Answers to the spatial prompts.
    perturbation
        Scores per condition and method.
    logs
        Training logs of the fine-tuned size, one per seed; none of models that were not trained here.
    screen
        Scores of the drug screen, where drugs are simulated.
    truth
        What the drug simulator planted.
    margin
        Largest effect of a hit in the neutral context.
    """

    paper = load_published(published, scale)
    line = read_json(fit)["test"]
    low, high = line["r2_ci"]
    r2 = Estimate(line["r2"], low, high, line["cells"])
    sized = read_tables(scaling, {"size": "string", "value": "number"})
    labelled = read_annotations(annotation)
    labelled["correct"] = labelled["correct"].astype(float)
    accuracy = labelled.pivot(index="cell", columns="method", values="correct")
    matched = read_table(foscttm, {"method": "string", "pair": "integer", "value": "number"})
    answers = read_table(spatial, {"model": "string", "task": "string", "correct": "boolean"})
    answers = answers[answers["task"] == "same_neighbourhood"]
    same = {name: part["correct"].to_numpy(dtype=float) for name, part in answers.groupby("model")}
    scores = read_table(perturbation, {"method": "string", "seed": "integer", "metric": "string", "value": "number"})

    def relative(base: str, method: str) -> Estimate | str:
        pairs = method_pairs(scores, base, method, "scfid_programme")
        return pairs if isinstance(pairs, str) else relative_change(pairs.a, pairs.b, SEED, pairs.groups, pairs.seeds)

    def gain(metric: str, method: str) -> Estimate | str:
        pairs = method_pairs(scores, "SFT", method, metric)
        return pairs if isinstance(pairs, str) else difference(pairs.a, pairs.b, SEED, True, pairs.groups, pairs.seeds)

    measured: dict[str, Said] = {
        "C1": r2,
        "C1b": r2,
        "C2": scaling_steps(sized),
        "C2c": first_to_last(logs) if logs else "the models were not trained here",
        "C4": {
            "accuracy minus logistic regression": difference(accuracy["logistic"], accuracy["C2S"], SEED, paired=True),
            "accuracy minus majority": difference(accuracy["majority"], accuracy["C2S"], SEED, paired=True),
        },
        "C4c": {
            "FOSCTTM": estimate(matched, "C2S"),
            "FOSCTTM minus log-expression": change(matched, "log-expression", "C2S"),
        },
        "C6": bootstrap_mean(same["none"], SEED),
        "C6b": {
            f"{prior} minus {less}": difference(same[less], same[prior], SEED, paired=True)
            for prior, less in (("cpdb", "none"), ("biogrid", "none"), ("both", "cpdb"), ("both", "biogrid"))
        },
        "C7": together(
            {
                "relative to no change": relative("no_change", "SFT"),
                "relative to additive shift": relative("additive_shift", "SFT"),
                "relative to Gaussian Monge map": relative("gaussian_monge", "SFT"),
            }
        ),
        "C8": relative("SFT", "GRPO mse_pair"),
        "C8x": relative("SFT", "GRPO mmd"),
        "C9": gain("kendall", "GRPO kendall"),
        "C9b": gain("pearson_delta", "GRPO kendall"),
        "C11": "real drugs: which of them raise the programme is not known, and there is one context only",
    }
    if screen and truth:
        screened = read_table(screen, {"drug": "string", "context": "string", "cell": "string", "score": "number"})
        planted = {name for name, drug in read_json(truth)["drugs"].items() if drug["planted"]}
        measured["C11"] = screen_ranking(screened, planted, margin)
    write_claims(claims, "c2s", paper, scale, decide_all(paper, measured))


def first_to_last(logs) -> Estimate:  # type: ignore[no-untyped-def]
    """Change of the held-out loss from the first probe to the last, mean over seeds; the interval from the spread over
    held-out samples at both probes, which are taken as independent and so make it too wide rather than too narrow."""
    changes, variances, samples = [], [], 0
    for path in logs:
        probes = [record for record in read_json(path)["log"] if "held_out_loss" in record]
        first, last = probes[0], probes[-1]
        changes.append(last["held_out_loss"] - first["held_out_loss"])
        variances.append(first["held_out_error"] ** 2 + last["held_out_error"] ** 2)
        samples = int(last["held_out_samples"])
    value, half = float(np.mean(changes)), 1.96 * float(np.sqrt(np.sum(variances))) / len(changes)
    return Estimate(value, value - half, value + half, samples, len(changes))

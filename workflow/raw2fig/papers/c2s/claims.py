"""What this run says about each of the paper's claims (config/published/c2s.yaml)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.claims import Absent
from raw2fig.papers.c2s.measures import gain, matching, matching_change, relative
from raw2fig.papers.c2s.predictions import read_annotations
from raw2fig.papers.c2s.screen import Hits, context_split
from raw2fig.stats import SEED, Estimate, auroc_gain, auroc_interval, bootstrap_mean, difference
from raw2fig.step import Input, claims
from raw2fig.tables import read_json, read_table

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measured, Measurement


def scaling_steps(scores: pd.DataFrame) -> Measured:
    """Parts of C2: changes between sizes, paired by held-out sample and seed, clustered by cell; the loss at each step
    from one size to the next. Raises `Absent` for one size."""
    sizes = list(scores.sort_values("parameters")["size"].unique())
    if len(sizes) < 2:
        raise Absent("one model size only")

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


def screen_ranking(scores: pd.DataFrame, planted: set[str], margin: float) -> dict[str, Estimate]:
    """Parts of C11: AUROC by context split, and its gain over the positive context alone, with intervals over drugs."""
    summary = context_split(scores, np.random.default_rng(SEED), margin)
    labels = summary["drug"].isin(planted)
    return {
        "AUROC by context split": auroc_interval(labels, summary["split"]),
        "gain over one context": auroc_gain(labels, summary["delta_positive"], summary["split"], SEED),
    }


def first_to_last(logs: Sequence[Path]) -> Estimate:
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


@claims
def measurements(
    *,
    fit: Input,
    scaling: list[Input],
    annotation: list[Input],
    matches: Input,
    spatial: Input,
    perturbation: Input,
    logs: list[Input] | None = None,
    screen: Input | None = None,
    truth: Input | None = None,
    hits: Hits,
) -> Mapping[str, Measurement]:
    """Decide every claim by its criterion.

    Parameters
    ----------
    fit
        Rank fit over all genes.
    scaling
        Scores of the pretrained models, one table for each seed.
    annotation
        Predictions of the model and of the baselines.
    matches
        FOSCTTM scores of the pairs of cells and pseudobulks.
    spatial
        Answers to the spatial prompts.
    perturbation
        Scores of all methods on all conditions.
    logs
        Pretraining logs of the model that is later fine-tuned, one for each seed. Released models have none.
    screen
        Scores of the drug screen.
    truth
        What the drug simulator planted. There is none for real drugs, whose effects nobody knows.
    """
    import pandas as pd

    line = read_json(fit)["test"]
    low, high = line["r2_ci"]
    r2 = Estimate(line["r2"], low, high, line["cells"])
    sized = pd.concat([read_table(path, {"size": "string", "value": "number"}) for path in scaling], ignore_index=True)
    labelled = read_annotations(annotation)
    labelled["correct"] = labelled["correct"].astype(float)
    accuracy = labelled.pivot(index="cell", columns="method", values="correct")
    matched = read_table(matches, {"method": "string", "pair": "integer", "value": "number"})
    answers = read_table(spatial, {"model": "string", "task": "string", "correct": "boolean"})
    answers = answers[answers["task"] == "same_neighbourhood"]
    same = {name: part["correct"].to_numpy(dtype=float) for name, part in answers.groupby("model")}
    scores = read_table(perturbation, {"method": "string", "seed": "integer", "metric": "string", "value": "number"})

    def drugs() -> Measured:
        if not screen or not truth:
            raise Absent("real drugs: which of them raise the programme is not known, and there is one context only")
        screened = read_table(screen, {"drug": "string", "context": "string", "cell": "string", "score": "number"})
        planted = {name for name, drug in read_json(truth)["drugs"].items() if drug["planted"]}
        return screen_ranking(screened, planted, hits.margin)

    return {
        "C1": lambda: r2,
        "C1b": lambda: r2,
        "C2": lambda: scaling_steps(sized),
        "C2c": (lambda: first_to_last(logs)) if logs else Absent("the models were not trained here"),
        "C4": lambda: {
            "accuracy minus logistic regression": difference(accuracy["logistic"], accuracy["C2S"], SEED, paired=True),
            "accuracy minus majority": difference(accuracy["majority"], accuracy["C2S"], SEED, paired=True),
        },
        "C4c": lambda: {
            "FOSCTTM": matching(matched, "C2S"),
            "FOSCTTM minus log-expression": matching_change(matched, "log-expression", "C2S"),
        },
        "C6": lambda: bootstrap_mean(same["none"], SEED),
        "C6b": lambda: {
            f"{prior} minus {less}": difference(same[less], same[prior], SEED, paired=True)
            for prior, less in (("cpdb", "none"), ("biogrid", "none"), ("both", "cpdb"), ("both", "biogrid"))
        },
        "C7": lambda: {
            "relative to no change": relative(scores, "no_change", "SFT"),
            "relative to additive shift": relative(scores, "additive_shift", "SFT"),
            "relative to Gaussian Monge map": relative(scores, "gaussian_monge", "SFT"),
        },
        "C8": lambda: relative(scores, "SFT", "GRPO mse_pair"),
        "C8x": lambda: relative(scores, "SFT", "GRPO mmd"),
        "C9": lambda: gain(scores, "SFT", "GRPO kendall", "kendall"),
        "C9b": lambda: gain(scores, "SFT", "GRPO kendall", "pearson_delta"),
        "C11": drugs,
    }

"""What this run says about each of the paper's claims (config/published/c2s.yaml)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from raw2fig.claims import Absent
from raw2fig.papers.c2s.annotate import EXPRESSION, METHOD
from raw2fig.papers.c2s.measures import (
    ANSWERS,
    MATCHES,
    PERTURBATION,
    SCALING,
    SCREEN,
    SHARE,
    change,
    gain,
    items,
    matching,
    matching_change,
    mean,
    rankings,
    relative,
    values,
)
from raw2fig.papers.c2s.predictions import read_annotations
from raw2fig.papers.c2s.screen import Hits
from raw2fig.stats import Estimate, over_replicates, paired
from raw2fig.step import Input, claims
from raw2fig.tables import read_json, read_tables, rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measured, Measurement


def scaling_steps(scores: pd.DataFrame) -> Measured:
    """Parts of C2: changes between sizes; the loss at each step from one size to the next. Raises `Absent` for one
    size."""
    sizes = list(scores.groupby("size")["parameters"].mean().sort_values().index)
    if len(sizes) < 2:
        raise Absent("one model size only")

    def between(first: str, last: str, **chosen: str) -> Estimate:
        return change(rows_where(scores, size=first, **chosen), rows_where(scores, size=last, **chosen))

    first, last = sizes[0], sizes[-1]
    ends = f"{first} to {last}"
    return {
        "loss": {f"{a} to {b}": between(a, b, metric="loss") for a, b in itertools.pairwise(sizes)},
        "annotation accuracy": {ends: between(first, last, metric="accuracy", task="annotation")},
        "gene overlap": {ends: between(first, last, metric="overlap", task="generation")},
    }


def above_classifiers(predicted: pd.DataFrame, classified: pd.DataFrame) -> dict[str, Estimate]:
    """Parts of C4: accuracy of each replicate's model minus that of classifiers, which are fitted once."""
    accuracy = values(predicted)

    def above(method: str) -> Estimate:
        baseline = float(rows_where(classified, method=method)["value"].mean())
        return over_replicates(paired(dict.fromkeys(accuracy, baseline), accuracy), items(predicted))

    return {
        "accuracy minus logistic regression": above("logistic"),
        "accuracy minus majority": above("majority"),
    }


def screen_ranking(scores: pd.DataFrame, truth: Path, margin: float) -> dict[str, Estimate]:
    """Parts of C11: AUROC by context split, and its gain over the positive context alone."""
    found = rankings(scores, truth, margin)
    split = {replicate: ranking.auroc_split for replicate, ranking in found.items()}
    positive = {replicate: ranking.auroc_positive for replicate, ranking in found.items()}
    drugs = scores["drug"].nunique() - 1  # without the vehicle
    return {
        "AUROC by context split": over_replicates(split, drugs, *SHARE),
        "gain over one context": over_replicates(paired(positive, split), drugs),
    }


def prior_steps(answers: Mapping[str, pd.DataFrame]) -> dict[str, Estimate]:
    """Parts of C6b, from prior to answers: what each list adds to none, and both lists to each. Raises `Absent` where a
    prior has no model."""
    steps = (("cpdb", "none"), ("biogrid", "none"), ("both", "cpdb"), ("both", "biogrid"))
    if absent := [prior for prior, _ in steps[:3] if prior not in answers]:
        raise Absent(
            f"no models with the priors {', '.join(absent)}: runs differ in when they begin to learn, so only many "
            "replicates can compare four arms (spatial_sft.priors)"
        )
    return {f"{prior} minus {less}": change(answers[less], answers[prior]) for prior, less in steps}


def first_to_last(logs: Sequence[Path]) -> Estimate:
    """Change of the held-out loss from the first probe to the last."""
    changes, samples = {}, 0
    for path in logs:
        log = read_json(path)
        probes = [record for record in log["log"] if "held_out_loss" in record]
        changes[log["replicate"]] = probes[-1]["held_out_loss"] - probes[0]["held_out_loss"]
        samples = int(probes[-1]["held_out_samples"])
    return over_replicates(changes, samples)


@claims
def measurements(
    *,
    fit: Input,
    scaling: list[Input],
    annotation: list[Input],
    classifiers: Input,
    matches: list[Input],
    spatial: list[Input],
    neighbours: list[Input],
    perturbation: list[Input],
    logs: list[Input] | None = None,
    screen: list[Input],
    truth: Input | None = None,
    hits: Hits,
) -> Mapping[str, Measurement]:
    """Decide every claim by its criterion. Each replicate has its own tables of what was trained.

    Parameters
    ----------
    fit
        Rank fit over all genes.
    scaling
        Scores of the pretrained models.
    annotation
        Predicted types of the fine-tuned model.
    classifiers
        Predicted types of classifiers that are fitted to the reference.
    matches
        FOSCTTM of embeddings and of log-expression.
    spatial
        Answers to the spatial prompts.
    neighbours
        Answers of a classifier to the prompts on neighbourhoods.
    perturbation
        Scores of all methods on all conditions.
    logs
        Pretraining logs of the model that is later fine-tuned. Released models have none.
    screen
        Scores of the drug screen.
    truth
        What the drug simulator planted. There is none for real drugs, whose effects nobody knows.
    """
    line = read_json(fit)["test"]
    low, high = line["r2_ci"]
    r2 = Estimate(line["r2"], low, high, line["cells"])
    matched = read_tables(matches, MATCHES)
    answers = rows_where(read_tables(spatial, ANSWERS), task="same_neighbourhood")
    same = dict(list(answers.groupby("model")))
    scores = read_tables(perturbation, PERTURBATION)

    def drugs() -> Measured:
        if not truth:
            raise Absent("real drugs: which of them raise the programme is not known, and there is one context only")
        return screen_ranking(read_tables(screen, SCREEN), truth, hits.margin)

    return {
        "C1": lambda: r2,
        "C1b": lambda: r2,
        "C2": lambda: scaling_steps(read_tables(scaling, SCALING)),
        "C2c": (lambda: first_to_last(logs)) if logs else Absent("the models were not trained here"),
        "C4": lambda: above_classifiers(read_annotations(annotation), read_annotations([classifiers])),
        "C4c": lambda: {
            "FOSCTTM": matching(matched, METHOD),
            "FOSCTTM minus log-expression": matching_change(matched, EXPRESSION, METHOD),
        },
        "C6": lambda: {
            "accuracy": mean(same["none"]),
            "accuracy minus classifier": change(read_tables(neighbours, ANSWERS), same["none"]),
        },
        "C6b": lambda: prior_steps(same),
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

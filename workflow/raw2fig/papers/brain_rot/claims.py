"""What the published numbers and this run say about each claim (config/published/brain_rot.yaml)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.brain_rot.effects import g_paired, g_usual
from raw2fig.papers.brain_rot.figures_published import dose, gap, monotone
from raw2fig.papers.brain_rot.own_claims import own_measurements, read_own_scores
from raw2fig.papers.brain_rot.pretrained import read_probes
from raw2fig.papers.brain_rot.pretrained_claims import pretrained_measurements
from raw2fig.papers.brain_rot.published import (
    CORE,
    DEFINITIONS,
    LLAMA,
    VERSIONS,
    arms,
    read_failures,
    read_robustness,
    read_scores,
    read_splits,
    read_wash_out,
)
from raw2fig.published import number_in, read_numbers
from raw2fig.stats import Estimate, fact
from raw2fig.step import Input, claims
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

PEOPLE = "people {}, judge {}"
LABELS = ("junk", "high quality")


@claims
def measurements(
    *,
    main: Input,
    splits: Input,
    robustness: Input,
    failures: Input,
    wash_out: Input,
    numbers: Input,
    scores: Input | None = None,
    pretrained: Input | None = None,
) -> Mapping[str, Measurement]:
    """Decide every claim by its criterion.

    Parameters
    ----------
    main
        Published scores of all arms of four models.
    splits
        Published scores where junk differs in length, in popularity, or in both.
    robustness
        Published scores with other epochs, learning rates and models.
    failures
        Published counts of failed answers.
    wash_out
        Published scores after more training on clean text.
    numbers
        Other published numbers.
    scores
        Scores of the miniature, of all replicates, if it was run.
    pretrained
        Scores of pretrained models, if any was run.
    """
    table, washed, single = read_scores(main), read_wash_out(wash_out), read_numbers(numbers)
    apart, robust, failed = read_splits(splits), read_robustness(robustness), read_failures(failures)
    return {
        "C1": lambda: fall(table, "arc_cot"),
        "C2": lambda: fall(table, "cwe"),
        "C3": lambda: {name: fact(min(sizes(table, g_paired, name).values()), len(CORE) * 4) for name in DEFINITIONS},
        "C3b": lambda: {
            "CoT under M1": fact(sizes(table, g_usual, "M1")["arc_cot"], 8),
            "largest of four under M2": fact(max(sizes(table, g_usual, "M2").values()), len(CORE) * 8),
        },
        "C4": lambda: smallest(failed, ["no thinking", "no plan", "skipped steps"]),
        "C5": lambda: {
            "M1 junk": share_of(failed, ["no thinking"], "M1", 1.0),
            "smallest of all arms": smallest(failed, ["no thinking"]),
        },
        "C5b": lambda: grown(failed),
        "C6": lambda: {
            "reasoning": fact(loss(apart, "arc_cot", "popularity") - loss(apart, "arc_cot", "length"), 4),
            "long context": fact(loss(apart, "ruler", "length") - loss(apart, "ruler", "popularity"), 4),
        },
        "C8": lambda: {
            title: fact(gap(washed, metric), 6)
            for title, metric in (("ARC Challenge", "arc_cot"), ("RULER", "ruler"), ("AdvBench", "advbench"))
        },
        "C8b": lambda: {
            title: fact(best_gain(washed, metric, "C4 text"), 9)
            for title, metric in (("ARC Challenge", "arc_cot"), ("RULER", "ruler"), ("AdvBench", "advbench"))
        },
        "C8c": lambda: fact(
            number_in(washed, metric="arc_cot", treatment="base line") - llama(table, "arc_cot", "none"), 2
        ),
        "C9": lambda: agreement(single),
        "C12": lambda: fact(
            single["largest type-token ratio of an arm"] / single["smallest type-token ratio of an arm"], 2
        ),
        "C13": lambda: {name: fact(monotone(*dose(table, "arc_cot", "M1", name)), 5) for name in VERSIONS},
        "C13b": lambda: {
            "monotone rows in v2": monotone_rows(table, "v2"),
            "median of 0 % less 20 % in v2": nearness(table, "v2"),
        },
        "C14": lambda: {
            title: fact(robust_gap(robust, "epochs", "1", metric), 2)
            for title, metric in (("ARC Challenge", "arc_challenge"), ("RULER", "ruler"))
        },
        "C15": lambda: fact(
            number_in(robust, study="learning rate", setting="1e-5", metric="ruler", ratio=0.0)
            - number_in(robust, study="learning rate", setting="1e-4", metric="ruler", ratio=0.0),
            2,
        ),
        "C16": lambda: disagreement(table, robust),
        "C17": lambda: others(table),
        "C18": lambda: fact(updates_ratio(single), 2),
        "C19": lambda: {
            title: fact(
                number_in(robust, study="70B", setting="base", metric=metric)
                - number_in(robust, study="70B", setting="junk", metric=metric),
                2,
            )
            for title, metric in (("ARC Easy", "arc_easy"), ("ARC Challenge", "arc_challenge"))
        },
        **own_measurements(read_own_scores(scores) if scores else None),
        **pretrained_measurements(read_probes(pretrained) if pretrained else None),
    }


def llama(table: pd.DataFrame, metric: str, definition: str, version: str = "v2", **where: float) -> float:
    """A published score of Llama."""
    return number_in(table, model=LLAMA, metric=metric, definition=definition, version=version, **where)


def fall(table: pd.DataFrame, metric: str) -> dict[str, Estimate]:
    """Points that a score of Llama falls from no junk to junk alone, by M1."""
    ends = {name: [llama(table, metric, "M1", name, ratio=ratio) for ratio in (0.0, 1.0)] for name in VERSIONS}
    return {name: fact(control - junk, 2) for name, (control, junk) in ends.items()}


def sizes(table: pd.DataFrame, measure: Callable[..., float], definition: str) -> dict[str, float]:
    """Sizes of the effects on reasoning and long context."""
    return {metric: abs(measure(*arms(table, metric, definition))) for metric in CORE}


def share_of(failed: pd.DataFrame, modes: list[str], definition: str, ratio: float) -> Estimate:
    """Share of an arm's failed answers that have one of `modes`, of which an answer has at most one."""
    mine = rows_where(failed, definition=definition)
    if definition != "none":
        mine = rows_where(mine, ratio=ratio)
    counts = mine.set_index("mode")["count"]
    return fact(counts[modes].sum() / counts["failed"], int(counts["failed"]))


def smallest(failed: pd.DataFrame, modes: list[str]) -> Estimate:
    """The smallest of these shares over all arms."""
    keys = failed[["definition", "ratio"]].drop_duplicates().itertuples(index=False, name=None)
    return min((share_of(failed, modes, *key) for key in keys), key=lambda found: found.value)


def grown(failed: pd.DataFrame) -> dict[str, Estimate]:
    """Answers without thinking after M1 junk against the base model: how many times as many, and how much larger their
    share of the failures is."""
    junk, base = (share_of(failed, ["no thinking"], *key) for key in (("M1", 1.0), ("none", float("nan"))))
    return {
        "number": fact(junk.value * junk.n / (base.value * base.n), base.n),
        "share": fact(junk.value - base.value, base.n),
    }


def loss(apart: pd.DataFrame, metric: str, split: str) -> float:
    """Points that junk costs against the control of the same split."""
    control, junk = (number_in(apart, metric=metric, split=split, arm=arm) for arm in ("control", "junk"))
    return control - junk


def best_gain(washed: pd.DataFrame, metric: str, treatment: str) -> float:
    """Points by which the best later score is better than the first."""
    rows = rows_where(washed, metric=metric, treatment=treatment).sort_values("tokens_millions")
    sign = -1 if rows["lower_is_better"].iloc[0] else 1
    values = sign * rows["value"].to_numpy()
    return float(values[1:].max() - values[0])


def agreement(single: Mapping[str, float]) -> dict[str, Estimate]:
    """Share of posts on which people and the judge agree, and Matthews' correlation of their labels."""
    counts = np.array([[single[PEOPLE.format(people, judge)] for judge in LABELS] for people in LABELS])
    n = int(counts.sum())
    (both, only_people), (only_judge, neither) = counts
    product = counts.sum(axis=0).prod() * counts.sum(axis=1).prod()
    return {
        "agreement": fact(counts.trace() / n, n),
        "correlation": fact((both * neither - only_people * only_judge) / sqrt(product), n),
    }


def shared_metrics(table: pd.DataFrame) -> list[str]:
    """The metrics that both versions print for Llama."""
    return list(dict.fromkeys(rows_where(table, version="v1")["metric"]))


def monotone_rows(table: pd.DataFrame, version: str) -> Estimate:
    """Number of rows of the main table that rise or fall at each dose of M1 junk."""
    found = [abs(monotone(*dose(table, metric, "M1", version))) > 1 - 1e-9 for metric in shared_metrics(table)]
    return fact(sum(found), len(found))


def nearness(table: pd.DataFrame, version: str) -> Estimate:
    """Median, over the rows of the main table, of the difference between no junk and 20 % of it."""
    found = [
        abs(llama(table, metric, "M1", version, ratio=0.2) - llama(table, metric, "M1", version, ratio=0.0))
        for metric in shared_metrics(table)
    ]
    return fact(float(np.median(found)), len(found))


def robust_gap(robust: pd.DataFrame, study: str, setting: str, metric: str) -> float:
    """Control less junk in a setting."""
    control, junk = (
        number_in(robust, study=study, setting=setting, metric=metric, ratio=ratio) for ratio in (0.0, 1.0)
    )
    return control - junk


def disagreement(table: pd.DataFrame, robust: pd.DataFrame) -> Estimate:
    """Largest difference between what the main table and the study of instruction tuning print of the same arms."""
    rows = rows_where(robust, study="instruction tuning", setting="with")
    found = [abs(row.value - llama(table, str(row.metric), "M1", ratio=float(row.ratio))) for row in rows.itertuples()]
    return fact(max(found), len(found))


def others(table: pd.DataFrame) -> dict[str, Estimate]:
    """Loss of reasoning: by M1 that of Llama against the largest of the others, by M2 the largest of the others."""
    found = {}
    for definition in DEFINITIONS:
        junk, control = arms(table, "arc_cot", definition)
        models = rows_where(table, metric="arc_cot", definition=definition, version="v2", ratio=1.0)["model"]
        found[definition] = dict(zip(models, np.subtract(control, junk), strict=True))
    rest = {name: max(value for model, value in found[name].items() if model != LLAMA) for name in DEFINITIONS}
    return {
        "M1, Llama over the next": fact(found["M1"][LLAMA] / rest["M1"], 4),
        "M2, largest of the others": fact(rest["M2"], 3),
    }


def updates_ratio(single: Mapping[str, float]) -> float:
    """Updates of the junk arm over those of the control, each post being a document of its own."""
    control = single["released control posts"] * single["epochs"] / single["batch"]
    return single["updates of the junk arm"] / control

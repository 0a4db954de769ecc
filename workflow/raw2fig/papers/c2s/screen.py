"""Scoring a dual-context drug screen (the paper publishes the outline, the score is ours).

The programme score of a cell is its mean expression of a gene programme. A drug's effect in a context is the mean
score of its cells minus that of vehicle cells; the context split S is the effect in the positive minus that in the
neutral context. S > 0 with no effect in the neutral context marks a conditional amplifier.
"""

from collections.abc import Collection
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.programmes import NEUTRAL, POSITIVE, VEHICLE
from raw2fig.settings import Field, Record
from raw2fig.stats import RESAMPLES, auroc

if TYPE_CHECKING:
    from pandas import DataFrame


class Hits(Record):
    """Which drugs of the screen are hits."""

    margin: float = Field(gt=0, description="Largest effect of a hit in the neutral context, in units of the score.")


def context_split(
    scores: "DataFrame", rng: np.random.Generator, margin: float, resamples: int = RESAMPLES
) -> "DataFrame":
    """Effect of every drug in both contexts, and whether it is a hit.

    Parameters
    ----------
    scores
        Columns drug ("vehicle" for the control), context ("neutral", "positive"), cell (number or name), score. Cells
        of one context with the same `cell` are pairs (same control cell and same random numbers, with different
        drugs) and are resampled together; distinct numbers make an unpaired comparison.
    margin
        Largest |delta_neutral| of a hit, in units of the score.

    Returns
    -------
    DataFrame, best first
        drug, delta_positive, delta_neutral, split (S, their difference), each with its 95 % percentile interval by
        bootstrap over cells as <name>_low and <name>_high, family_low (lower bound of S that holds for all drugs at
        once), hit.

    With m drugs without effect, 2.5 % of the 95 % intervals lie above 0 by chance: 0.6 of 24. So a hit asks for
    `family_low` > 0, S minus the normal quantile 1 - 0.025 / m (Bonferroni) times the bootstrap standard error, and
    |delta_neutral| < margin. InputError when vehicle, a drug or a context is missing.
    """
    import pandas as pd

    drugs = sorted(set(scores["drug"]) - {VEHICLE})
    delta, resampled = {}, {}
    for context in (NEUTRAL, POSITIVE):
        here = scores[scores["context"] == context]
        missing = {VEHICLE, *drugs} - set(here["drug"])
        if missing or not drugs:
            absent = ", ".join(sorted(missing)) or "a drug"
            raise InputError(
                "scores", f"no {context} cells of {absent}", "cells of vehicle and every drug in both contexts"
            )
        if here.duplicated(["cell", "drug"]).any():
            raise InputError(
                "scores", f"a {context} cell has two scores for one drug", "one, cells named over all types"
            )
        table = here.pivot_table(index="cell", columns="drug", values="score").reindex(columns=[VEHICLE, *drugs])
        values = table.to_numpy()
        weights = rng.multinomial(len(values), np.full(len(values), 1 / len(values)), resamples).astype(np.float64)
        delta[context] = _effects(np.ones((1, len(values))), values)[0]
        resampled[context] = _effects(weights, values)
    split = delta[POSITIVE] - delta[NEUTRAL]
    replicates = resampled[POSITIVE] - resampled[NEUTRAL]
    family_low = split - NormalDist().inv_cdf(1 - 0.025 / len(drugs)) * np.nanstd(replicates, axis=0, ddof=1)
    found = {
        "delta_positive": (delta[POSITIVE], resampled[POSITIVE]),
        "delta_neutral": (delta[NEUTRAL], resampled[NEUTRAL]),
        "split": (split, replicates),
    }
    columns: dict[str, Any] = {"drug": drugs}
    for name, (value, resamples_of_it) in found.items():
        low, high = np.nanquantile(resamples_of_it, [0.025, 0.975], axis=0)
        columns |= {name: value, f"{name}_low": low, f"{name}_high": high}
    hit = (family_low > 0) & (np.abs(delta[NEUTRAL]) < margin)
    summary = pd.DataFrame(columns | {"family_low": family_low, "hit": hit})
    return summary.sort_values(["split", "drug"], ascending=[False, True], ignore_index=True)


class Ranking(NamedTuple):
    """How well a screen finds the planted drugs."""

    auroc_split: float  # ranked by S, both contexts
    auroc_positive: float  # ranked by the effect in the positive context alone: the ablation


def rank_screen(summary: "DataFrame", planted: Collection[str]) -> Ranking:
    """Compare the ranking in `summary` (of `context_split`) with the `planted` conditional amplifiers."""
    labels = summary["drug"].isin(planted).to_numpy()
    return Ranking(auroc(labels, summary["split"].to_numpy()), auroc(labels, summary["delta_positive"].to_numpy()))


def _effects(weights: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean of every drug minus mean of vehicle (n_weightings, n_drugs); `values` (cells, 1 + drugs), vehicle first.

    A cell that a drug lacks is NaN and counts nothing.
    """
    there = np.isfinite(values).astype(np.float64)
    with np.errstate(invalid="ignore"):
        means = (weights @ np.nan_to_num(values)) / (weights @ there)
    return means[:, 1:] - means[:, :1]

"""From the tests of games to one of a condition: Fisher, Wilcoxon, and the share of significant groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from raw2fig.papers.coordination.group_tests import LABELS, LEVEL, NUMBERS
from raw2fig.papers.coordination.results import ALL, samples
from raw2fig.settings import Seed
from raw2fig.stats import Estimate, bootstrap_mean
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_tables, write_table

if TYPE_CHECKING:
    import pandas as pd

WORST = 0.1
"""Rejects at .05 in so many groups at most, by calibration, the column null where agents are independent but
persistent: a circular shift leaves a seam in their series."""
KINDS = {
    **dict.fromkeys(("game", "condition", "model", "null", "variant", "criterion"), "string"),
    "replicate": "integer",
    **dict.fromkeys(NUMBERS, "number"),
}
MAY_MISS = ("condition", "model", "observed", "null_median", "bias_corrected", "p", "share")


@step
def pool(*, criteria: list[Input], table: Output, trained: list[str] | None = None, seed: Seed = 0) -> None:
    """Pool the tests of games within each condition and over all: Fisher, Wilcoxon, share with p < .05.

    Parameters
    ----------
    criteria
        Tables of the steps criteria and functional-null.
    table
        A row for each replicate (players that were trained here; all: the games of all replicates), model, condition,
        null model, variant and criterion: groups, fisher_p, wilcoxon_p, share, share_low, share_high (Clopper-Pearson),
        share_p (that the share is above .10), mean, mean_low, mean_high (bias-corrected value, bootstrap), median.
    trained
        Players that were trained here, in each replicate.
    """
    import pandas as pd

    parts = samples(read_criteria(criteria), trained or [])
    write_table(pd.concat([pool_tests(part, seed).assign(replicate=name) for name, part in parts]), table)


def read_criteria(paths: Sequence[Path]) -> pd.DataFrame:
    """Tables of the steps criteria and functional-null; conditions and models without name are empty text."""
    frame = read_tables(paths, KINDS, allow_nan=MAY_MISS)[["replicate", *LABELS, *NUMBERS]]
    return frame.fillna({"condition": "", "model": ""})


def pool_tests(tests: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The table of the step `pool` from one of tests; groups whose criterion or null does not exist are left out."""
    import pandas as pd

    there = tests.dropna(subset=["p"])
    conditions = there[["model", "condition"]].drop_duplicates()["model"].value_counts()
    both = [there, there[there["model"].map(conditions) > 1].assign(condition=ALL)]
    keys = ["model", "condition", "null", "variant", "criterion"]
    rows: list[dict[str, Any]] = []
    for names, part in pd.concat(both).groupby(keys, sort=True):
        share = share_of(int((part["p"] < LEVEL).sum()), len(part))
        corrected = part["bias_corrected"].to_numpy()
        mean = bootstrap_mean(corrected, seed)
        row = dict(zip(keys, names, strict=True)) | {"groups": len(part)}
        row |= {"fisher_p": fisher(part["p"]), "wilcoxon_p": wilcoxon_above(corrected)}
        row |= {"share": share.value, "share_low": share.low, "share_high": share.high, "share_p": share_p(part["p"])}
        row |= {"mean": mean.value, "mean_low": mean.low, "mean_high": mean.high, "median": float(np.median(corrected))}
        rows.append(row)
    return pd.DataFrame(rows)


def share_p(p: ArrayLike) -> float:
    """p that so many groups have p < .05 if as many as `WORST` do by chance."""
    from scipy.stats import binom

    values = np.asarray(p, dtype=np.float64)
    return float(binom.sf((values < LEVEL).sum() - 1, len(values), WORST))


def fisher(p: ArrayLike) -> float:
    """p of -2 sum ln p, which is chi2 with 2n degrees of freedom if all null hypotheses hold and p is uniform.

    With hundreds of groups it also detects a null model that is only nearly right: read it beside the share.
    """
    from scipy.stats import chi2

    values = np.asarray(p, dtype=np.float64)
    return float(chi2.sf(-2 * np.log(values).sum(), 2 * len(values)))


def wilcoxon_above(values: np.ndarray) -> float:
    """One-sided Wilcoxon signed-rank p that bias-corrected values lie above 0; 1 if all are 0.

    Exact up to 50 values that are all different and none of them 0, else by the normal approximation.
    """
    from scipy.stats import wilcoxon

    rounded = np.round(values, 9)  # zero but for rounding is zero
    if not rounded.any():
        return 1.0
    ranked = rounded.all() and len(np.unique(np.abs(rounded))) == len(rounded)
    return float(wilcoxon(rounded, alternative="greater", method="auto" if ranked else "asymptotic").pvalue)


def share_of(k: int, n: int) -> Estimate:
    """k of n groups with the exact 95 % interval (Clopper and Pearson 1934), whose ends are quantiles of the beta
    distribution."""
    from scipy.special import betaincinv

    low = float(betaincinv(k, n - k + 1, 0.025)) if k else 0.0
    high = float(betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0
    return Estimate(k / n, low, high, n)


def holm(p: ArrayLike) -> np.ndarray:
    """Adjusted p of several tests (Holm 1979), in their order; NaN, a test that does not exist, is not counted."""
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(len(values), np.nan)
    order = [at for at in np.argsort(values) if not math.isnan(values[at])]
    worst = 0.0
    for rank, at in enumerate(order):
        worst = max(worst, min(1.0, float(values[at]) * (len(order) - rank)))
        adjusted[at] = worst
    return adjusted

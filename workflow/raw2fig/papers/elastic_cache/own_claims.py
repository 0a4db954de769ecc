"""What our own runs say about each claim: means over replicates, and of latency over rounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.claims import Absent
from raw2fig.papers.elastic_cache.latency import FULL, WINDOW
from raw2fig.papers.elastic_cache.runs import (
    Values,
    arms_of,
    at_equal_updates,
    change,
    label,
    measured,
    over_rounds,
    ratio,
    trend,
)
from raw2fig.stats import Estimate, Z, fact, over_replicates
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

BASELINE, PAPER = "uncached, one token a step", "Elastic-Cache"
MINI_CLAIMS = tuple(f"M{number}" for number in range(1, 14))
ONE = "one/uncached"
"""Exact: every position in every step, one token a step."""
PARALLEL = "parallel/uncached"
ELASTIC, SLIDING = "one/elastic", "one/window"
LONG = 1024
"""Positions of the longest sequence whose steps are timed."""


def share(values: Values) -> Estimate:
    """Mean over replicates of a share."""
    return over_replicates(values, least=0, most=1)


def gained(values: Values) -> Estimate:
    """Mean over replicates of a difference of shares."""
    return over_replicates(values, least=-1, most=1)


def correlation(values: Values) -> Estimate:
    """Mean over replicates of a correlation."""
    return over_replicates(values, least=-1, most=1)


def mini_measurements(
    rows: pd.DataFrame | None, layers: pd.DataFrame | None, times: pd.DataFrame | None
) -> Mapping[str, Measurement]:
    """Claim about the miniature, or about latency → its measurement, or that it was not run."""
    if rows is None or layers is None or times is None:
        return dict.fromkeys(MINI_CLAIMS, Absent("the miniature was not run"))
    gammas, windows, intervals = (arms_of(rows, panel) for panel in ("gamma", "window", "interval"))
    by_gamma = [float(label(arm)) for arm in gammas]
    return {
        "M1": lambda: share(measured(rows, ONE, "accuracy")),
        "M2": lambda: {
            "fewer forwards": over_replicates(ratio(rows, ONE, PARALLEL, "forwards")),
            "accuracy": gained(change(rows, PARALLEL, ONE, "accuracy")),
        },
        "M3": lambda: {
            "prefix over uncached": over_replicates(ratio(rows, "parallel/prefix", PARALLEL, "updates")),
            "dual over prefix": over_replicates(ratio(rows, "parallel/dual", "parallel/prefix", "updates")),
        },
        "M4": lambda: {
            "updates": over_replicates(ratio(rows, ELASTIC, SLIDING, "updates")),
            "accuracy": gained(change(rows, ELASTIC, SLIDING, "accuracy")),
        },
        "M5": lambda: {
            "update frequency": correlation(trend(rows, gammas, by_gamma, "update_frequency")),
            "divergence": correlation(trend(rows, gammas, by_gamma, "divergence")),
        },
        "M6": lambda: {
            "falls": over_replicates(ratio(rows, windows[0], "window/16", "forwards")),
            "then saturates": over_replicates(ratio(rows, "window/16", windows[-1], "forwards")),
        },
        "M7": lambda: gained(change(rows, "epsilon/0.9", "epsilon/0.5", "accuracy")),
        "M8": lambda: share(tracked_below_mean(layers)),
        "M9": lambda: {
            "with the stop": over_replicates(measured(rows, "stop/yes", "inflation")),
            "without": over_replicates(measured(rows, "stop/no", "inflation")),
        },
        "M10": lambda: latency_ratio(times),
        "M11": lambda: correlation(growth_with_depth(layers)),
        "M12": lambda: over_replicates(at_equal_updates(rows, ELASTIC, intervals, "divergence")),
        "M13": lambda: {
            "updates": over_replicates(ratio(rows, "parallel/elastic", "parallel/dual", "updates")),
            "accuracy": gained(change(rows, "parallel/elastic", "parallel/dual", "accuracy")),
        },
    }


def tracked_below_mean(layers: pd.DataFrame) -> Values:
    """Share of steps and layers but the first in which the tracked token drifts less than known tokens on average."""
    later = layers[layers["layer"] > 0]
    sums = later.assign(smaller=later["smaller"] * later["steps"]).groupby("replicate")[["smaller", "steps"]].sum()
    return dict(zip(sums.index.tolist(), (sums["smaller"] / sums["steps"]).tolist(), strict=True))


def growth_with_depth(layers: pd.DataFrame) -> Values:
    """Spearman's correlation of the number of a layer with the mean drift of known tokens, without the first layer,
    whose keys and values do not change."""
    from scipy.stats import spearmanr

    later = layers[layers["layer"] > 0]
    if later["layer"].nunique() < 3:
        raise Absent("a trend needs three layers at least, besides the first")
    return {
        replicate: float(spearmanr(mine["layer"], mine["mean"]).statistic)
        for replicate, mine in later.groupby("replicate")
    }


def latency_ratio(times: pd.DataFrame) -> Estimate:
    """Seconds of a step with all positions over those of one with a window, of one sample at `LONG`; over rounds."""
    mine = rows_where(times, length=LONG, samples=1)
    if mine.empty:
        raise Absent(f"no step of {LONG} positions was timed")
    seconds = mine.pivot_table(index="round", columns="kind", values="seconds")
    return over_rounds(seconds[FULL] / seconds[WINDOW])


def released_measurements(rows: pd.DataFrame | None) -> Mapping[str, Measurement]:
    """What released models say: throughput, in tokens before the first end of sequence, and accuracy of Elastic-Cache
    against one token a step, on the first benchmark of the first model, from one run."""
    if rows is None:
        return {"P1": Absent("no released model was run")}
    first = rows_where(rows, model=rows["model"].iloc[0], task=rows["task"].iloc[0])
    first = rows_where(first, metric=first["metric"].iloc[0], filter=first["filter"].iloc[0]).set_index("arm")
    if not {BASELINE, PAPER} <= set(first.index):
        return {"P1": Absent(f"there is no arm {BASELINE!r}, or no {PAPER!r}")}
    before, after = first.loc[BASELINE], first.loc[PAPER]
    lost, error = after["value"] - before["value"], float(np.hypot(after["error"], before["error"]))
    n = int(after["n"])
    told = {
        "throughput": fact(after["tokens_per_second"] / before["tokens_per_second"], n),
        "accuracy": Estimate(float(lost), float(lost - Z * error), float(lost + Z * error), n),
    }
    return {"P1": lambda: told}

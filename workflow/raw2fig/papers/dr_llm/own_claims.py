"""What our own routers say about the paper's claims, each number a mean over replicates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from raw2fig.claims import Absent
from raw2fig.papers.dr_llm.evaluation import BASE, OTHERS, RANDOM, ROUTER
from raw2fig.papers.dr_llm.runs import (
    KNOWN,
    OUTSIDE,
    Values,
    accuracy,
    at_equal_layers,
    depth_by_level,
    mean_change,
    mended,
    of,
    pruned_at_equal_layers,
    share_of_layers,
    shorter,
)
from raw2fig.stats import Estimate, over_replicates, paired

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

MINI_CLAIMS = tuple(f"M{number}" for number in range(1, 13))
ABLATION_CLAIMS = ("M13", "M14", "M15")
REAL_CLAIMS = ("P1", "P2", "P3", "P4", "P5", "P6", "P7")
RELEASED, SURE = "released", "sure"
"""Variants of the miniature: as the released code searches and labels, and with sure answers and labels that agree."""


def change(before: Values, after: Values) -> Estimate:
    """Mean over replicates of a difference of shares."""
    return over_replicates(paired(before, after), least=-1, most=1)


def share(values: Values) -> Estimate:
    """Mean over replicates of a share."""
    return over_replicates(values, least=0, most=1)


def depth_and_accuracy(runs: pd.DataFrame, tasks: tuple[str, ...] | None = None) -> dict[str, Estimate]:
    """Layers per token as a share of all, and the change of accuracy, at the knob that validation chose."""
    before, after = accuracy(of(runs, BASE, tasks)), accuracy(of(runs, ROUTER, tasks))
    return {"share of layers": over_replicates(share_of_layers(runs, tasks)), "accuracy": change(before, after)}


def knob(runs: pd.DataFrame) -> dict[str, Estimate]:
    """Share of replicates in which skips and repeats never grow while the knob does, and the difference from the base
    model at knob 0."""
    from raw2fig.papers.dr_llm.items import TEST
    from raw2fig.tables import rows_where

    rows = rows_where(runs, part=TEST, way=ROUTER)
    edits = rows.assign(edits=rows["skips"] + rows["repeats"], skipped=rows["skips"])
    monotone: Values = {}
    for replicate, mine in edits.groupby("replicate"):
        by_knob = mine.groupby("knob")["edits"].mean().sort_index()
        monotone[replicate] = float((by_knob.diff().dropna() <= 1e-9).all())
    at_zero = accuracy(of(runs, ROUTER, knob=0.0))
    return {"monotone": share(monotone), "difference at 0": change(accuracy(of(runs, BASE)), at_zero)}


def mini_measurements(runs: pd.DataFrame | None, luck: pd.DataFrame | None) -> Mapping[str, Measurement]:
    """Claim about the miniature → its measurement, or that it was not run."""
    if runs is None or luck is None:
        return dict.fromkeys(MINI_CLAIMS, Absent("the miniature was not run"))
    sure, found = runs[runs["variant"] == SURE], luck[luck["variant"] == SURE]
    released, walked = runs[runs["variant"] == RELEASED], luck[luck["variant"] == RELEASED]
    known: dict[str, Callable[[], Estimate | dict[str, Estimate]]] = {
        "M1": lambda: dict(zip(("questions", "layers"), map(over_replicates, shorter(found)), strict=True)),
        "M2": lambda: depth_and_accuracy(sure, KNOWN),
        "M3": lambda: change(accuracy(of(sure, RANDOM, KNOWN)), accuracy(of(sure, ROUTER, KNOWN))),
        "M4": lambda: over_replicates(depth_by_level(sure), least=-1, most=1),
        "M5": lambda: change(accuracy(of(sure, OTHERS, KNOWN)), accuracy(of(sure, ROUTER, KNOWN))),
        "M6": lambda: knob(sure),
        "M7": lambda: depth_and_accuracy(sure, OUTSIDE),
        "M8": lambda: {
            "chain": over_replicates(widest(walked)),
            "widening": over_replicates(widest(found)),
        },
        "M9": lambda: change(accuracy(of(sure, BASE, KNOWN)), accuracy(of(sure, ROUTER, KNOWN))),
        "M10": lambda: change(mended(walked, "by_chance"), mended(walked, "mended")),
        "M11": lambda: change(pruned_at_equal_layers(sure), accuracy(of(sure, ROUTER))),
        "M12": lambda: depth_and_accuracy(released, KNOWN),
    }
    return known


def ablation_measurements(ablations: pd.DataFrame | None) -> Mapping[str, Measurement]:
    """Claim about routers with another setting → its measurement."""
    if ablations is None:
        return dict.fromkeys(ABLATION_CLAIMS, Absent("no router was trained with other settings"))
    compared = {
        "M13": ("states", "forced", "base"),
        "M14": ("loss", "focal", "weighted"),
        "M15": ("states", "forced", "first"),
    }

    def measured(factor: str, one: str, other: str) -> Callable[[], Estimate]:
        return lambda: over_replicates(at_equal_layers(ablations, factor, one, other), least=-1, most=1)

    return {claim: measured(*settings) for claim, settings in compared.items()}


def widest(luck: pd.DataFrame) -> Values:
    """The largest number of children of a node, in each replicate."""
    most = luck.groupby("replicate")["widest"].max()
    return dict(zip(most.index.tolist(), most.astype(float).tolist(), strict=True))


def real_measurements(
    runs: pd.DataFrame | None,
    luck: pd.DataFrame | None,
    timed: pd.DataFrame | None = None,
    measured: pd.DataFrame | None = None,
) -> Mapping[str, Measurement]:
    """Claim about a pretrained model → its measurement on the first one, or that none was run."""
    if runs is None or luck is None:
        return dict.fromkeys(REAL_CLAIMS, Absent("no pretrained model was run"))
    name = runs["model"].iloc[0]
    mine, found = runs[runs["model"] == name], luck[luck["model"] == name]
    return {
        "P1": lambda: change(accuracy(of(mine, BASE)), accuracy(of(mine, ROUTER))),
        "P2": lambda: over_replicates(share_of_layers(mine)),
        "P3": lambda: change(accuracy(of(mine, RANDOM)), accuracy(of(mine, ROUTER))),
        "P4": lambda: change(mended(found, "by_chance"), mended(found, "mended")),
        "P5": lambda: change(accuracy(of(mine, OTHERS)), accuracy(of(mine, ROUTER))),
        "P6": Absent("speed was not measured")
        if timed is None
        else lambda: over_replicates(timed[timed["model"] == name].groupby("replicate")["gain"].mean().to_dict()),
        "P7": Absent("no other benchmark was measured")
        if measured is None
        else lambda: over_replicates(mean_change(measured[measured["model"] == name])),
    }

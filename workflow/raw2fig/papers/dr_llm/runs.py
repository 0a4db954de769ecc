"""Tables of our own runs: reading them, and the numbers of a replicate that figures and claims are about."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.claims import Absent
from raw2fig.papers.dr_llm.evaluation import BASE, ROUTER, SHORT
from raw2fig.papers.dr_llm.items import TEST
from raw2fig.papers.dr_llm.world import CHOICES, KNOWN, LEVELS
from raw2fig.tables import read_table, rows_where

if TYPE_CHECKING:
    import pandas as pd

RUN = {"replicate": "integer", "model": "string", "variant": "string"}
RUNS = RUN | {
    **dict.fromkeys(("part", "way", "task"), "string"),
    **dict.fromkeys(("n", "right", "gained", "lost"), "integer"),
    **dict.fromkeys(("knob", "layers", "applications", "skips", "repeats", "agreement"), "number"),
    "chosen": "boolean",
}
USES = RUN | {"task": "string", "layer": "integer", **dict.fromkeys(("uses", "skipped", "repeated"), "number")}
LUCK = RUN | {
    "task": "string",
    **dict.fromkeys(("questions", "right", "shorter", "wrong", "answers", "widest"), "integer"),
    **dict.fromkeys(("saved", "tries", "mended", "by_chance", "guessed"), "number"),
}
FITTED = RUN | {"epoch": "integer", **dict.fromkeys(("loss", "macro_f1", "accuracy"), "number")}
NO_WRONG = ("mended", "by_chance", "guessed")
"""Columns that are empty for a task without wrong questions."""
OUTSIDE = tuple(task for task in (*CHOICES, *LEVELS) if task not in KNOWN)
"""Tasks of the miniature that routes were not searched for."""
Values = dict[Hashable, float]
"""Replicate → value."""


def read_runs(path: Path) -> pd.DataFrame:
    """Rows of `raw2fig dr-llm evaluate`."""
    return read_table(path, RUNS)


def read_luck(path: Path) -> pd.DataFrame:
    """Rows of the search: what it found and what luck finds."""
    return read_table(path, LUCK, NO_WRONG)


def of(runs: pd.DataFrame, way: str, tasks: tuple[str, ...] | None = None, knob: float | None = None) -> pd.DataFrame:
    """Test rows of a way to route, on some tasks or all. Without a knob, the one that was chosen, and of ways without
    knob all. Raises `Absent` where there is none."""
    rows = rows_where(runs, part=TEST, way=way)
    if tasks is not None:
        rows = rows[rows["task"].isin(tasks)]
    if knob is not None:
        rows = rows[rows["knob"] == knob]
    elif way not in (BASE, SHORT):
        rows = rows[rows["chosen"]]
    if rows.empty:
        raise Absent(f"no run has the way {way}")
    return rows


def accuracy(rows: pd.DataFrame) -> Values:
    """Share of right questions in each replicate."""
    sums = rows.groupby("replicate")[["right", "n"]].sum()
    return dict(zip(sums.index.tolist(), (sums["right"] / sums["n"]).tolist(), strict=True))


def mean(rows: pd.DataFrame, column: str) -> Values:
    """Mean over questions of a column, in each replicate."""
    weighted = rows.assign(value=rows[column] * rows["n"]).groupby("replicate")[["value", "n"]].sum()
    return dict(zip(weighted.index.tolist(), (weighted["value"] / weighted["n"]).tolist(), strict=True))


def share_of_layers(runs: pd.DataFrame, tasks: tuple[str, ...] | None = None) -> Values:
    """Layers per token at the chosen knob, over those of the model."""
    layers, whole = mean(of(runs, ROUTER, tasks), "layers"), mean(of(runs, BASE, tasks), "layers")
    return {replicate: layers[replicate] / whole[replicate] for replicate in layers}


def pruned_at_equal_layers(runs: pd.DataFrame) -> Values:
    """Accuracy of ShortGPT with as many layers as the routers have on average, between its two nearest numbers of
    layers left out; beyond the largest number, at that one."""
    layers, whole = mean(of(runs, ROUTER), "layers"), mean(of(runs, BASE), "layers")
    numbers = sorted(of(runs, SHORT)["knob"].unique())
    curve = [accuracy(of(runs, BASE)), *(accuracy(of(runs, SHORT, knob=number)) for number in numbers)]
    return {
        replicate: float(
            np.interp(whole[replicate] - layers[replicate], [0, *numbers], [one[replicate] for one in curve])
        )
        for replicate in layers
    }


def depth_by_level(runs: pd.DataFrame) -> Values:
    """Spearman's correlation of the number of operations with layers per token at the chosen knob; 0 where all levels
    have the same layers."""
    from scipy.stats import spearmanr

    rows = of(runs, ROUTER, LEVELS[:5])
    return {
        replicate: float(spearmanr(mine["task"].map(LEVELS.index), mine["layers"]).statistic)
        if mine["layers"].min() < mine["layers"].max()
        else 0.0
        for replicate, mine in rows.groupby("replicate")
    }


def shorter(luck: pd.DataFrame) -> tuple[Values, Values]:
    """The share of rightly answered questions that have a shorter right path, and the layers it saves on average."""
    shares, saved = {}, {}
    for replicate, rows in luck.groupby("replicate"):
        right = rows["right"].sum()
        shares[replicate] = float(rows["shorter"].sum() / right)
        saved[replicate] = float((rows["saved"] * rows["right"]).sum() / right)
    return shares, saved


def mended(luck: pd.DataFrame, column: str) -> Values:
    """Share of wrong questions that the search mends, or that luck mends, over all tasks."""
    found = {}
    for replicate, rows in luck[luck["wrong"] > 0].groupby("replicate"):
        found[replicate] = float((rows[column] * rows["wrong"]).sum() / rows["wrong"].sum())
    return found

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
ABLATED = RUN | {
    **dict.fromkeys(("factor", "value"), "string"),
    **dict.fromkeys(("n", "right", "base", "of"), "integer"),
    **dict.fromkeys(("knob", "layers", "macro_f1", "f1_skip", "f1_repeat", "accuracy"), "number"),
}
TIMED = RUN | {
    **dict.fromkeys(("batch", "tokens", "of"), "integer"),
    **dict.fromkeys(("plain", "routed", "ratio", "lowest", "highest", "layers", "agreement"), "number"),
}
MEASURED = RUN | {
    **dict.fromkeys(("task", "metric", "filter", "way"), "string"),
    **dict.fromkeys(("value", "error", "n", "knob", "layers"), "number"),
}
NO_WRONG = ("mended", "by_chance", "guessed")
"""Columns that are empty for a task without wrong questions."""
OUTSIDE = tuple(task for task in (*CHOICES, *LEVELS) if task not in KNOWN)
"""Tasks of the miniature that routes were not searched for."""
Values = dict[Hashable, float]
"""Replicate → value."""


def read_runs(path: Path) -> pd.DataFrame:
    """Rows of `raw2fig dr-llm evaluate`."""
    return read_table(path, RUNS)


def chosen_knob(path: Path) -> float:
    """The knob that validation chose, in a table of `raw2fig dr-llm evaluate`."""

    rows = read_table(path, {"way": "string", "knob": "number", "chosen": "boolean"})
    found: pd.Series = rows[(rows["way"] == ROUTER) & rows["chosen"]]["knob"]
    return float(found.iloc[0])


def read_luck(path: Path) -> pd.DataFrame:
    """Rows of the search: what it found and what luck finds."""
    return read_table(path, LUCK, NO_WRONG)


def read_ablations(path: Path) -> pd.DataFrame:
    """Rows of `raw2fig dr-llm ablate`, with the change of accuracy from that with every layer. F1 of a label that does
    not occur is empty."""
    rows = read_table(path, ABLATED, ("macro_f1", "f1_skip", "f1_repeat"))
    return rows.assign(change=(rows["right"] - rows["base"]) / rows["n"])


def read_timed(path: Path) -> pd.DataFrame:
    """Rows of `raw2fig dr-llm throughput`, with the gain of throughput as a share."""
    rows = read_table(path, TIMED)
    return rows.assign(gain=rows["ratio"] - 1)


def read_measured(path: Path) -> pd.DataFrame:
    """Rows of `raw2fig dr-llm evaluate-harness`."""
    return read_table(path, MEASURED, ("error", "n"))


def mean_change(measured: pd.DataFrame) -> Values:
    """Mean over tasks of the change of each one's first metric from every layer to routers."""
    first = measured.drop_duplicates(["replicate", "task", "way"])
    values = first.pivot_table(index=["replicate", "task"], columns="way", values="value")
    found = (values[ROUTER] - values[BASE]).groupby("replicate").mean()
    return dict(zip(found.index.tolist(), found.tolist(), strict=True))


def at_equal_layers(ablations: pd.DataFrame, factor: str, one: str, other: str) -> Values:
    """The change of accuracy with the value `one` of a setting less that with `other`, at as many layers as routers of
    `other` use at the lowest knob. The line of `one` goes through its knobs and, without a change, all layers."""
    changed = rows_where(ablations, factor=factor)
    if not {one, other} <= set(changed["value"]):
        raise Absent(f"routers with {factor} {one} and {other} were not both trained")
    found = {}
    for replicate, rows in changed.groupby("replicate"):
        mine, theirs = rows_where(rows, value=one), rows_where(rows, value=other)
        layers, changes = np.append(mine["layers"], mine["of"].iloc[0]), np.append(mine["change"], 0.0)
        order = layers.argsort(kind="stable")
        plain = theirs.loc[theirs["knob"].idxmin()]
        found[replicate] = float(np.interp(plain["layers"], layers[order], changes[order]) - plain["change"])
    return found


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

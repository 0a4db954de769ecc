"""The published numbers, `config/dr_llm/*.csv`: a row for each number, with where it stands.

All numbers of the paper are those of version 2 (May 2026); numbers that exist as curves alone are not there. Accuracies
are percentages. "Layers" of the paper are layer applications: over all forward passes of an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.dr_llm.accounting import total
from raw2fig.published import number_in, read_published
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

MODELS = (
    "LLaMA-3B-Instruct",
    "LLaMA-8B-Instruct",
    "LLaMA-3B-Base",
    "LLaMA-8B-Base",
    "Qwen-3B-Instruct",
    "Qwen-7B-Instruct",
)
SETS = ("ARC", "DART")
PRINTED = "printed change"
"""The arm that holds the changes as the paper prints them; of layers they have more digits than the counts."""

ROW = {"value": "number", "source": "string"}
IN_DOMAIN = ROW | {"model": "string", "subset": "string", "metric": "string", "arm": "string"}
OUT_OF_DOMAIN = ROW | {"model": "string", "benchmark": "string", "arm": "string", "error": "number"}
METHODS = ROW | {"method": "string", "benchmark": "string"}
INDEPENDENT = ROW | {"model": "string", "method": "string", "level": "integer", "metric": "string", "items": "integer"}
CEILINGS = ROW | {"model": "string", "level": "integer", "edits": "string"}
THROUGHPUT = ROW | {"batch": "integer", "arm": "string"}
DATA = ROW | {"subset": "string", "count": "string"}


def read_in_domain(path: Path) -> pd.DataFrame:
    """Table 3: accuracy and layers on ARC, DART and both."""
    return read_published(path, IN_DOMAIN, ["model", "subset", "metric", "arm"])


def read_out_of_domain(path: Path) -> pd.DataFrame:
    """Table 4: scores of the instructed models on eight benchmarks, with their standard errors."""
    return read_published(path, OUT_OF_DOMAIN, ["model", "benchmark", "arm"])


def read_methods(path: Path) -> pd.DataFrame:
    """Table 5: earlier methods, quoted by the paper from another one, and its own."""
    return read_published(path, METHODS, ["method", "benchmark"])


def read_independent(path: Path) -> pd.DataFrame:
    """PoLar's Table 2: DART by level, of base models, of Dr.LLM as others made it again, and of PoLar."""
    return read_published(path, INDEPENDENT, ["model", "method", "level", "metric"])


def read_ceilings(path: Path) -> pd.DataFrame:
    """PoLar's Table 1: share of DART's questions for which a search found a path that gives the right answer."""
    return read_published(path, CEILINGS, ["level", "edits"])


def read_throughput(path: Path) -> pd.DataFrame:
    """Table 7: tokens per second by batch size, and the gains as printed in percent."""
    return read_published(path, THROUGHPUT, ["batch", "arm"])


def read_data(path: Path) -> pd.DataFrame:
    """Table 2: questions there were, sampled, and visited, and inferences."""
    return read_published(path, DATA, ["subset", "count"])


def printed_change(rows: pd.DataFrame, model: str, subset: str, metric: str) -> float:
    """What a router changes in Table 3, as printed."""
    return number_in(rows, model=model, subset=subset, metric=metric, arm=PRINTED)


def total_change(rows: pd.DataFrame, model: str, metric: str) -> float:
    """The same of the mean over all seven subsets, from those of ARC and DART."""
    arc, dart = (printed_change(rows, model, subset, metric) for subset in SETS)
    return total(arc, dart)


def total_of(rows: pd.DataFrame, model: str, metric: str, arm: str) -> float:
    """The mean over all seven subsets, from those of ARC and DART."""
    arc, dart = (number_in(rows, model=model, subset=subset, metric=metric, arm=arm) for subset in SETS)
    return total(arc, dart)


def saving(rows: pd.DataFrame, model: str) -> float:
    """Layer applications that a router saves, in percent of those of the base model."""
    return -100 * total_change(rows, model, "layers") / total_of(rows, model, "layers", "base")


def changes_out_of_domain(rows: pd.DataFrame) -> pd.DataFrame:
    """What routers change in Table 4: models as rows, benchmarks as columns, in their order there."""
    after, before = (
        rows_where(rows, arm=arm).pivot(index="model", columns="benchmark", values="value")
        for arm in ("router", "base")
    )
    order = list(dict.fromkeys(rows["benchmark"]))
    return (after - before).loc[list(dict.fromkeys(rows["model"])), order]


def gains(rows: pd.DataFrame) -> pd.Series:
    """Gain of throughput in percent, by batch size."""
    by_batch = rows.pivot(index="batch", columns="arm", values="value").sort_index()
    return 100 * (by_batch["router"] / by_batch["base"] - 1)


def by_level(rows: pd.DataFrame, model: str, method: str, metric: str = "p@1") -> list[float]:
    """Scores on DART's levels 1 to 5 in PoLar's table."""
    found = rows_where(rows, model=model, method=method, metric=metric).sort_values("level")
    return found["value"].tolist()


def outcomes(percentages: Sequence[float], items: int) -> np.ndarray:
    """Right (1) and wrong (0) answers that give these percentages of `items` questions each."""
    right = [round(share * items / 100) for share in percentages]
    return np.concatenate([np.repeat([1.0, 0.0], [one, items - one]) for one in right])

"""The published numbers, `config/elastic_cache/*.csv`: a row for each number, with where it stands.

The paper's body was not available: its numbers are those of its figures, its project page, its code, and notes that
others made of it. A value that was not seen is empty. Accuracies are percentages. Of the version `corrected` are the
numbers of the authors' later README, which withdraws their throughput on GSM8K and MATH.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from raw2fig.published import number_in, read_published
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

MODEL, NEWER, DREAM = "LLaDA-8B-Instruct", "LLaDA-1.5", "Dream-v0-Base-7B"
UNCACHED, PARALLEL, FAST_DLLM, ELASTIC = METHODS = ("uncached", "parallel", "Fast-dLLM", "Elastic-Cache")
ACCURACY, SPEED, SPEED_UP, PER_FORWARD = "accuracy", "tokens/s", "speed-up", "tokens per forward"
ORIGINAL, CORRECTED = "original", "corrected"
WITHDRAWN = ("GSM8K", "MATH")
"""Benchmarks whose throughput the authors withdrew."""

ROW = {"value": "number", "source": "string"}
PLACE = {"benchmark": "string", "length": "integer", "method": "string", "metric": "string"}
RESULTS = ROW | PLACE | {"version": "string", "model": "string"}
INDEPENDENT = ROW | PLACE | {"model": "string", "items": "integer"}
FAST_DLLM_OWN = ROW | PLACE
CACHES = ROW | {"method": "string", "metric": "string"}
ABLATIONS = ROW | {"ablation": "string", "setting": "string", "metric": "string"}
WINDOWS = {
    **{"window": "string", "size": "integer", "metric": "string"},
    **{"low": "number", "high": "number", "source": "string"},
}
MEMORY = ROW | {"method": "string", "length": "integer"}
LEADERBOARD = ROW | {"method": "string", "tokens_per_forward": "number"}
CONDITIONS = ("hardware", "batch", "weights", "engine")
ANCHORS = ROW | dict.fromkeys(["system", "model", "benchmark", "length", "metric", "relation", *CONDITIONS], "string")


class Setting(NamedTuple):
    """A benchmark and the number of tokens that are generated."""

    benchmark: str
    length: int

    def __str__(self) -> str:
        return f"{self.benchmark}-{self.length}"


HEADLINE = Setting("GSM8K", 512)


class Published(NamedTuple):
    """The tables of published numbers."""

    results: pd.DataFrame
    independent: pd.DataFrame
    fast_dllm: pd.DataFrame
    caches: pd.DataFrame
    ablations: pd.DataFrame
    windows: pd.DataFrame
    memory: pd.DataFrame
    anchors: pd.DataFrame
    numbers: dict[str, float]


def read_results(path: Path) -> pd.DataFrame:
    """The paper's accuracies, throughputs and printed speed-ups, and what the authors corrected."""
    key = ["version", "model", "benchmark", "length", "method", "metric"]
    return read_published(path, RESULTS, key, allow_nan=["value"])


def read_independent(path: Path) -> pd.DataFrame:
    """Polestar's Table 1: the same methods as others ran them, counting tokens of the answer alone."""
    key = ["model", "benchmark", "length", "method", "metric"]
    return read_published(path, INDEPENDENT, key, allow_nan=["value"])


def read_fast_dllm(path: Path) -> pd.DataFrame:
    """Fast-dLLM's own table."""
    return read_published(path, FAST_DLLM_OWN, ["benchmark", "length", "method", "metric"], allow_nan=["value"])


def read_caches(path: Path) -> pd.DataFrame:
    """Other caches as the paper ran them, LLaDA-1.5 on GSM8K with 512 tokens."""
    return read_published(path, CACHES, ["method", "metric"], allow_nan=["value"])


def read_ablations(path: Path) -> pd.DataFrame:
    """Thresholds of attention similarity (gamma) and of confidence (epsilon)."""
    return read_published(path, ABLATIONS, ["ablation", "setting", "metric"])


def read_windows(path: Path) -> pd.DataFrame:
    """Sliding windows and blocks by size; a value that is read off as a range has two ends."""
    return read_published(path, WINDOWS, ["window", "size", "metric"], allow_nan=["low", "high"])


def read_memory(path: Path) -> pd.DataFrame:
    """Peak memory in GB by generated tokens."""
    return read_published(path, MEMORY, ["method", "length"])


def read_leaderboard(path: Path) -> pd.DataFrame:
    """Points of the leaderboard of accuracy under parallelism, on GSM8K-CoT."""
    return read_published(path, LEADERBOARD, ["method", "tokens_per_forward"])


def read_anchors(path: Path) -> pd.DataFrame:
    """Speeds of other systems. Each row must have its hardware, batch, weights and engine."""
    key = [name for name in ANCHORS if name not in ROW]
    return read_published(path, ANCHORS, key, allow_nan=["value"])


def original(results: pd.DataFrame) -> pd.DataFrame:
    """The paper's numbers as they were first published."""
    return rows_where(results, version=ORIGINAL)


def corrected(results: pd.DataFrame) -> pd.DataFrame:
    """The numbers of the authors' correction."""
    return rows_where(results, version=CORRECTED)


def settings_of(rows: pd.DataFrame, model: str = MODEL, metric: str = SPEED) -> list[Setting]:
    """Settings in which a model's Elastic-Cache has a value, in their order."""
    found = rows_where(rows, model=model, method=ELASTIC, metric=metric).dropna(subset="value")
    return [Setting(benchmark, int(length)) for benchmark, length in zip(found.benchmark, found.length, strict=True)]


def value_of(rows: pd.DataFrame, setting: Setting, method: str, metric: str, model: str = MODEL) -> float:
    """One value; NaN if it was not seen."""
    return number_in(rows, model=model, method=method, metric=metric, **setting._asdict())


def speed_up(
    rows: pd.DataFrame, setting: Setting, method: str = ELASTIC, over: str = UNCACHED, model: str = MODEL
) -> float:
    """Throughput of a method over that of another one, from the tokens per second."""
    return value_of(rows, setting, method, SPEED, model) / value_of(rows, setting, over, SPEED, model)


def change(rows: pd.DataFrame, setting: Setting, method: str = ELASTIC, model: str = MODEL) -> float:
    """Points of accuracy that a method changes."""
    return value_of(rows, setting, method, ACCURACY, model) - value_of(rows, setting, UNCACHED, ACCURACY, model)


def growth(rows: pd.DataFrame, benchmark: str, model: str = MODEL) -> float:
    """Throughput of Elastic-Cache with 512 tokens over that with 256."""
    short, long = (value_of(rows, Setting(benchmark, length), ELASTIC, SPEED, model) for length in (256, 512))
    return long / short

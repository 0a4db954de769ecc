"""The published numbers, `config/agentic_rl/*.csv`: a row for each number, with where it stands.

All are those of version 1 (October 2025). Accuracies are percentages. What the paper prints as a curve alone has no
number, but what the paper says of the curve.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from raw2fig.published import number_in, read_numbers, read_published, read_settings
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

AIME = ("AIME24", "AIME25")
BENCHMARKS = (*AIME, "GPQA-Diamond", "LiveCodeBench-v6")
WEAK, STRONG = "Qwen2.5-7B-Instruct", "Qwen3-4B-Instruct-2507"
"""The two base models; `STRONG` becomes DemyAgent-4B."""
AVERAGE, PASS, MAJORITY = METRICS = ("average@32", "pass@32", "maj@32")
REAL, STITCHED = "real", "stitched"
ALONE, TOOLS = "self-contained", "agentic"
"""Groups of Table 2."""
OURS, RIVAL = "DemyAgent-4B", "rStar2-Agent-14B"
START, BASELINE, RECIPE = "start", "GRPO-T", "GRPO-TCR"
LEAD = "GRPO-TCR less GRPO-SCR"
RECIPES = ("GRPO-T", "GRPO-TCR", "GRPO-SCR")
SAME_ACCURACY = "step that reaches the same accuracy on AIME25"
FIFTY = "step that first passes 50 % on AIME25, average@32"

ROW = {"value": "number", "source": "string"}
SFT = ROW | {"base": "string", "data": "string", "benchmark": "string", "metric": "string"}
FINAL = ROW | {"group": "string", "model": "string", "benchmark": "string"}
RUNS = ROW | {"base": "string", "run": "string", "benchmark": "string"}
STUDIES = ROW | {"study": "string", "arm": "string", "quantity": "string", "finding": "string"}
DATA = {"set": "string", "part": "string", "rows": "integer", "source": "string"}


class Published(NamedTuple):
    """All published numbers."""

    sft: pd.DataFrame
    final: pd.DataFrame
    recipes: pd.DataFrame
    studies: pd.DataFrame
    data: pd.DataFrame
    settings: pd.DataFrame
    numbers: dict[str, float]


def read_sft(path: Path) -> pd.DataFrame:
    """Table 1: both base models after SFT on stitched and on real trajectories."""
    return read_published(path, SFT, ["base", "data", "benchmark", "metric"])


def read_final(path: Path) -> pd.DataFrame:
    """Table 2: models without tools (self-contained) and with them (agentic)."""
    return read_published(path, FINAL, ["group", "model", "benchmark"], ["value"])


def read_recipes(path: Path) -> pd.DataFrame:
    """Average@32 of the runs of section 4.1, and the printed lead of one over another."""
    return read_published(path, RUNS, ["base", "run", "benchmark"])


def read_studies(path: Path) -> pd.DataFrame:
    """What the other studies print: a number, or only a finding."""
    return read_published(path, STUDIES, ["study", "arm", "quantity"], ["value", "finding"])


def read_data(path: Path) -> pd.DataFrame:
    """Rows of the data sets and of their parts."""
    return read_published(path, DATA, ["set", "part"])


def read_all(
    *, sft: Path, final: Path, recipes: Path, studies: Path, data: Path, settings: Path, numbers: Path
) -> Published:
    """All published numbers."""
    return Published(
        read_sft(sft),
        read_final(final),
        read_recipes(recipes),
        read_studies(studies),
        read_data(data),
        read_settings(settings),
        read_numbers(numbers),
    )


def after_sft(rows: pd.DataFrame, base: str, data: str, benchmark: str, metric: str = AVERAGE) -> float:
    """A number of Table 1."""
    return number_in(rows, base=base, data=data, benchmark=benchmark, metric=metric)


def score(rows: pd.DataFrame, model: str, benchmark: str, group: str = TOOLS) -> float:
    """A number of Table 2."""
    return number_in(rows, group=group, model=model, benchmark=benchmark)


def accuracy(rows: pd.DataFrame, run: str, benchmark: str) -> float:
    """Average@32 of a run of section 4.1, or a lead."""
    return number_in(rows, run=run, benchmark=benchmark)


def step(rows: pd.DataFrame, arm: str, quantity: str) -> float:
    """A number of the other studies."""
    return number_in(rows, arm=arm, quantity=quantity)


def whole(rows: pd.DataFrame, name: str) -> int:
    """Rows of a whole data set."""
    return int(rows_where(rows, set=name, part="all")["rows"].iloc[0])


def parts(rows: pd.DataFrame, name: str) -> pd.Series:
    """Rows of the parts of a data set, by part."""
    found = rows_where(rows, set=name)
    return found[found["part"] != "all"].set_index("part")["rows"]


def answers(numbers: dict[str, float]) -> tuple[int, int]:
    """Problems of an AIME set, and answers to all of them."""
    problems, samples = (int(numbers[name]) for name in ("problems of AIME", "samples of a problem"))
    return problems, problems * samples

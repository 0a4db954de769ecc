"""Runs of agents on benchmarks: what each cost and how much it got right (HAL, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.errors import InputError
from raw2fig.stats import Estimate, proportion
from raw2fig.tables import read_table, row_name

if TYPE_CHECKING:
    import pandas as pd

NAMES = {"benchmark": "string", "scaffold": "string", "model": "string"}
RUNS = NAMES | {
    "accuracy": "number",
    "cost_usd": "number",
    "prompt_tokens": "integer",
    "completion_tokens": "integer",
}
"""Columns of a table of runs, a row each: accuracy from 0 to 1, US dollars, tokens of all calls with re-sent ones."""
BENCHMARKS = {
    "online_mind2web": ("Online Mind2Web", 300),
    "assistantbench": ("AssistantBench", 33),
    "gaia": ("GAIA", 165),
    "corebench_hard": ("CORE-Bench Hard", 45),
    "scienceagentbench": ("ScienceAgentBench", 102),
    "scicode": ("SciCode", 65),
    "swebench_verified_mini": ("SWE-bench Verified Mini", 50),
    "usaco": ("USACO", 307),
    "taubench_airline": ("TAU-bench Airline", 50),
}
"""Benchmark → its title, and how many tasks it has. AssistantBench has graded scores."""
GENERALIST = "HAL Generalist Agent"
COSTS = {"cost_usd": "US dollars", "tokens": "tokens"}
"""What a run can be measured by, and its unit."""


def read_runs(path: Path) -> pd.DataFrame:
    """The runs of a table, with `tokens`, the sum of prompt and completion.

    Raises `InputError` for an accuracy outside 0 to 1, a cost or a count below 0, and a run that is there twice.
    """
    runs = read_table(path, RUNS)
    for column, most in (
        ("accuracy", 1.0),
        ("cost_usd", np.inf),
        ("prompt_tokens", np.inf),
        ("completion_tokens", np.inf),
    ):
        wrong = ~runs[column].between(0, most).to_numpy()
        if wrong.any():
            row = int(wrong.argmax())
            expected = "from 0 to 1" if column == "accuracy" else "0 or more"
            raise InputError(path, f"{column} is {runs[column].iloc[row]} in {row_name(row)}", expected)
    again = runs.duplicated(list(NAMES)).to_numpy()
    if again.any():
        row = int(again.argmax())
        run = ", ".join(runs.loc[row, list(NAMES)])
        raise InputError(path, f"{run} is there again in {row_name(row)}", "each run once")
    return runs.assign(tokens=runs["prompt_tokens"] + runs["completion_tokens"])


def model_means(runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each benchmark and model: mean accuracy, dollars and tokens over its scaffolds."""
    return runs.groupby(["benchmark", "model"], sort=False)[["accuracy", *COSTS]].mean().reset_index()


def on_frontier(runs: pd.DataFrame, cost: str, frontier: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Which runs (n,) are on the frontier of their benchmark, by a function of `raw2fig.papers.hal.frontier`."""
    found = np.zeros(len(runs), dtype=bool)
    for rows in runs.reset_index(drop=True).groupby("benchmark").groups.values():
        chosen = runs.iloc[rows]
        found[rows] = frontier(chosen[cost].to_numpy(dtype=float), chosen["accuracy"].to_numpy(dtype=float))
    return found


def effort(model: str) -> tuple[str, str]:
    """A model's family and its effort, low or high: o4-mini Low and High, Claude models without and with High."""
    family, _, level = model.rpartition(" ")
    return (family, level.lower()) if level in ("Low", "High") else (model, "low")


def effort_pairs(runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each benchmark, scaffold and family that was run with both efforts: accuracy_low and accuracy_high."""
    levels = runs.assign(**dict(zip(("family", "effort"), zip(*map(effort, runs["model"]), strict=True), strict=True)))
    key = ["benchmark", "scaffold", "family"]
    low, high = (levels[levels["effort"] == level] for level in ("low", "high"))
    return low.merge(high, on=key, suffixes=("_low", "_high"), validate="one_to_one")


def scaffold_pairs(runs: pd.DataFrame, benchmark: str) -> pd.DataFrame:
    """A row for each model that a benchmark's specialist and the generalist have both run, with accuracy and cost of
    either: accuracy_specialist, accuracy_generalist, cost_usd_specialist, ..."""
    chosen = runs[runs["benchmark"] == benchmark]
    general = chosen["scaffold"] == GENERALIST
    return chosen[~general].merge(
        chosen[general], on="model", suffixes=("_specialist", "_generalist"), validate="many_to_one"
    )


def accuracy_of(accuracy: float, tasks: int) -> Estimate:
    """An accuracy on so many tasks with Wilson's interval, which graded scores have as if they were shares."""
    share = proportion(round(accuracy * tasks), tasks)
    return share._replace(value=accuracy, low=min(share.low, accuracy), high=max(share.high, accuracy))

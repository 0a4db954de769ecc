"""Claims about training: data, budgets of SFT, curves, the priors' skills, and what the sources say differently."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from raw2fig.papers.kimi_dev.published import (
    ALL,
    BASE,
    GAIN,
    MID_TRAINING,
    PRIOR,
    RL,
    STAGE,
    Published,
    cases,
    lead,
    per_trajectory,
    points,
    steps,
    tasks,
)
from raw2fig.published import chance, conflicts, number_in, setting
from raw2fig.stats import Estimate, fact
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

ENOUGH = 100
"""Trajectories with which the RL prior reaches the best of the Base prior."""


def training_measurements(tables: Published) -> dict[str, Measurement]:
    """What the numbers about training say."""
    curves, single = tables.curves, tables.numbers
    items = tasks(single)
    stage, gain = (
        {prior: percent(tables.skills, single, prior, when) for prior in (BASE, PRIOR)} for when in (STAGE, GAIN)
    )
    flat = {prior: single[f"turns at which {prior} flattens"] for prior in ("SFT", "MT", BASE)}
    return {
        "C7b": lambda: {
            "smallest step": min(steps(curves, MID_TRAINING), key=lambda one: one.value),
            "first to last": first_to_last(curves, MID_TRAINING, items),
        },
        "C7c": lambda: fact(largest_over_chance(curves, MID_TRAINING, items), items),
        "C8b": lambda: {
            "smallest step": min(steps(curves, RL), key=lambda one: one.value),
            "first to last": first_to_last(curves, RL, items),
        },
        "C9": lambda: fewer_tokens(tables.budgets),
        "C9b": lambda: over_one_pass(tables.budgets, tables.settings),
        "C12": lambda: {
            "SFT over MT": fact(flat["SFT"] - flat["MT"], 1),
            "MT over Base": fact(flat["MT"] - flat[BASE], 1),
        },
        "C13": lambda: lead(stage[PRIOR], stage[BASE], items),
        "C14": lambda: lead(gain[PRIOR], gain[BASE], items),
        "C20": lambda: fact(synthetic(tables.data), 1),
        "C21": lambda: fact(len(disputed(tables.settings)), len(tables.settings)),
    }


def first_to_last(curves: pd.DataFrame, curve: str, items: int) -> Estimate:
    """Points between the ends of a curve, each on so many tasks."""
    rates = points(curves, curve)["value"]
    return lead(rates.iloc[-1], rates.iloc[0], items)


def largest_over_chance(curves: pd.DataFrame, curve: str, items: int) -> float:
    """The largest ratio between a step of a curve and what two rates may differ by."""
    rates = points(curves, curve)["value"].tolist()
    return max((late - early) / chance(late, early, items) for early, late in pairwise(rates))


def fewer_tokens(budgets: pd.DataFrame) -> Estimate:
    """How many times more tokens the largest budget has than that of `ENOUGH` trajectories; the interval is what
    rounding leaves open."""
    rows = rows_where(budgets, steps=ALL)
    small, large = (rows_where(rows, trajectories=count).iloc[0] for count in (ENOUGH, rows["trajectories"].max()))
    ratio, off = (float(large[name] / small["tokens"]) for name in ("tokens", "open"))
    return Estimate(ratio, ratio - off, ratio + off, len(rows))


def longest(settings: pd.DataFrame) -> int:
    """Tokens of the longest trajectory in training."""
    return int(setting(settings, "SFT of the agent", "longest trajectory"))


def over_one_pass(budgets: pd.DataFrame, settings: pd.DataFrame) -> Estimate:
    """The smallest budget per trajectory, in longest trajectories; the interval is what rounding leaves open."""
    rows = per_trajectory(budgets)
    mean, low, high = rows.loc[rows["mean"].idxmin(), ["mean", "low", "high"]] / longest(settings)
    return Estimate(mean, low, high, len(rows))


def attempts(numbers: dict[str, float]) -> int:
    """Attempts of the pooled runs at all tasks."""
    return tasks(numbers) * int(numbers["runs that are pooled"])


def percent(skills: pd.DataFrame, numbers: dict[str, float], prior: str, when: str) -> float:
    """Cases of a prior in percent of all attempts."""
    return 100 * cases(skills, prior, when) / attempts(numbers)


def synthetic(data: pd.DataFrame) -> float:
    """Share of the tokens of mid-training that are synthetic, each as often as it is seen."""
    parts = rows_where(data, set=MID_TRAINING)
    made = parts[parts["part"].str.startswith("synthetic")]
    return float((made["value"] * made["times"]).sum()) / number_in(parts, part="all")


def disputed(settings: pd.DataFrame) -> list[str]:
    """The settings that two sources give differently."""
    rows = conflicts(settings)
    return list(dict.fromkeys(rows["stage"] + ": " + rows["setting"]))

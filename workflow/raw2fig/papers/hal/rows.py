"""A rollout as a row of a table, and what the rows of repeated tasks say about reliability."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.papers.hal.contract import SOLVED, Rollout
from raw2fig.papers.hal.reliability import METRICS, brier, calibration, of_task, risk_coverage
from raw2fig.papers.hal.usage import Price, Usage, cost_cached, cost_list, price_of, total
from raw2fig.stats import auroc

if TYPE_CHECKING:
    import pandas as pd

RESOURCES = ("tokens", "seconds", "calls", "actions")
"""What repeats of a task may differ in."""


def row_of(
    one: Rollout, score: float, prices: Mapping[str, Price] | None, dollars: float = float("nan")
) -> dict[str, Any]:
    """How a rollout ended, what it is worth, and what it took: replies (`calls`), uses of tools (`actions`) and their
    names in order (`course`), tokens, and US dollars at list price and with what caches save. Without prices both costs
    are `dollars`."""
    used = {model: Usage(**usage) for model, usage in one.usage.items()}
    tokens = total(used.values())
    course = [step.tool for step in one.steps if step.tool]
    costs = {"cost_list": dollars, "cost_cached": dollars}
    if prices is not None:
        costs = {
            cost.__name__: sum(cost(price_of(prices, model), usage) for model, usage in used.items())
            for cost in (cost_list, cost_cached)
        }
    return {
        "task": one.task,
        "repeat": one.repeat,
        "status": one.status,
        "score": score,
        "confidence": one.confidence,
        "calls": len(one.steps) - len(course),
        "actions": len(course),
        "course": " ".join(course),
        "tokens": tokens.prompt + tokens.completion,
        **costs,
        "seconds": one.seconds,
    }


def consistency(rows: pd.DataFrame) -> dict[str, float]:
    """Reliability of an agent on a benchmark: means over its repeated tasks, NaN where a metric is not defined."""
    tasks = [
        of_task(
            (group["score"] >= SOLVED).tolist(),
            [course.split() for course in group["course"]],
            {name: group[name].tolist() for name in RESOURCES},
        )
        for _, group in rows.groupby("task", sort=False)
        if len(group) > 1
    ]
    values = {name: [task[name] for task in tasks if not np.isnan(task[name])] for name in METRICS}
    return {name: float(np.mean(of)) if of else float("nan") for name, of in values.items()}


def predictability(rows: pd.DataFrame) -> dict[str, float]:
    """What the confidence that an agent states says about its success; nothing where it states none."""
    sure = rows.dropna(subset=["confidence"])
    if sure.empty:
        return {}
    confidence, success = sure["confidence"].to_numpy(float), (sure["score"] >= SOLVED).to_numpy(float)
    return {
        "calibration": calibration(confidence, success),
        "brier": brier(confidence, success),
        "risk_coverage": risk_coverage(confidence, success),
        "auroc": auroc(success, confidence) if 0 < success.sum() < len(success) else float("nan"),
    }

"""`raw2fig hal import` and `report`: logs of inspect-ai, yours or anybody's, as rollouts and as one page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.hal.contract import SOLVED
from raw2fig.papers.hal.detectors import flags_of
from raw2fig.papers.hal.frontier import hull
from raw2fig.papers.hal.inspect_log import Logged, read_eval
from raw2fig.papers.hal.records import as_line, write_lines
from raw2fig.papers.hal.report_page import draw, write_page
from raw2fig.papers.hal.rows import consistency, predictability, row_of
from raw2fig.papers.hal.runs import on_frontier
from raw2fig.papers.hal.usage import Price
from raw2fig.settings import read
from raw2fig.stats import Estimate, bootstrap_mean, proportion
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_yaml, write_table

if TYPE_CHECKING:
    import pandas as pd


@step
def import_(*, log: list[Input], rollouts: Output, scores: Output = Path("hal-scores.csv")) -> None:
    """Read logs of inspect-ai (.eval or .json), of whatever evaluation, as rollouts and scores of this harness.

    Parameters
    ----------
    log
        Logs of inspect-ai.
    rollouts
        JSON Lines with a rollout in each, with its steps and tokens.
    scores
        Table with a row for each rollout.
    """
    import pandas as pd

    logged = [one for path in log for one in read_eval(path)]
    write_lines((as_line(one.agent, one.benchmark, one.rollout) for one in logged), rollouts)
    write_table(pd.DataFrame([_row(one, None) for one in logged]), scores)


@step
def report(
    *,
    logs: list[Input],
    prices: Path | None = None,
    page: Output = Path("hal-report.html"),
    table: Output = Path("hal-report.csv"),
    flags: Output = Path("hal-report-flags.csv"),
    svg: Output = Path("hal-report.svg"),
    png: Output = Path("hal-report.png"),
    csv: Output = Path("hal-report-figure.csv"),
) -> None:
    """Report on logs of inspect-ai: accuracy, cost, frontier, what went wrong, and how reliable agents are over
    repeats, as one page that can be passed on.

    An example: raw2fig hal report --logs runs/a.eval runs/b.eval --prices prices.yaml

    Parameters
    ----------
    logs
        Logs of inspect-ai, .eval or .json.
    prices
        YAML file of prices, in US dollars for a million tokens: model, then input, output and, if they differ,
        cache_read and cache_write. Without it the costs are those that the logs name, or else tokens are compared.
    page
        The page. It needs no other file.
    table
        Table with a row for each benchmark and agent.
    flags
        Table with a row for each benchmark, agent and detector.
    svg
        The figure of accuracy against cost.
    png
        The same figure as an image.
    csv
        The values that it shows.
    """
    import pandas as pd

    known = read_prices(prices) if prices else None
    rows, found, seen = list[dict[str, Any]](), list[dict[str, Any]](), set[tuple[str, str, str, int]]()
    for path in logs:
        for one in read_eval(path):
            key = (one.benchmark, one.agent, one.rollout.task, one.rollout.repeat)
            if key in seen:
                raise InputError(path, f"has {one.rollout.task}, epoch {key[3] + 1}, of {one.agent} again", "it once")
            seen.add(key)
            rows.append(_row(one, known))
            success = rows[-1]["score"] >= SOLVED
            found += [
                {"benchmark": one.benchmark, "agent": one.agent, "detector": name, "flagged": flag, "success": success}
                for name, flag in flags_of(one.benchmark, one.rollout).items()
            ]
    if not rows:
        raise InputError(logs[0], "has no samples", "at least one sample")
    frame = pd.DataFrame(rows)
    agents = summary(frame)
    counted = count_flags(pd.DataFrame(found))
    write_table(agents, table)
    write_table(counted, flags)
    unit = "US dollars" if agents["cost"].notna().all() else "tokens"
    draw(agents, unit, svg, png, csv)
    write_page(page, [path.name for path in logs], agents, counted, unit, svg)


def read_prices(path: Path) -> dict[str, Price]:
    """The prices of a file. Raises `InputError` for another form."""
    table = read_yaml(path)
    if not isinstance(table, Mapping):
        raise InputError(path, "is no mapping", "model: {input: ..., output: ...}")
    return {str(model): read(Price, price, f"{path}: {model}") for model, price in table.items()}


def _row(one: Logged, prices: Mapping[str, Price] | None) -> dict[str, Any]:
    """A rollout as a row. What has no score is no success; without prices the costs are those that the log names."""
    score = 0.0 if one.score is None or np.isnan(one.score) else one.score
    dollars = float("nan") if one.dollars is None else one.dollars
    return {"benchmark": one.benchmark, "agent": one.agent, **row_of(one.rollout, score, prices, dollars)}


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for each benchmark and agent: accuracy over all rollouts and over those whose environment held, with its
    interval over tasks, costs for a task, membership of the frontier, and reliability where tasks were repeated."""
    import pandas as pd

    found = []
    for (benchmark, agent), group in rows.groupby(["benchmark", "agent"], sort=False):
        held = group[group["status"] != "env_error"]
        accuracy = over_tasks(held)
        found.append(
            {
                "benchmark": benchmark,
                "agent": agent,
                "rollouts": len(group),
                "tasks": group["task"].nunique(),
                "repeats": int(group["repeat"].nunique()),
                "accuracy": accuracy.value,
                "low": accuracy.low,
                "high": accuracy.high,
                "accuracy_all": group["score"].mean(),
                **{status: int((group["status"] == status).sum()) for status in STATUS_COLUMNS},
                "cost": group["cost_list"].mean(),
                "cost_cached": group["cost_cached"].mean(),
                "tokens": group["tokens"].mean(),
                "seconds": group["seconds"].mean(),
                **consistency(group),
                **predictability(group),
            }
        )
    agents = pd.DataFrame(found)
    cost = "cost" if agents["cost"].notna().all() else "tokens"
    return agents.assign(frontier=on_frontier(agents, cost, hull))


SEED = 0
"""What the bootstrap is seeded with."""
STATUS_COLUMNS = ("agent_error", "env_error", "timeout", "limit")


def over_tasks(rows: pd.DataFrame) -> Estimate:
    """Mean score over tasks, each the mean of its repeats: Wilson's interval where each of these is 0 or 1, otherwise a
    bootstrap over tasks that ends at 0 and 1. NaN without rows."""
    nan = float("nan")
    if rows.empty:
        return Estimate(nan, nan, nan, 0)
    scores = rows.groupby("task")["score"].mean().to_numpy()
    if np.isin(scores, (0, 1)).all():
        return proportion(int(scores.sum()), len(scores))
    found = bootstrap_mean(scores, SEED)
    return found._replace(low=max(found.low, 0.0), high=min(found.high, 1.0))


def count_flags(flags: pd.DataFrame) -> pd.DataFrame:
    """A row for each benchmark, agent and detector: how often it flags failed and solved rollouts, with counts."""
    import pandas as pd

    found = []
    for (benchmark, agent, detector), group in flags.groupby(["benchmark", "agent", "detector"], sort=False):
        solved = group["success"]
        cells = {
            "failed": int((~solved).sum()),
            "failed_flagged": int((~solved & group["flagged"]).sum()),
            "solved": int(solved.sum()),
            "solved_flagged": int((solved & group["flagged"]).sum()),
        }
        found.append({"benchmark": benchmark, "agent": agent, "detector": detector, **cells})
    return pd.DataFrame(found)

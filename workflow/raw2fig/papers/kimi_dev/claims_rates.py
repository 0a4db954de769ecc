"""Claims about rates on SWE-bench Verified: the workflow, the agent, self-play, and the benchmark itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raw2fig.papers.kimi_dev.published import (
    AGENT,
    CLAUDE,
    OURS,
    SAME_DATA,
    SELF_PLAY,
    SMALL,
    Published,
    lead,
    points,
    rate,
    runs_of_tests,
    steps,
    tasks,
)
from raw2fig.published import chance, off_grid
from raw2fig.stats import Estimate, fact
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

ENOUGH = 10
"""Patches and tests that self-play with fewer is compared at."""
AGENT_TRIES, WORKFLOW_TRIES = "pass@10 of the agent", "pass@30 of the workflow"


def rate_measurements(tables: Published) -> dict[str, Measurement]:
    """What the rates say, each on all tasks."""
    workflow, agents, single = tables.workflow, tables.agents, tables.numbers
    items = tasks(single)
    ours, agent = rate(workflow, OURS), rate(agents, AGENT)
    first, *_, last = points(tables.curves, SELF_PLAY)["value"]
    others = workflow.loc[workflow["model"] != OURS, "value"]
    small = rows_where(agents, group=SMALL)
    rates = printed(workflow, agents)
    tries, many = single[AGENT_TRIES], single[WORKFLOW_TRIES]
    return {
        "C1": lambda: fact(ours - others.max(), len(workflow)),
        "C1b": lambda: fact(sum(near(ours, other, items) for other in others), len(others)),
        "C2": lambda: lead(agent, rate(agents, CLAUDE), items),
        "C2b": lambda: fact(sum(small["value"] > agent), len(small) - 1),
        "C2c": lambda: lead(agent, rate(agents, SAME_DATA), items),
        "C2d": lambda: fact(abs(agent - first) / chance(agent, first, items), items),
        "C3": lambda: lead(last, first, items),
        "C3b": lambda: {"gain": share_of_gain(tables.curves), "runs of tests": share_of_runs(workflow)},
        "C3c": lambda: steps(tables.curves, SELF_PLAY)[-1],
        "C5": lambda: lead(last, many, items),
        "C5b": lambda: fact((last - first) / (many - first), items),
        "C6": lambda: lead(tries, many, items),
        "C6b": lambda: fact(resolved(tries, items) - resolved(many, items), items),
        "C18": lambda: fact(100 * flawed(single) / items, items),
        "C18b": lambda: fact(highest(rates, single) - ceiling(single), len(rates)),
        "C19": lambda: fact(no_shares(rates, items).sum(), len(rates)),
    }


def near(one: float, other: float, items: int) -> bool:
    """Whether two rates differ by no more than chance allows."""
    return abs(one - other) < chance(one, other, items)


def resolved(percent: float, items: int) -> int:
    """Tasks that a rate stands for."""
    return round(percent * items / 100)


def share_of_gain(curves: pd.DataFrame) -> Estimate:
    """Part of the gain of self-play that comes with `ENOUGH` patches and tests; the interval is what reading the image
    may be off."""
    rows = points(curves, SELF_PLAY)
    early = rows_where(rows, at=ENOUGH)
    value, off = float(early["value"].iloc[0]), float(early["precision"].iloc[0])
    first, *_, last = rows["value"]
    low, found, high = sorted((reading - first) / (last - first) for reading in (value - off, value, value + off))
    return Estimate(found, low, high, len(rows))


def share_of_runs(workflow: pd.DataFrame) -> Estimate:
    """Part of the runs of test files that this takes."""
    ours = rows_where(workflow, model=OURS).iloc[0]
    return fact(runs_of_tests(ENOUGH, ENOUGH) / runs_of_tests(int(ours["patches"]), int(ours["tests"])), 1)


def flawed(numbers: dict[str, float]) -> int:
    """Audited tasks whose tests reject correct fixes, at least."""
    return round(numbers["audited tasks"] * numbers["audited tasks with flawed tests, percent"] / 100)


def ceiling(numbers: dict[str, float]) -> float:
    """Percent of all tasks that are left without these."""
    return 100 * (1 - flawed(numbers) / tasks(numbers))


def printed(workflow: pd.DataFrame, agents: pd.DataFrame) -> pd.DataFrame:
    """The rows of Tables 1 and 2, one table after the other."""
    import pandas as pd

    return pd.concat([workflow.assign(table="Table 1"), agents.assign(table="Table 2")], ignore_index=True)


def highest(rates: pd.DataFrame, numbers: dict[str, float]) -> float:
    """The highest of all printed rates."""
    return max(rates["value"].max(), numbers[AGENT_TRIES], numbers[WORKFLOW_TRIES])


def no_shares(rates: pd.DataFrame, items: int) -> pd.Series:
    """Whether no number of tasks gives a rate, whatever was rounded."""
    return rates["value"].map(lambda percent: off_grid(percent, items)) > rates["precision"]

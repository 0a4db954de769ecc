"""Tables of our own runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.kimi_dev.runs import AUDITED, PLAYED, read_runs
from raw2fig.papers.kimi_dev.runs_agents import ADAPTED
from raw2fig.papers.kimi_dev.task_audit import TASKS, VERDICTS, YIELD
from raw2fig.stats import over_replicates
from raw2fig.step import Input, table
from raw2fig.tables import Table, as_markdown, read_table

if TYPE_CHECKING:
    import pandas as pd


@table
def table_models(*, play: list[Input]) -> Table:
    """Every measure of every model of the miniature.

    Parameters
    ----------
    play
        Tables of `raw2fig kimi-dev play`, of each replicate.
    """
    return over_all(read_runs(play, PLAYED), ["model", "tasks", "measure", "size"])


@table
def table_priors(*, agents: list[Input]) -> Table:
    """Every measure of every prior, after every set of trajectories.

    Parameters
    ----------
    agents
        Tables of `raw2fig kimi-dev adapt`, of each replicate.
    """
    return over_all(read_runs(agents, ADAPTED), ["prior", "budget", "measure"])


@table
def table_verifier(*, audit: list[Input]) -> Table:
    """What the hidden tests accept of edits whose worth is known, over all tasks of all replicates.

    Parameters
    ----------
    audit
        Audits of `raw2fig kimi-dev make-tasks`, of each replicate.
    """
    rows = read_runs(audit, AUDITED)
    counted = rows.assign(rewarded=rows["rewarded"] * rows["n"], scored=rows["scored"] * rows["n"])
    found = counted.groupby(["part", "edit"], sort=False)[["n", "rewarded", "scored"]].sum().round().astype(int)
    frame = found.reset_index()
    return Table(frame, as_markdown(frame))


@table
def table_real_tasks(*, tasks: Input, operators: Input) -> Table:
    """What came of tasks of real code by the operator that made their bugs: n_ok are sound, n_noop_pass reward no
    change, n_gold_fail refuse the right solution and n_flaky do so now and then. Beside it, how many mutants of the
    operator the examples catch and how many survive.

    Parameters
    ----------
    tasks
        Tasks of `raw2fig kimi-dev audit-tasks`.
    operators
        Its table of operators.
    """
    import pandas as pd

    rows = read_table(tasks, TASKS, allow_empty=True)
    counts = pd.crosstab(rows["operator"], rows["verdict"]).reindex(columns=VERDICTS, fill_value=0)
    found = read_table(operators, YIELD)
    told = counts.add_prefix("n_").reindex(found["operator"], fill_value=0).reset_index(drop=True)
    frame = pd.concat([found, told], axis=1)
    total = pd.DataFrame([{"operator": "all", **frame.drop(columns="operator").sum()}])
    frame = pd.concat([frame, total], ignore_index=True)
    return Table(frame, as_markdown(frame))


def over_all(rows: pd.DataFrame, names: list[str]) -> Table:
    """Means over replicates with their intervals, by the columns `names`."""
    import pandas as pd

    found, written = [], []
    for key, mine in rows.groupby(names, sort=False):
        one = over_replicates(dict(zip(mine["replicate"], mine["value"], strict=True)), least=-np.inf, most=np.inf)
        about = dict(zip(names, key, strict=True)) | {"replicates": len(mine)}
        found.append(about | {"value": one.value, "low": one.low, "high": one.high})
        written.append(about | {"value": f"{one.value:.3g} [{one.low:.3g}, {one.high:.3g}]"})
    return Table(pd.DataFrame(found), as_markdown(pd.DataFrame(written)))

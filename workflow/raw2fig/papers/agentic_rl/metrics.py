"""Metrics of a table of rollouts, ours or anybody's."""

from __future__ import annotations

from typing import Annotated

from raw2fig.attempts import TOOL_COLUMNS, attempt_metrics, over_problems, read_attempts, tool_use
from raw2fig.settings import Field
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_table


@step
def metrics(*, samples: Input, metrics: Output, ks: list[Annotated[int, Field(ge=1)]]) -> None:
    """average@k, pass@k, best@k and maj@k with intervals over problems, and how the tool was used.

    Two numbers go by the name pass@k: pass is the unbiased one, best draws with replacement, which is what verl logs.
    Metrics ending in _bootstrap are the resampled values of verl's log.

    Parameters
    ----------
    samples
        Table of rollouts: problem, sample, prediction, correct; where it has calls, failed, turns and tokens, tool
        success, calls of a response and tokens of a turn are given as well.
    metrics
        A row per metric and k: metric, k, value, low, high, n. Statistics of the tool are over all rollouts, and have
        no interval.
    ks
        Numbers of attempts; no problem may have fewer rollouts.
    """
    import pandas as pd

    frame = read_attempts(samples)
    table = over_problems(attempt_metrics(frame, ks))
    if set(TOOL_COLUMNS) <= set(frame.columns):
        rows = [{"metric": name, "value": value, "n": len(frame)} for name, value in tool_use(frame).items()]
        table = pd.concat([table, pd.DataFrame(rows)], ignore_index=True).astype({"k": "Int64"})
    write_table(table, metrics)

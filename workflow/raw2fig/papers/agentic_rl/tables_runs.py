"""Tables of our own runs."""

from __future__ import annotations

import numpy as np

from raw2fig.claims import Absent
from raw2fig.papers.agentic_rl.evaluation import SAMPLES
from raw2fig.papers.agentic_rl.runs import of_set, read_measured
from raw2fig.stats import over_replicates
from raw2fig.step import Input, table
from raw2fig.tables import Table, as_markdown

SHOWN = {
    "calls_per_response": "calls of a trajectory",
    "tool_success": "calls that succeed",
    "share_with_failed_call": "trajectories with a failed call",
    "share_repaired": "trajectories with a failed call that is repaired",
    "words_per_turn": "words of a turn",
}
SHARES = ("tool_success", "share_with_failed_call", "share_repaired")
COUNTS = (SAMPLES, "calls_per_response", "tokens_per_turn")
"""Measures of policies that are no shares."""


@table
def table_demonstrations(*, real: list[Input], stitched: list[Input]) -> Table:
    """Demonstrations of the same problems: real trajectories beside stitched ones.

    Parameters
    ----------
    real
        Statistics of real trajectories, of each replicate.
    stitched
        The same of stitched ones.
    """
    import pandas as pd

    found, written = [], []
    for name, title in SHOWN.items():
        row: dict[str, str | float] = {"measure": title}
        text = {"measure": title}
        for kind, paths in (("real", real), ("stitched", stitched)):
            try:
                values = of_set(paths, name)
            except Absent:
                continue
            one = over_replicates(values, least=0, most=1 if name in SHARES else np.inf)
            row |= {kind: one.value, f"{kind} low": one.low, f"{kind} high": one.high}
            text[kind] = f"{one.value:.3g} [{one.low:.3g}, {one.high:.3g}]"
        found.append(row)
        written.append(text)
    return Table(pd.DataFrame(found), as_markdown(pd.DataFrame(written).fillna("")))


@table
def table_policies(*, measured: list[Input]) -> Table:
    """Every measure of every policy, over all its responses and over those of each manner.

    Parameters
    ----------
    measured
        Tables of `raw2fig agentic-rl evaluate`, of each replicate.
    """
    import pandas as pd

    rows = read_measured(measured)
    found, written = [], []
    for (policy, manner, name), mine in rows.dropna(subset=["value"]).groupby(
        ["policy", "manner", "measure"], sort=False
    ):
        most = np.inf if name in COUNTS else 1
        one = over_replicates(dict(zip(mine["replicate"], mine["value"], strict=True)), least=0, most=most)
        about = {"policy": str(policy), "responses": str(manner), "measure": str(name), "replicates": len(mine)}
        found.append(about | {"value": one.value, "low": one.low, "high": one.high})
        written.append(about | {"value": f"{one.value:.3g} [{one.low:.3g}, {one.high:.3g}]"})
    return Table(pd.DataFrame(found), as_markdown(pd.DataFrame(written)))

"""Metrics of all policies of pretrained models in one table."""

from __future__ import annotations

from raw2fig.errors import InputError
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, write_table


@step
def gather_pretrained(*, metrics: list[Input], names: list[str], table: Output) -> None:
    """Put tables of metrics together.

    Parameters
    ----------
    metrics
        Tables of `raw2fig agentic-rl metrics`.
    names
        Policy, benchmark and replicate of each, as policy:benchmark:replicate.
    table
        Their rows, with the columns policy, benchmark and replicate.
    """
    import pandas as pd

    if len(metrics) != len(names):
        raise InputError("names", f"{len(names)} for {len(metrics)} tables", "one for each")
    parts = []
    for path, name in zip(metrics, names, strict=True):
        policy, benchmark, replicate = name.split(":")
        about = {"policy": policy, "benchmark": benchmark, "replicate": int(replicate)}
        # there is no success without a call
        frame = read_table(path, {"metric": "string", "value": "number"}, allow_nan=["value"])
        parts.append(frame.assign(**about))
    write_table(pd.concat(parts, ignore_index=True), table)

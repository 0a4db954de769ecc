"""`raw2fig elastic-cache gather`: tables of several replicates, or of several models, as one."""

from __future__ import annotations

from raw2fig.errors import InputError
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, write_table


@step
def gather(*, name: str, values: list[str], parts: list[Input], table: Output) -> None:
    """Put tables into one, with a column that says which one a row comes from.

    Parameters
    ----------
    name
        The column.
    values
        What it says of each table.
    parts
        The tables, in the same order.
    table
        All rows.
    """
    import pandas as pd

    if len(values) != len(parts):
        raise InputError("values", f"are {len(values)} for {len(parts)} tables", "one for each")
    frames = []
    for value, path in zip(values, parts, strict=True):
        frame = read_table(path, {})
        frame.insert(0, name, value)
        frames.append(frame)
    write_table(pd.concat(frames, ignore_index=True), table)

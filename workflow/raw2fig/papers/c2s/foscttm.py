"""FOSCTTM of single cells and pseudobulks (C2S-Scale, Fig. 3): the fraction of samples closer than the true match."""

from __future__ import annotations

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.metrics import foscttm as fraction
from raw2fig.settings import Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, write_table


@step
def foscttm(*, pairs: Input, scores: Output, replicate: Seed) -> None:
    """Score how well vectors match single cells to their pseudobulks.

    Parameters
    ----------
    pairs
        Table with method, pair, single and bulk (vectors of one length within a method), as `annotate` writes it.
    scores
        Table with replicate, method, value (FOSCTTM: 0 perfect, 0.5 random), pairs (their number).
    replicate
        Number of the replicate, for the table.
    """
    import pandas as pd

    frame = read_table(pairs, {"method": "string", "pair": "integer", "single": "list", "bulk": "list"})
    rows = []
    for method, part in frame.groupby("method", sort=False):
        lengths = {len(vector) for name in ("single", "bulk") for vector in part[name]}
        if len(lengths) > 1:
            raise InputError(pairs, f"{method}: vectors of {min(lengths)} and {max(lengths)} numbers", "one length")
        value = fraction(np.stack(part["single"].to_list()), np.stack(part["bulk"].to_list()))
        rows.append({"replicate": replicate, "method": method, "value": value, "pairs": len(part)})
    write_table(pd.DataFrame(rows), scores)

"""FOSCTTM of single cells and pseudobulks (C2S-Scale, Fig. 3): the fraction of samples closer than the true match."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from raw2fig.errors import InputError
from raw2fig.papers.c2s.metrics import foscttm as fraction
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table, write_table

LEAST = 3
"""Pairs: without one of them there must still be a fraction."""


def pseudovalues(a: ArrayLike, b: ArrayLike) -> np.ndarray:
    """Jackknife pseudovalue (n,) of the FOSCTTM for each pair: n F - (n - 1) F without the pair (Tukey 1958).

    Row i of `a` (n, d) matches row i of `b` (n, d). F is a mean over pairs of pairs, so its parts are not independent;
    the pseudovalues have F as their mean and, to first order, the spread of F over resampled pairs (Arvesen 1969). They
    can thus be resampled as independent items. Raises `InputError` for fewer than 3 pairs, else as `metrics.foscttm`.
    """
    first, second = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    n = len(first)
    if n < LEAST:
        raise InputError("pairs", f"{n} of them", f"at least {LEAST}")
    whole = fraction(first, second)
    without = [fraction(np.delete(first, i, axis=0), np.delete(second, i, axis=0)) for i in range(n)]
    return n * whole - (n - 1) * np.array(without)


@step
def foscttm(*, pairs: Input, scores: Output) -> None:
    """Score how well vectors match single cells to their pseudobulks.

    Parameters
    ----------
    pairs
        Table with method, pair, single and bulk (vectors of one length within a method), as `annotate` writes it.
    scores
        Table with method, pair and value: the pair's pseudovalue. A method's mean is its FOSCTTM (0 perfect, 0.5
        random), and its bootstrap over pairs gives the interval.
    """
    import pandas as pd

    frame = read_table(pairs, {"method": "string", "pair": "integer", "single": "list", "bulk": "list"})
    tables = []
    for method, part in frame.groupby("method", sort=False):
        lengths = {len(vector) for name in ("single", "bulk") for vector in part[name]}
        if len(lengths) > 1:
            raise InputError(pairs, f"{method}: vectors of {min(lengths)} and {max(lengths)} numbers", "one length")
        values = pseudovalues(np.stack(part["single"].to_list()), np.stack(part["bulk"].to_list()))
        tables.append(pd.DataFrame({"method": method, "pair": part["pair"].to_numpy(), "value": values}))
    write_table(pd.concat(tables, ignore_index=True), scores)

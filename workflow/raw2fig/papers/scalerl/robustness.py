"""How far the fit depends on the range that is fitted (ScaleRL, appendices A.4 and A.7), on curves of known law."""

from __future__ import annotations

import numpy as np

from raw2fig.papers.scalerl.law import sigmoid
from raw2fig.papers.scalerl.least_squares import (
    PAPER_A,
    PAPER_C_PRINTED,
    PAPER_C_USED,
    Curve,
    fit_free,
    fit_grid,
    fit_power,
)
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Output, step
from raw2fig.tables import write_table

LAW = {"r0": 0.25, "a": 0.645, "b": 1.70, "c_mid": 10_909.0}
"""The law of the paper's 100,000 GPU-hour run (Table 1, batch 2048); R_0, which it does not give, is ours."""
POINTS, LAST = 75, 100_000.0
"""Validations of that run, evenly spaced, and its GPU-hours."""
RANGES = ((1_500, 50_000), (0, 100_000), (0, 50_000), (5_000, 50_000), (30_000, 60_000))
"""GPU-hours that are fitted, in the order of the paper's table; the power law recovers on the last."""


class Noisy(Record):
    """Curves of known law with noise."""

    repetitions: int = Field(ge=2, description="Number of curves with noise.")
    noise: float = Field(gt=0, description="Standard deviation of a point about the law.")


@step
def robustness(*, table: Output, noisy: Noisy, seed: Seed = 0) -> None:
    """Fit sigmoid and power law to parts of a curve with the paper's parameters, without noise and with it.

    Parameters
    ----------
    table
        A row per range, law and repetition: a, b, c_mid; repetition -1 is without noise.
    """
    import pandas as pd

    compute = np.linspace(LAST / POINTS, LAST, POINTS)
    exact = sigmoid(compute, LAW["r0"], LAW["a"], LAW["b"], LAW["c_mid"])
    rng = np.random.default_rng(seed)
    curves = {-1: exact} | {i: exact + rng.normal(0, noisy.noise, POINTS) for i in range(noisy.repetitions)}
    rows = []
    for repetition, score in curves.items():
        for low, high in RANGES:
            seen = (compute >= low) & (compute <= high)
            curve = Curve(compute[seen], score[seen], LAW["r0"])
            free, power = fit_free(curve), fit_power(curve)
            rows.append((low, high, "sigmoid", repetition, free.a, free.b, free.c_mid))
            rows.append((low, high, "power law", repetition, power.a, power.b, np.nan))
            if repetition == -1:
                for name, grid in (("grid as used", PAPER_C_USED), ("grid as printed", PAPER_C_PRINTED)):
                    found = fit_grid(curve, PAPER_A, grid)
                    rows.append((low, high, name, repetition, found.a, found.b, found.c_mid))
    write_table(pd.DataFrame(rows, columns=["start", "end", "law", "repetition", "a", "b", "c_mid"]), table)

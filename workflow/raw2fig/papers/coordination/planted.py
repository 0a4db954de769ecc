"""Do regression and mediation find what was planted? Simulated tables of groups with a known interaction and a known
mediated effect."""

from __future__ import annotations

from typing import Any

import numpy as np

from raw2fig.papers.coordination.regression import acme_of, interaction, mediate
from raw2fig.settings import Field, Record, Seed
from raw2fig.stats import Z, proportion
from raw2fig.step import Output, step
from raw2fig.tables import write_table

BETA = 0.24
"""The paper's interaction."""
SLOPE, DIRECT, SHIFT = 0.35, 0.1, 0.4
"""The planted mediation: effects of synergy on success (logit), of treatment on success (logit), and of treatment on
synergy (standard deviations); together about the paper's mediated effect, 0.034."""
ERRORS = 2
"""Standard errors within which an estimate has found the truth: 95 % of them, if the errors are right."""


class Planted(Record):
    """How many tables are simulated, and how large they are."""

    tables: int = Field(ge=1, le=100_000, description="Number of simulated tables of each kind.")
    groups: int = Field(ge=20, le=10_000_000, description="Number of rows in a table with an interaction.")
    mediated_groups: int = Field(ge=20, le=10_000_000, description="Number of rows in a table with a mediated effect.")
    draws: int = Field(
        ge=2, le=1_000_000, description="Number of draws in the simulation that estimates a mediated effect."
    )


@step
def planted(*, table: Output, planted: Planted, seed: Seed = 0) -> None:
    """Measure in how many simulated tables the analyses find the planted interaction and mediated effect.

    Parameters
    ----------
    table
        CSV, a row for each analysis (interaction, acme): truth, mean of the estimates, groups, tables, within (2
        standard errors), share with its Wilson interval low and high.
    """
    import pandas as pd

    tables, groups, mediated_groups = planted.tables, planted.groups, planted.mediated_groups
    rng = np.random.default_rng(seed)
    effect = acme_of((0.0, DIRECT, SLOPE), 0.0, SHIFT, 1.0)
    found = {
        "interaction": (BETA, groups, [_interaction(groups, rng) for _ in range(tables)]),
        "acme": (effect, mediated_groups, [_mediation(mediated_groups, planted.draws, rng) for _ in range(tables)]),
    }
    rows: list[dict[str, Any]] = []
    for name, (truth, size, estimates) in found.items():
        values, errors = np.array(estimates).T
        within = int((np.abs(values - truth) <= ERRORS * errors).sum())
        share = proportion(within, tables)
        row = {"analysis": name, "truth": truth, "mean": values.mean(), "groups": size, "tables": tables}
        rows.append(row | {"within": within, "share": share.value, "low": share.low, "high": share.high})
    write_table(pd.DataFrame(rows), table)


def _interaction(groups: int, rng: np.random.Generator) -> tuple[float, float]:
    """Estimate and standard error of `BETA` in one table of three conditions without effects of their own."""
    import pandas as pd

    synergy, redundancy = rng.standard_normal((2, groups))
    success = rng.random(groups) < _logistic(BETA * synergy * redundancy)
    table = pd.DataFrame({"synergy": synergy, "redundancy": redundancy, "success": success.astype(float), "ipw": 1.0})
    rows = interaction(table.assign(condition=np.resize(["plain", "persona", "tom"], groups)))
    found = next(row for row in rows if row["term"] == "interaction")
    return found["beta"], found["se"]


def _mediation(groups: int, draws: int, rng: np.random.Generator) -> tuple[float, float]:
    """Estimate and standard error of the mediated effect in one table, half of it treated."""
    treated = np.resize([0.0, 1.0], groups)
    synergy = SHIFT * treated + rng.standard_normal(groups)
    success = (rng.random(groups) < _logistic(DIRECT * treated + SLOPE * synergy)).astype(float)
    found = mediate(success, synergy, treated, draws, int(rng.integers(2**31)))[0]
    return found["estimate"], (found["high"] - found["low"]) / (2 * Z)


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))

"""What the published numbers say about each claim (config/published/kimi_dev.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from raw2fig.papers.kimi_dev.claims_rates import rate_measurements
from raw2fig.papers.kimi_dev.claims_training import training_measurements
from raw2fig.papers.kimi_dev.published import Published, read_all
from raw2fig.step import Input, claims

if TYPE_CHECKING:
    from raw2fig.claims import Measurement


@claims
def measurements(
    *,
    workflow: Input,
    agents: Input,
    curves: Input,
    budgets: Input,
    skills: Input,
    data: Input,
    findings: Input,
    settings: Input,
    numbers: Input,
) -> Mapping[str, Measurement]:
    """Decide every claim by its criterion.

    Parameters
    ----------
    workflow
        Published rates of models in a workflow.
    agents
        Published rates of models as agents.
    curves
        Published points of three curves.
    budgets
        Published budgets of SFT.
    skills
        Published counts of cases by stage.
    data
        Published sizes of the data sets.
    findings
        What the paper says of figures without numbers.
    settings
        Published settings.
    numbers
        Other published numbers.
    """
    tables = read_all(
        workflow=workflow,
        agents=agents,
        curves=curves,
        budgets=budgets,
        skills=skills,
        data=data,
        findings=findings,
        settings=settings,
        numbers=numbers,
    )
    return published_measurements(tables)


def published_measurements(tables: Published) -> dict[str, Measurement]:
    """What the published numbers say."""
    return {**rate_measurements(tables), **training_measurements(tables)}

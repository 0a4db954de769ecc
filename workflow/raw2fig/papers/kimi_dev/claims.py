"""What the published numbers and our own runs say about each claim (config/published/kimi_dev.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from raw2fig.papers.kimi_dev.claims_rates import rate_measurements
from raw2fig.papers.kimi_dev.claims_training import training_measurements
from raw2fig.papers.kimi_dev.published import Published, read_all
from raw2fig.papers.kimi_dev.runs import (
    AUDITED,
    LOGGED,
    PLAYED,
    audit_measurements,
    pretrained_measurements,
    read_runs,
    real_measurements,
    run_measurements,
)
from raw2fig.papers.kimi_dev.runs_agents import ADAPTED, agent_measurements, pretrained_agents
from raw2fig.papers.kimi_dev.task_audit import TASKS
from raw2fig.step import Input, claims
from raw2fig.tables import read_table

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
    play: list[Input] | None = None,
    log: list[Input] | None = None,
    agents_of_runs: list[Input] | None = None,
    audit: list[Input] | None = None,
    real_tasks: Input | None = None,
    pretrained: list[Input] | None = None,
    agents_of_pretrained: list[Input] | None = None,
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
    play
        Tables of `raw2fig kimi-dev play`, of each replicate.
    log
        Logs of `raw2fig kimi-dev reinforce`, of each replicate.
    agents_of_runs
        Tables of `raw2fig kimi-dev adapt`, of each replicate.
    audit
        Audits of `raw2fig kimi-dev make-tasks`, of each replicate.
    real_tasks
        Tasks of `raw2fig kimi-dev audit-tasks`.
    pretrained
        Tables of `raw2fig kimi-dev play-issues`, of each pretrained model and replicate.
    agents_of_pretrained
        Tables of `raw2fig kimi-dev gather-agents`, of each replicate.
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
    runs = run_measurements(
        read_runs(play, PLAYED) if play else None,
        read_runs(log, LOGGED) if log else None,
    )
    return {
        **published_measurements(tables),
        **runs,
        **agent_measurements(read_runs(agents_of_runs, ADAPTED) if agents_of_runs else None),
        **audit_measurements(read_runs(audit, AUDITED) if audit else None),
        **real_measurements(read_table(real_tasks, TASKS, allow_empty=True) if real_tasks else None),
        **pretrained_measurements(read_runs(pretrained, PLAYED) if pretrained else None),
        **pretrained_agents(read_runs(agents_of_pretrained, ADAPTED) if agents_of_pretrained else None),
    }


def published_measurements(tables: Published) -> dict[str, Measurement]:
    """What the published numbers say."""
    return {**rate_measurements(tables), **training_measurements(tables)}

"""Tables of the published numbers beside what follows from them."""

from __future__ import annotations

from raw2fig.papers.kimi_dev.claims_rates import no_shares, printed
from raw2fig.papers.kimi_dev.claims_training import attempts, longest
from raw2fig.papers.kimi_dev.published import (
    BASE,
    GAIN,
    PRIOR,
    STAGE,
    cases,
    per_trajectory,
    read_agents,
    read_budgets,
    read_data,
    read_findings,
    read_skills,
    read_workflow,
    tasks,
    with_ends,
)
from raw2fig.published import as_printed, conflicts, in_percent, read_numbers, read_settings
from raw2fig.step import Input, table
from raw2fig.tables import Table, as_markdown


@table
def table_rates(*, workflow: Input, agents: Input, numbers: Input) -> Table:
    """All rates of Tables 1 and 2 with their intervals, and which are no share of all tasks.

    Parameters
    ----------
    workflow
        Published rates of models in a workflow.
    agents
        Published rates of models as agents.
    numbers
        Other published numbers.
    """
    items = tasks(read_numbers(numbers))
    rows = printed(read_workflow(workflow), read_agents(agents))
    rows = with_ends(rows, [in_percent(value, items) for value in rows["value"]]).round({"low": 1, "high": 1})
    rows[f"share of {items}"] = no_shares(rows, items).map({True: "no", False: "yes"})
    columns = ["table", "group", "model", "billions", "framework", "value", "low", "high", f"share of {items}"]
    found = rows[columns].fillna({"group": "", "framework": ""})
    text = (
        f"Percent of {items} tasks with 95 % intervals. A rate that is no share of {items} is a mean over runs, or was "
        "measured on fewer tasks. These are numbers of 2025: do not compare them with those of newer models.\n\n"
    )
    return Table(found, text + as_markdown(as_printed(found)))


@table
def table_budgets(*, budgets: Input, settings: Input) -> Table:
    """Budgets of SFT in tokens, per trajectory, and beside the longest trajectory.

    Parameters
    ----------
    budgets
        Published budgets of SFT.
    settings
        Published settings.
    """
    rows = per_trajectory(read_budgets(budgets))
    most = longest(read_settings(settings))
    found = rows.assign(
        printed=[f"{row.mantissa:g} x 2^{row.power}" for row in rows.itertuples()],
        ratio=(rows["mean"] / most).round(2),
    )[["trajectories", "printed", "tokens", "mean", "ratio"]].rename(
        columns={"mean": "tokens per trajectory", "ratio": "in longest trajectories"}
    )
    found = found.round({"tokens": 0, "tokens per trajectory": 0}).astype({"tokens": int, "tokens per trajectory": int})
    text = (
        f"The longest trajectory in training has {most:,} tokens. A ratio above 1 is more than one pass can have.\n\n"
    )
    return Table(found, text + as_markdown(found))


@table
def table_skills(*, skills: Input, numbers: Input) -> Table:
    """Cases of two priors by stage, in percent of all attempts, and what is gained of those not yet resolved.

    Parameters
    ----------
    skills
        Published counts of cases by stage.
    numbers
        Other published numbers.
    """
    import pandas as pd

    rows, tried = read_skills(skills), attempts(read_numbers(numbers))
    found = []
    for prior in (BASE, PRIOR):
        early, gained = (cases(rows, prior, when) for when in (STAGE, GAIN))
        found.append(
            {
                "prior": prior,
                STAGE: early,
                GAIN: gained,
                "end": early + gained,
                "end, percent": round(100 * (early + gained) / tried, 1),
                "gained of those not yet resolved, percent": round(100 * gained / (tried - early), 1),
            }
        )
    frame = pd.DataFrame(found)
    text = f"Cases of {tried:,} attempts, which are three runs of all tasks.\n\n"
    return Table(frame, text + as_markdown(as_printed(frame)))


@table
def table_data(*, data: Input) -> Table:
    """Sizes of the data sets and of their parts, and how often each is seen.

    Parameters
    ----------
    data
        Published sizes of the data sets.
    """
    found = read_data(data)[["set", "part", "value", "unit", "times", "source"]]
    return Table(found, as_markdown(as_printed(found)))


@table
def table_findings(*, findings: Input) -> Table:
    """What the paper says of figures whose numbers its text does not give.

    Parameters
    ----------
    findings
        What the paper says of figures without numbers.
    """
    found = read_findings(findings).fillna({"claim": ""})[["claim", "quantity", "finding", "source"]]
    return Table(found, as_markdown(found))


@table
def table_settings(*, settings: Input) -> Table:
    """All settings; those that two sources give differently are marked.

    Parameters
    ----------
    settings
        Published settings.
    """
    found = read_settings(settings)
    differ = conflicts(found).index
    found["sources differ"] = ["yes" if index in differ else "" for index in found.index]
    return Table(found, as_markdown(found))

"""Tables of the published numbers beside what follows from them."""

from __future__ import annotations

from raw2fig.papers.agentic_rl.published import (
    ALONE,
    AVERAGE,
    BENCHMARKS,
    OURS,
    PASS,
    RECIPES,
    STRONG,
    TOOLS,
    answers,
    read_data,
    read_final,
    read_sft,
    read_studies,
    score,
)
from raw2fig.papers.agentic_rl.sampled import solved
from raw2fig.published import as_printed, conflicts, read_numbers, read_settings
from raw2fig.step import Input, table
from raw2fig.tables import Table, as_markdown, rows_where

REMARKS = """Read it with three remarks:

- The same base model has {alone} without tools and {tools} with them before any training (AIME24 / AIME25). Part of the
  gain of DemyAgent-4B makes up for that loss.
- On LiveCodeBench-v6 DemyAgent-4B has {code}, less than its own base model without tools, {code_alone}.
- rStar2-Agent-14B is ahead on AIME24 and GPQA-Diamond.

There are no seeds and no deviations.
"""


@table
def table_sft(*, sft: Input, numbers: Input) -> Table:
    """Table 1, with the share of problems that were solved at least once if pass@32 was drawn with replacement.

    Parameters
    ----------
    sft
        Published accuracies after SFT.
    numbers
        Other published numbers.
    """
    rows = read_sft(sft)
    problems, samples = answers(read_numbers(numbers))
    key = ["base", "data", "benchmark"]
    order = list(dict.fromkeys(rows[key].itertuples(index=False, name=None)))
    wide = rows.pivot(index=key, columns="metric", values="value").loc[order, list(dict.fromkeys(rows["metric"]))]
    ranges = [solved(row[PASS], row[AVERAGE], problems, samples // problems) for _, row in wide.iterrows()]
    wide["plain pass@32, least"] = [round(100 * one[0] / problems, 1) for one in ranges]
    wide["plain pass@32, most"] = [round(100 * one[-1] / problems, 1) for one in ranges]
    found = wide.rename_axis(columns=None).reset_index()
    text = (
        "Percent, one SFT run of each. Printed values of pass@32 and maj@32 are no shares of 30 problems: the code "
        "draws 32 of the 32 samples with replacement. The last columns are what a plain pass@32 can have been then.\n\n"
    )
    return Table(found, text + as_markdown(as_printed(found)))


@table
def table_final(*, final: Input) -> Table:
    """Table 2, with three remarks.

    Parameters
    ----------
    final
        Published accuracies of the final comparison.
    """
    rows = read_final(final)
    key = ["group", "model"]
    order = list(dict.fromkeys(rows[key].itertuples(index=False, name=None)))
    wide = rows.pivot(index=key, columns="benchmark", values="value").loc[order, list(BENCHMARKS)]
    found = wide.rename_axis(columns=None).reset_index()
    alone, tools = (
        " / ".join(f"{score(rows, STRONG, name, group):g}" for name in BENCHMARKS[:2]) for group in (ALONE, TOOLS)
    )
    code = f"{score(rows, OURS, 'LiveCodeBench-v6'):g}"
    remarks = REMARKS.format(
        alone=alone, tools=tools, code=code, code_alone=f"{score(rows, STRONG, 'LiveCodeBench-v6', ALONE):g}"
    )
    return Table(found, as_markdown(as_printed(found)) + "\n" + remarks)


@table
def table_recipes(*, settings: Input) -> Table:
    """In which settings the three recipes differ.

    Parameters
    ----------
    settings
        Published settings.
    """
    rows = read_settings(settings)
    mine = rows[rows["stage"].isin(RECIPES)]
    order = list(dict.fromkeys(mine["setting"]))
    wide = mine.pivot(index="setting", columns="stage", values="value").loc[order, list(RECIPES)]
    found = wide.rename_axis(columns=None).reset_index()
    text = "DemyAgent-4B is GRPO-TCR with eps_high 0.315; the released script has 0.28.\n"
    return Table(found, as_markdown(found) + "\n" + text)


@table
def table_settings(*, settings: Input) -> Table:
    """All other settings; those that two sources give differently are marked.

    Parameters
    ----------
    settings
        Published settings.
    """
    rows = read_settings(settings)
    disputed = conflicts(rows).index
    found = rows[~rows["stage"].isin(RECIPES)].copy()
    found["sources differ"] = ["yes" if index in disputed else "" for index in found.index]
    return Table(found, as_markdown(found))


@table
def table_studies(*, studies: Input) -> Table:
    """What the other studies print: a number, or only what is said of a curve.

    Parameters
    ----------
    studies
        Published findings.
    """
    rows = read_studies(studies)
    found = rows[["study", "arm", "quantity", "value", "finding", "source"]].fillna({"finding": ""})
    return Table(found, as_markdown(as_printed(found)))


@table
def table_data(*, data: Input) -> Table:
    """Rows of the data sets and of their parts, and how many the parts lack.

    Parameters
    ----------
    data
        Published sizes of the data sets.
    """
    rows = read_data(data)[["set", "part", "rows", "source"]]
    lines = []
    for name in dict.fromkeys(rows["set"]):
        mine = rows_where(rows, set=name)
        whole, others = (mine.loc[mine["part"].eq("all") == is_all, "rows"].sum() for is_all in (True, False))
        lines.append(f"- {name}: {whole:,} rows, " + (f"parts of {others:,}" if others else "no parts printed"))
    return Table(rows, as_markdown(rows) + "\n" + "\n".join(lines) + "\n")

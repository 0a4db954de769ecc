"""The judge's flags: a figure of what they go with, and Tables A3 and A4 beside the published numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from raw2fig.claims import published_numbers
from raw2fig.papers.hal.rubrics import BEHAVIOURS, FAILURES, Flags, Row, read_flags
from raw2fig.plotting import Drawing, bars_with_intervals, canvas
from raw2fig.stats import Estimate
from raw2fig.step import Input, figure, table
from raw2fig.tables import Table

NAMES = {
    "instructionfollowing": "instruction violation",
    "tooluse": "tool-use failure",
    "environmentalbarrier": "environmental barrier",
    "selfcorrection": "self-correction",
    "verification": "verification",
}


def _read(rubrics: list[Path], rows: tuple[Row, ...]) -> dict[Row, Flags]:
    files = {path.stem: path for path in rubrics}
    return {row: read_flags(files[f"{row.benchmark}_{row.rubric}"], row.outcome) for row in rows}


def _beside(
    rubrics: list[Path] | None,
    published: Path,
    name: str,
    rows: tuple[Row, ...],
    shares: Callable[[Flags], dict[str, Estimate | float]],
) -> Table:
    """The published rows, each with what the authors' labels give, if there are any: a share has its interval."""
    import pandas as pd

    printed = {(row["benchmark"], row["rubric"]): row for row in published_numbers(published, name)}
    labels = _read(rubrics, rows) if rubrics else {}
    table = []
    for row in rows:
        there = printed[row.benchmark, row.rubric]
        values: dict[str, object] = {"benchmark": row.benchmark, "rubric": NAMES[row.rubric], "outcome": row.outcome}
        for title, found in shares(labels[row]).items() if row in labels else ():
            values[title] = found.value if isinstance(found, Estimate) else found
            if isinstance(found, Estimate):
                values |= {f"{title}, low": found.low, f"{title}, high": found.high, f"{title}, n": found.n}
        table.append(
            values | {f"{key}, published": there[key] for key in there if key not in ("benchmark", "rubric", "source")}
        )
    return Table(pd.DataFrame(table))


@table
def table_failures(*, rubrics: list[Input] | None = None, published: Input) -> Table:
    """Table A3: how often the judge flagged failed and successful transcripts.

    Parameters
    ----------
    rubrics
        The authors' rubric files, if a source of them is configured.
    published
        The published numbers.
    """

    def shares(flags: Flags) -> dict[str, Estimate | float]:
        return {"flag given failure": flags.flag_given(False), "flag given success": flags.flag_given(True)}

    return _beside(rubrics, published, "failures", FAILURES, shares)


@table
def table_behaviours(*, rubrics: list[Input] | None = None, published: Input) -> Table:
    """Table A4: how often transcripts succeed with a behaviour, and without it.

    Parameters
    ----------
    rubrics
        The authors' rubric files, if a source of them is configured.
    published
        The published numbers.
    """

    def shares(flags: Flags) -> dict[str, Estimate | float]:
        given = {"success given flag": flags.success_given(True), "success given no flag": flags.success_given(False)}
        return {**given, "difference": flags.difference, "ratio": flags.ratio}

    return _beside(rubrics, published, "behaviours", BEHAVIOURS, shares)


@figure
def fig_flags(*, rubrics: list[Input]) -> Drawing:
    """Figure 4: shares of transcripts with a flag among failed and successful ones, and success with and without a
    behaviour.

    Parameters
    ----------
    rubrics
        The authors' rubric files.
    """
    import pandas as pd

    failures, behaviours = (_read(rubrics, rows) for rows in (FAILURES, BEHAVIOURS))
    fig, (left, right) = canvas(12.0, 4.6, cols=2)
    panels = (
        (
            left,
            "P(flag | outcome)",
            {
                "failed": [flags.flag_given(False) for flags in failures.values()],
                "solved": [flags.flag_given(True) for flags in failures.values()],
            },
            failures,
        ),
        (
            right,
            "P(success | behaviour)",
            {
                "with it": [flags.success_given(True) for flags in behaviours.values()],
                "without": [flags.success_given(False) for flags in behaviours.values()],
            },
            behaviours,
        ),
    )
    rows = []
    for ax, title, series, found in panels:
        names = [f"{row.benchmark}\n{NAMES[row.rubric]}\n({row.outcome})" for row in found]
        bars_with_intervals(ax, names, series)
        ax.set(ylim=(0, 1), title=title)
        ax.tick_params(axis="x", labelrotation=90, labelsize=6)
        rows += [
            {"panel": title, "row": name.replace("\n", ", "), "series": label, **one._asdict()}
            for label, estimates in series.items()
            for name, one in zip(names, estimates, strict=True)
        ]
    total = sum(sum(flags) for flags in (failures | behaviours).values())
    return Drawing(
        fig,
        pd.DataFrame(rows),
        "",
        note=f"{total:,} labels of transcripts · 95 % intervals over transcripts",
    )

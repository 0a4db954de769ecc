"""Claims about the data of SFT and of RL, and about how Table 1 was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raw2fig.papers.agentic_rl.published import (
    AIME,
    ALONE,
    AVERAGE,
    FIFTY,
    MAJORITY,
    METRICS,
    PASS,
    REAL,
    STITCHED,
    STRONG,
    TOOLS,
    Published,
    after_sft,
    answers,
    parts,
    score,
    step,
    whole,
)
from raw2fig.papers.agentic_rl.sampled import solved
from raw2fig.published import off_grid, setting
from raw2fig.stats import Estimate, fact
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

LAST_DIGIT = 0.01
"""Table 1 has two decimals; some of its numbers are rounded and some are cut."""


def data_measurements(tables: Published) -> dict[str, Measurement]:
    """SFT, the diversity of the data of RL, and their sizes."""
    rows, final, single = tables.sft, tables.final, tables.numbers
    problems, samples = answers(single)
    averages = rows_where(rows, metric=AVERAGE)["value"]
    stitched, real = ({name: after_sft(rows, STRONG, data, name) for name in AIME} for data in (STITCHED, REAL))
    return {
        "C1": lambda: {metric: gains(rows, metric) for metric in METRICS},
        "C1b": lambda: {name: fact(stitched[name] - score(final, STRONG, name, TOOLS), 2) for name in AIME},
        "C1c": lambda: {name: fact(real[name] - score(final, STRONG, name, ALONE), 2) for name in AIME},
        "C1d": lambda: {
            name: fact(after_sft(rows, STRONG, STITCHED, name, MAJORITY) / stitched[name], 2) for name in AIME
        },
        "C2": lambda: {
            "table": fact(off_grid(real["AIME25"], samples), 1),
            "text": fact(off_grid(single["average@32 on AIME25, real, text"], samples), 1),
            "averages of the table": fact(sum(off_grid(one, samples) < LAST_DIGIT for one in averages), len(averages)),
        },
        "C2b": lambda: {
            name: fact(single[f"start on {name}, text"] - real[other], 2)
            for name, other in zip(AIME, reversed(AIME), strict=True)
        },
        "C3": lambda: {
            metric: fact(min(off_grid(one, problems) for one in rows_where(rows, metric=metric)["value"]), 8)
            for metric in (PASS, MAJORITY)
        },
        "C3b": lambda: fact(explained(rows, problems, samples // problems), 8),
        "C4": lambda: fact(
            1 - step(tables.studies, "diverse set", FIFTY) / step(tables.studies, "mathematics alone", FIFTY), 2
        ),
        "C7": lambda: fact(whole(tables.data, "RL") - int(parts(tables.data, "RL").sum()), 5),
        "C7b": lambda: fact(
            step(tables.studies, "GRPO-TCR", "steps of the run")
            * int(setting(tables.settings, "RL", "prompts of a step"))
            / whole(tables.data, "RL"),
            3,
        ),
    }


def gains(rows: pd.DataFrame, metric: str) -> dict[str, Estimate]:
    """Points that real trajectories gain over stitched ones, for each base model and benchmark."""
    return {
        f"{base}, {name}": fact(
            after_sft(rows, base, REAL, name, metric) - after_sft(rows, base, STITCHED, name, metric), 2
        )
        for base in rows["base"].unique()
        for name in AIME
    }


def explained(rows: pd.DataFrame, problems: int, samples: int) -> int:
    """Values of pass@32 that draws with replacement give for some number of solved problems, with their average."""
    wide = rows.pivot(index=["base", "data", "benchmark"], columns="metric", values="value")
    return sum(bool(solved(row[PASS], row[AVERAGE], problems, samples)) for _, row in wide.iterrows())

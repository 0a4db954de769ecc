"""Claims about the final comparison, Table 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raw2fig.papers.agentic_rl.published import (
    AIME,
    ALONE,
    BENCHMARKS,
    OURS,
    RIVAL,
    STRONG,
    TOOLS,
    Published,
    answers,
    score,
)
from raw2fig.published import chance, off_grid
from raw2fig.stats import fact

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

LARGER, LARGER_ALONE = "ReTool-32B", "DeepSeek-R1-Distill-32B"
"""Models of 32 billion weights, with tools and without."""
HALF_DIGIT = 0.05
"""What rounding may have changed of Table 2, which has one decimal."""


def final_measurements(tables: Published) -> dict[str, Measurement]:
    """DemyAgent-4B beside larger models and beside what it was made from."""
    rows = tables.final
    problems, samples = answers(tables.numbers)
    ours = {name: score(rows, OURS, name) for name in BENCHMARKS}
    return {
        "C16": lambda: {name: fact(ours[name] - score(rows, LARGER, name), 2) for name in AIME},
        "C16b": lambda: {
            "AIME24 over chance": fact(
                (ours["AIME24"] - score(rows, LARGER, "AIME24"))
                / chance(ours["AIME24"], score(rows, LARGER, "AIME24"), samples),
                2,
            ),
            "GPQA-Diamond": fact(ours["GPQA-Diamond"] - score(rows, LARGER_ALONE, "GPQA-Diamond", ALONE), 2),
        },
        "C16c": lambda: {
            name: fact(score(rows, RIVAL, name) - ours[name], 2) for name in ("AIME24", "GPQA-Diamond", "AIME25")
        },
        "C17": lambda: {name: fact(recovered(rows, name), 3) for name in BENCHMARKS},
        "C18": lambda: fact(ours["LiveCodeBench-v6"] - score(rows, STRONG, "LiveCodeBench-v6", ALONE), 2),
        "C19": lambda: fact(len(single_runs(rows, problems)), len(rows) // len(BENCHMARKS)),
    }


def recovered(rows: pd.DataFrame, benchmark: str) -> float:
    """Share of the gain over the base model with tools that only makes up for what tools cost the base model."""
    with_tools, alone = (score(rows, STRONG, benchmark, group) for group in (TOOLS, ALONE))
    return (alone - with_tools) / (score(rows, OURS, benchmark) - with_tools)


def single_runs(rows: pd.DataFrame, problems: int) -> list[tuple[str, str]]:
    """Group and name of models whose scores on both AIME sets are what one answer to each problem gives."""
    wide = rows.pivot(index=["group", "model"], columns="benchmark", values="value")
    return [
        (str(group), str(model))
        for (group, model), row in wide.iterrows()
        if all(off_grid(row[name], problems) < HALF_DIGIT for name in AIME)
    ]

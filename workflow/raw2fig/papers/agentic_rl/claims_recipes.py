"""Claims about the recipes of RL, the bound of the clip, and the reward."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raw2fig.papers.agentic_rl.published import (
    AIME,
    BASELINE,
    LEAD,
    OURS,
    PASS,
    REAL,
    RECIPE,
    SAME_ACCURACY,
    STRONG,
    Published,
    accuracy,
    after_sft,
    answers,
    score,
    step,
)
from raw2fig.papers.agentic_rl.tool_terms import PAPER, RELEASED, of_right, of_wrong
from raw2fig.published import chance, setting
from raw2fig.stats import fact
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

CALLS = range(9)
"""Calls of an answer for which rewards are compared."""


def recipe_measurements(tables: Published) -> dict[str, Measurement]:
    """What the recipes gain, in which settings they differ, and what the reward pays for."""
    runs, studies, settings, single = tables.recipes, tables.studies, tables.settings, tables.numbers
    _, samples = answers(single)
    after = {name: accuracy(runs, RECIPE, name) for name in AIME}
    lead = {name: accuracy(runs, LEAD, name) for name in AIME}
    final = {name: score(tables.final, OURS, name) for name in AIME}
    bonus = single["bonus of a call"]
    wrong = of_wrong(RELEASED, CALLS, single).tolist()

    def paid_for_a_call(term: str) -> float:
        none, one = of_right(term, (0, 1), single)
        return float(one - none)

    return {
        "C8": lambda: {name: fact(after[name] - accuracy(runs, BASELINE, name), 2) for name in AIME},
        "C8b": lambda: fact(
            step(studies, RECIPE, "step that passes the best of GRPO-T") / step(studies, RECIPE, "steps of the run"), 2
        ),
        "C8c": lambda: fact(len(differences(settings, BASELINE, RECIPE)), len(rows_where(settings, stage=RECIPE))),
        "C8d": lambda: fact(longest(settings, RECIPE) / longest(settings, BASELINE), 2),
        "C9": lambda: {name: fact(lead[name], 1) for name in AIME},
        "C9b": lambda: {
            name: fact(lead[name] / chance(after[name], after[name] - lead[name], samples), 2) for name in AIME
        },
        "C10b": lambda: {name: fact(after[name] - after_sft(tables.sft, STRONG, REAL, name, PASS), 2) for name in AIME},
        "C11": lambda: fact(1 - step(studies, "0.315", SAME_ACCURACY) / step(studies, "0.28", SAME_ACCURACY), 2),
        "C11b": lambda: {
            name: fact((final[name] - after[name]) / chance(final[name], after[name], samples), 2) for name in AIME
        },
        "C20": lambda: {
            "paper": fact(paid_for_a_call(PAPER) / bonus, 2),
            "code": fact(paid_for_a_call(RELEASED) / bonus, 2),
        },
        "C20b": lambda: {"smallest": fact(min(wrong), len(wrong)), "largest": fact(max(wrong), len(wrong))},
    }


def differences(settings: pd.DataFrame, one: str, other: str) -> list[str]:
    """The settings in which two recipes differ."""
    names = rows_where(settings, stage=one)["setting"]
    return [name for name in names if setting(settings, one, name) != setting(settings, other, name)]


def longest(settings: pd.DataFrame, recipe: str) -> int:
    """Tokens of a recipe's longest response."""
    return int(setting(settings, recipe, "longest response"))

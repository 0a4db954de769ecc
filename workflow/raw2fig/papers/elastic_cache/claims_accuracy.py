"""Claims about accuracy, tokens per forward and both together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from raw2fig.papers.elastic_cache.published import (
    ACCURACY,
    DREAM,
    ELASTIC,
    HEADLINE,
    NEWER,
    PARALLEL,
    PER_FORWARD,
    UNCACHED,
    Published,
    Setting,
    change,
    corrected,
    original,
    settings_of,
    speed_up,
    value_of,
)
from raw2fig.papers.elastic_cache.reruns import aup_again, change_again, forwards, items_of
from raw2fig.published import chance
from raw2fig.stats import Estimate, fact

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

DREAM_RERUN = "Dream-7B-Instruct"
"""The other Dream, which others ran."""


def accuracies(tables: Published) -> dict[str, Measurement]:
    """Accuracy, and tokens per forward."""
    results, again = tables.results, tables.independent
    rows = original(results)
    before, after = (value_of(corrected(results), HEADLINE, name, ACCURACY, NEWER) for name in (UNCACHED, ELASTIC))
    return {
        "C1d": lambda: {
            "change": fact(after - before, 2),
            "over chance": fact((after - before) / chance(before, after, items_of(again, HEADLINE)), 3),
        },
        "C8": lambda: {"change": {str(one): fact(change(rows, one), 2) for one in settings_of(rows)}},
        "C8b": lambda: {"change": {str(one): change_again(again, one) for one in settings_of(again)}},
        "C8c": lambda: {f"MATH-{length}": change_again(again, Setting("MATH", length)) for length in (256, 512)},
        "C9": lambda: {
            "change": {str(one): fact(change(rows, one, model=DREAM), 2) for one in settings_of(rows, DREAM)}
        },
        "C9b": lambda: {
            str(one): change_again(again, one, model=DREAM_RERUN) for one in settings_of(again, DREAM_RERUN)
        },
        "C10": lambda: {
            "MATH": {str(one): per_forward(again, one) for one in settings_of(again) if one.benchmark == "MATH"},
            "others": {str(one): per_forward(again, one) for one in settings_of(again) if one.benchmark != "MATH"},
        },
        "C10b": lambda: {
            "forwards": {
                str(one): fact(forwards(again, one, ELASTIC) / forwards(again, one, PARALLEL), 4)
                for one in settings_of(again)
            }
        },
        "C10c": lambda: below_in_aup(again),
    }


def per_forward(again: pd.DataFrame, setting: Setting) -> Estimate:
    """Tokens per forward over those of parallel decoding without a cache."""
    cached, exact = (value_of(again, setting, method, PER_FORWARD) for method in (ELASTIC, PARALLEL))
    return fact(cached / exact, 2)


def below_in_aup(again: pd.DataFrame) -> dict[str, Estimate]:
    """Settings in which AUP is lower than that of parallel decoding without a cache, is undefined, or tokens per second
    are lower."""
    settings = settings_of(again)
    pairs = [[aup_again(again, one, method) for method in (ELASTIC, PARALLEL)] for one in settings]
    lower = sum(own is not None and exact is not None and own < exact for own, exact in pairs)
    slower = sum(speed_up(again, one, over=PARALLEL) < 1 for one in settings)
    return {
        "lower": fact(lower, len(settings)),
        "undefined": fact(sum(own is None for own, _ in pairs), len(settings)),
        "slower": fact(slower, len(settings)),
    }

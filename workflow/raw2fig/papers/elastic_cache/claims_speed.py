"""Claims about speed: published speed-ups, their correction, and what others measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from raw2fig.papers.elastic_cache.ablations import at
from raw2fig.papers.elastic_cache.published import (
    ELASTIC,
    FAST_DLLM,
    HEADLINE,
    NEWER,
    PARALLEL,
    SPEED,
    SPEED_UP,
    UNCACHED,
    WITHDRAWN,
    Published,
    Setting,
    corrected,
    growth,
    original,
    settings_of,
    speed_up,
    value_of,
)
from raw2fig.papers.elastic_cache.reruns import corrected_speed, groups, implied_speed, printed_speed_ups, spread
from raw2fig.stats import Estimate, fact

if TYPE_CHECKING:
    from raw2fig.claims import Measured, Measurement

SHORT = Setting("GSM8K", 256)


def speeds(tables: Published) -> dict[str, Measurement]:
    """Speed-ups, their correction, and what others measured."""
    results, again = tables.results, tables.independent
    rows, true = original(results), corrected(results)
    said = value_of(rows, HEADLINE, ELASTIC, SPEED_UP, NEWER)
    truly = value_of(true, HEADLINE, ELASTIC, SPEED_UP, NEWER)
    printed = printed_speed_ups(results)
    fast = value_of(rows, HEADLINE, ELASTIC, SPEED, NEWER)
    return {
        "C1": lambda: fact(truly, 1),
        "C1b": lambda: fact(said / truly, 2),
        "C1c": lambda: {
            "correction": fact(corrected_speed(results) / fast, 3),
            "next paper": fact(implied_speed(tables.anchors, HEADLINE) / fast, 3),
            "run by others": fact(value_of(again, HEADLINE, ELASTIC, SPEED) / fast, 2),
        },
        "C2": lambda: fact(speed_up(again, SHORT), 2),
        "C2b": lambda: fact(speed_up(again, HEADLINE), 2),
        "C2c": lambda: lengths(lambda length: speed_up(again, Setting("MATH", length))),
        "C2d": lambda: lengths(lambda length: speed_up(again, Setting("HumanEval", length))),
        "C2e": lambda: fact(sum(not one.explained() for one in printed), len(printed)),
        "C3": lambda: {
            "growth": {
                name: fact(speed_up(again, Setting(name, 512)) / speed_up(again, Setting(name, 256)), 4)
                for name in (*WITHDRAWN, "HumanEval")
            }
        },
        "C3b": lambda: {
            "published": {name: fact(growth(rows, name), 2) for name in WITHDRAWN},
            "re-measured": {name: fact(growth(again, name), 2) for name in WITHDRAWN},
        },
        "C3c": lambda: {
            "published": fact(growth(rows, "HumanEval"), 2),
            "re-measured": fact(growth(again, "HumanEval"), 2),
        },
        "C4": lambda: over_fast_dllm(tables, SHORT),
        "C4b": lambda: {
            "ratio": {str(one): fact(speed_up(again, one, over=FAST_DLLM), 2) for one in settings_of(again)}
        },
        "C4c": lambda: over_fast_dllm(tables, HEADLINE),
        "C5": lambda: lengths(lambda length: speed_up(again, Setting("GSM8K", length), over=PARALLEL)),
        "C5b": lambda: fact(at(tables.ablations, "gamma", "0.9", SPEED) / uncached(tables), 2),
        "C6": lambda: groups_agree(tables),
        "C6b": lambda: {
            str(length): fact(
                value_of(rows, Setting("HumanEval", length), UNCACHED, SPEED)
                / value_of(again, Setting("HumanEval", length), UNCACHED, SPEED),
                2,
            )
            for length in (256, 512)
        },
    }


def lengths(measured: Callable[[int], float]) -> dict[str, Estimate]:
    """A measure with 256 and 512 tokens."""
    return {str(length): fact(measured(length), 2) for length in (256, 512)}


def over_fast_dllm(tables: Published, setting: Setting) -> dict[str, Estimate]:
    """Throughput over that of Fast-dLLM, in the paper and as others ran both."""
    rows = {"published": original(tables.results), "re-measured": tables.independent}
    return {name: fact(speed_up(found, setting, over=FAST_DLLM), 2) for name, found in rows.items()}


def uncached(tables: Published) -> float:
    """Throughput without a cache in the ablation of gamma, with parallel decoding."""
    return at(tables.ablations, "gamma", "no cache", SPEED)


def groups_agree(tables: Published) -> Measured:
    """Largest over smallest throughput on GSM8K: of what three groups ran, and of Elastic-Cache, which two ran."""
    rows, again = original(tables.results), tables.independent
    found = {
        f"{method} {length}": fact(spread(speeds), 3)
        for length in (256, 512)
        for method, speeds in groups(tables.results, again, tables.fast_dllm, Setting("GSM8K", length)).items()
    }
    own = [value_of(source, HEADLINE, ELASTIC, SPEED) for source in (rows, again)]
    return {"other methods": found, "Elastic-Cache 512": fact(spread(own), 2)}

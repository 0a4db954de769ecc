"""Claims about ablations, other caches, memory and other models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from raw2fig.papers.elastic_cache.ablations import at, gigabytes, out_of_order, range_at, series, widest
from raw2fig.papers.elastic_cache.published import (
    ACCURACY,
    ELASTIC,
    FAST_DLLM,
    HEADLINE,
    NEWER,
    SPEED,
    UNCACHED,
    Published,
    Setting,
    original,
    speed_up,
    value_of,
)
from raw2fig.papers.elastic_cache.reruns import corrected_speed, items_of, spread
from raw2fig.published import chance, number_in
from raw2fig.stats import Estimate, fact
from raw2fig.tables import rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

SIMILARITY = "similarity of consecutive keys and values"
PORT = "block-causal LLaDA2.1, steps of a block"


def choices(tables: Published) -> dict[str, Measurement]:
    """Ablations."""
    rows, windows, single = tables.ablations, tables.windows, tables.numbers
    items = items_of(tables.independent, HEADLINE)
    without = at(rows, "gamma", "no cache", ACCURACY)
    gamma = {name: at(rows, "gamma", name, ACCURACY) for name in ("0.5", "0.95")}
    small = [size for size in windows["size"].unique() if size <= 32]
    return {
        "C11": lambda: order(rows, "gamma"),
        "C11b": lambda: {
            "0.95": fact(abs(gamma["0.95"] - without) / chance(gamma["0.95"], without, items), 3),
            "0.5": fact(abs(gamma["0.5"] - without) / chance(gamma["0.5"], without, items), 3),
        },
        "C12": lambda: order(rows, "epsilon"),
        "C12b": lambda: fact(at(rows, "epsilon", "1.0", SPEED) / at(rows, "epsilon", "no cache", SPEED), 2),
        "C13": lambda: {
            "range up to 32": fact(widest(windows, "sliding", small), len(small)),
            "loss at 128": fact(range_at(windows, "sliding", 32)[0] - range_at(windows, "sliding", 128)[1], 2),
        },
        "C13b": lambda: {
            "4": fact(range_at(windows, "sliding", 4)[0] - range_at(windows, "blocks", 4)[1], 2),
            "64": fact(range_at(windows, "blocks", 64)[0] - range_at(windows, "sliding", 64)[1], 2),
        },
        "C14": lambda: fact(single["block caching on, tokens/s"] / single["block caching off, tokens/s"], 2),
        "C15": lambda: {name: fact(margin(single, name), 2) for name in ("lowest", "highest")},
        "C15b": lambda: fact(max(margin(single, name) for name in ("lowest", "highest")), 4),
    }


def others(tables: Published) -> dict[str, Measurement]:
    """Other caches, memory, and other kinds of models."""
    caches, memory, single = tables.caches, tables.memory, tables.numbers
    rows = original(tables.results)
    next_best = number_in(caches, method="DeepCache, N = 20", metric=SPEED)
    slowest = number_in(caches, method="DeepCache, other variants", metric="tokens/s, lowest")
    own = number_in(caches, method=ELASTIC, metric=SPEED)
    needs = {name: rows_where(memory, method=name).set_index("length")["value"] for name in memory["method"].unique()}
    pictures = Setting("MathVerse", 256)
    return {
        "C16b": lambda: {
            "speed": fact(own / next_best, 2),
            "accuracy": fact(
                number_in(caches, method=ELASTIC, metric=ACCURACY)
                - number_in(caches, method="DeepCache, other variants", metric="accuracy, highest"),
                2,
            ),
            "corrected speed": fact(corrected_speed(tables.results) / slowest, 3),
        },
        "C16c": lambda: fact(
            spread([own, value_of(rows, HEADLINE, ELASTIC, SPEED, NEWER), single["block caching on, tokens/s"]]), 3
        ),
        "C17": lambda: {
            name: {str(length): fact(share, 2) for length, share in (needs[ELASTIC] / needs[name]).items()}
            for name in (UNCACHED, FAST_DLLM)
        },
        "C17b": lambda: fact((needs[ELASTIC][512] - needs[ELASTIC][256]) / gigabytes(single, 256), 6),
        "C18": lambda: {
            "speed": fact(speed_up(rows, pictures, over=FAST_DLLM, model="LLaDA-V"), 2),
            "accuracy": fact(
                value_of(rows, pictures, ELASTIC, ACCURACY, "LLaDA-V")
                - value_of(rows, pictures, FAST_DLLM, ACCURACY, "LLaDA-V"),
                2,
            ),
        },
        "C19": lambda: fact(
            single["beside the consistency-distilled model, accuracy"]
            - single["consistency-distilled model, accuracy"],
            2,
        ),
        "C20": lambda: {
            f"gamma {gamma}": fact(single[f"{PORT}, gamma {gamma}"] / single[f"{PORT}, uncached"], 2)
            for gamma in ("0.9", "0.98")
        },
    }


def order(rows: pd.DataFrame, ablation: str) -> dict[str, Estimate]:
    """Steps of an ablation that go against the order, of each measure."""
    found = {metric: series(rows, ablation, metric) for metric in ("update frequency", ACCURACY, SPEED)}
    return {metric: fact(out_of_order(values), len(values)) for metric, values in found.items()}


def margin(single: Mapping[str, float], end: str) -> float:
    """Similarity of the most attended token less that of the mean token."""
    return round(single[f"{SIMILARITY}, most attended, {end}"] - single[f"{SIMILARITY}, mean, {end}"], 6)

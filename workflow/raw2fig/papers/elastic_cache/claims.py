"""What the published numbers say about each claim (config/published/elastic_cache.yaml)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from raw2fig.papers.elastic_cache.claims_accuracy import accuracies
from raw2fig.papers.elastic_cache.claims_choices import choices, others
from raw2fig.papers.elastic_cache.claims_speed import speeds
from raw2fig.papers.elastic_cache.own_claims import mini_measurements, released_measurements
from raw2fig.papers.elastic_cache.published import (
    Published,
    read_ablations,
    read_anchors,
    read_caches,
    read_fast_dllm,
    read_independent,
    read_memory,
    read_results,
    read_windows,
)
from raw2fig.papers.elastic_cache.runs import read_benchmarks, read_layers, read_measured, read_times
from raw2fig.published import read_numbers
from raw2fig.step import Input, claims

if TYPE_CHECKING:
    from raw2fig.claims import Measurement


@claims
def measurements(
    *,
    results: Input,
    independent: Input,
    fast_dllm: Input,
    caches: Input,
    ablations: Input,
    windows: Input,
    memory: Input,
    anchors: Input,
    numbers: Input,
    measured: Input | None = None,
    layers: Input | None = None,
    times: Input | None = None,
    harness: Input | None = None,
) -> Mapping[str, Measurement]:
    """Decide every claim by its criterion.

    Parameters
    ----------
    results
        Published accuracies and throughputs, and what the authors corrected.
    independent
        The same methods as others ran them.
    fast_dllm
        Fast-dLLM's own table.
    caches
        Published numbers of other caches.
    ablations
        Published ablations of gamma and epsilon.
    windows
        Published ablations of windows.
    memory
        Published peak memory.
    anchors
        Speeds of other systems, with their conditions.
    numbers
        Other published numbers.
    measured, layers, times
        Our own decoders, what an exact one shows by layer, and seconds of steps, if they were run.
    harness
        Benchmarks of released models, if any was run.
    """
    tables = Published(
        read_results(results),
        read_independent(independent),
        read_fast_dllm(fast_dllm),
        read_caches(caches),
        read_ablations(ablations),
        read_windows(windows),
        read_memory(memory),
        read_anchors(anchors),
        read_numbers(numbers),
    )
    own = mini_measurements(
        read_measured(measured) if measured else None,
        read_layers(layers) if layers else None,
        read_times(times) if times else None,
    )
    released = released_measurements(read_benchmarks(harness) if harness else None)
    return {**published_measurements(tables), **own, **released}


def published_measurements(tables: Published) -> dict[str, Measurement]:
    """What the published numbers say."""
    return {**speeds(tables), **accuracies(tables), **choices(tables), **others(tables)}

"""`raw2fig elastic-cache latency`: seconds of a step by length, on random weights and with forced schedules.

Latency only: a network of random weights says nothing about accuracy, similarity or how many steps an answer takes. A
schedule says which share of the layers computes all positions; its seconds are measured at both ends, and steps with a
share between cost what lies between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from raw2fig.clock import timed
from raw2fig.lm.models import Shape, parse_size
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Output, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    from raw2fig.papers.elastic_cache.model import MaskedDiffusion

FULL, SUFFIX, WINDOW = "all positions", "half of them", "window"
TESTED, FIRST = "window, with the drift test", "window, then all from layer 1"
KINDS = (FULL, SUFFIX, FIRST, TESTED, WINDOW)


class Latency(Record):
    """What is timed."""

    latency_shape: Shape = Field(description="Hidden width, layers and heads of the network, as 64/6/4.")
    inner: int = Field(ge=1, description="Width of the feed-forward layers over the hidden width.")
    vocabulary: int = Field(ge=2, description="Tokens that it knows.")
    lengths: list[int] = Field(min_length=1, description="Positions of prompt and answer (T).")
    rows: int = Field(ge=1, description="Positions that a windowed step computes.")
    samples: list[int] = Field(min_length=1, description="Samples that are decoded together.")
    times: int = Field(ge=3, description="How often each is timed, in turn, after one round that is not.")


@step
def latency(*, table: Output, latency: Annotated[Latency, At("latency")], seed: Seed = 0) -> None:
    """Time forward steps that compute all positions, half of them, or a window.

    Parameters
    ----------
    table
        A row for each length, number of samples, kind of step and round: seconds.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for length in latency.lengths:
        diffusion = random_network(latency, length, seed)
        for samples in latency.samples:
            for number in range(latency.times + 1):
                for kind in KINDS:
                    seconds = step_seconds(diffusion, length, samples, min(latency.rows, length), kind)
                    if number:  # the first round warms up
                        row = {"length": length, "samples": samples, "kind": kind, "round": number}
                        rows.append(row | {"seconds": seconds, "rows": min(latency.rows, length)})
    write_table(pd.DataFrame(rows), table)


def random_network(settings: Latency, length: int, seed: int) -> MaskedDiffusion:
    """A network of random weights, on a GPU in bfloat16 if there is one."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from raw2fig.papers.elastic_cache.model import MaskedDiffusion

    size = parse_size(settings.latency_shape)
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=settings.vocabulary,
        hidden_size=size.hidden,
        intermediate_size=round(settings.inner * size.hidden),
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        max_position_embeddings=length,
    )
    on_gpu = torch.cuda.is_available()
    network: Any = LlamaForCausalLM(config).eval()
    network = network.to("cuda", torch.bfloat16) if on_gpu else network
    return MaskedDiffusion(network, 0, 1)


def step_seconds(diffusion: MaskedDiffusion, length: int, samples: int, rows: int, kind: str) -> float:
    """Seconds of one step. All positions are cached before it."""
    import torch

    from raw2fig.papers.elastic_cache.cache import new_cache
    from raw2fig.papers.elastic_cache.forward import Asked, DriftTest, forward

    ids = torch.randint(2, diffusion.network.config.vocab_size, (samples, length), device=diffusion.device)
    testing = kind in (TESTED, FIRST)
    cache = new_cache(diffusion, [length] * samples, tracking=testing, elastic=testing)
    window = list(range(length - rows, length))
    forward(diffusion, cache, ids, [Asked(sample, None, window) for sample in range(samples)])
    query = {FULL: None, SUFFIX: list(range(length // 2, length))}.get(kind, window)
    tracked, looking = (window[:1], window) if testing else ([], [])
    asked = [Asked(sample, query, window, tracked, looking) for sample in range(samples)]
    # every similarity is above -2 and below 2: no layer computes all positions, or all but the first do
    test = DriftTest(-2.0 if kind == TESTED else 2.0, "keys") if testing else None
    return timed(lambda: forward(diffusion, cache, ids, asked, test), diffusion.device)[1]

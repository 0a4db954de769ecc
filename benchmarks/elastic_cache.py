"""Speed of masked-diffusion decoders, each beside the usual way, on one thread and random weights.

    python benchmarks/elastic_cache.py

Batches: Elastic-Cache for one prompt after the other by a plain program of Algorithm 1 with explicit attention, and by
ours for 1, 8 and 32 prompts together. Both must give the same answers. In two sizes: of the miniature, and longer and
wider, where one prompt alone keeps a processor busy.

Attention: a step with all positions whose attention is computed by `scaled_dot_product_attention`, with the rows of the
window and of tracked tokens beside it, against one that computes the whole matrix.

Lengths: seconds of a step with all of 1,024 positions over those of a step with a window of 24, by width.

Methods: token-layer updates and seconds of every method, one token a step, so that all take as many steps.

Seconds are those of the processor. Ways run in turn, round after round, and are compared within a round. Random weights
say nothing about accuracy or similarity.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from raw2fig.clock import timed
from raw2fig.papers.elastic_cache import forward as engine
from raw2fig.papers.elastic_cache.accounting import measures
from raw2fig.papers.elastic_cache.cache import Cache, Layout, new_cache
from raw2fig.papers.elastic_cache.decoders import Decoded, decode
from raw2fig.papers.elastic_cache.decoding import Decoding
from raw2fig.papers.elastic_cache.forward import Asked, forward
from raw2fig.papers.elastic_cache.latency import FULL, WINDOW, step_seconds
from raw2fig.papers.elastic_cache.model import MaskedDiffusion
from raw2fig.tables import write_json

RESULT = Path(__file__).parents[1] / "build" / "bench" / "elastic_cache.json"
MASK, EOS, VOCABULARY = 0, 1, 256
SIZES = {"miniature": (64, 42, 48), "longer": (128, 192, 64)}
"""Width of the network, tokens of a prompt and of an answer."""
WIDTH, PROMPT, ANSWER = SIZES["longer"]
SETTINGS: dict[str, Any] = {
    "method": "elastic",
    "length": ANSWER,
    "epsilon": None,
    "steps": ANSWER,
    "block": 16,
    "extra_forward": True,
    "window": 16,
    "block_caching": True,
    "track": 1,
    "gamma": 0.9,
    "drift": "keys",
    "interval": 8,
    "eos_stop": False,
    "suppress_eos": False,
    "temperature": 0.0,
    "remasking": "low_confidence",
}


def network(positions: int, width: int = WIDTH) -> MaskedDiffusion:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=6,
        num_attention_heads=4,
        max_position_embeddings=positions,
        initializer_range=0.1,
    )
    return MaskedDiffusion(LlamaForCausalLM(config).eval(), MASK, EOS)


@torch.no_grad()
def plainly(diffusion: MaskedDiffusion, prompt: list[int], settings: Decoding) -> list[int]:
    """Algorithm 1 for one prompt, one token a step, as one would write it down: explicit attention of all rows."""
    decoder, head = diffusion.decoder, diffusion.network.lm_head
    total = len(prompt) + settings.length
    ids = torch.tensor([*prompt, *[MASK] * settings.length])
    cosine, sine = (one[0] for one in decoder.rotary_emb(torch.zeros(1), torch.arange(total)[None]))
    size = decoder.layers[0].self_attn.head_dim

    def rotated(heads: torch.Tensor, at: torch.Tensor) -> torch.Tensor:
        first, second = heads.chunk(2, -1)
        return heads * cosine[at] + torch.cat([-second, first], -1) * sine[at]

    stored: list[dict[str, torch.Tensor]] = [{} for _ in decoder.layers]
    tracked: list[int] = []
    new: list[int] = []
    masked = list(range(len(prompt), total))
    first_step = True
    while masked:
        window = masked[: settings.window]
        at = torch.arange(total) if first_step else torch.tensor(sorted({*tracked, *new, *window}))
        hidden, refreshed = decoder.embed_tokens(ids[at]), first_step
        union: set[int] = set()
        boundary = False
        for own, layer in zip(stored, decoder.layers, strict=True):
            if boundary and not refreshed:
                own["inputs"][at] = hidden
                hidden, at, refreshed = own["inputs"].clone(), torch.arange(total), True
            own.setdefault("inputs", torch.zeros(total, hidden.shape[1]))[at] = hidden
            states = layer.input_layernorm(hidden)
            attention = layer.self_attn
            parts = [
                project(states).view(len(at), -1, size).transpose(0, 1)
                for project in (attention.q_proj, attention.k_proj, attention.v_proj)
            ]
            fresh = {"query": rotated(parts[0], at), "key": rotated(parts[1], at), "value": parts[2]}
            old = None
            if not refreshed:
                old = (own["query"][:, tracked] @ own["key"].transpose(1, 2) / size**0.5).softmax(-1)
            for name, part in fresh.items():
                own.setdefault(name, torch.zeros(len(part), total, size))[:, at] = part
            weights = (fresh["query"] @ own["key"].transpose(1, 2) / size**0.5).softmax(-1)
            place = {position: row for row, position in enumerate(at.tolist())}
            if old is not None:
                now = weights[:, [place[token] for token in tracked]]
                similar = torch.nn.functional.cosine_similarity(old, now, dim=2).mean()
                boundary = bool(similar < settings.gamma)
            sums = weights[:, [place[position] for position in window]].sum((0, 1))
            sums[masked] = -1
            union.add(int(sums.argmax()))
            hidden = hidden + attention.o_proj((weights @ own["value"]).transpose(0, 1).reshape(len(at), -1))
            hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
        rows = [place_of for place_of, position in enumerate(at.tolist()) if position in set(window)]
        logits = head(decoder.norm(hidden[rows])).double()
        logits[:, MASK] = -torch.inf
        chosen = int(logits.softmax(-1).max(-1).values.argmax())
        ids[window[chosen]] = int(logits[chosen].argmax())
        new, tracked, first_step = [window[chosen]], sorted(union), False
        masked = [position for position in masked if position != window[chosen]]
    return ids[len(prompt) :].tolist()


def decoded(diffusion: MaskedDiffusion, parts: list[list[list[int]]], settings: Decoding) -> list[list[Decoded]]:
    """Answers of all prompts, a part after the other."""
    return [decode(diffusion, part, settings) for part in parts]


def batches(rounds: int, prompts: int, size: str) -> list[dict[str, Any]]:
    """Answer tokens per second of the plain program and of ours by batch."""
    width, tokens, length = SIZES[size]
    diffusion = network(tokens + length, width)
    settings = Decoding(**SETTINGS | {"length": length, "steps": length})
    draw = torch.Generator().manual_seed(0)
    asked = torch.randint(2, VOCABULARY, (prompts, tokens), generator=draw).tolist()
    few = asked[: max(1, prompts // 8)]
    rates: dict[str, list[float]] = {}
    for number in range(rounds):
        plain, seconds = timed(lambda: [plainly(diffusion, one, settings) for one in few], diffusion.device)
        rates.setdefault("plain program", []).append(len(few) * length / seconds)
        for batch in (1, 8, 32):
            some = few if batch == 1 else asked
            parts = [some[start : start + batch] for start in range(0, len(some), batch)]
            found, seconds = timed(
                lambda parts=parts: [decode(diffusion, part, settings) for part in parts], diffusion.device
            )  # type: ignore[misc]
            rates.setdefault(f"ours, {batch} together", []).append(len(some) * length / seconds)
            answers = [one.response for part in found for one in part][: len(few)]
            same = sum(
                a == b for one, other in zip(answers, plain, strict=True) for a, b in zip(one, other, strict=True)
            )
            if not number and same < 0.99 * len(few) * length:
                raise RuntimeError(f"{batch} together give other answers than the plain program")
    first, alone = rates["plain program"], rates["ours, 1 together"]
    return [
        {
            "way": f"{size}: {way}",
            "tokens/s": median(values),
            "over the plain program": median(value / base for value, base in zip(values, first, strict=True)),
            "over ours alone": median(value / base for value, base in zip(values, alone, strict=True)),
        }
        for way, values in rates.items()
    ]


def whole(cache: Cache, number: int, layout: Layout, query: torch.Tensor, scale: float) -> torch.Tensor:
    """Attention with the whole matrix, as the drift test and the choice of tokens would read it."""
    ((side, rows),) = layout.sides
    keys, values = (side.of(cache, one[number]).transpose(1, 2) for one in (cache.keys, cache.values[:]))
    weights = (side.pad(query).transpose(1, 2) @ keys.transpose(2, 3) * scale).softmax(-1)
    return side.pack((weights @ values).transpose(1, 2)).reshape(rows, -1)


def attention(rounds: int, length: int) -> list[dict[str, Any]]:
    """Seconds of a step with all positions by both ways."""
    diffusion = network(length)
    ids = torch.randint(2, VOCABULARY, (1, length))
    window = list(range(length - 16, length))
    asked = [Asked(0, None, window, (), window, window)]
    seconds: dict[str, list[float]] = {"tracked rows beside sdpa": [], "whole matrix": []}
    for _ in range(rounds + 1):
        for way, found in seconds.items():
            cache = new_cache(diffusion, [length], tracking=True, elastic=True)
            with patch.object(engine, "_attend", whole if way == "whole matrix" else engine._attend):
                found.append(timed(partial(forward, diffusion, cache, ids, asked), diffusion.device)[1])
    base = seconds["whole matrix"][1:]
    return [
        {
            "way": way,
            "ms": 1000 * median(found[1:]),
            "speed": median(other / one for one, other in zip(found[1:], base, strict=True)),
        }
        for way, found in seconds.items()
    ]


def lengths(rounds: int) -> list[dict[str, Any]]:
    """How much faster a windowed step is on 1,024 positions."""
    rows = []
    for width in (64, 128, 256):
        diffusion = network(1024, width)
        found: dict[str, list[float]] = {FULL: [], WINDOW: []}
        for _ in range(2 * rounds + 1):
            for kind, seconds in found.items():
                seconds.append(step_seconds(diffusion, 1024, 1, 24, kind))
        ratios = [whole / part for whole, part in zip(found[FULL][1:], found[WINDOW][1:], strict=True)]
        rows.append({"width": str(width), "ms of a window": 1000 * median(found[WINDOW][1:]), "times": median(ratios)})
    return rows


def methods(prompts: int) -> list[dict[str, Any]]:
    """Updates and seconds of every method."""
    diffusion = network(PROMPT + ANSWER)
    draw = torch.Generator().manual_seed(1)
    asked = torch.randint(2, VOCABULARY, (prompts, PROMPT), generator=draw).tolist()
    rows = []
    for method in ("uncached", "prefix", "dual", "window", "elastic", "interval"):
        settings = Decoding(**{**SETTINGS, "method": method})
        found, seconds = timed(partial(decode, diffusion, asked, settings), diffusion.device)
        counted = [measures(diffusion, one) for one in found]
        updates = sum(row["updates"] for row in counted) / prompts
        rows.append({"method": method, "updates": updates, "seconds": seconds / prompts})
    for row in rows:
        row["of the updates"] = row["updates"] / rows[0]["updates"]
        row["of the seconds"] = row["seconds"] / rows[0]["seconds"]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="Times that each way runs.")
    parser.add_argument("--prompts", type=int, default=32, help="Prompts that are decoded.")
    options = parser.parse_args()
    torch.set_num_threads(1)
    result = {
        "batches": [row for size in SIZES for row in batches(options.rounds, options.prompts, size)],
        "lengths": lengths(options.rounds),
        "attention": attention(options.rounds, 1024),
        "methods": methods(options.prompts),
    }
    for name, rows in result.items():
        for row in rows:
            cells = [f"{value:.2f} {key}" if isinstance(value, float) else f"{value:28s}" for key, value in row.items()]
            print(f"{name:10s} " + "  ".join(cells), flush=True)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    write_json(result, RESULT)


if __name__ == "__main__":
    main()

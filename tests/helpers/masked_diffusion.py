"""Tiny masked-diffusion models with random weights, and decoding as the papers write it down: one sample, explicit
softmax, no engine."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import torch

    from raw2fig.papers.elastic_cache.decoding import Decoding
    from raw2fig.papers.elastic_cache.model import MaskedDiffusion

VOCABULARY, MASK, EOS = 24, 23, 22
PROMPTS = [[5, 6, 7, 8, 9, 10, 11, 12, 3], [3, 4, 5], [9, 8, 7, 6, 5], [1, 2, 3, 4, 5, 6, 7]]
"""Prompts of unequal lengths."""
SETTINGS: dict[str, Any] = {
    "method": "elastic",
    "length": 16,
    "epsilon": None,
    "steps": 16,
    "block": 4,
    "extra_forward": False,
    "window": 4,
    "block_caching": True,
    "track": 1,
    "gamma": 0.9,
    "drift": "keys",
    "interval": 3,
    "eos_stop": False,
    "suppress_eos": False,
    "temperature": 0.0,
    "remasking": "low_confidence",
}


def decoding(**changes: Any) -> Decoding:
    from raw2fig.papers.elastic_cache.decoding import Decoding

    return Decoding(**{**SETTINGS, **changes})


def tiny(
    layers: int = 3, family: str = "Llama", key_heads: int = 4, dtype: str = "float64", seed: int = 0
) -> MaskedDiffusion:
    """A model whose predictions depend on what was unmasked, some of them confident; Qwen2 with shifted logits, as
    Dream has them. In float64 a decision does not depend on how many rows a product has."""
    import torch
    import transformers

    from raw2fig.papers.elastic_cache.model import MaskedDiffusion

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    config = getattr(transformers, f"{family}Config")(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=key_heads,
        max_position_embeddings=128,
        initializer_range=0.35,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=EOS,
        pad_token_id=None,
    )
    network = getattr(transformers, f"{family}ForCausalLM")(config).eval().to(getattr(torch, dtype))
    return MaskedDiffusion(network, MASK, EOS, shifted=family == "Qwen2")


def plain_logits(diffusion: MaskedDiffusion, ids: Sequence[int]) -> torch.Tensor:
    """Logits (positions, vocabulary) of Hugging Face's own forward, in which every position sees all others."""
    import torch

    mask = torch.ones(1, 1, len(ids), len(ids), dtype=torch.bool)
    with torch.no_grad():
        return diffusion.network(torch.tensor([list(ids)]), attention_mask=mask, use_cache=False).logits[0]


def plain_window(diffusion: MaskedDiffusion, prompt: Sequence[int], settings: Decoding) -> tuple[list[int], int]:
    """Answer and forwards of decoding without a cache: the leftmost masks or those of a block, chosen from Hugging
    Face's own forward."""
    ids = [*prompt, *[MASK] * settings.length]
    masked = list(range(len(prompt), len(ids)))
    forwards, ended, block, stage = 0, False, len(prompt), 0
    while masked:
        if settings.blockwise:
            while not [at for at in masked if at < block + settings.block]:
                block, stage = block + settings.block, 0
            window = [at for at in masked if at < block + settings.block]
            share = settings.steps * settings.block // settings.length
            count = settings.block // share + (stage < settings.block % share)
        else:
            window = masked[: settings.window]
            count = settings.length // settings.steps + (forwards < settings.length % settings.steps)
        logits = plain_logits(diffusion, ids)
        forwards, stage = forwards + 1, stage + 1
        _, ended, masked = choose(logits, ids, masked, window, count, ended, settings, diffusion.shifted)
    return ids[len(prompt) :], forwards


def choose(
    logits: torch.Tensor,
    ids: list[int],
    masked: list[int],
    window: list[int],
    count: int,
    ended: bool,
    settings: Decoding,
    shifted: bool,
) -> tuple[list[int], bool, list[int]]:
    """Write into `ids` what `logits` of all positions say: what was unmasked, whether it ended, and what is left."""
    best = {}
    for at in window:
        row = logits[at - shifted].double().clone()
        row[MASK] = -float("inf")
        probability = row.softmax(0)
        best[at] = (float(probability.max()), int(probability.argmax()))
    if settings.epsilon is None:
        new = sorted(best, key=lambda at: -best[at][0])[:count]
    else:
        limit = min(settings.epsilon, max(value for value, _ in best.values()))
        new = [at for at in window if best[at][0] >= limit]
    for at in new:
        ids[at] = best[at][1]
    ends = [at for at in new if ids[at] == EOS]
    masked = [at for at in masked if at not in new]
    if ends and settings.eos_stop and not ended:
        ended, masked = True, [at for at in masked if at < min(ends)]
    return new, ended, masked


class Reference(NamedTuple):
    """What the algorithm did: the answer, and for each step the boundary (-1 in the first), the similarities, and the
    number of queried positions."""

    response: list[int]
    boundary: list[int]
    similarity: list[list[float]]
    query: list[int]


def elastic(diffusion: MaskedDiffusion, prompt: Sequence[int], settings: Decoding) -> Reference:
    """Elastic-Cache as Algorithm 1 and the authors' code have it, for one sample."""
    import torch

    weights = {name: value.double() for name, value in diffusion.network.state_dict().items()}
    config = diffusion.network.config
    depth, heads, key_heads = config.num_hidden_layers, config.num_attention_heads, config.num_key_value_heads
    size = config.hidden_size // heads
    ids = [*prompt, *[MASK] * settings.length]
    total = len(ids)
    everything = list(range(total))
    shift = int(diffusion.shifted)

    def linear(name: str, states: torch.Tensor) -> torch.Tensor:
        found = states @ weights[f"{name}.weight"].T
        return found + weights[f"{name}.bias"] if f"{name}.bias" in weights else found

    def norm(name: str, states: torch.Tensor) -> torch.Tensor:
        return states / (states.pow(2).mean(-1, keepdim=True) + config.rms_norm_eps).sqrt() * weights[f"{name}.weight"]

    def rotated(states: torch.Tensor, at: list[int]) -> torch.Tensor:
        """(heads, rows, size), as complex numbers: dimension j goes with dimension j + size / 2."""
        half = size // 2
        theta = config.rope_parameters["rope_theta"] ** (-torch.arange(half, dtype=torch.float64) * 2 / size)
        turn = torch.polar(torch.ones(len(at), half, dtype=torch.float64), torch.tensor(at).double()[:, None] * theta)
        turned = torch.complex(states[..., :half], states[..., half:]) * turn
        return torch.cat([turned.real, turned.imag], -1)

    def split(states: torch.Tensor, number: int) -> torch.Tensor:
        return states.view(len(states), number, size).transpose(0, 1)

    def spread(states: torch.Tensor) -> torch.Tensor:
        return states.repeat_interleave(heads // key_heads, 0)

    stored: list[dict[str, torch.Tensor]] = [{} for _ in range(depth)]
    tracked: list[int] = []
    new: list[int] = []
    masked = list(range(len(prompt), total))
    ended = False
    found = Reference([], [], [], [])
    while masked:
        window = masked[: settings.window]
        seen = [at - shift for at in (window if settings.block_caching else masked)]
        first = not found.boundary
        at = everything if first else sorted({*tracked, *new, *seen})
        found.query.append(len(at))
        boundary = -1 if first else depth
        similar: list[float] = []
        hidden = weights["model.embed_tokens.weight"][torch.tensor([ids[place] for place in at])]
        union: set[int] = set()
        for layer in range(depth):
            own, name = stored[layer], f"model.layers.{layer}"
            if layer > boundary:
                own["inputs"] = hidden.clone()
            else:
                own["inputs"][at] = hidden
                if layer == boundary:
                    hidden, at = own["inputs"].clone(), everything
            states = norm(f"{name}.input_layernorm", hidden)
            query = rotated(split(linear(f"{name}.self_attn.q_proj", states), heads), at)
            key = rotated(split(linear(f"{name}.self_attn.k_proj", states), key_heads), at)
            value = split(linear(f"{name}.self_attn.v_proj", states), key_heads)
            reuse = layer < boundary
            if reuse:
                old = (own["query"][:, tracked] @ spread(own["key"]).transpose(1, 2) / sqrt(size)).softmax(-1)
            for part, fresh in (("query", query), ("key", key), ("value", value)):
                own.setdefault(part, torch.zeros(len(fresh), total, size, dtype=torch.float64))[:, at] = fresh
            attention = (query @ spread(own["key"]).transpose(1, 2) / sqrt(size)).softmax(-1)
            place = {position: row for row, position in enumerate(at)}
            if reuse:
                now = attention[:, [place[token] for token in tracked]]
                dimension = 0 if settings.drift == "heads" else 2
                cosine = (old * now).sum(dimension) / (old.norm(dim=dimension) * now.norm(dim=dimension))
                similar.append(float(cosine.mean()))
                if similar[-1] < settings.gamma:
                    boundary = layer + 1
            sums = attention[:, [place[position] for position in seen]].sum((0, 1))
            allowed = [position for position in everything if position not in masked]
            union |= set(sorted(allowed, key=lambda position: -float(sums[position]))[: settings.track])
            gathered = (attention @ spread(own["value"])).transpose(0, 1).reshape(len(at), -1)
            hidden = hidden + linear(f"{name}.self_attn.o_proj", gathered)
            states = norm(f"{name}.post_attention_layernorm", hidden)
            gate = torch.nn.functional.silu(linear(f"{name}.mlp.gate_proj", states))
            hidden = hidden + linear(f"{name}.mlp.down_proj", gate * linear(f"{name}.mlp.up_proj", states))
        logits = torch.full((total, VOCABULARY), float("nan"), dtype=torch.float64)
        logits[at] = linear("lm_head", norm("model.norm", hidden))
        tracked = sorted(union)
        step = len(found.boundary)
        count = settings.length // settings.steps + (step < settings.length % settings.steps)
        new, ended, masked = choose(logits, ids, masked, window, count, ended, settings, diffusion.shifted)
        found.boundary.append(boundary)
        found.similarity.append(similar)
    return found._replace(response=ids[len(prompt) :])

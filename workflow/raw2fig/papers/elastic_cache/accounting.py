"""What an answer cost and holds: one way to count for all methods.

A token counts if it stands before the first end of sequence of the answer; the prompt does not count. The authors'
evaluation counts otherwise (`tokens_as_published`), which is shown beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from raw2fig.papers.elastic_cache.decoders import Decoded, Step
    from raw2fig.papers.elastic_cache.model import MaskedDiffusion


def tokens(response: Sequence[int], eos: int, mask: int) -> int:
    """Tokens before the first end of sequence; a mask that was left is none."""
    end = response.index(eos) if eos in response else len(response)
    return sum(token != mask for token in response[:end])


def tokens_as_published(
    response: Sequence[int], eos: int, tokenizer: PreTrainedTokenizerBase | None = None, stops: Sequence[str] = ()
) -> int:
    """What the authors' evaluation counts: every id that is no end of sequence, so also masks that were never computed.

    With a `tokenizer`, the text is first cut at the stop texts of the task and read again, as in their evaluation.
    """
    ids = list(response)
    if tokenizer is not None:
        text = cut(str(tokenizer.decode(ids, skip_special_tokens=False)), stops)
        ids = list(tokenizer(text, add_special_tokens=False)["input_ids"])
    return sum(token != eos for token in ids)


def cut(text: str, stops: Sequence[str]) -> str:
    """`text` up to the first of the stop texts."""
    return text[: min((at for stop in stops if stop and (at := text.find(stop)) >= 0), default=len(text))]


def update_frequency(steps: Sequence[Step], layers: int) -> float:
    """Share of layers that computed all positions, as published: Σ (L - boundary) / (L · steps), where the first step
    counts L + 1 layers."""
    return (1 + sum(layers - step.boundary for step in steps)) / (layers * len(steps))


def later_update_frequency(steps: Sequence[Step], layers: int) -> float:
    """The same share without the first step, which has nothing cached; 0 where it was the only one."""
    later = steps[1:]
    return sum(layers - step.boundary for step in later) / (layers * len(later)) if later else 0.0


def layer_flops(diffusion: MaskedDiffusion, positions: int) -> int:
    """Operations of matrix products for one token in one layer that attends to `positions`: 8 d² + 6 d m + 4 T d where
    keys have as many heads as queries, m is the inner width and T the number of positions."""
    config, attention = diffusion.network.config, diffusion.decoder.layers[0].self_attn
    width = config.num_attention_heads * attention.head_dim
    key_width = config.num_key_value_heads * attention.head_dim
    products = 4 * config.hidden_size * (width + key_width) + 6 * config.hidden_size * config.intermediate_size
    found: int = products + 4 * positions * width
    return found


def head_flops(diffusion: MaskedDiffusion) -> int:
    """Operations of one row of logits, 2 d V."""
    return 2 * int(diffusion.network.config.hidden_size) * int(diffusion.network.config.vocab_size)


def flops(diffusion: MaskedDiffusion, decoded: Decoded) -> int:
    """Operations of matrix products for an answer. The formula leaves out the attention rows of the drift test."""
    positions = len(decoded.prompt) + len(decoded.response)
    updates = sum(step.updates for step in decoded.steps)
    rows = sum(step.eligible for step in decoded.steps)
    return updates * layer_flops(diffusion, positions) + rows * head_flops(diffusion)


def measures(diffusion: MaskedDiffusion, decoded: Decoded) -> dict[str, Any]:
    """Everything that is counted of one answer. What was in force is read from its log, not from what was asked for:
    `batch` and `window` are the most samples and eligible masks that a step had; gamma lies between `tested_below`, the
    largest similarity after which layers were computed again, and `tested_above`, the smallest after which the next
    layer was tested (None: there was none)."""
    steps, layers = decoded.steps, diffusion.layers
    count = tokens(decoded.response, diffusion.eos, diffusion.mask)
    updates = sum(step.updates for step in steps)
    refreshed = [step.similarity[-1] for step in steps if step.similarity and step.boundary < layers]
    passed = [value for step in steps for value in step.similarity[:-1]]
    return {
        "method": decoded.decoding.method,
        "length": len(decoded.response),
        "prompt": len(decoded.prompt),
        "eos_stop": decoded.decoding.eos_stop,
        "batch": max(step.batch for step in steps),
        "window": max(step.eligible for step in steps),
        "tested_below": max(refreshed, default=None),
        "tested_above": min(passed, default=None),
        "tokens": count,
        "tokens_as_published": tokens_as_published(decoded.response, diffusion.eos),
        "forwards": len(steps),
        "tokens_per_forward": count / len(steps),
        "updates": updates,
        "flops": flops(diffusion, decoded),
        "update_frequency": update_frequency(steps, layers),
        "later_update_frequency": later_update_frequency(steps, layers),
    }

"""A causal language model on this machine as a player, from a folder or the hub, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from raw2fig.lm.generate import Engine, load_drawer
from raw2fig.lm.models import load_tokenizer
from raw2fig.papers.coordination.engine import Answer, Reply, Request, Respond
from raw2fig.settings import Field, Record

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Generation(Record):
    """How a language model on this machine draws replies."""

    revision: str | None = Field(description="Revision of a model on the hub.")
    engine: Engine = Field(description="What generates: our own sampler, or vLLM.")
    batch: int = Field(ge=1, le=100_000, description="Number of prompts at a time.")


def load_model(source: str, generation: Generation, max_tokens: int) -> Respond:
    """The model as a player. No code that comes with it is executed; its chat template, a text, is filled in by
    transformers in a sandbox."""
    revision, batch = generation.revision, generation.batch
    tokenizer, draw = load_tokenizer(source, revision), load_drawer(source, generation.engine, revision)

    def respond(requests: Sequence[Request]) -> Iterator[Answer]:
        heats: dict[float, list[int]] = {}
        for position, request in enumerate(requests):
            heats.setdefault(request.temperature, []).append(position)
        for heat, positions in heats.items():
            for start in range(0, len(positions), batch):
                some = positions[start : start + batch]
                prompts = [encode(tokenizer, requests[position].prompt) for position in some]
                seeds = [requests[position].seed % 2**31 for position in some]
                for position, ids, reply in zip(some, prompts, draw(prompts, max_tokens, seeds, heat), strict=True):
                    reason = "stop" if reply.ended else "length"
                    yield position, Reply(reply.text, reason, len(ids), reply.tokens)

    return respond


def encode(tokenizer: PreTrainedTokenizerBase, prompt: str) -> list[int]:
    """Token ids of a prompt: as the only message of a chat, or as it is for a model without chat template."""
    if not tokenizer.chat_template:
        return list(tokenizer(prompt)["input_ids"])
    message = [{"role": "user", "content": prompt}]
    ids: Any = tokenizer.apply_chat_template(message, add_generation_prompt=True, return_dict=False)
    return list(ids)

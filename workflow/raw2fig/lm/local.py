"""A causal language model on this machine as a client, from a folder or the hub, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from raw2fig.errors import InputError
from raw2fig.lm.client import SEEDS, Asked, Failure, Generated, Message, ModelClient
from raw2fig.lm.draw import Draw, load_drawer
from raw2fig.lm.generate import Engine
from raw2fig.lm.models import load_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def local_client(source: str, revision: str | None, engine: Engine, batch: int, template: bool = True) -> ModelClient:
    """The model of a folder or hub id, asked `batch` requests at a time, which changes no reply. No code that comes
    with it is executed; its chat template, a text, is filled in by transformers in a sandbox, unless `template` says to
    leave it out.

    Tokens of a reply count up to the one that ended it: the end of sequence, or the one that completed a stop text.
    Raises `InputError` for what is no model, or for messages that its template refuses.
    """
    return client_of(load_tokenizer(source, revision), load_drawer(source, engine, revision), batch, template)


def client_of(tokenizer: PreTrainedTokenizerBase, draw: Draw, batch: int, template: bool = True) -> ModelClient:
    """The client of a model that is loaded already; all else is as in `local_client`."""

    def client(requests: Sequence[Asked]) -> list[Generated | Failure]:
        alike: dict[tuple[float, int, tuple[str, ...], float], list[int]] = {}
        for position, asked in enumerate(requests):
            key = (asked.temperature, asked.max_new_tokens, asked.stop, asked.top_p)
            alike.setdefault(key, []).append(position)
        replies: dict[int, Generated | Failure] = {}
        for (temperature, longest, stop, top_p), positions in alike.items():
            for start in range(0, len(positions), batch):
                some = positions[start : start + batch]
                prompts = [encode(tokenizer, requests[position].messages, template) for position in some]
                seeds = [requests[position].seed % SEEDS for position in some]
                drawn = draw(prompts, longest, seeds, temperature, stop, top_p)
                for position, ids, reply in zip(some, prompts, drawn, strict=True):
                    reason = "stop" if reply.ended else "length"
                    replies[position] = Generated(reply.text, len(ids), reply.tokens, {}, reason)
        return [replies[position] for position in range(len(requests))]

    return client


def encode(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], template: bool = True) -> list[int]:
    """Token ids of messages: as a chat that the model is to go on with, or, without `template` or a chat template,
    as their texts, one below the other. A last message of the assistant is the beginning of its reply. Raises
    `InputError` when the template refuses them."""
    from jinja2 import TemplateError

    if not (template and tokenizer.chat_template):
        return list(tokenizer("\n".join(message.content for message in messages))["input_ids"])
    chat = [message._asdict() for message in messages]
    begun = messages[-1].role == "assistant"
    try:
        ids: Any = tokenizer.apply_chat_template(
            chat, add_generation_prompt=not begun, continue_final_message=begun, return_dict=False
        )
    except TemplateError as error:
        roles = ", ".join(message.role for message in messages)
        raise InputError(
            tokenizer.name_or_path, f"its chat template refuses messages ({error})", f"one that takes {roles}"
        ) from error
    return list(ids)

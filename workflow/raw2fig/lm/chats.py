"""Conversations as examples for training, by a model's own chat template: what it wrote is learned, and no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.examples import Example
from raw2fig.settings import Field, Record

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Reading(Record):
    """How conversations become token ids."""

    template: Literal["own", "qwen2_5"] = Field(
        description="own: the model's chat template; qwen2_5: that of Qwen2.5, for a model whose own has no tools."
    )
    longest: int = Field(ge=2, description="Tokens of a conversation; a longer one loses its end.")


def use_template(tokenizer: PreTrainedTokenizerBase, reading: Reading) -> None:
    """Give a tokenizer the chat template that conversations are read by."""
    if reading.template != "own":
        tokenizer.chat_template = template_of(reading.template)


def template_of(name: str) -> str:
    """A chat template that trl ships."""
    import trl

    return (Path(trl.__file__).parent / f"chat_templates/{name}.jinja").read_text(encoding="utf-8")


def as_example(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Mapping[str, Any]], tools: Any, longest: int
) -> Example | None:
    """Token ids of a conversation, cut to the first `longest`, of which the model's turns are learned; None if no turn
    is left. Raises `InputError` for a template that does not say which turns are the model's, and `ValueError` for
    messages that it refuses."""
    from jinja2 import TemplateError
    from trl.chat_template_utils import get_training_chat_template

    try:
        template = get_training_chat_template(tokenizer)
    except ValueError as error:
        raise InputError(tokenizer.name_or_path, "its chat template is unknown to trl", "one as Qwen2.5's") from error
    try:
        made: Any = tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            tools=tools,
            chat_template=template,
            return_dict=True,
            return_assistant_tokens_mask=True,
        )
    except TemplateError as error:
        raise ValueError(f"its chat template refuses it: {error}") from error
    ids, learned = made["input_ids"][:longest], np.array(made["assistant_masks"][:longest], dtype=bool)
    if not learned.any():
        return None
    return Example(np.array(ids), int(learned.argmax()), learned)


def text_of(content: Any) -> str:
    """The text of a message, whose content is a text or a list of parts."""
    if isinstance(content, str) or content is None:
        return content or ""
    return "".join(part if isinstance(part, str) else part.get("text") or "" for part in content)

"""What a model answers on given routes: the evaluator of the search, and of the routes that are compared.

A question is answered by the most likely word after its prompt, in one forward pass, or by a text that is generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.grading import MARKS, Grading, is_right
from raw2fig.papers.dr_llm.records import Question
from raw2fig.papers.dr_llm.search import Outcome
from raw2fig.settings import Field, Record

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from raw2fig.papers.dr_llm.routing import RoutedModel


class Answering(Record):
    """How questions are asked."""

    new_tokens: int = Field(
        ge=1, description="Tokens of an answer. 1: it is the most likely token after the prompt, with its probability."
    )
    grading: Grading = Field(
        description="Of answers of more than one token. text: the same text, without capitals and marks at its ends; "
        "exam: a letter from A to D is said first, anything else is the content of a box."
    )
    chat: bool = Field(description="Ask through the model's chat template.")
    at_once: int = Field(ge=1, description="Questions that are read at a time; changes memory and time alone.")


class Asked(NamedTuple):
    """Questions for a model: the token ids of each prompt, and of its right answer the first token, and the text."""

    prompts: list[list[int]]
    first: np.ndarray
    answers: list[str]


def ask(tokenizer: PreTrainedTokenizerBase, questions: Sequence[Question], settings: Answering) -> Asked:
    """Questions as token ids. An answer that goes on from the prompt's last word begins with a space.

    Raises `InputError` where two answers of a task begin with the same token although one token is all that is asked
    for.
    """
    from raw2fig.lm.client import Message
    from raw2fig.lm.local import encode

    messages = [(Message("user", question.prompt),) for question in questions]
    prompts = [encode(tokenizer, message, settings.chat) for message in messages]
    answers = dict.fromkeys(question.answer for question in questions)
    firsts = {answer: int(tokenizer(answer, add_special_tokens=False)["input_ids"][0]) for answer in answers}
    if settings.new_tokens == 1:
        for task in dict.fromkeys(question.task for question in questions):
            mine = {question.answer for question in questions if question.task == task}
            if len({firsts[answer] for answer in mine}) < len(mine):
                raise InputError(f"answers of {task}", "begin with the same token", "more than one of --new-tokens")
    return Asked(prompts, np.array([firsts[one.answer] for one in questions]), [one.answer for one in questions])


def answered(
    routed: RoutedModel,
    tokenizer: PreTrainedTokenizerBase,
    asked: Asked,
    places: np.ndarray,
    routes: np.ndarray | None,
    settings: Answering,
) -> tuple[list[Outcome], np.ndarray]:
    """The outcome of each question in `places` (n,) on its route (n, layers), and the routes; without any the routers
    decide.

    Prompts of similar length share a batch, so that padding costs little; no outcome depends on that.
    """
    order = sorted(range(len(places)), key=lambda row: len(asked.prompts[places[row]]))
    found: dict[int, Outcome] = {}
    taken = np.zeros((len(places), routed.layers), dtype=np.int64)
    for start in range(0, len(order), settings.at_once):
        rows = order[start : start + settings.at_once]
        found |= zip(rows, _batch(routed, tokenizer, asked, places, routes, rows, settings), strict=True)
        taken[rows] = routed.actions.numpy()
    return [found[row] for row in range(len(places))], taken


def _batch(
    routed: RoutedModel,
    tokenizer: PreTrainedTokenizerBase,
    asked: Asked,
    places: np.ndarray,
    routes: np.ndarray | None,
    rows: Sequence[int],
    settings: Answering,
) -> list[Outcome]:
    from contextlib import nullcontext

    import torch

    chosen = [int(places[row]) for row in rows]
    ids, mask = left_padded([asked.prompts[place] for place in chosen], int(tokenizer.pad_token_id), routed.base)
    with torch.no_grad(), nullcontext() if routes is None else routed.fixed_route(routes[list(rows)]):
        if settings.new_tokens == 1:
            output: Any = routed.base(input_ids=ids, attention_mask=mask, logits_to_keep=1, use_cache=False)
            return _of_logits(output.logits[:, -1].float(), asked, chosen, tokenizer)
        made: Any = routed.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=settings.new_tokens,
            do_sample=False,
            pad_token_id=tokenizer.pad_token_id,
        )
    new = made[:, ids.shape[1] :]
    texts = tokenizer.batch_decode(new, skip_special_tokens=True)
    right = [is_right(text, asked.answers[place], settings.grading) for text, place in zip(texts, chosen, strict=True)]
    ends: Any = routed.base.generation_config.eos_token_id
    passes = lengths(new, [ends] if isinstance(ends, int) else ends or [])
    return [
        Outcome(good, float(good), text.strip(MARKS), number)
        for good, text, number in zip(right, texts, passes, strict=True)
    ]


def lengths(new: torch.Tensor, ends: Sequence[int]) -> list[int]:
    """Tokens of each answer of `new` (answers, tokens), up to its first end token and with it."""
    import torch

    ended = torch.isin(new, torch.tensor(ends, device=new.device, dtype=new.dtype))
    # what follows the first end token is padding
    return (ended.cumsum(1) - ended.long() == 0).sum(1).tolist()


def _of_logits(
    logits: torch.Tensor, asked: Asked, places: Sequence[int], tokenizer: PreTrainedTokenizerBase
) -> list[Outcome]:
    import torch

    right = torch.from_numpy(asked.first[list(places)]).to(logits.device)
    probability = logits.softmax(-1).gather(1, right[:, None])[:, 0].tolist()
    said = logits.argmax(-1)
    words = tokenizer.convert_ids_to_tokens(said.tolist())
    return [
        Outcome(is_right, share, word)
        for is_right, share, word in zip((said == right).tolist(), probability, words, strict=True)
    ]


def left_padded(
    prompts: Sequence[Sequence[int]], pad: int, model: PreTrainedModel
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Token ids (prompts, longest) whose last tokens are at the end, and the mask, None where nothing is padded."""
    import torch

    longest = max(map(len, prompts))
    ids = torch.full((len(prompts), longest), pad)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask[row, longest - len(prompt) :] = 1
    whole = bool(mask.all())
    return ids.to(model.device), None if whole else mask.to(model.device)

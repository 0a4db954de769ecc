"""Prompts as JSON lines, anybody's or the miniature's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from raw2fig.errors import InputError
from raw2fig.json_lines import read_json_lines

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

PROMPT = "a JSON object with `prompt`, a text, or `ids`, token ids"


class Question(NamedTuple):
    """A prompt as token ids, and its right answer, if there is one, up to its end of sequence."""

    qid: str
    task: str
    ids: list[int]
    answer: list[int] | None


def read_questions(
    path: Path, tokenizer: PreTrainedTokenizerBase, part: str | None = None, chat: bool = False
) -> list[Question]:
    """Questions of JSON lines with `prompt` (or `ids`), and maybe `qid`, `task`, `part` and `answer`, only those of a
    `part` if one is named. `chat`: prompts are put into the tokenizer's chat template.

    Raises `InputError` for lines that are none, and where no question is left.
    """
    found = []
    for number, row in read_json_lines(path, PROMPT):
        if not {"prompt", "ids"} & set(row):
            raise InputError(path, f"line {number} has no prompt", PROMPT)
        if part is None or row.get("part") == part:
            found.append(_question(path, number, row, tokenizer, chat))
    if not found:
        raise InputError(path, "has no prompts" if part is None else f"has no prompts of the part {part!r}", PROMPT)
    return found


def _question(path: Path, number: int, row: dict[str, Any], tokenizer: PreTrainedTokenizerBase, chat: bool) -> Question:
    from raw2fig.lm.client import Message
    from raw2fig.lm.local import encode

    ids = row.get("ids")
    if ids is None:
        if not isinstance(row["prompt"], str):
            raise InputError(path, f"line {number}: prompt is no text", PROMPT)
        ids = encode(tokenizer, [Message("user", row["prompt"])], chat)
    elif not (isinstance(ids, list) and ids and all(type(one) is int and 0 <= one < len(tokenizer) for one in ids)):
        raise InputError(path, f"line {number}: ids are not tokens of the model", f"numbers below {len(tokenizer)}")
    answer = row.get("answer")
    wanted = None if answer is None else list(tokenizer(str(answer), add_special_tokens=False)["input_ids"])
    return Question(str(row.get("qid", number)), str(row.get("task", "all")), list(ids), wanted)


def before_end(ids: list[int], eos: int) -> list[int]:
    """The tokens before the first end of sequence."""
    return ids[: ids.index(eos)] if eos in ids else ids


def is_right(response: list[int], question: Question, eos: int) -> bool | None:
    """Whether a response is the answer, to the token, before its end of sequence; None without an answer."""
    return None if question.answer is None else before_end(response, eos) == question.answer

"""The two roles of a model of the miniature: it names a file, then it writes a patch or a test (section 3.1).

Of several answers to a task the first is greedy, the others are drawn at temperature 1, each with a localisation of its
own (section 3.6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from raw2fig.papers.kimi_dev.words import END, edit_prompt, test_prompt, where_prompt
from raw2fig.papers.kimi_dev.world import Task

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ANSWER, PATH = 44, 2
"""Words of an answer and of a localisation, at most; what is longer has not ended."""
Answer = list[str]
Role = Callable[[Task, str], list[str]]
"""Prompt of a task and a path."""
ROLES: dict[str, Role] = {"BugFixer": edit_prompt, "TestWriter": test_prompt}
UNFINISHED = "..."
"""Stands at the end of an answer without an end."""


class Model(NamedTuple):
    """A model in memory, with its words."""

    network: PreTrainedModel
    words: PreTrainedTokenizerBase


def opened(folder: str) -> Model:
    """The model of a folder."""
    from raw2fig.lm.models import load

    network, words = load(folder)
    return Model(network.eval(), words)


def drawn(
    model: Model, prompts: Sequence[Sequence[str]], uniforms: np.ndarray | None, longest: int = ANSWER
) -> list[Answer]:
    """An answer to each prompt, without its end; greedy without `uniforms` (prompts, longest)."""
    from raw2fig.lm.sample import sample

    ids = model.words.get_vocab()
    encoded = [[ids[word] for word in prompt] for prompt in prompts]
    found = sample(model.network, model.words, encoded, longest, uniforms)
    return [_ended(model.words.convert_ids_to_tokens(row)) for row in found.ids]


def _ended(words: Sequence[str]) -> Answer:
    return [*words[:-1]] if words[-1] == END else [*words, UNFINISHED]


def several(
    model: Model, prompts: Sequence[Sequence[Sequence[str]]], rng: np.random.Generator, longest: int = ANSWER
) -> list[list[Answer]]:
    """Answers to the prompts of each task, the first of them greedy."""
    first = drawn(model, [row[0] for row in prompts], None, longest)
    rest = [prompt for row in prompts for prompt in row[1:]]
    if not rest:
        return [[answer] for answer in first]
    others = drawn(model, rest, rng.random((len(rest), longest)), longest)
    each = len(prompts[0]) - 1
    return [[one, *others[place * each : (place + 1) * each]] for place, one in enumerate(first)]


def localised(model: Model, tasks: Sequence[Task], number: int, rng: np.random.Generator) -> list[list[str | None]]:
    """So many files for each task; None where the answer is no path of the repository."""
    answers = several(model, [[where_prompt(task)] * number for task in tasks], rng, PATH)
    return [
        [row[0] if len(row) == 1 and row[0] in task.files else None for row in found]
        for task, found in zip(tasks, answers, strict=True)
    ]


def answered(
    model: Model, role: str, tasks: Sequence[Task], number: int, rng: np.random.Generator
) -> tuple[list[list[str | None]], list[list[Answer]]]:
    """Localisations and answers of a role to each task. An answer without a file is empty."""
    places = localised(model, tasks, number, rng)
    # a prompt for every answer, so that its random numbers are its own; those without a file are thrown away
    prompts = [[ROLES[role](task, path or task.path) for path in row] for task, row in zip(tasks, places, strict=True)]
    answers = several(model, prompts, rng)
    kept = [
        [answer if path else [] for path, answer in zip(row, found, strict=True)]
        for row, found in zip(places, answers, strict=True)
    ]
    return places, kept


def written_again(
    model: Model,
    tasks: Sequence[Task],
    places: Sequence[Sequence[str | None]],
    answers: Sequence[Sequence[Answer]],
    size: int,
) -> list[Answer]:
    """One more answer to each task, greedy, of a BugFixer that sees the first `size` of its answers after the prompt
    with the file of the first of them (appendix F)."""
    prompts = [
        [*edit_prompt(task, files[0] or task.path), *(word for answer in written[:size] for word in _earlier(answer))]
        for task, files, written in zip(tasks, places, answers, strict=True)
    ]
    return drawn(model, prompts, None)


def _earlier(answer: Answer) -> list[str]:
    """An answer as it stands in a later prompt."""
    return [*(word for word in answer if word != UNFINISHED), END] if answer else []

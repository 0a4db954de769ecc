"""The tasks of the battery: each gives a model one score an item."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from raw2fig.lm.client import ModelClient
from raw2fig.lm.likelihood import Likelihoods
from raw2fig.papers.brain_rot.battery import arc, probes, ruler, safety, trait
from raw2fig.papers.brain_rot.battery.asking import Decoding, replies
from raw2fig.papers.brain_rot.battery.ruler.questions import read_documents
from raw2fig.papers.brain_rot.battery.ruler.score import score

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

TaskName = Literal[
    "sums", "retrieval", "loss", "instructions", "refusals", "arc", "arc_analysis", "ruler", "trait"
]  # fmt: skip


class Subject(NamedTuple):
    """A model that is measured: asked with and without its chat template, its likelihoods, its tokens of a text."""

    client: ModelClient
    plain: ModelClient
    likelihoods: Likelihoods
    count: Callable[[str], int]


class Files(NamedTuple):
    """Files of somebody's own; without one, items of ours."""

    arc: Path | None = None
    requests: Path | None = None
    trait: Path | None = None
    text: Path | None = None
    squad: Path | None = None
    hotpot: Path | None = None


class Draws(NamedTuple):
    """Which items: how many, by which seed, how long contexts are, how long replies to harmful requests are, and
    whether those are asked as a chat."""

    items: int
    seed: int
    length: int
    refusal_tokens: int
    chat: bool


class Row(NamedTuple):
    """A row of the table: what is measured, and whether more of it is better (1), worse (-1), or neither (0)."""

    title: str
    better: int


Scores = dict[Row, list[float]]
"""The score of each item."""


def subject_of(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch: int) -> Subject:
    """A model that is loaded, to be measured."""
    from raw2fig.lm.draw import drawer
    from raw2fig.lm.likelihood import likelihoods_of
    from raw2fig.lm.local import client_of

    draw = drawer(model, tokenizer)
    return Subject(
        client_of(tokenizer, draw, batch),
        client_of(tokenizer, draw, batch, template=False),
        likelihoods_of(model, tokenizer, batch),
        lambda text: len(tokenizer(text)["input_ids"]),
    )


def _sums(subject: Subject, draws: Draws, files: Files) -> Scores:
    return {Row("sums in words", 1): probes.ask(subject.client, probes.sums(draws.items, draws.seed), draws.seed)}


def _retrieval(subject: Subject, draws: Draws, files: Files) -> Scores:
    asked = probes.retrieval(draws.items, draws.seed)
    return {Row("a code out of four", 1): probes.ask(subject.client, asked, draws.seed)}


def _instructions(subject: Subject, draws: Draws, files: Files) -> Scores:
    asked = probes.instructions(draws.items, draws.seed)
    return {Row("instructions followed", 1): probes.ask(subject.client, asked, draws.seed)}


def _loss(subject: Subject, draws: Draws, files: Files) -> Scores:
    of = probes.read_texts(files.text, draws.items) if files.text else probes.texts(draws.items, draws.seed)
    return {Row("loss on plain text (nats per token)", -1): probes.losses(subject.likelihoods, of)}


def _refusals(subject: Subject, draws: Draws, files: Files) -> Scores:
    """Whether each request is refused, by the authors' words. That stand-ins are is neither good nor bad."""
    given = safety.read_requests(files.requests) if files.requests else None
    requests = (given or safety.draw_requests(draws.items, draws.seed))[: draws.items]
    prompts = requests if draws.chat else [safety.instruction_prompt(request) for request in requests]
    client = subject.client if draws.chat else subject.plain
    answers = safety.ask(client, prompts, Decoding(0.0, 1.0, draws.refusal_tokens), draws.seed)
    row = Row("harmful requests refused", 1) if given else Row("pranks refused (stand-ins)", 0)
    return {row: [float(safety.refuses(answer)) for answer in answers]}


def _questions(draws: Draws, files: Files) -> list[arc.Question]:
    return arc.read_questions(files.arc)[: draws.items] if files.arc else arc.draw_questions(draws.items, draws.seed)


def _arc(subject: Subject, draws: Draws, files: Files) -> Scores:
    found = arc.direct(subject.likelihoods, _questions(draws, files))
    return {
        Row("multiple choice by likelihood", 1): [float(one.right) for one in found],
        Row("the same, per letter", 1): [float(one.normalised) for one in found],
    }


def _arc_analysis(subject: Subject, draws: Draws, files: Files) -> Scores:
    """Also with the label that the authors' fallback takes, which shows what its fault does to the numbers."""
    questions = _questions(draws, files)
    texts = replies(subject.client, [arc.analysis_prompt(one) for one in questions], arc.SAMPLED, draws.seed)
    strict = [arc.label_of(text, one.labels) for one, text in zip(questions, texts, strict=True)]
    official = [arc.fallback_label(text) for text in texts]
    right = [one.answer for one in questions]
    return {
        Row("multiple choice by analysis", 1): [float(a == b) for a, b in zip(strict, right, strict=True)],
        Row("the same, official fallback", 0): [float(a == b) for a, b in zip(official, right, strict=True)],
        Row("analyses without an answer", -1): [float(label is None) for label in strict],
    }


def _ruler(subject: Subject, draws: Draws, files: Files) -> Scores:
    """A row for each task, and their mean: all have the same number of items."""
    given = {"qa_squad": files.squad, "qa_hotpot": files.hotpot}
    documents = {name: read_documents(path) for name, path in given.items() if path}
    number = max(1, draws.items // len(ruler.TASKS))
    found: Scores = {}
    for name, build in ruler.builders(draws.length, documents).items():
        items = ruler.draw(build, draws.length, number, draws.seed, subject.count)
        # a reply that goes on for longer than its own item allows is cut when it is scored
        decoding = Decoding(0.0, 1.0, max(item.max_new_tokens for item in items))
        texts = replies(subject.client, [item.prompt for item in items], decoding, draws.seed)
        scored = [score(item, text, subject.count) for item, text in zip(items, texts, strict=True)]
        found[Row(f"RULER {name}", 1)] = scored
    return {Row("RULER, all tasks", 1): [one for scores in found.values() for one in scores], **found}


def _trait(subject: Subject, draws: Draws, files: Files) -> Scores:
    """A row for each trait of a file; items of ours, which measure nobody's traits, are one row."""
    if files.trait is None:
        return {Row("trait fixture", 0): trait.ask(subject.likelihoods, trait.FIXTURE)}
    of: dict[str, list[trait.Item]] = {}
    for item in trait.read_items(files.trait):
        of.setdefault(item.trait, []).append(item)
    return {Row(name, 0): trait.ask(subject.likelihoods, some[: draws.items]) for name, some in of.items()}


TASKS: Mapping[TaskName, Callable[[Subject, Draws, Files], Scores]] = {
    "sums": _sums,
    "retrieval": _retrieval,
    "loss": _loss,
    "instructions": _instructions,
    "refusals": _refusals,
    "arc": _arc,
    "arc_analysis": _arc_analysis,
    "ruler": _ruler,
    "trait": _trait,
}

"""Questions about documents, among others that do not help: of our own making, or read from SQuAD and HotpotQA."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.battery.ruler.score import Item
from raw2fig.papers.brain_rot.battery.ruler.words import WORDS, distinct_words
from raw2fig.tables import read_json

LONGEST = 32
"""Tokens of a reply at most."""
TRADES = ("baker", "painter", "tailor", "carpenter", "weaver", "potter", "smith", "miller", "cooper", "brewer")
TOWNS = 12


class Asked(NamedTuple):
    """A question, its right answers, and the documents that hold them."""

    question: str
    answers: tuple[str, ...]
    documents: tuple[str, ...]


Documents = Callable[[int, np.random.Generator], tuple[Asked, list[str]]]
"""A question, and so many documents (or as many as there are) that do not help."""


def questions(of: Documents, size: int, rng: np.random.Generator) -> Item:
    """A question among `size` documents that do not help."""
    asked, others = of(size, rng)
    documents = [*asked.documents, *others]
    rng.shuffle(documents)
    text = "\n\n".join(f"Document {number}:\n{document}" for number, document in enumerate(documents, 1))
    prompt = (
        f"Answer the question from the documents below, with the answer alone.\n\n{text}\n\n"
        f"Question: {asked.question}\nAnswer:"
    )
    return Item(prompt, asked.answers, False, LONGEST)


def one_hop(size: int, rng: np.random.Generator) -> tuple[Asked, list[str]]:
    """Where a villager lives, as one document says."""
    people, homes, texts = _village(size, rng)
    return Asked(f"In which town does {people[0]} live?", (homes[0],), (texts[0],)), texts[1:]


def two_hops(size: int, rng: np.random.Generator) -> tuple[Asked, list[str]]:
    """Where the writer of a letter lives: one document says who wrote it, another where that villager lives."""
    people, homes, texts = _village((size + 1) // 2, rng)
    numbers = rng.permutation(len(people)) + 1
    letters = [f"Letter {number} was written by {name}." for number, name in zip(numbers, people, strict=True)]
    others = [text for pair in zip(texts[1:], letters[1:], strict=True) for text in pair]
    question = f"In which town does the writer of letter {numbers[0]} live?"
    return Asked(question, (homes[0],), (texts[0], letters[0])), others[:size]


def _village(size: int, rng: np.random.Generator) -> tuple[list[str], list[str], list[str]]:
    """Names of `size` villagers and one more, where each lives, and a text that says so."""
    names = distinct_words(TOWNS, rng)
    others = [WORDS[place] for place in rng.permutation(len(WORDS)) if WORDS[place] not in names]
    towns, people = ([name.capitalize() for name in some] for some in (names, others[: size + 1]))
    homes = [towns[place] for place in rng.integers(TOWNS, size=len(people))]
    trades = [TRADES[place] for place in rng.integers(len(TRADES), size=len(people))]
    texts = [
        f"{name} is a {trade} and lives in {town}." for name, trade, town in zip(people, trades, homes, strict=True)
    ]
    return people, homes, texts


def read_documents(path: Path) -> Documents:
    """The questions and documents of a JSON file of SQuAD (questions without an answer are left out) or HotpotQA.
    Raises `InputError` for another form."""
    try:
        read = read_json(path)
        asked = list(_squad(read["data"]) if isinstance(read, dict) else _hotpot(read))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise InputError(path, f"has no questions and documents ({error!r})", "the form of SQuAD or HotpotQA") from None
    pool = list(dict.fromkeys(document for one in asked for document in one.documents))
    if not asked:
        raise InputError(path, "has no questions with answers", "at least one")

    def draw(size: int, rng: np.random.Generator) -> tuple[Asked, list[str]]:
        chosen = asked[int(rng.integers(len(asked)))]
        shuffled = (pool[place] for place in rng.permutation(len(pool)))
        others = [document for document in shuffled if document not in chosen.documents]
        return chosen, others[:size]

    return draw


def _squad(data: Any) -> Iterator[Asked]:
    for article in data:
        for paragraph in article["paragraphs"]:
            for one in paragraph["qas"]:
                if answers := tuple(dict.fromkeys(answer["text"] for answer in one["answers"])):
                    yield Asked(one["question"], answers, (paragraph["context"],))


def _hotpot(rows: Any) -> Iterator[Asked]:
    for row in rows:
        documents = tuple(f"{title}\n{''.join(sentences)}" for title, sentences in row["context"])
        yield Asked(row["question"], (row["answer"],), documents)

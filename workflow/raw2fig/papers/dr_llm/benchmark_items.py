"""The paper's questions: ARC with a letter as answer, and DART's mathematics by level without steps (section 5.1).

DART's pool has many responses of each question, and no test part. Its questions are taken once each and split by a hash
of their text, so that none is in two parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.items import PARTS, SEARCH, TEST, VALIDATION
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import read_table, write_table

Style = Literal["instruct", "base"]
LETTERS = "ABCD"
LEVELS = range(1, 6)
WORKED = (("What is $3 \\cdot 4$?", "12"), ("Solve $2x = 7$ for $x$.", "\\frac{7}{2}"))
"""Questions and answers that a base model is shown before one of DART."""


class Benchmark(Record):
    """Questions of the paper's benchmarks."""

    search: dict[str, Annotated[int, Field(ge=0)]] = Field(
        description="Questions that routes are searched for, by subset: ARC-E, ARC-C, DART-1 to DART-5; 0: none, and "
        "the subset is left out."
    )
    validation: int = Field(ge=1, description="Questions of each subset that the knob is chosen on.")
    test: int = Field(ge=1, description="Questions of each subset that are reported.")


class Solved(NamedTuple):
    """A question, its choices, if it has any, and its answer."""

    question: str
    choices: tuple[str, ...]
    answer: str


@step
def make_benchmark_items(
    *,
    arc_easy: list[Input],
    arc_challenge: list[Input],
    dart: list[Input],
    table: Output,
    style: Style,
    benchmark: Annotated[Benchmark, At("pretrained.benchmark")],
    seed: Seed = 0,
) -> None:
    """Make questions of ARC and DART, in the wording for models that follow instructions or for base models.

    Parameters
    ----------
    arc_easy
        Parquet files of ARC-Easy: training questions, which routes are searched for, and test questions.
    arc_challenge
        The same of ARC-Challenge.
    dart
        Parquet files with DART's questions: query, gt_ans and query_metadata with a level.
    table
        The questions: qid, task, part, prompt, answer.
    style
        instruct: asks for the answer alone. base: the prompt is a text that goes on with the answer.
    """
    import pandas as pd

    known = {name: _arc(files) for name, files in (("ARC-E", arc_easy), ("ARC-C", arc_challenge))}
    known |= _dart(dart)
    rows: list[dict[str, str]] = []
    for task, size in benchmark.search.items():
        if task not in known:
            raise InputError("benchmark.search", f"has the subset {task!r}", f"one of {', '.join(known)}")
        if not size:
            continue
        wanted = {SEARCH: size, VALIDATION: benchmark.validation, TEST: benchmark.test}
        for part, some in parts(*known[task], wanted, seed).items():
            rows += [
                {"qid": f"{task}-{part}-{place}", "task": task, "part": part}
                | {"prompt": prompt(one, style), "answer": one.answer}
                for place, one in enumerate(some)
            ]
    write_table(pd.DataFrame(rows), table)


def parts(
    train: Sequence[Solved], test: Sequence[Solved], wanted: dict[str, int], seed: int
) -> dict[str, list[Solved]]:
    """Questions of each part in an order that the seed and their texts decide. Without test questions all parts are
    taken from the others, and where there are too few, each part has its share of them."""
    drawn = _ordered(train, seed)
    sizes = dict(wanted) if not test else {part: wanted[part] for part in (SEARCH, VALIDATION)}
    total = sum(sizes.values())
    scale = min(1.0, len(drawn) / total)
    found, start = {}, 0
    for part, size in sizes.items():
        end = start + int(size * scale)
        found[part], start = drawn[start:end], end
    if test:
        found[TEST] = _ordered(test, seed)[: wanted[TEST]]
    return {part: found[part] for part in PARTS}


def _ordered(questions: Iterable[Solved], seed: int) -> list[Solved]:
    """Each question once, ordered by a hash of its text."""
    first = {one.question: one for one in reversed(list(questions))}
    return sorted(first.values(), key=lambda one: sha256(f"{seed}:{one.question}".encode()).hexdigest())


def prompt(one: Solved, style: Style) -> str:
    """The prompt of a question."""
    if one.choices:
        if style == "instruct":
            choices = "\n".join(f"{letter}. {text}" for letter, text in zip(LETTERS, one.choices, strict=True))
            return f"{one.question}\n{choices}\nReply with the letter of the right choice and nothing else."
        choices = " ".join(f"({letter}) {text}" for letter, text in zip(LETTERS, one.choices, strict=True))
        return f"Question: {one.question} {choices}\nAnswer: The correct answer is "
    if style == "instruct":
        return f"{one.question}\nReply with the final answer in \\boxed{{}} and nothing else."
    worked = "".join(f"Question: {question}\nAnswer: \\boxed{{{answer}}}\n" for question, answer in WORKED)
    return f"{worked}Question: {one.question}\nAnswer: \\boxed{{"


def _arc(files: Sequence[Path]) -> tuple[list[Solved], list[Solved]]:
    """Training and test questions with four choices; the few others are left out."""
    if len(files) != 2:
        raise InputError("ARC", f"has {len(files)} files", "two: training questions and test questions")
    train, test = ([one for one in map(_arc_row, _rows(file)) if one is not None] for file in files)
    return train, test


def _arc_row(row: dict[str, Any]) -> Solved | None:
    texts, labels = list(row["choices"]["text"]), list(row["choices"]["label"])
    if len(texts) != len(LETTERS) or row["answerKey"] not in labels:
        return None
    return Solved(row["question"], tuple(texts), LETTERS[labels.index(row["answerKey"])])


def _dart(files: Sequence[Path]) -> dict[str, tuple[list[Solved], list[Solved]]]:
    """Questions of each level, none of which are for tests alone."""
    found: dict[str, tuple[list[Solved], list[Solved]]] = {f"DART-{level}": ([], []) for level in LEVELS}
    for file in files:
        for row in _rows(file):
            level = str(row["query_metadata"]["level"]).removeprefix("Level ").removesuffix(".0")
            if f"DART-{level}" in found:
                found[f"DART-{level}"][0].append(Solved(row["query"], (), str(row["gt_ans"])))
    return found


def _rows(file: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = read_table(file, {}).to_dict("records")
    return rows

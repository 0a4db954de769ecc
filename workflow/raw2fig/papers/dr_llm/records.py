"""What a search has found, a row for each question: the table that labels are made from, and that is exchanged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.paths import SKIP, Labels, as_actions, as_labels, default_path, length
from raw2fig.papers.dr_llm.search import Found
from raw2fig.tables import read_table, row_name, write_table

COLUMNS = {
    "qid": "string",
    "task": "string",
    "prompt": "string",
    "answer": "string",
    "default_ok": "boolean",
    "n_evals": "integer",
    "good_paths": "list",
}
"""Columns that are read. `labels` and `path_len` say the best path again, for other readers."""


class Question(NamedTuple):
    """A question with its right answer."""

    qid: str
    task: str
    prompt: str
    answer: str


class Searched(NamedTuple):
    """A question with the paths that count as right, whether the default path is one of them (then it is the first),
    and how many paths were tried."""

    question: Question
    default_good: bool
    good: tuple[Labels, ...]
    tried: int

    @property
    def fixed(self) -> bool:
        """Whether the default path is wrong and another one right (W->C)."""
        return bool(self.good) and not self.default_good

    @property
    def candidates(self) -> list[Labels]:
        """Paths that may become labels, the best first: shorter ones come first, and of one length those of fewer
        layers, in the order in which they were found. If the default path is right, all others are shorter."""
        fitting = [one for one in self.good if not self.default_good or length(one) < len(one)]
        if self.default_good:
            fitting.append(default_path(len(self.good[0])))
        return sorted(fitting, key=lambda one: (length(one), len(one) - one.count(SKIP)))


def searched(questions: Sequence[Question], found: Sequence[Found]) -> list[Searched]:
    """The rows of a search. Raises `InputError` where its ids are not those of the questions."""
    if [one.qid for one in questions] != [one.question for one in found]:
        raise InputError("questions", "are not those of the search", "the same ids in the same order")
    return [
        Searched(question, one.default_good, one.good, len(one.outcomes))
        for question, one in zip(questions, found, strict=True)
    ]


def write_searched(rows: Sequence[Searched], path: Path) -> None:
    """Write a Parquet table."""
    import pandas as pd

    best = [row.candidates[0] if row.good else None for row in rows]
    lists: dict[str, list[Any]] = {
        "labels": [as_actions([one])[0] if one else None for one in best],
        "path_len": [length(one) if one else None for one in best],
        "good_paths": [list(as_actions(row.good)) if row.good else [] for row in rows],
    }
    frame = pd.DataFrame([row.question for row in rows], columns=list(Question._fields))
    frame = frame.assign(default_ok=[row.default_good for row in rows], n_evals=[row.tried for row in rows])
    write_table(frame.assign(**lists).astype({"path_len": "Int64"}), path)


def read_searched(path: Path) -> list[Searched]:
    """The rows of such a table. Raises `InputError` for paths of several models, and for a right default path that is
    not the first."""
    frame = read_table(path, COLUMNS)
    rows = []
    for place, row in enumerate(frame[list(COLUMNS)].itertuples(index=False)):
        try:
            good = tuple(as_labels(np.stack(row.good_paths))) if len(row.good_paths) else ()
        except (ValueError, InputError) as error:
            raise InputError(path, f"good_paths in {row_name(place)}: {error}", "labels 0, 1, 2") from error
        if row.default_ok != (bool(good) and good[0] == default_path(len(good[0]))):
            raise InputError(path, f"default_ok and good_paths differ in {row_name(place)}", "the default path first")
        rows.append(Searched(Question(*row[:4]), bool(row.default_ok), good, int(row.n_evals)))
    if len(sizes := {len(one) for row in rows for one in row.good}) > 1:
        raise InputError(path, f"has paths of {sorted(sizes)} layers", "those of one model")
    return rows

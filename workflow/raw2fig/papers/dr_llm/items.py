"""Questions as files: anybody's own, and those of the miniature."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.json_lines import read_json_lines
from raw2fig.papers.dr_llm.records import Question
from raw2fig.papers.dr_llm.world import KNOWN, TASKS, Item, distinct_items
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import read_table, write_table

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = {"task": "string", "prompt": "string", "answer": "string"}
"""What a table of questions must have. It may have `qid`, and `part`."""
SEARCH, VALIDATION, TEST = PARTS = ("search", "validation", "test")
"""Parts of the questions: routes are searched for the first, the knob is chosen on the second, the third reported."""


def read_items(path: Path, part: str) -> list[Question]:
    """The questions of a part of a table (.parquet, .csv) or of JSON lines (.jsonl). Without `qid` they are numbered.

    A file without the column `part` can be searched as a whole, but not evaluated: its questions would be those that
    labels and knob were chosen on. Raises `InputError` for that, for another file, and for no questions.
    """
    frame = _frame(path)
    if "part" in frame:
        frame = frame[frame["part"] == part]
    elif part != SEARCH:
        raise InputError(path, "has no column part", f"one that says which questions are for {part}")
    if frame.empty:
        raise InputError(path, f"has no questions of the part {part!r}", "one at least")
    ids = frame["qid"].astype(str) if "qid" in frame else [f"{place}" for place in frame.index]
    return [
        Question(qid, task, prompt, answer)
        for qid, task, prompt, answer in zip(ids, frame["task"], frame["prompt"], frame["answer"], strict=True)
    ]


def _frame(path: Path) -> DataFrame:
    if path.suffix != ".jsonl":
        return read_table(path, COLUMNS)
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for number, row in read_json_lines(path, f"JSON with {', '.join(COLUMNS)}"):
        try:
            rows.append({**row, **{name: _text(row[name]) for name in COLUMNS}})
        except (KeyError, TypeError) as error:
            raise InputError(path, f"line {number} is no question", f"JSON with {', '.join(COLUMNS)}") from error
    if not rows:
        raise InputError(path, "has no questions", f"JSON lines with {', '.join(COLUMNS)}")
    return pd.DataFrame(rows)


def _text(value: Any) -> str:
    if not isinstance(value, (str, int)):
        raise TypeError(value)
    return str(value)


class Items(Record):
    """Questions of each task of the miniature."""

    search: int = Field(ge=1, description="Questions of each task that routes are searched for.")
    validation: int = Field(ge=1, description="Questions of each task that the knob is chosen on.")
    test: int = Field(ge=1, description="Questions of each task that are reported.")


def questions_of(task: str, part: str, items: Sequence[Item]) -> list[dict[str, str]]:
    """Rows of a table of questions."""
    return [
        {"qid": f"{task}-{part}-{place}", "task": task, "part": part, "prompt": one.prompt, "answer": one.answer}
        for place, one in enumerate(items)
    ]


@step
def make_items(*, table: Output, items: Annotated[Items, At("mini.items")], replicate: Seed) -> None:
    """Draw the questions of the miniature. None is in two parts; tasks without a search are tested only.

    A task with few different questions, such as one operation, has fewer of them in each part, in proportion.

    Parameters
    ----------
    table
        The questions: qid, task, part, prompt, answer.
    """
    import pandas as pd

    wanted = {SEARCH: items.search, VALIDATION: items.validation, TEST: items.test}
    rows: list[dict[str, str]] = []
    for number, task in enumerate(TASKS):
        rng = np.random.default_rng([replicate, 2, number])
        parts = PARTS if task in KNOWN else (TEST,)
        total = sum(wanted[part] for part in parts)
        drawn = distinct_items(task, total, rng)
        ends = np.cumsum([round(len(drawn) * wanted[part] / total) for part in parts])
        for part, some in zip(parts, np.split(np.arange(len(drawn)), ends[:-1]), strict=True):
            rows += questions_of(task, part, [drawn[place] for place in some])
    write_table(pd.DataFrame(rows), table)


@step
def gather(*, runs: list[str], parts: list[Input], table: Output) -> None:
    """Put tables of several runs into one.

    Parameters
    ----------
    runs
        Name of each run, as replicate:model:variant.
    parts
        A table of each run, in the same order.
    table
        All rows, with the columns replicate, model and variant before the others.
    """
    import pandas as pd

    frames = []
    for name, path in zip(runs, parts, strict=True):
        replicate, model, variant = name.split(":")
        about = {"replicate": int(replicate), "model": model, "variant": variant}
        frame = read_table(path, {})
        frames.append(frame.assign(**about)[[*about, *frame.columns]])
    write_table(pd.concat(frames, ignore_index=True), table)

"""Problems in words with answers that math-verify can check, such as Polaris-53K, in disjoint splits."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from raw2fig.checksum import check_sha256
from raw2fig.errors import InputError
from raw2fig.papers.scalerl.splits import HOLE, REPEATED, ROWS, Splits, Unusable, first_of_each, read_prompt, split_ids
from raw2fig.settings import Seed
from raw2fig.step import At, Input, Output, progress, step
from raw2fig.tables import write_json, write_table
from raw2fig.tasks.mathematics import is_readable
from raw2fig.tasks.problems import VERIFIER

UNREADABLE = "unreadable_answers"


@step
def polaris(
    *,
    rows: Input,
    sha256: str | None = None,
    template: Input,
    splits: Annotated[Splits, At("problems.math.splits")],
    problems: Output,
    manifest: Output,
    replicate: Seed,
) -> None:
    """Split problems at random; leave out those whose answer cannot be read and those that come again.

    Parameters
    ----------
    rows
        JSON lines with the fields problem and answer (.jsonl); others, such as difficulty, are ignored.
    sha256
        Expected SHA-256 of the file.
    template
        Text file: the prompt, with {problem} in it.
    problems
        A row per problem: prompt, answer, split, verifier.
    manifest
        JSON: the file's SHA-256, how many rows were dropped and why, and the ids of all problems by split.
    """
    import pandas as pd

    prompt = read_prompt(template)
    found = check_sha256(rows, sha256, rows)
    counts: Counter[str] = Counter()
    kept = {name: row for name, row, *_ in first_of_each(progress(read_rows(rows), "answers"), usable, counts)}
    total, unread, again = counts[ROWS], counts[UNREADABLE], counts[REPEATED]
    logging.info("%d rows: %d answers cannot be read, %d problems come again", total, unread, again)
    split = split_ids(list(kept), splits.sizes(), replicate)
    table = [
        (prompt.replace(HOLE, kept[name][0]), kept[name][1], part, "math")
        for part, names in split.items()
        for name in names
    ]
    write_table(pd.DataFrame(table, columns=["prompt", "answer", "split", VERIFIER]), problems)
    counted = {ROWS: total, UNREADABLE: unread, REPEATED: again}
    write_json({"sha256": found, "replicate": replicate, **counted, "split": split}, manifest)


def usable(row: tuple[str, str]) -> tuple[str, str]:
    """A row's problem and answer. Raises `Unusable` for an answer that math-verify cannot read."""
    if not is_readable(row[1]):
        raise Unusable(UNREADABLE)
    return row


def read_rows(path: Path) -> Iterator[tuple[str, str]]:
    """(problem, answer) of each row. Raises `InputError` for a row that is not JSON, or lacks one of the two as text;
    an answer may be a number."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
            except ValueError as error:
                raise InputError(path, f"line {number} is not JSON ({error})", "an object on each line") from error
            problem, answer = (row.get(name) if isinstance(row, dict) else None for name in ("problem", "answer"))
            if not isinstance(problem, str) or not isinstance(answer, str | int | float):
                raise InputError(path, f"line {number} has no problem and answer", "both, as text")
            yield problem.strip(), str(answer).strip()

"""Problems of published sets, for RL and for evaluation: rows as verl's (prompt, reward_model), or a problem and its
answer.

An answer is checked to the letter in a box near the end, so a row whose answer no box can hold is left out: a program
with its tests, say, which the paper runs in its sandbox.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

from raw2fig.errors import InputError
from raw2fig.json_lines import read_rows
from raw2fig.lm.chats import text_of
from raw2fig.papers.agentic_rl.grading import is_right
from raw2fig.settings import Field, Record
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_json

EXPECTED = "rows with a problem and its answer"


class Columns(Record):
    """Where rows have problems and answers."""

    problem_columns: list[str] = Field(
        min_length=1, description="Columns of problems, texts or chats; the first that a row has counts."
    )
    answer_columns: list[str] = Field(
        min_length=1, description="Columns of answers; a point leads into a structure, as reward_model.ground_truth."
    )
    removed: list[str] = Field(description="Texts that are taken out of problems: a set's own instructions.")


@step
def read_problems(
    *, data: list[Input], problems: Output, report: Output, columns: Annotated[Columns, At("pretrained.columns")]
) -> None:
    """Read the problems of data sets that have an answer in a few letters, each problem once.

    Parameters
    ----------
    data
        JSON lines or Parquet tables.
    problems
        JSON lines: problem, answer, and the row's data_source if it has one.
    report
        How many rows there are, by data_source, and how many are left out, by reason.
    """
    found, rows, left_out = dict[str, dict[str, str]](), Counter[str](), Counter[str]()
    for path in data:
        for _, row in read_rows(path, EXPECTED):
            source = str(row.get("data_source") or "")
            rows[source] += 1
            problem, answer = problem_of(row, columns), answer_of(row, columns)
            reason = reason_against(problem, answer) or ("twice" if problem in found else "")
            if reason:
                left_out[reason] += 1
            else:
                found[problem] = {"problem": problem, "answer": answer, "data_source": source}
    if not found:
        raise InputError(data[0], f"no problem can be read ({dict(left_out)})", EXPECTED)
    problems.write_text("".join(json.dumps(one) + "\n" for one in found.values()), encoding="utf-8")
    kept = Counter(one["data_source"] for one in found.values())
    write_json({"rows": dict(rows), "problems": dict(kept), "left_out": dict(left_out)}, report)


def reason_against(problem: str, answer: str) -> str:
    """Why a row is left out; empty if nothing is against it."""
    if not problem:
        return "no problem"
    if not answer:
        return "no answer"
    return "" if is_right(f"\\boxed{{{answer}}}", answer) else "an answer that no box near the end can hold"


def problem_of(row: Mapping[str, Any], columns: Columns) -> str:
    """The problem of a row, of a chat its last message of the user; empty if it has none."""
    value = first_of(row, columns.problem_columns)
    if isinstance(value, list):
        asked = [one for one in value if isinstance(one, Mapping) and one.get("role") == "user"]
        value = text_of(asked[-1].get("content")) if asked else ""
    text = str(value or "")
    for removed in columns.removed:
        text = text.replace(removed, "")
    return text.strip()


def answer_of(row: Mapping[str, Any], columns: Columns) -> str:
    """The answer of a row, empty if it has none. A whole number is one, however a table stores it."""
    value = first_of(row, columns.answer_columns)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return "" if value is None else str(value).strip()


def first_of(row: Mapping[str, Any], names: list[str]) -> Any:
    """The value of the first of some columns that a row has."""
    for name in names:
        value: Any = row
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is not None:
            return value
    return None

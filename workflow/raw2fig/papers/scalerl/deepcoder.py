"""Programming problems with tests: the DeepCoder data, in disjoint splits.

Rows have `problem` and `tests`; those of LiveCodeBench `starter_code` and `metadata` too. `tests` is JSON text in one
of three forms, told apart by themselves (rllm, cookbooks/deepcoder/prepare_data.py and rllm/rewards/code_reward.py):

    {"inputs": [...], "outputs": [...], "fn_name": "f"}                          taco; fn_name for calls
    [{"type": "stdin_stdout" or "function_call", "input", "output", "fn_name"}]  primeintellect
    [{"testtype": "stdin" or "functional", "input", "output"}]                   lcbv5, codeforces

A call has a list of arguments and a list that holds the result; in lcbv5 the arguments are lines of JSON, the result
is JSON, and the function's name is in `metadata`.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from raw2fig.checksum import check_sha256
from raw2fig.errors import InputError
from raw2fig.papers.scalerl.splits import HOLE, ROWS, Splits, Unusable, first_of_each, read_prompt, split_ids
from raw2fig.settings import Seed
from raw2fig.step import At, Input, Output, progress, step
from raw2fig.tables import write_json
from raw2fig.tasks.code import TESTS
from raw2fig.tasks.problems import VERIFIER

PROBLEM_BYTES = 1 << 19
"""Bytes of a problem's tests, as JSON text, that are kept at most. Ours: all of them would be 9 GB, most of it in a few
hundred problems of LiveCodeBench, and a training reads its table whole. 512 kB hold inputs of 100,000 numbers."""
NEEDED, OPTIONAL = ("problem", "tests"), ("starter_code", "metadata")
FRAME = re.compile(
    r"^\s*Solve the following coding problem using the programming language python:\s*"
    r"|\s*(?:The input will be (?:given via )?stdin[^\n]*\s*)?Now solve th(?:e|is) problem[^\n]*\s*$"
)
"""What primeintellect has around its problems, which other configurations have without it."""
KINDS = {"stdin": "program", "stdin_stdout": "program", "functional": "lines", "function_call": "values"}
BLOCK_BYTES = 16 << 20
"""Text that is gathered before it is written."""


@step
def deepcoder(
    *,
    rows: list[Input],
    sha256: list[str] | None = None,
    template: Input,
    splits: Annotated[Splits, At("problems.code.splits")],
    problems: Output,
    manifest: Output,
    replicate: Seed,
) -> None:
    """Split programming problems at random; leave out those without usable tests and those that come again.

    Parameters
    ----------
    rows
        Parquet files of the configurations primeintellect, taco, lcbv5 and codeforces, in any order. They are read
        twice, a row group at a time.
    sha256
        Expected SHA-256 of each file, in the same order.
    template
        Text file: the prompt, with {problem} in it.
    problems
        A row per problem, in the order of the files: prompt, answer (its tests), split, verifier.
    manifest
        JSON: the files' SHA-256, how many rows were dropped and why, and the ids of all problems by split.
    """
    prompt = read_prompt(template)
    if sha256 is not None and len(sha256) != len(rows):
        raise InputError("sha256", f"has {len(sha256)} values", f"one for each of {len(rows)} files")
    found = [check_sha256(path, sha256[index] if sha256 else None, path) for index, path in enumerate(rows)]
    counts: Counter[str] = Counter()
    names = [name for name, *_ in first_of_each(progress(read_rows(rows), "rows"), usable, counts)]
    total, dropped = counts.pop(ROWS, 0), dict(counts)
    logging.info("%d rows: %d problems; dropped: %s", total, len(names), dropped)
    split = split_ids(names, splits.sizes(), replicate)
    write_rows(split_rows(read_rows(rows), prompt, split), problems)
    write_json({"sha256": found, "replicate": replicate, "rows": total, "dropped": dropped, "split": split}, manifest)


def read_rows(paths: Iterable[Path]) -> Iterator[dict[str, Any]]:
    """The rows of Parquet files, one after the other; no more than a row group is in memory. Raises `InputError` for a
    file that cannot be read or has no problems and tests."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in paths:
        try:
            with pq.ParquetFile(path, pre_buffer=False) as file:
                there = {field.name: str(field.type) for field in file.schema_arrow}
                missing = [name for name in NEEDED if not there.get(name, "").endswith("string")]
                if missing:
                    raise InputError(path, f"no column {missing[0]!r} of text", f"columns {', '.join(NEEDED)}")
                columns = [name for name in (*NEEDED, *OPTIONAL) if name in there]
                for batch in file.iter_batches(batch_size=1, columns=columns, use_threads=False):
                    yield from batch.to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise InputError(path, f"cannot be read ({error})", "a whole Parquet file") from error


def split_rows(
    rows: Iterable[Mapping[str, Any]], prompt: str, split: Mapping[str, Iterable[str]]
) -> Iterator[tuple[str, str, str, str]]:
    """(prompt, answer, split, verifier) of the rows that are in a split; of those with one problem, the first."""
    part_of = {name: part for part, names in split.items() for name in names}
    for name, row, problem, tests in first_of_each(rows, usable, Counter()):
        if name in part_of:
            yield prompt.replace(HOLE, task(problem, row, tests)), json.dumps(tests), part_of[name], "code"


def usable(row: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """A row's problem and the tests that are kept of it. Raises `Unusable`."""
    problem = FRAME.sub("", row["problem"] or "").strip()
    if not problem:
        raise Unusable("no_problem")
    try:
        tests = read_tests(row)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Unusable("unreadable_tests") from error
    if not tests:
        raise Unusable("no_tests")
    kept = longest(tests)
    if not kept:
        raise Unusable("too_long_tests")
    return problem, kept


def read_tests(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All tests of a row as `raw2fig.tasks.code` has them. Raises `ValueError`, `TypeError`, `KeyError` or
    `AttributeError` for what is in none of the forms, and `Unusable` for calls of a function without a name."""
    tests = json.loads(row["tests"] or "[]")
    if isinstance(tests, dict):
        kind, name = ("function_call" if tests.get("fn_name") else "stdin"), tests.get("fn_name")
        pairs = zip(tests["inputs"], tests["outputs"], strict=True)
        return [_test(kind, name, given, wanted) for given, wanted in pairs]
    metadata = row.get("metadata") or {}
    name = (json.loads(metadata) if isinstance(metadata, str) else metadata).get("func_name")
    return [
        _test(
            test.get("type") or test.get("testtype") or "stdin",
            test.get("fn_name") or name,
            test["input"],
            test["output"],
        )
        for test in tests
    ]


def _test(kind: str, name: str | None, given: Any, wanted: Any) -> dict[str, Any]:
    form = KINDS[kind]
    if form == "program":
        return {"input": _text(given), "output": _text(wanted)}
    if not name:
        raise Unusable("functions_without_name")
    if form == "lines":
        arguments, results = [json.loads(line) for line in given.split("\n")], [json.loads(wanted)]
    elif isinstance(given, list):
        # as rllm's checker, which takes the list and its only element for right: both ways occur
        arguments, results = given, [*wanted, wanted] if isinstance(wanted, list) and len(wanted) == 1 else [wanted]
    else:
        raise TypeError("arguments are a list")
    return {"function": str(name), "arguments": arguments, "results": results}


def _text(value: Any) -> str:
    """Text, or a list of lines, as text."""
    if isinstance(value, list):
        return "\n".join(map(str, value))
    if not isinstance(value, str):
        raise TypeError("input and output are text")
    return value


def longest(tests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """At most `TESTS` tests of at most `PROBLEM_BYTES` together, in their order: those with the longest input that fit.
    rllm, too, takes the longest: they tell slow programs from fast ones."""
    sizes = [len(json.dumps(test)) for test in tests]
    given = [len(json.dumps(test.get("input", test.get("arguments")))) for test in tests]
    kept: list[int] = []
    room = PROBLEM_BYTES
    for index in sorted(range(len(tests)), key=lambda index: -given[index]):
        if len(kept) < TESTS and sizes[index] <= room:
            kept.append(index)
            room -= sizes[index]
    return [tests[index] for index in sorted(kept)]


def task(problem: str, row: Mapping[str, Any], tests: list[dict[str, Any]]) -> str:
    """The problem with what a solution needs to know besides: code to start from, or the name of a function."""
    starter = str(row.get("starter_code") or "").strip()
    if starter:
        return f"{problem}\n\nStart from this code:\n```python\n{starter}\n```"
    names = sorted({test["function"] for test in tests if "function" in test})
    return f"{problem}\n\nWrite a function {' and a function '.join(names)}." if names else problem


def write_rows(rows: Iterable[tuple[str, str, str, str]], path: Path) -> None:
    """A Parquet table of prompt, answer, split and verifier, written in blocks."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = ("prompt", "answer", "split", VERIFIER)
    with pq.ParquetWriter(path, pa.schema([(name, pa.string()) for name in names])) as file:
        block: list[dict[str, str]] = []
        size = 0
        for row in rows:
            block.append(dict(zip(names, row, strict=True)))
            size += sum(map(len, row))
            if size > BLOCK_BYTES:
                file.write_table(pa.Table.from_pylist(block, file.schema))
                block, size = [], 0
        if block:
            file.write_table(pa.Table.from_pylist(block, file.schema))

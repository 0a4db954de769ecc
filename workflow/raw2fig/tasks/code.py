"""Programs in Python: the last block of code in a completion, and whether it passes the tests of its problem.

... </think> Reading all numbers and adding them up is enough:

    ```python
    print(sum(map(int, input().split())))
    ```

The answer of a problem is a list of tests as JSON text, each in one of two forms:

    {"input": "1 2\\n", "output": "3\\n"}                            standard input and output of a program
    {"function": "add", "arguments": [1, 2], "results": [3]}        a call, and the values that are right

Programs run in the sandbox (`raw2fig.sandbox.program`); what is expected never enters it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from raw2fig.errors import InputError
from raw2fig.sandbox.program import Limits, run_program
from raw2fig.tasks.mathematics import CLOSE

SECONDS = 6
"""CPU seconds for each test: those of rllm, DeepCoder's own code, for LiveCodeBench; its other sets have 12."""
MEMORY = 1 << 30
"""Bytes of address space: ours."""
TESTS = 15
"""Tests at most, the first ones of an answer: as many as rllm runs."""
LIMITS = Limits(cpu_seconds=SECONDS, wall_seconds=10.0 * SECONDS, memory_bytes=MEMORY, output_bytes=4 << 20)
"""Ten times the CPU seconds by the clock, so that a busy machine gives the same verdict; 4 MB of output: ours."""
FENCE = "```"

CALL = """
import json, sys, types

source, name, arguments = json.load(sys.stdin)
said, sys.stdout = sys.stdout, sys.stderr
solution = sys.modules["solution"] = types.ModuleType("solution")
for module in ("typing", "collections", "functools", "itertools", "heapq", "bisect", "math", "builtins"):
    exec(f"import {module}; from {module} import *", solution.__dict__)
exec(compile(source, "solution.py", "exec"), solution.__dict__)
owner = solution.Solution() if hasattr(solution, "Solution") else solution
result = getattr(owner, name)(*arguments)
json.dump(result, said)
said.flush()
"""
"""Program of a call: reads the solution, a function's name and its arguments, and prints what it returns. As on
LeetCode, where most such problems are from, usual modules are imported already, and the function may be a method of the
class Solution. What the solution itself prints goes elsewhere."""


def is_right(answer: str, completion: str) -> bool:
    """Whether the program of a completion passes the tests of `answer`; the first one that fails ends it.

    Outputs are equal if they have the same words between white space, letter by letter: 1.0 is not 1, and of several
    right outputs only the one that stands in the test counts. A returned value must equal one of the results, as JSON
    has them (a tuple is a list) and Python compares them (1.0 and true are 1). Raises `InputError` for an answer in
    another form and where there is no sandbox.
    """
    tests = read_tests(answer)
    program = program_of(completion)
    return program is not None and all(passes(program, test) for test in tests[:TESTS])


def all_right(answers: Sequence[str], completions: Sequence[str]) -> list[bool]:
    """`is_right` of each pair, in their order, as many at a time as this process has cores; where a launcher started
    several processes on the machine, each takes its share."""
    pairs = list(zip(answers, completions, strict=True))
    cores = len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    with ThreadPoolExecutor(max(1, cores)) as pool:
        return list(pool.map(lambda pair: is_right(*pair), pairs))


def program_of(completion: str) -> str | None:
    """The last closed block of code that is marked as Python, after the end of thinking if there is one. None without
    one: what was cut off, or is in no block, is no program. Blocks are CommonMark's: three backticks or more begin a
    line, and a line of nothing but at least as many ends it."""
    program: str | None = None
    block: list[str] | None = None
    python, ticks = False, 0
    for line in completion.rpartition(CLOSE)[2].split("\n"):
        mark = line.strip()
        label = mark.lstrip("`")
        if block is None and mark.startswith(FENCE) and "`" not in label:
            block, python, ticks = [], label.strip().lower().startswith("python"), len(mark) - len(label)
        elif block is not None and not label and len(mark) >= ticks:
            program, block = "\n".join([*block, ""]) if python else program, None
        elif block is not None:
            block.append(line)
    return program


def passes(program: str, test: dict[str, Any]) -> bool:
    """Whether a program passes one test."""
    if "function" not in test:
        outcome = run_program(program, test["input"], LIMITS)
        return outcome.status == "finished" and outcome.stdout.split() == test["output"].split()
    outcome = run_program(CALL, json.dumps([program, test["function"], test["arguments"]]), LIMITS)
    try:
        return outcome.status == "finished" and json.loads(outcome.stdout) in test["results"]
    except (ValueError, RecursionError):
        return False


def read_tests(answer: str) -> list[dict[str, Any]]:
    """The tests of an answer. Raises `InputError` unless it has one or more, all in a form of this module."""
    try:
        tests = json.loads(answer)
    except ValueError as error:
        raise InputError("answer", f"is not JSON ({error})", "tests of a program") from error
    if not isinstance(tests, list) or not tests or not all(map(_is_test, tests)):
        raise InputError("answer", f"is {answer[:80]!r}", "a list of tests with input and output, or of calls")
    return tests


def _is_test(test: Any) -> bool:
    kinds = {"input": str, "output": str}, {"function": str, "arguments": list, "results": list}
    return isinstance(test, dict) and any(
        test.keys() == kind.keys() and all(isinstance(test[name], kind[name]) for name in kind) for kind in kinds
    )

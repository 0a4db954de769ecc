"""Proof of an environment before it is used: what solves a task scores 1 every time, and its answer is out of reach.

Answers lie in a file of their own, which begins with a canary: a word that stands nowhere else. Where it turns
up in what an agent did, the agent could read the answers.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from raw2fig.errors import InputError
from raw2fig.papers.hal.contract import Answer, Benchmark, Task
from raw2fig.papers.hal.records import read_lines

CANARY = "canary"
"""Key of the first line of a file of answers."""
TIMES = 3
"""How often the reference solution is played."""


def play(benchmark: Benchmark, task: Task, gold: Any) -> float:
    """The score of the reference solution, done in the task's world."""
    world, answer = benchmark.open(task), None
    for action in benchmark.solve(task, gold):
        if isinstance(action, Answer):
            answer = action.text
            break
        seen = world.use(action.tool, action.argument)
        if seen.failed:
            raise ValueError(f"{benchmark.name}, {task.task}: {action.tool}[{action.argument}] fails: {seen.text}")
    return benchmark.score(gold, answer, world.state())


def check_benchmark(benchmark: Benchmark, tasks: Sequence[Task], gold: Mapping[str, Any]) -> float:
    """The share of tasks that are solved by doing nothing. Raises `ValueError` unless every reference solution scores 1
    each time."""
    idle = 0.0
    ends = [(gold[task.task], benchmark.solve(task, gold[task.task])[-1]) for task in tasks]
    benchmark.prepare([(right, end.text) for right, end in ends if isinstance(end, Answer)])
    for task in tasks:
        scores = [play(benchmark, task, gold[task.task]) for _ in range(TIMES)]
        if min(scores) < 1:
            raise ValueError(f"{benchmark.name}, {task.task}: the reference solution scores {scores}")
        idle += benchmark.score(gold[task.task], "", benchmark.open(task).state())
    return idle / len(tasks)


def gold_lines(gold: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What a file of answers holds. The canary is made of all answers: the same in every run, and nobody's guess."""
    yield {CANARY: hashlib.sha256(json.dumps([CANARY, dict(gold)]).encode()).hexdigest()}
    yield from ({"task": task, "gold": answer} for task, answer in gold.items())


def read_gold(path: Path, *rollouts: Path) -> dict[str, Any]:
    """Task → answer. Raises `InputError` if the canary of the answers is in any of the files of rollouts."""
    first, *lines = read_lines(path)
    for file in rollouts:
        if first[CANARY] in file.read_text(encoding="utf-8"):
            raise InputError(file, f"holds the canary of {path}", "rollouts of agents that could not read the answers")
    return {line["task"]: line["gold"] for line in lines}

"""Speed of Kimi-Dev's own parts: test runs in forked cells beside one pytest process each, patches, self-play.

    python benchmarks/kimi_dev.py

Both ways to run tests must give the same results on the same cells before anything is timed. Self-play of the miniature
is what its play does without the models: answers are read and applied, the matrix is computed, and a patch is chosen.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from shared.rows import show

from raw2fig.papers.kimi_dev.edits import blocks_between
from raw2fig.papers.kimi_dev.matrix import Cell, Running, execution_matrix, run_cells
from raw2fig.papers.kimi_dev.patches import apply, render
from raw2fig.papers.kimi_dev.playing import matrix
from raw2fig.papers.kimi_dev.real_tasks import RealTask, real_task
from raw2fig.papers.kimi_dev.selfplay import winner
from raw2fig.papers.kimi_dev.verifier import patched, read_check, resolves, results
from raw2fig.papers.kimi_dev.words import CHECK, EQUALS, block, fix
from raw2fig.papers.kimi_dev.world import SCORED, WRITTEN, Task, World
from raw2fig.papers.kimi_dev.world import draw_tasks as draw_small
from raw2fig.papers.kimi_dev.world import mutants as mutants_of
from raw2fig.tables import write_json
from raw2fig.tasks.mutants import draw_tasks
from raw2fig.tasks.mutation import mutants
from raw2fig.tasks.parts import TEST

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "build" / "bench" / "kimi_dev.json"
RUNNING = Running(cpu_seconds=0.5, wall_seconds=20, memory_mb=512)


def with_pytest(folder: Path, files: Mapping[str, str | None], tests: Sequence[str]) -> dict[str, bool]:
    """Whether each test passes, by a process of pytest."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text or "")
    words = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "--import-mode=prepend", "-c"]
    # without the plugins that are installed here, which take longer to load than pytest itself
    alone = {"PYTHONDONTWRITEBYTECODE": "1", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = subprocess.run(
        [*words, "/dev/null", "--rootdir", ".", *tests],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder), **alone},
        capture_output=True,
        text=True,
        check=False,
    )
    words = [line.split(" ", 2)[:2] for line in done.stdout.splitlines() if line.startswith(("PASSED", "FAILED"))]
    return {name: status == "PASSED" for status, name in words}


def side_by_side(tasks: list[RealTask], size: int, repetitions: int) -> dict[str, Any]:
    """Test runs per second, in turns on the same cells: so many patches of each task with as many tests."""
    played = [
        (task, [Cell({**patch, **test}, (*test,)) for patch, test in product(*game(task, size))]) for task in tasks
    ]

    def ours() -> list[dict[str, bool]]:
        ran = [one for task, cells in played for one in run_cells(task.files, cells, RUNNING)]
        return [{name: status == "passed" for name, status in one.tests.items()} for one in ran]

    def theirs() -> list[dict[str, bool]]:
        found = []
        for task, cells in played:
            for cell in cells:
                with tempfile.TemporaryDirectory() as folder:
                    found.append(with_pytest(Path(folder), {**task.files, **cell.changed}, cell.tests))
        return found

    if ours() != theirs():
        raise RuntimeError("forked cells and pytest differ")
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        theirs()
        middle = time.perf_counter()
        ours()
        times.append((middle - start, time.perf_counter() - middle))
    number = sum(len(cells) for _, cells in played)
    pytest, own = (number / statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(one / other for one, other in times)
    return {"cells": number, "pytest/s": pytest, "forked cells/s": own, "forked / pytest": ratio}


def game(task: RealTask, size: int) -> tuple[list[dict[str, str | None]], list[dict[str, str | None]]]:
    """Patches and tests of a task: the solution and mutants of the bug; its examples under as many names."""
    made = [one.source for one in mutants(task.source)][: size - 1]
    given: list[dict[str, str | None]] = [
        {task.path: task.files[task.path].replace(task.source, text)} for text in made
    ]
    return [*given, {**task.gold}], [named(task, place) for place in range(size)]


def patches(tasks: list[RealTask]) -> dict[str, Any]:
    """Answers that are parsed and applied per second."""
    answers = [
        render(blocks_between(path, task.files[path], text)) for task in tasks for path, text in task.gold.items()
    ]
    start, done = time.perf_counter(), 0
    while time.perf_counter() - start < 2:
        for task, answer in zip(tasks, answers, strict=True):
            if apply(task.files, answer).after is None:
                raise RuntimeError("an answer does not apply")
            done += 1
    return {"answers": done, "parsed and applied/s": done / (time.perf_counter() - start)}


def played(tasks: list[RealTask], size: int) -> dict[str, Any]:
    """Self-play with so many patches and tests for each task. Patches are mutants of the bug, one of them the solution;
    tests are the examples of the function, under as many names."""
    start, right, cells = time.perf_counter(), 0, 0
    for number, task in enumerate(tasks):
        given, tests = game(task, size)
        given.insert(number % len(given), given.pop())
        ran = execution_matrix(task.files, given, tests, RUNNING)
        best = winner(ran, [True] * len(given))
        right += best is not None and bool(ran.fail_pass[best].sum() == ran.failed.sum())
        cells += len(given) * int((ran.failed > 0).sum()) + size
    seconds = time.perf_counter() - start
    return {"tasks": len(tasks), "size": f"{size} x {size}", "seconds": seconds, "cells": cells, "all pass": right}


def played_small(number: int, size: int) -> dict[str, Any]:
    """Self-play of the miniature with so many patches and tests for each task. Patches are the reference edit and edits
    of the same line to other terms; tests are the example of the bug and tests with wrong results."""
    world = World(lines=3, operators=["+", "-", "*", "max", "min"], symptoms=0.5, vague=0.5)
    tasks = draw_small(np.random.default_rng(0), world, TEST, number)
    answers = [small_answers(task, world, size) for task in tasks]
    start, right = time.perf_counter(), 0
    for task, (edits, checks) in zip(tasks, answers, strict=True):
        programs = [patched(task, edit) for edit in edits]
        best = winner(
            matrix(task, programs, [read_check(one) for one in checks]), [one is not None for one in programs]
        )
        right += best is not None and resolves(task, programs[best], SCORED)
    seconds = time.perf_counter() - start
    return {"tasks": number, "size": f"{size} x {size}", "seconds": seconds, "resolved": right}


def small_answers(task: Task, world: World, size: int) -> tuple[list[list[str]], list[list[str]]]:
    """So many edits, of which the last one is right, and tests, of which every fourth is wrong; the others show the bug
    if a test can."""
    target, broken = task.fixed.targets[task.line], task.broken.terms[task.line]
    terms = [one.terms[task.line] for one in mutants_of(task.fixed, task.line, world)]
    wrong = [block(task.path, target, broken, term) for term in terms if term != broken]
    edits = [*(wrong * size)[: size - 1], fix(task)]
    before, after = results(task.broken), results(task.fixed)
    pairs = [pair for pair in WRITTEN if before[pair] != after[pair]] or WRITTEN
    asked = [(pairs[place % len(pairs)], place % 4 == 3) for place in range(size)]
    return edits, [
        [CHECK, task.fixed.name, *map(str, pair), EQUALS, str(after[pair] + is_wrong)] for pair, is_wrong in asked
    ]


def named(task: RealTask, place: int) -> dict[str, str | None]:
    """A test answer: the test file under another name, so that no two are the same."""
    ((path, text),) = task.tests.items()
    return {path.replace(".py", f"_{place}.py"): text}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=2, help="Tasks whose test runs are done both ways.")
    parser.add_argument("--cells", type=int, default=10, help="Patches and tests of each of them.")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--played", type=int, default=100, help="Tasks of self-play.")
    parser.add_argument("--size", type=int, default=20, help="Patches and tests of self-play.")
    parser.add_argument("--played-small", type=int, default=100, help="Tasks of the miniature's self-play.")
    words = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # one core for both
    tasks = [real_task(one) for one in draw_tasks(max(words.tasks, words.played), 4, 0)]
    measured: dict[str, Callable[[], dict[str, Any]]] = {
        "self-play of the miniature": lambda: played_small(words.played_small, words.size),
        "test runs": lambda: side_by_side(tasks[: words.tasks], words.cells, words.repetitions),
        "patches": lambda: patches(tasks),
        "self-play": lambda: played(tasks[: words.played], words.size),
    }
    found = {}
    for name, measure in measured.items():  # the last one takes minutes
        found[name] = measure()
        show(found[name])
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    write_json(found, RESULT)


if __name__ == "__main__":
    main()

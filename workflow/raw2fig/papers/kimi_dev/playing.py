"""`raw2fig kimi-dev play`: test-time self-play of a model with itself, beside the vote of the majority and the hidden
tests (section 3.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np

from raw2fig.papers.kimi_dev.arms import ARMS, MIDTRAINED, PLAIN, SFT
from raw2fig.papers.kimi_dev.matrix import Matrix
from raw2fig.papers.kimi_dev.patches import Files, apply
from raw2fig.papers.kimi_dev.roles import Model, answered, opened, written_again
from raw2fig.papers.kimi_dev.selfplay import winner
from raw2fig.papers.kimi_dev.tasks import LONGER, OPERATOR, read_tasks
from raw2fig.papers.kimi_dev.verifier import (
    Check,
    Program,
    original,
    passes,
    patched,
    program,
    read_check,
    reproduces,
    resolves,
    results,
    texts,
)
from raw2fig.papers.kimi_dev.voting import majority
from raw2fig.papers.kimi_dev.words import text_of
from raw2fig.papers.kimi_dev.world import SCORED, WRITTEN, Task
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table
from raw2fig.tasks.parts import TEST

SELF_PLAY, MAJORITY, PASS = "self-play", "majority", "pass"
ONE_PROMPT = "one prompt"
"""The model sees several of its patches and writes another one (appendix F)."""
TOGETHER = (1, 3, 5)
"""Patches in one prompt, of the sizes of games."""
OLD_TESTS = 3
"""Tests that a repository has at first, at most; they pass with the bug and with the fix."""


class Play(Record):
    """Self-play of a model."""

    sizes: list[int] = Field(min_length=1, description="Patches, and as many tests, of a game.")
    samples: int = Field(ge=2, description="Patches and tests to a task where there is no game.")


@step
def play(
    *,
    midtrained: Input,
    sft: Input,
    reinforced: Input,
    tasks: Input,
    table: Output,
    games: Annotated[Play, At("miniature.play")],
    replicate: Seed,
) -> None:
    """Let models write patches and tests for tasks, and choose among their patches by their tests.

    Parameters
    ----------
    midtrained
        Folders of `raw2fig kimi-dev midtrain`.
    sft
        Model folder of the cold start.
    reinforced
        Folders of `raw2fig kimi-dev reinforce`.
    tasks
        Folder of `raw2fig kimi-dev make-tasks`.
    table
        A row for each model, set of tasks, measure and number of patches: share of tasks that are resolved by
        self-play, majority, pass (any of the patches) and one prompt (another patch, written after seeing them); and
        over all answers: localised, applies, resolved,
        reproduces, distinct patches of a task, and words of an answer. Models of mid-training and tasks out of
        distribution have no games.
    """
    import pandas as pd

    games_of = {SFT: sft, **{arm: reinforced / arm for arm in ARMS if (reinforced / arm).is_dir()}}
    alone = {part: midtrained / part for part in MIDTRAINED}
    rounds = [(name, folder, TEST, sorted(games.sizes)) for name, folder in games_of.items()]
    rounds += [(name, folder, TEST, [games.samples]) for name, folder in alone.items()]
    rounds += [(name, games_of[name], part, [games.samples]) for name in (SFT, PLAIN) for part in (LONGER, OPERATOR)]
    rows = []
    for name, folder, part, sizes in rounds:
        # the same random numbers for every model
        found = measures(
            opened(str(folder)), read_tasks(tasks / f"{part}.jsonl"), sizes, np.random.default_rng([replicate, 6])
        )
        rows += [{"model": name, "tasks": part, **row} for row in found]
    write_table(pd.DataFrame(rows).assign(replicate=replicate), table)


def measures(
    model: Model, tasks: Sequence[Task], sizes: Sequence[int], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Measures of a model on tasks."""
    most = sizes[-1]
    places, answers = answered(model, "BugFixer", tasks, most, rng)
    _, tests = answered(model, "TestWriter", tasks, most, rng)
    won: dict[tuple[str, int], list[bool]] = {}
    sampled: dict[str, list[float]] = {}
    for task, files, written, asked in zip(tasks, places, answers, tests, strict=True):
        afters = [apply(texts(task), text_of(answer)).after for answer in written]
        programs = [None if after is None else program(after) for after in afters]
        right = [resolves(task, one, SCORED) for one in programs]
        checks = [read_check(answer) for answer in asked]
        game = matrix(task, programs, checks)
        applies = [one is not None for one in programs]
        for key, solved in outcomes(game, texts(task), afters, applies, right, sizes).items():
            won.setdefault(key, []).append(solved)
        told: dict[str, Sequence[float]] = {
            "localised": [path == task.path for path in files[1:]],
            "applies": [one is not None for one in programs[1:]],
            "resolved": right[1:],
            "reproduces": [reproduces(task, check) for check in checks[1:]],
            "distinct patches": [len({str(after) for after in afters if after is not None})],
            "words": [len(answer) for answer in written[1:]],
        }
        for measure, values_ in told.items():
            sampled.setdefault(measure, []).extend(map(float, values_))
    for size in sorted(set(TOGETHER) & set(sizes)):
        again = written_again(model, tasks, places, answers, size)
        programs = [patched(task, answer) for task, answer in zip(tasks, again, strict=True)]
        won[ONE_PROMPT, size] = [
            files[0] is not None and resolves(task, one, SCORED)
            for task, files, one in zip(tasks, places, programs, strict=True)
        ]
    return rows_of(won, sampled, most)


def outcomes(
    game: Matrix,
    files: Files,
    afters: Sequence[Files | None],
    applies: Sequence[bool],
    right: Sequence[bool],
    sizes: Sequence[int],
) -> dict[tuple[str, int], bool]:
    """Whether a task is resolved by the patch that self-play chooses, by that of the majority, and by any, with the
    first patches and tests alone: for each size of a game."""
    found: dict[tuple[str, int], bool] = {}
    for size in sizes:
        chosen = {
            SELF_PLAY: winner(part(game, size), applies[:size]),
            MAJORITY: majority(files, afters[:size]),
        }
        found |= {(manner, size): which is not None and right[which] for manner, which in chosen.items()}
        found[PASS, size] = any(right[:size])
    return found


def rows_of(
    won: Mapping[tuple[str, int], Sequence[bool]], sampled: Mapping[str, Sequence[float]], most: int
) -> list[dict[str, Any]]:
    """A row for each manner and size of a game, and for each measure over all answers."""
    return [
        *(_row(manner, size, flags) for (manner, size), flags in won.items()),
        *(_row(measure, most, numbers) for measure, numbers in sampled.items()),
    ]


def _row(measure: str, size: int, found: Sequence[float]) -> dict[str, Any]:
    return {"measure": measure, "size": size, "value": float(np.mean(found)), "n": len(found)}


def old_tests(task: Task) -> list[Check]:
    """The tests that a repository has: the first arguments on which the bug does not show."""
    right, wrong = results(task.fixed), results(task.broken)
    unseen = [pair for pair in WRITTEN if right[pair] == wrong[pair]][:OLD_TESTS]
    return [Check(task.fixed.name, *pair, right[pair]) for pair in unseen]


def matrix(task: Task, programs: Sequence[Program | None], checks: Sequence[Check | None]) -> Matrix:
    """What running each test file, the old tests and a new one, gives on the original and with each patch."""
    old = old_tests(task)
    files = [[*old, check] if check else [] for check in checks]
    before = [_outcomes(original(task), file) for file in files]
    failed = np.array([len(row) - sum(row) for row in before])
    passed = np.array([sum(row) for row in before])
    cells = np.zeros((2, len(programs), len(checks)), int)
    for place, one in enumerate(programs):
        if one is None:
            continue
        for column in np.flatnonzero(failed):
            after = _outcomes(one, files[column])
            pairs = list(zip(before[column], after, strict=True))
            cells[:, place, column] = pairs.count((False, True)), pairs.count((True, True))
    return Matrix(failed, passed, *cells)


def _outcomes(one: Program, file: Sequence[Check]) -> list[bool]:
    return [passes(check, one) for check in file]


def part(whole: Matrix, size: int) -> Matrix:
    """The game of the first patches and tests alone."""
    return Matrix(
        whole.failed[:size], whole.passed[:size], whole.fail_pass[:size, :size], whole.pass_pass[:size, :size]
    )

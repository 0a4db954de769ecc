"""`raw2fig kimi-dev selfplay`: somebody's patches against somebody's tests, and which patch is the answer."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev.apply_steps import told
from raw2fig.papers.kimi_dev.diffs import unified
from raw2fig.papers.kimi_dev.matrix import Changes, Matrix, Running, changes, execution_matrix, is_test_file
from raw2fig.papers.kimi_dev.repository import Answer, read_answers, read_files_to_run
from raw2fig.papers.kimi_dev.selfplay import scores, winner
from raw2fig.papers.kimi_dev.selfplay_page import write_page
from raw2fig.papers.kimi_dev.voting import majority
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    import pandas as pd


@step
def selfplay(
    *,
    patches: Input,
    tests: Input,
    repo: Input,
    diff: Output = Path("kimi-dev-selfplay.diff"),
    page: Output = Path("kimi-dev-selfplay.html"),
    table: Output = Path("kimi-dev-selfplay.csv"),
    matrix: Output = Path("kimi-dev-selfplay-matrix.csv"),
    running: Annotated[Running, At("own.running")],
) -> None:
    """Choose among patches by tests that models wrote: each test runs on the original and with each patch, in the
    sandbox. The first patch of those with the largest score wins.

    Tests are functions, classes of pytest without fixtures, and unittest cases, with the standard library alone. What a
    patch changes in tests and in their configuration does not count.

    Parameters
    ----------
    patches
        JSON lines with an answer each: SEARCH/REPLACE blocks, or a unified diff.
    tests
        JSON lines of the same form. An answer changes or adds test files.
    repo
        Folder of the repository. It stays as it is.
    diff
        The patch that wins, as a unified diff.
    page
        Why it wins, as a page that needs no other file.
    table
        A row for each patch: score, its two terms, and why it does not apply.
    matrix
        A row for each pair of patch and test.
    """
    files = read_files_to_run(repo)
    given, written = read_answers(patches, files), read_answers(tests, files)
    patched = [one.applied.after for one in given]
    tested, why = _tests(files, written)
    found = execution_matrix(files, [changes(files, one) if one else None for one in patched], tested, running)
    applies = [one is not None for one in patched]
    best = winner(found, applies)
    if best is None:
        problem = "; ".join(f"patch {number}: {told(one.applied.failures[0])}" for number, one in enumerate(given))
        raise InputError(patches, f"no patch applies ({problem})", "a patch that does")
    chosen = patched[best]
    assert chosen is not None
    for warning in doubts(found, applies, why):
        logging.warning(warning)
    made = unified(files, chosen)
    rows, cells = patch_rows(found, given), cell_rows(found)
    diff.write_text(made, encoding="utf-8", errors="surrogateescape", newline="")
    write_table(rows, table)
    write_table(cells, matrix)
    write_page(page, repo.resolve().name, found, rows, why, best, majority(files, patched), made)


def _tests(files: dict[str, str], answers: Sequence[Answer]) -> tuple[list[Changes | None], list[str]]:
    """What each test answer changes, None if it does not apply or changes anything but test files, and why."""
    found: list[Changes | None] = []
    why = []
    for answer in answers:
        changed = changes(files, answer.applied.after) if answer.applied.after else {}
        other = [path for path in changed if not is_test_file(path)]
        reason = told(answer.applied.failures[0]) if answer.applied.failures else ""
        why.append(reason or (f"it changes {other[0]}, which is no test file" if other else ""))
        found.append(None if why[-1] else changed)
    return found, why


def doubts(matrix: Matrix, applies: list[bool], why: Sequence[str]) -> list[str]:
    """What a user should know before trusting the choice: `why` says of each test whether and why it is not used."""
    found = []
    unused = [f"test {number}: {reason}" for number, reason in enumerate(why) if reason]
    if unused:
        found.append(f"{len(unused)} of {len(why)} tests are not used, {unused[0]}")
    used = matrix.failed > 0
    lost = int((used & (matrix.fail_pass.sum(axis=0) == 0)).sum())
    if lost:
        found.append(f"{lost} of {len(why)} tests pass with no patch; a test can import the standard library alone")
    if applies.count(True) > 1 and len(set(scores(matrix, applies)[applies])) == 1:
        found.append("no test tells the patches apart: the first one that applies is taken")
    return found


def patch_rows(matrix: Matrix, answers: Sequence[Answer]) -> pd.DataFrame:
    """A row for each patch; the score is missing for one that does not apply."""
    import numpy as np
    import pandas as pd

    applies = [one.applied.after is not None for one in answers]
    found = scores(matrix, applies)
    used = matrix.failed > 0
    return pd.DataFrame(
        {
            "patch": range(len(answers)),
            "applies": applies,
            "score": np.where(applies, found, np.nan),
            "fail_to_pass": matrix.fail_pass[:, used].sum(axis=1),
            "failed": matrix.failed[used].sum(),
            "pass_to_pass": matrix.pass_pass[:, used].sum(axis=1),
            "passed": matrix.passed[used].sum(),
            "reason": ["" if one.applied.after else told(one.applied.failures[0]) for one in answers],
        }
    )


def cell_rows(matrix: Matrix) -> pd.DataFrame:
    """A row for each pair of patch and test."""
    import pandas as pd

    patches, tests = matrix.fail_pass.shape
    return pd.DataFrame(
        {
            "patch": [patch for patch in range(patches) for _ in range(tests)],
            "test": [*range(tests)] * patches,
            "fail_to_pass": matrix.fail_pass.ravel(),
            "failed": [*matrix.failed] * patches,
            "pass_to_pass": matrix.pass_pass.ravel(),
            "passed": [*matrix.passed] * patches,
        }
    )

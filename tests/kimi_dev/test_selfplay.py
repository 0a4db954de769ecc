"""Scores of self-play by exact fractions (checks 1, 2, 3), and the command on a repository."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev.matrix import Matrix, Running
from raw2fig.papers.kimi_dev.selfplay import scores, winner
from raw2fig.papers.kimi_dev.selfplay_steps import selfplay
from raw2fig.papers.kimi_dev.voting import majority
from raw2fig.step import run_step

RUNNING = Running(cpu_seconds=1, wall_seconds=10, memory_mb=512)


def exact(matrix: Matrix, applies: list[bool]) -> list[Fraction | None]:
    """S by the equation, in fractions; None for -inf."""
    used = [place for place, failed in enumerate(matrix.failed.tolist()) if failed > 0]
    found: list[Fraction | None] = []
    for row, is_applied in enumerate(applies):
        total = Fraction(0)
        for part, whole in ((matrix.fail_pass, matrix.failed), (matrix.pass_pass, matrix.passed)):
            below = sum(int(whole[place]) for place in used)
            if below:
                total += Fraction(sum(int(part[row, place]) for place in used), below)
        found.append(total if is_applied else None)
    return found


@st.composite
def matrices(draw: st.DrawFn) -> tuple[Matrix, list[bool]]:
    """A matrix of some patches and tests, with counts as they can be, and which patches apply."""
    patches, tests = draw(st.integers(1, 5)), draw(st.integers(0, 5))
    failed = draw(st.lists(st.integers(0, 4), min_size=tests, max_size=tests))
    passed = draw(st.lists(st.integers(0, 4), min_size=tests, max_size=tests))
    parts = [[[draw(st.integers(0, most)) for most in whole] for _ in range(patches)] for whole in (failed, passed)]
    applies = draw(st.lists(st.booleans(), min_size=patches, max_size=patches))
    fixed, kept = (np.array(part, dtype=np.int64).reshape(patches, tests) for part in parts)
    return Matrix(np.array(failed, np.int64), np.array(passed, np.int64), fixed, kept), applies


def best_of(found: list[Fraction | None]) -> int | None:
    known = [one for one in found if one is not None]
    return found.index(max(known)) if known else None


@given(matrices())
def test_check_01_scores_are_the_fractions_of_the_equation(drawn: tuple[Matrix, list[bool]]) -> None:
    matrix, applies = drawn
    wanted = exact(matrix, applies)
    got = scores(matrix, applies)
    assert np.isneginf(got).tolist() == [one is None for one in wanted]
    np.testing.assert_allclose(got[applies], [float(one) for one in wanted if one is not None], rtol=1e-12)
    assert winner(matrix, applies) == best_of(wanted)


def matrix_of(failed: list[int], passed: list[int], fixed: list[list[int]], kept: list[list[int]]) -> Matrix:
    return Matrix(*(np.array(part, dtype=np.int64) for part in (failed, passed, fixed, kept)))


def test_check_01_sums_are_pooled_before_they_are_divided() -> None:
    # a file of ten failing tests, and one of one: the mean of ratios would choose the second patch
    matrix = matrix_of([10, 1], [0, 0], [[9, 0], [0, 1]], [[0, 0], [0, 0]])
    assert scores(matrix, [True, True]).tolist() == [9 / 11, 1 / 11]
    assert winner(matrix, [True, True]) == 0
    means = (matrix.fail_pass / matrix.failed).mean(axis=1)
    assert means.argmax() == 1


def test_check_01_terms_without_tests_are_zero_and_the_first_of_equals_wins() -> None:
    nothing = Matrix(
        np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((3, 0), np.int64), np.zeros((3, 0), np.int64)
    )
    assert scores(nothing, [False, True, True]).tolist() == [-np.inf, 0.0, 0.0]
    assert winner(nothing, [False, True, True]) == 1
    assert winner(nothing, [False, False, False]) is None
    no_passing = matrix_of([2], [0], [[1], [2], [2]], [[0], [0], [0]])
    assert scores(no_passing, [True] * 3).tolist() == [0.5, 1.0, 1.0]
    assert winner(no_passing, [True] * 3) == 1
    # 1/3 + 2/3 and 3/3 + 0/3 are equal, though not for floats of every order of sums
    equal = matrix_of([3], [3], [[1], [3], [2]], [[2], [0], [1]])
    assert winner(equal, [True] * 3) == 0
    dropped = matrix_of([0, 1], [9, 1], [[0, 0], [0, 1]], [[9, 1], [0, 1]])
    assert winner(dropped, [True] * 2) == 1  # the first test fails nowhere, so that its nine do not count


@given(matrices(), st.randoms(use_true_random=False))
def test_check_02_tests_that_tell_nothing_and_copies_change_no_winner(
    drawn: tuple[Matrix, list[bool]], rng: object
) -> None:
    matrix, applies = drawn
    rows = matrix.fail_pass.shape[0]
    best = winner(matrix, applies)
    twice = Matrix(*(np.concatenate([part, part], axis=-1) for part in matrix))
    assert winner(twice, applies) == best
    np.testing.assert_allclose(scores(twice, applies), scores(matrix, applies))
    order = np.array(rng.sample(range(rows), rows))  # type: ignore[attr-defined]
    moved = Matrix(matrix.failed, matrix.passed, matrix.fail_pass[order], matrix.pass_pass[order])
    np.testing.assert_array_equal(scores(moved, [applies[place] for place in order]), scores(matrix, applies)[order])


@given(matrices(), st.integers(1, 9))
def test_check_02_a_test_that_every_patch_solves_changes_no_winner(drawn: tuple[Matrix, list[bool]], new: int) -> None:
    """Where patches keep as many passing tests as one another. The sums are pooled, so that more failing tests lower
    the weight of each of them against what is kept, and that can change the winner (below)."""
    matrix, applies = drawn
    matrix = matrix._replace(pass_pass=np.broadcast_to(matrix.pass_pass[:1], matrix.pass_pass.shape))
    assert winner(with_solved(matrix, new), applies) == winner(matrix, applies)


def with_solved(matrix: Matrix, number: int) -> Matrix:
    """The matrix with another test file: so many tests fail on the original, and pass with every patch."""
    added = (number, 0, number, 0)
    columns = [np.full((*part.shape[:-1], 1), value) for part, value in zip(matrix, added, strict=True)]
    return Matrix(*(np.concatenate([part, column], axis=-1) for part, column in zip(matrix, columns, strict=True)))


def test_check_02_does_not_hold_where_patches_trade_one_term_for_the_other() -> None:
    matrix = matrix_of([2], [10], [[2], [1]], [[5], [9]])
    assert winner(matrix, [True, True]) == 0
    assert winner(with_solved(matrix, 10), [True, True]) == 1


@given(matrices(), st.data())
def test_check_03_no_choice_is_better_than_any_and_with_one_patch_all_are_equal(
    drawn: tuple[Matrix, list[bool]], data: st.DataObject
) -> None:
    matrix, applies = drawn
    solves = [data.draw(st.booleans()) and one for one in applies]
    best = winner(matrix, applies)
    before = {"a.py": "x = 0\n"}
    afters = [{"a.py": f"x = {data.draw(st.integers(0, 2))}\n"} if one else None for one in applies]
    solves = [one and after != before for one, after in zip(solves, afters, strict=True)]
    voted = majority(before, afters)
    any_of = any(solves)
    assert any_of >= (best is not None and solves[best])
    assert any_of >= (voted is not None and solves[voted])
    if len(applies) == 1:
        assert any_of == (best is not None and solves[best]) == (voted is not None and solves[voted])


REPOSITORY = {
    "calc/__init__.py": "",
    "calc/core.py": "def add(a, b):\n    return a - b\n\n\ndef mul(a, b):\n    return a * b\n",
    "tests/test_core.py": "import unittest\n\nfrom calc.core import mul\n\n\nclass Core(unittest.TestCase):\n"
    "    def test_mul(self):\n        self.assertEqual(mul(2, 3), 6)\n",
    ".git/config": "[core]\n",
}


def block(path: str, search: str, replace: str) -> str:
    return f"```python\n### {path}\n<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n```\n"


GOOD = block("calc/core.py", "    return a - b", "    return a + b")
LUCKY = block("calc/core.py", "    return a - b", "    return 5")
BREAKS = GOOD + block("calc/core.py", "    return a * b", "    return a + b")
MISSES = block("calc/core.py", "    return a / b", "    return a + b")
ADDS = block("tests/test_core.py", "from calc.core import mul", "from calc.core import add, mul") + block(
    "tests/test_core.py",
    "    def test_mul(self):",
    "    def test_add(self):\n        self.assertEqual(add(2, 3), 5)\n        self.assertEqual(add(1, 1), 2)\n\n"
    "    def test_mul(self):",
)
EASY = block("tests/test_core.py", "        self.assertEqual(mul(2, 3), 6)", "        self.assertEqual(mul(2, 2), 4)")
NEW_FILE = (
    "--- /dev/null\n+++ b/tests/test_new.py\n@@ -0,0 +1,4 @@\n+from calc.core import add\n+\n"
    "+def test_new():\n+    assert add(2, 3) == 5\n"
)
FOREIGN = NEW_FILE.replace("+from calc.core import add\n+\n", "+import not_there\n+\n").replace(
    "add(2, 3) == 5", "not_there"
)
NOT_A_TEST = block("calc/core.py", "    return a - b", "    return 0")


def played(folder: Path, patches: list[str], tests: list[str]) -> dict[str, Path]:
    """The command on the small repository."""
    for path, text in REPOSITORY.items():
        (folder / "repo" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "repo" / path).write_text(text)
    (folder / "patches.jsonl").write_text("".join(json.dumps({"answer": one}) + "\n" for one in patches))
    (folder / "tests.jsonl").write_text("".join(json.dumps({"patch": one}) + "\n" for one in tests))
    out = {"diff": "fix.diff", "page": "page.html", "table": "table.csv", "matrix": "matrix.csv"}
    files = {name: folder / file for name, file in out.items()}
    given = {name: folder / f"{name}.jsonl" for name in ("patches", "tests")}
    run_step(selfplay, {**given, **files, "repo": folder / "repo", "running": RUNNING})
    return files


def test_selfplay_chooses_the_patch_that_tests_confirm_and_says_why(tmp_path: Path) -> None:
    found = played(tmp_path, [MISSES, LUCKY, BREAKS, GOOD, GOOD], [ADDS, EASY, NEW_FILE, NOT_A_TEST, "nothing"])
    table = pd.read_csv(found["table"], keep_default_na=False, na_values={"score": [""]})
    assert table["applies"].tolist() == [False, True, True, True, True]
    # two tests fail on the original, one in each useful answer, and one passes there
    assert table["fail_to_pass"].tolist() == [0, 1, 2, 2, 2]
    assert table["pass_to_pass"].tolist() == [0, 1, 0, 1, 1]
    assert table["score"].tolist()[1:] == [1.5, 1.0, 2.0, 2.0]
    assert "not_found" in table["reason"][0]
    assert found["diff"].read_text().count("\n+") == 2
    assert "+    return a + b" in found["diff"].read_text()
    page = found["page"].read_text()
    for text in ("Patch 3 wins", "Patches 3, 4 have the same score", "test 1: it fails nowhere on the original"):
        assert text in page
    assert "test 3: it changes calc/core.py, which is no test file" in page
    assert "test 4: the whole: no_block" in page
    assert "majority vote over the same patches chooses it, too" in page
    assert "http" not in page.replace("http-equiv", "")
    matrix = pd.read_csv(found["matrix"])
    assert len(matrix) == 25
    assert matrix.query("patch == 3")["fail_to_pass"].tolist() == [1, 0, 1, 0, 0]
    assert {str(path.relative_to(tmp_path / "repo")) for path in (tmp_path / "repo").rglob("*") if path.is_file()} == {
        *REPOSITORY
    }


def test_without_any_useful_test_the_first_patch_that_applies_wins_and_a_warning_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = played(tmp_path, [MISSES, LUCKY, GOOD], [EASY, NOT_A_TEST, FOREIGN])
    assert "+    return 5" in found["diff"].read_text()
    assert "no test tells the patches apart: the first one that applies is taken" in caplog.messages
    assert "1 of 3 tests are not used, test 1: it changes calc/core.py, which is no test file" in caplog.messages
    assert "1 of 3 tests pass with no patch; a test can import the standard library alone" in caplog.messages
    played(tmp_path / "useful", [LUCKY, GOOD], [ADDS])
    assert len(caplog.messages) == 3
    assert "No test fails on the original" in played(tmp_path / "none", [GOOD], [EASY])["page"].read_text()


@pytest.mark.parametrize(
    ("patches", "message"),
    [([MISSES], "no patch applies .*not_found"), ([], "has no answers")],
)
def test_what_cannot_be_played_is_told_in_one_line(tmp_path: Path, patches: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        played(tmp_path, patches, [ADDS])
    assert not (tmp_path / "page.html").exists()


def test_lines_of_another_form_are_named(tmp_path: Path) -> None:
    played(tmp_path, [GOOD], [ADDS])
    (tmp_path / "patches.jsonl").write_text('{"answer": "a"}\n{"text": "b"}\n')
    given = {name: tmp_path / f"{name}.jsonl" for name in ("patches", "tests")}
    with pytest.raises(InputError, match="line 2 has 0 of answer, patch, model_patch"):
        run_step(selfplay, {**given, "repo": tmp_path / "repo", "running": RUNNING, **outputs(tmp_path)})


def outputs(folder: Path) -> dict[str, Path]:
    return {"diff": folder / "b.diff", "page": folder / "b.html", "table": folder / "b.csv", "matrix": folder / "c.csv"}

"""Cells in the sandbox: what they report, and that nothing of them reaches another one (checks 16, 18, 23, 24, 25)."""

from pathlib import Path

import pytest

from raw2fig.papers.kimi_dev.matrix import (
    Cell,
    Ran,
    Running,
    changes,
    code_changes,
    execution_matrix,
    grade,
    is_test_file,
    run_cells,
)
from raw2fig.papers.kimi_dev.repository import read_files
from raw2fig.sandbox.isolation import PYTHON_HOME, SYSTEM
from raw2fig.sandbox.program import run_program

RUNNING = Running(cpu_seconds=1, wall_seconds=6, memory_mb=512)
BASE = {"pkg/__init__.py": "", "pkg/core.py": "def f(x):\n    return x - 1\n", "README.md": "f adds one.\n"}
FIXED = {"pkg/core.py": "def f(x):\n    return x + 1\n"}
PATH = "tests/test_core.py"
NAME = f"{PATH}::test_f"
TESTED = {PATH: "from pkg.core import f\n\ndef test_f():\n    assert f(1) == 2\n"}


def run(*changed: dict[str, str], tests: tuple[str, ...] = (PATH,)) -> list[Ran]:
    """Each of these changes as a cell, with the test of `f` unless it brings its own."""
    return run_cells(BASE, [Cell({**TESTED, **one}, tests) for one in changed], RUNNING)


def body(text: str) -> dict[str, str]:
    """A module whose function runs this line, and is wrong."""
    return {"pkg/core.py": f"import os, sys, socket, threading\n\ndef f(x):\n    {text}\n    return x\n"}


def test_a_cell_says_what_came_of_each_kind_of_test() -> None:
    text = """
import unittest
import pkg.core

def test_good(): assert pkg.core.f(2) == 1
def test_bad(): assert pkg.core.f(2) == 7
def test_raises(): pkg.core.f(None)
def test_fixture(tmp_path): pass
def helper(): raise AssertionError

class TestPlain:
    def setup_method(self): self.x = 1
    def test_x(self): assert self.x == 1

class Cases(unittest.TestCase):
    @classmethod
    def setUpClass(cls): cls.y = 2
    def test_good(self): self.assertEqual(self.y, 2)
    def test_bad(self): self.assertEqual(self.y, 3)
    def test_parts(self):
        for value in (1, 2):
            with self.subTest(value=value): self.assertEqual(value, 1)
    @unittest.skip("no")
    def test_skipped(self): pass
    @unittest.expectedFailure
    def test_known(self): self.fail()
    @unittest.expectedFailure
    def test_surprise(self): pass
"""
    (ran,) = run({PATH: text})
    statuses = {name.removeprefix(f"{PATH}::"): status for name, status in ran.tests.items()}
    assert ran.ended == "finished"
    assert statuses == {
        "test_good": "passed",
        "test_bad": "failed",
        "test_raises": "error",
        "test_fixture": "error",
        "TestPlain::test_x": "passed",
        "Cases::test_good": "passed",
        "Cases::test_bad": "failed",
        "Cases::test_parts": "failed",
        "Cases::test_skipped": "skipped",
        "Cases::test_known": "xfailed",
        "Cases::test_surprise": "failed",
    }


def test_check_18_skipped_is_neither_missing_fails_and_xfail_passes() -> None:
    tests = {"a.py::x": "xfailed", "a.py::s": "skipped", "a.py::p": "passed", "a.py::e": "error", "a.py::f": "failed"}
    ran = Ran("finished", tests)  # type: ignore[arg-type]
    assert [grade(ran, f"a.py::{name}") for name in "xspefm"] == [True, None, True, False, False, False]
    assert grade(ran, "a.py") is False  # a file that could not be imported on the original
    assert grade(Ran("finished", {"a.py::p": "passed", "a.py::s": "skipped"}), "a.py") is True
    assert grade(Ran("killed", {"a.py::p": "passed"}), "a.py") is False
    assert grade(Ran("finished", {}), "a.py") is False
    matrix = execution_matrix(
        BASE,
        [FIXED],
        [
            {
                PATH: "import unittest\nfrom pkg.core import f\n\n"
                "def test_f():\n    assert f(1) == 2\n\n"
                "def test_skip():\n    raise unittest.SkipTest\n\n"
                "def test_leaves():\n    if f(1) == 2:\n        raise unittest.SkipTest\n"
            }
        ],
        RUNNING,
    )
    # a test that passes at first and is skipped then does not pass
    assert [part.tolist() for part in matrix] == [[1], [1], [[1]], [[0]]]


HOSTILE = {
    "an endless loop": "while True: pass",
    "a sleep without end": "threading.Event().wait()",
    "a fork bomb": "while True: os.fork()",
    "ten gigabytes": "y = bytearray(10 << 30)",
    "the end of the process": "os._exit(0)",
    "exit": "sys.exit(0)",
    "a signal to the runner": "os.kill(os.getppid(), 9)",
    "a signal to all": "os.kill(-1, 9)",
    "the network": "socket.create_connection(('192.0.2.1', 80), 1)",
    "a file outside": "open('/usr/evil', 'w').write('x')",
    "a program": "__import__('subprocess').run(['/bin/true'])",
    "a crash": "__import__('ctypes').string_at(0)",
    "a large file": "open('big', 'wb').write(bytes(64 << 20))",
}


@pytest.mark.parametrize("line", HOSTILE.values(), ids=HOSTILE.keys())
def test_check_16_hostile_code_fails_within_the_limit_and_the_next_task_is_well(line: str) -> None:
    hostile, after = run(body(line), FIXED)
    assert grade(hostile, NAME) is False
    assert after == Ran("finished", {NAME: "passed"})


def test_check_16_nothing_that_is_left_behind_reaches_the_next_task() -> None:
    left = body(
        "open('/tmp/left', 'w').write('x'); open('pkg/core.py', 'w').write('def f(x): return 2'); "
        "os.makedirs('/tmp/closed/inner'); os.chmod('/tmp/closed', 0); os.symlink('/usr', '/tmp/link'); "
        "sys.modules['pkg.core'].f = lambda x: 2; import builtins; builtins.len = None"
    )
    spy = "import os\nfrom pkg.core import f\n\ndef test_f():\n    assert os.listdir('/tmp') == ['repository']\n"
    spy += "    assert len('abc') == 3\n    assert f(1) == 2\n"
    _, nothing, fixed = run(left, {PATH: spy}, {PATH: spy, **FIXED})
    assert nothing.tests == {NAME: "failed"}  # the wrong version is back
    assert fixed.tests == {NAME: "passed"}


def test_a_module_that_never_ends_fails_all_tests_and_one_that_is_broken_is_one_error() -> None:
    endless, broken = run({"pkg/core.py": "while True: pass\n"}, {"pkg/core.py": "raise ValueError\n"})
    assert endless == Ran("timeout", {})
    assert broken == Ran("finished", {PATH: "error"})


def test_check_23_tests_see_the_repository_and_no_other_copy() -> None:
    where = "import pkg.core\n\ndef test_f():\n    assert pkg.core.__file__ == '/tmp/repository/pkg/core.py'\n"
    (ran,) = run({PATH: where})
    assert ran == Ran("finished", {NAME: "passed"})
    # a module of this name that comes from elsewhere is named, and then nothing passes
    elsewhere = "import sys\nsys.path.insert(0, '/tmp/other')\nimport os\nos.makedirs('/tmp/other/pkg')\n"
    elsewhere += "open('/tmp/other/pkg/__init__.py', 'w').close()\n"
    elsewhere += "open('/tmp/other/pkg/core.py', 'w').write('def f(x): return 2')\n"
    elsewhere += "from pkg.core import f\n\ndef test_f():\n    assert f(1) == 2\n"
    (ran,) = run({PATH: elsewhere})
    assert ran.tests == {NAME: "passed"}
    assert [name.split(":")[0] for name in ran.outside] == ["pkg", "pkg.core"]
    assert grade(ran, NAME) is False
    assert grade(ran, PATH) is False


def test_check_23_packages_below_src_are_found() -> None:
    base = {"src/lib/__init__.py": "def f(x):\n    return x\n"}
    tested = {"tests/test_lib.py": "import lib\n\ndef test_f():\n    assert lib.f(1) == 1\n"}
    (ran,) = run_cells(base, [Cell(tested, ("tests/test_lib.py",))], RUNNING)
    assert ran == Ran("finished", {"tests/test_lib.py::test_f": "passed"})


def test_check_25_results_are_out_of_reach_of_what_tested_code_prints() -> None:
    record = f'["test", "{NAME}", "passed"]'
    forged = [
        f"print('''{record}''')",
        "print('1 passed in 0.01s'); sys.exit(0)",
        f"[os.write(n, b'''\\n{record}\\n''') for n in range(64) if _open(n)]",
        "__import__('atexit').register(lambda: os._exit(0)); raise SystemExit(0)",
        "sys.settrace(None); sys.excepthook = lambda *a: None",
    ]
    helper = (
        "def _open(n):\n    try:\n        os.fstat(n)\n        return True\n    except OSError:\n        return False\n"
    )
    cells = [{"pkg/core.py": body(line)["pkg/core.py"] + helper} for line in forged]
    for ran in run(*cells):
        assert grade(ran, NAME) is False


def test_check_25_what_a_patch_does_to_tests_and_their_configuration_does_not_count() -> None:
    for path in ("conftest.py", "tests/conftest.py", "pytest.ini", "sitecustomize.py", "pkg/x.pth", "test_a.py", PATH):
        assert code_changes({path: "x", "pkg/core.py": "y"}) == {"pkg/core.py": "y"}
    cheat = {PATH: "def test_f(): pass\n", "sitecustomize.py": "import builtins\n"}
    matrix = execution_matrix(BASE, [cheat, FIXED], [TESTED], RUNNING)
    assert matrix.fail_pass.tolist() == [[0], [1]]


def test_check_24_no_history_and_no_other_file_is_in_reach() -> None:
    seen = {path.split("/")[1] for path in (*SYSTEM, PYTHON_HOME)} | {"dev", "tmp"}
    look = f"""
import os

def test_f():
    found = []
    for parent, folders, names in os.walk("/tmp"):
        found += [os.path.join(parent, name) for name in [*folders, *names]]
    assert not [path for path in found if ".git" in path]
    assert set(os.listdir("/")) <= {seen!r}
    assert not os.path.exists({str(Path(__file__).parent)!r})
"""
    (ran,) = run({PATH: look})
    assert ran == Ran("finished", {NAME: "passed"})


def test_check_24_who_looks_for_a_history_that_is_there_finds_nothing(tmp_path: Path) -> None:
    """A repository with the fix in its history, its builds and its caches; a patch that reads all it can reach."""
    answer = "return x + 1  # canary"
    for path in (".git/ORIG_HEAD", ".git/packed-refs", "fix.patch", "dist/pkg.whl", "pkg/__pycache__/core.pyc"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(answer)
    for path, text in BASE.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    cheat = f"""
import os

def f(x):
    for top in ("/tmp", "/proc", {str(tmp_path)!r}):
        for parent, _, names in os.walk(top):
            for name in names:
                with open(os.path.join(parent, name), "rb") as file:
                    if b"# " b"canary" in file.read():
                        return x + 1
    return x
"""
    found, fixed = run_cells(
        read_files(tmp_path),
        [
            Cell({**TESTED, **one}, (PATH,))
            for one in ({"pkg/core.py": cheat}, {"pkg/core.py": cheat, "notes.txt": answer})
        ],
        RUNNING,
    )
    assert found == Ran("finished", {NAME: "failed"})
    assert fixed == Ran("finished", {NAME: "passed"})  # it finds what does lie around


def test_shuffling_changes_the_order_of_tests_and_nothing_else() -> None:
    text = "".join(f"def test_{letter}(): pass\n" for letter in "abcdefgh")
    cells = [Cell({PATH: text}, (PATH,), shuffle) for shuffle in (None, 1, 1, 2)]
    orders = [list(ran.tests) for ran in run_cells(BASE, cells, RUNNING)]
    assert orders[0] == sorted(orders[0])
    assert orders[1] == orders[2]
    assert len({tuple(order) for order in orders}) == 3
    assert {frozenset(order) for order in orders} == {frozenset(orders[0])}


def test_the_matrix_counts_what_goes_from_failing_to_passing_and_what_still_passes() -> None:
    both = {PATH: TESTED[PATH] + "\ndef test_two():\n    assert f(0) < 2\n\ndef test_one():\n    assert f(5) == 4\n"}
    easy = {PATH: "def test_f():\n    pass\n"}
    breaks = {"pkg/core.py": "def f(x):\n    return 9\n"}
    matrix = execution_matrix(BASE, [{}, FIXED, None, breaks], [both, easy, None], RUNNING)
    assert matrix.failed.tolist() == [1, 0, 0]
    assert matrix.passed.tolist() == [2, 1, 0]
    assert matrix.fail_pass.tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert matrix.pass_pass.tolist() == [[2, 0, 0], [1, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_a_test_of_what_is_not_there_yet_fails_and_then_passes() -> None:
    tested = {PATH: "from pkg.core import g\n\ndef test_g():\n    assert g(1) == 1\n"}
    adds = {"pkg/core.py": BASE["pkg/core.py"] + "\ndef g(x):\n    return x\n"}
    wrong = {"pkg/core.py": BASE["pkg/core.py"] + "\ndef g(x):\n    return 0\n"}
    matrix = execution_matrix(BASE, [{}, adds, wrong], [tested], RUNNING)
    assert (matrix.failed.tolist(), matrix.passed.tolist()) == ([1], [0])
    assert matrix.fail_pass.tolist() == [[0], [1], [0]]


@pytest.mark.parametrize(
    ("path", "is_test"),
    [
        ("tests/test_a.py", True),
        ("pkg/tests/helper.py", True),
        ("test_a.py", True),
        ("a_test.py", True),
        ("pkg/testing.py", True),
        ("pkg/latest.py", False),
        ("tests/data.txt", False),
    ],
)
def test_which_files_are_tests(path: str, is_test: bool) -> None:
    assert is_test_file(path) is is_test


def test_changes_are_what_differs() -> None:
    assert changes({"a": "1", "b": "2"}, {"b": "3", "c": "4"}) == {"a": None, "b": "3", "c": "4"}


def test_other_programs_in_the_sandbox_still_have_no_processes() -> None:
    outcome = run_program("import os\nos.fork()\n")
    assert outcome.status == "error"
    assert "PermissionError" in outcome.stderr

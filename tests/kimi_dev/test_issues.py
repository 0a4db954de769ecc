"""Issues as files, and what judges answers to them: with the standard library alone and in a virtual environment."""

from pathlib import Path

import pytest
from kimi_tools import environment_with_pytest

from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev.issues import Issue, Snapshot, judged, ran_with, read_issues, write_issues
from raw2fig.papers.kimi_dev.matrix import Running

RUNNING = Running(cpu_seconds=5, wall_seconds=20, memory_mb=1024)
FILES = {"pkg/__init__.py": "", "pkg/core.py": "def f(x):\n    return x - 1\n"}
GOLD: dict[str, str | None] = {"pkg/core.py": "def f(x):\n    return x + 1\n"}
TESTS = {
    "tests/test_f.py": "from pkg.core import f\n\n\ndef test_a():\n    assert f(1) == 2\n\n\ndef test_b():\n    f(0)\n"
}
WITH_FIXTURES = """import pytest
from pkg.core import f


@pytest.fixture
def one():
    return 1


@pytest.mark.parametrize("more", [1, 2])
def test_a(one, more, tmp_path):
    assert f(one + more) == 2 + more


def test_b():
    f(0)


@pytest.mark.skip
def test_c():
    pass


@pytest.mark.xfail(strict=True)
def test_d():
    assert f(0) == 0


def test_e(missing):
    pass
"""


def issue(environment: Path | None = None) -> Issue:
    """A repository whose function is off by two."""
    names = ("tests/test_f.py::test_a",), ("tests/test_f.py::test_b",)
    return Issue("one", "f(1) should be 2.", FILES, GOLD, TESTS, *names, environment)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment that has pytest, copied from that of these tests."""
    return environment_with_pytest(tmp_path_factory.mktemp("made") / "environment")


def answers() -> list[dict[str, str] | None]:
    """The right answer, none, one that does not apply, and one that makes the tests pass by their configuration."""
    skipping = "def pytest_collection_modifyitems(items):\n    items.clear()\n"
    cheating = {**FILES, "conftest.py": skipping, "tests/test_f.py": "def test_a(): pass\ndef test_b(): pass\n"}
    return [{**FILES, "pkg/core.py": str(GOLD["pkg/core.py"])}, dict(FILES), None, cheating]


def test_answers_are_judged_with_the_standard_library() -> None:
    assert judged([issue()] * 4, answers(), RUNNING) == [True, False, False, False]


def test_answers_are_judged_in_a_virtual_environment(environment: Path) -> None:
    assert judged([issue(environment)] * 4, answers(), RUNNING) == [True, False, False, False]


def test_pytest_s_own_words_are_understood(environment: Path) -> None:
    one = issue(environment)._replace(tests={"tests/test_f.py": WITH_FIXTURES})
    (ran,) = ran_with([one], [one.gold], RUNNING)
    assert ran.ended == "finished"
    assert {name.partition("::")[2]: status for name, status in ran.tests.items()} == {
        **{"test_a[1]": "passed", "test_a[2]": "passed", "test_b": "passed"},
        **{"test_c": "skipped", "test_d": "xfailed", "test_e": "error"},
    }
    (wrong,) = ran_with([one], [{}], RUNNING, orders=[3])
    assert wrong.tests["tests/test_f.py::test_a[1]"] == "failed"
    broken = one._replace(tests={"tests/test_f.py": "import nothing_like_this\n"})
    assert ran_with([broken], [{}], RUNNING)[0].tests == {"tests/test_f.py": "error"}


def test_an_environment_gives_tests_no_process_no_network_and_no_user(environment: Path) -> None:
    prying = """import os, socket, subprocess, sys

import pytest


def test_processes():
    with pytest.raises(PermissionError):
        subprocess.run(["true"])


def test_network():
    with pytest.raises(OSError):
        socket.create_connection(("192.0.2.1", 9), 1)


def test_files():
    assert not os.path.exists("/home") and not os.path.exists("/proc/self")
    assert sys.prefix == "/environment" and not os.access(sys.prefix, os.W_OK)
"""
    one = issue(environment)._replace(tests={"tests/test_f.py": prying})
    (ran,) = ran_with([one], [{}], RUNNING)
    assert set(ran.tests.values()) == {"passed"}
    assert len(ran.tests) == 3


def test_an_endless_loop_in_an_environment_ends(environment: Path) -> None:
    one = issue(environment)._replace(tests={"tests/test_f.py": "while True:\n    pass\n"})
    limits = RUNNING.model_copy(update={"cpu_seconds": 1})
    assert ran_with([one], [{}], limits)[0].ended == "timeout"


def test_issues_are_read_as_they_were_written(tmp_path: Path) -> None:
    for path, text in FILES.items():
        (tmp_path / "snapshot" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "snapshot" / path).write_text(text)
    written = [issue(), issue(tmp_path / "environment")._replace(files=Snapshot(tmp_path / "snapshot"))]
    (tmp_path / "data").mkdir()
    write_issues(written, tmp_path / "data/issues.jsonl")
    read = read_issues(tmp_path / "data/issues.jsonl")
    assert read[0] == written[0]
    assert read[1].environment == tmp_path / "environment"
    assert dict(read[1].files) == FILES
    assert str(tmp_path) not in (tmp_path / "data/issues.jsonl").read_text()  # the folder can be moved


@pytest.mark.parametrize("line", ["", "{}", '{"name": "a"}'])
def test_files_that_are_no_issues_are_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "issues.jsonl").write_text(line)
    with pytest.raises(InputError, match="expected issues"):
        read_issues(tmp_path / "issues.jsonl")

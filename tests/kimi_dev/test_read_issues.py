"""Issues laid out as those of SWE-bench: what is read of them, and the environments in which their tests run."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
from kimi_tools import Repository, environment_with_pytest

from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev import environments as module
from raw2fig.papers.kimi_dev.diffs import unified
from raw2fig.papers.kimi_dev.environments import Building, as_pytest, make_environments, python_of
from raw2fig.papers.kimi_dev.issues import read_issues
from raw2fig.papers.kimi_dev.matrix import Running
from raw2fig.papers.kimi_dev.read_issues import read_issues as read_rows
from raw2fig.papers.kimi_dev.task_audit import audit_issues
from raw2fig.step import run_step

RUNNING = Running(cpu_seconds=5, wall_seconds=60, memory_mb=1024)
BUILDING = Building(pythons={"2000": "python3"}, packages=["pytest"], minutes=1)
BUGGY = "from pkg._version import version\n\n\ndef f(x):\n    return x - 1\n"
FIXED = BUGGY.replace("x - 1", "x + 1")
FIX = unified({"pkg/core.py": BUGGY}, {"pkg/core.py": FIXED})
TESTS = unified({}, {"tests/test_f.py": "from pkg.core import f\n\n\ndef test_one():\n    assert f(1) == 2\n"})


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A folder with a mirror of a repository, and rows of its issues; the second row's patch fits nothing."""
    repository = Repository(tmp_path / "work")
    (repository.folder / "pkg").mkdir()
    repository.commit("code", {"pkg/__init__.py": "", "pkg/core.py": BUGGY, ".gitattributes": "pkg export-ignore\n"})
    commit = repository.git("rev-parse", "HEAD").strip()
    (tmp_path / "mirrors").mkdir()
    words = ["git", "clone", "--quiet", "--mirror", "work", "mirrors/mira__pkg.git"]
    subprocess.run(words, cwd=tmp_path, check=True, capture_output=True)
    row = {
        **{"instance_id": "mira__pkg-1", "repo": "mira/pkg", "base_commit": commit, "problem_statement": "f is off."},
        **{"patch": FIX, "test_patch": TESTS, "FAIL_TO_PASS": json.dumps(["test_one"]), "PASS_TO_PASS": "[]"},
    }
    rows = [row, {**row, "instance_id": "mira__pkg-2", "patch": FIX.replace("x - 1", "x * 1")}]
    pd.DataFrame(rows).to_parquet(tmp_path / "rows.parquet")
    return tmp_path


def read(folder: Path) -> None:
    files = {"issues": folder / "read", "table": folder / "read.csv"}
    run_step(read_rows, {"rows": [folder / "rows.parquet"], "mirrors": folder / "mirrors", **files})


def test_rows_become_issues_with_their_repository_and_without_its_history(given: Path) -> None:
    read(given)
    (issue,) = read_issues(given / "read/issues.jsonl")
    assert (issue.name, issue.text, issue.fail_to_pass) == ("mira__pkg-1", "f is off.", ("test_one",))
    assert issue.files["pkg/core.py"] == BUGGY
    assert issue.gold == {"pkg/core.py": FIXED}
    assert [*issue.tests] == ["tests/test_f.py"]
    assert not [path for path in given.rglob("read/**/.git")]
    table = pd.read_csv(given / "read.csv")
    assert table["what"].tolist() == ["kept", "a patch does not apply"]
    assert table["repository"].tolist() == ["mira/pkg"] * 2


def test_without_a_mirror_one_line_says_what_to_put_where(given: Path) -> None:
    shutil.rmtree(given / "mirrors/mira__pkg.git")
    with pytest.raises(InputError, match=r"mira__pkg.git: is missing; expected a mirror there: git clone --mirror of"):
        read(given)


def test_environments_are_accepted_if_a_test_turns_with_the_fix(given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(given)
    ready = environment_with_pytest(given / "ready")
    called: list[list[str]] = []

    def done(command: Sequence[str], folder: Path, minutes: float) -> bool:
        called.append([*command])
        if command[1:3] == ["-m", "venv"]:
            shutil.copytree(ready, command[3], symlinks=True)
        if command[-2:] == ["-e", "."]:
            (folder / "pkg/_version.py").write_text("version = 1\n")
        return True

    monkeypatch.setattr(module, "done", done)
    files = {"environments": given / "environments", "table": given / "environments.csv"}
    inputs = {"issues": given / "read", "rows": given / "read.csv"}
    run_step(make_environments, {**inputs, **files, "building": BUILDING, "running": RUNNING})
    assert [words[-1] for words in called[1:]] == ["pytest", "."]
    (issue,) = read_issues(given / "environments/issues.jsonl")
    assert issue.fail_to_pass == ("tests/test_f.py::test_one",)
    assert issue.files["pkg/_version.py"] == "version = 1\n"  # without it the package cannot be imported
    assert issue.environment
    assert issue.environment.parent == given / "environments"
    assert pd.read_csv(given / "environments.csv")["what"].tolist() == ["kept"]
    audited = {"sound": given / "sound.jsonl", "table": given / "sound.csv", "counts": given / "counts.csv"}
    settings = {"repeats": 2, "running": RUNNING.model_copy(update={"cpu_seconds": 2})}
    run_step(audit_issues, {"issues": given / "environments/issues.jsonl", **audited, **settings})
    assert pd.read_csv(given / "sound.csv")["verdict"].tolist() == ["ok"]


def test_an_installation_that_fails_leaves_its_issues_out(given: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(given)
    monkeypatch.setattr(module, "done", lambda command, folder, minutes: False)
    files = {"environments": given / "environments", "table": given / "environments.csv"}
    inputs = {"issues": given / "read", "rows": given / "read.csv"}
    with pytest.raises(InputError, match="no issue can be judged"):
        run_step(make_environments, {**inputs, **files, "building": BUILDING, "running": RUNNING})


def test_a_command_that_fails_or_takes_too_long_is_not_done(tmp_path: Path) -> None:
    assert module.done(["true"], tmp_path, 1)
    assert not module.done(["false"], tmp_path, 1)
    assert not module.done(["sleep", "5"], tmp_path, 0.001)


def test_names_of_other_runners_are_understood() -> None:
    known = ["tests/a.py::Case::test_x", "tests/a.py::test_y[1]", "tests/a.py::test_y[2]", "b.py::test_z"]
    assert as_pytest(["test_x (tests.a.Case)", "test_y", "b.py::test_z"], known) == known
    assert as_pytest(["test_w", "test_x (tests.a.Other)"], known) == ["test_w", "test_x (tests.a.Other)"]


def test_the_year_chooses_the_interpreter() -> None:
    assert python_of(2021, {"2000": "nothing-like-this", "2020": "sh"}).endswith("/sh")
    with pytest.raises(InputError, match="nothing-like-this"):
        python_of(2019, {"2000": "nothing-like-this", "2020": "sh"})

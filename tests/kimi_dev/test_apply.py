"""`raw2fig kimi-dev apply`: every failure is named, and nothing is written unless asked."""

import subprocess
import sys
from pathlib import Path

import pytest

from raw2fig.errors import InputError
from raw2fig.papers.kimi_dev.apply_steps import apply
from raw2fig.papers.kimi_dev.repository import read_files
from raw2fig.step import run_step

FILES = {"pkg/a.py": "x = 1\ny = 2\nx = 1\n", "data.bin": "\udcff\udcfe", "notes.md": "one\n"}


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    for path, text in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode("utf-8", "surrogateescape"))
    return folder


def block(path: str, search: str, replace: str) -> str:
    return f"```python\n### {path}\n<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n```\n"


def run(repo: Path, text: str, official: bool = False) -> str:
    """The diff that the command writes."""
    (repo.parent / "answer.md").write_text(text)
    out = repo.parent / "out.diff"
    run_step(apply, {"patch": repo.parent / "answer.md", "repo": repo, "diff": out, "official": official})
    return out.read_text()


def test_an_answer_becomes_a_diff_that_git_applies(repo: Path) -> None:
    diff = run(
        repo, "<think>a thought</think>\n" + block("pkg/a.py", "y = 2", "y = 3") + block("notes.md", "one", "two")
    )
    assert read_files(repo) == dict(sorted(FILES.items()))  # the repository is as it was
    subprocess.run(["git", "apply", "-"], input=diff.encode(), cwd=repo, check=True)
    after = {**FILES, "pkg/a.py": "x = 1\ny = 3\nx = 1\n", "notes.md": "two\n"}
    assert read_files(repo) == dict(sorted(after.items()))


def test_a_diff_is_taken_too(repo: Path) -> None:
    diff = run(repo, "--- a/pkg/a.py\n+++ b/pkg/a.py\n@@ -2 +2 @@\n-y = 2\n+y = 3\n")
    assert "+y = 3\n" in diff


def test_every_failure_is_named_block_by_block_and_nothing_is_written(repo: Path) -> None:
    text = block("pkg/a.py", "y = 2", "y = 3") + block("pkg/a.py", "x = 1", "x = 2") + block("b.py", "z", "w")
    with pytest.raises(InputError) as caught:
        run(repo, text)
    said = str(caught.value)
    assert "block 2 (pkg/a.py): ambiguous, SEARCH stands there 2 times; block 3 (b.py): bad_path" in said
    assert "block 1" not in said
    assert not (repo.parent / "out.diff").exists()


@pytest.mark.parametrize(
    "path", ["../evil.py", "/tmp/evil.py", "pkg/../../evil.py", ".git/hooks/post-commit", "__pycache__/a.py"]
)
def test_a_diff_does_not_lead_out_of_the_repository(repo: Path, path: str) -> None:
    with pytest.raises(InputError, match="bad_path"):
        run(repo, f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x = 1\n")


def test_the_official_reading_replaces_all_and_forgives(repo: Path) -> None:
    diff = run(repo, block("pkg/a.py", "x = 1", "x = 2") + block("nowhere.py", "a", "b"), official=True)
    assert diff.count("+x = 2") == 2
    assert diff.endswith("diff --git a/nowhere.py b/nowhere.py\n")
    with pytest.raises(InputError, match="changes nothing for the released code"):
        run(repo, block("pkg/a.py", "nowhere", "x = 2"), official=True)


def test_what_is_read_of_a_repository(repo: Path) -> None:
    for path in (".git/HEAD", "env/pyvenv.cfg", "env/lib/a.py", "pkg/__pycache__/a.pyc", "fix.patch", ".hidden"):
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_text("x")
    (repo / "link.py").symlink_to("/etc/hostname")
    (repo / "large.txt").write_bytes(bytes(2 << 20))
    assert read_files(repo) == dict(sorted(FILES.items()))
    with pytest.raises(InputError, match="is no folder"):
        read_files(repo / "notes.md")


def test_the_command_ends_with_2_and_one_line(repo: Path) -> None:
    (repo.parent / "answer.md").write_text("no block at all")
    words = [sys.executable, "-m", "raw2fig", "kimi-dev", "apply", "--patch", "answer.md", "--repo", "repo"]
    done = subprocess.run(words, cwd=repo.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "answer.md: does not apply: the whole: no_block, the text has no blocks and is no diff" in done.stderr

"""Which jobs of the queue a killed Snakemake left behind; `tests/slurm` does it on a real queue."""

from pathlib import Path

import pytest

from raw2fig import leftovers
from raw2fig.leftovers import alone, cancel_leftovers, comment

QUEUE = """\
1|/work|rule_train_wildcards_XS_0
2|/work|rule_train_wildcards_S_0
3|/elsewhere|rule_train_wildcards_XS_0
4|/work|(null)
5|/work|rule_all|in|name
"""


def lock(folder: Path, *numbers: int) -> None:
    (folder / ".snakemake/locks").mkdir(parents=True, exist_ok=True)
    for number in numbers:
        for kind in ("input", "output"):
            (folder / f".snakemake/locks/{number}.{kind}.lock").touch()


def test_comments_are_those_of_the_executor_plugin() -> None:
    from snakemake_executor_plugin_slurm.utils import get_job_wildcards

    class Job:
        wildcards = ("XS", "a/b")

    assert comment("train", Job.wildcards) == f"rule_train_wildcards_{get_job_wildcards(Job)}"  # type: ignore[arg-type]
    assert comment("all", ()) == "rule_all"


def test_only_the_same_job_of_the_same_folder_is_a_leftover() -> None:
    wanted = [comment("train", ("XS", "0")), comment("train", ("M", "0"))]
    assert leftovers.leftovers(QUEUE, wanted, Path("/work")) == ["1"]
    assert leftovers.leftovers(QUEUE, ["rule_all|in|name"], Path("/work")) == ["5"]
    assert leftovers.leftovers("", wanted, Path("/work")) == []


def test_one_lock_is_the_callers_own(tmp_path: Path) -> None:
    assert not alone(tmp_path)
    lock(tmp_path, 0)
    assert alone(tmp_path)
    lock(tmp_path, 1)
    assert not alone(tmp_path)


def cluster_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """squeue that lists one job until scancel is called; the file that scancel leaves."""
    called = tmp_path / "called"
    for name, line in (
        ("squeue", f"test -e {called} || echo '7|{tmp_path}|rule_train'"),
        ("scancel", f"echo $@ > {called}"),
    ):
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return called


def test_leftovers_are_cancelled_and_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = cluster_of(tmp_path, monkeypatch)
    lock(tmp_path, 0)
    assert cancel_leftovers(["rule_other"], tmp_path) == []
    assert not called.exists()
    assert cancel_leftovers(["rule_train"], tmp_path) == ["7"]
    assert called.read_text() == "7\n"


def test_nothing_is_cancelled_beside_another_snakemake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = cluster_of(tmp_path, monkeypatch)
    lock(tmp_path, 0, 1)
    assert cancel_leftovers(["rule_train"], tmp_path) == []
    assert not called.exists()


def test_a_job_that_does_not_end_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster_of(tmp_path, monkeypatch)
    (tmp_path / "scancel").write_text("#!/bin/sh\n")
    lock(tmp_path, 0)
    with pytest.raises(TimeoutError, match="jobs 7 did not end within 0 s"):
        cancel_leftovers(["rule_train"], tmp_path, seconds=0)


def test_without_slurm_nothing_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock(tmp_path, 0)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert cancel_leftovers(["rule_train"], tmp_path) == []

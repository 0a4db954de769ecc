"""Temporary folders: one's own is there until the block ends, and what a killed process left goes with the next one."""

import subprocess
import sys
from pathlib import Path

import pytest

from raw2fig.scratch import scratch_folder

OWNER = """
import sys, time
from pathlib import Path
from raw2fig.scratch import scratch_folder
with scratch_folder("mine-", Path(sys.argv[1])) as folder:
    (folder / "file").touch()
    print(folder, flush=True)
    time.sleep(1000)
"""


def test_a_folder_is_empty_and_goes_with_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with scratch_folder("mine-", tmp_path) as folder:
        assert list(folder.iterdir()) == []
        (folder / "below").mkdir()
        assert list(tmp_path.iterdir()) == [folder.parent]
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError), scratch_folder("mine-", tmp_path):
        print(1 / 0)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with scratch_folder("raw2fig-"):
        assert [path.name.startswith("raw2fig-") for path in tmp_path.iterdir()] == [True]


def test_what_a_killed_process_left_goes_and_what_a_living_one_has_stays(tmp_path: Path) -> None:
    others = [tmp_path / "mine-by-hand", tmp_path / "other-1"]
    for path in others:
        path.mkdir()
    (others[1] / "lock").touch()
    with subprocess.Popen([sys.executable, "-c", OWNER, tmp_path], stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        left = Path(owner.stdout.readline().strip())
        with scratch_folder("mine-", tmp_path):
            assert (left / "file").exists()
        owner.kill()
    assert (left / "file").exists()
    with scratch_folder("mine-", tmp_path) as folder:
        assert sorted(tmp_path.iterdir()) == sorted([folder.parent, *others])


def test_where_there_are_no_locks_nothing_of_others_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, how: int) -> None:
        raise OSError("No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)
    with scratch_folder("mine-", tmp_path) as first, scratch_folder("mine-", tmp_path) as second:
        assert first.exists()
        assert second.exists()
    assert list(tmp_path.iterdir()) == []

"""The limit that all processes share."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from raw2fig.lm.rate_limit import Limit

PER_MINUTE = 6000
"""A hundredth of a second between two requests."""
TAKES = 1500
TAKE = f"""
import sys
import time
from pathlib import Path
from raw2fig.lm.rate_limit import Limit
limit = Limit(Path(sys.argv[1]), {PER_MINUTE})
print("ready", flush=True)
input()
taken = []
for _ in range({TAKES}):
    taken.append(limit.next())
    time.sleep(0.0002)  # long enough for the other one to come between
print(*taken)
"""


def test_two_processes_share_one_limit(tmp_path: Path) -> None:
    """All times they are given are apart by the interval, and none is left out between them."""
    # far in the future: a machine that is too busy to take a time in time leaves none out
    (tmp_path / "limit").write_text(f"{time.time() + 1000:<32.6f}")
    words = [sys.executable, "-c", TAKE, str(tmp_path / "limit")]
    both = [subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    given = [np.array(process.communicate()[0].split(), dtype=float) for process in both]
    assert [len(times) for times in given] == [TAKES, TAKES]
    assert all((np.diff(times) > 0).all() for times in given)
    times = np.sort(np.concatenate(given))
    assert np.diff(times).min() > 0.01 - 1e-4
    assert np.diff(times).max() < 0.01 + 1e-4
    first = np.argsort(np.concatenate(given)) < TAKES
    assert (first[1:] != first[:-1]).sum() > 10  # they did take them at the same time


def test_the_first_request_leaves_at_once_and_unused_time_is_not_saved_up(tmp_path: Path) -> None:
    limit = Limit(tmp_path / "new/limit", PER_MINUTE)
    start = time.time()
    first = limit.next()
    assert start <= first <= time.time()
    (tmp_path / "new/limit").write_text(f"{start - 1000:<32.6f}")
    late = [limit.next() for _ in range(3)]
    assert late[0] >= start
    np.testing.assert_allclose(np.diff(late), 0.01, atol=1e-5)


def test_a_pause_holds_for_all_and_is_not_shortened_by_another(tmp_path: Path) -> None:
    one, other = (Limit(tmp_path / "limit", PER_MINUTE) for _ in range(2))
    now = time.time()
    one.pause(50)
    one.pause(20)
    assert now + 50 <= other.next() <= time.time() + 50


@pytest.mark.parametrize("text", ["", "garbage", "12:30", "\0" * 32])
def test_a_spoilt_file_counts_as_a_new_one(text: str, tmp_path: Path) -> None:
    (tmp_path / "limit").write_text(text)
    now = time.time()
    assert now <= Limit(tmp_path / "limit", PER_MINUTE).next() <= time.time()
    assert Limit(tmp_path / "limit", PER_MINUTE).next() > now + 0.009

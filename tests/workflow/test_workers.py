"""Worker processes: their number, their results, and that none outlives its parent, in whatever way that ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from operator import neg
from pathlib import Path

import pytest
from processes import is_there, session, within

from raw2fig.errors import InputError
from raw2fig.workers import MOST, check_workers, in_processes

PARENT = """
import sys, time
from pathlib import Path
from raw2fig import workers

def work(path):
    Path(path).touch()
    while True:
        time.sleep(0.05)

if __name__ == "__main__":
    workers.LINUX = workers.LINUX and sys.argv[1] == "linux"
    list(workers.in_processes(work, sys.argv[3:], 2, fresh=sys.argv[2] == "fresh"))
"""


@pytest.mark.parametrize("workers", [0, -1, MOST + 1, 10_000, 10**30])
def test_numbers_that_no_machine_can_use_are_refused_before_anything_begins(workers: int) -> None:
    def never() -> Iterator[int]:
        raise AssertionError("looked at the items")
        yield 0

    with pytest.raises(InputError, match=f"^--workers: is {workers}; expected a number from 1 to {MOST} on this"):
        in_processes(neg, never(), workers)
    check_workers(1)
    check_workers(MOST)


@pytest.mark.parametrize(("workers", "fresh"), [(1, False), (2, False), (3, True), (MOST, False)])
def test_results_are_in_the_order_of_the_items(workers: int, fresh: bool) -> None:
    assert list(in_processes(neg, range(5), workers, fresh)) == [0, -1, -2, -3, -4]
    assert list(in_processes(neg, [], workers, fresh)) == []


def own_pid(_: object) -> int:
    return os.getpid()


def test_one_worker_or_one_item_needs_no_other_process() -> None:
    assert set(in_processes(own_pid, range(3), 1)) == set(in_processes(own_pid, range(1), 2)) == {os.getpid()}
    assert os.getpid() not in set(in_processes(own_pid, range(3), 2))


def test_an_error_of_a_worker_is_raised_here() -> None:
    with pytest.raises(TypeError, match="unary"):
        list(in_processes(neg, [1, "two", 3], 2))


def die(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_worker_that_is_killed_is_told_of() -> None:
    with pytest.raises(RuntimeError, match="a worker was killed, perhaps for memory"):
        list(in_processes(die, range(2), 2))


@pytest.mark.parametrize("system", ["linux", "other"])
@pytest.mark.parametrize("start", ["fork", "fresh"])
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_their_parent(sent: signal.Signals, start: str, system: str, tmp_path: Path) -> None:
    """By the kernel's signal where there is one, and by a thread of each worker elsewhere."""
    script, started = tmp_path / "parent.py", [tmp_path / "a", tmp_path / "b"]
    script.write_text(PARENT)
    command = [sys.executable, str(script), system, start, *map(str, started)]
    parent = subprocess.Popen(command, start_new_session=True)
    assert within(60, lambda: all(path.exists() for path in started))
    workers = [pid for pid in session(parent.pid) if pid != parent.pid]
    assert len(workers) >= 2
    parent.send_signal(sent)
    assert parent.wait() == -sent
    assert within(10, lambda: not any(map(is_there, workers)))


def test_a_worker_whose_parent_ended_before_it_began_ends() -> None:
    code = "import os; from raw2fig import workers; workers.end_with_parent(os.getppid() + {}); print('goes on')"
    for change, printed in ((0, "goes on\n"), (1, "")):
        done = subprocess.run([sys.executable, "-c", code.format(change)], capture_output=True, text=True)
        assert (done.stdout, done.returncode) == (printed, change)

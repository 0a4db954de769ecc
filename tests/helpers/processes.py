"""Looking at other processes, and waiting for them."""

import time
from collections.abc import Callable
from pathlib import Path


def is_there(pid: int) -> bool:
    """Whether the process runs."""
    return bool(_state(Path(f"/proc/{pid}/stat")))


def session(leader: int) -> list[int]:
    """Living processes in the session that `leader` started."""
    found = ((path.parent.name, _state(path)) for path in Path("/proc").glob("[0-9]*/stat"))
    return [int(name) for name, fields in found if fields and int(fields[3]) == leader]


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def _state(path: Path) -> list[str]:
    """Fields of /proc/PID/stat from the state on (proc(5)); none of a process that has ended."""
    try:
        fields = path.read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [] if fields[0] == "Z" else fields

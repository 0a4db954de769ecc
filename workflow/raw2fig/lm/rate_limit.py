"""Requests per minute, counted in a file that all processes of a run share.

The file holds one number: the time at which the next request may leave. Whoever wants to send one locks the file, takes
that time and moves it on, and waits outside the lock: a bucket of one token.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path


class Limit:
    """A limit of `per_minute` requests for all processes that name the same `file`, on a file system that they share
    and whose locks hold across machines."""

    def __init__(self, file: Path, per_minute: float) -> None:
        self.file, self.interval = file, 60.0 / per_minute
        file.parent.mkdir(parents=True, exist_ok=True)

    def next(self) -> float:
        """Time (seconds since 1970) at which the caller may send a request; from now on that counts as sent."""
        return self._move(lambda now, free: (max(now, free), max(now, free) + self.interval))

    def pause(self, seconds: float) -> None:
        """Let no further request leave for some time: the endpoint asked one of the processes to wait."""
        self._move(lambda now, free: (now, max(free, now + seconds)))

    def _move(self, rule: Callable[[float, float], tuple[float, float]]) -> float:
        """Apply `rule` (now, time in the file) → (result, new time in the file), alone. Returns the result."""
        file = os.open(self.file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            result, free = rule(time.time(), _number(os.read(file, 64)))
            os.pwrite(file, f"{free:<32.6f}".encode(), 0)  # of one length: nothing of the old number is left
            return result
        finally:
            os.close(file)


def _number(text: bytes) -> float:
    """The time in the file; 0 in a new one, or where a crash of the machine has left something else."""
    try:
        return float(text)
    except ValueError:
        return 0.0

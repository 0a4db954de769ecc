"""Worker processes of a step: as many as the machine can use, and none that outlives the step."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from raw2fig.errors import InputError

LINUX = sys.platform == "linux"
PARENT_DEATH_SIGNAL = 1
"""Argument of prctl (linux/prctl.h): a signal that the kernel sends as soon as the parent is no more."""
MOST = max(16, 4 * (os.cpu_count() or 1))
"""More workers than this are a mistake: each has libraries of its own in memory."""
T = TypeVar("T")
R = TypeVar("R")


def check_workers(workers: int) -> None:
    """Raise `InputError` for a number of workers that no machine like this one can use."""
    if not 1 <= workers <= MOST:
        raise InputError("--workers", f"is {workers}", f"a number from 1 to {MOST} on this machine")


def in_processes(function: Callable[[T], R], items: Iterable[T], workers: int, fresh: bool = False) -> Iterator[R]:
    """`function` of each item, in order, by `workers` processes; with one worker or one item, in this process.

    The function and the items are pickled. `fresh` workers are new interpreters, which import what they need: a fork
    would share the state of HDF5 and of Arrow's threads. When this process ends, in whatever way, its workers end too.
    An error in the function is raised here, and no further items are begun. Raises `InputError` for an impossible
    number of workers, at once, and `RuntimeError` when a worker is killed.
    """
    check_workers(workers)
    things = list(items)
    workers = min(workers, len(things))
    return map(function, things) if workers < 2 else _by_processes(function, things, workers, fresh)


def _by_processes(function: Callable[[T], R], items: list[T], workers: int, fresh: bool) -> Iterator[R]:
    context = multiprocessing.get_context("spawn" if fresh else None)
    pool = ProcessPoolExecutor(workers, context, initializer=end_with_parent, initargs=(os.getpid(),))
    try:
        yield from pool.map(function, items)
    except BrokenProcessPool as error:
        raise RuntimeError("a worker was killed, perhaps for memory; run again with fewer workers") from error
    finally:
        pool.shutdown(cancel_futures=True)


def end_with_parent(parent: int) -> None:
    """Have this process killed when its parent, the process with the number `parent`, ends."""
    if LINUX:
        ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the kernel was asked
            os._exit(1)
    else:
        threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

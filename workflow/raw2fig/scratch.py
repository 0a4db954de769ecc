"""Temporary folders that a killed process does not leave behind for good."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LOCK = "lock"
"""File in each folder that its owner keeps locked: the kernel unlocks it when the owner ends, in whatever way."""


@contextmanager
def scratch_folder(prefix: str, within: Path | None = None) -> Iterator[Path]:
    """An empty folder below `within`, else below the system's folder for temporary files, that is removed when the
    block ends. Folders with the same prefix that killed processes have left there are removed first."""
    place = Path(tempfile.gettempdir()) if within is None else within
    remove_abandoned(prefix, place)
    outer = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    try:
        with _locked(outer / "new"):  # and only then under the name by which others find it
            (outer / "new").rename(outer / LOCK)
            inner = outer / "files"
            inner.mkdir()
            yield inner
    finally:
        shutil.rmtree(outer, ignore_errors=True)


def remove_abandoned(prefix: str, place: Path) -> None:
    """Remove the folders of `scratch_folder` with this prefix whose owners have ended."""
    for lock in place.glob(f"{prefix}*/{LOCK}"):
        with suppress(OSError), _locked(lock) as locked:  # another user's cannot be opened
            if locked:
                shutil.rmtree(lock.parent, ignore_errors=True)


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Hold the lock of a file, made if need be. Gives whether that is so: not where another process holds it, or where
    the file system has no locks."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        locked = True
    except OSError:
        locked = False
    try:
        yield locked
    finally:
        os.close(descriptor)

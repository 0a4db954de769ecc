"""Slurm jobs that a killed Snakemake left behind.

Snakemake cancels its jobs when it is interrupted, but not when it is killed. They run on. A new Snakemake does not know
them and would submit the same work again: two jobs with one output and one checkpoint. So before the first submission
this module looks up the jobs about to be made in the queue and cancels those that are still there; trainings continue
from their checkpoints.
"""

import logging
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

FORMAT = "%i|%Z|%k"
"""squeue's columns: job number, working directory, comment (rule and wildcards)."""


def comment(rule: str, wildcards: Iterable[str]) -> str:
    """The comment with which the Slurm executor plugin (2.8) submits a job: `rule_NAME_wildcards_VALUES`."""
    values = "_".join(wildcards).replace("/", "_")
    return f"rule_{rule}" + (f"_wildcards_{values}" if values else "")


def leftovers(queue: str, comments: Iterable[str], folder: Path) -> list[str]:
    """Numbers of the jobs in `queue` (lines of `FORMAT`) submitted from `folder` with one of `comments`."""
    wanted = set(comments)
    rows = (line.split("|", 2) for line in queue.splitlines() if line.count("|") >= 2)
    return [number for number, workdir, text in rows if text in wanted and Path(workdir) == folder]


def alone(folder: Path) -> bool:
    """Whether exactly one Snakemake, the caller's, holds a lock in `folder`; False under `--nolock`."""
    return len(list(folder.glob(".snakemake/locks/*.output.lock"))) == 1


def cancel_leftovers(comments: Iterable[str], folder: Path, seconds: float = 120) -> list[str]:
    """Cancel the leftovers, wait until they are gone, and return their numbers; nothing without Slurm.

    For `onstart`, where Snakemake holds its lock. Another Snakemake at work in `folder`, on other outputs,
    may have jobs with the same comments: then nothing is cancelled. Raises `TimeoutError` when jobs do not
    end within `seconds`, `subprocess.CalledProcessError` when scancel refuses.
    """
    if shutil.which("squeue") is None or not alone(folder):
        return []
    wanted = list(comments)
    found = leftovers(_queue(), wanted, folder)
    if not found:
        return []
    logging.getLogger(__name__).warning("cancelling jobs that a killed run left behind: %s", " ".join(found))
    subprocess.run(["scancel", *found], check=True)
    end = time.monotonic() + seconds
    while set(found) & set(leftovers(_queue(), wanted, folder)):
        if time.monotonic() > end:
            raise TimeoutError(f"jobs {' '.join(found)} did not end within {seconds:.0f} s of scancel")
        time.sleep(1)
    return found


def _queue() -> str:
    """This user's pending, running and ending jobs; nothing where no cluster answers."""
    words = ["squeue", "--me", "--noheader", f"--format={FORMAT}"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout

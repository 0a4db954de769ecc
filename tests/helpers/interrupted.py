"""Runs in a clone that are stopped in the middle of a step."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from clone import environment

HANG = """
import pathlib, time
replace = pathlib.Path.replace
hang = lambda path, place: time.sleep(3600) if path.name == {name!r} else replace(path, place)
pathlib.Path.replace = hang
"""
"""A sitecustomize.py: a step hangs with one of its outputs written but not yet in place."""


def stop(folder: Path, signum: int, output: Path, others: Sequence[Path], *words: str) -> int:
    """Run a command in the clone until the step that makes `output` hangs, the `others` are there and a job has ended;
    send the signal to it and its children, as a terminal does. Returns its exit status."""
    hook, log = folder.parent / "hook", folder.parent / "log"
    hook.mkdir()
    partial = folder / output.with_name(f".partial-{output.name}")
    (hook / "sitecustomize.py").write_text(HANG.format(name=partial.name))
    env = environment(folder)
    env["PYTHONPATH"] += f"{os.pathsep}{hook}"
    with log.open("wb") as file:
        # a shell that runs the tests in the background has them ignore SIGINT, which children inherit
        heard = signal.signal(signal.SIGINT, signal.default_int_handler)
        run = subprocess.Popen(words, cwd=folder, env=env, stdout=file, stderr=file, start_new_session=True)
        signal.signal(signal.SIGINT, heard)
    there = [partial, *(folder / path for path in others)]
    try:
        while not (all(path.exists() for path in there) and "Finished jobid" in log.read_text()):
            assert run.poll() is None, log.read_text()
            time.sleep(0.05)
        os.killpg(run.pid, signum)
        return run.wait(60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)

"""`run_program`: the one way in which code that a model wrote is run.

Isolation is required, not preferred: no network, no view of the user's files, no place to write to but a /tmp that goes
with the program, no other process in sight (`raw2fig.sandbox.isolation`). A machine that cannot isolate programs gets
an error, never an unprotected run. Whoever judges a program keeps what it is judged by on this side: inside there are
its own text and its standard input, nothing else.

What a program can still do: measure time, see what hardware and kernel it runs on, and read what the operating system's
folders hold. It has only the standard library.
"""

from __future__ import annotations

import inspect
import logging
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from typing import BinaryIO, Literal, NamedTuple

from raw2fig.errors import InputError
from raw2fig.sandbox import launcher
from raw2fig.sandbox.isolation import ENVIRONMENT, NOTHING, PYTHON, PYTHON_HOME, SYSTEM, WAYS

Way = Callable[..., list[str]]
"""Takes a command, and maybe further folders that it may read (`isolation.bubblewrap`)."""
Stream = BinaryIO | int
"""What a program reads or writes: a file or a descriptor."""
Status = Literal["finished", "error", "timeout", "memory", "killed"]
THREADS = 64
"""Threads of a program; other processes it cannot have. Root is bound by memory alone."""
LAUNCHER = inspect.getsource(launcher)
PROBE = f"""
import os, socket
seen = [path for path in ("/etc", "/home", "/proc/self") if os.path.exists(path)]
assert not seen, f"{{seen[0]}} can be seen"
writable = [path for path in {("/", *SYSTEM, PYTHON_HOME)!r} if os.access(path, os.W_OK)]
assert not writable, f"{{writable[0]}} can be written to"
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.1", 9))
except OSError:
    raise SystemExit(0)
assert False, "there is a network"
"""
"""A program that ends well if it is isolated. Nothing is sent: such a socket only looks for a route."""


class Limits(NamedTuple):
    """Limits of one run. CPU decides where a program computes, so that a busy machine does not change the verdict; the
    clock is for those that sleep."""

    cpu_seconds: int = 10
    wall_seconds: float = 30.0
    memory_bytes: int = 1 << 30
    """Address space."""
    output_bytes: int = 1 << 20
    """Limit of standard output, of standard error, and of each file: writing more fails (`OSError`)."""


class Outcome(NamedTuple):
    """How a run ended. `error`: an exit status other than 0, as after an exception; `memory`: an uncaught MemoryError;
    `timeout`: of CPU or of the clock; `killed`: by a signal, as after a crash of the interpreter."""

    status: Status
    stdout: str
    stderr: str


def run_program(
    source: str,
    stdin: str = "",
    limits: Limits = Limits(),  # noqa: B008
    forks: bool = False,
    folders: Mapping[str, str] = NOTHING,
) -> Outcome:
    """Run a Python program in a fresh interpreter inside the sandbox. With `forks` it may make processes: only for a
    program of ours, which holds back the untrusted ones that it runs (`launcher.allow_threads_only`). `folders`:
    further folders that it may read, and where they are inside.

    Raises `InputError` where programs cannot be isolated, and `RuntimeError` if the sandbox failed to start twice.
    """
    way = partial(usable_way(), folders=folders) if folders else usable_way()
    try:
        return run_in(way, source, stdin, limits, forks)
    except RuntimeError:  # a machine can be out of something for a moment, and a training has days behind it
        return run_in(way, source, stdin, limits, forks)


@cache
def usable_way() -> Way:
    """The best way to isolate programs that works here, found by running `PROBE`. Raises `InputError` if there is
    none."""
    failures = []
    for way in WAYS:
        failure = why_not(way)
        if failure is None:
            logging.info("untrusted programs run in %s", way.__name__)
            return way
        failures.append(f"{way.__name__}: {failure}")
    raise InputError(
        "sandbox",
        f"untrusted programs cannot be isolated on this machine ({'; '.join(failures)})",
        "bubblewrap (apt-get install bubblewrap) and user namespaces for ordinary users (docs/cluster.md)",
    )


def no_sandbox() -> str:
    """Why programs cannot be isolated on this machine; empty where they can be."""
    try:
        usable_way()
    except InputError as error:
        return str(error)
    return ""


def why_not(way: Way) -> str | None:
    """What keeps a way from isolating programs here, in one line; None if nothing does."""
    try:
        status, _, complaint = run_in(way, PROBE, "", Limits())
    except (OSError, RuntimeError) as error:
        status, complaint = "error", str(error)
    return None if status == "finished" else complaint.strip().rpartition("\n")[2] or status


def run_in(way: Way, source: str, stdin: str, limits: Limits, forks: bool = False) -> Outcome:
    """As `run_program`, isolated in this way.

    The files lie in memory and have no name. A program writes to a file rather than to a pipe: its limit is then the
    kernel's business, and nobody has to keep reading.
    """
    with file_in_memory(stdin) as given, file_in_memory() as stdout, file_in_memory() as stderr:
        with running(way, source, limits, given, stdout, stderr, forks) as program:
            in_time = ends_within(program.process, limits.wall_seconds)
        said, complained = (text_of(file, limits.output_bytes) for file in (stdout, stderr))
    code = program.process.returncode
    if not program.began:
        raise RuntimeError(f"the sandbox did not start: {complained.strip() or code}")
    return Outcome(status_of(code, in_time, complained), said, complained)


@dataclass
class Running:
    """A program in the sandbox. `began`, known at its end: the sandbox has come to start it."""

    process: subprocess.Popen[bytes]
    began: bool = False


@contextmanager
def running(
    way: Way, source: str, limits: Limits, stdin: Stream, stdout: Stream, stderr: Stream, forks: bool = False
) -> Iterator[Running]:
    """A program that runs in the sandbox until the end of the block, which kills it with all that is inside.

    Nothing is ever written to the pipe: it ends with the caller, by which a program that is about to start sees that
    nobody waits for it; later the kernel sees to that.
    """
    alive, held = os.pipe()
    with file_in_memory(f"{source}\n") as program, os.fdopen(alive, "rb"), os.fdopen(held, "wb"):
        given = (limits.cpu_seconds, limits.memory_bytes, limits.output_bytes, THREADS, int(forks))
        wanted = (program.fileno(), alive, *given)
        # as -I, but for reading PYTHONHASHSEED of an environment that is ours; older Pythons had no limit of digits
        python = [PYTHON, "-P", "-s", "-S", "-X", "utf8", "-X", "int_max_str_digits=0"]
        with subprocess.Popen(
            way([*python, "-c", LAUNCHER, *map(str, wanted)]),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            cwd="/",
            env=ENVIRONMENT,
            pass_fds=(program.fileno(), alive),
            start_new_session=True,
        ) as process:
            one = Running(process)
            try:
                yield one
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)  # and with it, by the kernel, all inside
                    process.wait()
                one.began = not program.seek(0, os.SEEK_END)


def status_of(code: int, in_time: bool, complaint: str) -> Status:
    """How a program ended, by its exit status and what it wrote last to standard error."""
    number = -code if code < 0 else code - 128  # of the signal; a shell adds 128, and so do both ways
    if not in_time or number == signal.SIGXCPU:
        return "timeout"
    if code == 0:
        return "finished"
    if number > 0:
        return "killed"
    return "memory" if complaint.rstrip().rpartition("\n")[2].startswith("MemoryError") else "error"


def ends_within(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Wait without asking again and again, as `Popen.wait` does."""
    descriptor = os.pidfd_open(process.pid)
    try:
        ended = select.poll()  # unlike select, for any descriptor
        ended.register(descriptor, select.POLLIN)
        return bool(ended.poll(1000 * seconds))
    finally:
        os.close(descriptor)


def file_in_memory(text: str = "") -> BinaryIO:
    """A file without a name, at its beginning."""
    file = os.fdopen(os.memfd_create("raw2fig"), "w+b")
    file.write(text.encode(errors="replace"))
    file.seek(0)
    return file


def text_of(file: BinaryIO, most: int) -> str:
    """The first bytes of a file as text."""
    return os.pread(file.fileno(), most, 0).decode(errors="replace")

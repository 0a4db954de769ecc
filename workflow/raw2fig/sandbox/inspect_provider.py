"""`sandbox="bubblewrap"` for inspect-ai: the commands of an agent run isolated, without Docker.

A sample has private folders on this machine: `/workspace`, `/tmp` and `/dev/shm` inside. Each command gets a bubblewrap
sandbox of its own around them. It has no network and sees no other process. It sees the operating system's programs and
this Python, read-only, but no other file of the host and none of its environment. What a command leaves in the
background ends with it. Files are read and written by commands inside, too, so that a link that an agent made leads no
further than the agent itself can go.

This file needs nothing of its package: copied beside a task, with inspect-ai, bwrap and util-linux, it works as well.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, nullcontext, suppress
from pathlib import Path
from posixpath import dirname, join
from signal import SIGKILL
from typing import Literal, NamedTuple, overload

import anyio
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.util import (
    ExecResult,
    OutputLimitExceededError,
    SandboxEnvironment,
    SandboxEnvironmentConfigType,
    SandboxEnvironmentLimits,
    SandboxUnavailableError,
    SandboxUserUnsupportedError,
    sandboxenv,
)
from inspect_ai.util import concurrency as slots
from inspect_ai.util._subprocess import max_subprocesses_context_var

WORKSPACE = "/workspace"
"""Working directory and home inside."""
PRIVATE = {"workspace": WORKSPACE, "tmp": "/tmp", "shm": "/dev/shm"}
"""The sample's folders, and where they are inside: all that a command can write to."""
USER, UID = "agent", 1000
"""The one user inside; outside it is whoever runs the evaluation."""
ETC = {
    "passwd": f"{USER}:x:{UID}:{UID}::{WORKSPACE}:/bin/sh\n",
    "group": f"{USER}:x:{UID}:\n",
    "hosts": "127.0.0.1 localhost\n::1 localhost\n",
}
PYTHON_HOME = os.path.realpath(sys.base_prefix)
VISIBLE = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/alternatives", PYTHON_HOME)
"""What can be seen of the host, read-only: programs, libraries, and this Python without its environment's packages."""
PATH = f"{PYTHON_HOME}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ENVIRONMENT = {"PATH": PATH, "HOME": WORKSPACE, "LANG": "C.UTF-8"}
LIMITS = ("--as=8589934592", "--fsize=1073741824", "--nproc=512", "--core=0")
"""Bytes of a process's address space and of a file; processes of a command (root is not bound); no core dumps."""
FILE_SECONDS = 120
"""Time to read or write a file: a named pipe could wait for ever."""
NEEDED = (
    "install bubblewrap and util-linux (apt-get install bubblewrap, dnf install bubblewrap) and allow user namespaces "
    "(`unshare --user true` prints nothing where they are allowed)"
)

NUMBERS = {
    "x86_64": (0xC000003E, (41, 53), 56, (272, 308, 248, 249, 250, 321, 298, 323, 304)),
    "aarch64": (0xC00000B7, (198, 199), 220, (97, 268, 217, 218, 219, 280, 241, 282, 265)),
}
"""Number of the architecture (linux/audit.h), and of its system calls: socket and socketpair; clone; those refused.
These are unshare and setns, because new namespaces open more of the kernel; add_key, request_key and keyctl, which find
the keys of whoever runs the evaluation; bpf, perf_event_open, userfaultfd and open_by_handle_at."""
IO_URING, CLONE3, NEW_NAMESPACES = (425, 426, 427), 435, 0x7E020000
"""Calls with one number everywhere, and the flags of clone that make namespaces. A filter does not see what io_uring is
told to do, and it could be told to make a socket."""
SOCKETS = (1, 2, 10)
"""AF_UNIX, AF_INET and AF_INET6. A namespace does not hold back all others: AF_VSOCK leads out of a virtual machine."""


class Ended(NamedTuple):
    """How a command ended. An output is one byte too long if the command was stopped for it."""

    returncode: int
    stdout: bytes
    stderr: bytes


@sandboxenv(name="bubblewrap")
class BubblewrapSandboxEnvironment(SandboxEnvironment):
    """The sandbox of one sample. Its methods keep inspect's contract, and say what that leaves open. `folders`: further
    folders that it may read, and where they are inside; inspect gives none."""

    def __init__(self, folders: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.folders = folders or {}
        self.folder = Path(tempfile.mkdtemp(prefix="inspect-bubblewrap-"))
        for name in PRIVATE:
            (self.folder / name).mkdir()
        for name, text in ETC.items():
            (self.folder / name).write_text(text)

    @classmethod
    async def task_init(cls, task_name: str, config: SandboxEnvironmentConfigType | None) -> None:
        """Raises `PrerequisiteError` where sandboxes cannot start, and for a configuration, which does not exist."""
        if config is not None:
            raise PrerequisiteError(f"the bubblewrap sandbox takes no configuration, but was given {config!r}")
        probe = cls()
        try:
            await probe.exec(["true"])
        except SandboxUnavailableError as error:
            raise PrerequisiteError(str(error)) from error
        finally:
            await anyio.to_thread.run_sync(_remove, probe.folder)

    @classmethod
    async def sample_init(
        cls, task_name: str, config: SandboxEnvironmentConfigType | None, metadata: dict[str, str]
    ) -> dict[str, SandboxEnvironment]:
        return {"default": cls()}

    @classmethod
    async def sample_cleanup(
        cls,
        task_name: str,
        config: SandboxEnvironmentConfigType | None,
        environments: dict[str, SandboxEnvironment],
        interrupted: bool,
    ) -> None:
        with anyio.CancelScope(shield=True):
            for environment in environments.values():
                await anyio.to_thread.run_sync(_remove, environment.as_type(cls).folder)

    @classmethod
    def default_concurrency(cls) -> int | None:
        return 2 * len(os.sched_getaffinity(0))

    async def exec(
        self,
        cmd: list[str],
        input: str | bytes | None = None,
        cwd: str | None = None,
        env: dict[str, str] | None = None,
        user: str | None = None,
        timeout: int | None = None,
        timeout_retry: bool = True,
        concurrency: bool = True,
    ) -> ExecResult[str]:
        """A command that runs out of time is never tried again, whatever `timeout_retry` says: nothing but the command
        can be the reason. A working directory that is not there raises `FileNotFoundError`."""
        if user not in (None, USER, str(UID)):
            raise SandboxUserUnsupportedError(f"the only user of a bubblewrap sandbox is {USER!r}, not {user!r}")
        most = SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE
        folder = join(WORKSPACE, cwd) if cwd else WORKSPACE
        async with slots("subprocesses", max_subprocesses_context_var.get()) if concurrency else nullcontext():
            ended = await self._run(cmd, input, most, timeout, folder, env or {})
        stdout, stderr = _text(ended.stdout[:most]), _text(ended.stderr[:most])
        if max(len(ended.stdout), len(ended.stderr)) > most:
            raise OutputLimitExceededError(SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE_STR, stdout + stderr)
        denied = os.strerror(errno.EACCES)
        if ended.returncode == 126 and stderr.startswith("prlimit: ") and stderr.endswith(f": {denied}\n"):
            raise PermissionError(errno.EACCES, denied, cmd[0])
        return ExecResult(ended.returncode == 0, ended.returncode, stdout, stderr)

    async def write_file(self, file: str, contents: str | bytes) -> None:
        path = join(WORKSPACE, file)
        # not the shell but tee opens the file: its errors are worded as the C library does
        script = '[ -d "$1" ] || mkdir -p -- "$1" && exec tee -- "$2" > /dev/null'
        command = ["/bin/sh", "-c", script, "sh", dirname(path), path]
        ended = await self._run(command, contents, SandboxEnvironmentLimits.MAX_EXEC_OUTPUT_SIZE, FILE_SECONDS)
        if ended.returncode:
            raise _file_error(file, ended.stderr)

    @overload
    async def read_file(self, file: str, text: Literal[True] = True) -> str: ...

    @overload
    async def read_file(self, file: str, text: Literal[False]) -> bytes: ...

    async def read_file(self, file: str, text: bool = True) -> str | bytes:
        most = SandboxEnvironmentLimits.MAX_READ_FILE_SIZE
        ended = await self._run(["/bin/cat", "--", join(WORKSPACE, file)], None, most, FILE_SECONDS)
        if len(ended.stdout) > most:
            raise OutputLimitExceededError(SandboxEnvironmentLimits.MAX_READ_FILE_SIZE_STR, None)
        if ended.returncode:
            raise _file_error(file, ended.stderr)
        return ended.stdout.decode() if text else ended.stdout

    async def _run(
        self,
        command: Sequence[str],
        input: str | bytes | None,
        most: int,
        timeout: float | None,
        cwd: str = "/",
        env: Mapping[str, str] = ENVIRONMENT,
    ) -> Ended:
        """Run a command in a sandbox, which is gone when this returns or raises. `most`: bytes of each output.

        `status` is where bubblewrap says which process is the first inside, and how the command ended if it began."""
        with ExitStack() as files:
            status = _file(files, b"")
            try:
                options = _options(self.folder, cwd, {**ENVIRONMENT, **env}, self.folders)
                process = _start(files, status, command, input, options)
            except OSError as error:
                if error.errno == errno.E2BIG:
                    return Ended(126, b"", f"{error.strerror}\n".encode())
                raise _unavailable(str(error)) from error
            stdout, stderr = outputs = bytearray(), bytearray()
            try:
                with anyio.fail_after(timeout):
                    async with anyio.create_task_group() as readers:
                        for pipe, data in zip((process.stdout, process.stderr), outputs, strict=True):
                            assert pipe
                            readers.start_soon(_read, pipe.fileno(), data, most, readers.cancel_scope)
                    if max(map(len, outputs)) <= most:
                        await _wait_for(process.pid)
            except TimeoutError as error:
                error.truncated_output = _text(stdout + stderr)  # type: ignore[attr-defined]
                raise
            finally:
                with anyio.CancelScope(shield=True):
                    os.killpg(process.pid, SIGKILL)
                    await _wait_for(process.pid)
                    if (first := _said(status, "child-pid")) is not None:
                        await _wait_for(first)  # the kernel ends all others inside before it
            code = _said(status, "exit-code")
        if code is None and max(map(len, outputs)) <= most:
            if stderr.startswith(b"bwrap: Can't chdir to "):
                raise _file_error(cwd, stderr)
            raise _unavailable(_text(stderr).strip() or f"bwrap ended with {process.returncode}")
        return Ended(code or 0, bytes(stdout), bytes(stderr))


def _remove(folder: Path) -> None:
    """Delete a sample's folder. First, folders that the agent closed to itself are opened: no process of the agent is
    left that could put a link to somewhere else in their place."""
    for parent, names, _ in os.walk(folder):
        for path in (os.path.join(parent, name) for name in names):
            if not os.path.islink(path):
                os.chmod(path, 0o700)
    shutil.rmtree(folder)


def _options(folder: Path, cwd: str, env: Mapping[str, str], folders: Mapping[str, str]) -> list[str]:
    """Options of bubblewrap. What is visible comes last: this Python may lie below the place of a private folder."""
    return [
        *("--unshare-all", "--unshare-user", "--die-with-parent", "--cap-drop", "ALL", "--hostname", "sandbox"),
        *("--uid", str(UID), "--gid", str(UID), "--proc", "/proc", "--dev", "/dev"),
        *(word for name, place in PRIVATE.items() for word in ("--bind", str(folder / name), place)),
        *(word for name in ETC for word in ("--ro-bind", str(folder / name), f"/etc/{name}")),
        *(word for path in dict.fromkeys(VISIBLE) for word in ("--ro-bind-try", path, path)),
        *(word for path, inside in folders.items() for word in ("--ro-bind", path, inside)),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", cwd),
        *(word for name, value in env.items() for word in ("--setenv", name, value)),
    ]


def _start(
    files: ExitStack, status: int, command: Sequence[str], input: str | bytes | None, options: Sequence[str]
) -> subprocess.Popen[bytes]:
    """Options go in by a file: the variables among them reach neither bubblewrap itself nor the machine's list of
    processes. Limits are set inside: outside, that of processes would count all that the user runs."""
    if any("\0" in option for option in options):
        raise ValueError("embedded null byte")
    if not (bwrap := shutil.which("bwrap")):
        raise _unavailable("bwrap is not installed")
    asked, refused = _file(files, "\0".join(options)), _file(files, _filter(os.uname().machine))
    sandbox = [bwrap, "--args", str(asked), "--seccomp", str(refused), "--json-status-fd", str(status)]
    process = subprocess.Popen(
        [*sandbox, "--", "/usr/bin/prlimit", *LIMITS, "--", *command],
        stdin=subprocess.DEVNULL if input is None else _file(files, input),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        env={},
        pass_fds=(asked, refused, status),
        start_new_session=True,
    )
    return files.enter_context(process)


def _filter(machine: str) -> bytes:
    """Filter of system calls in classic BPF, as (code, jump if true, jump if false, operand). Calls of a second
    architecture and `clone3`, whose flags no filter sees, seem to be missing: the C library turns to `clone`."""
    if machine not in NUMBERS:
        raise _unavailable(f"there is no filter of system calls for {machine}")
    architecture, (socket, socketpair), clone, refused = NUMBERS[machine]
    load, equal, at_least, any_bit, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000
    first_argument, last = (load, 0, 0, 16), len(SOCKETS)
    instructions = [
        *((load, 0, 0, 4), (equal, 1, 0, architecture), (answer, 0, 0, refuse | errno.ENOSYS)),
        *((load, 0, 0, 0), (at_least, 0, 1, 0x40000000), (answer, 0, 0, refuse | errno.ENOSYS)),
        *((equal, 0, 1, CLONE3), (answer, 0, 0, refuse | errno.ENOSYS)),
        *(word for call in refused + IO_URING for word in ((equal, 0, 1, call), (answer, 0, 0, refuse | errno.EPERM))),
        *((equal, 0, 4, clone), first_argument, (any_bit, 0, 1, NEW_NAMESPACES)),
        *((answer, 0, 0, refuse | errno.EPERM), (answer, 0, 0, allow)),
        *((equal, 1, 0, socket), (equal, 0, last + 2, socketpair), first_argument),
        *((equal, last - place, 0, family) for place, family in enumerate(SOCKETS)),
        *((answer, 0, 0, refuse | errno.EAFNOSUPPORT), (answer, 0, 0, allow)),
    ]
    return b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)


def _file(files: ExitStack, data: str | bytes) -> int:
    """Descriptor of a file in memory, at its beginning."""
    file = files.enter_context(os.fdopen(os.memfd_create("sandbox"), "w+b"))
    file.write(data.encode() if isinstance(data, str) else data)
    file.seek(0)
    return file.fileno()


async def _read(descriptor: int, data: bytearray, most: int, readers: anyio.CancelScope) -> None:
    """Append what comes to `data`, until the end or one byte more than allowed; then nobody reads on."""
    while len(data) <= most:
        await anyio.wait_readable(descriptor)
        chunk = os.read(descriptor, min(1 << 16, most + 1 - len(data)))
        if not chunk:
            return
        data += chunk
    readers.cancel()


async def _wait_for(pid: int) -> None:
    """Wait until a process has ended."""
    with suppress(ProcessLookupError), os.fdopen(os.pidfd_open(pid), "rb", 0) as process:
        await anyio.wait_readable(process)


def _said(status: int, name: str) -> int | None:
    found = re.search(rf'"{name}": (\d+)'.encode(), os.pread(status, 4096, 0))
    return int(found[1]) if found else None


def _text(data: bytes | bytearray) -> str:
    return data.decode(errors="replace")


def _unavailable(problem: str) -> SandboxUnavailableError:
    return SandboxUnavailableError(f"bubblewrap cannot start a sandbox here: {problem}; {NEEDED}")


def _file_error(file: str, complaint: bytes | bytearray) -> OSError:
    """The error for what a program wrote last. All that an agent can bring about gets an error of inspect's contract:
    any other would count as a failure of the evaluation. A disk that is full or broken is one."""
    said = _text(complaint).strip().rpartition(": ")[2]
    number = {os.strerror(known): known for known in errno.errorcode}.get(said, errno.EIO)
    if number in (errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
        number = errno.ENOENT
    elif number not in (errno.ENOENT, errno.EISDIR, errno.EIO, errno.ENOSPC, errno.EDQUOT):
        number = errno.EACCES
    return OSError(number, said or os.strerror(number), file)

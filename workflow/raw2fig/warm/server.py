"""The server's side: how a run starts one, and what that does."""

import ast
import atexit
import gc
import json
import os
import secrets
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from raw2fig.warm.client import ADDRESS, user_of

PACKAGE = Path(__file__).parents[1]
LIBRARIES = ("cyclopts", "pydantic", "numpy", "pandas", "pyarrow.parquet", "scipy.stats", "matplotlib.pyplot")
"""What steps of every paper need; packages name what theirs need besides."""
WORTHWHILE = 5
"""Jobs from which on a run is faster with a server, whose start costs as much as one job's imports."""
GPUS = ("/dev/nvidiactl", "/dev/kfd")
"""Drivers of NVIDIA and AMD: a fork of a process that has asked one for its GPUs can use none."""


@contextmanager
def server() -> Iterator[None]:
    """Jobs that are started within the block find a server; until it has imported everything, they do without. So
    they do throughout on a machine on which no process may be forked that way."""
    if sys.platform != "linux" or any(map(os.path.exists, GPUS)):
        yield
        return
    name = f"raw2fig-{secrets.token_hex(8)}"
    # a session of its own: Ctrl-C reaches the steps through their callers only
    command = [sys.executable, "-P", "-m", "raw2fig.warm.server", name]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True) as process:
        os.environ[ADDRESS] = name
        try:
            yield
        finally:
            os.environ.pop(ADDRESS, None)
            if process.stdout is not None and not select.select([process.stdout], [], [], 0)[0]:
                process.terminate()  # a run so short that the libraries are still being imported


def serve_until_exit(jobs: int) -> None:
    """As `server`, until this process ends, for a run of so many jobs; where a server is there already, or would cost
    more than it saves, nothing."""
    if ADDRESS not in os.environ and jobs >= WORTHWHILE:
        running = ExitStack()
        running.enter_context(server())
        atexit.register(running.close)


def libraries(package: Path = PACKAGE) -> list[str]:
    """`LIBRARIES`, and those that the constants `WARM` of the package's `__init__.py` name, each once. `"anndata"` is a
    module; `"trl:GRPOTrainer"` is a name of one that imports itself only when a name is asked for. Files are read, not
    imported: steps import them anew."""
    found = list(LIBRARIES)
    for path in sorted(package.rglob("__init__.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == ["WARM"]:
                found += ast.literal_eval(node.value)
    return list(dict.fromkeys(found))


def main(name: str) -> NoReturn:
    """Import the libraries, then serve until standard input is closed, which it is when the run has ended. Something is
    written to standard output when that begins."""
    from raw2fig import cli

    ready = os.dup(1)
    os.dup2(2, 1)
    cli.use_one_thread()
    gc.disable()  # nearly all that is made stays
    for library in libraries():
        module, _, attribute = library.partition(":")
        try:
            found = import_module(module)
            if attribute:
                getattr(found, attribute)
        except (ImportError, AttributeError) as error:
            print(f"raw2fig: warm server: WARM names {library}: {error}", file=sys.stderr)
    gc.freeze()
    gc.enable()
    words = serve(name, ready)
    try:
        cli.main(words)
    except SystemExit as end:
        status = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    # as an interpreter ends, but for taking half a million objects to pieces
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(int(status or 0))


def serve(name: str, ready: int) -> list[str]:
    """Wait for callers of this user. Returns in the process of each step, with the step's words; never in the server
    itself."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{name}")
        listener.listen()
        with suppress(BrokenPipeError):  # the run was killed meanwhile, by which standard input is closed
            os.write(ready, b"ready")
        os.close(ready)
        while True:
            waiting, _, _ = select.select([listener, sys.stdin], [], [])
            with suppress(ChildProcessError):  # whose CPU time then counts as the run's
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if sys.stdin in waiting:
                os._exit(0)
            connection, _ = listener.accept()
            if user_of(connection) == os.getuid() and os.fork() == 0:
                break
            connection.close()
    with connection:
        request, streams = receive(connection)
        step = os.fork()
        if step:
            watch(step, connection)
    return become(request, streams)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """The request and the caller's three streams."""
    length, streams, _, _ = socket.recv_fds(connection, 4, 3, socket.MSG_WAITALL)
    if not length:  # the caller is no more
        os._exit(1)
    with connection.makefile("rb") as file:
        return json.loads(file.read(int.from_bytes(length, "big"))), streams


def watch(step: int, connection: socket.socket) -> NoReturn:
    """Pass the caller's signals on, tell it how the step ended, and kill the step when the caller is no more."""
    ended = os.pidfd_open(step)
    while True:
        ready, _, _ = select.select([ended, connection.fileno()], [], [])
        if ended in ready:
            break
        told = connection.recv(1)
        os.kill(step, told[0] if told else signal.SIGKILL)
        if not told:
            os._exit(1)
    _, status = os.waitpid(step, 0)
    try:
        connection.sendall(status.to_bytes(4, "big"))
    finally:
        os._exit(0)


def become(request: dict[str, Any], streams: list[int]) -> list[str]:
    """Take the caller's place: folder, environment, standard streams. Returns its words."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell runs in the background
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    # the server's own objects believe what its streams were: a file that can be sought in, where this one is a pipe
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update({name: text for name, text in request["environment"].items() if name != ADDRESS})
    words: list[str] = request["words"]
    sys.argv = ["raw2fig", *words]
    return words


if __name__ == "__main__":
    main(sys.argv[1])

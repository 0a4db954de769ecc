"""A warm start for steps: one process imports the large libraries, and every step is a fork of it.

Importing PyTorch and transformers costs 5 s of CPU and pandas 1 s, in each of a run's hundreds of jobs. The Snakefile,
or `raw2fig.stages` for several invocations of it, starts this server for the length of a run. `raw2fig`, called by a
job, finds it through `RAW2FIG_WARM`, hands over its words, environment, folder and standard streams, and ends as the
step ends. Libraries only are imported ahead: the
package's own modules are read by each step, so a change of them is seen as ever. A step whose thread count is not the
server's, or that finds no server, runs in its own process, with the same result to the byte.

Linux only, and only without a GPU: forking is safe while no thread runs and no driver has been spoken to.
"""

import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

ADDRESS = "RAW2FIG_WARM"
"""Environment variable that holds the path of the server's socket."""
LIBRARIES = {
    "numpy": (),
    "pandas": (),
    "pyarrow.parquet": (),
    "scipy.stats": (),
    "scipy.optimize": (),
    "anndata": (),
    "cyclopts": (),
    "matplotlib.pyplot": (),
    "torch": (),
    "transformers": ("AutoModelForCausalLM", "AutoTokenizer", "GPTNeoXForCausalLM", "Trainer"),
    "trl": ("GRPOTrainer",),
    "statsmodels.api": (),
}
"""What the server imports: modules, and the names of modules that import themselves only when a name is asked for."""
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
    with tempfile.TemporaryDirectory(prefix="raw2fig-") as folder:
        address = str(Path(folder) / "socket")
        # a session of its own: Ctrl-C reaches the steps through their callers only
        command = [sys.executable, "-P", "-m", "raw2fig.warm", address]
        with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
            os.environ[ADDRESS] = address
            try:
                yield
            finally:
                os.environ.pop(ADDRESS, None)
                if not os.path.exists(address):  # a run so short that the libraries are still being imported
                    process.terminate()


def serve_until_exit(jobs: int) -> None:
    """As `server`, until this process ends, for a run of so many jobs; where a server is there already, or would cost
    more than it saves, nothing."""
    if ADDRESS not in os.environ and jobs >= WORTHWHILE:
        running = ExitStack()
        running.enter_context(server())
        atexit.register(running.close)


def delegate(words: list[str]) -> int | None:
    """Let the server run the step. Returns its exit status, None where no server can. A signal that ended the step
    ends this process too."""
    address = os.environ.get(ADDRESS)
    if not address or os.environ.get("OMP_NUM_THREADS", "1") != "1":
        return None
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(address)
        except OSError:
            return None
        request = json.dumps({"words": words, "environment": dict(os.environ), "folder": os.getcwd()}).encode()
        socket.send_fds(connection, [len(request).to_bytes(4, "big")], [0, 1, 2])
        connection.sendall(request)
        while True:
            try:
                answer = connection.recv(4)
                break
            except KeyboardInterrupt:
                connection.sendall(bytes([signal.SIGINT]))
    if not answer:
        print("raw2fig: the process that watched the step was killed", file=sys.stderr)
        return 1
    status = os.waitstatus_to_exitcode(int.from_bytes(answer, "big"))
    if status < 0:
        if -status == signal.SIGINT:  # the others Python leaves alone
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def main(address: str) -> NoReturn:
    """Import the libraries, then serve until standard input is closed, which it is when the run has ended."""
    from raw2fig import cli

    cli.use_one_thread()
    gc.disable()  # nearly all that is made stays
    for module, names in LIBRARIES.items():
        library = import_module(module)
        for name in names:
            getattr(library, name)
    gc.freeze()
    gc.enable()
    words = serve(address)
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


def serve(address: str) -> list[str]:
    """Wait for callers. Returns in the process of each step, with the step's words; never in the server itself."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [])
            with suppress(ChildProcessError):  # whose CPU time then counts as the run's
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            if sys.stdin in ready:
                os._exit(0)
            connection, _ = listener.accept()
            if os.fork() == 0:
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
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update({name: text for name, text in request["environment"].items() if name != ADDRESS})
    words: list[str] = request["words"]
    sys.argv = ["raw2fig", *words]
    return words


if __name__ == "__main__":
    main(sys.argv[1])

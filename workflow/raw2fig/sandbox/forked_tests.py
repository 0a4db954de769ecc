"""The program in the sandbox that runs test files on versions of a repository, each in a process of its own.

It is passed as text, like `launcher`, and has the standard library alone. Standard input is a JSON object: the base
files of the repository, the cells, limits, and maybe an environment: the interpreter of a virtual environment, the file
that it is, and the program that runs tests there (`pytest_run`); without it they run here. A cell says which files are
changed (null: deleted), which test files are run, and the number that shuffles their tests, null for their own order.
For each cell, as soon as it is done, a line of JSON is printed: how its process ended, what came of each test, and
modules of the repository that were imported from elsewhere.

Nothing of a cell reaches the next: the files in /tmp are written anew, and what a cell does to modules ends with its
process. This process makes all others. It imports the standard library and compiles the modules of the repository once,
so that a cell costs a fork and the execution of what it imports.

Whatever the tested code prints is lost. Results come through a pipe, in lines that begin with a token that only the
process of the cell and this one know. That keeps out text and guesses. It does not keep out code that looks for the
token in the memory of its own process: no harness that runs tests in the process of the tested code can.
"""

import gc
import importlib
import importlib.machinery
import inspect
import json
import math
import os
import random
import resource
import secrets
import select
import shutil
import signal
import stat
import sys
import time
import types
import unittest
from collections.abc import Callable
from functools import partial
from typing import Any

USUAL = (
    *("collections", "copy", "datetime", "decimal", "doctest", "fractions", "functools", "io", "itertools", "math"),
    *("operator", "pickle", "re", "string", "tempfile", "textwrap", "threading", "typing", "unittest.mock"),
)
"""What tests import: this process does it for them."""
PLACE = "/tmp"
WORK = f"{PLACE}/repository"
LONGEST = 4 << 20
"""Bytes of results of a cell."""
COMPILED: dict[str, types.CodeType] = {}
"""Path → code of a module as it is in the cell at hand."""
_kept: dict[tuple[str, str], types.CodeType] = {}
_wanted: set[str] = set()
"""Paths that some cell has imported."""


class Loader(importlib.machinery.SourceFileLoader):
    """Loads a module without compiling it again."""

    def get_code(self, fullname: str) -> types.CodeType | None:
        return COMPILED.get(self.path) or super().get_code(fullname)


def main() -> None:
    """Run all cells, one after the other."""
    given = json.load(sys.stdin)
    for name in USUAL:
        importlib.import_module(name)
    gc.freeze()
    sys.dont_write_bytecode = True
    source = (Loader, importlib.machinery.SOURCE_SUFFIXES)
    compiled = (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES)
    sys.path_hooks.insert(0, importlib.machinery.FileFinder.path_hook(compiled, source))
    for cell in given["cells"]:
        files = {path: text for path, text in (given["base"] | cell["changed"]).items() if text is not None}
        write_anew(files)
        compile_wanted(files)
        ended, lines = run_apart(cell, given["limits"], given["environment"])
        tests: dict[str, str] = {}
        outside: list[str] = []
        for kind, name, value in lines:
            if kind == "test":
                tests[name] = value
            elif kind == "outside":
                outside.append(f"{name}: {value}")
            elif kind == "module" and name in files:
                _wanted.add(name)
        sys.stdout.write(json.dumps({"ended": ended, "tests": tests, "outside": outside}) + "\n")
        sys.stdout.flush()


def write_anew(files: dict[str, str]) -> None:
    """Remove all that is in /tmp, and write the files."""
    for parent, folders, _ in os.walk(PLACE):
        for name in folders:
            if not os.path.islink(path := os.path.join(parent, name)):
                os.chmod(path, stat.S_IRWXU)
    for name in os.listdir(PLACE):
        path = os.path.join(PLACE, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)
    for path in [WORK, *sorted({os.path.dirname(f"{WORK}/{path}") for path in files})]:
        os.makedirs(path, exist_ok=True)
    for name, text in files.items():
        with open(f"{WORK}/{name}", "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))


def compile_wanted(files: dict[str, str]) -> None:
    """Compile the modules that earlier cells have imported, each text once."""
    COMPILED.clear()
    for path in sorted(_wanted & files.keys()):
        key = path, files[path]
        if key not in _kept:
            try:
                _kept[key] = compile(files[path], f"{WORK}/{path}", "exec", dont_inherit=True)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue  # which the cell finds out
        COMPILED[f"{WORK}/{path}"] = _kept[key]


def run_apart(
    cell: dict[str, Any], limits: dict[str, Any], environment: dict[str, str] | None
) -> tuple[str, list[list[str]]]:
    """Run a cell in a process of its own. How it ended, and the results that it sent."""
    token = secrets.token_hex(16)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reading)
            hold_back(limits, writing)
            if environment:
                run_elsewhere(cell, writing, token, environment)
            run_tests(cell, writing, token)
        finally:
            os._exit(0)
    os.close(writing)
    text, in_time = read_all(reading, limits["wall_seconds"])
    os.close(reading)
    if not in_time:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    lines = []
    for line in text.decode("utf-8", "replace").split("\n"):
        if line.startswith(token):
            lines.append(json.loads(line[len(token) :]))
    done = any(kind == "done" for kind, _, _ in lines)
    out_of_time = not in_time or number in (signal.SIGPROF, signal.SIGXCPU)
    ended = "timeout" if out_of_time else "finished" if done else "killed"
    return ended, lines


def read_all(pipe: int, seconds: float) -> tuple[bytes, bool]:
    """What comes through a pipe until it is closed, and whether that is in time and not too much."""
    parts: list[bytes] = []
    size, end = 0, time.monotonic() + seconds
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN | select.POLLHUP)
    while size <= LONGEST and (left := end - time.monotonic()) > 0:
        if waiting.poll(1000 * left):
            part = os.read(pipe, 1 << 16)
            if not part:
                return b"".join(parts), True
            parts.append(part)
            size += len(part)
    return b"".join(parts), False


def hold_back(limits: dict[str, Any], pipe: int) -> None:
    """Leave this process nothing but the sandbox's files, its limits and the pipe; for good."""
    nothing = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.closerange(3, pipe)
    os.closerange(pipe + 1, 64)
    # the timer counts parts of seconds, and code can stop it; the limit it cannot
    signal.setitimer(signal.ITIMER_PROF, limits["cpu_seconds"])
    seconds = math.ceil(limits["cpu_seconds"])
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
    for limit, value in ((resource.RLIMIT_AS, "memory_bytes"), (resource.RLIMIT_FSIZE, "file_bytes")):
        resource.setrlimit(limit, (limits[value], limits[value]))
    os.chdir(WORK)
    globals()["allow_threads_only"](signals=False)


class Sent(unittest.TestResult):
    """Sends what came of each unittest case."""

    def __init__(self, send: Callable[..., None], path: str) -> None:
        super().__init__()
        self.send, self.path = send, path

    def name(self, test: Any) -> str:
        return f"{self.path}::{type(test).__name__}::{getattr(test, '_testMethodName', test)}"

    def addSuccess(self, test: Any) -> None:
        self.send("test", self.name(test), "passed")

    def addFailure(self, test: Any, err: Any) -> None:
        self.send("test", self.name(test), "failed")

    def addError(self, test: Any, err: Any) -> None:
        self.send("test", self.name(test), "error")

    def addSkip(self, test: Any, reason: str) -> None:
        self.send("test", self.name(test), "skipped")

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        self.send("test", self.name(test), "xfailed")

    def addUnexpectedSuccess(self, test: Any) -> None:
        self.send("test", self.name(test), "failed")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self.send("test", self.name(test), "failed")


def run_elsewhere(cell: dict[str, Any], pipe: int, token: str, environment: dict[str, str]) -> None:
    """Become the interpreter of a virtual environment that runs the test files of a cell. Limits and the filter of
    system calls stay."""
    os.set_inheritable(pipe, True)
    python = environment["python"]
    words = [python, "-B", "-c", environment["program"], str(pipe), token, json.dumps(cell["shuffle"]), *cell["tests"]]
    os.execve(environment["interpreter"], words, {**os.environ, "HOME": PLACE})


def run_tests(cell: dict[str, Any], pipe: int, token: str) -> None:
    """Run the test files of a cell. A file that cannot be imported is a test that has its path for a name."""
    order = None if cell["shuffle"] is None else random.Random(cell["shuffle"])

    def send(kind: str, name: str, value: str, write: Any = os.write, say: Any = json.dumps) -> None:
        write(pipe, f"\n{token}{say([kind, name, value])}\n".encode())

    own = {name.partition(".")[0] for name in os.listdir(WORK)}
    if os.path.isdir(f"{WORK}/src"):
        own |= {name.partition(".")[0] for name in os.listdir(f"{WORK}/src")}
        sys.path.insert(0, f"{WORK}/src")
    sys.path.insert(0, WORK)
    for path in cell["tests"]:
        try:
            module = imported(path)
        except BaseException:
            send("test", path, "error")
            continue
        for name, one in list(sys.modules.items()):
            file = getattr(one, "__file__", None)
            if file and file.startswith(f"{WORK}/"):
                send("module", file[len(WORK) + 1 :], "")
            elif name.partition(".")[0] in own - {"src"}:
                send("outside", name, str(file))
        for run in cases(module, path, send, order):
            run()
    send("done", "", "")


def imported(path: str) -> types.ModuleType:
    """Import a test file, as pytest does by default: below the first folder above it that is no package."""
    folder, name = os.path.split(path.removesuffix(".py"))
    while folder and os.path.exists(f"{WORK}/{folder}/__init__.py"):
        folder, package = os.path.split(folder)
        name = f"{package}.{name}"
    if folder:
        sys.path.insert(0, f"{WORK}/{folder}")
    return importlib.import_module(name)


def cases(
    module: types.ModuleType, path: str, send: Callable[..., None], order: random.Random | None
) -> list[Callable[[], object]]:
    """What runs the tests of a module: functions and classes that pytest would collect, and unittest cases."""
    found: list[Callable[[], object]] = []
    for name, value in list(vars(module).items()):
        if isinstance(value, type) and issubclass(value, unittest.TestCase):
            if value.__module__ != "unittest.case":
                names = shuffled(list(unittest.defaultTestLoader.getTestCaseNames(value)), order)
                found.append(partial(run_case, value, names, Sent(send, path)))
        elif isinstance(value, type) and name.startswith("Test") and "__init__" not in vars(value):
            for method in [one for one in vars(value) if one.startswith("test")]:
                run = partial(run_method, value, method)
                found.append(partial(run_function, run, f"{path}::{name}::{method}", send))
        elif inspect.isfunction(value) and name.startswith("test"):
            found.append(partial(run_function, value, f"{path}::{name}", send))
    return shuffled(found, order)


def shuffled(items: list[Any], order: random.Random | None) -> list[Any]:
    """The items in their order, or in another one."""
    return items if order is None else order.sample(items, len(items))


def run_case(kind: type[unittest.TestCase], names: list[str], result: Sent) -> None:
    """Run a unittest case with what it sets up."""
    unittest.TestSuite(map(kind, names)).run(result)


def run_method(kind: type[Any], name: str) -> None:
    """Run a method of a plain class between its setup_method and teardown_method."""
    one = kind()
    for hook in ("setup_method", name, "teardown_method"):
        function = getattr(one, hook, None)
        if function:
            function(*[getattr(one, name)] * bool(inspect.signature(function).parameters))


def run_function(function: Callable[[], object], name: str, send: Callable[..., None]) -> None:
    """Run a test function. One that wants arguments, as of fixtures, is an error."""
    try:
        function()
    except unittest.SkipTest:
        send("test", name, "skipped")
    except AssertionError:
        send("test", name, "failed")
    except BaseException:
        send("test", name, "error")
    else:
        send("test", name, "passed")


if __name__ == "__main__":
    main()

"""Agents that are folders (HAL, the contract of the harness): `main.py` with `run(input, **arguments)`.

The agent's code runs in the sandbox, in a process of its own for each task. It has a copy of its folder in a /tmp that
goes with it and the standard library; no network, no file of the user, no second process. What it wants comes over its
standard input and output as lines of JSON (`raw2fig.papers.hal.inside`), and this side yields it like any scaffold.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import socket, socketpair
from typing import Any

from raw2fig.errors import InputError
from raw2fig.lm.client import Message
from raw2fig.papers.hal import inside
from raw2fig.papers.hal.contract import (
    AgentFailure,
    Answer,
    Ask,
    Benchmark,
    Course,
    EnvironmentFailure,
    LimitReached,
    Scaffold,
    Use,
)
from raw2fig.sandbox import program

MAIN, OURS = "main.py", "harness.py"
TASK = "task"  # what an agent's function knows its one task by
LONGEST = 1 << 20
"""Bytes of a message at most."""
REQUESTS = 200
"""Requests of an agent at most, as of HAL's generalist."""
LARGEST = 4 << 20
"""Bytes of a folder at most, and of what an agent writes to a file or prints."""
START = """
import os, sys
for name, content in {files!r}.items():
    path = os.path.join("/tmp/agent", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content)
os.chdir("/tmp/agent")
sys.path.insert(0, "/tmp/agent")
sys.dont_write_bytecode = True
import harness
harness.serve()
"""


def files_of(folder: Path) -> dict[str, Path]:
    """Name → path of an agent's files. Raises `InputError` without a `main.py`, and for what is no ordinary file."""
    found = {
        str(path.relative_to(folder)): path
        for path in sorted(folder.rglob("*"))
        if not path.is_dir() and "__pycache__" not in path.parts
    }
    if MAIN not in found:
        raise InputError(folder, f"has no {MAIN}", f"a folder with {MAIN}, which has the function run")
    for name, path in found.items():
        if path.is_symlink() or not path.is_file() or name == OURS:
            reason = "is a name that the harness needs" if name == OURS else "is no ordinary file"
            raise InputError(path, reason, "an agent's own files")
    if (size := sum(path.stat().st_size for path in found.values())) > LARGEST:
        raise InputError(folder, f"has {size} bytes", f"at most {LARGEST}")
    return found


def digest(folder: Path) -> str:
    """Changes with the files of an agent."""
    return hashlib.sha256(repr(_contents(folder)).encode()).hexdigest()


def _contents(folder: Path) -> dict[str, bytes]:
    return {name: path.read_bytes() for name, path in files_of(folder).items()}


def directory(folder: Path, arguments: Mapping[str, Any], seconds: float) -> Scaffold:
    """The agent in a folder. It may take `seconds` of CPU, and of the clock until each message. Raises `InputError` for
    a folder without agent, and where programs cannot be isolated."""
    way = program.usable_way()
    source = START.format(files=_contents(folder) | {OURS: inspect.getsource(inside).encode()})
    limits = program.Limits(cpu_seconds=math.ceil(seconds), wall_seconds=seconds, output_bytes=LARGEST)

    def start(prompt: str, benchmark: Benchmark) -> Course:
        with _process(way, source, limits) as agent:
            task = {"prompt": prompt, "tools": dict(benchmark.tools)}
            agent.say({"input": {TASK: task}, "arguments": dict(arguments)})
            for _ in range(REQUESTS):
                match agent.hear():
                    case {"ask": [*messages]} if messages:
                        agent.say((yield Ask(tuple(map(_message, messages)))))
                    case {"use": [str(tool), str(argument)]}:
                        agent.say((yield Use(tool, argument)).text)
                    case {"answers": answers}:
                        return _answer(answers)
                    case {"error": str(reason)}:
                        raise AgentFailure(_line(reason))
                    case other:
                        raise AgentFailure(f"wants what nobody knows: {_line(str(other))}")
            raise LimitReached(f"no answer after {REQUESTS} requests")

    return start


class Talk:
    """The harness's side of the lines. Raises `TimeoutError` when the agent takes too long, `EOFError` when it is
    gone."""

    def __init__(self, channel: socket, seconds: float) -> None:
        self.channel, self.seconds, self.heard = channel, seconds, b""

    def say(self, value: Any) -> None:
        """Send a line."""
        self.channel.settimeout(self.seconds)  # of the whole line
        try:
            self.channel.sendall(json.dumps(value).encode() + b"\n")
        except ConnectionError as error:
            raise EOFError from error

    def hear(self) -> Any:
        """The next line. Raises `AgentFailure` for one that is too long or no JSON."""
        end = time.monotonic() + self.seconds
        while b"\n" not in self.heard:
            if (left := end - time.monotonic()) <= 0:
                raise TimeoutError
            self.channel.settimeout(left)
            more = b""
            with suppress(ConnectionError):
                more = self.channel.recv(1 << 16)
            if not more:
                raise EOFError
            self.heard += more
            if len(self.heard) > LONGEST:
                raise AgentFailure(f"a message of more than {LONGEST} bytes")
        line, _, self.heard = self.heard.partition(b"\n")
        try:
            value = json.loads(line)
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair could not be written down
        except (ValueError, RecursionError):
            raise AgentFailure(f"no JSON: {_line(repr(line))}") from None
        return value


@contextmanager
def _process(way: program.Way, source: str, limits: program.Limits) -> Iterator[Talk]:
    """An agent's process, which ends with the block. Raises what it means when it says nothing more."""
    ours, theirs = socketpair()
    with ours, theirs, program.file_in_memory() as stderr:
        try:
            with program.running(way, source, limits, theirs.fileno(), theirs.fileno(), stderr) as one:
                theirs.close()
                try:
                    yield Talk(ours, limits.wall_seconds)
                    return
                except (EOFError, TimeoutError) as silent:
                    gone = isinstance(silent, EOFError) and program.ends_within(one.process, limits.wall_seconds)
        except OSError as error:
            raise EnvironmentFailure(f"the sandbox did not start: {error}") from error
        complaint = program.text_of(stderr, limits.output_bytes).strip()
    last = _line(complaint.rpartition("\n")[2])
    if not one.began:
        raise EnvironmentFailure(f"the sandbox did not start: {last or one.process.returncode}")
    status = program.status_of(one.process.returncode, gone, complaint)
    if status == "timeout":
        raise TimeoutError(f"no answer and no request within {limits.wall_seconds:g} s")
    raise AgentFailure(f"its process ended without an answer ({status}) {last}".strip())


def _message(value: Any) -> Message:
    match value:
        case {"role": "system" | "user" | "assistant" | "tool" as role, "content": str(content)}:
            return Message(role, content)
    raise AgentFailure(f"asks with {_line(str(value))}, which is no message")


def _answer(answers: Any) -> Answer:
    """The answer of {task: answer}, or of the new form {task: {"answer": ..., "metrics": {...}}}; of its metrics only
    `confidence` is kept."""
    found = answers.get(TASK) if isinstance(answers, dict) else None
    text, metrics = (found.get("answer"), found.get("metrics")) if isinstance(found, dict) else (found, None)
    if not isinstance(text, (str, int, float)):
        raise AgentFailure(f"gives {_line(str(answers))}, not an answer for each task")
    sure = metrics.get("confidence") if isinstance(metrics, dict) else None
    return Answer(str(text), float(sure) if isinstance(sure, (int, float)) and 0 <= sure <= 1 else None)


def _line(text: str) -> str:
    """One line for a log."""
    return " ".join(text.split())[:200]

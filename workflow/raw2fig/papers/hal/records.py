"""Tasks, answers and rollouts as files: lines of JSON, and rollouts that survive a kill."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from raw2fig.errors import InputError
from raw2fig.lm.client import Message
from raw2fig.papers.hal.contract import STATUSES, Rollout, Step, Task


def write_lines(values: Iterable[Any], path: Path) -> None:
    """A line of JSON for each value."""
    with path.open("w", encoding="utf-8") as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")


def read_lines(path: Path) -> Iterator[Any]:
    """The values of a file's lines. Raises `InputError` for a line that is no JSON."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                raise InputError(path, f"line {number} is no JSON ({error})", "a JSON value in each line") from error


def read_tasks(path: Path) -> list[Task]:
    """The tasks of a benchmark."""
    return [Task(**line) for line in read_lines(path)]


def as_line(agent: str, benchmark: str, rollout: Rollout) -> dict[str, Any]:
    """A rollout as JSON, with whose it is."""
    return {
        "agent": agent,
        "benchmark": benchmark,
        **rollout._asdict(),
        "steps": [step._asdict() for step in rollout.steps],
        "opening": [message._asdict() for message in rollout.opening],
    }


def read_rollouts(path: Path) -> Iterator[tuple[str, str, Rollout]]:
    """Agent, benchmark and rollout of each line. Raises `InputError` for a line of another form."""
    for number, line in enumerate(read_lines(path), 1):
        try:
            agent, benchmark = line.pop("agent"), line.pop("benchmark")
            steps = [Step(**step) for step in line.pop("steps")]
            opening = [Message(**message) for message in line.pop("opening")]
            rollout = Rollout(**line, steps=steps, opening=opening)
        except (TypeError, KeyError, AttributeError) as error:
            raise InputError(path, f"line {number} is no rollout ({error})", "rollouts of hal rollout") from error
        if rollout.status not in STATUSES:
            raise InputError(path, f"line {number} has the status {rollout.status!r}", f"one of {', '.join(STATUSES)}")
        yield agent, benchmark, rollout


class Store:
    """Rollouts on disk as they come, so that a run that was killed goes on with what is missing or whose environment
    failed. `identity` says what all of them depend on beside agent, task and repeat: others are not used."""

    def __init__(self, path: Path | None, identity: str) -> None:
        self.path, self.identity = path, identity
        self.known: dict[tuple[str, str, int], dict[str, Any]] = {}
        if path is not None and path.is_file():
            for line in path.read_bytes().split(b"\n"):
                self._remember(line)

    def _remember(self, line: bytes) -> None:
        try:
            entry = json.loads(line)
        except ValueError:  # torn by a kill
            return
        if entry["identity"] == self.identity and entry["rollout"]["status"] != "env_error":
            one = entry["rollout"]
            self.known[one["agent"], one["task"], one["repeat"]] = one

    def missing(self, agent: str, tasks: Sequence[tuple[Task, int]]) -> list[tuple[Task, int]]:
        """What is to be done still."""
        return [(task, repeat) for task, repeat in tasks if (agent, task.task, repeat) not in self.known]

    def add(self, line: dict[str, Any]) -> None:
        """Remember a rollout, and append it to the file in one write."""
        self.known[line["agent"], line["task"], line["repeat"]] = line
        if self.path is not None:
            # begins with a line break too: what a kill has torn before must not swallow it
            data = b"\n" + json.dumps({"identity": self.identity, "rollout": line}, ensure_ascii=False).encode() + b"\n"
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(file, data)
            finally:
                os.close(file)

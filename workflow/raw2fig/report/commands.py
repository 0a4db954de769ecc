"""The commands that made a run's results, and what they cost, from the logs of its jobs.

A step writes its own command line as the first line of its log, what it cost when it has ended, and then the files that
it wrote (`raw2fig.cli`). So the commands here are those that ran, not those that would run now.
"""

import re
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

STARTED = re.compile(r"^\d\d:\d\d:\d\d INFO (raw2fig (\S+ \S+)(?: .*)?)$")
ENDED = re.compile(r"^\d\d:\d\d:\d\d INFO raw2fig (\S+ \S+): ([\d.]+) s, ([\d.]+) s of CPU, (\d+) MB at most$")
WROTE = re.compile(r"^wrote (.+)$")
REPLICATE = re.compile(r"^r\d+/")


class Job(NamedTuple):
    """A command that ended well: its words after `raw2fig`, its line, its log below the paper's folder, the files that
    it wrote; seconds of wall clock and of CPU, and the largest resident set in MB."""

    step: str
    line: str
    log: str
    wrote: tuple[str, ...]
    wall: float
    cpu: float
    memory: float


class Command(NamedTuple):
    """A command, once for all replicates: the line of the first of them, the number of jobs, and sums over these; the
    largest resident set in MB. `anchor` names it within its paper."""

    step: str
    line: str
    anchor: str
    wrote: tuple[str, ...]
    jobs: int
    wall: float
    cpu: float
    memory: float


def commands_of(folder: Path) -> list[Command]:
    """The commands of the paper whose results are in `folder`, each after those whose files it reads."""
    alike: dict[str, list[Job]] = defaultdict(list)
    for path in sorted(folder.glob("**/logs/**/*.log")):
        log = path.relative_to(folder).as_posix()
        for job in jobs_in(path.read_text(encoding="utf-8", errors="replace"), log):
            alike[f"{REPLICATE.sub('', log)} {job.step}"].append(job)
    return in_order([_together(jobs) for jobs in alike.values()])


def jobs_in(text: str, log: str) -> list[Job]:
    """The jobs of one log. Those that did not end are left out."""
    jobs: list[Job] = []
    started: dict[str, str] = {}
    for line in text.splitlines():
        if ended := ENDED.match(line):
            name, *costs = ended.groups()
            wall, cpu, memory = map(float, costs)
            jobs.append(Job(name, started.pop(name, f"raw2fig {name}"), log, (), wall, cpu, memory))
        elif found := STARTED.match(line):
            started[found[2]] = found[1]
        elif jobs and (wrote := WROTE.match(line)):
            jobs[-1] = jobs[-1]._replace(wrote=(*jobs[-1].wrote, wrote[1]))
    return jobs


def in_order(commands: Sequence[Command]) -> list[Command]:
    """The commands, each after those whose files its line names; the data come first and the claims last."""
    made_by = {path: number for number, command in enumerate(commands) for path in command.wrote}
    reads = [{made_by[word] for word in words(command.line) if word in made_by} for command in commands]
    depths: dict[int, int] = {}

    def depth(number: int) -> int:
        if number not in depths:
            depths[number] = 0  # also what a command reads of its own kind
            depths[number] = 1 + max((depth(other) for other in reads[number] - {number}), default=0)
        return depths[number]

    order = sorted(range(len(commands)), key=lambda number: (depth(number), commands[number].anchor))
    return [commands[number] for number in order]


def words(line: str) -> list[str]:
    """The words of a command line, also those behind the = of a flag."""
    return [part for word in shlex.split(line) for part in (word, word.partition("=")[2]) if part]


def makers(commands: Sequence[Command]) -> Mapping[str, Command]:
    """File → the command that wrote it."""
    return {path: command for command in commands for path in command.wrote}


def _together(jobs: Sequence[Job]) -> Command:
    """The jobs that differ in their replicates alone."""
    first = jobs[0]
    log = REPLICATE.sub("", first.log).removesuffix(".log").replace("logs/", "")
    anchor = re.sub(r"[^\w.-]+", "-", f"{log} {first.step}")
    wrote = tuple(path for job in jobs for path in job.wrote)
    wall, cpu, memory = ([getattr(job, name) for job in jobs] for name in ("wall", "cpu", "memory"))
    return Command(first.step, first.line, anchor, wrote, len(jobs), sum(wall), sum(cpu), max(memory))

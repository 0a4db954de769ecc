"""Commands and costs from the logs of a run."""

import time
from pathlib import Path

import pytest

from raw2fig.cli import costs
from raw2fig.report.commands import commands_of, jobs_in, makers


def log(folder: Path, name: str, line: str, wall: float, cpu: float, memory: int, *wrote: str) -> None:
    """The log of a job that took one setting from the configuration."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    step = " ".join(line.split()[:3])
    end = f"12:00:10 INFO {step}: {wall:.1f} s, {cpu} s of CPU, {memory} MB at most"
    lines = [f"12:00:00 INFO {line}", "12:00:00 INFO from the configuration: a=1", "a word", end]
    path.write_text("".join(f"{line}\n" for line in [*lines, *(f"wrote {path}" for path in wrote)]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A paper whose figure reads a table, which reads what two replicates trained on data."""
    log(tmp_path, "logs/fig-fit.log", "raw2fig p-q fig-fit --table=t.csv --svg f.svg", 1, 0.5, 80, "f.svg", "f.png")
    log(tmp_path, "logs/a-table.log", "raw2fig p-q table-fit --models m0 m1 --csv t.csv", 1, 0.5, 80, "t.csv")
    for number, wall in ((0, 10.0), (1, 2.0)):
        line = f"raw2fig p-q train --data 'my data' --model m{number}"
        log(tmp_path, f"r{number}/logs/deep/train.log", line, wall, 1.25, 90 + number, f"m{number}")
    log(tmp_path, "logs/z-data.log", "raw2fig fetch file --file 'my data'", 3, 1, 70, "my data")
    (tmp_path / "logs/fails.log").write_text("12:00:00 INFO raw2fig p-q fails --a 2\nTraceback\n")
    return tmp_path


def test_each_command_follows_what_it_reads(folder: Path) -> None:
    found = commands_of(folder)
    assert [command.step for command in found] == ["fetch file", "p-q train", "p-q table-fit", "p-q fig-fit"]
    assert found[2].line == "raw2fig p-q table-fit --models m0 m1 --csv t.csv"


def test_replicates_are_one_command(folder: Path) -> None:
    train = commands_of(folder)[1]
    assert train.line == "raw2fig p-q train --data 'my data' --model m0"
    assert train[3:] == (("m0", "m1"), 2, 12.0, 2.5, 91.0)


def test_a_file_leads_to_its_command(folder: Path) -> None:
    found = makers(commands_of(folder))
    assert {path: command.step for path, command in found.items()} == {
        "f.svg": "p-q fig-fit",
        "f.png": "p-q fig-fit",
        "t.csv": "p-q table-fit",
        "m0": "p-q train",
        "m1": "p-q train",
        "my data": "fetch file",
    }
    assert len({command.anchor for command in found.values()}) == 4


def test_commands_that_read_each_other_are_all_there(tmp_path: Path) -> None:
    log(tmp_path, "logs/one.log", "raw2fig p grow --into x --seen y", 1, 1, 1, "x")
    log(tmp_path, "logs/two.log", "raw2fig p look --at x --seen y", 1, 1, 1, "y")
    assert sorted(command.step for command in commands_of(tmp_path)) == ["p grow", "p look"]


def test_the_page_reads_what_the_command_line_writes() -> None:
    (job,) = jobs_in(f"12:00:00 INFO {costs('raw2fig paper fit', 3.0)}\nwrote my file.csv\n", "fit.log")
    assert job[:5] == ("paper fit", "raw2fig paper fit", "fit.log", ("my file.csv",), 3.0)
    assert abs(job.cpu - time.process_time()) < 1
    assert job.memory > 10

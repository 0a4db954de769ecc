"""Steps that run as forks of the warm server: what they see, make and print, and how they end, is as without it."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clone import RESULTS, clone, digests, environment

from raw2fig import warm

pytestmark = [
    pytest.mark.xdist_group("smoke"),
    pytest.mark.skipif(sys.platform != "linux", reason="steps are forked on Linux only"),
    pytest.mark.skipif(any(map(os.path.exists, warm.GPUS)), reason="no step is forked where there is a GPU"),
]

STEPS = '''
"""A paper of the test's."""
import os, sys, time
from pathlib import Path
from raw2fig.errors import InputError
from raw2fig.step import Output, step

@step
def look(*, seen: Output) -> None:
    """What a step sees."""
    libraries = sorted({"torch", "transformers", "pandas"} & sys.modules.keys())
    seen.write_text(repr((os.getcwd(), os.environ.get("WORD"), sys.stdin.read(), libraries, warm())))
    print("out")

def warm() -> bool:
    return os.environ.get("RAW2FIG_WARM") is None and "raw2fig.warm" in sys.modules and "torch" in sys.modules

@step
def wait(*, started: Path, seen: Output) -> None:
    """Never ends by itself."""
    seen.touch()
    started.write_text(str(os.getpid()))
    while True:
        time.sleep(0.05)

@step
def fail(*, how: str) -> None:
    """Ends badly."""
    if how == "input":
        raise InputError("input", "is bad", "a good one")
    if how == "kill":
        os.kill(os.getpid(), 9)
    raise RuntimeError("a defect")
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with a paper of the steps above."""
    made = clone(tmp_path_factory.mktemp("warm") / "clone")
    paper = made / "workflow/raw2fig/papers/probe"
    paper.mkdir()
    (paper / "__init__.py").write_text('"""Probe."""\n')
    (paper / "steps.py").write_text(STEPS)
    return made


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a job that finds a server which has imported everything."""
    before = dict(os.environ)
    os.environ.update(environment(folder))
    try:
        with warm.server():
            found = {**os.environ, "OMP_NUM_THREADS": "1"}
            deadline = time.monotonic() + 120
            while not os.path.exists(found[warm.ADDRESS]) and time.monotonic() < deadline:
                time.sleep(0.1)
            yield found
    finally:
        os.environ.clear()
        os.environ.update(before)


def raw2fig(folder: Path, variables: dict[str, str], *words: str) -> "subprocess.Popen[str]":
    """A job's command, started; it heeds Ctrl-C also when the tests run in the background of a shell."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)

    def heed() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    return subprocess.Popen(
        ["raw2fig", "probe", *words], cwd=folder, env=variables, text=True, preexec_fn=heed, **pipes
    )


def look(folder: Path, variables: dict[str, str], seen: Path) -> tuple[object, ...]:
    """What a step saw."""
    job = raw2fig(folder, {**variables, "WORD": "a word"}, "look", "--seen", str(seen))
    printed, _ = job.communicate("a line")
    assert (job.returncode, printed) == (0, "out\n")
    found: tuple[object, ...] = eval(seen.read_text())
    return found


def test_a_step_sees_what_its_caller_sees(folder: Path, served: dict[str, str], tmp_path: Path) -> None:
    seen = look(folder, served, tmp_path / "seen")
    assert seen == (str(folder), "a word", "a line", ["pandas", "torch", "transformers"], True)


@pytest.mark.parametrize("change", [{"OMP_NUM_THREADS": "2"}, {warm.ADDRESS: "no/such/socket"}, {warm.ADDRESS: ""}])
def test_without_a_server_for_it_a_step_has_its_own_process(
    change: dict[str, str], folder: Path, served: dict[str, str], tmp_path: Path
) -> None:
    seen = look(folder, {**served, **change}, tmp_path / "seen")
    assert seen == (str(folder), "a word", "a line", [], False)


@pytest.mark.parametrize(("how", "status"), [("input", 2), ("defect", 1), ("kill", -signal.SIGKILL)])
def test_a_step_ends_as_without_the_server(how: str, status: int, folder: Path, served: dict[str, str]) -> None:
    told = []
    for variables in (served, {**served, warm.ADDRESS: ""}):
        job = raw2fig(folder, variables, "fail", "--how", how)
        _, error = job.communicate()
        assert job.returncode == status
        lines = [line for line in error.splitlines() if not line.startswith((" ", "Traceback")) and "INFO" not in line]
        told.append(lines)
    assert told[0] == told[1]
    assert told[0] == {"input": ["raw2fig probe fail: input: is bad; expected a good one"], "kill": []}.get(
        how, ["RuntimeError: a defect"]
    )


def is_there(pid: int) -> bool:
    """Whether the process runs."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


@pytest.mark.parametrize(
    ("sent", "status", "cleaned"),
    [(signal.SIGINT, 130, True), (signal.SIGTERM, -signal.SIGTERM, False), (signal.SIGKILL, -signal.SIGKILL, False)],
)
def test_what_ends_the_caller_ends_the_step(
    sent: signal.Signals, status: int, cleaned: bool, folder: Path, served: dict[str, str], tmp_path: Path
) -> None:
    started, seen = tmp_path / "started", tmp_path / "seen"
    job = raw2fig(folder, served, "wait", "--started", str(started), "--seen", str(seen))
    assert within(60, lambda: started.exists() and bool(started.read_text()))
    step = int(started.read_text())
    assert step != job.pid
    job.send_signal(sent)
    job.communicate()
    assert job.returncode == status
    assert within(10, lambda: not is_there(step))
    assert not seen.exists()
    assert (tmp_path / ".partial-seen").exists() != cleaned


def contents(results: Path) -> dict[str, str]:
    """What steps made: Snakemake dates folders by a file of its own."""
    return {path: digest for path, digest in digests(results).items() if not path.endswith(".snakemake_timestamp")}


def test_results_are_the_same_to_the_byte(
    served: dict[str, str], smoke_run: Path, folder: Path, tmp_path: Path
) -> None:
    """A training, a generation and a figure of the smoke run, from the lines with which they were called."""
    results = folder / RESULTS
    shutil.copytree(smoke_run / RESULTS, results)
    made = contents(results)
    for log in ("pretrain-s0", "generate-s0", "fig-scaling"):
        first = (results / "c2s/logs" / f"{log}.log").read_text().splitlines()[0]
        words = shlex.split(first.partition("INFO raw2fig ")[2])
        for variables in (served, {**served, warm.ADDRESS: ""}):
            subprocess.run(["raw2fig", *words], cwd=folder, env=variables, check=True, capture_output=True)
            assert contents(results) == made


def test_nothing_that_could_break_a_fork_runs_in_the_server(served: dict[str, str]) -> None:
    """But for jemalloc's thread, which is made for forks; and the server ends with the run."""
    servers = [path for path in Path("/proc").glob("[0-9]*/cmdline") if served[warm.ADDRESS] in _read(path)]
    assert servers
    for path in servers:
        names = [_read(task / "comm").strip() for task in (path.parent / "task").iterdir()]
        assert set(names[1:]) <= {"jemalloc_bg_thd"}


def test_the_server_ends_with_its_run() -> None:
    with warm.server():
        address = os.environ[warm.ADDRESS]
        assert within(10, lambda: any(address in _read(path) for path in Path("/proc").glob("[0-9]*/cmdline")))
    assert warm.ADDRESS not in os.environ
    assert not any(address in _read(path) for path in Path("/proc").glob("[0-9]*/cmdline"))
    assert not Path(address).parent.exists()


def test_a_run_of_many_jobs_has_a_server_until_it_exits(tmp_path: Path) -> None:
    """And a run of few, or one that has a server already, starts none."""
    told = "import os; from raw2fig import warm; print(os.environ.get(warm.ADDRESS))"
    ends = f"warm.serve_until_exit(warm.WORTHWHILE - 1); {told.split('; ')[-1]}; warm.serve_until_exit(warm.WORTHWHILE)"
    code = f"{told}; {ends}; {told.split('; ')[-1]}"
    bare = {name: text for name, text in os.environ.items() if name != warm.ADDRESS}
    before, few, address = subprocess.check_output([sys.executable, "-c", code], env=bare, text=True).split()
    assert (before, few) == ("None", "None")
    assert within(10, lambda: not Path(address).parent.exists())
    assert within(10, lambda: address not in subprocess.check_output(["ps", "-eo", "args"], text=True))
    served = subprocess.check_output([sys.executable, "-c", code], env={**bare, warm.ADDRESS: "there"}, text=True)
    assert served.split() == ["there"] * 3


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""

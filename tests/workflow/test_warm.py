"""Steps that run as forks of the warm server: what they see, make and print, and how they end, is as without it."""

import itertools
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from clone import RESULTS, clone, digests, environment
from processes import is_there, within

from raw2fig.warm import client, server
from raw2fig.warm.client import ADDRESS

pytestmark = [
    pytest.mark.xdist_group("smoke"),
    pytest.mark.skipif(sys.platform != "linux", reason="steps are forked on Linux only"),
    pytest.mark.skipif(any(map(os.path.exists, server.GPUS)), reason="no step is forked where there is a GPU"),
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
    libraries = sorted({"torch", "transformers", "pandas", "colorsys"} & sys.modules.keys())
    seen.write_text(repr((os.getcwd(), os.environ.get("WORD"), sys.stdin.read(), libraries, warm())))
    print("out")

def warm() -> bool:
    return os.environ.get("RAW2FIG_WARM") is None and "torch" in sys.modules

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
    (paper / "__init__.py").write_text('"""Probe."""\n\nWARM = ("no_such_library", "colorsys", "os:no_such_name")\n')
    (paper / "steps.py").write_text(STEPS)
    return made


def answers(name: str) -> bool:
    """Whether a server is ready."""
    with socket.socket(socket.AF_UNIX) as connection:
        return connection.connect_ex(f"\0{name}") == 0


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a job that finds a server which has imported everything."""
    before = dict(os.environ)
    os.environ.update(environment(folder))
    try:
        with server.server():
            found = {**os.environ, "OMP_NUM_THREADS": "1"}
            assert within(240, lambda: answers(found[ADDRESS]))
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
    assert (job.returncode, printed) == (0, f"out\nwrote {seen}\n")
    found: tuple[object, ...] = eval(seen.read_text())
    return found


def test_a_step_sees_what_its_caller_sees(folder: Path, served: dict[str, str], tmp_path: Path) -> None:
    seen = look(folder, served, tmp_path / "seen")
    assert seen == (str(folder), "a word", "a line", ["colorsys", "pandas", "torch", "transformers"], True)


@pytest.mark.parametrize("change", [{"OMP_NUM_THREADS": "2"}, {ADDRESS: "no such socket"}, {ADDRESS: ""}])
def test_without_a_server_for_it_a_step_has_its_own_process(
    change: dict[str, str], folder: Path, served: dict[str, str], tmp_path: Path
) -> None:
    seen = look(folder, {**served, **change}, tmp_path / "seen")
    assert seen == (str(folder), "a word", "a line", [], False)


@pytest.mark.parametrize(("how", "status"), [("input", 2), ("defect", 1), ("kill", -signal.SIGKILL)])
def test_a_step_ends_as_without_the_server(how: str, status: int, folder: Path, served: dict[str, str]) -> None:
    told = []
    for variables in (served, {**served, ADDRESS: ""}):
        job = raw2fig(folder, variables, "fail", "--how", how)
        _, error = job.communicate()
        assert job.returncode == status
        lines = [line for line in error.splitlines() if not line.startswith((" ", "Traceback")) and "INFO" not in line]
        told.append(lines)
    assert told[0] == told[1]
    assert told[0] == {"input": ["raw2fig probe fail: input: is bad; expected a good one"], "kill": []}.get(
        how, ["RuntimeError: a defect"]
    )


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
    for log in ("r0/logs/pretrain", "r0/logs/generate", "logs/fig-scaling"):
        first = (results / "c2s" / f"{log}.log").read_text().splitlines()[0]
        words = shlex.split(first.partition("INFO raw2fig ")[2])
        for variables in (served, {**served, ADDRESS: ""}):
            if log.endswith("pretrain"):  # Snakemake removes the old folders before a job
                after = words[words.index("--models") + 1 :]
                for place in itertools.takewhile(lambda word: not word.startswith("--"), after):
                    shutil.rmtree(folder / place)
            subprocess.run(["raw2fig", *words], cwd=folder, env=variables, check=True, capture_output=True)
            assert contents(results) == made


def test_nothing_that_could_break_a_fork_runs_in_the_server(served: dict[str, str]) -> None:
    """But for jemalloc's thread, which is made for forks; and the server ends with the run."""
    found = servers(served[ADDRESS])
    assert found
    for path in found:
        names = [_read(task / "comm").strip() for task in (path.parent / "task").iterdir()]
        assert set(names[1:]) <= {"jemalloc_bg_thd"}


def servers(name: str) -> list[Path]:
    """Processes with the name of this server in their command line."""
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if name in _read(path)]


def test_the_server_ends_with_its_run() -> None:
    with server.server():
        name = os.environ[ADDRESS]
        assert within(10, lambda: bool(servers(name)))
    assert ADDRESS not in os.environ
    assert not servers(name)


def test_a_killed_run_leaves_no_server_and_no_file(tmp_path: Path) -> None:
    code = "import os, time; from raw2fig.warm import client, server\nwith server.server():\n"
    code += "    print(os.environ[client.ADDRESS], flush=True); time.sleep(1000)"
    variables = {**os.environ, "TMPDIR": str(tmp_path)}
    pipe, said = subprocess.PIPE, tmp_path / "said"
    with said.open("w") as errors:
        run = subprocess.Popen([sys.executable, "-c", code], env=variables, stdout=pipe, stderr=errors, text=True)
    with run:
        assert run.stdout
        name = run.stdout.readline().strip()
        run.kill()
    assert name.startswith("raw2fig-")
    assert within(240, lambda: not servers(name))  # once it has imported everything
    assert "Traceback" not in said.read_text()
    assert not list(tmp_path.glob("*raw2fig*"))


def test_somebody_elses_steps_are_not_run(served: dict[str, str], folder: Path, tmp_path: Path) -> None:
    """An abstract socket has no permissions: whoever is on the machine finds it."""
    if os.getuid():
        pytest.skip("needs root, to become somebody else")
    request = f"connection = socket.socket(socket.AF_UNIX); connection.connect({chr(0) + served[ADDRESS]!r})"
    code = f"import socket; {request}; print(connection.recv(4))"
    for user, answer in ((65534, "b''\n"), (0, None)):
        asked = subprocess.Popen(
            ["/usr/bin/python3", "-c", code], user=user, cwd="/", env={}, stdout=subprocess.PIPE, text=True
        )
        if answer is None:  # the server waits for the request
            with pytest.raises(subprocess.TimeoutExpired):
                asked.communicate(timeout=0.5)
            asked.kill()
            asked.communicate()
        else:
            assert asked.communicate()[0] == answer


def test_a_server_of_somebody_else_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be handed the environment and the files of the step."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv(ADDRESS, f"raw2fig-test-{os.getpid()}")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0{os.environ[ADDRESS]}")
        listener.listen()
        monkeypatch.setattr(os, "getuid", lambda: 123456)
        threading.Thread(target=lambda: listener.accept()[0].close()).start()
        assert client.delegate(["probe", "look"]) is None


def test_a_run_of_many_jobs_has_a_server_until_it_exits(tmp_path: Path) -> None:
    """And a run of few, or one that has a server already, starts none."""
    told = "import os; from raw2fig.warm import client, server; print(os.environ.get(client.ADDRESS))"
    last = told.split("; ")[-1]
    ends = f"server.serve_until_exit(server.WORTHWHILE - 1); {last}; server.serve_until_exit(server.WORTHWHILE)"
    code = f"{told}; {ends}; {last}"
    bare = {name: text for name, text in os.environ.items() if name != ADDRESS}
    before, few, name = subprocess.check_output([sys.executable, "-c", code], env=bare, text=True).split()
    assert (before, few) == ("None", "None")
    assert within(10, lambda: not servers(name))
    served = subprocess.check_output([sys.executable, "-c", code], env={**bare, ADDRESS: "there"}, text=True)
    assert served.split() == ["there"] * 3


def test_libraries_are_named_by_the_packages_that_need_them(tmp_path: Path) -> None:
    for name, text in (("a", "WARM = ('json', 'numpy')"), ("b/c", "'A paper.'\nWARM = (\n'json:loads',)"), ("d", "")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "__init__.py").write_text(text)
    assert server.libraries(tmp_path) == [*server.LIBRARIES, "json", "json:loads"]
    named = server.libraries()
    assert {"torch", "trl:GRPOTrainer", "anndata", "statsmodels.api"} <= set(named)
    for library in named:
        assert find_spec(library.partition(":")[0]), library


def test_the_client_imports_next_to_nothing() -> None:
    code = "import sys; before = set(sys.modules); import raw2fig.warm.client; print(*set(sys.modules) - before)"
    imported = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert "raw2fig.warm.client" in imported
    assert not {"json", "socket", "subprocess", "signal", "raw2fig.cli", "raw2fig.warm.server"} & set(imported)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""

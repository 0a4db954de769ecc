"""The bubblewrap sandbox of inspect-ai: inspect's own checks, attacks inside an evaluation, what both leave out."""

import ast
import errno
import multiprocessing
import os
import re
import socket
import struct
import subprocess
import sys
import tomllib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import inspect_ai
import pytest
from inspect_ai._util.error import PrerequisiteError
from inspect_ai.dataset import Sample
from inspect_ai.model import ChatMessage, GenerateConfig, ModelAPI, ModelOutput, ModelUsage, get_model, modelapi
from inspect_ai.scorer import Score, Scorer, Target, accuracy, scorer
from inspect_ai.solver import TaskState, generate, use_tools
from inspect_ai.tool import Tool, tool
from inspect_ai.util import (
    ExecResult,
    OutputLimitExceededError,
    SandboxUnavailableError,
    SandboxUserUnsupportedError,
    sandbox,
)
from inspect_ai.util._concurrency import init_concurrency
from inspect_ai.util._sandbox import self_check
from inspect_ai.util._sandbox.limits import override_max_exec_output_size, override_max_read_file_size
from inspect_ai.util._subprocess import max_subprocesses_context_var
from processes import within

from raw2fig.sandbox import inspect_provider as provider
from raw2fig.sandbox.inspect_provider import BubblewrapSandboxEnvironment as Sandbox

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
CANARY = "canary-5f1c"
NOT_PASSED = {
    # one user of the host is one user inside; more need /etc/subuid and newuidmap, which clusters often lack
    "test_exec_as_user": pytest.mark.xfail(raises=SandboxUserUnsupportedError, strict=True),
}
CHECKS = [pytest.param(name, marks=NOT_PASSED.get(name, ())) for name in self_check.__all__]


@pytest.fixture(scope="module", autouse=True)
def a_machine_with_sandboxes() -> None:
    try:
        anyio.run(Sandbox.task_init, "task", None)
    except PrerequisiteError as error:
        pytest.skip(str(error.message))


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the private folders of samples are; none is left when a test ends."""
    (tmp_path / "samples").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "samples"))
    yield tmp_path / "samples"
    assert list((tmp_path / "samples").iterdir()) == []


def in_sandbox(use: Callable[[Sandbox], Awaitable[T]], backend: str = "asyncio") -> T:
    """What `use` makes of the sandbox of a sample."""

    async def sample() -> T:
        environments = await Sandbox.sample_init("task", None, {})
        try:
            return await use(environments["default"].as_type(Sandbox))
        finally:
            await Sandbox.sample_cleanup("task", None, environments, False)

    return anyio.run(sample, backend=backend)


def execute(*cmd: str, **options: Any) -> ExecResult[str]:
    return in_sandbox(lambda box: box.exec(list(cmd), **options))


def python(source: str) -> str:
    """What a Python program prints inside."""
    result = execute("python3", "-c", source)
    assert result.success, result.stderr
    return result.stdout.strip()


def on_this_machine(words: str) -> bool:
    """Whether any process of the machine has these words in its command line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if words.encode() in path.read_bytes():
                return True
        except OSError:
            continue
    return False


@pytest.mark.parametrize("name", CHECKS)
def test_inspects_own_check(name: str) -> None:
    in_sandbox(getattr(self_check, name))


@tool
def shell() -> Tool:
    async def execute(command: str, seconds: int) -> str:
        """Run a command.

        Args:
            command: The command.
            seconds: Its time.
        """
        result = await sandbox().exec(["bash", "-c", command], timeout=seconds)
        return result.stderr + result.stdout

    return execute


@modelapi(name="scripted")
class Scripted(ModelAPI):
    """A model that calls `shell` with one command, and its seconds, after the other."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008
        commands: Sequence[tuple[str, int]] = (),
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        self.commands = commands

    async def generate(self, input: list[ChatMessage], tools: Any, tool_choice: Any, config: Any) -> ModelOutput:
        turn = sum(message.role == "assistant" for message in input)
        if turn == len(self.commands):
            output = ModelOutput.from_content(self.model_name, "done")
        else:
            call = dict(zip(("command", "seconds"), self.commands[turn], strict=True))
            output = ModelOutput.for_tool_call(self.model_name, "shell", call)
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
        return output


@scorer(metrics=[accuracy()])
def nothing_came_of_it() -> Scorer:
    """1 if, seconds after the attacks, nothing has been touched, and the host's file cannot be had through the link."""

    async def score(state: TaskState, target: Target) -> Score:
        await anyio.sleep(3)
        late = await sandbox().exec(["ls", "late"])
        try:
            found = await sandbox().read_file("link")
        except FileNotFoundError:
            found = ""
        return Score(value=float(not late.success and not found), explanation=f"{late.stdout} {found}")

    return score


def test_attacks_of_an_agent_in_an_evaluation(tmp_path: Path, folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_KEY", CANARY)
    (tmp_path / "secret").write_text(CANARY)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        attacks = {
            f"python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 5)'": "Connection refused",
            "python3 -c 'import socket; socket.create_connection((\"192.0.2.1\", 80), 5)'": "unreachable",
            f"cat {tmp_path}/secret": "No such file or directory",
            f"ln -s {tmp_path}/secret link; cat link": "No such file or directory",
            "cat /proc/*/environ | tr '\\0' '\\n'; echo key=$CANARY_KEY": "key=\n",
            "for process in /proc/[0-9]*; do readlink $process/exe; done | grep -c python": "0\n",
            "(sleep 3; touch late) & setsid sh -c 'sleep 3; touch late' & sleep 1000": "timed out",
            "setsid sh -c 'sleep 2; touch late' &": "",
        }
        task = inspect_ai.Task(
            dataset=[Sample(input="attack", files={"given": "a file"}, setup="test -f given && touch ready")],
            solver=[use_tools(shell()), generate()],
            scorer=nothing_came_of_it(),
            sandbox="bubblewrap",
        )
        quiet: dict[str, Any] = {"display": "none", "log_realtime": False, "score_display": False, "ctl_server": False}
        commands = [(command, 2 if "1000" in command else 600) for command in ("ls ready", *attacks)]
        model = get_model("scripted/attacker", commands=commands)
        (log,) = inspect_ai.eval(task, model=model, log_dir=str(tmp_path / "logs"), **quiet)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert log.status == "success"
    (sample,) = log.samples or []
    said = [message for message in sample.messages if message.role == "tool"]
    ready, *answers = [message.error.message if message.error else message.text for message in said]
    assert ready == "ready\n"
    for answer, expected in zip(answers, attacks.values(), strict=True):
        assert expected in answer
        assert CANARY not in answer
    assert sample.scores
    assert sample.scores["nothing_came_of_it"].value == 1, sample.scores


@pytest.mark.parametrize("path", ["link", "../../secret", "/proc/self/root/secret", "folder/secret"])
def test_no_path_leads_to_the_hosts_files(path: str, tmp_path: Path, folders: Path) -> None:
    (folders.parent / "secret").write_text(CANARY)

    async def use(box: Sandbox) -> None:
        await box.exec(["sh", "-c", f"ln -s {tmp_path}/secret link; ln -s {tmp_path} folder"])
        with pytest.raises(FileNotFoundError):
            await box.read_file(path)
        with pytest.raises((FileNotFoundError, PermissionError)):
            await box.write_file(path, "changed")

    in_sandbox(use)
    assert (tmp_path / "secret").read_text() == CANARY
    assert sorted(os.listdir(tmp_path)) == ["samples", "secret"]


def test_only_system_folders_and_this_python_are_visible_and_cannot_be_changed() -> None:
    writable = python(
        "import os\n"
        "print(*sorted(p for p in ('/', '/etc', '/dev', '/usr', '/bin', '/proc/sys', '/workspace', '/tmp', '/dev/shm',"
        f" {provider.PYTHON_HOME!r}) if os.access(p, os.W_OK)))"
    )
    assert writable == "/dev/shm /tmp /workspace"
    assert set(execute("ls", "/").stdout.split()) <= {
        *("bin", "dev", "etc", "lib", "lib64", "proc", "sbin", "tmp", "usr", "workspace"),
        Path(provider.PYTHON_HOME).parts[1],
    }
    assert set(execute("ls", "/etc").stdout.split()) <= {"alternatives", "group", "hosts", "ld.so.cache", "passwd"}
    assert python("import sys; print(sys.executable)").startswith(provider.PYTHON_HOME)
    assert execute("hostname").stdout == "sandbox\n"


def test_a_command_has_no_privileges_and_no_open_files() -> None:
    status = dict(line.split(":\t") for line in python("print(open('/proc/self/status').read())").splitlines())
    assert {status[name] for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0000000000000000"}
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    listed = "import os; os.chdir('/proc/self/fd'); print(*filter(os.path.exists, os.listdir('.')))"
    assert python(listed) == "0 1 2"
    assert set(execute("env").stdout.split("\n")[:-1]) == {
        "PWD=/workspace",
        *(f"{name}={value}" for name, value in provider.ENVIRONMENT.items()),
    }


def test_limits() -> None:
    limits = python(
        "import resource as r; print(*(r.getrlimit(n)[1] for n in (r.RLIMIT_AS, r.RLIMIT_FSIZE, r.RLIMIT_NPROC)))"
    )
    assert limits == f"{8 << 30} {1 << 30} 512"
    assert "MemoryError" in execute("python3", "-c", "bytearray(9 << 30)").stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="the limit on processes does not bind root")
def test_a_fork_bomb_is_held_back() -> None:
    source = "import os, time\ntry:\n    for n in range(600):\n        os.fork() or time.sleep(1000)\n"
    assert 400 < int(python(source + "except BlockingIOError: print(n)")) < 512


NUMBER_OF_KEYCTL = {"x86_64": 250, "aarch64": 219}[os.uname().machine]


@pytest.mark.parametrize(
    ("attempt", "number"),
    [
        ("import socket; socket.socket(40, socket.SOCK_STREAM)", errno.EAFNOSUPPORT),  # AF_VSOCK
        ("import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", errno.EAFNOSUPPORT),
        ("import socket; socket.socketpair(16)", errno.EAFNOSUPPORT),
        ("call(272 if machine == 'x86_64' else 97, 0x10000000)", errno.EPERM),  # unshare
        (f"call({NUMBER_OF_KEYCTL}, 0, -3, 0)", errno.EPERM),
        ("call(425, 1, 0)", errno.EPERM),  # io_uring_setup
        ("call(435, 0, 0)", errno.ENOSYS),  # clone3
    ],
)
def test_refused_system_calls(attempt: str, number: int) -> None:
    source = (
        "import ctypes, os\nmachine = os.uname().machine\nlibrary = ctypes.CDLL(None, use_errno=True)\n"
        "def call(*words):\n    if library.syscall(*words) < 0: raise OSError(ctypes.get_errno(), '')\n"
        f"try:\n    {attempt}\n    print('allowed')\nexcept OSError as error: print(error.errno)"
    )
    assert python(source) == str(number)


def answer_of(program: bytes, number: int, architecture: int, first: int = 0) -> int:
    """What a classic BPF filter answers to a system call, after Documentation/networking/filter.rst."""
    instructions = list(struct.iter_unpack("HBBI", program))
    data, value, place = {0: number, 4: architecture, 16: first}, 0, 0
    while True:
        code, yes, no, operand = instructions[place]
        if code == 0x06:
            return operand
        if code == 0x20:
            value = data[operand]
            place += 1
        else:
            holds = {0x15: value == operand, 0x35: value >= operand, 0x45: bool(value & operand)}[code]
            place += 1 + (yes if holds else no)


HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


@pytest.mark.parametrize("machine", HEADERS)
def test_the_filter_by_the_kernels_own_numbers(machine: str) -> None:
    if not HEADERS[machine].exists():
        pytest.skip(f"the kernel's header {HEADERS[machine]} is not installed (apt-get install linux-libc-dev)")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)$", HEADERS[machine].read_text(), re.MULTILINE)
    numbers = {name: int(number) for name, number in found}
    architecture = {"x86_64": 0x80000000 | 0x40000000 | 62, "aarch64": 0x80000000 | 0x40000000 | 183}[machine]
    program = provider._filter(machine)
    allow, refuse = 0x7FFF0000, 0x00050000

    def answer(name: str, first: int = 0) -> int:
        return answer_of(program, numbers[name], architecture, first)

    refused = {name for name in numbers if name != "clone" and "socket" not in name and answer(name) != allow}
    assert refused == {
        *("unshare", "setns", "add_key", "request_key", "keyctl", "bpf", "perf_event_open", "userfaultfd"),
        *("open_by_handle_at", "io_uring_setup", "io_uring_enter", "io_uring_register", "clone3"),
    }
    assert {answer(name) - refuse for name in refused - {"clone3"}} == {errno.EPERM}
    assert answer("clone3") == refuse + errno.ENOSYS
    for call in ("socket", "socketpair"):
        assert {family for family in range(64) if answer(call, family) == allow} == {
            socket.AF_UNIX,
            socket.AF_INET,
            socket.AF_INET6,
        }
    threads, a_process = 0x3D0F00, 0x1200011
    assert answer("clone", threads) == answer("clone", a_process) == allow
    for namespace in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
        assert answer("clone", a_process | namespace) == refuse + errno.EPERM
    assert answer_of(program, numbers["read"], 0x40000003) == refuse + errno.ENOSYS
    assert answer_of(program, numbers["read"] | 0x40000000, architecture) == refuse + errno.ENOSYS


def test_a_timeout_leaves_no_process_and_happens_once() -> None:
    """With what was printed until then. `timeout_retry` is on."""
    mark = f"1000.{os.getpid()}"

    async def use(box: Sandbox) -> str:
        command = f"echo so far; echo once >> runs; sleep {mark} & setsid sleep {mark} & sleep {mark}"
        with pytest.raises(TimeoutError) as caught:
            await box.exec(["sh", "-c", command], timeout=5)
        assert not on_this_machine(mark)
        assert caught.value.truncated_output == "so far\n"  # type: ignore[attr-defined]
        return await box.read_file("runs")

    assert in_sandbox(use) == "once\n"


def test_what_a_command_leaves_in_the_background_ends_with_it() -> None:
    mark = f"1001.{os.getpid()}"

    async def use(box: Sandbox) -> None:
        result = await box.exec(["sh", "-c", f"sleep {mark} & setsid nohup sleep {mark} & echo done"])
        assert not on_this_machine(mark)
        assert result.stdout == "done\n"

    in_sandbox(use)


@pytest.mark.parametrize("closes", ["", "exec >&- 2>&-;"], ids=["", "closed output"])
def test_a_cancelled_command_leaves_no_process(closes: str) -> None:
    mark = f"1002.{os.getpid()}"

    async def use(box: Sandbox) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(box.exec, ["sh", "-c", f"{closes} sleep {mark}; :"])
            while not on_this_machine(f"sleep\0{mark}"):
                await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()
        assert not on_this_machine(mark)

    in_sandbox(use)


def test_sandboxes_die_with_the_evaluation() -> None:
    mark = f"1003.{os.getpid()}"
    box = Sandbox()
    command = (box.exec, ["sh", "-c", f"sleep {mark}; :"])
    evaluation = multiprocessing.get_context("fork").Process(target=anyio.run, args=command)
    evaluation.start()
    assert within(60, lambda: on_this_machine(f"sleep\0{mark}"))
    evaluation.kill()
    evaluation.join()
    assert within(60, lambda: not on_this_machine(mark))
    anyio.run(Sandbox.sample_cleanup, "task", None, {"default": box}, False)


@pytest.mark.parametrize("interrupted", [False, True])
def test_the_folder_goes_with_the_sample(interrupted: bool, tmp_path: Path, folders: Path) -> None:
    """Also what the agent closed to itself, and also when the evaluation is cancelled. What links lead to stays."""
    (tmp_path / "host").mkdir(mode=0o750)

    async def sample() -> None:
        environments = await Sandbox.sample_init("task", None, {})
        command = f"mkdir -p a/b; touch a/b/c; ln -s {tmp_path}/host a/b/host; chmod 000 a/b a . /tmp"
        await environments["default"].exec(["sh", "-c", command])
        assert len(list(folders.iterdir())) == 1
        with anyio.CancelScope() as scope:
            if interrupted:
                scope.cancel()
            await Sandbox.sample_cleanup("task", None, environments, interrupted)

    anyio.run(sample)
    assert (tmp_path / "host").stat().st_mode & 0o777 == 0o750


def test_samples_do_not_see_each_other() -> None:
    async def use(box: Sandbox) -> None:
        for place in provider.PRIVATE.values():
            await box.write_file(f"{place}/mine", "")
        other = Sandbox()
        seen = await other.exec(["ls", *provider.PRIVATE.values()])
        await Sandbox.sample_cleanup("task", None, {"default": other}, False)
        assert seen.success
        assert "mine" not in seen.stdout

    in_sandbox(use)


@pytest.mark.parametrize("stream", [1, 2])
def test_endless_output_is_cut_off(stream: int) -> None:
    with override_max_exec_output_size(1000), pytest.raises(OutputLimitExceededError) as caught:
        execute("sh", "-c", f"yes >&{stream}")
    assert caught.value.truncated_output == "y\n" * 500
    with override_max_exec_output_size(1000):
        assert execute("sh", "-c", f"yes | head -n 500 >&{stream}; exit 3").returncode == 3


def test_files_of_every_kind() -> None:
    async def use(box: Sandbox) -> None:
        for name in ("-n", "-", "a\nb", "$(touch x)", "über/π"):
            await box.write_file(name, "one\r\ntwo\n")
            assert await box.read_file(name) == "one\r\ntwo\n"
        await box.write_file("bytes", b"\xff")
        with pytest.raises(UnicodeDecodeError):
            await box.read_file("bytes")
        script = "ln -s /dev/zero zero; ln -s loop loop; mkdir shut; touch shut/file; chmod 000 shut"
        assert (await box.exec(["sh", "-c", script])).success
        for name, error in {
            "zero": OutputLimitExceededError,
            "loop": FileNotFoundError,
            "bytes/below": FileNotFoundError,
            "x" * 300: FileNotFoundError,
            "shut/file": PermissionError,
            ".": IsADirectoryError,
        }.items():
            with override_max_read_file_size(1 << 16), pytest.raises(error):
                await box.read_file(name)
        for name, error in {
            "shut/file": PermissionError,
            "/usr/new": PermissionError,
            "/new/file": PermissionError,
            "bytes/below": PermissionError,
            "shut": IsADirectoryError,
        }.items():
            with pytest.raises(error):
                await box.write_file(name, "contents")

    in_sandbox(use)


def test_a_named_pipe_does_not_hold_up_the_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider, "FILE_SECONDS", 1)

    async def use(box: Sandbox) -> None:
        await box.exec(["mkfifo", "pipe"])
        with pytest.raises(TimeoutError):
            await box.read_file("pipe")
        with pytest.raises(TimeoutError):
            await box.write_file("pipe", "contents")

    in_sandbox(use)


def test_only_the_sandboxes_user_can_be_asked_for() -> None:
    for user in (None, "agent", "1000"):
        assert execute("whoami", user=user).stdout == "agent\n"
    with pytest.raises(SandboxUserUnsupportedError):
        execute("whoami", user="root")


def test_a_working_directory_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        execute("pwd", cwd="nowhere")
    assert execute("pwd", cwd="../tmp").stdout == "/tmp\n"
    assert execute("pwd").stdout == "/workspace\n"


def test_a_program_that_is_missing_or_called_with_too_much_is_a_failed_command() -> None:
    assert execute("no-such-program").returncode == 127
    assert execute("echo", "x" * (1 << 18)).returncode == 126


@pytest.mark.parametrize("where", ["env", "cwd"])
def test_no_option_of_bubblewrap_can_be_smuggled_in(where: str) -> None:
    smuggled = "x\0--bind\0/\0/tmp"
    with pytest.raises(ValueError, match="embedded null byte"):
        execute("true", **{where: {"A": smuggled} if where == "env" else smuggled})


def test_variables_are_not_in_the_machines_list_of_processes() -> None:
    mark = f"1004.{os.getpid()}"

    async def use(box: Sandbox) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(partial(box.exec, ["sleep", mark], env={"TOKEN": CANARY}))
            while not on_this_machine(f"sleep\0{mark}"):
                await anyio.sleep(0.05)
            assert not on_this_machine(CANARY)
            tasks.cancel_scope.cancel()

    in_sandbox(use)


@pytest.mark.parametrize("concurrency", [True, False])
def test_commands_wait_for_a_slot_if_asked_to(concurrency: bool) -> None:
    """There is one. Without waiting, each of two commands lasts until the other has begun."""

    async def use(box: Sandbox) -> list[str]:
        wait = "sleep 1" if concurrency else "until [ $(grep -c begin order) = 2 ]; do sleep 0.1; done"
        command = ["sh", "-c", f"echo begin >> order; {wait}; echo end >> order"]
        async with anyio.create_task_group() as tasks:
            for _ in range(2):
                tasks.start_soon(partial(box.exec, command, timeout=120, concurrency=concurrency))
        return (await box.read_file("order")).split()

    token = max_subprocesses_context_var.set(1)
    init_concurrency()
    try:
        order = in_sandbox(use)
    finally:
        max_subprocesses_context_var.reset(token)
        init_concurrency()
    assert order == (["begin", "end"] * 2 if concurrency else ["begin"] * 2 + ["end"] * 2)


@pytest.mark.parametrize(
    "bwrap", [None, "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2; false\n"]
)
def test_a_machine_without_sandboxes_says_what_is_missing(
    bwrap: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    if bwrap:
        (tmp_path / "bin/bwrap").write_text(bwrap)
        (tmp_path / "bin/bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    expected = "No permissions to create new namespace; install" if bwrap else "bwrap is not installed; install"
    with pytest.raises(SandboxUnavailableError, match=expected):
        execute("true")
    with pytest.raises(PrerequisiteError) as caught:
        anyio.run(Sandbox.task_init, "task", None)
    assert expected in str(caught.value.message)
    assert "apt-get install bubblewrap" in str(caught.value.message)


def test_a_configuration_is_refused_rather_than_ignored() -> None:
    with pytest.raises(PrerequisiteError):
        anyio.run(Sandbox.task_init, "task", "compose.yaml")


def test_a_machine_without_a_filter_runs_nothing() -> None:
    with pytest.raises(SandboxUnavailableError, match="riscv64"):
        provider._filter("riscv64")


def test_inspect_finds_the_sandbox_by_the_entry_point(tmp_path: Path) -> None:
    """As installed: the project's entry points in the metadata of a package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    ((name, value),) = project["entry-points"]["inspect_ai"].items()
    metadata = tmp_path / "found-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: found\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[inspect_ai]\n{name} = {value}\n")
    code = (
        "from inspect_ai.util._sandbox.registry import registry_find_sandboxenv\n"
        "print(registry_find_sandboxenv('bubblewrap').__name__)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}/workflow:{os.environ.get('PYTHONPATH', '')}"}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "BubblewrapSandboxEnvironment\n"


def test_a_further_folder_can_be_read_and_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given/file").write_text("here\n")
    box = Sandbox({str(tmp_path / "given"): "/environment"})

    async def use() -> ExecResult[str]:
        try:
            return await box.exec(["sh", "-c", "cat /environment/file; echo > /environment/file"])
        finally:
            await Sandbox.sample_cleanup("task", None, {"default": box}, False)

    result = anyio.run(use)
    assert result.stdout == "here\n"
    assert "Read-only file system" in result.stderr


def test_a_copy_of_the_file_is_enough() -> None:
    imports = [node for node in ast.walk(ast.parse(Path(provider.__file__).read_text())) if hasattr(node, "names")]
    names = {getattr(node, "module", None) or node.names[0].name for node in imports}
    assert {name.partition(".")[0] for name in names} <= {*sys.stdlib_module_names, "anyio", "inspect_ai"}

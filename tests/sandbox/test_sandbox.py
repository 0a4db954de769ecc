"""Untrusted programs: what they may not see, do, or leave behind, in both ways of isolating them."""

import errno
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from raw2fig.errors import InputError
from raw2fig.sandbox import launcher, program
from raw2fig.sandbox.isolation import PYTHON_HOME, WAYS, unshare
from raw2fig.sandbox.program import Limits, Outcome, Way, run_in, run_program, usable_way, why_not

Run = Callable[..., Outcome]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def way(request: pytest.FixtureRequest) -> Way:
    """Each way of isolating programs. Skips where it does not work, with what it says."""
    failure = why_not(request.param)
    if failure:
        pytest.skip(f"no isolation by {request.param.__name__} here: {failure}")
    return request.param


@pytest.fixture
def run(way: Way) -> Run:
    """Run a program. Limits of time are short only where a program is to run into them: slow machines pass too."""

    def run(source: str, stdin: str = "", limits: Limits = Limits()) -> Outcome:  # noqa: B008
        return run_in(way, source, stdin, limits)

    return run


def marked(limits: Limits) -> Limits:
    """Limits that no other run has: their number is in the command line of all processes of the run."""
    return limits._replace(memory_bytes=(1 << 30) + os.getpid() * 4096 + 1)


def processes_of(limits: Limits) -> list[int]:
    """Processes, of all namespaces, that a run with these limits has left."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(limits.memory_bytes).encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def gone(limits: Limits) -> bool:
    """Whether no process is left of a run, after the kernel has had the time to end them."""
    for _ in range(100):
        if not processes_of(limits):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(
    "source",
    [
        "while True: pass",
        "import time; time.sleep(1000)",
        "import os\nos.setsid()\nwhile True: pass",
        "import signal\nfor number in range(1, 65):\n    try: signal.signal(number, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\nsignal.pause()",
        "import threading\nthreading.Thread(target=lambda: [None for _ in iter(int, 1)]).start()",
        "sum(range(10**15))",
    ],
    ids=["busy", "asleep", "own session", "ignores signals", "thread", "inside C"],
)
def test_check_16_an_endless_program_ends_and_leaves_no_process(source: str, run: Run) -> None:
    limits = marked(Limits(cpu_seconds=1, wall_seconds=2.0))
    assert run(source, limits=limits).status == "timeout"
    assert gone(limits)


def test_what_computes_is_stopped_by_its_cpu_time(run: Run) -> None:
    source = "import time\nnext_ = 0\nwhile True:\n    if (now := time.process_time()) > next_:\n"
    source += "        print(now, flush=True)\n        next_ = now + 0.05"
    outcome = run(source, limits=Limits(cpu_seconds=1, wall_seconds=20.0))
    assert outcome.status == "timeout"
    # the kernel counts the limit in ticks, the program its own time: on a busy machine they differ by some tenths
    assert 0.4 < float(outcome.stdout.split()[-1]) < 3.0


def test_a_program_dies_with_its_caller(way: Way) -> None:
    limits = marked(Limits(cpu_seconds=100, wall_seconds=1000.0))
    code = (
        "from raw2fig.sandbox import isolation\nfrom raw2fig.sandbox.program import Limits, run_in\n"
        f"run_in(isolation.{way.__name__}, 'import time; time.sleep(1000)', '', Limits{tuple(limits)})"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as caller:
        while len(processes_of(limits)) < 2 and caller.poll() is None:
            time.sleep(0.05)
        assert caller.poll() is None
        caller.kill()
    assert gone(limits)


def test_a_program_whose_caller_died_before_it_began_does_not_begin(way: Way, tmp_path: Path) -> None:
    """Nothing has asked the kernel yet to end it with its caller."""
    limits = marked(Limits(cpu_seconds=100, wall_seconds=1000.0))
    code = (
        "from raw2fig.sandbox import isolation\nfrom raw2fig.sandbox.program import Limits, run_in\n"
        f"def slowly(command): return ['sh', '-c', 'touch {tmp_path}/began; sleep 1; exec \"$@\"', 'sh', "
        f"*isolation.{way.__name__}(command)]\n"
        f"run_in(slowly, 'import time; time.sleep(1000)', '', Limits{tuple(limits)})"
    )
    with subprocess.Popen([sys.executable, "-c", code]) as caller:
        while not (tmp_path / "began").exists() and caller.poll() is None:
            time.sleep(0.01)
        assert caller.poll() is None
        caller.kill()
    assert processes_of(limits)
    assert gone(limits)


@pytest.mark.parametrize(
    "source",
    ["x = bytearray(10**10)", "x = []\nwhile True: x.append(bytearray(10**7))", "x = [0]\nwhile True: x += x"],
)
def test_check_16_a_memory_bomb_fails(source: str, run: Run) -> None:
    limits = Limits(memory_bytes=1 << 28)
    assert run(source, limits=limits).status == "memory"
    assert run("x = bytearray(10**8)", limits=limits).status == "finished"
    assert run("x = bytearray(10**8)", limits=limits._replace(memory_bytes=10**8)).status == "memory"


def test_check_16_output_is_capped(run: Run) -> None:
    limits = Limits(output_bytes=10_000)
    flood = "import sys\nwhile True: print('a' * 999, file=sys.{}, flush=True)"
    assert run(flood.format("stdout"), limits=limits)[:2] == ("error", ("a" * 999 + "\n") * 10)
    assert len(run(flood.format("stderr"), limits=limits).stderr) == 10_000
    stubborn = "import os\nwhile True:\n    try: os.write(1, b'a' * 999)\n    except OSError: pass"
    assert run(stubborn, limits=limits._replace(cpu_seconds=1))[:2] == ("timeout", "a" * 10_000)
    assert run("print('a' * 9_999)", limits=limits) == ("finished", "a" * 9_999 + "\n", "")


def test_check_16_a_program_has_threads_and_no_processes(run: Run) -> None:
    tried = """
import ctypes, errno, os, multiprocessing, subprocess, threading
libc = ctypes.CDLL(None, use_errno=True)
for make in (
    os.fork,
    lambda: subprocess.run(["/bin/true"]),
    lambda: os.posix_spawn("/bin/true", ["true"], {}),
    lambda: multiprocessing.get_context("fork").Process(target=print).start(),
):
    try:
        make()
        print("made one")
    except OSError as error:
        print(errno.errorcode[error.errno])
threads = [threading.Thread(target=print, args=("thread",)) for _ in range(3)]
for thread in threads:
    thread.start()
    thread.join()
"""
    assert run(tried) == ("finished", "EPERM\n" * 4 + "thread\n" * 3, "")
    bomb = "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()"
    limits = marked(Limits())
    outcome = run(bomb, limits=limits)
    assert outcome.status in ("error", "memory", "killed")
    assert gone(limits)


HEADERS = {
    "x86_64": "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
    "aarch64": "/usr/include/asm-generic/unistd.h",
}


@pytest.mark.parametrize("machine", HEADERS)
def test_numbers_of_system_calls_are_those_of_the_kernels_headers(machine: str) -> None:
    header = Path(HEADERS[machine])
    if not header.exists():
        pytest.skip(f"needs {header}")
    numbers = {name: int(n) for name, n in re.findall(r"#define __NR_(\w+)\s+(\d+)", header.read_text())}
    named = {**launcher.DENIED, **launcher.SOCKETS, "clone": launcher.CLONE, "clone3": (launcher.CLONE3,) * 2}
    column = list(launcher.ARCHITECTURES).index(machine)
    assert {name: of_each[column] for name, of_each in named.items()} == {name: numbers.get(name) for name in named}


def answer_of(program: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What a filter answers to a call, by the rules of classic BPF (linux/filter.h): so that each architecture's can be
    checked on any machine."""
    seen = struct.pack("=IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    instructions, at, word = list(struct.iter_unpack("=HBBI", program)), 0, 0
    while True:
        code, if_true, if_false, k = instructions[at]
        at += 1
        if code == 0x20:  # BPF_LD | BPF_W | BPF_ABS
            (word,) = struct.unpack_from("=I", seen, k)
        elif code == 0x06:  # BPF_RET | BPF_K
            return int(k)
        else:  # BPF_JMP | BPF_JEQ, BPF_JGE, BPF_JSET
            at += if_true if {0x15: word == k, 0x35: word >= k, 0x45: word & k != 0}[code] else if_false


@pytest.mark.parametrize("machine", launcher.ARCHITECTURES)
def test_the_filter_answers_every_call_of_each_architecture_as_meant(machine: str) -> None:
    column = list(launcher.ARCHITECTURES).index(machine)
    architecture, clone = launcher.ARCHITECTURES[machine], launcher.CLONE[column]
    sockets = [numbers[column] for numbers in launcher.SOCKETS.values()]
    denied = {numbers[column] for numbers in launcher.DENIED.values()}
    program = launcher.system_call_filter(machine)
    allow, refuse, kill = 0x7FFF0000, 0x00050000, 0x80000000  # SECCOMP_RET_ALLOW, _ERRNO, _KILL_PROCESS
    for number in range(600):
        meant = allow
        if number in {*denied, clone}:
            meant = refuse + errno.EPERM
        elif number == launcher.CLONE3:
            meant = refuse + errno.ENOSYS
        elif number in sockets:  # of family 0
            meant = refuse + errno.EAFNOSUPPORT
        assert answer_of(program, architecture, number) == meant, number
    thread = 0x3D0F00  # the flags of pthread_create
    assert answer_of(program, architecture, clone, thread) == allow
    assert answer_of(program, architecture, clone, thread & ~0x10000) == refuse + errno.EPERM
    for family in range(60):
        meant = allow if family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6) else refuse + errno.EAFNOSUPPORT
        assert {answer_of(program, architecture, call, family, 1) for call in sockets} == {meant}, family
    assert answer_of(program, architecture, 0x40000000 + clone, thread) == kill
    assert answer_of(program, architecture ^ 0x80000000, 1) == kill


CALL = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    ctypes.set_errno(0)
    libc.syscall(*map(ctypes.c_long, arguments))
    return errno.errorcode.get(ctypes.get_errno())
"""
"""What a program begins with that makes system calls by their numbers."""


def test_denied_system_calls_fail_and_others_do_not(run: Run) -> None:
    column = list(launcher.ARCHITECTURES).index(os.uname().machine)
    denied = {name: numbers[column] for name, numbers in launcher.DENIED.items() if numbers[column] is not None}
    calls = f"""{CALL}
print({{name: call(number, 0, 0, 0, 0, 0) for name, number in {denied}.items()}})
print(call({launcher.CLONE3}, 0, 0), call({launcher.CLONE[column]}, 17, 0, 0, 0, 0), call(9999), libc.getpid() > 0)
"""
    assert run(calls) == ("finished", f"{dict.fromkeys(denied, 'EPERM')}\nENOSYS EPERM ENOSYS True\n", "")


def test_a_program_has_sockets_of_the_common_families_only(run: Run) -> None:
    column = list(launcher.ARCHITECTURES).index(os.uname().machine)
    one, two = (numbers[column] for numbers in launcher.SOCKETS.values())
    tried = f"""{CALL}
pair = (ctypes.c_int * 2)()
for kind in (1, 2, 3, 5):
    for make in {one, two}:
        calls = ((family, call(make, family, kind, 0, ctypes.addressof(pair))) for family in range(64))
        print(*(family for family, failure in calls if failure != "EAFNOSUPPORT"))
print(call({one}, {socket.AF_INET}, 2, 0), call({two}, {socket.AF_UNIX}, 1, 0, ctypes.addressof(pair)))
"""
    outcome = run(tried)
    assert outcome.stdout.endswith("None None\n")
    assert set(map(int, outcome.stdout.split()[:-2])) <= {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6}


def test_io_uring_makes_no_socket_either(run: Run) -> None:
    """It has the kernel make the call that the filter denies: here a socket of AF_VSOCK, as whoever attacked it did.
    Outside of the sandbox the same program gets one, unless this machine has no io_uring."""
    source = f"""
import ctypes, mmap, os, struct
libc = ctypes.CDLL(None, use_errno=True)
parameters = ctypes.create_string_buffer(120)  # struct io_uring_params
ring = libc.syscall(425, 1, parameters)
if ring < 0:
    print("refused", ctypes.get_errno())
    raise SystemExit
head, tail, mask, entries, flags, dropped, array = struct.unpack_from("7I", parameters, 40)
queue = mmap.mmap(ring, array + 4, offset=0)
work = mmap.mmap(ring, 64, offset=0x10000000)
done = mmap.mmap(ring, 4096, offset=0x8000000)
work[:32] = struct.pack("=BBHiQQII", 45, 0, 0, {int(socket.AF_VSOCK)}, 1, 0, 0, 0)  # IORING_OP_SOCKET, SOCK_STREAM
queue[array : array + 4] = bytes(4)
queue[tail : tail + 4] = struct.pack("I", 1)
libc.syscall(426, ring, 1, 1, 1, None, 0)
entries = struct.unpack_from("10I", parameters, 80)[5]
print("answered", struct.unpack_from("=Qi", done, entries)[1])
"""
    assert run(source) == ("finished", f"refused {errno.EPERM}\n", "")
    outside = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert outside.stdout.startswith(("answered", "refused")), outside.stderr


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="only x86-64 has other numbers for the same calls")
@pytest.mark.parametrize("bits", ["x32", "32 bits"])
def test_the_other_numbers_of_system_calls_end_a_program(bits: str, run: Run) -> None:
    """Of getpid: by the x32 numbers, and by the interrupt of 32-bit programs, in machine code."""
    by_number = f"{CALL}\ncall(0x40000000 + 39)"
    by_interrupt = """
import ctypes, mmap
memory = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
memory.write(bytes.fromhex("b814000000" "cd80" "c3"))  # mov eax, 20; int 0x80; ret
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))()
"""
    assert run(f"{by_number if bits == 'x32' else by_interrupt}\nprint('went on')")[:2] == ("killed", "")


def test_check_16_the_network_is_blocked(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(socket.AF_UNIX) as local:
        name = f"raw2fig-{os.getpid()}"
        local.bind(f"\0{name}")
        local.listen()
        connect = f"""
import socket
for family, address in (
    (socket.AF_INET, ("127.0.0.1", {server.getsockname()[1]})),
    (socket.AF_INET, ("192.0.2.1", 80)),
    (socket.AF_UNIX, "\\0{name}"),
):
    with socket.socket(family) as one:
        one.settimeout(1)
        try:
            one.connect(address)
            print("connected")
        except OSError as error:
            print(type(error).__name__)
"""
        outcome = run(connect)
        assert (outcome.status, outcome.stdout.count("connected"), outcome.stdout.count("\n")) == ("finished", 0, 3)
        with socket.create_connection(server.getsockname()):  # which anybody outside can
            pass


def test_files_of_the_user_are_out_of_sight(run: Run, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret")
    paths = [str(secret), str(Path(__file__)), str(Path.home()), "/etc/passwd", "/proc/self/environ", "/sys", "/var"]
    look = f"""
import os
for path in {paths}:
    try:
        print(os.listdir(path) if os.path.isdir(path) else open(path).read())
    except FileNotFoundError:
        print("nothing")
print(sorted(os.listdir("/")), os.listdir("/tmp"), os.listdir("/dev"))
"""
    lines = run(look).stdout.splitlines()
    below_home = {path.name for path in Path.home().iterdir()}
    for path, line in zip(paths, lines, strict=False):
        if path == str(Path.home()) and Path(PYTHON_HOME).is_relative_to(path):
            assert line == str([Path(PYTHON_HOME).relative_to(path).parts[0]])
        else:
            assert line == "nothing", path
    assert len(lines) == len(paths) + 1
    assert "['program.py'] ['null']" in lines[-1]
    assert not below_home & set(lines[-1])


def test_writing_outside_of_its_folder_is_refused_and_nothing_stays(run: Run, tmp_path: Path) -> None:
    name = f"raw2fig-{os.getpid()}"
    places = ["/", "/usr", "/usr/bin", "/dev", PYTHON_HOME, str(tmp_path)]
    write = f"""
import os
for place in {places}:
    try:
        open(os.path.join(place, "{name}"), "w")
        print("written", place)
    except OSError as error:
        print(type(error).__name__, error.errno)
print(os.path.exists("/tmp/{name}"), os.getcwd())
open("/tmp/{name}", "w").write("mine")
print(open("{name}").read())
"""
    outcome = run(write)
    assert outcome.stdout.count("written") == 0
    assert outcome.stdout.endswith("False /tmp\nmine\n")
    assert outcome == run(write)
    assert not [place for place in [*places, "/tmp", tempfile.gettempdir()] if (Path(place) / name).exists()]


def test_a_further_folder_can_be_read_where_it_is_put_and_not_written_to(way: Way, tmp_path: Path) -> None:
    place = tmp_path / "it's a folder"
    place.mkdir()
    (place / "note").write_text("hello")
    program = """
import os
print(open("/further/place/note").read(), os.path.exists("/further/place/new"))
for path in ("/further/place/new", "/further/place/note", "/further/new"):
    try:
        open(path, "w")
    except OSError:
        print("refused")
"""
    further = partial(way, folders={str(place): "/further/place"})
    outcome = run_in(further, program, "", Limits())
    assert outcome.stdout == "hello False\nrefused\nrefused\nrefused\n", outcome
    assert (place / "note").read_text() == "hello"
    assert [path.name for path in place.iterdir()] == ["note"]


def test_its_folder_has_a_size(run: Run) -> None:
    fill = "n = 0\nwhile True:\n    open(f'/tmp/{n}', 'wb').write(bytes(10**6))\n    n += 1"
    outcome = run(fill)
    assert "No space left on device" in outcome.stderr


def test_neither_environment_nor_files_are_inherited(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAW2FIG_SECRET", "the secret")
    with tempfile.TemporaryFile() as open_file:
        os.set_inheritable(open_file.fileno(), True)
        told = run(
            "import os, sys\nprint(dict(os.environ), sys.argv, sys.path)\n"
            "for number in range(3, 64):\n    try: print(number, os.fstat(number))\n    except OSError: pass"
        ).stdout
    assert "SECRET" not in told
    assert str(Path.cwd()) not in told
    assert "site-packages" not in told
    assert told.count("\n") == 1


def test_processes_outside_are_out_of_reach(run: Run) -> None:
    """One process of this test alone is aimed at: were the isolation broken, any wider shot would hit the machine."""
    with subprocess.Popen(["sleep", "1000"]) as other:
        try:
            assert run(f"import os\nos.kill({other.pid}, 9)").status != "finished"
            assert other.poll() is None
        finally:
            other.kill()


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("print(1)", "finished"),
        ("exit()", "finished"),
        ("import sys; sys.exit(0)", "finished"),
        ("quit(3)", "error"),
        ("import os; os._exit(1)", "error"),
        ("1 / 0", "error"),
        ("def f(:", "error"),
        ("'\0'", "error"),
        ("raise MemoryError", "memory"),
        ("import os; os.kill(os.getpid(), 9)", "killed"),
        ("import os; os.abort()", "killed"),
        ("import ctypes; ctypes.string_at(0)", "killed"),
    ],
)
def test_how_a_program_ended(source: str, status: str, run: Run) -> None:
    assert run(source).status == status


def test_a_traceback_is_that_of_the_program_alone(run: Run, tmp_path: Path) -> None:
    source = "import dataclasses\ndef f(x):\n    return 1 / x\n\nif __name__ == '__main__':\n    f(0)\n"
    (tmp_path / "program.py").write_text(source)
    plain = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True)
    assert run(source).stderr == plain.stderr.replace(f"{tmp_path}/", "")


def test_check_16_the_same_program_gives_the_same_result(way: Way, run: Run) -> None:
    source = "print({str(n) for n in range(100)}, hash('a'), input(), len(str(9**9999)))\nraise ValueError('x')"
    outcome = run(source, "é \ud800")
    assert outcome == run(source, "é \ud800")
    assert outcome.status == "error"
    assert "é ?" in outcome.stdout
    assert outcome == run_program(source, "é \ud800")  # in whichever way that is


def test_programs_run_side_by_side(run: Run) -> None:
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda n: run("print(int(input()) ** 2)", str(n)), range(18)))
    assert [int(outcome.stdout) for outcome in outcomes] == [n**2 for n in range(18)]


def test_without_isolation_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused(command: list[str]) -> list[str]:
        return ["sh", "-c", "echo first >&2; echo no namespaces for you >&2; exit 1"]

    def missing(command: list[str]) -> list[str]:
        return [str(tmp_path / "bwrap")]

    usable_way.cache_clear()
    monkeypatch.setattr(program, "WAYS", (refused, missing))
    with pytest.raises(InputError) as error:
        run_program(f"open({str(tmp_path / 'ran')!r}, 'w')")
    text = str(error.value)
    assert "(refused: no namespaces for you; missing: [Errno 2]" in text
    assert "apt-get install bubblewrap" in text
    assert "\n" not in text
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    usable_way.cache_clear()


def test_without_bubblewrap_unshare_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    if why_not(unshare):
        pytest.skip(f"no isolation by unshare here: {why_not(unshare)}")
    usable_way.cache_clear()
    monkeypatch.setattr(program, "WAYS", (lambda command: ["/nowhere/bwrap", *command], unshare))
    monkeypatch.setattr(program.WAYS[0], "__name__", "bubblewrap")
    assert usable_way() is unshare
    assert run_program("print(1)").stdout == "1\n"
    monkeypatch.undo()
    usable_way.cache_clear()


@pytest.mark.parametrize("source", ["print(1)", ""])
def test_a_sandbox_that_does_not_start_is_no_verdict_on_the_program(source: str) -> None:
    with pytest.raises(RuntimeError, match="did not start"):
        run_in(lambda command: ["true"], source, "", Limits())


@pytest.mark.parametrize(
    ("sound", "leaky", "told"),
    [
        ("--net", "--uts", "there is a network"),
        ("mount -o remount,bind,ro", "true", "can be written to"),
        ("'/usr'", "'/usr' '/etc'", "/etc can be seen"),
    ],
)
def test_isolation_that_leaks_is_not_used(sound: str, leaky: str, told: str) -> None:
    if why_not(unshare):
        pytest.skip(f"no isolation by unshare here: {why_not(unshare)}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        if sound == "--net" and probe.connect_ex(("192.0.2.1", 9)):
            pytest.skip("this machine has no network either")
    assert told in (why_not(lambda command: [word.replace(sound, leaky) for word in unshare(command)]) or "")


def test_an_empty_program_finishes(run: Run) -> None:
    assert run("") == ("finished", "", "")


def test_an_ordinary_user_has_the_same_isolation() -> None:
    package = Path(program.__file__).parents[2]
    python = "/usr/bin/python3"
    user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--"]
    told = "import sys, raw2fig.sandbox.program; print(sys.version_info >= (3, 11))"
    there = {"PYTHONPATH": str(package), "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    if os.getuid() or not Path(python).exists():
        pytest.skip("needs root, to become somebody else, and a Python in /usr/bin")
    able = subprocess.run([*user, python, "-c", told], env=there, cwd="/", capture_output=True, text=True)
    if able.stdout != "True\n":
        pytest.skip(f"another user cannot import the package here: {able.stderr.strip().rpartition(chr(10))[2]}")
    code = """
from raw2fig.sandbox.program import Limits, run_in
from raw2fig.sandbox.isolation import WAYS
bomb = '''
import threading, time
n = 0
try:
    while True:
        threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        n += 1
except RuntimeError:
    print(n)
'''
for way in WAYS:
    try:
        print(run_in(way, "import os; print(os.getuid(), os.path.exists('/etc'))", "", Limits()).status)
    except (OSError, RuntimeError) as error:
        print("skipped", way.__name__, error)
        continue
    outcome = run_in(way, "import threading; threading.stack_size(1 << 16)" + bomb, "", Limits())
    print(outcome)
    assert outcome.status == "finished" and 32 <= int(outcome.stdout) < 64, outcome
"""
    done = subprocess.run([*user, python, "-c", code], env=there, cwd="/", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    if "skipped" in done.stdout:
        pytest.skip(done.stdout)

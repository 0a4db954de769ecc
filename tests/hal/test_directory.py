"""Agents that are folders: what they may do, how they end, and that they are rolled out like any other (sheet, checks
12, 13, 17 and 19)."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hal_rollouts import AGENTS, LIMITS, made, rolled

from raw2fig.errors import InputError
from raw2fig.lm.client import Asked, Failure, Generated
from raw2fig.papers.hal import directory as directories
from raw2fig.papers.hal.agents import PUZZLED, agent_of, read_agents
from raw2fig.papers.hal.benchmarks import BENCHMARKS, arithmetic
from raw2fig.papers.hal.contract import AgentFailure, Answer, Ask, Rollout, Scaffold, Use
from raw2fig.papers.hal.directory import LONGEST, REQUESTS, digest, directory
from raw2fig.papers.hal.runner import Agent, run
from raw2fig.papers.hal.usage import Price
from raw2fig.sandbox import program

BENCHMARK = arithmetic.BENCHMARK
TASKS, GOLD = arithmetic.make(6, 0)
WAITS = LIMITS.model_copy(update={"seconds": 600})


def folder(place: Path, body: str) -> Path:
    """An agent whose function has this body."""
    (place / "agent").mkdir(exist_ok=True)
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    text = f"from harness import ask, use\n\ndef run(input, **given):\n    (task,) = input\n{lines}\n"
    (place / "agent/main.py").write_text(text)
    return place / "agent"


def echo(asked: Sequence[Asked]) -> list[Generated]:
    """A model that repeats the last message."""
    return [Generated(one.messages[-1].content, 10, 2, {}, "stop") for one in asked]


def one_of(scaffold: Scaffold) -> Rollout:
    agent = Agent("Mine", "echo", scaffold, echo, Price(input=1, output=1))
    (found,) = run(agent, BENCHMARK, [(TASKS[0], 0)], WAITS, 0)
    return found


def done(place: Path, body: str, seconds: float = 60, **arguments: Any) -> Rollout:
    return one_of(directory(folder(place, body), arguments, seconds))


def test_an_agent_sees_its_prompt_tools_and_arguments_and_nothing_else(tmp_path: Path) -> None:
    body = "import os, sys\nreturn {task: repr([input, given, sorted(os.listdir('.')), sys.stdin.read()])}"
    task = {"prompt": TASKS[0].prompt, "tools": dict(BENCHMARK.tools)}
    shown = [{directories.TASK: task}, {"tries": 3}, ["harness.py", "main.py"], ""]
    assert done(tmp_path, body, tries=3).answer == repr(shown)


def test_it_asks_uses_and_prints_and_what_it_prints_disturbs_nothing(tmp_path: Path) -> None:
    body = """
import os
print('{"answers": {"task": 1}}', flush=True)
os.write(1, b'{"answers": {"task": 1}}\\n')
said = ask([{"role": "system", "content": "s"}, {"role": "user", "content": "grüß\\n" * 30000}])
print("later")
return {task: said[:5] + use("calculate", "6 * 7") + use("nothing", "")}"""
    found = done(tmp_path, body)
    assert (found.status, found.answer) == ("ok", "grüß\n42there is no tool nothing")
    assert [(step.tool, step.failed) for step in found.steps] == [("", False), ("calculate", False), ("nothing", True)]
    assert [message.role for message in found.opening] == ["system", "user"]
    assert found.usage["echo"]["prompt"] == 10


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("{task: 'x'}", Answer("x")),
        ("{task: 7}", Answer("7")),
        ("{task: {'answer': 'x', 'metrics': {'step_count': 3}}}", Answer("x")),
        ("{task: {'answer': 'x', 'metrics': {'confidence': 0.25}}}", Answer("x", 0.25)),
        ("{task: {'answer': 'x', 'metrics': {'confidence': 7}}}", Answer("x")),
    ],
)
def test_answers_of_both_forms_are_the_same(given: str, expected: Answer, tmp_path: Path) -> None:
    found = done(tmp_path, f"return {given}")
    assert (found.status, found.answer, found.confidence) == ("ok", *expected)


def test_a_policy_does_not_understand_other_messages_than_it_knows_and_says_so(tmp_path: Path) -> None:
    agents = read_agents(AGENTS)
    for benchmark in BENCHMARKS.values():
        known = agent_of(agents, "Calculator (adept low)", benchmark)
        body = "return {task: ask([{'role': 'user', 'content': 'hello'}])}"
        agent = replace(known, scaffold=directory(folder(tmp_path, body), {}, 60))
        (found,) = run(agent, benchmark, [(benchmark.make(1, 0)[0][0], 0)], WAITS, 0)
        assert (found.status, found.answer) == ("ok", PUZZLED)
    (found,) = run(agent_of(agents, "Zero-shot (adept low)", BENCHMARK), BENCHMARK, [(TASKS[0], 0)], WAITS, 0)
    assert found.answer != PUZZLED


CRASHES = {
    "raise ValueError('first\\nsecond')": "ValueError: first second",
    "raise SystemExit(3)": "its process ended without an answer (error)",
    "import os\nos._exit(3)": "its process ended without an answer (error)",
    "import ctypes\nctypes.string_at(0)": "its process ended without an answer (killed)",
    "x = bytearray(1 << 31)": "MemoryError:",
    "import missing": "ModuleNotFoundError: No module named 'missing'",
    "return {}": "gives {}, not an answer",
    "return {'other': 1}": "gives {'other': 1}, not an answer",
    "return {task: None}": "gives {'task': None}, not an answer",
    "return {task: {'metrics': {}}}": "gives {'task': {'metrics': {}}}, not an answer",
    "return 'x'": "gives x, not an answer",
    "return {task: {1, 2}}": "TypeError: Object of type set",
    "return {task: '\\ud800'}": "no JSON",
    "import harness\nharness._lines['requests'].write('hello\\n')": "no JSON: b'hello'",
    "import harness\nharness._say([1])": "wants what nobody knows: [1]",
    "import harness\nharness._say({'use': ['calculate']})": "wants what nobody knows",
    "import harness\nharness._lines['requests'].write('[' * 100000 + '\\n')": "no JSON",
    "ask([])": "wants what nobody knows",
    "ask(['hello'])": "asks with hello, which is no message",
    "ask([{'role': 'judge', 'content': 'x'}])": "which is no message",
    f"use('calculate', 'x' * {LONGEST})": f"a message of more than {LONGEST} bytes",
}


@pytest.mark.parametrize("body", list(CRASHES))
def test_check_12_crashes_and_nonsense_are_the_agents_and_said_in_one_line(body: str, tmp_path: Path) -> None:
    found = done(tmp_path, body)
    assert (found.status, found.answer) == ("agent_error", None)
    assert CRASHES[body] in found.errors[0]
    assert "\n" not in found.errors[0]


@pytest.mark.parametrize(
    "body",
    [
        "import time\ntime.sleep(100)",
        "use('calculate', '1')\nwhile True: pass",
        "import os, time\nimport harness\nout = harness._lines['requests']\n"
        "for _ in range(40):\n    os.write(out.fileno(), b' ')\n    time.sleep(0.2)\nreturn {task: 1}",
    ],
)
def test_check_12_silence_is_a_time_out(body: str, tmp_path: Path) -> None:
    assert done(tmp_path, body, seconds=1).status == "timeout"


def test_an_agent_that_does_not_listen_is_a_time_out(tmp_path: Path) -> None:
    scaffold = directory(
        folder(tmp_path, "import harness, time\nharness._say({'use': ['t', '']})\ntime.sleep(99)"), {}, 2
    )
    course = scaffold("", BENCHMARK)
    assert next(course) == Use("t", "")
    with pytest.raises(TimeoutError):
        course.send(Answer("x" * (1 << 23)))  # more than fits on the way, as of any long text


def test_requests_without_end_come_to_one(tmp_path: Path) -> None:
    found = done(tmp_path, "while True: use('calculate', '1')")
    assert (found.status, len(found.steps)) == ("limit", REQUESTS)
    quick = WAITS.model_copy(update={"seconds": 1e-9})
    agent = Agent("Mine", "echo", directory(tmp_path / "agent", {}, 60), echo, Price(input=1, output=1))
    (found,) = run(agent, BENCHMARK, [(TASKS[0], 0)], quick, 0)
    assert (found.status, len(found.steps)) == ("timeout", 0)


def test_check_12_a_broken_sandbox_is_no_fault_of_the_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for way in (lambda command: ["false"], lambda command: ["/nowhere/bwrap"], lambda command: ["sleep", "9"]):
        monkeypatch.setattr(program, "usable_way", lambda way=way: way)
        found = done(tmp_path, "return {task: 1}", seconds=1)
        assert found.status == "env_error"
        assert "the sandbox did not start" in found.errors[0]


def test_without_any_sandbox_nothing_is_rolled_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "WAYS", (lambda command: ["false"],))
    program.usable_way.cache_clear()
    try:
        with pytest.raises(InputError, match="cannot be isolated"):
            agent_of(read_agents(AGENTS), "Calculator (nothing)", BENCHMARK)
    finally:
        program.usable_way.cache_clear()


STOPPED = {
    "import socket\nsocket.create_connection(('127.0.0.1', given['port']), 1)": ("ConnectionRefused", "unreachable"),
    "return {task: open(given['gold']).read()}": ("FileNotFoundError",),
    "import os\nos.fork()": ("PermissionError",),
    "import subprocess\nsubprocess.run(['sleep', '99'])": ("PermissionError",),
}


@pytest.mark.parametrize("body", list(STOPPED))
def test_check_19_no_network_no_gold_no_child(body: str, tmp_path: Path) -> None:
    _, gold = made(tmp_path, "arithmetic", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = done(tmp_path, body, gold=str(gold.absolute()), port=server.getsockname()[1])
    assert found.status == "agent_error"
    assert any(name in found.errors[0] for name in STOPPED[body])


def processes() -> set[int]:
    """Processes of this one, and theirs, as far as they are not waited for."""
    parents: dict[int, list[int]] = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            fields = Path(f"/proc/{name}/stat").read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(name))
    found, waiting = set[int](), [os.getpid()]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found.update(children)
        waiting += children
    return found


def test_check_19_no_process_outlives_an_end_of_any_kind(tmp_path: Path) -> None:
    before = processes()
    begin = "import threading, time\nthreading.Thread(target=time.sleep, args=(99,)).start()\nuse('calculate', '1')\n"
    for end in ("return {task: 1}", "1 / 0", "time.sleep(99)"):
        done(tmp_path, begin + end, seconds=2)
        assert processes() == before
    course = directory(folder(tmp_path, begin + "time.sleep(99)"), {}, 60)("", BENCHMARK)
    assert next(course) == Use("calculate", "1")
    inside = processes() - before
    assert inside
    course.close()
    until = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in inside) and time.monotonic() < until:
        time.sleep(0.01)  # the kernel takes a moment
    assert not any(Path(f"/proc/{pid}").exists() for pid in inside)


def test_check_13_one_at_a_time_and_all_together_are_equal_and_right() -> None:
    agent = agent_of(read_agents(AGENTS), "Calculator (nothing)", BENCHMARK)
    pairs = [(task, 0) for task in TASKS]
    together, alone = (
        [
            one._replace(seconds=0.0)
            for one in run(agent, BENCHMARK, pairs, WAITS.model_copy(update={"concurrent": concurrent}), 0)
        ]
        for concurrent in (len(TASKS), 1)
    )
    assert together == alone
    assert all(arithmetic.score(GOLD[one.task], one.answer, one.state) for one in together)


def test_check_17_inspect_runs_it_alike(tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai", reason="inspect-ai is not installed: pip install raw2fig[inspect]")
    from raw2fig.papers.hal.inspect_log import read_eval
    from raw2fig.papers.hal.inspect_run import evaluate, inspect_model, rolled_out

    body = "return {task: use('calculate', '2 * 3') + ask([{'role': 'user', 'content': given['word']}])}"
    mixed = Agent("Mine", "echo", directory(folder(tmp_path, body), {"word": "!"}, 60), echo, Price(input=1, output=1))
    own = agent_of(read_agents(AGENTS), "Calculator (nothing)", BENCHMARK)
    crash = Agent("Bad", "echo", directory(folder(tmp_path, "1 / 0"), {}, 60), echo, Price(input=1, output=1))
    for agent in (mixed, own, crash):
        expected = {one.task: one for one in run(agent, BENCHMARK, [(task, 0) for task in TASKS], WAITS, 0)}
        model = inspect_model(agent.model, agent.client, WAITS, 0)
        log = evaluate(rolled_out(agent, BENCHMARK, WAITS), model, BENCHMARK, TASKS, tmp_path / agent.name)
        found = {one.rollout.task: one.rollout for one in read_eval(Path(log.location))}
        assert found.keys() == expected.keys()
        for task, one in found.items():
            there = expected[task]
            assert (one.status, one.answer, one.confidence) == (there.status, there.answer, there.confidence)
            assert [(step.text, step.tool) for step in one.steps] == [(step.text, step.tool) for step in there.steps]
            # inspect has no row for a model that was never asked
            assert list(one.usage.values()) == [used for used in there.usage.values() if used["prompt"]]
    before = processes()
    refused = replace(mixed, client=lambda asked: [Failure("no") for _ in asked])
    model = inspect_model(refused.model, refused.client, WAITS, 0)
    log = evaluate(rolled_out(refused, BENCHMARK, WAITS), model, BENCHMARK, TASKS, tmp_path / "refused")
    assert all(sample.error for sample in log.samples or [])
    assert processes() == before


def test_a_file_of_the_folder_makes_rollouts_anew_and_a_cache_does_not(tmp_path: Path) -> None:
    place = folder(tmp_path, "from part import answer\nreturn {task: answer}")
    (place / "part.py").write_text("answer = 1")
    agents = tmp_path / "agents.yaml"
    scaffold = f"{{kind: directory, agent: {{folder: {place}, arguments: {{}}, seconds: 60}}}}"
    agents.write_text(f"scaffolds: {{Mine: {scaffold}}}\nmodels: {{m: {{price: {{input: 0, output: 0}}, fixed: x}}}}")
    tasks, _ = made(tmp_path, "arithmetic", 1)
    store = tmp_path / "store"

    def answers() -> bytes:
        return rolled(tmp_path, "arithmetic", tasks, store, ["Mine (m)"], agents).read_bytes()

    first = answers()
    (place / "__pycache__").mkdir()
    (place / "__pycache__/part.pyc").write_bytes(b"x")
    assert answers() == first  # taken from the store, seconds and all
    (place / "part.py").write_text("answer = 2")
    assert b'"answer": "1"' in first
    assert b'"answer": "2"' in answers()


def test_a_folder_that_is_no_agent_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no main\.py"):
        digest(tmp_path)
    place = folder(tmp_path, "return {}")
    before = digest(place)
    (place / "link.txt").symlink_to("/etc/passwd")
    with pytest.raises(InputError, match=r"link\.txt: is no ordinary file"):
        digest(place)
    (place / "link.txt").unlink()
    (place / "harness.py").write_text("")
    with pytest.raises(InputError, match="a name that the harness needs"):
        digest(place)
    (place / "harness.py").unlink()
    (place / "data.bin").write_bytes(bytes(directories.LARGEST))
    with pytest.raises(InputError, match="at most"):
        digest(place)
    (place / "data.bin").write_bytes(b"")
    assert digest(place) != before
    assert isinstance(
        next(directory(folder(tmp_path, "ask([{'role': 'user', 'content': 'x'}])"), {}, 60)("", BENCHMARK)), Ask
    )
    with pytest.raises(AgentFailure):
        next(directory(folder(tmp_path, "1 / 0"), {}, 60)("", BENCHMARK))


def test_the_harness_keeps_its_own_input_and_output() -> None:
    """The module that an agent imports takes them over; here it is only read."""
    code = "import os, raw2fig.papers.hal.directory; print(os.read(0, 4))"
    done = subprocess.run([sys.executable, "-c", code], input=b"word", capture_output=True, check=True)
    assert done.stdout == b"b'word'\n"

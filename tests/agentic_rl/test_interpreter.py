"""`code_interpreter`: programs as they are prepared, what comes of them, and what they may not do."""

import os
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from agentic_tools import RUNNING
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl.tools import interpreter as module
from raw2fig.papers.agentic_rl.tools.interpreter import (
    NO_OUTPUT,
    code_interpreter,
    interpreter,
    official_program,
    showing_program,
)
from raw2fig.papers.agentic_rl.tools.outcome import Outcome
from raw2fig.sandbox.program import usable_way

OFFICIAL = RUNNING.model_copy(update={"official": True})


@pytest.fixture
def sandbox() -> None:
    try:
        usable_way()
    except InputError as error:
        pytest.skip(str(error))


def ended(code: str, official: bool = False) -> tuple[str, str, str]:
    outcome = code_interpreter(code, OFFICIAL if official else RUNNING)
    return outcome.status, outcome.text, outcome.kind


BROKEN = {
    "indented": ("for n in range(2):\n    n += 1", "ok"),
    "a comment": ("x = 1\nprint(x)\n# done", "ok"),
    "an assignment": ("x = 1\nx = x + 1", "ok"),
    "two statements": ("a = 2; print(a)", "ok"),
}


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("name", BROKEN)
def test_defect_8_the_official_wrapper_breaks_right_programs(name: str) -> None:
    code, status = BROKEN[name]
    assert ended(code)[0] == status
    official = ended(code, official=True)
    assert official[1].rstrip().rpartition("\n")[2].startswith(("SyntaxError: ", "IndentationError: ", "TypeError: "))
    assert official[0] == "model_error"


@pytest.mark.parametrize(
    ("code", "program"),
    [
        ("1 + 1", "print(1 + 1)"),
        ("print(1)", "print(1)"),
        ("x = 2\nx\n\n", "x = 2\nprint(x)\n\n"),
        ("Look:\n```python\nx = 1\nx\n```\nand\n```python\n2\n```", "x = 1\nprint(x)"),
        ("if x:\n    print(1)", "if x:\nprint(    print(1))"),
        ("", ""),
    ],
)
def test_the_official_program(code: str, program: str) -> None:
    assert official_program(code) == program


SHOWN = {
    "1 + 1": "2\n",
    "'text'": "text\n",
    "1, 2": "(1, 2)\n",
    "None": "",
    "print(1)": "1\n",
    "(\n1 +\n1\n)  # two": "2\n",
    "x = 'é'; x + '√'": "é√\n",
    "x = [1]\nx.append(2)\nx": "[1, 2]\n",
    "(y := 3)": "3\n",
    "*[1], 2": "(1, 2)\n",
    "[n for n in (1, 2)]": "[1, 2]\n",
    "```python\n40 + 2\n```": "42\n",
    "'''```python\n1\n```'''": "```python\n1\n```\n",
    "def f():\n    return 1": "",
    "": "",
}


@pytest.mark.parametrize("code", SHOWN)
def test_the_last_expression_is_shown_and_nothing_is_broken(code: str) -> None:
    program, told = showing_program(code), StringIO()
    with redirect_stdout(told):
        exec(compile(program, "program", "exec"), {})  # of a program that this test wrote
    assert told.getvalue() == SHOWN[code]


PIECES = [*"abx=1+()[]:,#'\"\n\t ;é", "print(", "```python", "```", "\r", "\0", "\ud800"]


@given(st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_can_be_prepared(code: str) -> None:
    assert isinstance(showing_program(code), str)
    assert isinstance(official_program(code), str)


@pytest.mark.usefixtures("sandbox")
def test_standard_output_comes_before_standard_error() -> None:
    code = "import sys\nprint('e', file=sys.stderr)\nprint('o')\nprint(1 // 0)"
    status, text, kind = ended(code)
    assert (status, kind) == ("model_error", "exception")
    assert text.startswith("o\ne\nTraceback (most recent call last):\n")
    assert text.endswith("ZeroDivisionError: integer division or modulo by zero\n")
    assert ended(code, official=True) == (status, text, kind)


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    "loop", ["while True: pass", "import time\ntime.sleep(1000)", "import os\nos.setsid()\nwhile 1: 0"]
)
def test_check_16_an_endless_program_returns_in_time_and_leaves_no_process(loop: str) -> None:
    running = RUNNING.model_copy(update={"seconds": 3.0, "memory_mb": 512 + os.getpid() % 512})
    for _ in range(3):  # a busy machine may start the sandbox late
        start = time.monotonic()
        outcome = code_interpreter(loop, running)
        waited = time.monotonic() - start
        if outcome.status == "model_error" and waited < running.seconds + 1:
            break
    assert (outcome.status, outcome.kind) == ("model_error", "timeout")
    assert outcome.text.endswith("did not end within 3 s.\n")
    assert waited < running.seconds + 1
    mark = str(running.memory_mb << 20).encode()
    for _ in range(50):
        if not (left := [path for path in Path("/proc").glob("[0-9]*/cmdline") if mark in read(path)]):
            break
        time.sleep(0.1)
    assert not left


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.usefixtures("sandbox")
def test_check_16_a_gigabyte_is_refused() -> None:
    status, text, kind = ended("x = bytearray(10**9)\nprint(len(x))")
    assert (status, kind) == ("model_error", "memory")
    assert text.endswith("MemoryError\n")


@pytest.mark.usefixtures("sandbox")
def test_check_16_ten_megabytes_of_output_are_capped() -> None:
    status, text, _ = ended("print('a' * 10_000_000)")
    assert status == "model_error"
    assert 1 << 20 <= len(text) < (1 << 20) + 10_000


@pytest.mark.usefixtures("sandbox")
def test_check_16_there_is_no_network() -> None:
    status, text, _ = ended("import socket\nsocket.create_connection(('192.0.2.1', 80), 1)")
    assert status == "model_error"
    assert "Error" in text


@pytest.mark.usefixtures("sandbox")
def test_check_16_the_same_program_has_the_same_result() -> None:
    code = "print({str(n) for n in range(50)}, hash('a'))"
    assert ended(code) == ended(code)


@pytest.mark.usefixtures("sandbox")
def test_officially_a_program_without_end_has_a_fixed_text() -> None:
    running = OFFICIAL.model_copy(update={"seconds": 3.0})
    outcome = code_interpreter("import time\nprint(1, flush=True)\nprint(time.sleep(99))", running)
    assert (outcome.text, outcome.kind) == (NO_OUTPUT, "timeout")


@pytest.mark.parametrize("failure", [RuntimeError("did not start"), OSError("no processes left")])
def test_a_sandbox_that_does_not_start_is_not_the_models_mistake(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run_program(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(module, "run_program", run_program)
    outcome: Outcome = interpreter(RUNNING).run(code="print(1)")
    assert outcome[:2] == ("infra_error", f"sandbox: {failure}")

"""Programs of completions, and their tests."""

import json
import os
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest

from raw2fig.errors import InputError
from raw2fig.sandbox.program import Outcome, run_program, usable_way
from raw2fig.tasks import code
from raw2fig.tasks.code import TESTS, all_right, is_right, program_of

try:
    usable_way()
    REFUSAL = ""
except InputError as error:
    REFUSAL = str(error)
isolated = pytest.mark.skipif(bool(REFUSAL), reason=REFUSAL)

SUMS = json.dumps([{"input": f"{a} {b}\n", "output": f"{a + b}\n"} for a, b in ((1, 2), (30, -4), (0, 0))])


def block(program: str) -> str:
    return f"<think>\n```python\nprint('draft')\n```\n</think>\nSo:\n```python\n{program}\n```\n"


def calls(function: str, *tests: tuple[list[Any], list[Any]]) -> str:
    return json.dumps([{"function": function, "arguments": given, "results": results} for given, results in tests])


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        (block("x = 1"), "x = 1\n"),
        ("```python\na\n```\nor rather\n```python\nb\nc\n```", "b\nc\n"),
        ("```Python3\na\n```\n```text\nb\n```", "a\n"),
        ("  ```python\n  a\n  ```", "  a\n"),
        ("````python\n'''\n```\n'''\n````", "'''\n```\n'''\n"),
        ("```python\na\n````", "a\n"),
        ("```python\nprint('```')\n```", "print('```')\n"),
        ("```python\n```", ""),
        ("```python\na\n```</think>", None),
        ("```python\na\n```\n</think> ```python\nb\n```", "b\n"),
        ("```python\na\n", None),
        ("```python\na\n```\n```python\nb", "a\n"),
        ("```\na\n```", None),
        ("```text\n```python\na\n```", None),  # all of it is one block of text
        ("print(1)", None),
        ("", None),
    ],
)
def test_the_program_of_a_completion(completion: str, program: str | None) -> None:
    assert program_of(completion) == program


@isolated
@pytest.mark.parametrize(
    ("program", "right"),
    [
        ("print(sum(map(int, input().split())))", True),
        ("import sys\na, b = map(int, sys.stdin.read().split())\nprint('\\n', a + b, ' ', end='')", True),
        ("if __name__ == '__main__':\n    print(sum(map(int, open(0).read().split())))", True),
        ("print(abs(sum(map(int, input().split()))))", True),
        ("print(3)", False),
        ("print(sum(map(int, input().split())), 'is the sum')", False),
        ("print(float(sum(map(int, input().split()))))", False),
        ("a, b = map(int, input().split())\nprint(a + b)\n1 / b", False),
        ("print(sum(map(int, input().split())))\nraise SystemExit(1)", False),
        ("print(sum(map(int, input().split()))", False),
        ("while True: pass", False),
        ("", False),
    ],
)
def test_a_program_passes_or_fails(program: str, right: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code, "LIMITS", code.LIMITS._replace(cpu_seconds=1))
    assert is_right(SUMS, block(program)) is right


@isolated
def test_words_are_compared_and_not_the_space_between_them() -> None:
    answer = json.dumps([{"input": "", "output": "1 2\n\n3   4  \n"}])
    assert is_right(answer, block("print(1, 2, 3, 4, sep='\\n')"))
    assert not is_right(answer, block("print(1, 2, 34)"))
    assert not is_right(answer, block("print(1, 2, 3, 4, 5)"))
    assert is_right(json.dumps([{"input": "é", "output": "é"}]), block("print(input())"))


@isolated
@pytest.mark.parametrize(
    ("program", "right"),
    [
        ("def add(a, b): return a + b", True),
        ("class Solution:\n    def add(self, a: int, b: int) -> List[int]:\n        return a + b", True),
        (
            "def add(a, b):\n    print('adding', a)\n    return pow(a, 1, 10**9) + b",
            True,
        ),  # pow of builtins, not of math
        (
            "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: 'int'\ndef add(a, b): return P(a + b).x",
            True,
        ),
        ("def add(a, b): return float(a + b)", True),
        ("def add(a, b): return str(a + b)", False),
        ("def add(a, b): return [a + b]", False),
        ("def add(a, b): return a - b", False),
        ("def sub(a, b): return a + b", False),
        ("def add(a): return a", False),
        ("def add(a, b): return {a + b}", False),
        ("def add(a, b): 1 / 0", False),
        ("print(3)\ndef add(a, b): return None", False),
        ("import os\nos.write(1, b'3')\nos._exit(0)", False),
        ("import sys\nsys.exit(0)", False),
        ("x = x", False),
    ],
)
def test_calls(program: str, right: bool) -> None:
    assert is_right(calls("add", ([1, 2], [3]), ([4, 4], [8])), block(program)) is right


@isolated
def test_a_call_returns_one_of_the_results() -> None:
    swap = "def swap(pair):\n    return pair[1], pair[0]"
    assert is_right(calls("swap", ([[1, 2]], [[2, 1]])), block(swap))
    assert is_right(calls("swap", ([[1, 2]], [[0, 0], [2, 1]])), block(swap))
    assert not is_right(calls("swap", ([[1, 2]], [[[2, 1]]])), block(swap))
    assert is_right(calls("key", ([{"a": [None, True]}], [{"1": "a"}])), block("def key(d): return {1: min(d)}"))


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[Outcome]:
    """What the programs said that the verifier ran."""
    told: list[Outcome] = []

    def listen(*arguments: Any) -> Outcome:
        told.append(run_program(*arguments))
        return told[-1]

    monkeypatch.setattr(code, "run_program", listen)
    return told


@isolated
def test_the_first_test_that_fails_ends_it(outcomes: list[Outcome]) -> None:
    assert not is_right(SUMS, block("print(abs(sum(map(int, input().split()))) if input is None else 26)"))
    assert len(outcomes) == 1
    assert not is_right(SUMS, block("a = input()\nprint(3 if a == '1 2' else 0)"))
    assert len(outcomes) == 3
    assert is_right(SUMS, block("print(sum(map(int, input().split())))"))
    assert len(outcomes) == 6
    many = json.dumps([{"input": "", "output": "1"}] * TESTS + [{"input": "", "output": "2"}])
    assert is_right(many, block("print(1)"))
    assert len(outcomes) == 6 + TESTS


SNOOP = """
import gc, os, sys
def tell(*things):
    for thing in things:
        try:
            print(repr(thing))
        except Exception:
            pass
tell(sys.argv, sys.orig_argv, dict(os.environ), sys.stdin.read())
frame = sys._getframe()
while frame:
    tell(frame.f_globals, frame.f_locals)
    frame = frame.f_back
tell([thing for thing in gc.get_objects() if isinstance(thing, (str, bytes, list, dict))])
for top in ("/tmp", "/dev", "/proc", "/root", "/home", "/var", "/etc", "/run", "/sys"):
    for folder, _, files in os.walk(top):
        if "site-packages" in folder or "/lib/python" in folder or "/include" in folder or "/share" in folder:
            continue
        for file in files:
            try:
                if os.path.getsize(os.path.join(folder, file)) < 10**6:
                    tell(file, open(os.path.join(folder, file), "rb").read())
            except OSError:
                pass
for number in range(3, 64):
    try:
        tell(os.pread(number, 10**6, 0))
    except OSError:
        pass
sys.stdout.flush()
"""


@isolated
@pytest.mark.parametrize("form", ["program", "call"])
def test_a_program_sees_its_input_and_nothing_of_what_is_expected(
    form: str, outcomes: list[Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that shows all it can reach: files, environment, arguments, objects, frames, open files. It may take
    its time, on a machine that is busy."""
    monkeypatch.setattr(code, "LIMITS", code.LIMITS._replace(cpu_seconds=60, wall_seconds=600.0))
    mine, expected, other = (secrets.token_hex(12) for _ in range(3))
    if form == "program":
        tests = [{"input": mine, "output": expected}, {"input": other, "output": other}]
        assert not is_right(json.dumps(tests), block(SNOOP))
    else:
        body = SNOOP.replace("sys.stdin.read()", "argument").replace("\n", "\n    ")
        answer = calls("f", ([mine], [expected]), ([other], [other]))
        assert not is_right(answer, block(f"def f(argument):{body}"))
    (outcome,) = outcomes
    assert outcome.status == "finished"
    seen = outcome.stdout + outcome.stderr
    assert len(seen) > 2000
    assert mine in seen
    assert expected not in seen
    assert other not in seen


@isolated
def test_outputs_of_other_tests_help_nobody() -> None:
    """Nothing is kept between tests, so that what one of them is asked cannot be answered in another."""
    hoard = "import glob\nnow = input()\nopen('/tmp/seen', 'a').write(now)\nprint(open('/tmp/seen').read())"
    answer = json.dumps([{"input": "a", "output": "a"}, {"input": "b", "output": "b"}])
    assert is_right(answer, block(hoard))
    assert not is_right(answer, block("input()\nprint('a')\nprint('b')"))


@isolated
def test_many_pairs_are_judged_in_their_order() -> None:
    program = block("import time\nn = int(input())\ntime.sleep(0.02 * (n % 3))\nprint(n)")
    answers = [json.dumps([{"input": str(n), "output": str(n if n % 4 else -n)}]) for n in range(1, 13)]
    assert all_right(answers, [program] * 12) == [n % 4 != 0 for n in range(1, 13)]
    assert all_right([SUMS] * 3, [block("print(3)"), "none", block("print(sum(map(int, input().split())))")]) == [
        False,
        False,
        True,
    ]
    assert all_right([], []) == []
    with pytest.raises(ValueError):
        all_right([SUMS], [])


@pytest.mark.parametrize(("cores", "processes", "wanted"), [(3, 1, 3), (6, 2, 3), (2, 8, 1)])
def test_the_processes_of_a_machine_share_its_cores(
    cores: int, processes: int, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    together, most = set(), []

    def judge(answer: str, completion: str) -> bool:
        together.add(answer)
        time.sleep(0.02)
        most.append(len(together))
        together.discard(answer)
        return True

    monkeypatch.setattr(code, "is_right", judge)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    assert all_right([str(n) for n in range(12)], [""] * 12) == [True] * 12
    assert max(most) <= wanted
    assert (max(most) == 1) == (wanted == 1)


@pytest.mark.parametrize("judge", [is_right, lambda answer, completion: all_right([answer], [completion])])
@pytest.mark.parametrize(
    "answer",
    [
        "42",
        "not JSON",
        "[]",
        "{}",
        '[{"input": "1"}]',
        '[{"input": "1", "output": 1}]',
        '[{"input": "1", "output": "1", "more": 0}]',
        '[{"function": "f", "arguments": 1, "results": [1]}]',
        '[{"input": "1", "output": "1"}, null]',
    ],
)
def test_answers_in_another_form_are_refused(answer: str, judge: Callable[[str, str], Any]) -> None:
    with pytest.raises(InputError, match=re.escape("answer: is")):
        judge(answer, "no program")

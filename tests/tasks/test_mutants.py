"""Functions of packages, their examples as judges of mutants and of cheats, and tasks to repair them."""

import ast
import doctest
import json
import os
import re
import resource
import secrets
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import Any

import boltons
import more_itertools
import pytest

from raw2fig.errors import InputError
from raw2fig.sandbox.program import Outcome, run_program, usable_way
from raw2fig.tasks import doctests, library
from raw2fig.tasks.doctests import functions, is_harmless, judge, look_at, run
from raw2fig.tasks.library import Example, Function, module_text, names_bound, read_functions
from raw2fig.tasks.mutants import IMPORTS, MODULES, Task, draw_tasks, groups, without
from raw2fig.tasks.mutation import mutants

try:
    usable_way()
    REFUSAL = ""
except InputError as error:
    REFUSAL = str(error)
pytestmark = pytest.mark.skipif(bool(REFUSAL), reason=REFUSAL)


def named(module: str, name: str) -> Function:
    (found,) = [one for one in read_functions(module) if one.name == name]
    return found


TAKE = named("more_itertools.recipes", "take")
RIGHT = TAKE.source
WRONG = "def take(n, iterable):\n    return list(iterable)"
PASSED, FAILED = (True, True), (False, False)


def known() -> list[Function]:
    return [function for module in MODULES for function in functions(module)]


def body(lines: str) -> str:
    return "def take(n, iterable):\n" + textwrap.indent(textwrap.dedent(lines).strip(), "    ")


def with_body(function: Function, statement: str) -> str:
    """The function with another body, its decorators and arguments kept."""
    tree = ast.parse(function.source)
    assert isinstance(tree.body[0], ast.FunctionDef)
    tree.body[0].body = ast.parse(statement).body
    return ast.unparse(tree)


def test_how_many_functions_there_are_and_how_many_mutants_their_examples_catch() -> None:
    """The sheet of HAL, for other operators: 150, 912, 557 in more_itertools; 28, 192, 135 in boltons.strutils."""
    assert [len(functions(module)) for module in MODULES] == [101, 46, 35, 3, 27, 7]
    count = {module: sum(len(mutants(one.source)) for one in functions(module)) for module in MODULES}
    assert list(count.values()) == [1554, 459, 606, 26, 403, 143]
    pairs = [(one, mutant.source) for one in functions("boltons.strutils") for mutant in mutants(one.source)]
    assert sum(not all(verdict) for verdict in judge(pairs)) == 285


def test_functions_pass_every_time_and_fail_without_their_body() -> None:
    found = known()
    assert run([(one, one.source) for one in found] * 3) == 3 * [(True,) * len(one.examples) for one in found]
    checking = [one for one in found if groups(one)]
    assert len(checking) > 210
    assert not any(map(all, run([(one, with_body(one, "pass")) for one in checking])))


def test_comments_change_nothing_and_a_function_that_is_gone_passes_nothing() -> None:
    assert judge(
        [(TAKE, f"{RIGHT}  # the same\n"), (TAKE, ""), (TAKE, "x = 1"), (TAKE, "def take(:"), (TAKE, "\0")]
    ) == [
        PASSED,
        *[FAILED] * 4,
    ]
    assert judge([(TAKE, RIGHT.replace("def take", "def taken"))]) == [FAILED]
    assert judge([]) == []


def test_a_candidate_has_the_rest_of_its_package() -> None:
    """Names of its module that the original does not use, and functions that others use it in."""
    assert judge([(TAKE, body("return [*chain.from_iterable([islice(iterable, n)])]"))]) == [PASSED]
    assert judge([(TAKE, body("return nth_combination"))]) == [FAILED]
    consume, chunked = named("more_itertools.recipes", "consume"), named("more_itertools.more", "chunked")
    assert all(judge([(consume, with_body(consume, "tail(0, iterable) if n is None else take(n, iterable)"))])[0][:2])
    assert judge([(chunked, with_body(chunked, "return iter(batched(iterable, n))"))])[0][0] is False


def test_what_is_judged_once_is_not_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = (TAKE, f"{RIGHT}  # {secrets.token_hex(8)}")
    first = judge([pair, pair])
    monkeypatch.setattr(doctests, "run_program", None)
    assert judge([pair]) + judge([pair]) == first
    with pytest.raises(TypeError):
        judge([(TAKE._replace(examples=TAKE.examples[:1]), pair[1])])


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Outcome]]:
    """What went into the sandbox, and what came out."""
    told: list[tuple[str, Outcome]] = []

    def listen(source: str, stdin: str, limits: Any) -> Outcome:
        told.append((stdin, run_program(source, stdin, limits)))
        return told[-1][1]

    monkeypatch.setattr(doctests, "run_program", listen)
    return told


ENDLESS = {
    "python": body("while True: pass"),
    "c": body("return sum(iter(int, 1))"),
    "swallows": body("while True:\n    try:\n        while True: pass\n    except: pass"),
    "generator": body("return max(0 for _ in iter(int, 1))"),
    "memory": body("return [*iter(int, 1)]"),
    "recursion": body("return take(n, iterable)"),
    "exits": body("raise SystemExit"),
    "prints": body("while True: print(n)"),
}


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS)
def test_a_candidate_without_end_costs_only_itself(text: str) -> None:
    texts = [RIGHT, WRONG, text, RIGHT, text, WRONG, RIGHT]
    right = (True, True)
    wrong = (False, True)
    assert run([(TAKE, one) for one in texts]) == [right, wrong, FAILED, right, FAILED, wrong, right]


def test_candidates_share_a_process_but_those_that_end_it(outcomes: list[Any]) -> None:
    texts = [ENDLESS["c"], *[RIGHT, WRONG] * 20, ENDLESS["c"], RIGHT, ENDLESS["python"], RIGHT]
    verdicts = run([(TAKE, one) for one in texts])
    assert [all(verdict) for verdict in verdicts] == [one == RIGHT for one in texts]
    assert len(outcomes) == 3


def test_the_order_and_the_company_of_candidates_change_nothing() -> None:
    pairs = [(one, mutant.source) for one in functions("boltons.mathutils") for mutant in mutants(one.source)]
    together = run(pairs)
    assert len(set(map(all, together))) == 2
    assert run(pairs[::-1])[::-1] == together
    assert [run([pair])[0] for pair in pairs[::5]] == together[::5]
    assert run([(TAKE, RIGHT), *pairs, (TAKE, WRONG)])[1:-1] == together


CHEATS = {
    "lines": "import os\nos.write(1, b'0 x00 -\\n\\nx\\n' * 99)",
    "token": """
        import sys
        frame = sys._getframe()
        while frame:
            if "token" in frame.f_locals:
                for number in range(9):
                    line = [frame.f_locals["token"], str(number), "x5b302c20312c20325d0a", "-", "x", "-"]
                    print(*line, file=frame.f_locals["said"], flush=True)
            frame = frame.f_back
        return []""",
    "builtins": "import builtins\nbuiltins.list = lambda _: [0, 1, 2]\nreturn [0]",
    "other class": "import itertools\nitertools.islice = itertools.chain = lambda *_: [7]\nreturn [0]",
    "checker": "import __main__\n__main__.type_examples = lambda *_: [('[0, 1, 2]\\n', None)] * 2\nreturn [0]",
    "equal": """
        class Equal(list):
            def __eq__(self, other): return True
            def __repr__(self): return "[0, 1, 3]"
        return Equal()""",
    "leaves": "import os\nos._exit(0)",
    "crashes": "import ctypes\nctypes.string_at(0)",
    "closes": "import os\nos.close(1)\nreturn [0]",
    "at exit": "import atexit, os\natexit.register(os._exit, 0)\nreturn [0]",
    "stops clocks": "import signal\n[signal.setitimer(clock, 0) for clock in (0, 1, 2)]\nwhile True: pass",
    "hook": "import sys\nsys.settrace(lambda *_: None)\nsys.displayhook = lambda _: print([7])\nreturn [0]",
    "displays": "import sys\nsys.__stdout__.write('[0, 1, 2]\\n')\nreturn [0]",
    "formats": "return '{0.__globals__}'.format(take)",
    "match": "match take:\n    case object(__globals__=names): names['islice'] = None\nreturn [0]",
    "attribute": "islice.__doc__ = chain.name = 1\nreturn [0]",
    "hex": "return list(islice(iterable, n)), '\\x5f\\x5fglobals\\x5f\\x5f'",
}


@pytest.mark.parametrize("text", CHEATS.values(), ids=CHEATS)
def test_cheats_fail_and_harm_nobody(text: str) -> None:
    cheat = body(text)
    verdict, *others = run([(TAKE, cheat), (TAKE, RIGHT), (TAKE, WRONG), (TAKE, RIGHT)])
    assert not all(verdict)
    assert others == [PASSED, (False, True), PASSED]


@pytest.mark.parametrize("text", CHEATS.values(), ids=CHEATS)
def test_cheats_are_kept_apart(text: str) -> None:
    looks = look_at(body(text)), look_at(RIGHT)
    assert looks[0] is not None
    assert looks[1] is not None
    assert not is_harmless(*looks)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("take", "def take(n, iterable):\n    global islice\n    islice = n"),
        ("take", "def take(n, iterable):\n    islice.n = 1"),
        ("take", "def take(n, iterable):\n    import islice"),
        ("take", "islice = 1\ndef take(n, iterable): return n"),
        ("take", "take = lambda n, iterable: n"),
        ("iter_index", named("more_itertools.recipes", "iter_index").source),  # has getattr
    ],
)
def test_known_words_that_reach_far_are_kept_apart_too(name: str, text: str) -> None:
    look, own = look_at(text), look_at(named("more_itertools.recipes", name).source)
    assert look is not None
    assert own is not None
    assert look.words <= own.words | doctests.HARMLESS
    assert not is_harmless(look, own)


def test_lines_without_the_token_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second line of defence, behind the processes of their own."""
    monkeypatch.setattr(doctests, "is_harmless", lambda *_: True)
    line = " ".join(["x" + b"[0, 1, 2]\n".hex(), "-"] * 2)
    cheat = body(
        f"import os\nfor number in range(9): os.write(1, f'{{number}} {{number}} {line}\\n'.encode())\nreturn [0]"
    )
    assert run([(TAKE, cheat), (TAKE, WRONG), (TAKE, RIGHT)]) == [FAILED, (False, True), PASSED]


def test_mutants_are_harmless() -> None:
    share = Counter(
        is_harmless(look, doctests._own(one))
        for one in known()
        for mutant in mutants(one.source)[::5]
        if (look := look_at(mutant.source)) is not None
    )
    assert share[True] > 10 * share[False]


SNOOP = """
import gc, os, sys
def tell(*things):
    for thing in things:
        try:
            os.write(2, repr(thing).encode()[:100000])
        except Exception:
            pass
frame = sys._getframe()
while frame:
    tell(frame.f_globals, frame.f_locals)
    frame = frame.f_back
tell(sys.argv, sys.orig_argv, dict(os.environ), os.listdir("/tmp"), open("/tmp/program.py").read())
tell([thing for thing in gc.get_objects() if isinstance(thing, (str, bytes, list, dict))])
os.lseek(0, 0, 0)
tell(*[os.pread(number, 10**6, 0) for number in (0, 1)])
return [0]
"""


def test_what_is_expected_never_enters_the_sandbox(outcomes: list[tuple[str, Outcome]]) -> None:
    given, expected, error = (secrets.token_hex(12) for _ in range(3))
    examples = (
        Example(f"take(1, '{given}')\n", f"'{expected}'\n", None, 0, 1, 2),
        Example("take(0, 0)\n", f"Traceback (most recent call last):\n{error}\n", f"{error}\n", 0, 2, 3),
    )
    assert run([(TAKE._replace(examples=examples), body(SNOOP))]) == [FAILED]
    ((stdin, outcome),) = outcomes
    seen = outcome.stdout + outcome.stderr
    assert given in seen
    assert len(seen) > 10_000
    assert not [secret for secret in (expected, error) if secret in stdin + seen]


DOCSTRING = """
>>> take(1, 2)
3
>>> print("a"); print(); print("b c   d")
a
<BLANKLINE>
b c d
>>> print("a b   c")  # doctest: +NORMALIZE_WHITESPACE
a b c
>>> list(range(20))  # doctest: +ELLIPSIS
[0, 1, ..., 19]
>>> print("no line end", end="")
no line end
>>> None
>>> "nothing"
>>> raise ValueError("this")
Traceback (most recent call last):
ValueError: this
>>> raise ValueError("that")
Traceback (most recent call last):
    ...
ValueError: this
>>> raise KeyError("that")  # doctest: +IGNORE_EXCEPTION_DETAIL
Traceback (most recent call last):
KeyError: this
>>> import json; json.loads("")  # doctest: +IGNORE_EXCEPTION_DETAIL
Traceback (most recent call last):
JSONDecodeError
>>> json.loads("")
Traceback (most recent call last):
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)
>>> raise KeyError("that")  # doctest: +IGNORE_EXCEPTION_DETAIL
Traceback (most recent call last):
ValueError: that
>>> 1 / 0
3
>>> 3
Traceback (most recent call last):
ZeroDivisionError
>>> print("first"); 1 / 0
Traceback (most recent call last):
ZeroDivisionError: division by zero
>>> x = [take(n, 1) for n in range(3)]; x
[1, 2, 3]
>>> for _ in x: _
1
2
3
>>> _
3
>>> class A: pass
>>> A
<class 'more_itertools.recipes.A'>
>>> def f(): yield from x
>>> set("abcdef") == {*"abcdef"}, __name__
(True, 'more_itertools.recipes')
>>> ZERO = 5
>>> take(1, 2)
3
>>> 1 +
Traceback (most recent call last):
SyntaxError: invalid syntax
>>> import sys; print("x", file=sys.stdout)
x
>>> "é\\ud800"
'é\\ud800'
"""


def test_examples_pass_and_fail_as_they_do_for_doctest() -> None:
    text = "ZERO = 0\ndef take(n, iterable): return n + iterable + ZERO"
    examples = tuple(
        Example(one.source, one.want, one.exc_msg, sum(one.options), 0, 0)
        for one in doctest.DocTestParser().get_examples(DOCSTRING)
    )
    names: dict[str, Any] = {"__name__": "more_itertools.recipes"}
    exec(text, names)
    failed = []

    class Runner(doctest.DocTestRunner):
        def report_failure(self, out: Any, test: Any, example: doctest.Example, got: str) -> None:
            failed.append(example.lineno)

        def report_unexpected_exception(self, out: Any, test: Any, example: doctest.Example, exc_info: Any) -> None:
            failed.append(example.lineno)

    test = doctest.DocTestParser().get_doctest(DOCSTRING, names.copy(), "examples", None, 0)
    Runner().run(test)
    wanted = tuple(one.lineno not in failed for one in test.examples)
    assert len(set(wanted)) == 2
    source = TAKE._replace(examples=examples)
    assert run([(source, text)]) == [wanted]


ORACLE = """
import doctest, importlib, json, sys
sys.path.insert(0, sys.argv[1])
module = importlib.import_module(sys.argv[2])
assert module.__file__.startswith(sys.argv[1]), module.__file__
failed = []
class Runner(doctest.DocTestRunner):
    def report_failure(self, out, test, example, got):
        failed.append(example)
    report_unexpected_exception = report_failure
(test,) = doctest.DocTestFinder(recurse=False).find(getattr(module, sys.argv[3]), sys.argv[3], module)
Runner(verbose=False).run(test)
verdict = [example not in failed for example in test.examples if not example.options.get(doctest.SKIP)]
sys.__stdout__.write(json.dumps(verdict))
"""


def doctest_itself(function: Function, text: str, folder: Path) -> tuple[bool, ...]:
    """The verdict of doctest on the package with this text in it, in a process of its own."""
    package, _, name = function.module.partition(".")
    shutil.rmtree(folder / package, ignore_errors=True)
    shutil.copytree(
        Path({"boltons": boltons, "more_itertools": more_itertools}[package].__file__).parent, folder / package
    )
    whole = module_text(function.module)
    assert whole.count(function.source) == 1
    (folder / package / f"{name}.py").write_text(whole.replace(function.source, text))
    process = subprocess.run(
        [sys.executable, "-B", "-c", ORACLE, str(folder), function.module, function.name],
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": "0"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (10, 10)),
    )
    return tuple(json.loads(process.stdout)) if process.returncode == 0 else (False,) * len(function.examples)


def test_verdicts_on_mutants_are_those_of_doctest(tmp_path: Path) -> None:
    pairs = [(one, mutant.source) for one in known() for mutant in mutants(one.source)][5::199]
    assert len({one.module for one, _ in pairs}) >= 5
    verdicts = judge(pairs)
    assert {all(verdict) for verdict in verdicts} == {True, False}
    assert [doctest_itself(one, text, tmp_path) for one, text in pairs] == verdicts


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    return draw_tasks(30, 2, 0)


def test_tasks_come_from_both_packages_and_at_most_so_many_from_a_function(tasks: list[Task]) -> None:
    count = Counter((task.function.module, task.function.name) for task in tasks)
    assert max(count.values()) == 2
    assert {module.partition(".")[0] for module, _ in count} == {"boltons", "more_itertools"}
    assert len({(task.function, task.operator, task.source, task.hidden) for task in tasks}) == len(tasks) == 30


def test_a_task_fails_hidden_examples_and_its_solution_passes_all(tasks: list[Task]) -> None:
    broken = judge([(task.function, task.source) for task in tasks])
    solved = judge([(task.function, task.solution) for task in tasks])
    for task, failed, passed in zip(tasks, broken, solved, strict=True):
        assert all(passed)
        assert not all(failed[place] for place in task.hidden)
        assert sorted([*task.shown, *task.hidden]) == list(range(len(task.function.examples)))
        assert any(task.function.examples[place].want for place in task.shown)
    seen = [all(failed[place] for place in task.shown) for task, failed in zip(tasks, broken, strict=True)]
    assert len(set(seen)) == 2


def test_a_task_shows_the_shown_examples_and_one_line_that_is_wrong(tasks: list[Task]) -> None:
    for task in tasks:
        docstring = ast.get_docstring(ast.parse(task.source).body[0], clean=False)  # type: ignore[arg-type]
        assert docstring is not None
        read = [one for one in doctest.DocTestParser().get_examples(docstring) if not one.options.get(doctest.SKIP)]
        shown = [task.function.examples[place] for place in task.shown]
        assert [(one.source, one.want) for one in read] == [(one.source, one.want) for one in shown]
        lines = list(zip(task.source.split("\n"), task.solution.split("\n"), strict=True))
        assert [number for number, (one, other) in enumerate(lines, 1) if one != other] == [task.line]
        assert task.operator in {one.operator for one in mutants(task.source) if one.source == task.solution}


def test_examples_that_are_shown_or_hidden_need_no_others() -> None:
    """The original passes each group alone, and all the others without it."""
    pairs = []
    for one in known():
        for group in groups(one) if len(groups(one)) > 1 else ():
            imports = {
                place
                for place, example in enumerate(one.examples)
                if all(isinstance(node, IMPORTS) for node in library.statements(example))
            }
            for kept in ({*group} | imports, {*range(len(one.examples))} - {*group}):
                examples = tuple(example for place, example in enumerate(one.examples) if place in kept)
                pairs.append((one._replace(examples=examples), one.source))
    assert len(pairs) > 500
    assert all(map(all, run(pairs)))


def example_function(*typed: str) -> Function:
    return TAKE._replace(
        examples=tuple(Example(one, "" if one.endswith(";") else "1\n", None, 0, 0, 0) for one in typed)
    )


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        (["f(1)", "f(2)"], [(0,), (1,)]),
        (["x = 1;", "f(x)", "f(2)"], [(0, 1), (2,)]),
        (["x = 1;", "f(x)", "x = 2;", "f(x)"], [(0, 1), (2, 3)]),
        (["x = 1;", "x += 1;", "f(x)", "f(2)"], [(0, 1, 2), (3,)]),
        (["x = [];", "x[0] = 2;", "f(x)", "f(2)"], [(0, 1, 2), (3,)]),
        (["import x;", "f(x)", "f(x)"], [(1,), (2,)]),
        (["x = 1;", "y = x;", "f(y)", "f(3)"], [(0, 1, 2), (3,)]),
        (["[x for x in y]", "[x for x in y]"], [(0,), (1,)]),
        (["def x(): return y;", "f(x)", "f(3)"], [(0, 1), (2,)]),
        (["f(0)", "seed(1);", "f(1)", "f(2)"], [(0,), (1, 2, 3)]),
        (["x = 1;", "f(1)"], [(1,)]),
        (["x = 1;", "assert f(x);", "assert f(2);"], [(0, 1), (2,)]),
    ],
)
def test_groups_of_examples(typed: list[str], wanted: list[tuple[int, ...]]) -> None:
    assert list(groups(example_function(*typed))) == wanted


def test_hidden_examples_leave_no_gap() -> None:
    assert without(RIGHT, TAKE, [0]).split("\n")[:6] == [
        "def take(n, iterable):",
        '    """Return first *n* items of the *iterable* as a list.',
        "",
        "    If there are fewer than *n* items in the iterable, all of them are",
        "    returned.",
        "",
    ]
    assert without(RIGHT, TAKE, []) == RIGHT


def test_a_seed_gives_the_same_tasks_and_another_seed_others(tasks: list[Task]) -> None:
    assert draw_tasks(30, 2, 0) == tasks
    assert draw_tasks(10, 2, 0) == tasks[:10]
    others = draw_tasks(30, 2, 1)
    assert len({(one.source, one.hidden) for one in tasks} & {(one.source, one.hidden) for one in others}) < 10


def test_the_order_of_sets_changes_nothing() -> None:
    code = (
        "from raw2fig.tasks.mutants import draw_tasks\n"
        "print([task[1:] for task in draw_tasks(6, 1, 3, ['boltons.strutils', 'boltons.mathutils'])])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert len(said.pop()) > 1000


@pytest.mark.parametrize("module", ["more_itertools.none", "no_such_package.module", "boltons", "math", "numpy..x"])
def test_modules_that_have_no_text_are_refused(module: str) -> None:
    if module == "boltons":
        assert functions(module) == ()
        return
    with pytest.raises(InputError, match=re.escape(f"module: '{module}' is not installed")):
        functions(module)


def test_more_tasks_than_there_are_are_refused() -> None:
    with pytest.raises(InputError, match=r"number: 99 tasks, 1 of a function; expected at most \d"):
        draw_tasks(99, 1, 0, ["boltons.mathutils"])


def test_what_is_needed_of_a_package_is_found_by_names() -> None:
    parts = library.parts_for(named("more_itertools.more", "chunked"), frozenset({"batched"}))
    assert [part.module for part in parts] == ["more_itertools.recipes", "more_itertools.more"]
    assert "def take(" in parts[0].before
    assert "def batched(" in parts[0].before
    assert "def consume(" not in parts[0].before
    assert parts[1].before == "from functools import partial\nfrom .recipes import take, batched"
    sizes = library.parts_for(named("boltons.strutils", "bytes2human"), frozenset())
    assert "_SIZE_BOUNDS.append" in sizes[0].before
    assert set(
        names_bound(ast.parse("a, b.c = 1\nfor d[e] in [f for f in g]: import h.i as j, k.l\ndef m(): n = 1"))
    ) == {*"abdejkm"}

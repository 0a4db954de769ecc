"""The world of the miniature: its language beside Python itself, its repositories, its verifier. Checks have the
numbers of the reference sheet, section 10."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.papers.kimi_dev.language import (
    ARGUMENTS,
    FARTHEST,
    RESULT,
    VARIABLES,
    WIDEST,
    Function,
    Term,
    canonical,
    read_file,
    source,
    values,
    widest,
)
from raw2fig.papers.kimi_dev.language import OPERATORS as LANGUAGE
from raw2fig.papers.kimi_dev.lessons import KINDS, reproduction
from raw2fig.papers.kimi_dev.patches import apply
from raw2fig.papers.kimi_dev.tasks import EDITS, LONGER, OPERATOR, PARTS, Sizes, audited, collisions, drawn
from raw2fig.papers.kimi_dev.verifier import (
    Check,
    original,
    patched,
    program,
    read_check,
    reproduces,
    resolves,
    results,
    texts,
)
from raw2fig.papers.kimi_dev.words import FILE, REPLACE, SEARCH, SPLIT, THINK, fix, reasoning, text_of, vocabulary
from raw2fig.papers.kimi_dev.world import (
    FEWEST_POINTS,
    HIDDEN,
    REWARDED,
    SCORED,
    WRITTEN,
    Points,
    World,
    as_line,
    draw_function,
    draw_tasks,
    from_line,
    mutants,
    picker,
    same,
)
from raw2fig.sandbox.program import Limits, run_program
from raw2fig.tasks.parts import TEST, TRAINING

WORLD = World(lines=3, operators=["+", "-", "*", "max", "min"], symptoms=0.5, vague=0.5)
WIDER = World(lines=4, operators=["+", "-", "*", "max", "min", "//"], symptoms=0.0, vague=0.0)
TASKS = draw_tasks(np.random.default_rng(0), WORLD, TRAINING, 60)
OTHERS = draw_tasks(np.random.default_rng(1), WIDER, TEST, 30)


IN_PYTHON = """
import json, sys

given = json.load(sys.stdin)

def results(text, name):
    space = {}
    exec(text, space)
    def one(a, b):
        try:
            return space[name](a, b)
        except ZeroDivisionError:
            return "division by zero"
    return [one(*pair) for pair in given["points"]]

print(json.dumps([results(*program) for program in given["programs"]]))
"""
ERROR = int(np.iinfo(np.int64).min)
EVERY = [*zip(*(column.tolist() for column in HIDDEN), strict=True), *WRITTEN]
"""All arguments on which anything is judged."""


def computed_by_python(functions: Sequence[Function]) -> list[list[Any]]:
    """What Python itself gives in the sandbox for the texts of functions, a division by zero in words."""
    given = {"programs": [(source([one]), one.name) for one in functions], "points": EVERY}
    outcome = run_program(IN_PYTHON, json.dumps(given), Limits(cpu_seconds=60, output_bytes=64 << 20))
    assert outcome.status == "finished", outcome.stderr
    found: list[list[Any]] = json.loads(outcome.stdout)
    return found


def computed_here(function: Function) -> list[Any]:
    """What the evaluator gives for the text of a function, read again."""
    read = read_file(source([function]))
    assert read == {function.name: function}
    found = values(read[function.name], *np.array(EVERY).T).tolist()
    return ["division by zero" if value == ERROR else value for value in found]


def longer_ones(number: int) -> list[Function]:
    """Functions of the language that no task has and a model could write: up to seven lines, numbers up to 99."""
    pick, found = picker(np.random.default_rng(5)), list[Function]()
    while len(found) < number:
        targets = (*VARIABLES[: pick(len(VARIABLES) + 1)], RESULT)
        terms = []
        for place in range(len(targets)):
            atoms = (*ARGUMENTS, *targets[:place], str(pick(100)))
            terms.append(Term([*LANGUAGE][pick(len(LANGUAGE))], *(atoms[pick(len(atoms))] for _ in range(2))))
        if widest(one := Function("cost", targets, tuple(terms))) <= WIDEST:
            found.append(one)
    return found


def test_the_evaluator_gives_on_all_points_what_python_gives_in_the_sandbox() -> None:
    """Correct functions, every mutant of each of their lines, and what a model could write; errors correspond."""
    tasks = [(task, WORLD) for task in TASKS[:12]] + [(task, WIDER) for task in OTHERS[:12]]
    functions = [task.fixed for task, _ in tasks] + longer_ones(300)
    functions += [
        mutant
        for task, world in tasks
        for line in range(len(task.fixed.terms))
        for mutant in mutants(task.fixed, line, world)
    ]
    expected = computed_by_python(functions)
    assert [computed_here(one) for one in functions] == expected
    told = sum("division by zero" in row for row in expected)
    assert 50 < told < len(functions) / 2


def test_numbers_that_64_bits_may_not_hold_are_none_of_the_language() -> None:
    """Where Python goes on, an array would wrap around: to 0 for even numbers, or to what stands for an error."""
    squares = tuple(Term("*", atom, atom) for atom in ("a", *VARIABLES))
    one = Function("cost", (*VARIABLES, RESULT), squares)
    place, power = EVERY.index((2, 12)), 2 ** len(squares)
    assert values(one, *np.array(EVERY).T)[place] == 0
    assert computed_by_python([one])[0][place] == 2**power
    assert widest(one) == FARTHEST**power
    assert read_file(source([one])) is None
    assert max(abs(number) for pair in EVERY for number in pair) == FARTHEST
    assert all(widest(function) <= WIDEST for task in (*TASKS, *OTHERS) for function in (task.fixed, task.broken))


def test_files_are_read_as_they_were_written() -> None:
    for task in (*TASKS, *OTHERS):
        for path, text in texts(task).items():
            assert read_file(text) == {one.name: one for one in task.files[path]}


@pytest.mark.parametrize(
    "text",
    [
        "def cost(a, b):\n    x = a + q\n    return x\n",
        "def cost(a, b):\n    return x + 1\n    x = a + 1\n",
        "def cost(a, b):\n    x = a + 1\n",
        "def cost(a, b):\n    while True: pass\n    return a + b\n",
        "import os\ndef cost(a, b):\n    return a + b\n",
        "def cost(a, b):\n    return a + b\ndef cost(a, b):\n    return a - b\n",
        "def cost(a, b):\n    x = a + 1\n    x = a + 2\n    return x + 1\n",
        "def cost(a, b):\n  return a + b\n",
        "def cost(a, b):\n    return __import__('os') + b\n",
        # Python has syntax errors here
        "def cost(a, b):\n    return a + 01\n",
        "def cost(a, b):\n    return a + \u0663\n",
        "def is(a, b):\n    return a + b\n",
        "def cost(a, b):\u2028    return a + b\n",
        # and here another function in the place of its own
        "def max(a, b):\n    return a + b\ndef cost(a, b):\n    return max(a, b)\n",
    ],
    ids=[
        *("unknown", "before", "no result", "loop", "import", "twice", "again", "indent", "call"),
        *("zero", "digit", "keyword", "line", "max"),
    ],
)
def test_what_is_not_of_the_language_is_no_program(text: str) -> None:
    assert read_file(text) is None


@given(st.text(max_size=60))
def test_no_text_makes_the_reader_fail(text: str) -> None:
    assert read_file(text) is None or isinstance(read_file(text), dict)


def test_the_canonical_form_forgets_names_constants_and_the_order_of_arguments() -> None:
    one = Function("cost", ("x", "y", "return"), (Term("+", "a", "1"), Term("*", "x", "b"), Term("-", "y", "x")))
    other = Function("size", ("u", "v", "return"), (Term("+", "b", "3"), Term("*", "u", "a"), Term("-", "v", "u")))
    assert canonical(one) == canonical(other)
    assert canonical(one) != canonical(one._replace(terms=(Term("-", "a", "1"), *one.terms[1:])))


def test_check_07_training_and_test_share_no_function() -> None:
    sizes = Sizes(training=300, validation=100, test=100, other=40)
    rng = np.random.default_rng(3)
    found = {part: drawn(rng, WORLD, sizes, part) for part in PARTS}
    for part in PARTS[1:]:
        assert collisions(found[PARTS[0]], found[part]) == 0
    assert collisions(found[PARTS[0]], found[PARTS[0]]) > 200
    assert all(len(task.fixed.terms) == 4 for task in found[LONGER])
    assert all(any(term.operator == "//" for term in task.fixed.terms) for task in found[OPERATOR])


def test_every_task_has_one_wrong_token_of_one_line_and_says_where() -> None:
    for task in (*TASKS, *OTHERS):
        assert len(task.files) == 3
        assert all(len(functions) == 2 for functions in task.files.values())
        pairs = list(zip(task.fixed.terms, task.broken.terms, strict=True))
        different = [line for line, (right, wrong) in enumerate(pairs) if right != wrong]
        assert different == [task.line]
        assert sum(one != other for one, other in zip(*pairs[task.line], strict=True)) == 1
        assert from_line(as_line(task)) == task
    assert {task.symptom for task in TASKS} == {True, False}


def test_functions_are_those_of_a_draw_of_all_lines_at_once_that_is_repeated_until_it_fits() -> None:
    """Lines are drawn one by one. How often each operand comes in each line is what drawing whole functions gives."""
    pick, variables, number = picker(np.random.default_rng(3)), ("x", "y"), 20_000
    known = [("a", "b", *variables[:place], "1", "2", "3") for place in range(3)]
    whole = Counter[tuple[int, str]]()
    found = 0
    while found < number:
        lines = [[atoms[pick(len(atoms))] for _ in range(2)] for atoms in known]
        if {*lines[-1]} & {*variables} and not any({*line} <= {"1", "2", "3"} for line in lines):
            whole.update((place, atom) for place, line in enumerate(lines) for atom in line)
            found += 1
    drawn = [draw_function(pick, "cost", variables, WORLD) for _ in range(number)]
    single = Counter((place, atom) for one in drawn for place, term in enumerate(one.terms) for atom in term[1:])
    assert set(single) == set(whole)
    # two shares of 40,000 draws differ by less than 0.0035 in standard deviation
    assert all(abs(single[key] - whole[key]) < 5 * 0.0035 * 2 * number for key in whole)


def test_rewards_have_enough_points_and_scores_have_others() -> None:
    rewarded, scored = (set(zip(points.a.tolist(), points.b.tolist(), strict=True)) for points in (REWARDED, SCORED))
    assert len(rewarded) == len(REWARDED.a) >= FEWEST_POINTS
    assert len(scored) == len(SCORED.a) == 185
    assert not rewarded & (set(WRITTEN) | scored)
    for points in (rewarded, scored):
        assert any(a == b for a, b in points)
        assert {0, 1} == {a % 2 for a, b in points} == {b % 2 for a, b in points}
        assert any(a == 0 for a, b in points)
        assert any(b == 0 for a, b in points)


def test_check_06_both_sets_of_hidden_tests_notice_every_bug() -> None:
    """Also one that shows at few points: `2 // a` for `a // a`, say, or a division by zero."""
    for world, part in ((WORLD, TRAINING), (WIDER, TEST)):
        for task in draw_tasks(np.random.default_rng(8), world, part, 1500):
            assert not same(task.fixed, task.broken, REWARDED)
            assert not same(task.fixed, task.broken, SCORED)
    # drawn for one set alone, the first of them would pass on the other
    zero = Function("cost", ("x", "return"), (Term("//", "a", "a"), Term("+", "b", "x")))
    other = zero._replace(terms=(Term("max", "1", "1"), zero.terms[1]))
    odd = Points(*(column[SCORED.a % 2 == 1] for column in SCORED))
    assert same(zero, other, odd)
    assert not same(zero, other, SCORED)


def test_check_06_and_22_the_reference_edit_restores_the_source_and_is_right_every_time() -> None:
    for task in (*TASKS, *OTHERS):
        after = apply(texts(task), text_of([*reasoning(task), *fix(task)])).after
        assert after is not None
        right = tuple(task.fixed if one.name == task.fixed.name else one for one in task.files[task.path])
        assert after == {**texts(task), task.path: source(right)}
        for _ in range(5):
            assert resolves(task, patched(task, fix(task)), REWARDED)
            assert resolves(task, patched(task, fix(task)), SCORED)
        assert not resolves(task, original(task), REWARDED)


def test_check_21_nothing_a_comment_and_white_space_are_worth_nothing() -> None:
    for row in audited(TASKS):
        assert (row["rewarded"], row["scored"]) == ((1, 1) if row["edit"] == "reference" else (0, 0))
    task = TASKS[0]
    line = text_of(fix(task)).split("\n")[3]
    for new in (f"{line}  # a comment", f"{line} ", f"\n{line}"):
        text = f"```python\n### {task.path}\n<<<<<<< SEARCH\n{line}\n=======\n{new}\n>>>>>>> REPLACE\n```\n"
        after = apply(texts(task), text).after

        assert after is None or not resolves(task, program(after), REWARDED)


def test_check_09_deleting_the_function_or_a_test_or_hanging_is_worth_nothing() -> None:
    task = TASKS[0]
    assert not resolves(task, patched(task, EDITS["function removed"](task)), REWARDED)
    assert patched(task, [FILE, "tests/m1.py", SEARCH, "x=", "a", ";", SPLIT, REPLACE]) is None
    line = text_of(fix(task)).split("\n")[3]
    text = f"```python\n### {task.path}\n<<<<<<< SEARCH\n{line}\n=======\n    while True: pass\n>>>>>>> REPLACE\n```\n"
    after = apply(texts(task), text).after
    assert after is not None

    assert program(after) is None
    # another function may not change either
    _, functions = next((p, f) for p, f in task.files.items() if p != task.path)
    broken = {**original(task), task.fixed.name: task.fixed}
    other = functions[0]
    worse = other._replace(terms=(*other.terms[:-1], Term("+", "a", "b")))
    assert resolves(task, broken, REWARDED)
    assert not resolves(task, {**broken, other.name: worse}, REWARDED)


def test_check_08_a_test_counts_only_if_it_fails_before_and_passes_after() -> None:
    for task in TASKS:
        right, wrong = results(task.fixed), results(task.broken)
        for a, b in WRITTEN:
            assert reproduces(task, Check(task.fixed.name, a, b, right[a, b])) == (right[a, b] != wrong[a, b])
            assert not reproduces(task, Check(task.fixed.name, a, b, wrong[a, b]))
            assert not reproduces(task, Check(task.fixed.name, a, b, 99))
        assert not reproduces(task, Check("nothing", 0, 0, 0))
        assert not reproduces(task, None)


@pytest.mark.parametrize(
    "answer", ["", "CHECK cost 1 2 ==", "CHECK cost 1 9 == 3", "CHECK cost x 2 == 3", "THINK a 1 CHECK cost 1 2 == 3"]
)
def test_a_test_of_another_form_does_not_run(answer: str) -> None:
    assert read_check(answer.split()) is None


def test_lessons_are_made_of_known_words_and_their_tests_reproduce() -> None:
    known = {*vocabulary(), "<eos>"}
    pick = picker(np.random.default_rng(2))
    for task in TASKS:
        for lesson in (make(pick, task, WORLD) for make in KINDS.values()):
            assert lesson is None or all(word in known for words, _ in lesson for word in words)
        lesson = reproduction(pick, task)
        if lesson is not None:
            answer = lesson[1][0][:-1]
            assert (answer[0] == THINK) == (task.example is None)
            assert reproduces(task, read_check(answer))

"""The world of the miniature: its language beside Python itself, its repositories, its verifier. Checks have the
numbers of the reference sheet, section 10."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from raw2fig.papers.kimi_dev.language import Function, Term, canonical, read_file, source, values
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
    REWARDED,
    SCORED,
    WRITTEN,
    Task,
    World,
    as_line,
    draw_tasks,
    from_line,
    picker,
)
from raw2fig.tasks.parts import TEST, TRAINING

WORLD = World(lines=3, operators=["+", "-", "*", "max", "min"], symptoms=0.5, vague=0.5)
WIDER = World(lines=4, operators=["+", "-", "*", "max", "min", "//"], symptoms=0.0, vague=0.0)
TASKS = draw_tasks(np.random.default_rng(0), WORLD, TRAINING, 60)
OTHERS = draw_tasks(np.random.default_rng(1), WIDER, TEST, 30)


def computed_by_python(files: list[str], name: str, points: list[tuple[int, int]]) -> list[Any]:
    """What Python itself gives, each error as None, in a process of its own. The texts are ours, not a model's."""
    program = f"""
for text in {files!r}:
    exec(text)
def one(a, b):
    try:
        return {name}(a, b)
    except ZeroDivisionError:
        return None
print([one(a, b) for a, b in {points!r}])
"""
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    return list(eval(done.stdout, {"__builtins__": {}}))


@pytest.mark.parametrize("task", [*TASKS[:6], *OTHERS[:6]])
def test_the_language_computes_what_python_computes(task: Task) -> None:
    points = list(zip(SCORED.a.tolist(), SCORED.b.tolist(), strict=True))
    for function in (task.fixed, task.broken):
        expected = computed_by_python([source([function])], function.name, points)
        found = [None if value == np.iinfo(np.int64).min else value for value in values(function, *SCORED).tolist()]
        assert found == expected


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
    ],
    ids=["unknown", "before", "no result", "loop", "import", "twice", "again", "indent", "call"],
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


def test_rewards_have_enough_points_and_scores_have_others() -> None:
    rewarded, scored = (set(zip(points.a.tolist(), points.b.tolist(), strict=True)) for points in (REWARDED, SCORED))
    assert len(rewarded) >= FEWEST_POINTS
    assert len(scored) == 144
    assert not rewarded & set(WRITTEN)


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

"""Questions to pretrained models, what is kept of their answers, and self-play; a script stands for a model."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from agentic_tools import chat_tokenizer

from raw2fig.errors import InputError
from raw2fig.lm.client import Asked, Failure, Generated, ModelClient
from raw2fig.papers.kimi_dev.answering import Asking, Written, read_answers, within, write_answers, written
from raw2fig.papers.kimi_dev.chats import ROLES, answer_of, applied, edit, localisation, tree
from raw2fig.papers.kimi_dev.games import play_issues
from raw2fig.papers.kimi_dev.issues import Issue, judged, reproduces, write_issues
from raw2fig.papers.kimi_dev.make_issues import Drawing, make_issues
from raw2fig.papers.kimi_dev.matrix import Running
from raw2fig.papers.kimi_dev.patches import Block, parse, render
from raw2fig.papers.kimi_dev.reinforcing import Shown, asked_for, solved
from raw2fig.papers.kimi_dev.teaching import Chat, encoded, read_chats, reference_answers, references, right_chats
from raw2fig.step import run_step

RUNNING = Running(cpu_seconds=1, wall_seconds=60, memory_mb=512)
ASKING = Asking(engine="sampler", samples=3, temperature=1.0, new_tokens=8, longest=100, batch=4)
FILES = {"pkg/__init__.py": "", "pkg/core.py": "def f(x):\n    return x - 1\n", "tests/test_f.py": "SEEN = []\n"}
TESTS = {"tests/test_hidden.py": "from pkg.core import f\n\n\ndef test_a():\n    assert f(1) == 2\n"}
GOLD: dict[str, str | None] = {"pkg/core.py": "def f(x):\n    return x + 1\n"}
ISSUE = Issue("one", "f(1) should be 2.", FILES, GOLD, TESTS, ("tests/test_hidden.py::test_a",), ())
RIGHT = render([Block("pkg/core.py", ("    return x - 1",), ("    return x + 1",))])
LUCKY = render([Block("pkg/core.py", ("    return x - 1",), ("    return 2",))])
ASSERTED = ("from pkg.core import f", "", "def test_b():", "    assert f(4) == 5")
TESTED = render([Block("tests/test_f.py", ("SEEN = []",), ASSERTED)])


def scripted(reply: Callable[[str, int], str]) -> ModelClient:
    """A model whose reply depends on the question and on the number of the request."""

    def client(requests: Sequence[Asked]) -> list[Generated | Failure]:
        texts = [reply(one.messages[0].content, number) for number, one in enumerate(requests)]
        return [Generated(text, 0, 0, {}, "stop") for text in texts]

    return client


def repairing(question: str, number: int) -> str:
    """Names the right file of each role and then repairs, or tests."""
    tests = "test files" in question
    if "BEGIN TREE" in question:
        return answer_of(["tests/test_f.py" if tests else "pkg/core.py"])
    return TESTED if tests else RIGHT


def test_the_tree_hides_tests_from_the_role_that_repairs() -> None:
    paths = ["b.py", "tests/a.py", "pkg/test_x.py", "README.md", "testing.py", "pkg/contest.py"]
    assert tree(paths, "BugFixer") == "b.py\npkg/contest.py"
    assert tree(paths, "TestWriter") == "b.py\npkg/contest.py\npkg/test_x.py\ntesting.py\ntests/a.py"


def test_questions_have_the_issue_and_whole_files_between_their_marks() -> None:
    (asked,) = localisation(ISSUE.text, ISSUE.files, "BugFixer")
    assert "BEGIN ISSUE\nf(1) should be 2.\nEND ISSUE" in asked.content
    assert "BEGIN TREE\npkg/__init__.py\npkg/core.py\nEND TREE" in asked.content
    (asked,) = edit(ISSUE.text, {"pkg/core.py": FILES["pkg/core.py"]}, "BugFixer")
    assert f"BEGIN FILE\n### pkg/core.py\n{FILES['pkg/core.py']}\nEND FILE" in asked.content
    (example,) = parse(asked.content)  # the form that is shown is one that is read
    assert example.flaw == ""


def test_an_answer_changes_the_files_that_were_shown_alone() -> None:
    assert applied(FILES, ["pkg/core.py"], RIGHT).after == {**FILES, **GOLD}
    assert applied(FILES, ["pkg/__init__.py"], RIGHT).after is None
    assert applied(FILES, ["pkg/core.py"], f"<think>\n{LUCKY}\n</think>\n{RIGHT}").after == {**FILES, **GOLD}


def test_a_test_reproduces_only_if_it_turns_with_the_fix() -> None:
    def after(*lines: str) -> dict[str, str]:
        return {**FILES, "tests/test_f.py": "\n".join([ASSERTED[0], *lines, ""])}

    turning = after("def test_b():", "    assert f(4) == 5")
    always = after("def test_b():", "    assert f(4) == 6")
    never = after("def test_b():", "    pass")
    broken = after("def test_b(:")
    meddling = {**turning, "pkg/core.py": "def f(x):\n    return 0\n"}
    answers = [turning, always, never, broken, meddling, None, dict(FILES)]
    assert reproduces([ISSUE] * len(answers), answers, RUNNING) == [True, *[False] * 6]


def test_answers_come_in_two_steps_and_only_the_first_is_greedy(tmp_path: Path) -> None:
    temperatures: list[float] = []

    def client(requests: Sequence[Asked]) -> list[Generated | Failure]:
        temperatures.extend(one.temperature for one in requests)
        return scripted(repairing)(requests)

    found = written(client, [ISSUE], ASKING, ROLES, 0)
    assert temperatures == [0.0, 1.0, 1.0] * 4
    assert [(one.role, one.sample) for one in found] == [(role, sample) for role in ROLES for sample in range(3)]
    assert [one.paths for one in found[::3]] == [("pkg/core.py",), ("tests/test_f.py",)]
    assert (found[0].answer, found[-1].answer) == (RIGHT, TESTED)
    write_answers(found, tmp_path / "answers.jsonl")
    assert read_answers(tmp_path / "answers.jsonl") == found


def test_without_a_file_nothing_is_asked_for() -> None:
    asked: list[str] = []

    def silent(question: str, number: int) -> str:
        asked.append(question)
        return "I do not know."

    found = written(scripted(silent), [ISSUE], ASKING, ["BugFixer"], 0)
    assert len(asked) == 3
    assert {(one.paths, one.answer) for one in found} == {((), "")}


def test_questions_that_are_too_long_are_not_asked() -> None:
    words = chat_tokenizer()
    messages = localisation("x" * 50, {}, "BugFixer"), localisation("x" * 5000, {}, "BugFixer")
    requests = [Asked(one, 0, 0.0, 8, ()) for one in messages]
    told = within(scripted(lambda question, number: "yes"), words, 2000)(requests)
    assert [one.text for one in told if isinstance(one, Generated)] == ["yes", ""]


def test_prompts_are_the_right_files_and_what_the_model_names_else() -> None:
    names = ["pkg/__init__.py", "nothing.py", "pkg/core.py", "pkg/__init__.py"]
    client = scripted(lambda question, number: answer_of([names[number]]))
    prompts = asked_for(client, [ISSUE], 4, ASKING, np.random.default_rng(0))
    assert [one.paths for one in prompts] == [("pkg/core.py",), ("pkg/__init__.py",)]


def test_tries_that_resolve_are_counted() -> None:
    prompts = [Shown(ISSUE, ("pkg/core.py",)), Shown(ISSUE, ("pkg/__init__.py",))]
    client = scripted(lambda question, number: (RIGHT, "nothing", RIGHT)[number % 3])
    assert solved(client, prompts, 3, ASKING, RUNNING, np.random.default_rng(0)) == [2, 0]


def test_only_right_answers_become_chats(tmp_path: Path) -> None:
    write_issues([ISSUE], tmp_path / "issues.jsonl")
    named = answer_of(["pkg/core.py"]), ("pkg/core.py",)
    answers = [Written("one", "BugFixer", number, *named, text) for number, text in enumerate([RIGHT, "no", RIGHT])]
    answers.append(Written("one", "TestWriter", 0, answer_of(["tests/test_f.py"]), ("tests/test_f.py",), TESTED))
    write_answers(answers, tmp_path / "answers.jsonl")
    files = {"chats": tmp_path / "chats.jsonl", "table": tmp_path / "table.csv"}
    inputs = {"issues": [tmp_path / "issues.jsonl"], "answers": [tmp_path / "answers.jsonl"]}
    run_step(right_chats, {**inputs, **files, "running": RUNNING})
    chats = [*read_chats([files["chats"]])]
    assert [one.answer for one in chats] == [named[0], RIGHT, answer_of(["tests/test_f.py"]), TESTED]
    assert chats[1].messages == edit(ISSUE.text, {"pkg/core.py": FILES["pkg/core.py"]}, "BugFixer")
    assert pd.read_csv(files["table"]).to_numpy().tolist() == [["BugFixer", 3, 2], ["TestWriter", 1, 1]]
    write_answers(answers[1:2], tmp_path / "answers.jsonl")
    with pytest.raises(InputError, match="none of 1 answers is right"):
        run_step(right_chats, {**inputs, **files, "running": RUNNING})


def test_the_loss_counts_the_answer_of_a_chat_and_the_whole_of_a_text() -> None:
    words = chat_tokenizer()
    chat = encoded(words, Chat("edit", edit("a", {}, "BugFixer"), "yes"), 4000)
    assert chat is not None
    assert words.decode(chat.ids[chat.prompt_length :]) == "yes<|im_end|>"
    text = encoded(words, Chat("pack", (), "all of it"), 4000)
    assert text is not None
    assert (text.prompt_length, words.decode(text.ids)) == (0, "all of it<|im_end|>")
    assert encoded(words, Chat("edit", edit("a", {}, "BugFixer"), "yes"), 100) is None


def test_games_have_the_columns_of_the_miniature_s(tmp_path: Path) -> None:
    """The greedy patch is wrong; the second passes the hidden test by luck, the third is right. The test that was
    written tells them apart."""
    write_issues([ISSUE], tmp_path / "issues.jsonl")
    patch, test = (answer_of([path]) for path in ("pkg/core.py", "tests/test_f.py"))
    answers = [
        *(Written("one", "BugFixer", n, patch, ("pkg/core.py",), text) for n, text in enumerate(["no", LUCKY, RIGHT])),
        *(Written("one", "TestWriter", n, test, ("tests/test_f.py",), text) for n, text in enumerate(["", TESTED, ""])),
    ]
    write_answers(answers, tmp_path / "answers.jsonl")
    given = {"issues": tmp_path / "issues.jsonl", "answers": tmp_path / "answers.jsonl", "table": tmp_path / "play.csv"}
    run_step(play_issues, {**given, "name": "SFT", "sizes": [1, 3], "running": RUNNING, "replicate": 2})
    play = pd.read_csv(tmp_path / "play.csv").set_index(["measure", "size"])["value"]
    assert play["self-play", 1] == play["pass", 1] == 0
    assert play["self-play", 3] == play["pass", 3] == 1
    assert (play["resolved", 3], play["applies", 3], play["localised", 3]) == (1, 1, 1)
    assert (play["reproduces", 3], play["distinct patches", 3]) == (0.5, 2)
    with pytest.raises(InputError, match="has no answer"):
        run_step(play_issues, {**given, "name": "SFT", "sizes": [4], "running": RUNNING, "replicate": 2})


def test_issues_of_packages_can_be_answered_in_both_roles(tmp_path: Path) -> None:
    from raw2fig.papers.kimi_dev.issues import read_issues

    drawing = Drawing(number=40, per_function=1)
    run_step(make_issues, {"issues": tmp_path / "made", "drawing": drawing, "running": RUNNING, "replicate": 0})
    parts = {path.stem: read_issues(path) for path in (tmp_path / "made").iterdir()}
    functions = {part: {one.name.rpartition("-")[0] for one in found} for part, found in parts.items()}
    assert [*map(len, functions.values())] == [*map(len, parts.values())]
    assert not functions["training"] & functions["test"]
    some = parts["training"][:5]
    assert all(one.fail_to_pass for one in some)
    answers = [references(one) for one in some]
    afters = [
        [applied(one.files, each.paths, each.answer).after for each in mine]
        for one, mine in zip(some, answers, strict=True)
    ]
    assert judged(some, [both[0] for both in afters], RUNNING) == [True] * 5
    assert sum(reproduces(some, [both[1] for both in afters], RUNNING)) >= 4
    run_step(reference_answers, {"issues": [tmp_path / "made/training.jsonl"], "answers": tmp_path / "answers.jsonl"})
    assert len(read_answers(tmp_path / "answers.jsonl")) == 2 * len(parts["training"])

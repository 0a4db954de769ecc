"""Strict answers, edits made from files, diffs, votes. Checks have the numbers of the reference sheet, section 10."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from raw2fig.papers.kimi_dev.diffs import apply_diff, unified
from raw2fig.papers.kimi_dev.edits import blocks_between
from raw2fig.papers.kimi_dev.patches import (
    MARKERS,
    MOST_PATHS,
    Block,
    apply,
    apply_blocks,
    localised,
    parse,
    render,
    without_thinking,
)
from raw2fig.papers.kimi_dev.voting import majority, normalised

FILES = {"a.py": "x = 1\ny = 2\nx = 1\n\nz = 3\n", "pkg/b.py": "XX = 10\n", "notes.md": "one\ntwo\n"}


def answer(*blocks: tuple[str, str, str]) -> str:
    """Blocks of (path, SEARCH, REPLACE), each in its fence."""
    parts = [f"```python\n### {p}\n<<<<<<< SEARCH\n{s}=======\n{r}>>>>>>> REPLACE\n```\n" for p, s, r in blocks]
    return "First a look.\n\n" + "\nAnd then:\n".join(parts)


def reasons(text: str, files: dict[str, str] = FILES) -> list[str | None]:
    applied = apply(files, text)
    assert (applied.after is None) == bool(applied.failures)
    return [one.reason for one in applied.outcomes]


def test_blocks_are_applied_one_after_the_other() -> None:
    text = answer(
        ("a.py", "y = 2\n", "y = 4\nw = 5\n"), ("a.py", "w = 5\nx = 1\n", "x = 6\n"), ("notes.md", "two\n", "")
    )
    after = apply(FILES, text).after
    assert after == {**FILES, "a.py": "x = 1\ny = 4\nx = 6\n\nz = 3\n", "notes.md": "one\n"}
    assert FILES["a.py"].startswith("x = 1\ny = 2")  # what was given is as it was


@pytest.mark.parametrize(
    ("blocks", "reason"),
    [
        ((("c.py", "x = 1\n", "x = 2\n"),), "bad_path"),
        ((("a.py ", "y = 2\n", "y = 3\n"),), "bad_path"),
        ((("b.py", "XX = 10\n", "XX = 11\n"),), "bad_path"),
        ((("pkg/b.py", "X = 10\n", "X = 11\n"),), "not_found"),
        ((("a.py", "y = 2 \n", "y = 3\n"),), "not_found"),
        ((("a.py", " y = 2\n", "y = 3\n"),), "not_found"),
        ((("a.py", "x = 1\n", "x = 2\n"),), "ambiguous"),
        ((("a.py", "", "x = 2\n"),), "empty_search"),
        ((("a.py", "\n", "x = 2\n"),), "empty_search"),
        ((("a.py", "y = 2\n", "y = 2\n"),), "noop"),
        ((("a.py", "y = 2\n", "y = (\n"),), "syntax_error"),
    ],
)
def test_check_04_strict_reading_refuses_each_defect_for_its_own_reason(
    blocks: tuple[tuple[str, str, str], ...], reason: str
) -> None:
    good = ("notes.md", "two\n", "three\n")
    assert reasons(answer(*blocks)) == [reason]
    assert reasons(answer(good, *blocks)) == [None, reason]  # and all of the answer is without effect


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just words",
        answer(("a.py", "y = 2\n", "y = 3\n")).replace("```python", "```"),
        answer(("a.py", "y = 2\n", "y = 3\n")).replace("```python\n", ""),
        answer(("a.py", "y = 2\n", "y = 3\n")).replace("\n", "\r\n"),
        answer(("a.py", "y = 2\n", "y = 3\n")).replace("<<<<<<<", "<<<<"),
        answer(("a.py", "y = 2\n", "y = 3\n")).replace("=======", "===="),
        answer(("a.py", "y = 2\n", "y = 3\n")).replace(">>>>>>> REPLACE", ""),
        answer(("a.py", "y = 2\n=======\n", "y = 3\n")),
        "<think>I begin\n" + answer(("a.py", "y = 2\n", "y = 3\n")),
    ],
)
def test_what_is_in_another_form_is_no_block(text: str) -> None:
    assert set(reasons(text)) == {"no_block"}


def test_a_block_without_its_own_path_fails() -> None:
    second = "<<<<<<< SEARCH\nz = 3\n=======\nz = 4\n>>>>>>> REPLACE\n```"
    text = answer(("a.py", "y = 2\n", "y = 3\n")).removesuffix("```\n") + second
    assert reasons(text) == [None, "bad_path"]


def test_blocks_that_undo_one_another_are_no_change() -> None:
    assert reasons(answer(("a.py", "y = 2\n", "y = 3\n"), ("a.py", "y = 3\n", "y = 2\n"))) == [None, None, "noop"]


def test_a_block_that_another_interrupts_has_a_flaw() -> None:
    begun = "```python\n### a.py\n<<<<<<< SEARCH\ny = 2\n"
    assert reasons(begun + "### a.py\n<<<<<<< SEARCH\nz = 3\n=======\nz = 4\n>>>>>>> REPLACE\n```") == [
        "no_block",
        None,
    ]


@pytest.mark.parametrize(("begin", "end"), [("◁think▷", "◁/think▷"), ("<think>", "</think>"), ("", "</think>")])
def test_thinking_is_not_read(begin: str, end: str) -> None:
    thought = answer(("a.py", "y = 2\n", "y = 9\n"))
    text = f"{begin}{thought}{end}\n" + answer(("a.py", "y = 2\n", "y = 3\n"))
    (block,) = parse(text)
    assert block.replace == ("y = 3",)
    assert without_thinking("no thinking") == "no thinking"


def test_localisation_names_known_files_once_and_at_most_five() -> None:
    files = [f"f{number}.py" for number in range(9)]
    listed = "\n".join(["f3.py", "f1.py", "f3.py", "unknown.py", *files])
    found = localised(f"<think>```\nf8.py\n```</think>At first\n```\nf7.py\n```\nbut then\n```\n{listed}\n```\n", files)
    assert found == ["f3.py", "f1.py", "f0.py", "f2.py", "f4.py"]
    assert len(found) == MOST_PATHS
    assert localised("f1.py", files) == []


line = st.one_of(
    st.sampled_from(
        ["", "    ", "a", "b", "    return x", "```", "```python", "### a.py", "def f(x):", "\x0c", "\r", " a"]
    ),
    st.text(st.characters(exclude_characters="\n", codec="utf-8"), max_size=6),
)
text_of_file = st.lists(line, max_size=24).map("\n".join)


@given(before=text_of_file, after=text_of_file)
@example("a", "a\n")
@example("a\n", "a")
@example("a", "")
@example("a\n\n\na\n", "a\n")
@example("\na\n", "\n\n\n\n")
def test_check_05_edits_between_two_files_make_the_second_of_the_first(before: str, after: str) -> None:
    assume(before.strip() and before != after)
    assume(not {*MARKERS} & {*before.split("\n"), *after.split("\n")})
    blocks = blocks_between("f.txt", before, after)
    text = "Reasoning.\n" + render(blocks)
    assert parse(text) == blocks
    assert apply({"f.txt": before}, text).after == {"f.txt": after}


@given(before=text_of_file, after=text_of_file)
def test_each_search_stands_in_its_file_once_and_changes_something(before: str, after: str) -> None:
    assume(before.strip())
    files = {"f.txt": before}
    for block in blocks_between("f.txt", before, after):
        assert block.search != block.replace
        (outcome,) = (applied := apply_blocks(files, [block])).outcomes
        assert outcome.reason is None
        assert applied.after
        files = applied.after


def test_search_is_what_is_replaced_or_the_context_of_an_insertion() -> None:
    before = "".join(f"line {number}\n" for number in range(20))
    changed = blocks_between("f.txt", before, before.replace("line 7\n", "new\n"))
    assert changed == [Block("f.txt", ("line 7",), ("new",))]
    (inserted,) = blocks_between("f.txt", before, before.replace("line 7\n", "line 7\nnew\n"))
    assert inserted.search == tuple(f"line {number}" for number in range(5, 11))
    (deleted,) = blocks_between("f.txt", before, before.replace("line 7\n", ""))
    assert deleted.search == tuple(f"line {number}" for number in range(4, 11))
    with pytest.raises(ValueError, match="only empty lines"):
        blocks_between("f.txt", "\n\n", "\n")
    with pytest.raises(ValueError, match="is the marker"):
        render([Block("f.txt", ("=======",), ("a",))])


def git_apply(folder: Path, files: dict[str, str], diff: str) -> dict[str, str] | None:
    """The files after `git apply`, None where it refuses."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
    done = subprocess.run(["git", "apply", "--whitespace=nowarn", "-"], input=diff.encode(), cwd=folder, check=False)
    if done.returncode:
        return None
    found = {str(path.relative_to(folder)): path.read_bytes().decode() for path in folder.rglob("*") if path.is_file()}
    return dict(sorted(found.items()))


AFTERS = [
    {**FILES, "a.py": "x = 1\ny = 5\nx = 1\n\nz = 3"},
    {**FILES, "a.py": FILES["a.py"] + "w = 1\n", "notes.md": "two\n", "new/c.py": "c = 1\n"},
    {"a.py": FILES["a.py"], "pkg/b.py": "XX = 10"},
    {**FILES, "pkg/b.py": "YY = 1\r\nZ = 2\n", "with space.txt": "a"},
]


@pytest.mark.parametrize("after", AFTERS)
def test_git_makes_the_same_of_our_diffs(tmp_path: Path, after: dict[str, str]) -> None:
    diff = unified(FILES, after)
    assert apply_diff(FILES, diff).after == after
    assert git_apply(tmp_path, FILES, diff) == dict(sorted(after.items()))
    assert unified(after, after) == ""


@pytest.mark.parametrize("after", AFTERS)
def test_we_make_the_same_of_the_diffs_of_git(tmp_path: Path, after: dict[str, str]) -> None:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=tmp_path, capture_output=True, check=True).stdout.decode()

    def write(files: dict[str, str]) -> None:
        for path, text in files.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(text.encode())

    write(FILES)
    git("init", "--quiet")
    git("add", "--all")
    for path in FILES.keys() - after.keys():
        (tmp_path / path).unlink()
    write(after)
    if new := after.keys() - FILES.keys():
        git("add", "--intent-to-add", *new)
    diff = git("diff", "--no-renames")
    assert apply_diff(FILES, diff).after == after


@given(before=text_of_file, after=text_of_file)
def test_diffs_come_back(before: str, after: str) -> None:
    assume(before != after)
    assert apply_diff({"f.txt": before}, unified({"f.txt": before}, {"f.txt": after})).after == {"f.txt": after}


def test_strict_answers_and_git_agree_on_the_result(tmp_path: Path) -> None:
    after = apply(FILES, answer(("a.py", "y = 2\n", ""), ("pkg/b.py", "XX = 10\n", "XX = 11\nYY = 12\n"))).after
    assert after
    assert git_apply(tmp_path, FILES, unified(FILES, after)) == dict(sorted(after.items()))


@pytest.mark.parametrize(
    ("diff", "reason"),
    [
        ("hello", "no_block"),
        ("--- a/a.py\n+++ b/a.py\n@@ -1,9 +1 @@\n-x = 1\n", "no_block"),
        ("--- a/c.py\n+++ b/c.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n", "bad_path"),
        ("--- /dev/null\n+++ b/a.py\n@@ -0,0 +1 @@\n+x = 2\n", "bad_path"),
        ("--- a/a.py\n+++ b/a.py\n@@ -2 +2 @@\n-x = 1\n+x = 2\n", "not_found"),
        ("--- a/a.py\n+++ b/a.py\n@@ -2 +2 @@\n-y = 2\n+y = (\n", "syntax_error"),
        ("--- a/a.py\n+++ b/a.py\n@@ -2 +2 @@\n-y = 2\n+y = 2\n", "noop"),
    ],
)
def test_every_failure_of_a_diff_has_its_reason(diff: str, reason: str) -> None:
    applied = apply_diff(FILES, diff)
    assert applied.after is None
    assert [one.reason for one in applied.failures] == [reason]


ORIGINAL = {"a.py": 'def f(a, b):\n    """Add."""\n    return a\n'}


def voted(*bodies: str | None) -> list[dict[str, str] | None]:
    return [None if body is None else {"a.py": body} for body in bodies]


def test_check_17_votes_are_equal_after_comments_docstrings_and_spacing() -> None:
    sums = [
        'def f(a, b):\n    """Add."""\n    return a + b\n',
        "def f(a, b):\n    return (a+b)  # the sum\n",
        'def f(a,b):\n    """The sum of both.\n\n    All of it."""\n\n\n    return a + b\n',
    ]
    assert len({normalised(ORIGINAL, {"a.py": text}) for text in sums}) == 1
    swapped = "def f(a, b):\n    return b + a\n"
    assert normalised(ORIGINAL, {"a.py": swapped}) != normalised(ORIGINAL, {"a.py": sums[0]})
    assert majority(ORIGINAL, voted(swapped, sums[1], sums[0])) == 1
    assert majority(ORIGINAL, voted(swapped, sums[1])) == 0  # of equal groups, the one seen first
    comment = ORIGINAL["a.py"] + "# nothing\n"
    assert normalised(ORIGINAL, {"a.py": comment}) == ()
    assert majority(ORIGINAL, voted(comment, comment, None, None, None, sums[2])) == 5
    assert majority(ORIGINAL, voted(comment, None)) is None
    assert majority(ORIGINAL, []) is None


def test_votes_know_files_that_are_new_gone_or_not_python() -> None:
    before = {**ORIGINAL, "d.py": '"""Only this."""', "n.md": "a\n"}
    assert normalised(before, {**before, "e.py": "x=1"}) == (("e.py", "x = 1"),)
    assert normalised(before, {**before, "n.md": "b\n"}) == (("n.md", "b\n"),)
    assert normalised(before, {**before, "d.py": "# other"}) == ()
    assert normalised(before, {"d.py": before["d.py"], "n.md": "a\n"}) == (("a.py", ""),)
    broken = {**before, "a.py": "def f(:\n"}
    assert normalised(before, broken) == (("a.py", "def f(:\n"),)

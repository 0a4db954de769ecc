"""How the released parser behaves (check 4): its defects 3 to 7, and what the strict parser says of such answers."""

import pytest

from raw2fig.papers.kimi_dev.official import answer_of, apply, located
from raw2fig.papers.kimi_dev.patches import apply as strict

FILES = {"a.py": "x = 1\ny = 2\nx = 1\n", "pkg/b.py": "XX = 10\n", "pkg/sub/c.py": "c = 1\n"}


def block(path: str, search: str, replace: str) -> str:
    return f"### {path}\n<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n"


def fenced(*blocks: str) -> str:
    return "```python\n" + "".join(blocks) + "```\n"


def both(text: str) -> tuple[dict[str, str], bool, list[str | None]]:
    """What the released code leaves in the files and whether it is content, and the reasons of the strict parser."""
    official = apply(FILES, answer_of(text))
    return official.after, official.is_applied, [one.reason for one in strict(FILES, text).outcomes]


def test_both_agree_on_a_good_answer() -> None:
    text = fenced(block("a.py", "y = 2", "y = 3"))
    after, is_applied, reasons = both(text)
    assert after == {"a.py": "x = 1\ny = 3\nx = 1"}  # the released code keeps no newline at the end
    assert is_applied
    assert reasons == [None]
    diff = "diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n x = 1\n-y = 2\n+y = 3\n x = 1\n"
    assert apply(FILES, text).diff == diff


def test_check_04_defect_3_all_occurrences_and_parts_of_lines_are_replaced() -> None:
    after, is_applied, reasons = both(fenced(block("a.py", "x = 1", "x = 7")))
    assert (after, is_applied, reasons) == ({"a.py": "x = 7\ny = 2\nx = 7"}, True, ["ambiguous"])
    after, is_applied, reasons = both(fenced(block("pkg/b.py", "X = 1", "X = 2")))
    assert (after, is_applied, reasons) == ({"pkg/b.py": "XX = 20"}, True, ["not_found"])


def test_check_04_defect_4_an_empty_search_goes_between_all_characters() -> None:
    after, is_applied, reasons = both(fenced(block("pkg/sub/c.py", "", "#")))
    assert (after, is_applied, reasons) == ({"pkg/sub/c.py": "#c# #=# #1#"}, True, ["empty_search"])


def test_check_04_defect_5_a_deletion_without_a_blank_line_swallows_the_next_block() -> None:
    deletion = "### a.py\n<<<<<<< SEARCH\ny = 2\n=======\n>>>>>>> REPLACE\n"
    text = fenced(deletion, block("pkg/b.py", "XX = 10", "XX = 11"))
    after, is_applied, reasons = both(text)
    swallowed = ">>>>>>> REPLACE\n### pkg/b.py\n<<<<<<< SEARCH\nXX = 10\n=======\nXX = 11"
    assert (after, is_applied) == ({"a.py": f"x = 1\n{swallowed}\nx = 1"}, True)
    # to the strict parser this is what it looks like: a deletion, and another edit
    assert reasons == [None, None]
    assert strict(FILES, text).after == {**FILES, "a.py": "x = 1\nx = 1\n", "pkg/b.py": "XX = 11\n"}
    after, is_applied, reasons = both(fenced(deletion))
    assert (after, is_applied, reasons) == ({}, False, [None])
    # with the blank line, both leave an empty line
    blank = fenced(block("a.py", "y = 2", ""))
    assert both(blank) == ({"a.py": "x = 1\n\nx = 1"}, True, [None])


def test_check_04_defect_6_edits_without_effect_are_silent() -> None:
    for path, search, replace, reason in (
        ("nowhere.py", "a", "b", "bad_path"),
        ("a.py", "not there", "b", "not_found"),
        ("a.py", "y = 2", "y = 2", "noop"),
    ):
        text = fenced(block(path, search, replace))
        official = apply(FILES, answer_of(text))
        assert official.diff == f"diff --git a/{path} b/{path}\n"
        assert not official.is_applied
        assert both(text)[2] == [reason]
    # beside a good edit, they are silent for good
    after, is_applied, reasons = both(fenced(block("a.py", "not there", "b"), block("a.py", "y = 2", "y = 3")))
    assert (after, is_applied, reasons) == ({"a.py": "x = 1\ny = 3\nx = 1"}, True, ["not_found", None])


def test_check_04_defect_7_the_form_is_both_stricter_and_looser() -> None:
    first, second = block("a.py", "y = 2", "y = 3"), block("a.py", "y = 3", "y = 4").partition("\n")[2]
    after, _, reasons = both(fenced(first, second))
    assert (after, reasons) == ({"a.py": "x = 1\ny = 3\nx = 1"}, [None, "bad_path"])
    assert both(fenced(block("a.py ", "y = 2", "y = 3"))) == ({}, False, ["bad_path"])
    assert both(fenced(first).replace("\n", "\r\n")) == ({}, False, ["no_block"])
    changed = {"a.py": "x = 1\ny = 3\nx = 1"}
    short = first.replace("<<<<<<<", "<<<<").replace("=======", "====").replace(">>>>>>>", ">>>>")
    assert both(fenced(short)) == (changed, True, ["no_block"])
    too_short = first.replace("<<<<<<<", "<<<").replace("=======", "===").replace(">>>>>>>", ">>>")
    assert both(fenced(too_short)) == ({}, False, ["no_block"])
    assert both(first) == (changed, True, ["no_block"])


def test_the_official_result_need_not_be_python() -> None:
    after, is_applied, reasons = both(fenced(block("a.py", "y = 2", "y = (")))
    assert (after, is_applied, reasons) == ({"a.py": "x = 1\ny = (\nx = 1"}, True, ["syntax_error"])


@pytest.mark.parametrize(
    ("path", "where"),
    [("a.py", "a.py"), ("b.py", "pkg/b.py"), ("sub/c.py", "pkg/sub/c.py"), ("c.py", "c.py"), ("n.md", "n.md")],
)
def test_paths_are_looked_for_in_the_folders_at_the_top(path: str, where: str) -> None:
    assert located(path, [*FILES, "pkg/n.md"]) == where


def test_what_is_read_of_a_response() -> None:
    assert answer_of("◁think▷```a```◁/think▷ words ```b``` words ```c```") == "```b```\n```c```"
    assert answer_of("◁think▷a◁/think▷b◁/think▷c") == "c"
    assert answer_of("◁think▷ not done ```x```") == "```x```"
    assert answer_of("no fence") == "no fence"


def test_files_that_are_no_python_are_not_held() -> None:
    files = {"a.md": "x = 1\n", "broken.py": "x = (\n"}
    assert apply(files, block("a.md", "x = 1", "x = 2")).after == {}
    assert apply(files, block("broken.py", "x = (", "x = 2")).after == {"broken.py": ""}

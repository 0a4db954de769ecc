"""Programming problems: the forms of their tests, what is dropped, and how the rest is split."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raw2fig import cli
from raw2fig.errors import InputError
from raw2fig.papers.scalerl import deepcoder as module
from raw2fig.papers.scalerl.deepcoder import longest, read_rows, usable
from raw2fig.papers.scalerl.splits import problem_id
from raw2fig.sandbox.program import usable_way
from raw2fig.tasks.code import TESTS, is_right
from raw2fig.tasks.problems import read_problems

LINES = [{"input": "1 2\n", "output": "3\n"}, {"input": "5 5\n", "output": "10\n"}]
FRAMED = (
    "Solve the following coding problem using the programming language python:\n\n{}\n\nThe input will be given via "
    "stdin and the output should be printed to stdout by your code.\n\nNow solve the problem by providing the code."
)

PRIMEINTELLECT = {"problem": FRAMED.format("Add."), "tests": json.dumps([{"type": "stdin_stdout", **LINES[0]}])}
PRIMEINTELLECT_CALL = {
    "problem": "Swap a pair.",
    "tests": json.dumps([{"type": "function_call", "fn_name": "swap", "input": [[1, 2]], "output": [[2, 1]]}]),
}
TACO = {"problem": "Add two.", "tests": json.dumps({"inputs": ["1 2\n", "5 5"], "outputs": ["3\n", "10"]})}
TACO_LINES = {"problem": "Echo.", "tests": json.dumps({"inputs": [["a", "b"]], "outputs": [["a", "b"]]})}
TACO_CALL = {
    "problem": "Largest.",
    "tests": json.dumps({"fn_name": "largest", "inputs": [[[3, 1]], [[2]]], "outputs": [[3], [2]]}),
}
LCB = {"problem": "Add up.", "tests": json.dumps([{"testtype": "stdin", **LINES[0]}]), "metadata": {"func_name": None}}
LCB_CALL = {
    "problem": "Repeat a word.",
    "tests": json.dumps([{"testtype": "functional", "input": '"ab"\n2', "output": '"abab"'}]),
    "starter_code": "class Solution:\n    def repeat(self, word: str, n: int) -> str:\n        ",
    "metadata": {"func_name": "repeat"},
}
CODEFORCES = {"problem": "Add again.", "tests": json.dumps(LINES)}
ADD = "print(sum(map(int, input().split())))"
SOLUTIONS = [
    (PRIMEINTELLECT, ADD),
    (PRIMEINTELLECT_CALL, "def swap(pair): return pair[::-1]"),
    (TACO, ADD),
    (TACO_LINES, "print(open(0).read())"),
    (TACO_CALL, "largest = max"),
    (LCB, ADD),
    (LCB_CALL, "class Solution:\n    def repeat(self, word: str, n: int) -> str:\n        return word * n"),
    (CODEFORCES, ADD),
]
MANY = [{"problem": f"Print {n}.", "tests": json.dumps([{"input": "", "output": str(n)}])} for n in range(20)]


def deepcoder(
    folder: Path,
    files: list[list[Any]],
    *flags: object,
    template: str = "Problem: {problem}\n<think>\n",
    replicate: int = 0,
) -> int:
    paths = []
    for number, rows in enumerate(files):
        paths.append(folder / f"rows-{number}.parquet")
        pd.DataFrame(rows).to_parquet(paths[-1], index=False)
    (folder / "prompt.txt").write_text(template)
    made = ("--problems", folder / "problems.parquet", "--manifest", folder / "split.json")
    given = ("--rows", *paths, "--template", folder / "prompt.txt", "--replicate", replicate)
    with pytest.raises(SystemExit) as end:
        cli.main(["scalerl", "deepcoder", *map(str, [*given, *flags, *made])])
    return int(end.value.code or 0)


def test_a_prompt_without_a_place_for_the_problem_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deepcoder(tmp_path, [[TACO]], template="Solve it.") == 2
    assert "prompt.txt: has no {problem}" in capsys.readouterr().err


def test_every_form_of_tests_becomes_a_problem_that_its_solution_passes(tmp_path: Path) -> None:
    files = [[PRIMEINTELLECT, PRIMEINTELLECT_CALL], [TACO, TACO_LINES, TACO_CALL], [LCB, LCB_CALL], [CODEFORCES]]
    assert deepcoder(tmp_path, files, "--held-out", 1, "--validation", 1) == 0
    frame = pd.read_parquet(tmp_path / "problems.parquet")
    assert list(frame.columns) == ["prompt", "answer", "split", "verifier"]
    assert set(frame["verifier"]) == {"code"}
    assert len(frame) == len(SOLUTIONS)
    prompts = frame["prompt"].str.removeprefix("Problem: ").str.removesuffix("\n<think>\n").tolist()
    assert prompts[:3] == ["Add.", "Swap a pair.\n\nWrite a function swap.", "Add two."]
    assert prompts[6].startswith("Repeat a word.\n\nStart from this code:\n```python\nclass Solution:\n    def repeat")
    try:
        usable_way()
    except InputError as error:
        pytest.skip(str(error))
    for answer, (row, solution) in zip(frame["answer"], SOLUTIONS, strict=True):
        assert is_right(answer, f"```python\n{solution}\n```"), row
        assert not is_right(answer, "```python\nprint(0)\ndef swap(x): return 0\nrepeat = largest = swap\n```"), row


def test_a_call_whose_result_stands_alone_in_a_list_may_return_either() -> None:
    _, (test,) = usable(PRIMEINTELLECT_CALL)
    assert test["results"] == [[2, 1], [[2, 1]]]
    bare = {"problem": "x", "tests": json.dumps([{"fn_name": "f", "type": "function_call", "input": [1], "output": 3}])}
    assert usable(bare)[1] == [{"function": "f", "arguments": [1], "results": [3]}]
    assert usable(LCB_CALL)[1] == [{"function": "repeat", "arguments": ["ab", 2], "results": ["abab"]}]
    assert usable(LCB_CALL | {"metadata": '{"func_name": "f"}'})[1][0]["function"] == "f"


def test_what_has_no_usable_tests_and_what_comes_again_is_dropped_and_counted(tmp_path: Path) -> None:
    spoilt = [
        ("unreadable_tests", "not JSON"),
        ("unreadable_tests", json.dumps({"inputs": ["1"], "outputs": []})),
        ("unreadable_tests", json.dumps({"inputs": ["1"]})),
        ("unreadable_tests", json.dumps([{"input": "1"}])),
        ("unreadable_tests", json.dumps([{"input": 1, "output": "1"}])),
        ("unreadable_tests", json.dumps([{"input": "1", "output": "1", "testtype": "interactive"}])),
        ("unreadable_tests", json.dumps([{"input": "1", "output": "1"}, "more"])),
        ("unreadable_tests", json.dumps({"fn_name": "f", "inputs": ["1"], "outputs": [[1]]})),
        ("unreadable_tests", "3"),
        ("no_tests", "[]"),
        ("no_tests", json.dumps({"inputs": [], "outputs": []})),
        ("no_tests", None),
        ("functions_without_name", json.dumps([{"testtype": "functional", "input": "1", "output": "1"}])),
        ("too_long_tests", json.dumps([{"input": "1" * module.PROBLEM_BYTES, "output": "1"}])),
        ("no_problem", json.dumps(LINES)),
    ]
    rows = [
        {"problem": f"Spoilt {number}." if reason != "no_problem" else " \n", "tests": tests}
        for number, (reason, tests) in enumerate(spoilt)
    ]
    again = [{"problem": FRAMED.format(" PRINT\n 3. "), "tests": json.dumps(LINES)}]
    assert deepcoder(tmp_path, [MANY, rows, again], "--held-out", 4, "--validation", 3) == 0
    told = json.loads((tmp_path / "split.json").read_text())
    reasons = [reason for reason, _ in spoilt]
    wanted = {reason: reasons.count(reason) for reason in reasons}
    assert told["dropped"] == wanted | {"repeated_problems": 1}
    assert told["rows"] == 20 + len(spoilt) + 1
    assert {part: len(names) for part, names in told["split"].items()} == {"held_out": 4, "validation": 3, "train": 13}
    frame = pd.read_parquet(tmp_path / "problems.parquet").set_index("prompt")
    assert len(frame) == 20
    assert json.loads(frame.loc["Problem: Print 3.\n<think>\n", "answer"]) == [{"input": "", "output": "3"}]


def test_check_17_the_splits_of_programming_problems_are_disjoint_and_saved(tmp_path: Path) -> None:
    assert deepcoder(tmp_path, [MANY[:7], MANY[7:]], "--held-out", 5, "--validation", 4) == 0
    split = json.loads((tmp_path / "split.json").read_text())["split"]
    names = [name for part in split.values() for name in part]
    assert len(set(names)) == len(names) == len(MANY)
    for part, ids in split.items():
        prompts = read_problems([tmp_path / "problems.parquet"], part)["prompt"]
        found = {problem_id(text.removeprefix("Problem: ").removesuffix("\n<think>\n")) for text in prompts}
        assert found == set(ids)


def test_the_same_files_give_the_same_bytes_and_another_order_the_same_splits(tmp_path: Path) -> None:
    made = []
    for name, files, replicate in (
        ("a", [MANY[:7], MANY[7:]], 0),
        ("b", [MANY[:7], MANY[7:]], 0),
        ("c", [MANY[::-1]], 0),
        ("d", [MANY], 1),
    ):
        (tmp_path / name).mkdir()
        sizes = ("--held-out", 5, "--validation", 5, "--train", 6)
        assert deepcoder(tmp_path / name, files, *sizes, replicate=replicate) == 0
        told = json.loads((tmp_path / name / "split.json").read_text())
        made.append(((tmp_path / name / "problems.parquet").read_bytes(), told["split"]))
    assert made[0] == made[1]
    assert made[0][1] == made[2][1] != made[3][1]
    assert len(pd.read_parquet(tmp_path / "a" / "problems.parquet")) == 16


def test_the_longest_tests_are_kept_as_far_as_there_is_room() -> None:
    tests = [{"input": "x" * n, "output": ""} for n in (3, 1, 2, *range(100, 100 + TESTS))]
    assert longest(tests) == tests[3:]
    assert longest(tests[:5]) == tests[:5]
    huge = {"input": "x" * module.PROBLEM_BYTES, "output": ""}
    half = {"input": "x" * (module.PROBLEM_BYTES // 2), "output": ""}
    assert longest([huge, half, half, tests[0]]) == [half, tests[0]]
    assert len(json.dumps(longest([half, *tests]))) <= module.PROBLEM_BYTES + 2 * TESTS


def test_tables_are_written_in_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow.parquet as pq

    monkeypatch.setattr(module, "BLOCK_BYTES", 300)
    assert deepcoder(tmp_path, [MANY], "--held-out", 5, "--validation", 5) == 0
    assert pq.ParquetFile(tmp_path / "problems.parquet").num_row_groups > 2
    assert len(pd.read_parquet(tmp_path / "problems.parquet")) == 20


def test_rows_are_read_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step holds one row of the files, however long; their tests are several GB."""
    import pyarrow.parquet as pq

    pd.DataFrame(MANY).assign(solutions="long").to_parquet(tmp_path / "rows.parquet")
    asked = []
    real = pq.ParquetFile.iter_batches

    def watch(self: Any, **how: Any) -> Any:
        asked.append(how)
        return real(self, **how)

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", watch)
    assert [row["problem"] for row in read_rows([tmp_path / "rows.parquet"])] == [row["problem"] for row in MANY]
    assert [(how["batch_size"], how["columns"]) for how in asked] == [(1, ["problem", "tests"])]


@pytest.mark.parametrize(
    ("files", "flags", "told"),
    [
        ([[{"problem": "x"}]], (), "rows-0.parquet: no column 'tests' of text"),
        ([MANY, [{"problem": "x", "tests": [1]}]], (), "rows-1.parquet: no column 'tests' of text"),
        ([MANY], ("--held-out", 15, "--validation", 5), "problems: 20 are left; expected at least 21"),
        ([MANY], ("--sha256", "0" * 64), f"expected {'0' * 64}"),
        ([MANY], ("--sha256", "0" * 64, "1" * 64), "has 2 values; expected one for each of 1 files"),
    ],
)
def test_what_is_no_table_of_programming_problems_is_refused(
    files: list[list[Any]], flags: tuple[Any, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deepcoder(tmp_path, files, *(flags or ("--held-out", 1, "--validation", 1))) == 2
    assert told in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "problems.parquet").exists()


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pd.DataFrame(MANY).to_parquet(tmp_path / "whole.parquet")
    cut = tmp_path / "cut.parquet"
    cut.write_bytes((tmp_path / "whole.parquet").read_bytes()[:-30])
    (tmp_path / "prompt.txt").write_text("{problem}")
    made = ("--problems", tmp_path / "problems.parquet", "--manifest", tmp_path / "split.json", "--replicate", 0)
    with pytest.raises(SystemExit):
        cli.main(["scalerl", "deepcoder", *map(str, ("--rows", cut, "--template", tmp_path / "prompt.txt", *made))])
    assert "cut.parquet: cannot be read" in capsys.readouterr().err.splitlines()[-1]


def test_the_prompt_of_the_repository_asks_for_what_the_verifier_takes() -> None:
    text = (Path(__file__).parents[2] / "config" / "scalerl" / "prompt_code.txt").read_text()
    assert text.count("{problem}") == 1
    assert "```python" in text
    assert text.endswith("<think>\n")

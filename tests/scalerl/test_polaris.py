"""Problems in words: what is dropped, and how the rest is split."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raw2fig import cli
from raw2fig.papers.scalerl.splits import problem_id, split_ids
from raw2fig.tasks.problems import read_problems

ROWS = [{"problem": f"What is ${n} + {n}$?", "answer": str(2 * n), "difficulty": "3/8"} for n in range(20)]


def polaris(folder: Path, rows: list[Any], *flags: object, template: str = "Problem: {problem}\n<think>\n") -> int:
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    (folder / "prompt.txt").write_text(template)
    made = ("--problems", folder / "problems.parquet", "--manifest", folder / "split.json")
    given = ("--rows", folder / "rows.jsonl", "--template", folder / "prompt.txt", "--replicate", 0)
    with pytest.raises(SystemExit) as end:
        cli.main(["scalerl", "polaris", *map(str, [*given, *flags, *made])])
    return int(end.value.code or 0)


def test_what_cannot_be_read_and_what_comes_again_is_dropped_and_counted(tmp_path: Path) -> None:
    again = {"problem": "what is\n $3 +  3$?", "answer": "7"}
    rows = [*ROWS, again, {"problem": "Prove it.", "answer": ""}, {"problem": "One half?", "answer": 0.5}]
    assert polaris(tmp_path, rows, "--held-out", 4, "--validation", 3) == 0
    told = json.loads((tmp_path / "split.json").read_text())
    assert (told["rows"], told["unreadable_answers"], told["repeated_problems"]) == (23, 1, 1)
    assert {part: len(names) for part, names in told["split"].items()} == {"held_out": 4, "validation": 3, "train": 14}
    frame = pd.read_parquet(tmp_path / "problems.parquet").set_index("prompt")
    assert frame.loc["Problem: What is $3 + 3$?\n<think>\n", "answer"] == "6"
    assert frame.loc["Problem: One half?\n<think>\n", "answer"] == "0.5"
    assert set(frame["verifier"]) == {"math"}


def test_check_17_the_splits_of_problems_in_words_are_disjoint_and_saved(tmp_path: Path) -> None:
    assert polaris(tmp_path, ROWS, "--held-out", 5, "--validation", 4) == 0
    split = json.loads((tmp_path / "split.json").read_text())["split"]
    names = [name for part in split.values() for name in part]
    assert len(set(names)) == len(names) == len(ROWS)
    for part, ids in split.items():
        prompts = read_problems([tmp_path / "problems.parquet"], part)["prompt"]
        assert [problem_id(text.removeprefix("Problem: ").removesuffix("<think>\n")) for text in prompts] == ids


def test_the_split_depends_on_the_replicate_and_not_on_the_order_of_rows() -> None:
    names, sizes = [problem_id(row["problem"]) for row in ROWS], {"held_out": 5, "validation": 5, "train": 0}
    found = split_ids(names, sizes, 0)
    assert found == split_ids(names[::-1], sizes, 0)
    assert found != split_ids(names, sizes, 1)
    assert split_ids(names, sizes | {"train": 7}, 0)["train"] == found["train"][:7]


@pytest.mark.parametrize(
    ("rows", "flags", "told"),
    [
        ([*ROWS, ["problem"]], (), "line 21 has no problem and answer"),
        ([{"problem": "x"}], (), "line 1 has no problem and answer"),
        (ROWS, ("--held-out", 15, "--validation", 5), "problems: 20 are left; expected at least 21"),
        (ROWS, ("--sha256", "0" * 64), f"expected {'0' * 64}"),
    ],
)
def test_what_is_no_table_of_problems_is_refused(
    rows: list[Any], flags: tuple[Any, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert polaris(tmp_path, rows, *(flags or ("--held-out", 1, "--validation", 1))) == 2
    assert told in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "problems.parquet").exists()


def test_a_template_without_a_place_for_the_problem_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert polaris(tmp_path, ROWS, template="Solve it.") == 2
    assert "has no {problem}" in capsys.readouterr().err

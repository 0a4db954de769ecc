"""Questions of ARC and DART: parts, wording, and when an answer is right."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.papers.dr_llm.benchmark_items import Benchmark, Solved, make_benchmark_items, parts, prompt
from raw2fig.papers.dr_llm.grading import Grading, is_right
from raw2fig.tables import read_table


def arc(path: Path, name: str, number: int, key: str = "C") -> Path:
    labels = list("ABCD") if key.isalpha() else list("1234")
    choices = {"text": ["red", "green", "blue", "grey"], "label": labels}
    rows = [{"id": f"{n}", "question": f"{name} {n}?", "choices": choices, "answerKey": key} for n in range(number)]
    three = {"text": ["red", "green", "blue"], "label": ["A", "B", "C"]}
    rows.append({"id": "x", "question": f"{name} of three?", "choices": three, "answerKey": "A"})
    pd.DataFrame(rows).to_parquet(path)
    return path


def dart(path: Path, levels: dict[Any, int], reverse: bool = False) -> Path:
    rows = [
        {
            "query": f"What is ${n} + {level}$?",
            "gt_ans": f"{n}",
            "query_metadata": {"level": level, "subject": "Algebra"},
        }
        for level, number in levels.items()
        for n in [*range(number), 0]  # a question twice
    ]
    pd.DataFrame(rows[::-1] if reverse else rows).to_parquet(path)
    return path


def made(folder: Path, style: str = "instruct", reverse: bool = False, **changes: Any) -> pd.DataFrame:
    folder.mkdir(exist_ok=True)
    settings: dict[str, Any] = {
        "search": {"ARC-E": 6, "ARC-C": 50, "DART-2": 4, "DART-5": 10},
        "validation": 3,
        "test": 5,
    }
    make_benchmark_items(
        arc_easy=[arc(folder / "1.parquet", "easy", 20), arc(folder / "2.parquet", "easy test", 9)],
        arc_challenge=[arc(folder / "3.parquet", "hard", 20, "2"), arc(folder / "4.parquet", "hard test", 9, "4")],
        dart=[dart(folder / "5.parquet", {"1": 8, "2": 30, "3": 8, "5": 9}, reverse)],
        table=folder / "items.parquet",
        style=style,
        benchmark=Benchmark(**(settings | changes)),
        seed=0,
    )
    return read_table(folder / "items.parquet", {})


def test_no_question_is_in_two_parts_and_a_pool_s_repeats_count_once(tmp_path: Path) -> None:
    table = made(tmp_path / "a")
    assert not table["prompt"].duplicated().any()
    assert not table["qid"].duplicated().any()
    counts = table.groupby(["task", "part"]).size()
    assert counts["ARC-E"].to_dict() == {"search": 6, "validation": 3, "test": 5}
    assert counts["DART-2"].to_dict() == {"search": 4, "validation": 3, "test": 5}
    # 20 training questions for 53; 9 questions for 18: each part has its share
    assert counts["ARC-C"].to_dict() == {"search": 18, "validation": 1, "test": 5}
    assert counts["DART-5"].to_dict() == {"search": 5, "validation": 1, "test": 2}
    assert set(table["task"]) == {"ARC-E", "ARC-C", "DART-2", "DART-5"}
    tests = table[(table["part"] == "test") & table["task"].str.startswith("ARC")]
    assert tests["prompt"].str.contains(" test ").all()
    assert not table["prompt"].str.contains("of three").any()


def test_parts_do_not_depend_on_the_order_of_the_file(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a"), made(tmp_path / "b", reverse=True)
    assert one.equals(other)


def test_numbers_as_labels_become_letters(tmp_path: Path) -> None:
    table = made(tmp_path / "a").groupby(["task", "part"])["answer"].agg(set)
    assert table["ARC-E", "test"] == {"C"}
    assert table["ARC-C", "search"] == {"B"}
    assert table["ARC-C", "test"] == {"D"}


def test_the_wording_shows_every_choice_and_base_models_go_on_with_the_answer() -> None:
    one = Solved("Which?", ("w", "x", "y", "z"), "B")
    assert "A. w\nB. x\nC. y\nD. z" in prompt(one, "instruct")
    assert prompt(one, "base").endswith("(A) w (B) x (C) y (D) z\nAnswer: The correct answer is ")
    sums = Solved("1 + 1?", (), "2")
    assert prompt(sums, "base").endswith("1 + 1?\nAnswer: \\boxed{")
    assert "\\boxed{}" in prompt(sums, "instruct")


def test_a_subset_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"benchmark\.search: has the subset 'DART-9'; expected one of ARC-E"):
        made(tmp_path / "a", search={"DART-9": 3})
    with pytest.raises(InputError, match="ARC: has 1 files; expected two"):
        make_benchmark_items(
            arc_easy=[arc(tmp_path / "1.parquet", "easy", 2)],
            arc_challenge=[],
            dart=[],
            table=tmp_path / "items.parquet",
            style="base",
            benchmark=Benchmark(search={"ARC-E": 1}, validation=1, test=1),
        )


def test_another_seed_draws_other_questions() -> None:
    pool = [Solved(f"{n}", (), "1") for n in range(40)]
    wanted = {"search": 10, "validation": 5, "test": 5}
    assert parts(pool, [], wanted, 0) != parts(pool, [], wanted, 1)
    assert parts(pool, [], wanted, 0) == parts(pool[::-1], [], wanted, 0)


@pytest.mark.parametrize(
    ("said", "answer", "grading", "right"),
    [
        (" Paris. ", "paris", "text", True),
        ("Paris, France", "Paris", "text", False),
        ("B", "B", "exam", True),
        ("B.", "B", "exam", True),
        ("Answer: B", "B", "exam", True),
        ("(B)", "B", "exam", True),
        ("B. green, because", "B", "exam", True),
        ("A good question", "A", "exam", False),
        ("The answer is B", "B", "exam", False),
        ("C", "B", "exam", False),
        ("E", "B", "exam", False),
        ("\\boxed{\\frac{1}{2}}", "0.5", "exam", True),
        ("\\boxed{2}", "3", "exam", False),
        ("7}\nQuestion", "7", "exam", True),  # after a prompt that opened the box
        ("7", "7", "exam", False),  # it is never closed
    ],
)
def test_when_an_answer_is_right(said: str, answer: str, grading: Grading, right: bool) -> None:
    assert is_right(said, answer, grading) == right

"""Problems of published sets: where they and their answers stand, and what is left out."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl.pretrained import gather_pretrained
from raw2fig.papers.agentic_rl.read_problems import Columns, answer_of, problem_of, read_problems

COLUMNS = Columns(
    problem_columns=["problem", "Problem", "prompt"],
    answer_columns=["answer", "Answer", "reward_model.ground_truth"],
    removed=["Solve it.", "Say it."],
)


def verl(problem: str, answer: Any, source: str = "maths") -> dict[str, Any]:
    """A row as verl's."""
    return {
        "data_source": source,
        "prompt": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": f"Solve it.\n{problem}\nSay it."},
        ],
        "reward_model": {"style": "rule", "ground_truth": answer},
    }


def test_rows_in_the_forms_of_published_sets() -> None:
    rows = [
        verl("What is 6 * 7?", "42"),
        {"problem": "What is 6 * 7?", "answer": 42},
        {"Problem": " What is 6 * 7? ", "Answer": 42.0, "Solution": "easy"},
        {"prompt": "What is 6 * 7?", "answer": " 42 "},
    ]
    for row in rows:
        assert (problem_of(row, COLUMNS), answer_of(row, COLUMNS)) == ("What is 6 * 7?", "42")


def test_what_has_no_short_answer_is_left_out_and_counted(tmp_path: Path) -> None:
    tests = json.dumps([{"input": str(number), "output": str(number)} for number in range(20)])
    rows = [
        verl("a", "1"),
        verl("a", "1"),
        verl("b", "2", "science"),
        verl("Write a program.", tests, "code"),
        verl("c", None),
        verl("d", "}{"),
        verl("", "3"),
    ]
    pd.DataFrame(rows[:4]).to_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[4:]))
    data = [tmp_path / "a.parquet", tmp_path / "b.jsonl"]
    read_problems(data=data, problems=tmp_path / "p.jsonl", report=tmp_path / "r.json", columns=COLUMNS)
    found = [json.loads(line) for line in (tmp_path / "p.jsonl").read_text().splitlines()]
    assert [(one["problem"], one["answer"], one["data_source"]) for one in found] == [
        ("a", "1", "maths"),
        ("b", "2", "science"),
    ]
    told = json.loads((tmp_path / "r.json").read_text())
    assert told["rows"] == {"maths": 5, "science": 1, "code": 1}
    assert told["problems"] == {"maths": 1, "science": 1}
    assert told["left_out"] == {
        "twice": 1,
        "an answer that no box near the end can hold": 2,
        "no answer": 1,
        "no problem": 1,
    }
    with pytest.raises(InputError, match="no problem can be read"):
        read_problems(data=data[1:], problems=tmp_path / "q.jsonl", report=tmp_path / "s.json", columns=COLUMNS)


def test_metrics_are_put_together(tmp_path: Path) -> None:
    for name, value in (("a", 0.5), ("b", 0.25)):
        pd.DataFrame({"metric": ["average"], "k": [1], "value": [value]}).to_csv(tmp_path / f"{name}.csv", index=False)
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    gather_pretrained(metrics=files, names=["base:aime24:0", "tcr:aime24:1"], table=tmp_path / "t.csv")
    table = pd.read_csv(tmp_path / "t.csv")
    assert table[["policy", "benchmark", "replicate", "value"]].to_numpy().tolist() == [
        ["base", "aime24", 0, 0.5],
        ["tcr", "aime24", 1, 0.25],
    ]
    with pytest.raises(InputError, match="1 for 2 tables"):
        gather_pretrained(metrics=files, names=["base:aime24:0"], table=tmp_path / "t.csv")

"""Tables of problems, and the judge of their completions."""

from pathlib import Path

import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.tasks.problems import VERIFIERS, judge_of, read_problems, shares

TABLE = pd.DataFrame(
    {
        "prompt": ["1 + 2 =", "2>4 =", "Add."],
        "answer": ["3", "dbl", r"\frac{6}{2}"],
        "split": ["train", "train", "held_out"],
        "verifier": ["sums", "programs", "math"],
    }
)


def test_each_completion_is_judged_by_the_verifier_of_its_problem() -> None:
    judge = judge_of(TABLE)
    assert judge([2, 0, 1, 0, 1, 2], [r"\boxed{3}", "; 3 .", "~ ; dbl .", "; dbl .", "; 3 .", "; 3 ."]) == (
        [True, True, True, False, False, False]
    )
    texts = ["; 3 .", "; 4 .", "; dbl .", "; sqr .", r"\boxed{3}", r"\boxed{3.0}"]
    assert shares(texts, judge, 2).tolist() == [0.5, 0.5, 1.0]


def test_an_unknown_verifier_is_refused() -> None:
    for names in (["sums", "maths", "math"], ["sums", None, "math"]):
        with pytest.raises(InputError, match=rf"^verifier: is .*; expected one of {', '.join(VERIFIERS)}"):
            judge_of(TABLE.assign(verifier=names))


def test_tables_are_read_one_after_the_other(tmp_path: Path) -> None:
    paths = [tmp_path / "math.parquet", tmp_path / "code.parquet"]
    TABLE[TABLE["verifier"] != "programs"].to_parquet(paths[0])
    TABLE[TABLE["verifier"] == "programs"].to_parquet(paths[1])
    assert read_problems(paths, "train")["prompt"].tolist() == ["1 + 2 =", "2>4 ="]
    assert read_problems(paths[::-1], "train")["prompt"].tolist() == ["2>4 =", "1 + 2 ="]
    with pytest.raises(InputError, match=r"code.parquet: no problem of split 'held_out'; expected one of train"):
        read_problems(paths, "held_out")
    TABLE.to_parquet(paths[1])
    with pytest.raises(InputError, match="comes twice"):
        read_problems(paths, "train")

"""An example to replace: majorities against the binomial distribution, verdicts on either side of the criterion."""

from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import binom

from raw2fig.claims import NOT_REPRODUCED, REPRODUCED, decide_claims, read_claims
from raw2fig.config import SHIPPED, load
from raw2fig.errors import InputError
from raw2fig.papers.my_paper import plan
from raw2fig.papers.my_paper.claims import measurements
from raw2fig.papers.my_paper.data import Crowd, answers
from raw2fig.papers.my_paper.evaluate import evaluate, votes
from raw2fig.papers.my_paper.figures import fig_accuracy, table_replicates
from raw2fig.settings import read

SECTION = load([SHIPPED])["my_paper"]
PUBLISHED = SHIPPED.parent / "published/my_paper.yaml"


def crowd(**changes: float) -> Crowd:
    """The settings of the configuration, some of them changed."""
    return read(Crowd, SECTION["crowd"] | changes)


def scores(folder: Path, accuracy: float) -> Path:
    """Scores of three replicates of 2,000 questions with five answers each."""
    tables = [folder / f"answers-r{replicate}.parquet" for replicate in range(3)]
    for replicate, table in enumerate(tables):
        answers(answers=table, crowd=crowd(questions=2000, accuracy=accuracy), replicate=replicate)
    evaluate(answers=tables, scores=folder / "scores.parquet")
    return folder / "scores.parquet"


@pytest.mark.parametrize("accuracy", [0.2, 0.5, 0.7])
def test_majorities_are_binomial(tmp_path: Path, accuracy: float) -> None:
    frame = pd.read_parquet(scores(tmp_path, accuracy))
    expected = binom.sf(2, 5, accuracy)
    error = (expected * (1 - expected) / len(frame)) ** 0.5
    assert len(frame) == 6000
    assert abs(frame["majority"].mean() - expected) < 4 * error


def test_the_majority_does_not_depend_on_the_order_of_answers() -> None:
    rights = {(0, 0): "110", (0, 1): "100", (1, 0): "111", (1, 1): "001"}
    rows = [(*place, digit == "1") for place, digits in rights.items() for digit in digits]
    table = pd.DataFrame(rows, columns=["replicate", "question", "right"])
    assert votes(table)["majority"].tolist() == [True, False, True, False]
    assert votes(table.iloc[::-1])["majority"].tolist() == [True, False, True, False]
    assert votes(table)["single"].tolist() == [True, True, True, False]


def test_a_replicate_gives_the_same_bytes_and_another_one_others(tmp_path: Path) -> None:
    tables = [tmp_path / f"{name}.parquet" for name in "abc"]
    for table, replicate in zip(tables, (0, 0, 1), strict=True):
        answers(answers=table, crowd=crowd(), replicate=replicate)
    assert tables[0].read_bytes() == tables[1].read_bytes()
    right = [pd.read_parquet(table)["right"] for table in tables]
    assert not right[0].equals(right[2])


def test_a_tie_is_refused() -> None:
    with pytest.raises(InputError, match="voters: is 4; expected an odd number"):
        crowd(voters=4)


def test_every_replicate_has_its_file() -> None:
    assert plan.answers({"replicates": [0, 7]}) == [
        "<results>/my_paper/r0/data/answers.parquet",
        "<results>/my_paper/r7/data/answers.parquet",
    ]


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.8, REPRODUCED), (0.5, NOT_REPRODUCED)])
def test_the_verdict_follows_what_is_planted(tmp_path: Path, accuracy: float, verdict: str) -> None:
    measured = measurements(scores=scores(tmp_path, accuracy))
    decide_claims("my_paper", PUBLISHED, "laptop", measured, tmp_path / "claims.json")
    (entry,) = read_claims(tmp_path / "claims.json")["claims"]
    assert entry["verdict"] == verdict


def test_figure_and_table_have_the_same_values(tmp_path: Path) -> None:
    table = scores(tmp_path, 0.7)
    drawn = fig_accuracy(scores=table)
    assert (drawn.n, drawn.replicates) == ("2000 questions", 3)
    plotted = drawn.plotted.set_index("method")["value"]
    means = table_replicates(scores=table).rows[["single", "majority"]].mean()
    assert plotted.to_dict() == pytest.approx(means.to_dict())

"""An example to replace: majorities against the binomial distribution, verdicts on either side of the criterion."""

from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import binom

from raw2fig.claims import NOT_REPRODUCED, REPRODUCED
from raw2fig.errors import InputError
from raw2fig.papers.my_paper.claims import claims
from raw2fig.papers.my_paper.data import answers
from raw2fig.papers.my_paper.evaluate import evaluate, votes
from raw2fig.papers.my_paper.figures import fig_accuracy
from raw2fig.tables import read_json

PUBLISHED = Path(__file__).parents[2] / "config/published/my_paper.yaml"


def scores(folder: Path, accuracy: float) -> Path:
    """Scores of two seeds of 2,000 questions with five answers each."""
    tables = [folder / f"answers-s{seed}.parquet" for seed in (0, 1)]
    for seed, table in enumerate(tables):
        answers(answers=table, questions=2000, voters=5, accuracy=accuracy, seed=seed)
    evaluate(answers=tables, scores=folder / "scores.parquet")
    return folder / "scores.parquet"


@pytest.mark.parametrize("accuracy", [0.2, 0.5, 0.7])
def test_majorities_are_binomial(tmp_path: Path, accuracy: float) -> None:
    frame = pd.read_parquet(scores(tmp_path, accuracy))
    expected = binom.sf(2, 5, accuracy)
    error = (expected * (1 - expected) / len(frame)) ** 0.5
    assert len(frame) == 4000
    assert abs(frame["majority"].mean() - expected) < 4 * error


def test_the_majority_does_not_depend_on_the_order_of_answers() -> None:
    rights = {(0, 0): "110", (0, 1): "100", (1, 0): "111", (1, 1): "001"}
    rows = [(*place, digit == "1") for place, digits in rights.items() for digit in digits]
    table = pd.DataFrame(rows, columns=["seed", "question", "right"])
    assert votes(table)["majority"].tolist() == [True, False, True, False]
    assert votes(table.iloc[::-1])["majority"].tolist() == [True, False, True, False]
    assert votes(table)["single"].tolist() == [True, True, True, False]


def test_a_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    tables = [tmp_path / f"{name}.parquet" for name in "abc"]
    for table, seed in zip(tables, (0, 0, 1), strict=True):
        answers(answers=table, seed=seed)
    assert tables[0].read_bytes() == tables[1].read_bytes()
    right = [pd.read_parquet(table)["right"] for table in tables]
    assert not right[0].equals(right[2])


def test_a_tie_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="voters: is 4; expected an odd number"):
        answers(answers=tmp_path / "answers.parquet", voters=4)


@pytest.mark.parametrize(("accuracy", "verdict"), [(0.8, REPRODUCED), (0.5, NOT_REPRODUCED)])
def test_the_verdict_follows_what_is_planted(tmp_path: Path, accuracy: float, verdict: str) -> None:
    claims(published=PUBLISHED, scores=scores(tmp_path, accuracy), claims=tmp_path / "claims.json")
    written = read_json(tmp_path / "claims.json")
    (entry,) = written["claims"]
    assert written["paper"] == "my_paper"
    assert entry["verdict"] == verdict
    assert (entry["estimate"]["n"], entry["estimate"]["seeds"]) == (4000, 2)


def test_the_figure_has_its_plotted_values(tmp_path: Path) -> None:
    svg, png, csv = (tmp_path / f"accuracy.{suffix}" for suffix in ("svg", "png", "csv"))
    table = scores(tmp_path, 0.7)
    fig_accuracy(scores=table, svg=svg, png=png, csv=csv)
    plotted = pd.read_csv(csv).set_index("method")["value"]
    assert plotted.to_dict() == pd.read_parquet(table)[["single", "majority"]].mean().to_dict()
    assert svg.stat().st_size > 0 < png.stat().st_size

"""Flags and outcomes: probabilities by hand, and tables with and without the authors' files."""

import math
from pathlib import Path

import pandas as pd
import pytest
import yaml

from raw2fig.config import SHIPPED, check, load, merge
from raw2fig.errors import InputError
from raw2fig.papers.hal.figures_flags import table_behaviours, table_failures
from raw2fig.papers.hal.rubrics import BEHAVIOURS, FAILURES, FILES, OUTCOMES, Flags, read_flags

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "config/published/hal.yaml"


def rubric(path: Path, counts: Flags, outcome: str, labels: tuple = ("match", "no match")) -> Path:
    """A rubric file with these counts."""
    column, _ = OUTCOMES[outcome]
    cells = [(labels[0], 1), (labels[0], 0), (labels[1], 1), (labels[1], 0)]
    rows = [cell for cell, number in zip(cells, counts, strict=True) for _ in range(number)]
    pd.DataFrame(rows, columns=["label", column]).to_csv(path, index=False)
    return path


def test_check_14_probabilities_of_a_table_of_four_cells(tmp_path: Path) -> None:
    flags = read_flags(rubric(tmp_path / "a.csv", Flags(6, 2, 3, 9), "task solved"), "task solved")
    assert flags == Flags(6, 2, 3, 9)
    assert flags.flag_given(True).value == pytest.approx(6 / 9)
    assert flags.flag_given(False).value == pytest.approx(2 / 11)
    assert flags.success_given(True).value == pytest.approx(6 / 8)
    assert flags.success_given(False).value == pytest.approx(3 / 12)
    assert flags.difference == pytest.approx(0.5)
    assert flags.ratio == pytest.approx(3.0)
    assert flags.success_given(True).low < 0.75 < flags.success_given(True).high


def test_check_14_empty_cells_give_nan_or_infinity() -> None:
    assert math.isnan(Flags(0, 0, 3, 4).success_given(True).value)
    assert math.isnan(Flags(0, 0, 3, 4).ratio)
    assert Flags(2, 1, 0, 4).ratio == math.inf
    assert math.isnan(Flags(0, 2, 0, 4).ratio)


def test_a_label_can_be_a_boolean(tmp_path: Path) -> None:
    path = rubric(tmp_path / "a.csv", Flags(1, 2, 3, 4), "answered", (True, False))
    assert read_flags(path, "answered") == Flags(1, 2, 3, 4)


@pytest.mark.parametrize(
    ("labels", "outcome", "message"),
    [
        (("match", "perhaps"), "task solved", "label is 'perhaps'; expected match or no match"),
        (("match", "no match"), "answered", "no column 'eval_answer'"),
    ],
)
def test_a_file_that_is_no_rubric_is_refused(tmp_path: Path, labels: tuple, outcome: str, message: str) -> None:
    path = rubric(tmp_path / "a.csv", Flags(1, 1, 1, 1), "task solved", labels)
    with pytest.raises(InputError, match=message):
        read_flags(path, outcome)


def test_tables_show_the_published_numbers_without_the_files() -> None:
    for table, rows in ((table_failures, FAILURES), (table_behaviours, BEHAVIOURS)):
        shown = table(published=PUBLISHED).rows
        assert len(shown) == len(rows)
        assert [name for name in shown.columns if not name.endswith("published")] == ["benchmark", "rubric", "outcome"]


def test_tables_show_what_the_files_give(tmp_path: Path) -> None:
    paths = []
    for row in (*FAILURES, *BEHAVIOURS):
        path = tmp_path / f"{row.benchmark}_{row.rubric}.csv"
        paths.append(rubric(path, Flags(6, 2, 3, 9), row.outcome))
    failures, behaviours = (
        table(rubrics=paths, published=PUBLISHED).rows for table in (table_failures, table_behaviours)
    )
    assert set(failures["flag given failure"].round(3)) == {0.182}
    assert set(behaviours["ratio"].round(3)) == {3.0}
    assert failures["flag given failure, published"].tolist()[0] == 0.67


def test_a_folder_must_have_every_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for name in FILES[1:]:
        (tmp_path / name).touch()
    overlay = yaml.safe_load(f"hal: {{rubrics: {{source: path, path: {tmp_path}}}}}")
    with pytest.raises(InputError, match=rf"hal\.rubrics\.path: is .*, which has no {FILES[0]}"):
        check(merge(load([SHIPPED]), overlay))

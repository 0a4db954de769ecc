"""`raw2fig hal frontier` on tables of other people's runs."""

from pathlib import Path

import pandas as pd
import pytest

from raw2fig.errors import InputError
from raw2fig.papers.hal.frontier import hull, hull_paper
from raw2fig.papers.hal.own_runs import frontier
from raw2fig.papers.hal.runs import on_frontier, read_runs
from raw2fig.step import run_step

ROOT = Path(__file__).parents[2]


def found(folder: Path, runs: Path, **flags: str) -> pd.DataFrame:
    """The table that the command writes."""
    files = {name: folder / f"out.{name}" for name in ("svg", "png", "csv")}
    run_step(frontier, {"runs": runs, "table": folder / "table.csv", **files, **flags})
    return pd.read_csv(folder / "table.csv")


def table(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text)
    return path


def test_the_published_runs_have_the_same_frontiers(tmp_path: Path) -> None:
    path = ROOT / "config/hal/runs.csv"
    runs = read_runs(path)
    own = found(tmp_path, path)
    for name, mask in (("hull", hull), ("hull_paper", hull_paper)):
        assert own[name].tolist() == on_frontier(runs, "cost_usd", mask).tolist()


def test_usual_names_percent_and_tasks(tmp_path: Path) -> None:
    own = found(tmp_path, table(tmp_path, "Agent,Score,Cost,n\na,40,1.2,50\nb,62,3,50\nc,60,4,50\n"))
    assert own["accuracy"].tolist() == [0.4, 0.62, 0.6]
    assert own["hull"].tolist() == [True, True, False]
    assert (own["low"] < own["accuracy"]).all()
    assert (own["high"] > own["accuracy"]).all()


def test_benchmarks_have_frontiers_of_their_own_and_runs_need_no_names(tmp_path: Path) -> None:
    own = found(tmp_path, table(tmp_path, "benchmark,accuracy,cost\nx,0.5,1\ny,0.4,2\nx,0.4,2\n"))
    assert own["nondominated"].tolist() == [True, True, False]
    assert own["name"].tolist() == ["run 1", "run 2", "run 3"]
    assert "low" not in own.columns


@pytest.mark.parametrize(
    ("text", "flags", "message"),
    [
        ("accuracy,price,usd\n0.1,1,2\n", {}, "columns price and usd could be the cost; expected --cost-col"),
        ("accuracy,dollars\n0.1,1\n", {}, "no column is known as the cost; expected --cost-col"),
        ("accuracy,cost\n0.1,-1\n", {}, "cost is -1 in row 1"),
        ("accuracy,cost\n400,1\n", {}, "accuracy is 400 in row 1"),
        ("accuracy,cost,n\n0.4,1,0\n", {}, "n is 0 in row 1"),
        ("accuracy,cost\n0.1,1\n", {"cost_col": "nope"}, "no column 'nope'"),
        (
            "accuracy,cost\n0.1,1\n",
            {"cost_col": "accuracy"},
            "column 'accuracy' is named by --accuracy-col and by --cost-col",
        ),
    ],
)
def test_a_table_that_cannot_be_read_is_told_in_one_line(tmp_path: Path, text: str, flags: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        found(tmp_path, table(tmp_path, text), **flags)
    assert not (tmp_path / "table.csv").exists()

"""What figures and tables show is what the tables behind them say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from game_tools import call, make_personas, make_schedule, outputs

from raw2fig.papers.coordination.figures_success import _weighted
from raw2fig.papers.coordination.prompts import CONDITIONS
from raw2fig.papers.coordination.results import estimate, estimates, in_order, samples, span_of, title_of
from raw2fig.stats import Estimate


def drawn(folder: Path) -> list[object]:
    return [word for kind in ("svg", "png", "csv") for word in (f"--{kind}", folder / f"figure.{kind}")] + [
        "--scale",
        "laptop",
    ]


def test_a_span_of_numbers_has_both_ends_and_one_number_where_they_are_equal() -> None:
    assert [span_of(values) for values in ([25, 100, 50], [7, 7], pd.Series([3, 1]))] == ["25 to 100", "7", "1 to 3"]


def test_a_sweep_over_two_things_shows_each_over_all_of_the_other(tmp_path: Path) -> None:
    rows = [
        {
            "model": "m",
            "condition": "plain",
            "replicate": "all",
            "agents": n,
            "temperature": t,
            "games": 50,
            "solved": 10 * n + int(5 * t),
        }
        for n in (1, 3)
        for t in (0.0, 1.0, 2.0)
    ]
    table = pd.DataFrame(rows).assign(rate=0.5, low=0.4, high=0.6, median_rounds=3.0)
    table.to_csv(tmp_path / "rates.csv", index=False)
    odds = {
        "model": "m",
        "condition": "plain",
        "replicate": "all",
        "over": "agents",
        "n": 300,
        "odds_ratio": 3.21,
        "low": 3,
        "high": 4,
    }
    pd.DataFrame([{**odds, "p": 0.0}]).to_csv(tmp_path / "odds.csv", index=False)
    given = ("--rates", tmp_path / "rates.csv", "--odds", tmp_path / "odds.csv")
    assert call("fig-sweep", *given, *drawn(tmp_path)) == 0
    shown = pd.read_csv(tmp_path / "figure.csv").set_index(["over", "at"])["value"].to_dict()
    assert shown == pytest.approx(
        {
            ("agents", 1.0): 45 / 150,
            ("agents", 3.0): 105 / 150,
            ("temperature", 0.0): 40 / 100,
            ("temperature", 1.0): 50 / 100,
            ("temperature", 2.0): 60 / 100,
        }
    )
    table[table["agents"] == 1].query("temperature == 0").to_csv(tmp_path / "rates.csv", index=False)
    assert call("fig-sweep", *given, *drawn(tmp_path)) == 2


def test_weights_put_back_the_games_that_were_solved_early() -> None:
    """Half of the kind with the value 1 is gone: those left stand for two each."""
    groups = pd.DataFrame({"synergy": [1.0] * 50 + [0.0] * 100, "ipw": [2.0] * 50 + [1.0] * 100})
    found = _weighted(groups, "synergy")
    assert found.value == pytest.approx(0.5)
    assert found.low < 0.5 < found.high


def test_conditions_and_missing_rows() -> None:
    assert in_order(["tom+repeat", "reasoning", "tom", "plain"]) == ["plain", "tom", "reasoning", "tom+repeat"]
    assert [title_of(name) for name in (*CONDITIONS, "tom+repeat")] == [
        "Plain",
        "Persona",
        "ToM",
        "Reasoning",
        "ToM + repeat",
    ]
    table = pd.DataFrame({"condition": ["plain"], "replicate": ["all"], "v": [0.5], "l": [0.4], "h": [0.6], "n": [7]})
    there, absent = estimates(table, ["plain", "tom"], ("v", "l", "h", "n"))
    assert there == Estimate(0.5, 0.4, 0.6, 7)
    assert np.isnan(absent.value)


def test_players_trained_here_are_estimated_over_replicates() -> None:
    """By hand: 0.2, 0.5 and 0.8 have mean 0.5 and standard deviation 0.3; t is 4.303 with two degrees of freedom."""
    rows = pd.DataFrame({"replicate": ["0", "1", "2"], "v": [0.2, 0.5, 0.8], "l": 0.0, "h": 1.0, "n": [10, 12, 11]})
    found = estimate(rows, ("v", "l", "h", "n"))
    half = 4.302653 * 0.3 / np.sqrt(3)
    assert found[:4] == (pytest.approx(0.5), pytest.approx(0.5 - half), pytest.approx(0.5 + half), 12)
    assert found.replicates is not None
    assert found.replicates.n == 3
    assert estimate(rows, ("v", "l", "h", "n"), 0, 1)[1:3] == (0, 1)


def test_samples_are_replicates_of_trained_players_and_all_games_of_the_others() -> None:
    frame = pd.DataFrame({"model": ["large", "large", "rules", "rules"], "replicate": [0, 1, 0, 1], "v": range(4)})
    assert {name: part["v"].tolist() for name, part in samples(frame, ["large"])} == {"all": [2, 3], "0": [0], "1": [1]}
    assert [name for name, _ in samples(frame, [])] == ["all"]
    assert [name for name, _ in samples(frame, ["large", "rules"])] == ["0", "1"]


def test_the_figure_of_success_has_replicates_in_its_stamp_and_intervals_over_them(tmp_path: Path) -> None:
    rows = [
        {"model": "large", "condition": "plain", "replicate": str(replicate), "rate": rate}
        for replicate, rate in enumerate((0.2, 0.5, 0.8))
    ]
    rows.append({"model": "rules", "condition": "plain", "replicate": "all", "rate": 0.5})
    numbers = {
        "agents": 10,
        "temperature": 1.0,
        "games": 20,
        "solved": 4,
        "low": 0.4,
        "high": 0.6,
        "median_rounds": 3.0,
    }
    pd.DataFrame(rows).assign(**numbers).to_csv(tmp_path / "rates.csv", index=False)
    assert call("fig-success", "--rates", tmp_path / "rates.csv", *drawn(tmp_path)) == 0
    shown = pd.read_csv(tmp_path / "figure.csv").set_index("model")
    assert shown.loc["rules", ["low", "high"]].tolist() == [0.4, 0.6]
    assert shown.loc["large", ["value", "low", "high", "replicates"]].tolist() == [0.5, 0, 1, 3]


def test_the_first_groups_of_each_condition_are_tested_and_shards_are_read_together(tmp_path: Path) -> None:
    personas = make_personas(tmp_path)
    schedule = make_schedule(tmp_path, personas, 6, ("plain", "persona"), rounds=10, agents=5)
    for shard in (0, 1):
        (tmp_path / str(shard)).mkdir()
        given = ("--schedule", schedule, "--personas", personas, "--backend", "rules", "--source", "random")
        assert call("play", *given, "--shard", shard, "--shards", 2, *outputs(tmp_path / str(shard))) == 0
    tables = [tmp_path / f"{shard}/games.parquet" for shard in (0, 1)]
    made = ("--output", tmp_path / "s.parquet", "--counts", tmp_path / "c.json")
    assert call("series", "--games", *tables, *made) == 0
    assert call("series", "--games", tables[0], tables[0], "--output", tmp_path / "x", "--counts", tmp_path / "y") == 2
    assert len(pd.read_parquet(tmp_path / "s.parquet")) == 12
    flags = ("--series", tmp_path / "s.parquet", "--surrogates", 19, "--replicate", 0)
    assert call("criteria", *flags, "--table", tmp_path / "all.parquet") == 0
    assert call("criteria", *flags, "--groups", 2, "--table", tmp_path / "few.parquet") == 0
    everything, few = (pd.read_parquet(tmp_path / f"{name}.parquet") for name in ("all", "few"))
    assert few.groupby("condition")["game"].nunique().to_dict() == {"plain": 2, "persona": 2}
    # a test of a group does not depend on which others are tested
    same = few.merge(everything, on=["game", "null", "criterion"], suffixes=("", "_all"))
    np.testing.assert_array_equal(same["p"], same["p_all"])

"""Rates of replies in another form, and how often groups succeed."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from game_tools import call, games_of, outputs, player, sentences

from raw2fig.papers.coordination.engine import Line, Outcome, Played, Request, Turn, play
from raw2fig.papers.coordination.parse import Parser
from raw2fig.papers.coordination.play import table
from raw2fig.stats import proportion
from raw2fig.tables import write_table


def saved(played: Played, folder: Path) -> list[object]:
    """The three tables on disk, as flags of `qc`."""
    folder.mkdir(exist_ok=True)
    words: list[object] = []
    for name, rows, kind in zip(("games", "transcripts", "outcomes"), played, (Turn, Line, Outcome), strict=True):
        write_table(table(rows, kind), folder / f"{name}.parquet")
        words += [f"--{name}", folder / f"{name}.parquet"]
    return words


def played(bad: dict[int, str | None], parser: Parser = "final") -> Played:
    """4 games of 5 agents and 5 rounds; agent 0 says in game `n`, round 1, what `bad` has for it."""
    games = games_of("plain", 4, agents=5, rounds=5)

    def reply(request: Request) -> str | None:
        number = int(request.game[-1])
        if request.agent == 0 and request.round == 1 and number in bad:
            return bad[number]
        return "FINAL GUESS: 0"

    return play(games, [""] * 20, player(reply), parser)


def test_rates_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = saved(played({0: "no idea", 1: "I say 9", 2: "FINAL GUESS: 99"}), tmp_path)
    assert call("qc", *words, "--report", tmp_path / "qc.json", "--highest", 0.03) == 0
    (row,) = json.loads((tmp_path / "qc.json").read_text())
    assert (row["model"], row["condition"], row["replies"], row["games"]) == ("m", "plain", 100, 4)
    assert (row["fallback"], row["no_number"], row["truncated"], row["incomplete"]) == (0.03, 0.01, 0.0, 0.0)
    assert call("qc", *words, "--report", tmp_path / "other.json") == 2
    assert "m, plain: fallback is 0.030; expected at most 0.02" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "other.json").exists()


def test_incomplete_games_and_cut_replies_fail_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost = played({3: None})
    assert call("qc", *saved(lost, tmp_path / "a"), "--report", tmp_path / "qc.json") == 2
    assert "incomplete is 0.250" in capsys.readouterr().err.splitlines()[-1]
    whole = played({})
    cut = [line._replace(finish_reason="length" if line.round == 1 else "stop") for line in whole.transcript]
    words = saved(whole._replace(transcript=cut), tmp_path / "b")
    assert call("qc", *words, "--report", tmp_path / "qc.json") == 2
    assert "truncated is 0.200" in capsys.readouterr().err.splitlines()[-1]
    assert call("qc", *words, "--report", tmp_path / "qc.json", "--highest", 1) == 0


def test_one_bad_condition_is_not_hidden_by_many_replies_of_others(tmp_path: Path) -> None:
    one, other = played({0: "no idea", 1: "no idea", 2: "no idea"}), played({})
    parts = [saved(one, tmp_path / "one"), saved(other, tmp_path / "other")]
    for name in ("games", "transcripts", "outcomes"):
        path = tmp_path / "other" / f"{name}.parquet"
        frame = pd.read_parquet(path)
        frame["game"] = "x" + frame["game"]
        if "condition" in frame:
            frame["condition"] = "tom"
        frame.to_parquet(path, index=False)
    flags = zip(parts[0][::2], parts[0][1::2], parts[1][1::2], strict=True)
    words = [word for three in flags for word in three]
    assert call("qc", *words, "--report", tmp_path / "qc.json") == 2
    assert call("qc", *words, "--report", tmp_path / "qc.json", "--highest", 0.031) == 0
    rows = json.loads((tmp_path / "qc.json").read_text())
    assert {row["condition"]: row["fallback"] for row in rows} == {"plain": 0.03, "tom": 0.0}


def test_by_the_official_parser_the_last_integer_is_regular(tmp_path: Path) -> None:
    words = saved(played({0: "so 9", 1: "9 of 99"}, "compat"), tmp_path)
    assert call("qc", *words, "--report", tmp_path / "qc.json", "--parser", "compat") == 0
    (row,) = json.loads((tmp_path / "qc.json").read_text())
    assert row["fallback"] == 0.01


def outcomes_table(path: Path, cells: list[tuple[int, float, int, int]], incomplete: int = 0) -> Path:
    """Cells (agents, temperature, solved, games); some incomplete games more in the first."""
    rows = []
    for agents, heat, solved, number in cells:
        for index in range(number):
            won = index < solved
            rows.append((0, f"g{agents}-{heat}-{index}", "plain", "m", agents, heat, 60, index % 7 + 1, won, True, ""))
    agents, heat, _, _ = cells[0]
    for index in range(incomplete):
        rows.append((0, f"lost{index}", "plain", "m", agents, heat, 60, 3, False, False, "round 4, agent 0: silent"))
    write_table(table([Outcome(*row) for row in rows], Outcome), path)
    return path


def test_rates_have_wilson_intervals_and_leave_out_incomplete_games(tmp_path: Path) -> None:
    path = outcomes_table(tmp_path / "o.parquet", [(10, 1.0, 12, 40), (5, 1.0, 0, 20)], incomplete=3)
    made = ("--rates", tmp_path / "rates.csv", "--odds", tmp_path / "odds.csv")
    assert call("success", "--outcomes", path, *made) == 0
    rates = pd.read_csv(tmp_path / "rates.csv").set_index("agents")
    known = proportion(12, 40)
    assert rates.loc[10, ["rate", "low", "high"]].tolist() == pytest.approx([known.value, known.low, known.high])
    assert rates.loc[10, ["games", "solved", "incomplete"]].tolist() == [40, 12, 3]
    assert rates.loc[10, "median_rounds"] == np.median([index % 7 + 1 for index in range(12)])
    assert rates.loc[5, "rate"] == 0
    assert np.isnan(rates.loc[5, "median_rounds"])


def test_an_odds_ratio_of_two_sizes_is_that_of_the_table(tmp_path: Path) -> None:
    """With one covariate of two values logistic regression is saturated: the log of the ratio of odds by the distance,
    and Woolf's standard error."""
    path = outcomes_table(tmp_path / "o.parquet", [(3, 1.0, 45, 60), (7, 1.0, 20, 50)], incomplete=9)
    made = ("--rates", tmp_path / "rates.csv", "--odds", tmp_path / "odds.csv")
    assert call("success", "--outcomes", path, *made) == 0
    found = pd.read_csv(tmp_path / "odds.csv").iloc[0]
    assert found[["model", "condition", "over", "n"]].tolist() == ["m", "plain", "agents", 110]
    log_ratio = np.log((20 / 30) / (45 / 15)) / 4
    error = np.sqrt(1 / 45 + 1 / 15 + 1 / 20 + 1 / 30) / 4
    assert found["odds_ratio"] == pytest.approx(np.exp(log_ratio), rel=1e-6)
    assert found["low"] == pytest.approx(np.exp(log_ratio - 1.959964 * error), rel=1e-5)
    assert found["high"] == pytest.approx(np.exp(log_ratio + 1.959964 * error), rel=1e-5)


def test_success_of_rules_falls_with_the_size_of_the_group(tmp_path: Path) -> None:
    """The paper's sweep, small: through text, 60 games of each size."""
    personas = sentences(tmp_path)
    given = ("schedule", "--personas", tmp_path / "personas.json", "--models", "m", "--conditions", "plain")
    given = (*given, "--replicate", 0)
    assert call(*given, "--games", 60, "--agents", 3, 8, 15, "--schedule", tmp_path / "schedule.parquet") == 0
    names = outputs(tmp_path)
    flags = ("--schedule", tmp_path / "schedule.parquet", "--personas", tmp_path / "personas.json")
    assert call("play", *flags, "--backend", "rules", "--source", "plain", *names) == 0
    made = ("--rates", tmp_path / "rates.csv", "--odds", tmp_path / "odds.csv")
    assert call("success", "--outcomes", tmp_path / "outcomes.parquet", *made) == 0
    found = pd.read_csv(tmp_path / "odds.csv").iloc[0]
    assert found["high"] < 1
    assert found["p"] < 0.01
    assert len(personas) == 20


def test_a_game_in_two_tables_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = outcomes_table(tmp_path / "o.parquet", [(10, 1.0, 12, 40)])
    made = ("--rates", tmp_path / "rates.csv", "--odds", tmp_path / "odds.csv")
    assert call("success", "--outcomes", path, path, *made) == 2
    assert "comes twice" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("solved", [(20, 20), (0, 0), (20, 0), (7, 0)])
def test_where_a_size_decides_or_nothing_does_there_is_no_odds_ratio(solved: tuple[int, int], tmp_path: Path) -> None:
    path = outcomes_table(tmp_path / "o.parquet", [(3, 1.0, solved[0], 20), (7, 1.0, solved[1], 20)])
    made = ("--rates", tmp_path / "rates.csv", "--odds", tmp_path / "odds.csv")
    assert call("success", "--outcomes", path, *made) == 0
    (row,) = pd.read_csv(tmp_path / "odds.csv").to_dict("records")
    assert (row["model"], row["over"], row["n"]) == ("m", "agents", 40)
    assert np.isnan([row[name] for name in ("odds_ratio", "low", "high", "p")]).all()


def test_players_trained_here_have_a_row_for_each_replicate_and_others_one_for_all_games(tmp_path: Path) -> None:
    paths = []
    for replicate, (own, other) in enumerate([((3, 1.0, 5, 10), (3, 1.0, 2, 10)), ((3, 1.0, 8, 10), (3, 1.0, 3, 10))]):
        for name, cell in (("policy", own), ("rules", other)):
            path = outcomes_table(tmp_path / f"{name}{replicate}.parquet", [cell, (7, 1.0, 4, 10)])
            frame = pd.read_parquet(path)
            named = frame.assign(game=name + frame["game"], model=name, replicate=replicate)
            named.to_parquet(path, index=False)
            paths.append(path)
    made = ("--rates", tmp_path / "rates.csv", "--odds", tmp_path / "odds.csv")
    assert call("success", "--outcomes", *paths, "--trained", "policy", *made) == 0
    rates = pd.read_csv(tmp_path / "rates.csv").query("agents == 3").set_index(["model", "replicate"])["rate"]
    assert rates.to_dict() == {("policy", "0"): 0.5, ("policy", "1"): 0.8, ("rules", "all"): 0.25}
    odds = pd.read_csv(tmp_path / "odds.csv").set_index(["model", "replicate"])["n"]
    assert odds.to_dict() == {("policy", "0"): 20, ("policy", "1"): 20, ("rules", "all"): 40}

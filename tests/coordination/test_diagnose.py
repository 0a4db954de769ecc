"""`raw2fig coordination diagnose` on somebody's own log: verdicts, what is put right, left out, or refused."""

import csv
import math
import random
import re
import signal
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from command_line import status_of
from processes import session, within

from raw2fig.config import SHIPPED, load
from raw2fig.errors import InputError
from raw2fig.papers.coordination import group_tests
from raw2fig.papers.coordination.diagnose import diagnose as command
from raw2fig.papers.coordination.diagnose import find_columns
from raw2fig.papers.coordination.group_tests import against_nulls
from raw2fig.papers.coordination.logs import Columns, Game, read_games
from raw2fig.papers.coordination.measures import CRITERIA
from raw2fig.papers.coordination.pooling import pool_tests
from raw2fig.papers.coordination.processes import make
from raw2fig.papers.coordination.verdicts import pooled_verdicts, verdict_of
from raw2fig.step import parameters

FILES = ("coordination-figure.csv", "coordination-groups.csv", "coordination-pooled.csv", "coordination.html")
FILES += ("coordination.png", "coordination.svg")
FEW = ("--surrogates", "79")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def diagnose(*flags: str, log: str = "my_log.csv", status: int = 0) -> None:
    assert status_of("coordination", "diagnose", "--games", log, *flags) == status


def groups() -> pd.DataFrame:
    return pd.read_csv("coordination-groups.csv", keep_default_na=False).set_index("game")


def independent(games: int = 3, rounds: int = 12, agents: int = 4, seed: int = 0) -> pd.DataFrame:
    """Agents that guess whatever they like."""
    rng = np.random.default_rng(seed)
    index = pd.MultiIndex.from_product(
        [[f"g{i}" for i in range(games)], range(1, rounds + 1), range(agents)], names=["game", "round", "agent"]
    )
    frame = index.to_frame(index=False)
    return frame.assign(guess=rng.integers(0, 51, len(frame)), target=83)


def written(frame: pd.DataFrame, name: str = "my_log.csv") -> None:
    frame.to_csv(name, index=False) if name.endswith(".csv") else frame.to_parquet(name, index=False)


def office_log(path: Path, seed: int) -> None:
    """A log of another house, written with nothing but the standard library: three kinds of teams that shall reach a
    budget together. `solo`: anyone bids anything. `siren`: all hear whether the total was too high and halve their
    steps. `huddle`: the total goes its way smoothly, since what some bid more the others bid less."""
    dice = random.Random(seed)
    with path.open("w", newline="") as file:
        out = csv.writer(file, delimiter=",")
        out.writerow(["Squad", "Who", "tick", "Bid", "Budget", "site", "remark"])
        for kind in ("solo", "siren", "huddle"):
            for team in range(30):
                budget = dice.randint(180, 230)
                names = ["ann", "bob", "cem", "dee", "eva", "fay", "gus", "hal"]
                step, drift = 12.0, dice.gauss(0, 5)
                bids = [25 + dice.gauss(0, 2) for _ in names]
                for tick in range(40):
                    if kind == "solo":
                        bids = [dice.uniform(0, 50) for _ in names]
                    elif kind == "siren" and tick:
                        sign = 1 if sum(bids) > budget else -1
                        bids = [min(50, max(0, bid - sign * step)) for bid in bids]
                        step = max(1.0, step / 2)
                    elif kind == "huddle":
                        drift = 0.9 * drift + dice.gauss(0, 2)
                        noise = [dice.gauss(0, 7) for _ in names]
                        mean = sum(noise) / len(names)
                        bids = [min(50, max(0, (budget + drift) / 8 + n - mean)) for n in noise]
                    for name, bid in zip(names, bids, strict=True):
                        out.writerow([f"{kind}{team}", name, tick, round(bid, 3), budget, kind, "x"])


OTHER_NAMES = ("--game-col", "Squad", "--agent-col", "Who", "--round-col", "tick", "--value-col", "Bid")
OTHER_NAMES += ("--target-col", "Budget", "--condition-col", "site")


def test_a_log_that_no_step_of_ours_wrote(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    office_log(folder / "my_log.csv", 1)
    diagnose(*OTHER_NAMES, "--surrogates", "99")
    assert sorted(path.name for path in folder.glob("coordination*")) == sorted(FILES)
    said = capsys.readouterr().out
    assert "pooled in solo: independent" in said
    assert "pooled in siren: synchronised" in said
    assert "pooled in huddle: coordinated" in said
    found = groups()
    assert len(found) == 90
    solo, siren = found[found["condition"] == "solo"], found[found["condition"] == "siren"]
    assert (solo["verdict"] == "independent").sum() >= 25
    assert (siren["verdict"] == "synchronised").sum() >= 20
    assert (siren["verdict"] == "coordinated").sum() <= 3
    pooled = pd.read_csv("coordination-pooled.csv")
    assert set(pooled["null"]) == {"column", "sync", "matched"}
    row = pooled.query("condition == 'huddle' and null == 'column' and criterion == 's_macro'").iloc[0]
    assert row["share_low"] < row["share"] < row["share_high"]


class Page(HTMLParser):
    """Open tags, links to elsewhere, and the text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_is_whole_and_needs_no_other_file(folder: Path) -> None:
    written(independent(games=8).assign(game=lambda f: f["game"] + "<b>"))
    diagnose(*FEW)
    page = Page((folder / "coordination.html").read_text())
    assert page.open == []
    assert all(link.startswith("data:image/svg+xml;base64,") for link in page.links)
    text = re.sub(r"\s+", " ", " ".join(page.words))
    assert "All groups: independent (8 groups pooled)" in text
    assert "g0<b>" in text
    assert "Nothing says that the agents have to do with one another" in text.replace("nothing", "Nothing")


def test_few_groups_have_a_verdict_each_and_none_together(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(independent())
    diagnose(*FEW)
    assert "pooled: not tested (3 groups, fewer than 7)" in capsys.readouterr().out
    page = (folder / "coordination.html").read_text()
    assert "All groups: too few to pool" in page
    assert "<details open><summary>Groups" in page
    assert "not tested" not in set(groups()["verdict"])


def test_the_same_log_gives_the_same_bytes_with_any_number_of_workers(folder: Path) -> None:
    written(independent())
    diagnose(*FEW)
    before = {name: (folder / name).read_bytes() for name in FILES}
    diagnose(*FEW, "--workers", "2")
    assert {name: (folder / name).read_bytes() for name in FILES} == before


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_command(sent: signal.Signals, folder: Path) -> None:
    written(independent(rounds=40))
    command = [sys.executable, "-m", "raw2fig", "coordination", "diagnose", "--games", "my_log.csv", "--workers", "2"]
    run = subprocess.Popen([*command, "--surrogates", "100000"], start_new_session=True, stderr=subprocess.DEVNULL)
    assert within(60, lambda: len(session(run.pid)) == 3)
    run.send_signal(sent)
    assert run.wait() == -sent
    assert within(10, lambda: not session(run.pid))
    assert not [path for path in folder.glob("coordination*")]


@pytest.mark.parametrize("workers", ["0", "-1", "10000"])
def test_an_impossible_number_of_workers_is_refused(
    workers: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(independent())
    diagnose(*FEW, f"--workers={workers}", status=2)
    assert f"raw2fig coordination diagnose: --workers: is {workers}; expected" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["my_log.csv"]


def test_the_order_of_rows_and_other_games_do_not_matter(folder: Path) -> None:
    frame = independent()
    written(frame)
    diagnose(*FEW)
    before = groups()
    written(frame[frame["game"] != "g1"].sample(frac=1, random_state=0))
    diagnose(*FEW)
    pd.testing.assert_frame_equal(groups(), before.drop("g1"))


def test_parquet_and_names_that_are_numbers(folder: Path) -> None:
    frame = independent()
    written(frame.assign(game=frame["game"].str[1:].astype(int), agent="a" + frame["agent"].astype(str)), "my.parquet")
    diagnose(*FEW, log="my.parquet")
    assert groups().index.tolist() == [0, 1, 2]


def test_without_target_synchronised_and_coordinated_are_one(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    office_log(folder / "office.csv", 1)
    written(pd.read_csv("office.csv").query("site == 'siren'").drop(columns="Budget"))
    with caplog.at_level("WARNING"):
        diagnose(*OTHER_NAMES[:8], *FEW)
    assert "cannot be told apart" in caplog.text
    found = groups()
    assert set(found["verdict"]) <= {"independent", "dependent"}
    assert (found["verdict"] == "dependent").sum() >= 20
    assert not [name for name in found.columns if "sync" in name or "matched" in name]
    assert "All groups: dependent" in re.sub(r"\s+", " ", (folder / "coordination.html").read_text())


def test_a_signal_takes_the_place_of_a_target(folder: Path) -> None:
    frame = independent()
    sums = frame.groupby(["game", "round"])["guess"].transform("sum")
    written(frame.drop(columns="target").assign(told=np.sign(sums - 100)))
    diagnose(*FEW, "--signal-col", "told")
    assert "p_matched_i3" in groups().columns


def wide(frame: pd.DataFrame, name: str = "agent_{}") -> pd.DataFrame:
    """A row for each game and round, a column for each agent."""
    table = frame.pivot(index=["game", "round", "target"], columns="agent", values="guess")
    return table.rename(columns=lambda agent: name.format(agent + 1)).reset_index()


@pytest.mark.parametrize("name", ["agent_{}", "Player {}", "a{}", "guess_{}", "agent_{}_guess", "value-agent{}"])
def test_a_log_with_a_row_for_each_round_gives_the_same_verdicts(folder: Path, name: str) -> None:
    frame = independent()
    written(frame)
    long = read_games(Path("my_log.csv"), Columns())
    written(wide(frame, name))
    diagnose(*FEW)
    table = read_games(Path("my_log.csv"), find_columns(Path("my_log.csv"), dict.fromkeys(ROLES, "")))
    for one, other in zip(long, table, strict=True):
        np.testing.assert_array_equal(one.guesses, other.guesses)
        assert (one.game, one.target, one.success) == (other.game, other.target, other.success)
    assert groups()["agents"].tolist() == [4] * 3


ROLES = ("game", "round", "agent", "value", "target", "signal", "condition")


def test_columns_of_agents_by_name_holes_and_one_game_without_a_name(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    table = wide(independent(games=1, rounds=25)).drop(columns="game")
    table = table.rename(columns={"agent_1": "ann", "agent_2": "bob", "agent_3": "cem", "agent_4": "dee"})
    table["bob"] = table["bob"].astype(float).where(table["round"] != 5)
    written(table, "office.csv")
    flags = [word for name in ("ann", "bob", "cem", "dee") for word in ("--agent-cols", name)]
    with caplog.at_level("WARNING"):
        diagnose(*FEW, *flags, log="office.csv")
    assert "1 games have holes" in caplog.text
    assert groups()["rounds"].to_dict() == {"office": 20}


def test_feedback_in_words_is_its_sign(folder: Path) -> None:
    frame = independent()
    sums = frame.groupby(["game", "round"])["guess"].transform("sum")
    told = np.sign(sums - 100)
    tables = []
    for column in (told, told.map({1: "The sum is too HIGH.", -1: "too low", 0: "Correct!"})):
        written(frame.drop(columns="target").assign(told=column))
        diagnose(*FEW, "--signal-col", "told")
        tables.append(groups())
    pd.testing.assert_frame_equal(*tables)


def test_missing_rounds_values_and_rows_leave_the_longest_whole_run(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    frame = independent(games=6, rounds=25)
    game, number, agent = frame["game"], frame["round"], frame["agent"]
    keep = ~((game == "g1") & (number == 4)) & ~((game == "g2") & (number == 20) & (agent == 3))
    keep &= ~((game == "g3") & (number > 12) & (agent == 0)) & ~((game == "g5") & (number % 5 == 0))
    frame["guess"] = frame["guess"].astype(float).where((game != "g4") | (number != 11))
    written(frame[keep])
    with caplog.at_level("WARNING"):
        diagnose(*FEW)
    assert "5 games have holes" in caplog.text
    found = groups()
    assert found["rounds"].tolist() == [25, 21, 19, 12, 14, 4]
    assert found["verdict"].tolist()[-1] == "not tested"
    assert found["reason"].tolist() == [""] * 5 + ["fewer than 10 whole rounds in a row"]


def test_games_of_other_lengths_and_sizes_one_agent_and_agents_that_never_move(folder: Path) -> None:
    parts = [
        independent(1, 10, 2).assign(game="small"),
        independent(1, 60, 5).assign(game="long"),
        independent(1, 20, 1).assign(game="alone"),
        independent(1, 20, 4).assign(game="still", guess=7),
        independent(1, 20, 4).assign(game="one still", guess=lambda f: f["guess"].where(f["agent"] > 0, 7)),
        independent(1, 5, 4).assign(game="short"),
    ]
    written(pd.concat(parts))
    diagnose(*FEW)
    found = groups()
    assert {name: reason for name, reason in found["reason"].items() if reason} == {
        "alone": "one agent",
        "still": "no agent ever changes its value",
        "short": "fewer than 10 whole rounds in a row",
    }
    assert set(found.loc[["small", "long", "one still"], "verdict"]) <= {"independent", "synchronised", "coordinated"}
    assert found.loc["small", "p_column_i3"] == ""  # no triple of two agents
    assert found.loc["small", "p_column_capacity"] != ""
    page = (folder / "coordination.html").read_text()
    assert "one agent" in page


def test_fifty_agents(folder: Path) -> None:
    written(independent(games=1, rounds=15, agents=50).assign(target=1250))
    diagnose(*FEW)
    assert groups()["agents"].tolist() == [50]


def test_a_hundred_thousand_rows_are_read_at_once(folder: Path) -> None:
    frame = independent(games=500, rounds=20, agents=10)
    assert len(frame) == 100_000
    written(frame, "my.parquet")
    found = read_games(Path("my.parquet"), Columns())
    assert len(found) == 500
    for one in (found[0], found[123]):
        part = frame[frame["game"] == one.game]
        np.testing.assert_array_equal(one.guesses, part["guess"].to_numpy().reshape(20, 10))


@pytest.mark.parametrize(
    ("change", "flags", "message"),
    [
        (
            lambda f: f.assign(guess=f["guess"].astype(str).where(f.index != 9, "ten")),
            "",
            "'guess' holds object values",
        ),
        (
            lambda f: f.assign(guess=f["guess"].astype(float).where(f.index != 9, np.inf)),
            "",
            "has inf in row 10 below the header",
        ),
        (lambda f: pd.concat([f, f.iloc[:1]]), "", "two rows for game g0, round 1, agent 0"),
        (lambda f: f.assign(round=f["round"] + 0.5), "", "column 'round' holds float64 values such as 1.5"),
        (lambda f: f.assign(round=f["round"] * 1000), "", "12 rounds, numbered from 1000 to 12000"),
        (lambda f: f.assign(target=np.where(f["round"] > 5, 83, 84)), "", "game g0: column 'target' has 84"),
        (lambda f: f.assign(arm=f["round"]), "", "game g0: column 'arm' has 1 and 2"),
        (lambda f: f.assign(target=f["target"].astype(float).where(f.index != 3)), "", "'target' has 1 missing values"),
        (lambda f: f.assign(agent=f["agent"].astype(str).where(f.index != 3)), "", "'agent' has 1 missing values"),
        (
            lambda f: f.drop(columns="agent"),
            "",
            "no column is known as the agent; expected --agent-col and one of game, round, guess, target, or columns "
            "agent_1, agent_2, ... (--agent-cols)",
        ),
        (
            lambda f: wide(f).drop(columns="game"),
            "",
            "round 1 comes twice, and no column names the game",
        ),
        (lambda f: pd.concat([wide(f)] * 2), "", "two rows for game g0, round 1, agent column agent_1"),
        (lambda f: wide(f).assign(agent_2="x"), "", "column 'agent_2' holds"),
        (wide, "--agent-cols agent_1 --agent-cols agent_9", "no column 'agent_9'; expected one of game, round"),
        (wide, "--agent-cols agent_1 --agent-col agent_2", "--agent-cols beside --agent-col or --value-col"),
        (wide, "--agent-cols agent_1 --agent-cols round", "'round' is named by --round-col and by --agent-cols"),
        (lambda f: f.assign(told="go lower"), "--signal-col told", "'told' has 'go lower' in row 1 below the header"),
        (lambda f: f.assign(told="high or low"), "--signal-col told", "words such as too high, too low and correct"),
        (lambda f: f.assign(told="warm"), "--signal-col told", "column 'told' has 'warm' in row 1"),
        (lambda f: f.rename(columns={"guess": "x"}), "", "no column is known as the value; expected --value-col"),
        (lambda f: f.assign(action=1), "", "columns guess and action could be the value; expected --value-col"),
        (lambda f: f, "--target-col goal", "no column 'goal'"),
        (lambda f: f, "--high 40", "guesses of 0 to 40 (flags --low and --high)"),
        (lambda f: f, "--low 60 --high 60", "low: is 60; expected less than high"),
        (lambda f: f, "--surrogates 78", "surrogates: is 78; expected at least 79"),
        (lambda f: f, "--min-rounds 3", "min-rounds: is 3; expected at least 5"),
        (lambda f: f[f["agent"] == 0], "", "none of 3 groups can be tested (one agent)"),
        (lambda f: f[f["round"] < 5], "", "none of 3 groups can be tested (fewer than 10 whole rounds in a row)"),
        (lambda f: f.iloc[:0], "", "the table has no rows"),
        (lambda f: f.assign(told=f["guess"]), "--signal-col told", "column 'told' differs between agents"),
        (lambda f: f.assign(guess=1e200 * f["guess"]), "", "expected 0, or numbers of 1e-100 to 1e+100 in size"),
        (lambda f: f.assign(guess=1e-300 * f["guess"]), "", "expected 0, or numbers of 1e-100 to 1e+100 in size"),
        (lambda f: f.assign(game=f["game"].replace("g1", "x" * 9999)), "", "'game' has 9,999 letters in row 49 below"),
        (
            lambda f: f,
            "--surrogates 1000000000",
            "--surrogates: is 1000000000; expected at most 100000",
        ),
        (lambda f: f, "--signal-col guess", "column 'guess' is named by --value-col and by --signal-col"),
        (lambda f: f, "--agent-col round --round-col round", "'round' is named by --round-col and by --agent-col"),
        (lambda f: f.assign(told=1), "--signal-col told --target-col target", "both --target-col and --signal-col"),
    ],
)
def test_refused_by_name(folder: Path, change, flags: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    written(change(independent()))
    diagnose(*flags.split(), status=2)
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("raw2fig coordination diagnose: ")
    assert message in last
    assert list(folder.glob("*coordination*")) == []


@pytest.mark.parametrize(
    ("process", "verdict"), [("iid", "independent"), ("ar", "independent"), ("driver", "dependent")]
)
def test_pooled_verdicts_on_known_truth(process: str, verdict: str) -> None:
    """Also on independent agents that are persistent, of which Fisher and Wilcoxon alone call 3 in 20 such sets of 60
    dependent: circular shifts leave a seam."""
    for seed in range(3):
        made = make(process, 40, 20 if verdict == "independent" else 60, 10, np.random.default_rng(seed)).guesses
        games = [Game(f"g{i}", "", "", guesses, math.nan, math.nan, np.empty(0)) for i, guesses in enumerate(made)]
        pooled = pooled_verdicts(pool_tests(against_nulls(games, ["column"], surrogates=79, seed=seed)))
        assert pooled["verdict"].tolist() == [verdict]


NO = [0.5] * len(CRITERIA)
NAN = math.nan


@pytest.mark.parametrize(
    ("column", "sync", "matched", "verdict", "decided_by"),
    [
        ([0.02, 0.5, 0.5, 0.5], NO, NO, "independent", "column"),  # .08 over four criteria
        ([0.005, 0.5, 0.5, 0.5], NO, [0.005, 0.5, 0.5, 0.5], "synchronised", "sync"),
        ([0.005, 0.5, 0.5, 0.5], [0.005, 0.5, 0.5, 0.5], NO, "synchronised", "matched"),
        ([0.005, 0.5, 0.5, 0.5], NO, NO, "synchronised", "sync and matched"),
        ([0.005, 0.5, 0.5, 0.5], [0.01, 0.5, 0.5, 0.5], [0.005] * 4, "coordinated", "column and sync and matched"),
        # not on the same criterion
        ([0.005, 0.5, 0.5, 0.5], [0.5, 0.005, 0.5, 0.5], [0.5, 0.005, 0.5, 0.5], "synchronised", "sync and matched"),
        ([0.005, 0.5, 0.5, 0.5], [0.02, 0.5, 0.5, 0.5], [0.005] * 4, "synchronised", "sync and matched"),
        # tests that do not exist are not counted
        ([0.02, 0.4, NAN, NAN], NO, NO, "synchronised", "sync and matched"),
        ([0.005, 0.5, 0.5, 0.5], [NAN] * 4, [0.005] * 4, "dependent", "column"),
        ([NAN] * 4, NO, NO, "not tested", ""),
        ([0.005, 0.5, 0.5, 0.5], None, None, "dependent", "column"),
    ],
)
def test_the_rule(column, sync, matched, verdict: str, decided_by: str) -> None:
    p = {"column": column, **({} if sync is None else {"sync": sync, "matched": matched})}
    found = verdict_of(p)
    assert (found.verdict, found.decided_by) == (verdict, decided_by)


@pytest.mark.parametrize("null", ["column", "row", "block", "matched"])
def test_surrogates_in_parts_are_the_same_surrogates(
    null: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is held in memory at once changes no shuffle; simulated groups are others, but as many."""
    rng = np.random.default_rng(3)
    game = Game("g", "c", "m", rng.integers(0, 51, (12, 4)).astype(float), 83.0, np.nan, np.empty(0))
    whole = against_nulls([game], [null], surrogates=50)
    assert "null" not in capsys.readouterr().err
    monkeypatch.setattr(group_tests, "AT_ONCE", 7 * game.guesses.size)
    parts = against_nulls([game], [null], surrogates=50)
    assert f"game g, null {null}" in capsys.readouterr().err
    if null == "matched":
        whole, parts = (table[["criterion", "observed", "surrogates"]] for table in (whole, parts))
    pd.testing.assert_frame_equal(whole, parts, rtol=1e-9)  # sums over other blocks may end otherwise


def test_a_game_that_no_memory_holds_is_refused(folder: Path) -> None:
    frame = pd.DataFrame({"game": "g", "round": range(30_000), "agent": range(30_000), "guess": 1, "target": 3})
    written(frame, "large.parquet")
    with pytest.raises(InputError, match="30,000 rounds of 30,000 agents; expected at most 50,000,000 values"):
        read_games(Path("large.parquet"), Columns())


def test_the_help_explains_the_log_and_every_flag_without_the_configuration(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status_of("coordination", "diagnose", "--help") == 0
    text = re.sub(r"[\s│]+", " ", capsys.readouterr().out)
    assert "a row for each game, round and agent" in text
    assert "raw2fig coordination diagnose --games my_log.csv" in text
    shipped = load([SHIPPED])["coordination"]["diagnose"]
    for name, value in shipped.items():
        assert f"[default: {value}]" in text.partition(f"--{name.replace('_', '-')}")[2]
    described = parameters(command)
    assert all(given.help for name, given in described.items() if name != "diagnosis")

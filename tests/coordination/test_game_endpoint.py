"""The endpoint backend against a real server on this machine: what it sends, and what it does when it is let down."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from endpoint_server import KEY, LETDOWNS, Endpoint, Response, completion, endpoint, error
from game_tools import call, make_personas, make_schedule, outputs

from raw2fig.papers.coordination.personas import read_personas
from raw2fig.papers.coordination.prompts import persona_in, read

pytest.importorskip("openai", reason="the extra `endpoint` is not installed")

LENGTH = 5


def guess_of(body: dict[str, Any]) -> str:
    """Depends on nothing but the prompt."""
    seen = read(body["messages"][0]["content"])
    return f"FINAL GUESS: {(len(persona_in(seen.opening)) + 7 * len(seen.guesses) + sum(seen.feedback)) % 51}"


def well(body: dict[str, Any], _: int) -> Response:
    return completion(guess_of(body))


class Table:
    """A schedule of persona games, its personas, and calls of `play` with the endpoint backend."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.personas = folder, make_personas(folder)
        self.schedule = make_schedule(folder, self.personas, 3, ("persona",), agents=3, rounds=LENGTH)

    def words(self, url: str, output: Path, *flags: object) -> list[object]:
        """Flags that are given twice hold as given last."""
        given = (
            "play",
            "--schedule",
            self.schedule,
            "--personas",
            self.personas,
            "--backend",
            "endpoint",
            "--source",
            "m-1",
        )
        quick = ("--backoff", 0.01, "--attempts", 3, "--timeout", 5)
        kept = [word for pair in zip(quick[::2], quick[1::2], strict=True) if pair[0] not in flags for word in pair]
        return [*given, "--url", url, *kept, *flags, *outputs(output)]

    def play(self, url: str, output: Path, *flags: object) -> int:
        return call(*self.words(url, output, *flags))

    def frames(self, output: Path) -> list[pd.DataFrame]:
        return [pd.read_parquet(output / f"{name}.parquet") for name in ("games", "transcripts", "outcomes")]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    return Table(tmp_path_factory.mktemp("endpoint"))


@pytest.fixture(scope="module")
def expected(table: Table) -> Iterator[tuple[list[pd.DataFrame], Endpoint]]:
    """What is played when nothing goes wrong, and the requests of it."""
    with pytest.MonkeyPatch.context() as patch, endpoint(well) as server:
        patch.setenv("OPENAI_API_KEY", KEY)
        assert table.play(server.url, table.folder / "well") == 0
        yield table.frames(table.folder / "well"), server


def assert_same(found: list[pd.DataFrame], expected: list[pd.DataFrame]) -> None:
    for one, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_a_game_through_an_endpoint(expected: tuple[list[pd.DataFrame], Endpoint]) -> None:
    (games, transcripts, outcomes), server = expected
    assert len(server.requests) == len(games) == len(transcripts) == 3 * 3 * LENGTH
    assert outcomes["complete"].all()
    assert set(games["parse_source"]) == {"final"}
    assert set(transcripts["tokens_in"]) == {11}
    assert set(transcripts["tokens_out"]) == {3}
    for path, headers, body in server.requests:
        assert path == "/v1/chat/completions"
        assert headers["authorization"] == f"Bearer {KEY}"
        assert set(body) == {"model", "messages", "temperature", "max_tokens"}
        assert (body["model"], body["temperature"], body["max_tokens"]) == ("m-1", 1.0, 200)
        assert [message["role"] for message in body["messages"]] == ["user"]


def test_seeds_are_sent_on_request_and_differ(table: Table, tmp_path: Path) -> None:
    with endpoint(well) as server:
        assert table.play(server.url, tmp_path, "--send-seed") == 0
    assert len({body["seed"] for _, _, body in server.requests}) == len(server.requests)
    assert all(0 <= body["seed"] < 2**31 for _, _, body in server.requests)


@pytest.mark.parametrize("letdown", ["500", "html", "null content", "closed"])
def test_after_the_last_attempt_the_game_is_incomplete_and_no_guess_is_made_up(
    letdown: str, table: Table, tmp_path: Path, expected: tuple[list[pd.DataFrame], Endpoint]
) -> None:
    (games, _, _), _ = expected
    first = games.iloc[0]
    sentence = read_personas(table.personas)[first["persona"]]
    others = {row.game for row in games[games["persona"] == first["persona"]].itertuples()}
    assert len(others) < 3

    def answer(body: dict[str, Any], number: int) -> Response:
        seen = read(body["messages"][0]["content"])
        broken = persona_in(seen.opening) == sentence and len(seen.guesses) == 2
        return LETDOWNS[letdown] if broken else well(body, number)

    with endpoint(answer) as server:
        assert table.play(server.url, tmp_path) == 0
    played, _, outcomes = table.frames(tmp_path)
    assert set(outcomes.loc[~outcomes["complete"], "game"]) == others
    assert outcomes.loc[~outcomes["complete"], "problem"].str.contains("round 3, agent .: 3 attempts").all()
    assert (outcomes.loc[~outcomes["complete"], "rounds"] == 2).all()
    # not one guess more than there were replies: those that are there are those of the undisturbed game
    lost = games["game"].isin(others)
    told = games[~lost | (games["round"] <= 2)].reset_index(drop=True)
    pd.testing.assert_frame_equal(played.drop(columns="complete"), told.drop(columns="complete"))
    assert (played["complete"] == ~played["game"].isin(others)).all()


def test_a_run_goes_on_where_it_stopped_and_asks_nothing_twice(
    table: Table, tmp_path: Path, expected: tuple[list[pd.DataFrame], Endpoint]
) -> None:
    (games, _, _), _ = expected
    broken = threading.Event()
    broken.set()

    def answer(body: dict[str, Any], number: int) -> Response:
        late = len(read(body["messages"][0]["content"]).guesses) == 2
        return error(500) if broken.is_set() and late and number % 2 else well(body, number)

    with endpoint(answer) as server:
        table.play(server.url, tmp_path, "--cache", tmp_path / "cache", "--attempts", 1)
        broken.clear()
        failed = len(server.requests)
        assert table.play(server.url, tmp_path, "--cache", tmp_path / "cache") == 0
        assert_same(table.frames(tmp_path), expected[0])
        before = len(server.requests)
        prompts = [body["messages"][0]["content"] for _, _, body in server.requests]
        assert table.play(server.url, tmp_path, "--cache", tmp_path / "cache") == 0
        assert len(server.requests) == before
    assert_same(table.frames(tmp_path), expected[0])
    assert failed < before
    # rounds before the failure were asked once
    early = [prompt for prompt in prompts if len(read(prompt).guesses) < 2]
    assert len(early) == (games["round"] <= 2).sum()


def test_a_killed_run_goes_on_where_it_stopped(
    table: Table, tmp_path: Path, expected: tuple[list[pd.DataFrame], Endpoint]
) -> None:
    enough = threading.Event()

    def slowly(body: dict[str, Any], number: int) -> Response:
        if number >= 20:
            enough.set()
        return well(body, number)._replace(delay=30.0 if number >= 20 and not resumed.is_set() else 0.0)

    resumed = threading.Event()
    flags = ("--cache", tmp_path / "cache", "--concurrency", 2, "--timeout", 60)
    with endpoint(slowly) as server:
        words = [str(word) for word in table.words(server.url, tmp_path, *flags)]
        process = subprocess.Popen([sys.executable, "-m", "raw2fig", "coordination", *words], stderr=subprocess.DEVNULL)
        assert enough.wait(600)
        time.sleep(0.2)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (tmp_path / "games.parquet").exists()
        asked = len(server.requests)
        resumed.set()
        assert table.play(server.url, tmp_path, *flags) == 0
        again = len(server.requests) - asked
    assert_same(table.frames(tmp_path), expected[0])
    # of those asked before the kill, the two that were not answered are asked again
    assert 20 < asked <= 22
    assert again == 3 * 3 * LENGTH - 20


def test_an_endpoint_that_is_down_ends_the_run_in_one_line(table: Table, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    with endpoint(well) as server:
        url = server.url
    assert table.play(url, tmp_path, "--attempts", 2) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "no game is complete" in last
    assert "2 attempts, the last: APIConnectionError" in last
    assert not list(tmp_path.iterdir())


def test_of_a_lost_game_nothing_more_is_asked(table: Table, tmp_path: Path) -> None:
    with endpoint(lambda *_: error(500)) as server:
        assert table.play(server.url, tmp_path, "--attempts", 2, "--concurrency", 1) == 2
    assert len(server.requests) == 3 * 2  # one agent of each game, twice


def test_a_key_that_is_refused_ends_the_run_in_one_line_without_the_key(
    table: Table, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with endpoint(lambda *_: error(401, f"Incorrect API key provided: {KEY}")) as server:
        assert table.play(server.url, tmp_path, "--concurrency", 1, "--cache", tmp_path / "cache") == 2
    assert len(server.requests) == 1
    printed = capsys.readouterr()
    assert "status 401" in printed.err.splitlines()[-1]
    assert KEY not in printed.err + printed.out


def test_the_key_is_written_nowhere(
    table: Table, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither when all goes well nor when the endpoint says the key back in its errors."""

    def answer(body: dict[str, Any], number: int) -> Response:
        return error(500, f"key {KEY} is tired") if number == 1 else well(body, number)

    (tmp_path / "cache").mkdir()
    with endpoint(answer) as server, caplog.at_level("DEBUG"):
        assert table.play(server.url, tmp_path, "--cache", tmp_path / "cache", "--attempts", 1) == 0
    printed = capfd.readouterr()
    assert "is tired" in caplog.text
    assert KEY not in caplog.text + printed.err + printed.out
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) >= 5  # tables, and replies of the games that went well
    assert all(KEY.encode() not in path.read_bytes() for path in written)
    outcomes = tmp_path / "outcomes.parquet"
    assert "is tired" in pd.read_parquet(outcomes).to_csv()
    assert KEY not in pd.read_parquet(outcomes).to_csv()


@pytest.mark.parametrize("flags", [("--per-minute", 60), ("--limit-file", "limit")])
def test_a_limit_needs_its_file_and_its_number(
    flags: tuple[object, ...], table: Table, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert table.play("http://127.0.0.1:9/v1", tmp_path, *flags) == 2
    assert "expected both or none" in capsys.readouterr().err.splitlines()[-1]


def test_no_address_is_refused(table: Table, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert table.play("localhost:80", tmp_path) == 2
    assert "--url: is 'localhost:80'; expected an address: http://" in capsys.readouterr().err.splitlines()[-1]

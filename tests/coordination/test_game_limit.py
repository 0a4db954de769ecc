"""The limit that all shards share, and the replies on disk."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from game_tools import games_of, player

from raw2fig.papers.coordination.backends.limit import Limit
from raw2fig.papers.coordination.cache import cached
from raw2fig.papers.coordination.engine import Answer, Failure, Reply, Request, play

PER_MINUTE = 6000
"""A hundredth of a second between two requests."""
TAKES = 1500
TAKE = f"""
import sys
import time
from pathlib import Path
from raw2fig.papers.coordination.backends.limit import Limit
limit = Limit(Path(sys.argv[1]), {PER_MINUTE})
print("ready", flush=True)
input()
taken = []
for _ in range({TAKES}):
    taken.append(limit.next())
    time.sleep(0.0002)  # long enough for the other one to come between
print(*taken)
"""


def test_two_processes_share_one_limit(tmp_path: Path) -> None:
    """All times they are given are apart by the interval, and none is left out between them."""
    words = [sys.executable, "-c", TAKE, str(tmp_path / "limit")]
    both = [subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    given = [np.array(process.communicate()[0].split(), dtype=float) for process in both]
    assert [len(times) for times in given] == [TAKES, TAKES]
    assert all((np.diff(times) > 0).all() for times in given)
    times = np.sort(np.concatenate(given))
    assert np.diff(times).min() > 0.01 - 1e-4
    assert np.diff(times).max() < 0.01 + 1e-4
    first = np.argsort(np.concatenate(given)) < TAKES
    assert (first[1:] != first[:-1]).sum() > 10  # they did take them at the same time


def test_the_first_request_leaves_at_once_and_unused_time_is_not_saved_up(tmp_path: Path) -> None:
    limit = Limit(tmp_path / "new/limit", PER_MINUTE)
    start = time.time()
    first = limit.next()
    assert start <= first <= time.time()
    (tmp_path / "new/limit").write_text(f"{start - 1000:<32.6f}")
    late = [limit.next() for _ in range(3)]
    assert late[0] >= start
    np.testing.assert_allclose(np.diff(late), 0.01, atol=1e-5)


def test_a_pause_holds_for_all_and_is_not_shortened_by_another(tmp_path: Path) -> None:
    one, other = (Limit(tmp_path / "limit", PER_MINUTE) for _ in range(2))
    now = time.time()
    one.pause(50)
    one.pause(20)
    assert now + 50 <= other.next() <= time.time() + 50


@pytest.mark.parametrize("text", ["", "garbage", "12:30", "\0" * 32])
def test_a_spoilt_file_counts_as_a_new_one(text: str, tmp_path: Path) -> None:
    (tmp_path / "limit").write_text(text)
    now = time.time()
    assert now <= Limit(tmp_path / "limit", PER_MINUTE).next() <= time.time()
    assert Limit(tmp_path / "limit", PER_MINUTE).next() > now + 0.009


class Counting:
    """A player whose n-th reply is its n-th guess, whatever it is asked; silent where `silent` says so."""

    def __init__(self) -> None:
        self.asked: list[Request] = []
        self.silent: set[tuple[int, int]] = set()

    def __call__(self, requests: Sequence[Request]) -> Iterator[Answer]:
        for position, request in enumerate(requests):
            self.asked.append(request)
            if (request.round, request.agent) in self.silent:
                yield position, Failure("silent")
            else:
                yield position, Reply(f"FINAL GUESS: {len(self.asked) % 51}", "stop", 7, 5)


def test_check_14_one_prompt_of_all_plain_agents_but_replies_of_their_own(tmp_path: Path) -> None:
    """A cache that goes by the prompt would give all agents the first one's reply."""
    games, counting = games_of("plain", 2, agents=5, rounds=3), Counting()
    first = play(games, [""] * 20, cached(counting, tmp_path, "m"))
    replies = [line.reply for line in first.transcript if line.round == 1]
    assert len({line.prompt_sha for line in first.transcript if line.round == 1}) == 1
    assert len(set(replies)) == 10
    asked = len(counting.asked)
    assert play(games, [""] * 20, cached(counting, tmp_path, "m")) == first
    assert len(counting.asked) == asked


def test_other_models_seeds_and_prompts_do_not_get_stored_replies(tmp_path: Path) -> None:
    games, counting = games_of("plain", 1, agents=3, rounds=1), Counting()

    def asked(identity: str, number: int = 0, **changed: int) -> int:
        before = len(counting.asked)
        play([games[number]._replace(**changed)], [""] * 20, cached(counting, tmp_path, identity))
        return len(counting.asked) - before

    assert asked("m") == 3
    assert asked("m") == 0
    assert asked("other") == 3
    assert asked("m", replicate=1) == 3
    assert asked("m", temperature=0) == 3  # type: ignore[arg-type]
    assert asked("m", target=99) == 0  # nothing that an agent sees
    respond = cached(counting, tmp_path, "m")
    request = counting.asked[0]
    before = len(counting.asked)
    list(respond([request, request._replace(prompt="something else")]))
    assert len(counting.asked) == before + 1


def test_failures_are_asked_again_and_replies_of_the_same_round_are_not(tmp_path: Path) -> None:
    games, counting = games_of("plain", 1, agents=4, rounds=2), Counting()
    counting.silent = {(2, 1)}
    lost = play(games, [""] * 20, cached(counting, tmp_path, "m"))
    assert not lost.outcomes[0].complete
    counting.silent = set()
    whole = play(games, [""] * 20, cached(counting, tmp_path, "m"))
    assert whole.outcomes[0].complete
    assert [(request.round, request.agent) for request in counting.asked[8:]] == [(2, 1)]
    assert set(lost.transcript) < set(whole.transcript)


@pytest.mark.parametrize("torn", [b'\n{"round": 1, "ag', b"\n\xff\xfe", b"\nnull\n", b'\n{"key": 3}\n', b"\n[1]"])
def test_what_a_kill_has_torn_is_asked_again_and_swallows_nothing(torn: bytes, tmp_path: Path) -> None:
    games, counting = games_of("plain", 1, agents=3, rounds=2), Counting()
    play(games, [""] * 20, cached(counting, tmp_path, "m"))
    (file,) = tmp_path.iterdir()
    lines = file.read_bytes().split(b"\n")
    whole = [line for line in lines if line]
    assert len(whole) == 6
    file.write_bytes(b"\n".join(whole[:4]) + torn)
    again = play(games, [""] * 20, cached(counting, tmp_path, "m"))
    assert len(counting.asked) == 6 + 2
    assert play(games, [""] * 20, cached(counting, tmp_path, "m")) == again
    assert len(counting.asked) == 6 + 2


def test_text_of_any_kind_is_kept(tmp_path: Path) -> None:
    games = games_of("plain", 1, agents=2, rounds=1)
    for text in ("two\nlines\r\n\u2028\x00\x85 9", "\N{SNOWMAN} 7", '"{}"'):
        respond = cached(player(lambda _, text=text: text), tmp_path / str(len(text)), "m")  # type: ignore[misc]
        first = play(games, [""] * 20, respond)
        stored = cached(player(lambda _: None), tmp_path / str(len(text)), "m")
        assert play(games, [""] * 20, stored) == first

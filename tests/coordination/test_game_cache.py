"""The replies of games on disk."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from game_tools import games_of

from raw2fig.papers.coordination.cache import cached
from raw2fig.papers.coordination.engine import Answer, Failure, Reply, Request, play


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

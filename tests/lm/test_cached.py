"""Replies that are kept: asked once, by model, messages and temperature; failures again."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from raw2fig.errors import InputError
from raw2fig.lm.cached import cached
from raw2fig.lm.client import Asked, Failure, Generated, Message


class Counting:
    """Replies with the question; fails for those with "fail" in them."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def __call__(self, requests: Sequence[Asked]) -> list[Generated | Failure]:
        self.asked += requests
        return [
            Failure("no")
            if "fail" in one.messages[0].content
            else Generated(f"to {one.messages[0].content} at {one.temperature} by {one.seed}", 1, 2, {"a": 1}, "stop")
            for one in requests
        ]


def asked(text: str, temperature: float = 0.0, seed: int = 0) -> Asked:
    return Asked((Message("user", text),), seed, temperature, 8, ("\n",))


def test_a_second_run_asks_nothing(tmp_path: Path) -> None:
    first, second = Counting(), Counting()
    questions = [asked("a"), asked("b"), asked("a")]
    replies = cached(first, tmp_path / "judge.jsonl", "m")(questions)
    assert len(first.asked) == 2
    assert cached(second, tmp_path / "judge.jsonl", "m")(questions) == replies
    assert not second.asked
    assert replies[0] == replies[2] == Generated("to a at 0.0 by 0", 1, 2, {"a": 1}, "stop")


def test_another_model_temperature_or_limit_is_asked_anew(tmp_path: Path) -> None:
    client = Counting()
    cached(client, tmp_path / "judge.jsonl", "m")([asked("a")])
    for model, question in (("n", asked("a")), ("m", asked("a", 0.5)), ("m", asked("a")._replace(max_new_tokens=9))):
        before = len(client.asked)
        cached(client, tmp_path / "judge.jsonl", model)([question])
        assert len(client.asked) == before + 1


def test_seeds_count_above_temperature_0_alone(tmp_path: Path) -> None:
    client = Counting()
    judge = cached(client, tmp_path / "judge.jsonl", "m")
    judge([asked("a", seed=1), asked("a", seed=2)])
    assert len(client.asked) == 1
    warm = judge([asked("a", 0.7, seed=1), asked("a", 0.7, seed=2)])
    assert warm[0] != warm[1]


def test_failures_are_asked_again_and_questions_stay_off_the_disk(tmp_path: Path) -> None:
    client = Counting()
    judge = cached(client, tmp_path / "judge.jsonl", "m")
    assert judge([asked("a fail"), asked("b")])[0] == Failure("no")
    judge([asked("a fail"), asked("b")])
    assert len(client.asked) == 3
    text = (tmp_path / "judge.jsonl").read_text()
    assert "fail" not in text
    with pytest.raises(InputError, match=r"\.jsonl"):
        cached(client, tmp_path / "judge", "m")

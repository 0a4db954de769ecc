"""The client of endpoints against a real server on this machine: what it sends, keeps and repeats."""

import json
import threading
import time
from collections.abc import Sequence
from email.utils import formatdate
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from endpoint_server import KEY, LETDOWNS, Response, completion, endpoint, error

from raw2fig.errors import InputError
from raw2fig.lm.client import Asked, Failure, Generated, Message
from raw2fig.lm.endpoint import Endpoint, ask_all, endpoint_client, load_asker, read_completion
from raw2fig.lm.rate_limit import Limit

pytest.importorskip("openai", reason="the extra `endpoint` is not installed")

USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
"""What `completion` says."""


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def settings(url: str | None, **changes: Any) -> Endpoint:
    given = {"url": url, "key_variable": "OPENAI_API_KEY", "per_minute": 0, "concurrency": 4, "attempts": 3}
    return Endpoint(**{**given, "timeout": 5, "backoff": 0.01, "send_seed": False, **changes})


def question(number: int = 0, **changes: Any) -> Asked:
    return Asked((Message("user", f"question {number}"),), number, 0.5, 20, ())._replace(**changes)


QUESTIONS = [question(number) for number in range(9)]


def text_of(body: dict[str, Any]) -> str:
    """The question of a request, which the server repeats."""
    return body["messages"][-1]["content"]


def well(body: dict[str, Any], _: int) -> Response:
    return completion(f"reply to {text_of(body)}")


def replies(url: str, asked: Sequence[Asked] = QUESTIONS, **changes: Any) -> list[Generated | Failure]:
    return endpoint_client("m-1", settings(url, **changes))(asked)


def texts(found: Sequence[Generated | Failure]) -> list[str]:
    return [reply.text for reply in found if isinstance(reply, Generated)]


EXPECTED = [f"reply to question {number}" for number in range(9)]


def test_a_request_is_sent_as_the_interface_has_it() -> None:
    turns = (Message("system", "be brief"), Message("user", "a?"), Message("assistant", "b"), Message("tool", "c"))
    with endpoint(well) as server:
        found = replies(server.url, [question(messages=turns, stop=("\n", "END")), question(1)])
    assert found == [Generated(f"reply to {text}", 11, 3, USAGE, "stop") for text in ("c", "question 1")]
    bodies = {text_of(body): body for _, _, body in server.requests}
    plain = {"model": "m-1", "temperature": 0.5, "max_tokens": 20}
    assert bodies["question 1"] == {**plain, "messages": [{"role": "user", "content": "question 1"}]}
    # no endpoint takes a tool's message that answers no call
    roles = [("system", "be brief"), ("user", "a?"), ("assistant", "b"), ("user", "c")]
    messages = [{"role": role, "content": content} for role, content in roles]
    assert bodies["c"] == {**plain, "messages": messages, "stop": ["\n", "END"]}
    for path, headers, _ in server.requests:
        assert path == "/v1/chat/completions"
        assert headers["authorization"] == f"Bearer {KEY}"


def test_seeds_are_sent_on_request_below_a_bound_that_endpoints_know() -> None:
    with endpoint(well) as server:
        replies(server.url, [question(seed=2**62 + 5), question(1, seed=7)], send_seed=True)
    assert {body["seed"] for _, _, body in server.requests} == {5, 7}


def test_replies_come_in_the_order_of_the_questions() -> None:
    def answer(body: dict[str, Any], number: int) -> Response:
        return well(body, number)._replace(delay=0.3 if text_of(body) == "question 0" else 0.0)

    with endpoint(answer) as server:
        assert texts(replies(server.url)) == EXPECTED
        assert replies(server.url, []) == []


def test_usage_is_kept_as_it_was_sent() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 5}, "cost": 1e-5}
    other = {"input_tokens": 9, "output_tokens": 2, "cache_read_input_tokens": 5}
    with endpoint(
        lambda body, _: completion("x", "length", usage=other if text_of(body)[-1] == "1" else usage)
    ) as server:
        found = replies(server.url, [question(0), question(1)])
    assert found == [Generated("x", 9, 2, usage, "length"), Generated("x", 0, 0, other, "length")]


def test_tokens_of_attempts_without_text_are_not_lost() -> None:
    """Neither when a later attempt succeeds nor when none does."""
    thinking = {"prompt_tokens": 9, "completion_tokens": 500}
    sent = [completion(None, "length", usage=thinking), error(500), completion(" ", usage={"prompt_tokens": 8})]
    billed = Response(400, json.dumps({"error": {"message": "no"}, "usage": {"prompt_tokens": 7}}).encode())

    with endpoint(lambda body, number: [*sent, well(body, 0)][number]) as server:
        (found,) = replies(server.url, [question()], attempts=4)
    assert found == Generated("reply to question 0", 11, 3, USAGE, "stop", (thinking, {"prompt_tokens": 8}))
    with endpoint(lambda _, number: sent[number]) as server:
        (lost,) = replies(server.url, [question()])
    assert lost == Failure(lost.reason, (thinking, {"prompt_tokens": 8}))
    assert "3 attempts, the last: ValueError: a reply without text" in lost.reason
    with endpoint(lambda _, number: [sent[0], billed][number]) as server:
        (refused,) = replies(server.url, [question()])
    assert refused == Failure(refused.reason, (thinking, {"prompt_tokens": 7}))
    assert refused.reason.startswith("status 400")


@pytest.mark.parametrize("name", LETDOWNS)
def test_what_fails_is_asked_again(name: str) -> None:
    """Two of three attempts of some requests fail."""
    tries: dict[str, int] = {}
    lock = threading.Lock()

    def answer(body: dict[str, Any], _: int) -> Response:
        with lock:
            text = text_of(body)
            tries[text] = tries.get(text, 0) + 1
            return LETDOWNS[name] if text[-1] in "147" and tries[text] < 3 else well(body, 0)

    with endpoint(answer) as server:
        assert texts(replies(server.url)) == EXPECTED
    assert [tries[f"question {number}"] for number in range(9)] == [1, 3, 1] * 3


@pytest.mark.parametrize("name", LETDOWNS)
def test_after_the_last_attempt_there_is_no_reply(name: str) -> None:
    with endpoint(lambda *_: LETDOWNS[name]) as server:
        (found,) = replies(server.url, [question()])
    assert isinstance(found, Failure)
    assert found.reason.startswith("3 attempts, the last: ")
    assert "\n" not in found.reason
    assert len(server.requests) == 3


def test_an_endpoint_that_stays_silent_is_asked_again() -> None:
    def answer(body: dict[str, Any], number: int) -> Response:
        return well(body, number)._replace(delay=3.0 if number == 4 else 0.0)

    with endpoint(answer) as server:
        assert texts(replies(server.url, timeout=1, attempts=9)) == EXPECTED
    assert len(server.requests) > 9


@pytest.mark.parametrize(
    "endless", [Response(200, b"", announced=10**12, drip=0.05), Response(200, b" " * (1 << 23), announced=1 << 23)]
)
def test_an_answer_without_end_is_given_up(endless: Response) -> None:
    with endpoint(lambda body, number: endless if number == 4 else well(body, number)) as server:
        assert texts(replies(server.url, timeout=1, attempts=9)) == EXPECTED
    assert len(server.requests) > 9
    with endpoint(lambda *_: endless) as server:
        (lost,) = replies(server.url, [question()], timeout=1, attempts=1)
    assert isinstance(lost, Failure)
    assert "ValueError: no end of the answer after" in lost.reason


def test_an_endpoint_that_is_down_gives_no_reply() -> None:
    with endpoint(well) as server:
        url = server.url
    (found,) = replies(url, [question()], attempts=2)
    assert isinstance(found, Failure)
    assert found.reason.startswith("2 attempts, the last: APIConnectionError")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_key_or_model_that_is_refused_ends_it_all_without_the_key(status: int) -> None:
    refusal = error(status, f"Incorrect API key provided: {KEY}")
    with endpoint(lambda *_: refusal) as server, pytest.raises(InputError, match=f"status {status}") as caught:
        replies(server.url, concurrency=1)
    assert len(server.requests) == 1
    assert KEY not in str(caught.value)


def test_a_used_up_quota_ends_it_all() -> None:
    body = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    with (
        endpoint(lambda *_: Response(429, json.dumps(body).encode())) as server,
        pytest.raises(InputError, match="You exceeded your quota"),
    ):
        replies(server.url, concurrency=1)
    assert len(server.requests) == 1


def test_a_request_that_is_refused_for_good_is_not_made_again() -> None:
    with endpoint(lambda *_: error(400, "content filter")) as server:
        found = replies(server.url)
    assert all(isinstance(reply, Failure) and "content filter" in reply.reason for reply in found)
    assert len(server.requests) == 9


@pytest.mark.parametrize(
    ("value", "message"),
    [("", "is not set"), (" ", "is not set"), (f"{KEY}\nx", "is not a key"), ("schlüssel", "is not a key")],
)
def test_a_missing_key_is_refused(value: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(InputError, match=rf"^MY_KEY: {message}") as caught:
        load_asker("m-1", settings("http://127.0.0.1:9/v1", key_variable="MY_KEY"))
    assert KEY not in str(caught.value)


def test_a_missing_address_is_refused() -> None:
    with pytest.raises(InputError, match=r"^url: is not given"):
        load_asker("m-1", settings(None))


def test_the_key_is_not_in_a_failure_that_repeats_it() -> None:
    with endpoint(lambda *_: error(500, f"key {KEY} is tired")) as server:
        (found,) = replies(server.url, [question()])
    assert isinstance(found, Failure)
    assert "key *** is tired" in found.reason


class Patience(Event):
    """Waits for nothing, and keeps how long it was to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout or 0.0)
        return self.is_set()


def waits(response: Response) -> list[float]:
    """Seconds between six attempts that all fail."""
    ended = Patience()
    with endpoint(lambda *_: response) as server:
        assert isinstance(load_asker("m", settings(server.url, attempts=6, backoff=2))(question(), ended), Failure)
        assert len(server.requests) == 6
    assert len(ended.waits) == 5
    return ended.waits


def test_waits_double_and_are_never_shorter_than_asked() -> None:
    for attempt, seconds in enumerate(waits(error(500))):
        assert 2 * 2**attempt <= seconds <= 3 * 2**attempt
    found = waits(error(429, Retry_After="45"))
    assert found[0] == 45 == min(found)
    assert 90 < waits(error(503, Retry_After=formatdate(time.time() + 100, usegmt=True)))[0] <= 100
    for nonsense in ("soon", "-5", "nan", ""):
        assert 2 <= waits(error(429, Retry_After=nonsense))[0] <= 3
    assert waits(error(429, Retry_After="1e99"))[0] == 600


def test_no_request_without_a_turn_from_the_limit(tmp_path: Path) -> None:
    """Every attempt takes one, and a refusal moves the next one back for all."""
    limit = Limit(tmp_path / "limit", 60_000)
    with endpoint(lambda body, number: error(500) if number == 3 else well(body, number)) as server:
        start = time.time()
        assert texts(endpoint_client("m", settings(server.url), limit)(QUESTIONS)) == EXPECTED
    assert len(server.requests) == 9 + 1
    assert float(limit.file.read_text()) >= start + 10 * 0.001
    with endpoint(lambda *_: error(429, Retry_After="300")) as server:
        endpoint_client("m", settings(server.url, attempts=1), limit)([question()])
    assert float(limit.file.read_text()) >= time.time() + 250


def test_once_the_event_is_set_nothing_is_sent() -> None:
    ended = Event()
    ended.set()
    with endpoint(well) as server:
        assert load_asker("m", settings(server.url))(question(), ended) == Failure("the run has ended")
    assert server.requests == []


def test_what_is_asked_at_once_is_no_more_than_allowed_and_begins_in_order() -> None:
    lock, begun, now, most = threading.Lock(), list[int](), 0, 0

    def ask(number: int, _: Event) -> int:
        nonlocal now, most
        with lock:
            begun.append(number)
            now += 1
            most = max(most, now)
        time.sleep(0.01)
        with lock:
            now -= 1
        return number**2

    assert dict(ask_all(ask, range(20), 3)) == {number: number**2 for number in range(20)}
    assert most == 3
    assert begun[0] == 0
    assert all(number <= place + 2 for place, number in enumerate(begun))
    begun.clear()
    list(ask_all(ask, range(20), 1))
    assert begun == list(range(20))


def test_answers_are_given_as_they_come() -> None:
    first = Event()

    def ask(number: int, _: Event) -> int:
        if number == 0:
            assert first.wait(30)
        return number

    found = ask_all(ask, range(2), 2)
    assert next(found) == (1, 1)
    first.set()
    assert list(found) == [(0, 0)]


@pytest.mark.parametrize("closed", [False, True])
def test_an_exception_or_the_end_of_interest_ends_all_that_was_asked(closed: bool) -> None:
    begun, told = list[int](), list[bool]()

    def ask(number: int, ended: Event) -> int:
        begun.append(number)
        if number == 2 and not closed:
            raise InputError("key", "is wrong")
        if number > 0:
            told.append(ended.wait(10))
            time.sleep(0.05)  # long enough for the others to be called off
        return number

    found = ask_all(ask, range(100), 2)
    if closed:
        assert next(found) == (0, 0)
        found.close()  # type: ignore[attr-defined]
    else:
        with pytest.raises(InputError, match="key: is wrong"):
            list(found)
    assert len(begun) < 50
    assert told
    assert all(told)


@pytest.mark.parametrize("text", ["x", " x\n", "\N{SNOWMAN}"])
def test_a_completion_is_read(text: str) -> None:
    body = completion(text, "length").body
    assert body is not None
    assert read_completion(body) == Generated(text, 11, 3, USAGE, "length")

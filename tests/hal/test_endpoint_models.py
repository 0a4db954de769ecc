"""Models of the file of agents that are behind an endpoint: tokens, wasted attempts, refusals."""

import json
from pathlib import Path
from typing import Any

import pytest
from endpoint_server import KEY, Answering, Response, completion, endpoint, error
from hal_rollouts import made, rolled

from raw2fig.errors import InputError
from raw2fig.papers.hal.agents import read_agents
from raw2fig.papers.hal.contract import Rollout
from raw2fig.papers.hal.records import read_rollouts

pytest.importorskip("openai", reason="openai is not installed: pip install raw2fig[endpoint]")


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAL_TEST_KEY", KEY)


def agents_file(place: Path, url: str | None, price: bool = True, **other: Any) -> Path:
    """A file of agents whose one model is behind the endpoint."""
    served = {
        "name": "tiny-1",
        "url": url,
        "key_variable": "HAL_TEST_KEY",
        "per_minute": 0,
        "concurrency": 4,
        "attempts": 2,
        "timeout": 20,
        "backoff": 0,
        "send_seed": True,
        **other,
    }
    model = {"endpoint": served} | ({"price": {"input": 2, "output": 10}} if price else {})
    path = place / "agents.yaml"
    path.write_text(json.dumps({"scaffolds": {"Zero-shot": {"kind": "zero_shot"}}, "models": {"tiny": model}}))
    return path


def rollouts(place: Path, answering: Answering, number: int = 3) -> tuple[list[Rollout], list[dict[str, Any]]]:
    """What comes of an agent with the endpoint's model, and what the endpoint was sent."""
    tasks, _ = made(place, "arithmetic", number)
    with endpoint(answering) as server:
        out = rolled(place, "arithmetic", tasks, None, ["Zero-shot (tiny)"], agents_file(place, server.url))
    return [one for _, _, one in read_rollouts(out)], [body for _, _, body in server.requests]


def test_the_endpoints_counts_arrive_in_the_rollout(tmp_path: Path) -> None:
    details = {"prompt_tokens": 11, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 5}}
    found, sent = rollouts(tmp_path, lambda body, number: completion("finish[7]", usage=details))
    expected = {"prompt": 11, "completion": 3, "cache_read": 5, "cache_write": 0}
    assert [(one.status, one.answer, one.usage) for one in found] == 3 * [("ok", "7", {"tiny": expected})]
    assert {body["model"] for body in sent} == {"tiny-1"}
    assert len({body["seed"] for body in sent}) == 3  # of each task its own
    assert sorted(body["messages"][-1]["content"] for body in sent) == sorted(one.prompt for one in found)


def test_a_wasted_attempt_is_on_the_bill_and_not_among_the_replies(tmp_path: Path) -> None:
    def answering(body: dict[str, Any], number: int) -> Response:
        return completion("", "length") if number == 0 else completion("finish[7]")

    (one,), sent = rollouts(tmp_path, answering, 1)
    assert (one.status, len(sent)) == ("ok", 2)
    assert one.usage["tiny"] == {"prompt": 22, "completion": 6, "cache_read": 0, "cache_write": 0}
    assert [step.usage for step in one.steps] == [{"prompt": 11, "completion": 3, "cache_read": 0, "cache_write": 0}]


def test_an_endpoint_that_fails_or_does_not_count_is_the_environment(tmp_path: Path) -> None:
    for response, why in ((error(500), "2 attempts, the last: status 500"), (completion("x", usage=None), "not count")):
        (one,), _ = rollouts(tmp_path, lambda body, number, response=response: response, 1)  # type: ignore[misc]
        assert one.status == "env_error"
        assert why in one.errors[0]


def test_what_no_attempt_can_change_ends_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"status 401.*a key and a model that it accepts") as refused:
        rollouts(tmp_path, lambda body, number: error(401, f"wrong\nkey {KEY}"))
    assert "\n" not in str(refused.value)
    assert KEY not in str(refused.value)
    monkeypatch.delenv("HAL_TEST_KEY")
    with pytest.raises(InputError, match="HAL_TEST_KEY: is not set"):
        rollouts(tmp_path, lambda body, number: completion("x"))


def test_a_model_has_a_price_one_kind_and_a_whole_limit(tmp_path: Path) -> None:
    url = "https://api.example.org/v1"
    with pytest.raises(InputError, match=r"models\.tiny\.price: is missing"):
        read_agents(agents_file(tmp_path, url, price=False))
    with pytest.raises(InputError, match=r"per_minute: is 60 with the limit file None"):
        read_agents(agents_file(tmp_path, url, per_minute=60))
    path = agents_file(tmp_path, url, per_minute=60, limit_file=str(tmp_path / "limit"))
    assert read_agents(path).models["tiny"].endpoint is not None
    path.write_text(path.read_text().replace('"price"', '"fixed": "x", "price"'))
    with pytest.raises(InputError, match="one of policy, fixed, folder, checkpoint, endpoint"):
        read_agents(path)

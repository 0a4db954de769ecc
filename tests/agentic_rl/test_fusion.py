"""A SandboxFusion service that works, and all that one does instead: every failure is the infrastructure's."""

import json
from typing import Any

import pytest
from agentic_tools import RUNNING
from endpoint_server import LETDOWNS, Response, endpoint

from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl.tools.fusion import Service, fusion_interpreter, outcome_of
from raw2fig.papers.agentic_rl.tools.interpreter import NO_OUTPUT
from raw2fig.papers.agentic_rl.tools.outcome import Outcome
from raw2fig.settings import read


def answer(status: str = "Success", /, **result: Any) -> dict[str, Any]:
    whole = {"status": "Finished", "return_code": 0, "stdout": "42\n", "stderr": "", "execution_time": 0.1}
    return {"status": status, "message": "", "run_result": {**whole, **result}}


def asked(response: Response, patience: float = 30.0) -> Outcome:
    with endpoint(lambda body, number: response) as server:
        service = read(Service, {"url": server.url.removesuffix("/v1"), "patience": patience})
        return fusion_interpreter(service, RUNNING).run(code="print(42)")


def test_a_program_goes_there_and_its_output_comes_back() -> None:
    with endpoint(lambda body, number: Response(200, json.dumps(answer()).encode())) as server:
        service = read(Service, {"url": server.url.removesuffix("/v1") + "/", "patience": 30.0})
        outcome = fusion_interpreter(service, RUNNING).run(code="6 * 7")
    assert outcome[:2] == ("ok", "42\n")
    ((path, _, body),) = server.requests
    assert path == "/run_code"
    assert "6 * 7" in body.pop("code")
    assert body == {
        **{"language": "python", "run_timeout": 60.0, "compile_timeout": 60.0, "memory_limit_MB": 512},
        **{"files": {}, "fetch_files": [], "stdin": ""},
    }


@pytest.mark.parametrize("name", [*LETDOWNS])
def test_check_20_every_letdown_is_the_infrastructures(name: str) -> None:
    outcome = asked(LETDOWNS[name])
    assert outcome.status == "infra_error"
    assert outcome.text
    assert "\n" not in outcome.text


def test_check_20_nobody_listens() -> None:
    with endpoint(lambda body, number: Response(500, b"")) as server:
        url = server.url
    outcome = fusion_interpreter(read(Service, {"url": url, "patience": 1.0}), RUNNING).run(code="1")
    assert outcome.status == "infra_error"
    assert "refused" in outcome.text


def test_an_answer_without_end_is_given_up() -> None:
    with endpoint(lambda body, number: Response(200, b"{}", drip=0.05, announced=10**6)) as server:
        running = RUNNING.model_copy(update={"seconds": 0.5})
        outcome = fusion_interpreter(read(Service, {"url": server.url, "patience": 0.5}), running).run(code="1")
    assert outcome.status == "infra_error"
    assert outcome.seconds < 30


@pytest.mark.parametrize(
    ("given", "status", "text", "kind"),
    [
        (answer(), "ok", "42\n", ""),
        (answer("Failed", return_code=1, stderr="Error\n"), "model_error", "42\nError\n", "exception"),
        (answer("Failed", status="TimeLimitExceeded", return_code=None), "model_error", None, "timeout"),
        ({"error": "unknown"}, "infra_error", None, ""),
        ({"status": "SandboxError", "message": "no worker"}, "infra_error", "status 'SandboxError', no worker", ""),
        (answer("UnknownError"), "infra_error", None, ""),
        (answer("Failed", status="Error"), "infra_error", None, ""),
        (answer() | {"run_result": None}, "infra_error", None, ""),
        (answer(stdout=None), "infra_error", None, ""),
        (answer(return_code="0"), "infra_error", None, ""),
        ([], "infra_error", None, ""),
    ],
)
def test_check_20_what_an_answer_says(given: Any, status: str, text: str | None, kind: str) -> None:
    outcome = outcome_of(given, 0.0, RUNNING)
    assert (outcome.status, outcome.kind) == (status, kind)
    assert text is None or outcome.text == text


def test_officially_a_timeout_has_a_fixed_text() -> None:
    official = RUNNING.model_copy(update={"official": True})
    assert outcome_of(answer("Failed", status="TimeLimitExceeded"), 0.0, official).text == NO_OUTPUT


@pytest.mark.parametrize(("url", "told"), [(None, "url: is not given"), ("sandbox:8080", "an address")])
def test_there_is_no_default_address(url: str | None, told: str) -> None:
    with pytest.raises(InputError, match=told):
        fusion_interpreter(read(Service, {"url": url, "patience": 1.0}), RUNNING)

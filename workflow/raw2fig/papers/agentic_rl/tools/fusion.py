"""`code_interpreter` over a SandboxFusion service, for clusters where the machines that train cannot isolate programs.

The service gets a POST at /run_code. Whatever it does instead of a full answer is a failure of the infrastructure with
its cause: published runs have learned from a service that was not there, whose failures looked like results.
"""

import json
import time
from http.client import HTTPException
from typing import Annotated, Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from pydantic import AfterValidator

from raw2fig.errors import InputError
from raw2fig.papers.agentic_rl.tools.interpreter import Running, interpreter_over, prepared, too_slow
from raw2fig.papers.agentic_rl.tools.outcome import Outcome, infra_error
from raw2fig.papers.agentic_rl.tools.tool import Tool
from raw2fig.settings import Field, Record, impossible

LARGEST = 1 << 23
"""Bytes of an answer at most."""


def _address(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise impossible("", f"is {url!r}", "an address: http://... or https://..., without /run_code")
    return url.rstrip("/")


class Service(Record):
    """Where programs of the model are run."""

    url: Annotated[str, AfterValidator(_address)] | None = Field(
        description="Address of a SandboxFusion service, without /run_code; there is no default."
    )
    patience: float = Field(ge=0, description="Seconds that the service may take beyond those of the program.")


def fusion_interpreter(service: Service, running: Running) -> Tool:
    """The tool of the paper over a service. Raises `InputError` without an address."""
    if service.url is None:
        raise InputError("url", "is not given", "the address of a SandboxFusion service")
    url, allowed = f"{service.url}/run_code", running.seconds + service.patience

    def run(code: str) -> Outcome:
        body = {
            "code": prepared(code, running.official),
            "language": "python",
            "run_timeout": running.seconds,
            "compile_timeout": running.seconds,
            "memory_limit_MB": running.memory_mb,
            "files": {},
            "fetch_files": [],
            "stdin": "",
        }
        start = time.perf_counter()
        try:
            answer = json.loads(_post(url, json.dumps(body).encode(), allowed))
        except HTTPError as error:
            with error:
                return infra_error(f"HTTP {error.code}", time.perf_counter() - start)
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            return infra_error(_cause(error), time.perf_counter() - start)
        return outcome_of(answer, time.perf_counter() - start, running)

    return interpreter_over(run)


def outcome_of(answer: Any, seconds: float, running: Running) -> Outcome:
    """What an answer of the service says. A status that is not known here is a failure of the infrastructure."""
    if not isinstance(answer, dict):
        return infra_error("the answer is no object", seconds)
    status, result = answer.get("status"), answer.get("run_result")
    if status not in ("Success", "Failed"):
        return infra_error(f"status {status!r}, {answer.get('message') or 'no message'}", seconds)
    if not isinstance(result, dict):
        return infra_error("the answer has no run_result", seconds)
    out, err = result.get("stdout"), result.get("stderr")
    if not isinstance(out, str) or not isinstance(err, str):
        return infra_error("the answer has no stdout or no stderr", seconds)
    if result.get("status") == "TimeLimitExceeded":
        return too_slow(out + err, running)._replace(seconds=seconds)
    code = result.get("return_code")
    if result.get("status") != "Finished" or type(code) is not int:
        return infra_error(f"run status {result.get('status')!r}, return code {code!r}", seconds)
    return Outcome("model_error" if code else "ok", out + err, seconds, "exception" if code else "")


def _post(url: str, body: bytes, seconds: float) -> bytes:
    """The whole answer. The limit of a socket starts anew with every byte, so the clock is looked at as well."""
    end, parts, size = time.monotonic() + seconds, list[bytes](), 0
    request = Request(url, body, {"Content-Type": "application/json"})
    # no proxy: the service stands beside the machines that ask it
    with build_opener(ProxyHandler({})).open(request, timeout=seconds) as response:
        if response.status != 200:
            raise ValueError(f"HTTP {response.status}")
        while part := response.read1(1 << 16):
            parts.append(part)
            size += len(part)
            if size > LARGEST or time.monotonic() > end:
                raise ValueError(f"no end of the answer after {size} bytes and {seconds:g} s at most")
        if response.length:
            raise ValueError("the answer breaks off")
    return b"".join(parts)


def _cause(error: Exception) -> str:
    """An error in one line; what a URL error wraps says more than its own name."""
    reason = getattr(error, "reason", None) or error
    name = type(reason).__name__ if isinstance(reason, Exception) else type(error).__name__
    return "the answer is no JSON" if isinstance(error, json.JSONDecodeError) else f"{name}: {reason}"

"""A model behind an OpenAI-compatible interface, and what such endpoints do: refuse, tire, break off, send nonsense.

Every failed attempt is followed by another after a longer wait, or after the one that the endpoint asks for. When all
have failed there is no reply, and so no guess. What no second attempt could change (a key or a model that the endpoint
does not know) ends the run in one line. The key comes from the environment and goes nowhere but to the endpoint.
"""

from __future__ import annotations

import json
import logging
import os
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from email.utils import parsedate_to_datetime
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator

from raw2fig.errors import InputError
from raw2fig.lm.rate_limit import Limit
from raw2fig.papers.coordination.engine import Answer, Failure, Reply, Request, Respond
from raw2fig.settings import Field, Record, impossible

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

LONGEST = 600.0
"""Seconds that are waited at most, whatever the endpoint asks for."""
LARGEST = 1 << 22
"""Bytes of an answer at most."""
HOPELESS = (401, 403, 404)
"""Statuses that concern the run, not the request."""
PASSING = (408, 409, 429)
"""Statuses below 500 after which a request is made again."""


def _address(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise impossible("", f"is {url!r}", "an address: http://... or https://..., up to and with /v1")
    return url


class Endpoint(Record):
    """How a model behind an OpenAI-compatible interface is asked."""

    url: Annotated[str, AfterValidator(_address)] | None = Field(
        description="Address of the endpoint, up to and including /v1."
    )
    key_variable: str = Field(min_length=1, description="Environment variable that holds the endpoint's key.")
    per_minute: float = Field(
        ge=0,
        description="Largest number of requests per minute, over all processes that share the limit file; 0: no limit.",
    )
    concurrency: int = Field(ge=1, le=1000, description="Number of requests at a time.")
    attempts: int = Field(
        ge=1, le=100, description="Number of attempts at a request; when all have failed, its game is lost."
    )
    timeout: float = Field(gt=0, description="Seconds that an attempt may take.")
    backoff: float = Field(ge=0, description="Seconds before the second attempt, doubled before each further one.")
    send_seed: bool = Field(description="Send the seed of each reply; not all endpoints know seeds.")


def load_endpoint(model: str, endpoint: Endpoint, max_tokens: int, limit: Limit | None = None) -> Respond:
    """The model as a player, asked by several threads. Raises `InputError` without a key or address."""
    if endpoint.url is None:
        raise InputError("url", "is not given", "the address of the endpoint: https://..., up to and with /v1")
    url, key_variable = endpoint.url, endpoint.key_variable
    key = os.environ.get(key_variable, "").strip()
    if not key:
        raise InputError(key_variable, "is not set", f"the key of {url} in this environment variable")
    if not key.isascii() or len(key.split()) > 1:  # could be no header; what refuses it would say it
        raise InputError(key_variable, "is not a key", "ASCII characters without white space")
    client = _client(url, key, endpoint.timeout)
    settings: dict[str, Any] = {"model": model, "max_tokens": max_tokens}

    def respond(requests: Sequence[Request]) -> Iterator[Answer]:
        stop, failed = Event(), set[str]()

        def ask(request: Request) -> Reply | Failure:
            if request.game in failed or stop.is_set():
                return Failure("another agent got no reply")
            seed = {"seed": request.seed % 2**31} if endpoint.send_seed else {}
            arguments = {**settings, **seed, "temperature": request.temperature}
            try:
                answer = _ask(client, request.prompt, arguments, endpoint, limit, stop, key)
            except InputError:
                stop.set()
                raise
            if isinstance(answer, Failure):
                failed.add(request.game)
                logging.warning("%s, round %d: %s", request.game, request.round, answer.reason)
            return answer

        pool = ThreadPoolExecutor(endpoint.concurrency)
        try:
            # the first agents of all games first: what a lost game would still ask is then not asked any more
            order = sorted(range(len(requests)), key=lambda position: requests[position].agent)
            asked = {pool.submit(ask, requests[position]): position for position in order}
            for future in as_completed(asked):
                yield asked[future], future.result()
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)

    return respond


def _client(url: str, key: str, timeout: float) -> OpenAI:
    try:
        from openai import OpenAI
    except ImportError as error:
        raise InputError("backend", "openai is not installed", "`pip install raw2fig[endpoint]`") from error
    for name in ("httpx", "httpx2", "openai"):  # a line for every request
        logging.getLogger(name).setLevel(logging.WARNING)
    return OpenAI(api_key=key, base_url=url, timeout=timeout, max_retries=0)


def _ask(
    client: OpenAI,
    prompt: str,
    arguments: dict[str, Any],
    endpoint: Endpoint,
    limit: Limit | None,
    stop: Event,
    key: str,
) -> Reply | Failure:
    """One reply, by as many attempts as it takes or may take."""
    from httpx2 import HTTPError
    from openai import APIError, APIStatusError

    messages = [{"role": "user", "content": prompt}]
    reason = ""
    for attempt in range(endpoint.attempts):
        if limit is not None:
            stop.wait(max(0.0, limit.next() - time.time()))
        if stop.is_set():
            return Failure("the run has ended")
        asked = 0.0
        try:
            return read_completion(_body(client, {"messages": messages, **arguments}, endpoint.timeout))
        except APIStatusError as error:
            reason = _one_line(f"status {error.status_code}", error.message, key)
            if error.status_code in HOPELESS or error.code == "insufficient_quota":
                raise InputError(str(client.base_url), reason, "a key and a model that it accepts") from None
            if error.status_code < 500 and error.status_code not in PASSING:
                return Failure(reason)
            asked = retry_after(error)
            if error.status_code == 429 and limit is not None:
                limit.pause(asked)
        except (APIError, HTTPError, ValueError) as error:  # no connection, no whole answer in time, no completion
            reason = _one_line(type(error).__name__, str(error), key)
        if attempt + 1 < endpoint.attempts:
            # up to half as long again, so that shards that were refused together do not come back together
            longer = min(LONGEST, endpoint.backoff * 2**attempt * random.uniform(1, 1.5))
            stop.wait(max(longer, asked))
    return Failure(f"{endpoint.attempts} attempts, the last: {reason}")


def _one_line(what: str, message: str, key: str) -> str:
    """One line for a table and a log, without the key, which some endpoints repeat."""
    return f"{what}: {' '.join(message.split()).replace(key, '***')[:200]}"


def _body(client: OpenAI, arguments: dict[str, Any], timeout: float) -> bytes:
    """What the endpoint sends, whole. The client's own limit starts anew with every byte, and it would take in any
    number of them. Raises `ValueError` for more than there should be, or later."""
    end, body = time.monotonic() + timeout, b""
    with client.chat.completions.with_streaming_response.create(**arguments) as response:
        for part in response.iter_bytes():
            body += part
            if len(body) > LARGEST or time.monotonic() > end:
                raise ValueError(f"no end of the answer after {len(body)} bytes and {timeout:g} s at most")
    return body


def read_completion(body: bytes) -> Reply:
    """The reply in a chat completion. Raises `ValueError` when it is none, or has no text: an empty reply is not
    parsed for a guess."""
    try:
        completion = json.loads(body)
        choice = completion["choices"][0]
        text, reason = choice["message"]["content"], choice.get("finish_reason")
        usage = completion.get("usage") or {}
        tokens = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
    except (ValueError, AttributeError, LookupError, TypeError, RecursionError):
        raise ValueError(f"not a chat completion: {body[:80]!r}") from None
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"a reply without text (finish_reason {reason})")
    text.encode()  # half a surrogate pair is a ValueError too
    return Reply(text, str(reason), *(value if isinstance(value, int) else 0 for value in tokens))


def retry_after(error: APIStatusError) -> float:
    """Seconds that the endpoint asks to wait, given as such or as a date; 0 if it does not say."""
    text = error.response.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except ValueError:
            return 0.0
    return min(seconds, LONGEST) if seconds > 0 else 0.0  # NaN is 0 too

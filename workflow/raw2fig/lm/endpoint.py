"""A model behind an OpenAI-compatible interface, and what such endpoints do: refuse, tire, break off, send nonsense.

Every failed attempt is followed by another after a longer wait, or after the one that the endpoint asks for. When all
have failed there is no reply. What no second attempt could change (a key or a model that the endpoint does not know)
ends the run in one line. The key comes from the environment and goes nowhere but to the endpoint.
"""

from __future__ import annotations

import json
import logging
import os
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from email.utils import parsedate_to_datetime
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator

from raw2fig.errors import InputError
from raw2fig.lm.client import SEEDS, Asked, Failure, Generated, ModelClient
from raw2fig.lm.rate_limit import Limit
from raw2fig.settings import Field, Record, impossible

if TYPE_CHECKING:
    from openai import APIStatusError, OpenAI

T = TypeVar("T")
A = TypeVar("A")

LONGEST = 600.0
"""Seconds that are waited at most, whatever the endpoint asks for."""
LARGEST = 1 << 22
"""Bytes of an answer at most."""
HOPELESS = (401, 403, 404)
"""Statuses that concern the run, not the request."""
PASSING = (408, 409, 429)
"""Statuses below 500 after which a request is made again."""
NONSENSE = (ValueError, AttributeError, LookupError, TypeError, RecursionError)
"""What reading an answer of any form may raise."""


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
        ge=1, le=100, description="Number of attempts at a request; when all have failed, it has no reply."
    )
    timeout: float = Field(gt=0, description="Seconds that an attempt may take.")
    backoff: float = Field(ge=0, description="Seconds before the second attempt, doubled before each further one.")
    send_seed: bool = Field(description="Send the seed of each reply; not all endpoints know seeds.")


Ask = Callable[[Asked, Event], Generated | Failure]
"""The reply to a request; once the event is set, nothing more is sent or waited for. Several threads may ask."""


def endpoint_client(model: str, endpoint: Endpoint, limit: Limit | None = None) -> ModelClient:
    """The model as a client that asks `endpoint.concurrency` requests at a time. Errors are those of `load_asker`."""
    ask = load_asker(model, endpoint, limit)

    def client(requests: Sequence[Asked]) -> list[Generated | Failure]:
        replies = dict(ask_all(ask, requests, endpoint.concurrency))
        return [replies[position] for position in range(len(requests))]

    return client


def load_asker(model: str, endpoint: Endpoint, limit: Limit | None = None) -> Ask:
    """The model, asked one request at a time. Raises `InputError` without a key or address, and when asked if the
    endpoint refuses key or model."""
    if endpoint.url is None:
        raise InputError("url", "is not given", "the address of the endpoint: https://..., up to and with /v1")
    url, key_variable = endpoint.url, endpoint.key_variable
    key = os.environ.get(key_variable, "").strip()
    if not key:
        raise InputError(key_variable, "is not set", f"the key of {url} in this environment variable")
    if not key.isascii() or len(key.split()) > 1:  # could be no header; what refuses it would say it
        raise InputError(key_variable, "is not a key", "ASCII characters without white space")
    client = _client(url, key, endpoint.timeout)

    def ask(asked: Asked, ended: Event) -> Generated | Failure:
        seed = {"seed": asked.seed % SEEDS} if endpoint.send_seed else {}
        return _ask(client, {"model": model, **_arguments(asked), **seed}, endpoint, limit, ended)

    return ask


def ask_all(ask: Callable[[T, Event], A], requests: Sequence[T], concurrency: int) -> Iterator[tuple[int, A]]:
    """The answers to all requests, `concurrency` at a time and begun in their order: position and answer, as they come.

    The first exception, or closing the iterator, ends it all: the event that `ask` gets is set, and requests that have
    not begun never do.
    """
    ended = Event()

    def one(request: T) -> A:
        try:
            return ask(request, ended)
        except BaseException:
            ended.set()
            raise

    pool = ThreadPoolExecutor(concurrency)
    try:
        asked = {pool.submit(one, request): position for position, request in enumerate(requests)}
        for future in as_completed(asked):
            yield asked[future], future.result()
    finally:
        ended.set()
        pool.shutdown(cancel_futures=True)


def _client(url: str, key: str, timeout: float) -> OpenAI:
    try:
        from openai import OpenAI
    except ImportError as error:
        raise InputError("endpoint", "openai is not installed", "`pip install raw2fig[endpoint]`") from error
    for name in ("httpx", "httpx2", "openai"):  # a line for every request
        logging.getLogger(name).setLevel(logging.WARNING)
    return OpenAI(api_key=key, base_url=url, timeout=timeout, max_retries=0)


def _arguments(asked: Asked) -> dict[str, Any]:
    """A request in the words of the interface. What a tool has said goes as the user's message: as a tool's, it is
    taken only after a call that the endpoint has made itself."""
    messages = [
        {"role": "user" if message.role == "tool" else message.role, "content": message.content}
        for message in asked.messages
    ]
    stop = {"stop": list(asked.stop)} if asked.stop else {}
    nucleus = {"top_p": asked.top_p} if asked.top_p < 1 else {}
    numbers = {"temperature": asked.temperature, "max_tokens": asked.max_new_tokens, **nucleus}
    return {"messages": messages, **numbers, **stop}


def _ask(
    client: OpenAI, arguments: dict[str, Any], endpoint: Endpoint, limit: Limit | None, ended: Event
) -> Generated | Failure:
    """One reply, by as many attempts as it takes or may take."""
    from httpx2 import HTTPError
    from openai import APIError, APIStatusError

    reason, wasted = "", list[Mapping[str, Any]]()
    for attempt in range(endpoint.attempts):
        if limit is not None:
            ended.wait(max(0.0, limit.next() - time.time()))
        if ended.is_set():
            return Failure("the run has ended", tuple(wasted))
        pause, body = 0.0, b""
        try:
            body = _body(client, arguments, endpoint.timeout)
            return read_completion(body)._replace(wasted=tuple(wasted))
        except APIStatusError as error:
            wasted += _usage(error.response.content)
            reason = _one_line(f"status {error.status_code}", error.message, client.api_key)
            if error.status_code in HOPELESS or error.code == "insufficient_quota":
                raise InputError(str(client.base_url), reason, "a key and a model that it accepts") from None
            if error.status_code < 500 and error.status_code not in PASSING:
                return Failure(reason, tuple(wasted))
            pause = retry_after(error)
            if error.status_code == 429 and limit is not None:
                limit.pause(pause)
        except (APIError, HTTPError, ValueError) as error:  # no connection, no whole answer in time, no completion
            wasted += _usage(body)
            reason = _one_line(type(error).__name__, str(error), client.api_key)
        if attempt + 1 < endpoint.attempts:
            # up to half as long again, so that shards that were refused together do not come back together
            longer = min(LONGEST, endpoint.backoff * 2**attempt * random.uniform(1, 1.5))
            ended.wait(max(longer, pause))
    return Failure(f"{endpoint.attempts} attempts, the last: {reason}", tuple(wasted))


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


def read_completion(body: bytes) -> Generated:
    """The reply in a chat completion. Raises `ValueError` when it is none, or has no text: an empty reply is none."""
    try:
        completion = json.loads(body)
        choice = completion["choices"][0]
        text, reason = choice["message"]["content"], choice.get("finish_reason")
        usage = completion.get("usage") or {}
        asked, told = (usage.get(name) for name in ("prompt_tokens", "completion_tokens"))
    except NONSENSE:
        raise ValueError(f"not a chat completion: {body[:80]!r}") from None
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"a reply without text (finish_reason {reason})")
    text.encode()  # half a surrogate pair is a ValueError too
    asked, told = (tokens if isinstance(tokens, int) else 0 for tokens in (asked, told))
    return Generated(text, asked, told, usage, str(reason))


def _usage(body: bytes) -> list[Mapping[str, Any]]:
    """The usage that stands in an answer without reply, if there is one."""
    try:
        usage = json.loads(body)["usage"]
    except NONSENSE:
        return []
    return [usage] if usage and isinstance(usage, dict) else []


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

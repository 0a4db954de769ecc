"""A server with an OpenAI-compatible interface on this machine, whose failures are scripted."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple

KEY = "sk-test-0123456789abcdef"


class Response(NamedTuple):
    """What the server sends. `body` None: it closes the connection instead; `announced`: bytes it promises;
    `drip`: seconds between single bytes, which go on until the client has gone."""

    status: int
    body: bytes | None
    headers: Mapping[str, str] = MappingProxyType({})
    delay: float = 0.0
    announced: int = 0
    drip: float = 0.0


def completion(text: Any, finish_reason: str = "stop", **other: Any) -> Response:
    """A right answer with `text`."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    usage = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    value = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
    return Response(200, json.dumps({**value, **other}).encode())


def error(status: int, message: str = "no", **headers: str) -> Response:
    body = json.dumps({"error": {"message": message, "type": "x", "code": None}}).encode()
    return Response(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


LETDOWNS = {
    "500": error(500),
    "503": error(503),
    "408": error(408),
    "429": error(429, Retry_After="0"),
    "closed": Response(0, None),
    "cut": Response(200, b'{"id": "1", "choi', announced=5000),
    "cut error": Response(500, b'{"error": {', announced=5000),
    "empty error": Response(502, b""),
    "html": Response(200, b"<html>bad gateway</html>", {"Content-Type": "text/html"}),
    "html as json": Response(200, b"<html>bad gateway</html>"),
    "empty body": Response(200, b""),
    "no object": Response(200, b"[1, 2]"),
    "null": Response(200, b"null"),
    "no choices": Response(200, b"{}"),
    "empty choices": completion("x", choices=[]),
    "choices are a text": completion("x", choices="17"),
    "no message": completion("x", choices=[{"index": 0, "finish_reason": "stop"}]),
    "null content": completion(None),
    "empty content": completion(" \n", "length"),
    "a number as content": completion(17),
    "a list as usage": completion("FINAL GUESS: 9", usage=[1])._replace(status=500),
    "deep": Response(200, b"[" * 100_000),
    "half a surrogate pair": completion("FINAL GUESS: 9 \ud800"),
}
"""Answers that are no reply."""


Answering = Callable[[dict[str, Any], int], Response]
"""Of the body of a request and its number, from 0."""


class Endpoint(NamedTuple):
    """Where the server is, and the requests it got: (path, headers, body)."""

    url: str
    requests: list[tuple[str, dict[str, str], dict[str, Any]]]


@contextmanager
def endpoint(answering: Answering) -> Iterator[Endpoint]:
    """A running server."""
    got: list[tuple[str, dict[str, str], dict[str, Any]]] = []
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                number = len(got)
                got.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            response = answering(body, number)
            time.sleep(response.delay)
            if response.body is None:
                self.close_connection = True
                return
            self.send_response(response.status)
            for name, value in {"Content-Type": "application/json", **response.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(response.announced or len(response.body)))
            self.end_headers()
            while response.drip:
                self.wfile.write(b" ")
                time.sleep(response.drip)
            self.wfile.write(response.body)
            self.close_connection = bool(response.announced)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:  # a client that has stopped waiting
            pass

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Endpoint(f"http://127.0.0.1:{server.server_address[1]}/v1", got)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

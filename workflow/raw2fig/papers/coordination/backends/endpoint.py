"""A model behind an OpenAI-compatible interface as a player. A game whose agent gets no reply is lost: of it nothing
more is asked."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from threading import Event

from raw2fig.lm.endpoint import Endpoint, ask_all, load_asker
from raw2fig.lm.rate_limit import Limit
from raw2fig.papers.coordination.backends.chat import asked_of, reply_of
from raw2fig.papers.coordination.engine import Answer, Failure, Reply, Request, Respond


def load_endpoint(model: str, endpoint: Endpoint, max_tokens: int, limit: Limit | None = None) -> Respond:
    """The model as a player, asked by several threads. Raises `InputError` without a key or address."""
    ask = load_asker(model, endpoint, limit)

    def respond(requests: Sequence[Request]) -> Iterator[Answer]:
        failed = set[str]()

        def reply(request: Request, ended: Event) -> Reply | Failure:
            if request.game in failed or ended.is_set():
                return Failure("another agent got no reply")
            answer = reply_of(ask(asked_of(request, max_tokens), ended))
            if isinstance(answer, Failure):
                failed.add(request.game)
                logging.warning("%s, round %d: %s", request.game, request.round, answer.reason)
            return answer

        # the first agents of all games first: what a lost game would still ask is then not asked any more
        order = sorted(range(len(requests)), key=lambda position: requests[position].agent)
        for place, answer in ask_all(reply, [requests[position] for position in order], endpoint.concurrency):
            yield order[place], answer

    return respond

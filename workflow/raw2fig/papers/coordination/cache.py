"""Replies of games on disk, a file per game. What a reply is stored under holds game, agent, round and seed beside the
question: a key made of the question alone would give all agents of a group without personas the same first reply, and
the group nothing to differ by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from raw2fig.lm.replies import Replies, key_of
from raw2fig.papers.coordination.engine import Answer, Reply, Request, Respond


def cached(respond: Respond, folder: Path, identity: str) -> Respond:
    """`respond`, asked only for what is not stored in `folder`. `identity` says what else a reply depends on (model,
    revision, limits): replies of another one, or to another prompt, are not used. Failures are not stored."""
    replies = Replies(folder)

    def answer(requests: Sequence[Request]) -> Iterator[Answer]:
        keys = [key_of(identity, *request) for request in requests]
        open_ = []
        for position, request in enumerate(requests):
            stored = replies.get(request.game, keys[position])
            if stored is None:
                open_.append(position)
            else:
                yield position, Reply(*stored)
        for place, reply in respond([requests[position] for position in open_]) if open_ else ():
            position = open_[place]
            request = requests[position]
            if isinstance(reply, Reply):
                replies.put(request.game, keys[position], reply, round=request.round, agent=request.agent)
            yield position, reply

    return answer

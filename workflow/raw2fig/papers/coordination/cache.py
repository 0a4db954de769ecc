"""Replies on disk as they come, so that a killed run asks nothing twice.

A file per game, a line per reply, appended in one write; a torn last line is read over. What a reply is stored under
holds game, agent, round and seed beside the question: a key made of the question alone would give all agents of a group
without personas the same first reply, and the group nothing to differ by.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from raw2fig.papers.coordination.engine import Answer, Reply, Request, Respond


def cached(respond: Respond, folder: Path, identity: str) -> Respond:
    """`respond`, asked only for what is not stored in `folder`. `identity` says what else a reply depends on (model,
    revision, limits): replies of another one, or to another prompt, are not used. Failures are not stored."""
    folder.mkdir(parents=True, exist_ok=True)
    known: dict[str, dict[str, Reply]] = {}

    def stored(game: str) -> dict[str, Reply]:
        if game not in known:
            known[game] = _read(folder / f"{game}.jsonl")
        return known[game]

    def answer(requests: Sequence[Request]) -> Iterator[Answer]:
        keys = [_key(request, identity) for request in requests]
        open_ = []
        for position, request in enumerate(requests):
            if keys[position] in stored(request.game):
                yield position, known[request.game][keys[position]]
            else:
                open_.append(position)
        for place, reply in respond([requests[position] for position in open_]) if open_ else ():
            position = open_[place]
            request = requests[position]
            if isinstance(reply, Reply):
                _append(folder / f"{request.game}.jsonl", request, keys[position], reply)
            yield position, reply

    return answer


def _key(request: Request, identity: str) -> str:
    return hashlib.sha256(json.dumps([identity, *request]).encode()).hexdigest()


def _read(path: Path) -> dict[str, Reply]:
    if not path.is_file():
        return {}
    found = {}
    for line in path.read_bytes().split(b"\n"):
        try:
            entry = json.loads(line)
            found[entry["key"]] = Reply(*entry["reply"])
        except (ValueError, KeyError, TypeError):  # torn by a kill
            continue
    return found


def _append(path: Path, request: Request, key: str, reply: Reply) -> None:
    entry = {"round": request.round, "agent": request.agent, "key": key, "reply": list(reply)}
    # begins with a line break too: what a kill has torn before must not swallow it
    data = b"\n" + json.dumps(entry).encode() + b"\n"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(file, data)
    finally:
        os.close(file)

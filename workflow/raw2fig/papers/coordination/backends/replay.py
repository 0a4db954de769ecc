"""Stored transcripts instead of a player: a game again, bit for bit, without model or network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from raw2fig.errors import InputError
from raw2fig.papers.coordination.engine import Answer, Failure, Reply, Request, Respond, prompt_sha
from raw2fig.tables import read_table

TRANSCRIPT = {
    "game": "string",
    "round": "integer",
    "agent": "integer",
    "prompt_sha": "string",
    "reply": "string",
    "finish_reason": "string",
    "tokens_in": "integer",
    "tokens_out": "integer",
}


def load_transcripts(path: Path) -> Respond:
    """Replies of the transcript `path`. Raises `InputError` when one was given to another prompt than is asked now."""
    rows = read_table(path, TRANSCRIPT)[list(TRANSCRIPT)].itertuples(index=False, name=None)
    stored = {(game, turn, agent): (asked, Reply(*reply)) for game, turn, agent, asked, *reply in rows}

    def respond(requests: Sequence[Request]) -> Iterator[Answer]:
        for position, request in enumerate(requests):
            place = (request.game, request.round, request.agent)
            if place not in stored:
                yield position, Failure("not in the transcript")
                continue
            asked, reply = stored[place]
            if asked != prompt_sha(request.prompt):
                raise InputError(
                    path,
                    f"game {request.game}, round {request.round}: agent {request.agent} was asked something else",
                    "the plan, the personas and the parser of the stored games",
                )
            yield position, reply

    return respond

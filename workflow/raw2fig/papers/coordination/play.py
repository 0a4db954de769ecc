"""The step that plays scheduled games, whoever plays them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import model_validator

from raw2fig.errors import InputError
from raw2fig.lm.endpoint import Endpoint
from raw2fig.lm.rate_limit import Limit
from raw2fig.papers.coordination.backends.endpoint import load_endpoint
from raw2fig.papers.coordination.backends.model import Generation, load_model
from raw2fig.papers.coordination.cache import cached
from raw2fig.papers.coordination.engine import Line, Outcome, Respond, Turn
from raw2fig.papers.coordination.engine import play as play_games
from raw2fig.papers.coordination.parse import Replies
from raw2fig.papers.coordination.personas import read_personas
from raw2fig.papers.coordination.schedule import read_schedule
from raw2fig.settings import Field, Record, impossible
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    import pandas as pd

Backend = Literal["rules", "policy", "model", "endpoint", "replay"]


class Player(Record):
    """A player as the configuration names it: `backend` and `source` of the step `play`, and for a language model how
    it is asked, where that is not as in the section `generation` or `endpoint`."""

    backend: Backend = Field(description="Who plays.")
    source: str | None = Field(default=None, min_length=1, description="What the backend loads.")
    package: str | None = Field(default=None, description="Python package that the model lies in, instead of a source.")
    sha256: str | None = Field(default=None, pattern="^[0-9a-fA-F]{64}$", description="SHA-256 of the package's wheel.")
    generation: Generation | None = Field(default=None, description="How a model on this machine draws replies.")
    endpoint: Endpoint | None = Field(default=None, description="How a model behind an interface is asked.")

    @model_validator(mode="after")
    def _one_source(self) -> Any:
        if (self.source is None) == (self.package is None) or (self.package and self.backend != "model"):
            found = f"is {self.source!r}, and package {self.package!r}"
            raise impossible("source", found, "one of the two; a package for the backend model alone")
        return self


@step
def play(
    *,
    schedule: Input,
    personas: Input,
    backend: Backend,
    source: str,
    games: Output,
    transcripts: Output,
    outcomes: Output,
    replies: Replies,
    generation: Generation,
    endpoint: Endpoint,
    models: list[str] | None = None,
    conditions: list[str] | None = None,
    shard: Annotated[int, Field(ge=0)] = 0,
    shards: Annotated[int, Field(ge=1)] = 1,
    cache: Path | None = None,
    limit_file: Path | None = None,
) -> None:
    """Play scheduled games. Agents get a prompt and reply with text, whoever they are.

    Parameters
    ----------
    schedule
        Table of games, as the step `schedule` writes it.
    personas
        JSON list of personas.
    backend
        Who plays. rules: agents that follow a written rule; policy: a model of the step train-policy; model: a causal
        language model on this machine; endpoint: a model behind an OpenAI-compatible interface; replay: stored
        transcripts.
    source
        What the backend loads. rules: the name of the rule, or condition for the rule of each game's condition; policy:
        the model folder; model: a folder or a hub id; endpoint: the model's id; replay: the table of transcripts.
    games
        Table with a row for each guess: game, condition, model, agents, temperature, round, agent, persona, guess,
        target, feedback, parse_source, success, complete.
    transcripts
        Table with a row for each reply: game, round, agent, prompt_sha, reply, finish_reason, tokens_in, tokens_out.
    outcomes
        Table with a row for each game: replicate, game, condition, model, agents, temperature, target, rounds, success,
        complete, problem.
    models
        Play only the games of these players.
    conditions
        Play only the games in these conditions.
    shard
        Number of this shard, from 0.
    shards
        Number of shards that the games are divided into.
    cache
        Folder that keeps the replies of models and endpoints. A run that starts again goes on from there.
    limit_file
        File that counts the requests to an endpoint, for --per-minute.
    """
    games_here, sentences = read_schedule(schedule, models, conditions, shard, shards), read_personas(personas)
    if any(number >= len(sentences) for game in games_here for number in game.personas):
        raise InputError(personas, f"has {len(sentences)} personas", "those that the schedule was made with")
    respond: Respond
    if backend == "rules":
        from raw2fig.papers.coordination.backends.rules import load_rules

        respond = load_rules(source)
    elif backend == "policy":
        from raw2fig.papers.coordination.backends.policy import load_policy

        respond = load_policy(Path(source))
    elif backend == "model":
        respond = load_model(source, generation, replies.max_tokens)
    elif backend == "endpoint":
        if (endpoint.per_minute > 0) != (limit_file is not None):
            found = f"is {endpoint.per_minute:g} with limit file {limit_file}"
            raise InputError("per_minute", found, "both or none")
        limit = Limit(limit_file, endpoint.per_minute) if limit_file else None
        respond = load_endpoint(source, endpoint, replies.max_tokens, limit)
    else:
        from raw2fig.papers.coordination.backends.replay import load_transcripts

        respond = load_transcripts(Path(source))
    if cache is not None:
        asked = [generation.revision, generation.engine, generation.opening, replies.max_tokens]
        identity = [backend, source, *asked, _files(Path(source))]
        respond = cached(respond, cache, json.dumps(identity))
    played = play_games(games_here, sentences, respond, replies.parser)
    if not any(outcome.complete for outcome in played.outcomes):
        raise InputError(source, f"no game is complete ({played.outcomes[0].problem})", "replies to every request")
    write_table(table(played.turns, Turn), games)
    write_table(table(played.transcript, Line), transcripts)
    write_table(table(played.outcomes, Outcome), outcomes)


def _files(folder: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of a folder's files: a model that is made anew gives other replies. Empty for no folder."""
    if not folder.is_dir():
        return []
    found = ((path.name, path.stat()) for path in sorted(folder.iterdir()))
    return [(name, known.st_size, known.st_mtime_ns) for name, known in found]


def table(rows: Sequence[Any], kind: Any) -> pd.DataFrame:
    """Rows as a frame that has its columns even without rows."""
    import pandas as pd

    return pd.DataFrame(rows, columns=list(kind._fields))

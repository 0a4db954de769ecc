"""The step that plays games of a plan, whoever plays them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from raw2fig.errors import InputError
from raw2fig.papers.coordination.cache import cached
from raw2fig.papers.coordination.game import Line, Outcome, Respond, Turn
from raw2fig.papers.coordination.game import play as play_games
from raw2fig.papers.coordination.parse import Parser
from raw2fig.papers.coordination.personas import read_personas
from raw2fig.papers.coordination.plan import read_plan
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    import pandas as pd

Backend = Literal["rules", "policy", "model", "endpoint", "replay"]


@step
def play(
    *,
    plan: Input,
    personas: Input,
    backend: Backend,
    source: str,
    games: Output,
    transcripts: Output,
    outcomes: Output,
    models: list[str] | None = None,
    conditions: list[str] | None = None,
    shard: int = 0,
    shards: int = 1,
    parser: Parser = "final",
    max_tokens: int = 200,
    cache: Path | None = None,
    revision: str | None = None,
    engine: Literal["sampler", "vllm"] = "sampler",
    batch: int = 64,
    url: str = "",
    key_variable: str = "OPENAI_API_KEY",
    per_minute: float = 0.0,
    limit_file: Path | None = None,
    concurrency: int = 8,
    attempts: int = 6,
    timeout: float = 60.0,
    backoff: float = 1.0,
    send_seed: bool = False,
) -> None:
    """Play games of a plan: agents get prompts and give text, whoever they are.

    Parameters
    ----------
    plan
        Table of games.
    personas
        JSON list of personas.
    backend
        Who plays. rules: agents that follow a rule; policy: a model of train-policy; model: a causal language model on
        this machine; endpoint: one behind an OpenAI-compatible interface; replay: stored transcripts.
    source
        For rules the rule, or condition for the one of each game's condition; for policy the model folder; for model a
        folder or hub id; for endpoint the model's id; for replay the table of transcripts.
    games
        Table with a row per guess: game, condition, model, agents, temperature, round, agent, persona, guess, target,
        feedback, parse_source, success, complete.
    transcripts
        Table with a row per reply: game, round, agent, prompt_sha, reply, finish_reason, tokens_in, tokens_out.
    outcomes
        Table with a row per game: game, condition, model, agents, temperature, target, rounds, success, complete,
        problem.
    models
        Only these models of the plan.
    conditions
        Only these conditions of the plan.
    shard
        Number of this shard, from 0.
    shards
        Into how many the games are divided.
    parser
        final: the last FINAL GUESS, else as compat; compat: the official rule.
    max_tokens
        Longest reply.
    cache
        Folder of replies (model and endpoint); a run that is started again goes on from there.
    revision
        Of a hub model.
    engine
        What generates (model): our sampler or vLLM.
    batch
        Prompts at a time (model).
    url
        Address of the endpoint, up to and with /v1.
    key_variable
        Environment variable with the endpoint's key.
    per_minute
        Requests per minute, of all processes that share the limit file; 0: no limit.
    limit_file
        File that counts requests.
    concurrency
        Requests at a time (endpoint).
    attempts
        After which a request counts as failed, and its game as incomplete.
    timeout
        Seconds without an answer after which an attempt has failed.
    backoff
        Seconds before the second attempt; doubled for each further one.
    send_seed
        Send the seed of each reply (endpoint): not all of them know seeds.
    """
    planned, told = read_plan(plan, models, conditions, shard, shards), read_personas(personas)
    if any(number >= len(told) for game in planned for number in game.personas):
        raise InputError(personas, f"has {len(told)} personas", "those that the plan was made with")
    respond: Respond
    if backend == "rules":
        from raw2fig.papers.coordination.backends.rules import load_rules

        respond = load_rules(source, told)
    elif backend == "policy":
        from raw2fig.papers.coordination.backends.policy import load_policy

        respond = load_policy(Path(source))
    elif backend == "model":
        from raw2fig.papers.coordination.backends.model import load_model

        respond = load_model(source, revision, engine, max_tokens, batch)
    elif backend == "endpoint":
        from raw2fig.papers.coordination.backends.endpoint import Patience, load_endpoint
        from raw2fig.papers.coordination.backends.limit import Limit

        if (per_minute > 0) != (limit_file is not None):
            raise InputError("per_minute", f"is {per_minute:g} with limit file {limit_file}", "both or none")
        limit = Limit(limit_file, per_minute) if limit_file else None
        patience = Patience(attempts, timeout, backoff)
        respond = load_endpoint(source, url, key_variable, max_tokens, patience, concurrency, limit, send_seed)
    else:
        from raw2fig.papers.coordination.backends.replay import load_transcripts

        respond = load_transcripts(Path(source))
    if cache is not None:
        identity = [backend, source, revision, engine, max_tokens, _files(Path(source))]
        respond = cached(respond, cache, json.dumps(identity))
    played = play_games(planned, told, respond, parser)
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

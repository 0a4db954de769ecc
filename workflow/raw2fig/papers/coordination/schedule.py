"""The schedule: a row for each game that is to be played, from which everything about it follows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import model_validator

from raw2fig.errors import InputError
from raw2fig.papers.coordination.personas import read_personas
from raw2fig.papers.coordination.prompts import ConditionName, condition_of
from raw2fig.papers.coordination.rule_agents import TARGETS
from raw2fig.settings import Field, Record, Seed, impossible
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import read_table, write_table

COLUMNS = {
    "game": "string",
    "condition": "string",
    "model": "string",
    "agents": "integer",
    "rounds": "integer",
    "temperature": "number",
    "target": "integer",
    "personas": "list",
    "replicate": "integer",
}


NAME = r"[A-Za-z0-9][\w.-]*"
"""Names of players: they become names of files."""


class ScheduledGame(NamedTuple):
    """A row of the schedule: `rounds` is the most that are played, `personas` has a number for each agent."""

    game: str
    condition: str
    model: str
    agents: int
    rounds: int
    temperature: float
    target: int
    personas: tuple[int, ...]
    replicate: int


class Cells(Record):
    """The games that each player of an experiment plays: so many in each cell of condition, group size and
    temperature."""

    conditions: list[ConditionName] = Field(
        min_length=1,
        description="Conditions: plain, persona, tom or reasoning; with +repeat the prompt also asks an agent to "
        "repeat its last guess if it cannot decide.",
    )
    games: int = Field(
        ge=1,
        le=1_000_000,
        description="Number of games of each player, condition, group size and temperature.",
    )
    agents: list[Annotated[int, Field(ge=2, le=1000)]] = Field(min_length=1, description="Group sizes.")
    temperatures: list[Annotated[float, Field(ge=0)]] = Field(min_length=1, description="Sampling temperatures.")
    rounds: int = Field(ge=1, le=1000, description="Rounds after which an unsolved game ends.")

    @model_validator(mode="after")
    def _each_once(self) -> Any:
        for name in ("conditions", "agents", "temperatures"):
            values = getattr(self, name)
            if len(set(values)) < len(values):
                raise impossible(name, f"is {values}", "each of them once")
        return self


@step
def schedule(
    *,
    personas: Input,
    models: list[str],
    cells: Annotated[Cells, At("experiments.rules.cells")],
    schedule: Output,
    replicate: Seed,
) -> None:
    """List the games of an experiment: every player under every condition, for each group size and temperature.

    Parameters
    ----------
    personas
        JSON list of personas. The agents of a game get different ones.
    models
        Names of the players, as tables and figures show them. The step `play` decides what stands behind a name.
    schedule
        Table with a row for each game: game, condition, model, agents, rounds, temperature, target, personas,
        replicate.
    """
    import pandas as pd

    available = len(read_personas(personas))
    if max(cells.agents) > available:
        raise InputError(
            "agents", f"a group of {max(cells.agents)}", f"2 to {available} agents, as many as there are personas"
        )
    for model in models:
        if not re.fullmatch(NAME, model):
            raise InputError("models", f"{model!r} is not a name", "letters, digits, points and hyphens")
    if len(set(models)) < len(models):
        raise InputError("models", "a player is named twice", "each of them once")
    rows = [
        scheduled(model, condition, size, heat, index, cells.rounds, available, replicate)
        for model in models
        for condition in cells.conditions
        for size in cells.agents
        for heat in cells.temperatures
        for index in range(cells.games)
    ]
    write_table(pd.DataFrame(rows), schedule)


def scheduled(
    model: str, condition: str, agents: int, temperature: float, index: int, rounds: int, personas: int, replicate: int
) -> ScheduledGame:
    """Game number `index` of a cell. Target and personas follow from its name and the replicate alone."""
    game = f"{model}-{condition}-n{agents}-t{temperature:g}-{index:04d}"
    rng = np.random.default_rng(digest(replicate, game))
    target = int(rng.integers(*TARGETS, endpoint=True))
    given = tuple(rng.permutation(personas)[:agents].tolist())
    return ScheduledGame(game, condition, model, agents, rounds, temperature, target, given, replicate)


def digest(*words: object) -> int:
    """64 bits of SHA-256 of the words: the seed of a game (replicate, game) and of a reply (... agent, round)."""
    text = "\n".join(map(str, words))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def read_schedule(
    path: Path,
    models: Sequence[str] | None = None,
    conditions: Sequence[str] | None = None,
    shard: int = 0,
    shards: int = 1,
) -> list[ScheduledGame]:
    """The games of a schedule, of some models and conditions only, and of these every `shards`-th one from `shard` on.

    Raises `InputError` when the schedule does not have them, or a game cannot be played.
    """
    frame = read_table(path, COLUMNS)
    if not 0 <= shard < shards:
        raise InputError("shard", f"{shard} of {shards}", "0 to one less than there are")
    for name, wanted in (("model", models), ("condition", conditions)):
        if wanted:
            unknown = sorted(set(wanted) - set(frame[name]))
            if unknown:
                raise InputError(path, f"no game of {name} {unknown[0]!r}", ", ".join(sorted(set(frame[name]))))
            frame = frame[frame[name].isin(wanted)]
    games = [_game(path, row) for row in frame[list(COLUMNS)].iloc[shard::shards].itertuples(index=False)]
    if len({game.game for game in games}) < len(games):
        raise InputError(path, "a game comes twice", "different names")
    return games


def _game(path: Path, row: Sequence[Any]) -> ScheduledGame:
    game = ScheduledGame(*row)
    game = game._replace(personas=tuple(map(int, game.personas)))
    condition_of(game.condition)
    if len(game.personas) != game.agents or game.agents < 1 or game.rounds < 1:
        raise InputError(path, f"game {game.game} has {len(game.personas)} personas", f"one for {game.agents} agents")
    return game

"""The plan: a row for each game that is to be played, from which everything about it follows."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.coordination.personas import read_personas
from raw2fig.papers.coordination.prompts import condition_of
from raw2fig.papers.coordination.rule_agents import TARGETS
from raw2fig.step import Input, Output, step
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
    "seed": "integer",
}


class Game(NamedTuple):
    """A row of the plan: `rounds` is the most that are played, `personas` has a number for each agent, `seed` is that
    of the whole plan."""

    game: str
    condition: str
    model: str
    agents: int
    rounds: int
    temperature: float
    target: int
    personas: tuple[int, ...]
    seed: int


@step
def plan(
    *,
    personas: Input,
    models: list[str],
    conditions: list[str],
    games: list[int],
    plan: Output,
    agents: list[int] | None = None,
    temperatures: list[float] | None = None,
    rounds: int = 20,
    seed: int = 0,
) -> None:
    """Plan games: every model under every condition, for each group size and temperature.

    Parameters
    ----------
    personas
        The personas; each game gives different ones to its agents.
    models
        Names of the players in tables and figures; what plays is said when it does.
    conditions
        plain, persona, tom, reasoning; with +repeat, agents are told to repeat their last guess if they cannot decide.
    games
        Games in each cell: one number, or one for each model.
    plan
        Table with a row per game: game, condition, model, agents, rounds, temperature, target, personas, seed.
    agents
        Group sizes, by default 10.
    temperatures
        Sampling temperatures, by default 1.
    rounds
        After which an unsolved game ends.
    """
    import pandas as pd

    available = len(read_personas(personas))
    sizes, heats = agents or [10], temperatures or [1.0]
    if len(games) not in (1, len(models)):
        raise InputError("games", f"{len(games)} numbers for {len(models)} models", "one, or one for each model")
    if min(games) < 1 or rounds < 1:
        raise InputError("games", f"{min(games)} games of {rounds} rounds", "at least one of each")
    if not 1 <= min(sizes) <= max(sizes) <= available:
        raise InputError("agents", f"groups of {min(sizes)} to {max(sizes)}", f"1 to {available}, as many as personas")
    if min(heats) < 0:
        raise InputError("temperatures", f"has {min(heats):g}", "0 or more")
    for model in models:
        if not re.fullmatch(r"[\w.-]+", model):
            raise InputError("models", f"{model!r} is not a name", "letters, digits, points and hyphens")
    for condition in conditions:
        condition_of(condition)
    counts = games * (len(models) // len(games))
    rows = [
        planned(model, condition, size, heat, index, rounds, available, seed)
        for model, count in zip(models, counts, strict=True)
        for condition in conditions
        for size in sizes
        for heat in heats
        for index in range(count)
    ]
    if len({row.game for row in rows}) < len(rows):
        raise InputError("plan", "a model, condition, size or temperature is named twice", "each of them once")
    write_table(pd.DataFrame(rows), plan)


def planned(
    model: str, condition: str, agents: int, temperature: float, index: int, rounds: int, personas: int, seed: int
) -> Game:
    """Game number `index` of a cell. Target and personas follow from its name and the plan's seed alone."""
    game = f"{model}-{condition}-n{agents}-t{temperature:g}-{index:04d}"
    rng = np.random.default_rng(digest(seed, game))
    target = int(rng.integers(*TARGETS, endpoint=True))
    given = tuple(rng.permutation(personas)[:agents].tolist())
    return Game(game, condition, model, agents, rounds, temperature, target, given, seed)


def digest(*words: object) -> int:
    """64 bits of SHA-256 of the words: the seed of a game (plan seed, game) and of a reply (... agent, round)."""
    text = "\n".join(map(str, words))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def read_plan(
    path: Path,
    models: Sequence[str] | None = None,
    conditions: Sequence[str] | None = None,
    shard: int = 0,
    shards: int = 1,
) -> list[Game]:
    """The games of a plan, of some models and conditions only, and of these every `shards`-th one from `shard` on.

    Raises `InputError` when the plan does not have them, or a game cannot be played.
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


def _game(path: Path, row: Sequence[Any]) -> Game:
    game = Game(*row)
    game = game._replace(personas=tuple(map(int, game.personas)))
    condition_of(game.condition)
    if len(game.personas) != game.agents or game.agents < 1 or game.rounds < 1:
        raise InputError(path, f"game {game.game} has {len(game.personas)} personas", f"one for {game.agents} agents")
    return game

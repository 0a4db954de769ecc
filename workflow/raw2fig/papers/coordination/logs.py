"""Logs of games, and games as arrays: which column is what, and what is put right, left out or refused."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.coordination.wide_logs import longer, one_game, signs_of_words
from raw2fig.settings import Field, Record
from raw2fig.step import Input, Output, step
from raw2fig.tables import check_magnitudes, read_header, read_table, row_name, write_json, write_table

if TYPE_CHECKING:
    import pandas as pd

MIN_ROUNDS = 10
"""Criteria of shorter games mean nothing."""
SPAN = 10
"""Times the number of rounds there are that their numbers may span: beyond, they are no counts of rounds."""
GAME = "the game"
"""The column that a log of one game gets."""
LONGEST = 200
"""Letters of the name of a game, an agent, a condition or a model."""
MOST_VALUES = 50_000_000
"""Rounds times agents of a game: 400 MB."""


class Columns(NamedTuple):
    """Names of a log's columns; an empty name stands for none. A log with a row for each round has a column for each of
    `agents`, and need not name the game; `agent` and `value` are then names for what is made of them."""

    game: str = "game"
    round: str = "round"
    agent: str = "agent"
    value: str = "guess"
    target: str = "target"
    signal: str = ""
    condition: str = ""
    model: str = ""
    success: str = ""
    complete: str = ""
    agents: tuple[str, ...] = ()


class Game(NamedTuple):
    """A game: guesses (rounds, agents) of consecutive rounds; target and success NaN where unknown; `signal` (rounds,)
    what the group was told after each round (positive: too high), empty where that is the sign of sum - target.

    `reason` says why no criterion can be computed, empty if it can.
    """

    game: str
    condition: str
    model: str
    guesses: np.ndarray
    target: float
    success: float
    signal: np.ndarray
    reason: str = ""


class Series(Record):
    """Which games are long enough."""

    min_rounds: int = Field(
        ge=5, le=100_000, description="Games with fewer whole rounds in a row have no criteria; they count for success."
    )


@step
def series(*, games: list[Input], output: Output, counts: Output, series: Series, success_col: str = "success") -> None:
    """Put games in order: one row for each game, with the matrix of its guesses and whether criteria can be computed.

    Parameters
    ----------
    games
        Tables with a row for each game, round and agent: game, round, agent, guess, target, and optionally condition,
        model, success and complete. Games that are not complete have neither criteria nor success. A game must not be
        spread over two tables.
    output
        Parquet, a row for each game: game, condition, model, success, target, rounds, agents, guesses, usable, reason.
    counts
        JSON: how many games there are, how many are usable, and why the others are not.
    success_col
        Column that says whether a game was solved. Without it, a game is solved if its last sum is the target.
    """
    import pandas as pd

    optional = {"condition": "condition", "model": "model", "success": success_col, "complete": "complete"}
    found: list[Game] = []
    for path in games:
        there = set(read_header(path))
        named: dict[str, Any] = {key: name for key, name in optional.items() if name in there}
        found += read_games(path, Columns(**named), series.min_rounds)
    names = [one.game for one in found]
    if len(set(names)) < len(names):
        double = next(name for name in names if names.count(name) > 1)
        raise InputError(games[0], f"game {double} is in two tables", "each game whole in one of them")
    rows = [
        {
            "game": one.game,
            "condition": one.condition,
            "model": one.model,
            "success": one.success,
            "target": one.target,
            "rounds": one.guesses.shape[0],
            "agents": one.guesses.shape[1],
            "guesses": one.guesses.ravel().tolist(),
            "usable": not one.reason,
            "reason": one.reason,
        }
        for one in found
    ]
    write_table(pd.DataFrame(rows), output)
    reasons = [one.reason for one in found if one.reason]
    why = {reason: reasons.count(reason) for reason in sorted(set(reasons))}
    write_json({"games": len(found), "usable": len(found) - len(reasons), "left_out": why}, counts)


def read_series(path: Path) -> list[Game]:
    """Games as the step `series` wrote them."""
    kinds = {"game": "string", "condition": "string", "model": "string", "reason": "string", "guesses": "list"}
    numbers = {"success": "number", "target": "number", "rounds": "integer", "agents": "integer"}
    frame = read_table(path, kinds | numbers, allow_nan=("success", "target"))
    return [
        Game(
            row["game"],
            row["condition"],
            row["model"],
            np.asarray(row["guesses"], dtype=np.float64).reshape(row["rounds"], row["agents"]),
            float(row["target"]),
            float(row["success"]),
            np.empty(0),
            row["reason"],
        )
        for row in frame.to_dict("records")
    ]


def usable(games: Sequence[Game]) -> list[Game]:
    """Those games whose criteria can be computed."""
    return [one for one in games if not one.reason]


def read_games(path: Path, columns: Columns, min_rounds: int = MIN_ROUNDS) -> list[Game]:
    """The games of a log with a row per agent and round, or per round, in the order of their names.

    Of a game with holes (a missing value, an agent without a row, a round without any) the longest run of whole rounds
    is kept, with a warning; a game of which too little is left is returned with the reason. Raises `InputError` for
    text among the numbers, numbers that are infinite, too large or too small, names of more than `LONGEST` letters, a
    column that is not there, two rows for one agent and round, rounds that are no consecutive integers, a game of more
    than `MOST_VALUES`, and a target, condition, model or success that changes within a game.
    """
    frame = _read(path, columns)
    columns = columns._replace(game=columns.game or GAME)
    names = [columns.game, columns.round, columns.agent]
    doubled = frame.duplicated(names)
    if doubled.any():
        row = frame[doubled].iloc[0]
        where = ", ".join(f"{name} {row[name]}" for name in names)
        raise InputError(path, f"two rows for {where}", "one row per game, round and agent")
    found, shortened = [], 0
    for name, part in frame.groupby(columns.game, sort=True):
        table, signal = _matrix(path, str(name), part, columns)
        start, end = _longest(~np.isnan(table).any(axis=1))
        shortened += end - start < len(table)
        target, success = (_constant(path, name, part, column) for column in (columns.target, columns.success))
        if success is None and target is not None and not np.isnan(table[-1]).any():
            success = table[-1].sum() == target
        complete = _constant(path, name, part, columns.complete)
        if complete is not None and not complete:
            success = None
        condition, model = (_constant(path, name, part, column) for column in (columns.condition, columns.model))
        one = Game(
            str(name),
            "" if condition is None else str(condition),
            "" if model is None else str(model),
            table[start:end],
            np.nan if target is None else float(target),
            np.nan if success is None else float(success),
            signal[start:end],
        )
        broken = "" if complete is None or complete else "not played to its end"
        found.append(one._replace(reason=broken or _reason(one, min_rounds)))
    if shortened:
        logging.warning("%s: %d games have holes; the longest run of whole rounds of each is kept", path, shortened)
    return found


def _read(path: Path, columns: Columns) -> pd.DataFrame:
    """The columns of a log, checked, with a row per agent and round; names of games and agents as text."""
    labels = [name for name in (columns.game, "" if columns.agents else columns.agent) if name]
    labels += filter(None, (columns.condition, columns.model))
    values = columns.agents or (columns.value,)
    numbers = {columns.round: "integer"} | dict.fromkeys(values, "number")
    if columns.target:
        numbers[columns.target] = "number"
    text = dict.fromkeys(labels, "string") if Path(path).suffix == ".csv" else {}
    frame = read_table(path, text | numbers, allow_nan=values)
    flags = [name for name in (columns.success, columns.complete) if name]
    for name in (*labels, *flags, *filter(None, [columns.signal])):
        if name not in frame.columns:
            raise InputError(path, f"no column {name!r}", f"one of {', '.join(map(str, frame.columns))}")
        if frame[name].isna().any():
            raise InputError(path, f"column {name!r} has missing values", "a value in every row")
    if columns.signal and frame[columns.signal].dtype.kind not in "if":
        frame[columns.signal] = signs_of_words(path, frame[columns.signal])
    frame[labels] = frame[labels].astype(str)
    for name in labels:
        long = frame[name].str.len() > LONGEST
        if long.any():
            row = int(long.to_numpy().argmax())
            problem = f"column {name!r} has {len(frame[name].iloc[row]):,} letters in {row_name(row)}"
            raise InputError(path, problem, f"names of at most {LONGEST}")
    for name in flags:
        if frame[name].dtype.kind not in "bif":
            found = f"column {name!r} holds values such as {frame[name].iloc[0]!r}"
            raise InputError(path, found, "true or false, 1 or 0")
    check_magnitudes(path, frame, [*numbers, *filter(None, [columns.signal])])
    if not columns.agents:
        return frame
    kept = [*labels, columns.round, columns.target, columns.signal, *flags, *columns.agents]
    frame = frame[[name for name in dict.fromkeys(kept) if name]]
    if not columns.game:
        frame = frame.assign(**{GAME: one_game(path, frame, columns.round)})
    return longer(frame, columns.agents, columns.agent, columns.value)


def _matrix(path: Path, name: str, part: pd.DataFrame, columns: Columns) -> tuple[np.ndarray, np.ndarray]:
    """Guesses (rounds, agents) and signal (rounds,) from the first round to the last, NaN where there is no row; the
    signal is empty without its column."""
    rounds = part[columns.round].to_numpy(dtype=np.int64)
    first, last = int(rounds.min()), int(rounds.max())
    there = len(np.unique(rounds))
    if last - first + 1 > SPAN * there:
        problem = f"game {name} has {there} rounds, numbered from {first} to {last}"
        raise InputError(path, problem, f"consecutive integers in column {columns.round!r}")
    if (last - first + 1) * part[columns.agent].nunique() > MOST_VALUES:
        problem = f"game {name} has {last - first + 1:,} rounds of {part[columns.agent].nunique():,} agents"
        raise InputError(path, problem, f"at most {MOST_VALUES:,} values in a game")
    agents = {agent: at for at, agent in enumerate(sorted(set(part[columns.agent]), key=lambda a: (len(a), a)))}
    table = np.full((last - first + 1, len(agents)), np.nan)
    table[rounds - first, part[columns.agent].map(agents)] = part[columns.value]
    signal = np.empty(0)
    if columns.signal:
        by_round = part.groupby(columns.round)[columns.signal]
        differs = by_round.max() > by_round.min()
        if differs.any():
            problem = f"game {name}, round {differs.idxmax()}: column {columns.signal!r} differs between agents"
            raise InputError(path, problem, "what the whole group was told, the same in all rows of a round")
        signal = by_round.first().reindex(range(first, last + 1)).to_numpy(dtype=np.float64)
    return table, signal


def _longest(whole: np.ndarray) -> tuple[int, int]:
    """Start and end of the longest run of true values; the first of several."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], whole, [False]])))
    starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return 0, 0
    best = int(np.argmax(ends - starts))
    return int(starts[best]), int(ends[best])


def _constant(path: Path, name: Any, part: pd.DataFrame, column: str) -> Any:
    """The one value of a column in a game, None without a column."""
    if not column:
        return None
    values = part[column].unique()
    if len(values) > 1:
        raise InputError(path, f"game {name}: column {column!r} has {values[0]} and {values[1]}", "one value per game")
    return values[0]


def _reason(game: Game, min_rounds: int) -> str:
    """Why a game has no criteria, empty if it has."""
    rounds, agents = game.guesses.shape
    if agents < 2:
        return "one agent"
    if rounds < min_rounds:
        return f"fewer than {min_rounds} whole rounds in a row"
    if (game.guesses == game.guesses[0]).all():
        return "no agent ever changes its value"
    if len(game.signal) and not game.signal.any():
        return "the signal is always 0"
    return ""

"""Steps that test games: against shuffles of their own guesses, and against simulated groups without coordination."""

import logging
from collections import Counter
from pathlib import Path
from typing import Literal

from raw2fig.errors import InputError
from raw2fig.papers.coordination.games import MIN_ROUNDS, Game, read_series, usable
from raw2fig.papers.coordination.group_tests import MAIN, against_nulls
from raw2fig.papers.coordination.nulls import BLOCK
from raw2fig.papers.coordination.rule_agents import HIGH, LOW
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_table


@step
def criteria(
    *,
    series: Input,
    table: Output,
    nulls: tuple[Literal["row", "column", "block"], ...] = ("row", "column"),
    variants: tuple[str, ...] = (MAIN,),
    surrogates: int = 200,
    groups: int = 0,
    block: int = BLOCK,
    workers: int = 1,
    seed: int = 0,
) -> None:
    """Criteria of every game against shuffles of its guesses: observed, null median, p, per null and variant.

    Parameters
    ----------
    series
        Games, as the step series writes them; those that are not usable are left out.
    table
        A row per game, null, variant and criterion.
    nulls
        row: identities lost. column: circular shifts, alignment between agents lost. block: the same by blocks.
    variants
        main, or changed settings such as bins=3, redundancy=mmi, estimator=miller_madow, lag=2, detrend=yes, several of
        them joined by commas.
    surrogates
        Shuffles of each game and null.
    groups
        Usable games of each model and condition that are tested, the first ones; 0: all.
    block
        Rounds of a block, for the null block.
    """
    write_table(against_nulls(_games(series, groups), nulls, variants, surrogates, seed, workers, block), table)


@step
def functional_null(
    *,
    series: Input,
    table: Output,
    nulls: tuple[Literal["sync", "matched"], ...] = ("sync", "matched"),
    variants: tuple[str, ...] = (MAIN,),
    surrogates: int = 200,
    groups: int = 0,
    low: float = LOW,
    high: float = HIGH,
    workers: int = 1,
    seed: int = 0,
) -> None:
    """Criteria of every game against simulated groups that react to the shared feedback without coordinating.

    Parameters
    ----------
    series
        Games, as the step series writes them, each with its target; those that are not usable are left out.
    table
        A row per game, null, variant and criterion, as of the step criteria.
    nulls
        sync: one step-halving search for all agents. matched: each agent with start, step size, step noise, inaction
        and obedience of one agent of the game.
    variants
        main, or changed settings as in the step criteria.
    surrogates
        Simulated groups of each game and null that last as many rounds as it.
    groups
        Usable games of each model and condition that are tested, the first ones; 0: all.
    low
        Least guess that the agents could make.
    high
        Largest guess that the agents could make.
    """
    found = against_nulls(_games(series, groups), nulls, variants, surrogates, seed, workers, low=low, high=high)
    few = found[found["surrogates"] < surrogates].drop_duplicates(["game", "condition", "model", "null"])
    if len(few):
        logging.warning("%d tests have fewer simulated groups than asked: games of that length are rare", len(few))
    write_table(found, table)


def _games(path: Path, groups: int) -> list[Game]:
    games = usable(read_series(path))
    if not games:
        raise InputError(path, "no usable game", f"games of at least {MIN_ROUNDS} rounds and 2 agents")
    if groups:
        taken: Counter[tuple[str, str]] = Counter()
        chosen = []
        for one in games:
            taken[one.model, one.condition] += 1
            if taken[one.model, one.condition] <= groups:
                chosen.append(one)
        games = chosen
    logging.info("%d games", len(games))
    return games

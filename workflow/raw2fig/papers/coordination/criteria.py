"""Steps that test games: against shuffles of their own guesses, and against simulated groups without coordination."""

import logging
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import model_validator

from raw2fig.errors import InputError
from raw2fig.papers.coordination.group_tests import Surrogates, Variant, against_nulls
from raw2fig.papers.coordination.logs import MIN_ROUNDS, Game, read_series, usable
from raw2fig.settings import Field, Record, Seed, impossible
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table

Groups = Annotated[int, Field(ge=0, le=1_000_000)]


class Shuffles(Record):
    """Tests of groups against shuffles of their own guesses."""

    nulls: list[Literal["row", "column", "block"]] = Field(
        min_length=1,
        description="Null models. row: identities are lost; column: the series of each agent is shifted in a circle, "
        "alignment between agents is lost; block: the same by blocks of rounds.",
    )
    variants: list[Variant] = Field(
        min_length=1,
        description="main, or changed settings such as bins=3, redundancy=mmi, estimator=miller_madow, lag=2, "
        "detrend=yes, several of them joined by commas.",
    )
    surrogates: Surrogates = Field(description="Number of shuffles of each game and null model.")
    groups: Groups = Field(
        description="Usable games of each model and condition that are tested in a replicate, the first ones; 0: all."
    )
    block: int = Field(ge=1, le=100_000, description="Number of rounds in a block, for the null model block.")


class Functional(Record):
    """Tests of groups against simulated groups that react to the shared feedback without coordination."""

    nulls: list[Literal["sync", "matched"]] = Field(
        min_length=1,
        description="Null models. sync: all agents follow one step-halving search; matched: each agent has the start, "
        "step size, step noise, inaction and obedience of one agent of the game.",
    )
    variants: list[Variant] = Field(min_length=1, description="main, or changed settings as in the step criteria.")
    surrogates: Surrogates = Field(
        description="Number of simulated groups of each game and null model; they last as many rounds as the game."
    )
    groups: Groups = Field(
        description="Usable games of each model and condition that are tested in a replicate, the first ones; 0: all."
    )
    low: float = Field(description="Least guess that an agent can make.")
    high: float = Field(description="Largest guess that an agent can make.")

    @model_validator(mode="after")
    def _range(self) -> Any:
        if self.low >= self.high:
            raise impossible("low", f"is {self.low:g}", f"less than high, which is {self.high:g}")
        return self


@step
def criteria(
    *,
    series: Input,
    table: Output,
    shuffles: Annotated[Shuffles, At("tests.shuffles")],
    replicate: Seed,
    workers: int = 1,
) -> None:
    """Measure the criteria of every game against shuffles of its guesses: observed, null median and p, for each null
    model and variant.

    Parameters
    ----------
    series
        Games, as the step series writes them. Games that are not usable are left out.
    table
        A row for each game, null model, variant and criterion.
    workers
        Number of processes that test games at the same time.
    """
    tested = _games(series, shuffles.groups)
    given = shuffles.model_dump(include={"nulls", "variants", "surrogates", "block"})
    found = against_nulls(tested, seed=replicate, workers=workers, **given)
    write_table(found.assign(replicate=replicate), table)


@step
def functional_null(
    *,
    series: Input,
    table: Output,
    functional: Annotated[Functional, At("tests.functional")],
    replicate: Seed,
    workers: int = 1,
) -> None:
    """Measure the criteria of every game against simulated groups that react to the shared feedback without
    coordination.

    Parameters
    ----------
    series
        Games, as the step series writes them, each with its target. Games that are not usable are left out.
    table
        A row for each game, null model, variant and criterion, as in the step criteria.
    workers
        Number of processes that test games at the same time.
    """
    tested = _games(series, functional.groups)
    given = functional.model_dump(exclude={"groups"})
    found = against_nulls(tested, seed=replicate, workers=workers, **given)
    few = found[found["surrogates"] < functional.surrogates].drop_duplicates(["game", "condition", "model", "null"])
    if len(few):
        logging.warning("%d tests have fewer simulated groups than asked: games of that length are rare", len(few))
    write_table(found.assign(replicate=replicate), table)


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

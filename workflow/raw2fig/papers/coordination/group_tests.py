"""Criteria of each game against its null models: observed, median of the null, difference, p.

Random numbers of a game and a null model belong to their names: results do not depend on the order of games, on which
others are there, or on the number of processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import numpy as np
from pydantic import AfterValidator

from raw2fig.errors import InputError
from raw2fig.papers.coordination.logs import Game
from raw2fig.papers.coordination.measures import Measured, Options, measure, summarise
from raw2fig.papers.coordination.nulls import (
    BLOCK,
    FUNCTIONAL,
    LEAST_NULL,
    SHUFFLES,
    functional,
    generator,
    p_value,
    shuffle,
)
from raw2fig.papers.coordination.rule_agents import HIGH, LOW
from raw2fig.settings import Field, impossible
from raw2fig.step import progress
from raw2fig.workers import in_processes

if TYPE_CHECKING:
    import pandas as pd

MAIN = "main"
LEVEL = 0.05
MOST_SURROGATES = 100_000
MOST_PAIRS = 50_000_000
"""Surrogates times pairs of agents: each is a number, 400 MB in all, for every criterion of pairs."""
AT_ONCE = 4_000_000
"""Guesses of a game's surrogates that are in memory at once: 32 MB."""
LABELS = ("game", "condition", "model", "rounds", "agents", "null", "variant", "criterion")
NUMBERS = ("observed", "null_median", "bias_corrected", "p", "share", "surrogates")


def parse_variant(text: str) -> Options:
    """`main` for the defaults, else settings of `Options` such as `bins=3` or `bins=3,redundancy=mmi,detrend=yes`.

    Raises `InputError` for an unknown setting or value.
    """
    if text == MAIN:
        return Options()
    chosen: dict[str, Any] = {}
    hints = get_type_hints(Options)
    for item in text.split(","):
        key, _, value = item.partition("=")
        if key not in hints:
            raise InputError("variants", f"no setting {key!r}", f"{MAIN}, or settings such as {', '.join(hints)}=...")
        allowed = {"yes": True, "no": False} if hints[key] is bool else {name: name for name in get_args(hints[key])}
        if not allowed:
            allowed = {str(number): number for number in range(1, 10)}
        if value not in allowed:
            raise InputError("variants", f"{key} is {value!r}", f"one of {', '.join(allowed)}")
        chosen[key] = allowed[value]
    return Options(**chosen)


def _known(text: str) -> str:
    try:
        parse_variant(text)
    except InputError as error:
        _, _, rest = str(error).partition(": ")
        problem, _, expected = rest.partition("; expected ")
        raise impossible("", f"is {text!r}: {problem}", expected) from None
    return text


Variant = Annotated[str, AfterValidator(_known)]
"""A variant in the configuration."""
Surrogates = Annotated[int, Field(ge=LEAST_NULL, le=100_000)]
"""Number of surrogates of a group and null model: with fewer than the least no test can reject."""


def against_nulls(
    games: Sequence[Game],
    nulls: Sequence[str],
    variants: Sequence[str] = (MAIN,),
    surrogates: int = 200,
    seed: int = 0,
    workers: int = 1,
    block: int = BLOCK,
    low: float = LOW,
    high: float = HIGH,
) -> pd.DataFrame:
    """A row per game, null model, variant and criterion with the columns of `LABELS` and `NUMBERS`.

    `share` is that of pairs (capacity) or triples (i3, g3) that are significant by themselves, NaN elsewhere;
    `surrogates` how many there were: fewer than asked where few simulated groups last as long as the game. Raises
    `InputError` for an unknown null, too few or too many surrogates, guesses outside `low` to `high` under a functional
    null, and a functional null of games without target and signal.
    """
    import pandas as pd

    unknown = [null for null in nulls if null not in (*SHUFFLES, *FUNCTIONAL)]
    if unknown:
        raise InputError("nulls", f"no null model {unknown[0]!r}", f"some of {', '.join((*SHUFFLES, *FUNCTIONAL))}")
    if surrogates < LEAST_NULL:
        raise InputError("surrogates", f"is {surrogates}", f"at least {LEAST_NULL}")
    agents = max((game.guesses.shape[1] for game in games), default=0)
    most = min(MOST_SURROGATES, MOST_PAIRS // max(1, agents * (agents - 1) // 2))
    if surrogates > most:
        raise InputError("surrogates", f"is {surrogates} for groups of up to {agents} agents", f"at most {most}")
    if any(null in FUNCTIONAL for null in nulls):
        _check_playable(games, low, high)
    options = {name: parse_variant(name) for name in variants}
    one = partial(_test, nulls=nulls, options=options, n=surrogates, seed=seed, block=block, low=low, high=high)
    rows = [row for found in progress(in_processes(one, games, workers), "groups", len(games)) for row in found]
    return pd.DataFrame(rows, columns=[*LABELS, *NUMBERS])


def _test(
    game: Game,
    nulls: Sequence[str],
    options: Mapping[str, Options],
    n: int,
    seed: int,
    block: int,
    low: float,
    high: float,
) -> list[tuple[Any, ...]]:
    """Rows of one game."""
    rows: list[tuple[Any, ...]] = []
    rounds, agents = game.guesses.shape
    for null in nulls:
        rng = generator(seed, game.model, game.condition, game.game, null)
        signal = game.signal if len(game.signal) else None
        parts: dict[str, list[Measured]] = {variant: [] for variant in options}
        known = game.guesses[None]  # measured with the first surrogates
        for wanted in _parts(n, max(1, AT_ONCE // game.guesses.size), f"game {game.game}, null {null}"):
            if null in SHUFFLES:
                made = shuffle(null, game.guesses, wanted, rng, block)
            else:
                made = functional(null, game.guesses, game.target, wanted, rng, low, high, signal)
            for variant, chosen in options.items():
                parts[variant].append(measure(np.concatenate([known, made]), chosen))
            known = known[:0]
        for variant, found in parts.items():
            measured = Measured(*(np.concatenate(item, axis=-1) for item in zip(*found, strict=True)))
            labels = (game.game, game.condition, game.model, rounds, agents, null, variant)
            rows += [(*labels, *row) for row in _rows(measured, measured.h_macro.shape[-1] - 1)]
    return rows


def _parts(n: int, at_once: int, what: str) -> Iterable[int]:
    """`n` as a sum of numbers of at most `at_once`; with progress where there are several."""
    sizes = [min(at_once, n - start) for start in range(0, n, at_once)]
    return progress(sizes, what) if len(sizes) > 1 else sizes


def _rows(measured: Measured, made: int) -> list[tuple[Any, ...]]:
    """criterion and `NUMBERS` of a game (first) and its surrogates (the others)."""
    shares = {
        "capacity": _share(measured.synergy),
        "i3": _share(measured.i3),
        "g3": _share(measured.g3),
    }
    rows = []
    for criterion, values in summarise(measured).items():
        observed, null = float(values[0]), values[1:]
        middle = float(np.median(null)) if len(null) else np.nan
        p = float(p_value(values[0], null))
        rows.append((criterion, observed, middle, observed - middle, p, shares.get(criterion, np.nan), made))
    return rows


def _share(values: np.ndarray) -> float:
    """Share of pairs or triples (n, 1 + surrogates) that are significant by themselves."""
    if not len(values) or values.shape[1] == 1:
        return float("nan")
    return float((p_value(values[:, 0], values[:, 1:].T) <= LEVEL).mean())


def _check_playable(games: Sequence[Game], low: float, high: float) -> None:
    if low >= high:
        raise InputError("low", f"is {low:g}", f"less than high, which is {high:g}")
    for game in games:
        if np.isnan(game.target) and not len(game.signal):
            raise InputError(f"game {game.game}", "has neither target nor signal", "one of them, for functional nulls")
        least, most = game.guesses.min(), game.guesses.max()
        if least < low or most > high:
            found = f"has guesses from {least:g} to {most:g}"
            raise InputError(f"game {game.game}", found, f"guesses of {low:g} to {high:g} (flags --low and --high)")

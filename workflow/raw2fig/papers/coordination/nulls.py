"""Null models: what a group's criteria would be without coordination.

Shuffles act on the guesses (rounds, agents) of one game, before any binning. Row: in every round the guesses are dealt
anew to the agents; who is who is lost, the group's error stays. Column: every agent's own series is moved in time by an
amount of its own; alignment between agents is lost. Functional: groups of agents that react to the shared feedback by
themselves, `sync` all by the same step-halving search, `matched` each with the start, step size, step noise, inaction
and obedience of one agent of the game. What beats the column null but not the functional ones is shared reaction, not
coordination.
"""

import zlib
from collections.abc import Callable

import numpy as np

from raw2fig.papers.coordination.rule_agents import (
    FIRST_STEP,
    HIGH,
    LOW,
    MIDDLE,
    Draws,
    Rule,
    Traits,
    drawing,
    draws_of,
    simulate,
)

SHUFFLES = ("row", "column", "block")
FUNCTIONAL = ("sync", "matched")
BLOCK = 4
"""Rounds of a block that is moved as a whole."""
LEAST_NULL = 19
"""Fewer simulated groups than this cannot reject at .05: there is then no test."""
ATTEMPTS = 12
"""Times the wanted number of groups that are simulated at most to find enough that last as long as the game."""


def generator(seed: int, *names: object) -> np.random.Generator:
    """A generator that belongs to these names: the same in whatever order, process or company a game is worked on."""
    return np.random.default_rng([seed, *(zlib.crc32(str(name).encode()) for name in names)])


def shuffle(null: str, guesses: np.ndarray, n: int, rng: np.random.Generator, block: int = BLOCK) -> np.ndarray:
    """`n` surrogates (n, rounds, agents) of a game (rounds, agents), `null` being one of `SHUFFLES`."""
    rounds, agents = guesses.shape
    if null == "row":
        return rng.permuted(np.broadcast_to(guesses, (n, rounds, agents)), axis=2)
    if null == "column":
        order = (np.arange(rounds)[None, :, None] - rng.integers(rounds, size=(n, 1, agents))) % rounds
    else:
        # blocks of an agent in random order; a stable sort keeps the rounds within each
        key = np.repeat(rng.random((n, -(-rounds // block), agents)), block, axis=1)[:, :rounds]
        order = np.argsort(key, axis=1, kind="stable")
    return guesses[order, np.arange(agents)]


def functional(
    null: str,
    guesses: np.ndarray,
    target: float,
    n: int,
    rng: np.random.Generator,
    low: float = LOW,
    high: float = HIGH,
    feedback: np.ndarray | None = None,
) -> np.ndarray:
    """Up to `n` simulated groups (n, rounds, agents) of the size of a game (rounds, agents), played for the same
    target, `null` being one of `FUNCTIONAL`.

    Where real games end with the target, so do simulated ones, and only those count that last as many rounds as this
    one; fewer than `n` are returned where these are rare. Games of other than whole numbers, and those that went on
    after a round on the target, do not end. `low` and `high` are the range of the guesses, which is mapped to that of
    the rule agents. With `feedback` (rounds,), +1 or -1 as the group was told after each round, the simulated agents
    are told the same; no target is needed then, and every game lasts.
    """
    rounds, agents = guesses.shape
    scale = (HIGH - LOW) / (high - low)
    mapped = (guesses - low) * scale + LOW
    aim = round((target - agents * low) * scale + agents * LOW) if feedback is None else 0
    signal = signs(mapped.sum(axis=1) - aim if feedback is None else feedback)
    own = habits(mapped, signal) if null == "matched" else Traits()
    ends = bool((guesses % 1 == 0).all()) and (guesses[:-1].sum(axis=1) != target).all()
    found: list[np.ndarray] = []
    wanted = n
    for _ in range(ATTEMPTS):
        draw = drawing(rng, agents) if null == "sync" else _from_own_start(rng, agents)
        rule: Rule = "sync" if null == "sync" else "persona"
        given = None if feedback is None else signal
        played = simulate(rule, np.full(n, aim), own, rounds, agents, draw, given, ends)
        # a game that ends with this very round counts: so may the real one
        found.append(played.guesses[played.rounds == rounds][:wanted])
        wanted -= len(found[-1])
        if not wanted:
            break
    return np.concatenate(found)


def habits(guesses: np.ndarray, signal: np.ndarray) -> Traits:
    """Traits (agents,) of rule agents that start, pause and step as those of a game (rounds, agents) on the rule's
    scale that got the `signal` +1 or -1 after each round.

    Inaction is the share of rounds without a step; scale the median of the steps relative to the halving step of the
    rule, noise their standard deviation relative to it, and contrary the share of steps with the feedback.
    """
    moves = -np.diff(guesses, axis=0) * signal[:-1, None]
    rule_step = np.maximum(FIRST_STEP * 0.5 ** np.arange(len(moves)), 1)
    scale, noise, contrary = np.ones(guesses.shape[1]), np.zeros(guesses.shape[1]), np.zeros(guesses.shape[1])
    for agent, own in enumerate(moves.T):
        steps = own != 0
        if steps.any():
            ratio = np.abs(own[steps]) / rule_step[steps]
            scale[agent] = np.median(ratio)
            noise[agent] = min(1.0, float(np.std(ratio / scale[agent])))
            contrary[agent] = (own[steps] < 0).mean()
    return Traits(guesses[0] - MIDDLE, scale, (moves == 0).mean(axis=0), noise, contrary)


def p_value(observed: np.ndarray, null: np.ndarray) -> np.ndarray:
    """(1 + #{null >= observed}) / (1 + B): `null` (B, ...) against `observed` (...); NaN where either is, or B is below
    `LEAST_NULL`. Values that differ by rounding only are equal: an all-tied null gives 1."""
    reached = (null >= observed - 1e-9).sum(axis=0)
    p = (1 + reached) / (1 + len(null))
    return np.where(np.isnan(observed) | (len(null) < LEAST_NULL), np.nan, p)


def signs(feedback: np.ndarray) -> np.ndarray:
    """Signs +1 or -1 of feedback (rounds,): a zero takes the sign before it, a leading one the first (or +1)."""
    found = np.sign(feedback.astype(np.float64))
    there = np.flatnonzero(found)
    if not len(there):
        return np.ones_like(found)
    last = np.maximum.accumulate(np.where(found != 0, np.arange(len(found)), -1))
    return found[np.where(last < 0, there[0], last)]


def _from_own_start(rng: np.random.Generator, agents: int) -> Callable[[int, np.ndarray], Draws]:
    """Draws of agents that start exactly where their traits say."""
    return lambda _, games: draws_of(rng, (len(games), agents))._replace(start=0.0)

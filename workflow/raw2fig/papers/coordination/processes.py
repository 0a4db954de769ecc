"""Groups with known truth, for the calibration of the tests: independent, synchronised, or coordinated by construction.

Each process makes many games of one length at once: (games, rounds, agents), and the games' targets.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from raw2fig.papers.coordination.rule_agents import (
    RULES,
    TARGETS,
    Rule,
    drawing,
    simulate,
    traits_of,
)


class Process(NamedTuple):
    """How its games are made, what is true of them, and which criteria it plants (under the column null).

    `triples` are those that the coalition is measured on; all of them without an entry.
    """

    make: Callable[[int, int, int, np.random.Generator], np.ndarray]
    truth: str
    planted: tuple[str, ...] = ()
    triples: tuple[tuple[int, int, int], ...] = ()


class Games(NamedTuple):
    """Guesses (games, rounds, agents) and targets (games,)."""

    guesses: np.ndarray
    targets: np.ndarray


def independent(games: int, rounds: int, agents: int, rng: np.random.Generator) -> np.ndarray:
    """Uniform guesses, without memory."""
    return rng.integers(0, 51, (games, rounds, agents)).astype(np.float64)


def identity(games: int, rounds: int, agents: int, rng: np.random.Generator) -> np.ndarray:
    """Every agent about a level of its own (standard deviation 2, that of the noise 1)."""
    return 2 * rng.standard_normal((games, 1, agents)) + rng.standard_normal((games, rounds, agents))


def autoregressive(games: int, rounds: int, agents: int, rng: np.random.Generator, phi: float = 0.7) -> np.ndarray:
    """Every agent a stationary AR(1) series, all with one coefficient."""
    return _ar(rng.standard_normal((games, rounds, agents)), phi)


def own_autoregressive(games: int, rounds: int, agents: int, rng: np.random.Generator) -> np.ndarray:
    """Every agent an AR(1) series with a coefficient of -0.8 to 0.8 and a level of its own."""
    noise, phi = rng.standard_normal((games, rounds, agents)), rng.uniform(-0.8, 0.8, (games, agents))
    series = np.empty_like(noise)
    series[:, 0] = noise[:, 0] / np.sqrt(1 - phi**2)
    for t in range(1, rounds):
        series[:, t] = phi * series[:, t - 1] + noise[:, t]
    return series + 2 * rng.standard_normal((games, 1, agents))


def driven(games: int, rounds: int, agents: int, rng: np.random.Generator) -> np.ndarray:
    """All agents follow one AR(1) driver, each with noise of its own as large as the driver."""
    driver = _ar(rng.standard_normal((games, rounds, 1)), 0.7)
    return driver / driver.std() + rng.standard_normal((games, rounds, agents))


def flipping(games: int, rounds: int, agents: int, rng: np.random.Generator, noise: float = 0.12) -> np.ndarray:
    """Two-sided agents that a common coin flips or does not flip in each round, and rare noise each by itself: any two
    of them together, and no one alone, say what comes next."""
    coin, error = rng.random((games, rounds, 1)) < 0.5, rng.random((games, rounds, agents)) < noise
    start = rng.random((games, 1, agents)) < 0.5
    sides = start ^ (np.cumsum(coin ^ error, axis=1) % 2).astype(bool)
    return sides + 0.1 * rng.random((games, rounds, agents))


def correcting(games: int, rounds: int, agents: int, rng: np.random.Generator) -> np.ndarray:
    """In each round one agent, drawn anew, makes up for the group's error; the others stay about where they are."""
    series = np.empty((games, rounds, agents))
    series[:, 0] = rng.standard_normal((games, agents))
    every = np.arange(games)
    for t in range(1, rounds):
        series[:, t] = series[:, t - 1] + 0.3 * rng.standard_normal((games, agents))
        series[every, t, rng.integers(agents, size=games)] -= series[:, t - 1].sum(axis=1)
    return series


def steered(games: int, rounds: int, agents: int, rng: np.random.Generator) -> np.ndarray:
    """The sum of the group persists (AR 0.9) while its parts are noise: only the whole says what the whole will be."""
    macro = _ar(rng.standard_normal((games, rounds, 1)), 0.9)
    parts = 3 * rng.standard_normal((games, rounds, agents))
    return parts - parts.mean(axis=2, keepdims=True) + macro / agents


def parity(games: int, rounds: int, agents: int, rng: np.random.Generator) -> np.ndarray:
    """The sum of the group is high after rounds in which an odd number of the first three agents were high, else low;
    the last agent brings it about. No two of the three say anything about it."""
    series = rng.standard_normal((games, rounds, agents))
    odd = (series[..., :3] > 0).sum(axis=2) % 2 == 1
    series[:, 1:, -1] = np.where(odd[:, :-1], 6, -6) * np.sqrt(agents) / 3 + series[:, 1:, -1]
    return series


def _ar(noise: np.ndarray, phi: float) -> np.ndarray:
    """Stationary AR(1) series along axis 1 from unit noise."""
    from scipy.signal import lfilter

    started = noise.copy()
    started[:, 0] /= np.sqrt(1 - phi**2)
    return lfilter([1.0], [1.0, -phi], started, axis=1)


PROCESSES: dict[str, Process] = {
    "iid": Process(independent, "independent"),
    "identity": Process(identity, "independent"),
    "ar": Process(autoregressive, "independent"),
    "ar_own": Process(own_autoregressive, "independent"),
    "driver": Process(driven, "synchronised"),
    "flip": Process(flipping, "coordinated", ("capacity",)),
    "correct": Process(correcting, "coordinated", ("s_macro",)),
    "steered": Process(steered, "coordinated", ("s_macro",)),
    "parity": Process(parity, "coordinated", ("i3", "g3"), ((0, 1, 2),)),
}
"""By name; the rules of `rule_agents` are processes too (`make`)."""


def make(name: str, games: int, rounds: int, agents: int, rng: np.random.Generator) -> Games:
    """Games of the process or rule `name`, all of `rounds` rounds: of rule agents, those that last so long."""
    if name in PROCESSES:
        guesses = PROCESSES[name].make(games, rounds, agents, rng)
        return Games(guesses, np.zeros(games))
    found: list[Games] = []
    while sum(len(part.targets) for part in found) < games:
        found.append(_play(next(rule for rule in RULES if rule == name), games, rounds, agents, rng))
    return Games(*(np.concatenate(item)[:games] for item in zip(*found, strict=True)))


def _play(rule: Rule, games: int, rounds: int, agents: int, rng: np.random.Generator) -> Games:
    """Games of agents of one rule with drawn targets and personas that last `rounds` rounds."""
    targets = rng.integers(TARGETS[0], TARGETS[1] + 1, games)
    traits = traits_of(rng.standard_normal((2, games, agents)))
    played = simulate(rule, targets, traits, rounds, agents, drawing(rng, agents))
    lasting = played.rounds == rounds
    return Games(played.guesses[lasting].astype(np.float64), targets[lasting].astype(np.float64))

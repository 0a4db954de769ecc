"""The criteria of a group: emergence capacity, practical criterion, coalition (I3, G3), Total Stability.

All of a game's surrogates are measured at once. A raw value proves nothing: capacity is above 0 and the practical
criterion far below it for independent agents too; only the excess over a null model (`nulls`) may be interpreted.
"""

from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.coordination.information import (
    Estimator,
    Redundancy,
    decompose,
    entropy,
    estimate_information,
    smoothing,
)
from raw2fig.papers.coordination.symbols import count, discretise, joint, words

NAMES = {"capacity": "emergence capacity", "s_macro": "practical criterion", "i3": "I3", "g3": "G3"}
"""What figures and pages call the criteria that are tested; the others are sensitivities of these."""
CRITERIA = tuple(NAMES)
CELLS = 100_000
"""Cells of the tables that are counted at once: this bounds the memory and keeps it near the processor."""
TRIPLES = 500
"""A larger group's triples are a sample of so many, the same in every game of that size."""


class Options(NamedTuple):
    """How guesses become information; the defaults are the main analysis, the rest are sensitivities.

    The correction of Miller and Madow is one of informations, not of atoms: with it capacity and redundancy are
    plug-in.
    """

    bins: int = 2
    lag: int = 1
    estimator: Estimator = "jeffreys"
    redundancy: Redundancy = "imin"
    detrend: bool = False


DEFAULTS = Options()


class Measured(NamedTuple):
    """Information in bits, of each pair, triple and agent (leading axis) in each surrogate (last axis).

    V is the group's error; `h_macro` is H(V_{t+l}), `i_macro` I(V_t; V_{t+l}), `i_agents` I(X_{k,t}; V_{t+l}).
    """

    synergy: np.ndarray
    redundancy: np.ndarray
    i3: np.ndarray
    g3: np.ndarray
    i_agents: np.ndarray
    i_macro: np.ndarray
    h_macro: np.ndarray


def measure(guesses: np.ndarray, options: Options = DEFAULTS, triples: np.ndarray | None = None) -> Measured:
    """Measure games (surrogates, rounds, agents), which have the same target: V is the sum of the guesses less a
    constant, and constants change no symbol.

    `triples` (n, 3) replaces all triples of agents. Raises `InputError` for fewer than 3 transitions, bins below 2 and
    a lag below 1. The capacity of a single agent and the coalition of fewer than three are empty (NaN in `summarise`).
    """
    games, rounds, agents = guesses.shape
    if options.bins < 2 or options.lag < 1:
        raise InputError("options", f"bins {options.bins}, lag {options.lag}", "2 bins or more, and a lag of 1 or more")
    if rounds - options.lag < 3:
        raise InputError("game", f"has {rounds} rounds", f"at least {options.lag + 3}, for 3 transitions")
    pairs = np.array(list(combinations(range(agents), 2)), dtype=np.int64).reshape(-1, 2)
    triples = triples_of(agents) if triples is None else triples
    per_game = max(len(pairs) * options.bins**4, len(triples) * options.bins**4, 1)
    block = max(1, CELLS // per_game)
    parts = [_measure(guesses[start : start + block], options, pairs, triples) for start in range(0, games, block)]
    return Measured(*(np.concatenate(item, axis=-1) for item in zip(*parts, strict=True)))


def _measure(guesses: np.ndarray, options: Options, pairs: np.ndarray, triples: np.ndarray) -> Measured:
    """`measure` of a block of surrogates."""
    series = np.ascontiguousarray(guesses.transpose(2, 0, 1), dtype=np.float64)
    if options.detrend:
        series = detrend(series)
    bins, lag, estimator = options.bins, options.lag, options.estimator
    alpha = smoothing(estimator)
    symbols, macro = discretise(series, bins), discretise(series.sum(axis=0), bins)
    past, future = words(symbols[..., :-lag], bins), words(symbols[..., lag:], bins)
    macro_past, macro_next = words(macro[..., :-lag], bins), words(macro[..., lag:], bins)
    first, second = pairs.T
    sources = joint(past[:, :, first], past[:, :, second])
    tables = count(sources, joint(future[:, :, first], future[:, :, second]))
    atoms = decompose(tables.reshape(bins, bins, *tables.shape[1:]) + alpha, options.redundancy)
    # what the pairs of a triple say about V comes from the triple's smoothed table: its marginal, which is that of the
    # pair with the smoothing of all symbols of the third agent
    about_macro = estimate_information(count(sources, macro_next[:, :, None]), estimator, alpha * bins)
    of_pair = np.zeros((len(symbols), len(symbols)), dtype=np.int64)
    of_pair[first, second] = np.arange(len(pairs))
    a, b, c = triples.T
    coalition = joint(sources[:, :, of_pair[a, b]], past[:, :, c])
    i3 = estimate_information(count(coalition, macro_next[:, :, None]), estimator)
    best = [about_macro[of_pair[pair]] for pair in ((a, b), (a, c), (b, c))]
    return Measured(
        atoms.synergy,
        atoms.redundancy,
        i3,
        i3 - np.maximum(np.maximum(*best[:2]), best[2]),
        estimate_information(count(past, macro_next[:, :, None]), estimator),
        estimate_information(count(macro_past, macro_next), estimator),
        entropy(np.bitwise_count(macro_next).sum(axis=1) + alpha),
    )


def summarise(measured: Measured) -> dict[str, np.ndarray]:
    """One value of each criterion per surrogate, shape (surrogates,), NaN where the group is too small.

    capacity: median synergy over pairs about their joint future. s_macro: I(V; V') less the sum of what each agent
    alone says about V' (s_macro_max: less the most that one says). i3 and g3: median over triples of their information
    about V', and of its excess over the best pair of the triple. stability: i3 / H(V). redundancy: median over pairs.
    """
    found: dict[str, np.ndarray] = {}
    for name, values in (("capacity", measured.synergy), ("i3", measured.i3), ("g3", measured.g3)):
        for suffix, function in (("", np.median), ("_mean", np.mean), ("_max", np.max)):
            found[name + suffix] = _over(function, values)
    found["s_macro"] = measured.i_macro - measured.i_agents.sum(axis=0)
    found["s_macro_max"] = measured.i_macro - measured.i_agents.max(axis=0)
    found["redundancy"] = _over(np.median, measured.redundancy)
    positive = measured.h_macro > 0
    found["stability"] = np.where(positive, found["i3"] / np.where(positive, measured.h_macro, 1), 0.0)
    return found


def detrend(series: np.ndarray) -> np.ndarray:
    """Residuals of series (..., rounds) after a straight line in the round: the time-trend null of the paper."""
    time = np.arange(series.shape[-1]) - (series.shape[-1] - 1) / 2
    centred = series - series.mean(axis=-1, keepdims=True)
    # residuals equal but for rounding must be equal: they are compared with quantiles of one another
    return np.round(centred - (centred @ time / (time @ time))[..., None] * time, 9)


def triples_of(agents: int) -> np.ndarray:
    """All triples of agents (n, 3), or `TRIPLES` of them drawn without replacement."""
    everything = np.array(list(combinations(range(agents), 3)), dtype=np.int64).reshape(-1, 3)
    if len(everything) <= TRIPLES:
        return everything
    return everything[np.sort(np.random.default_rng(agents).choice(len(everything), TRIPLES, replace=False))]


def _over(function: Callable[..., np.ndarray], values: np.ndarray) -> np.ndarray:
    """`function` over the first axis, NaN where that is empty."""
    return function(values, axis=0) if len(values) else np.full(values.shape[1:], np.nan)

"""Do agents differ from one another in a stable way? Nested mixed models in closed form, and a variant that withstands
autocorrelation.

m0: a level for each round. m1: besides, a random intercept for each agent. m2: besides, a random slope in the round.
All agents have all rounds, so that the restricted likelihood (REML) of all three is that of a few independent
variances. Both tests take their residuals for white noise: with autocorrelated guesses they find differences where
there are none, and only the prewhitened tests and the permutation test may then be read.

Nor is a stable difference an identity: agents that all follow one rule and only carry on a chance difference of their
starts are told apart by every test here, the robust ones too.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.coordination.group_tests import LEVEL
from raw2fig.papers.coordination.logs import Game, read_series, usable
from raw2fig.papers.coordination.nulls import generator
from raw2fig.papers.coordination.pooling import share_of
from raw2fig.papers.coordination.results import read_differentiation, samples
from raw2fig.settings import Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_table
from raw2fig.workers import in_processes

LEAST_ROUNDS = 5
"""The variance of m2's noise has rounds - 2 degrees of freedom per agent, and prewhitening costs a round."""
LARGEST_PHI = 0.95
PERMUTATIONS = 999
ENDS = 0.4
"""Share of the rounds at either end that the permutation test compares."""


class Tests(NamedTuple):
    """Likelihood ratios and p of the intercept (m1 against m0) and the slope (m2 against m1).

    `p_intercept` and `p_slope` refer to the mixtures 1/2 chi2_0 + 1/2 chi2_1 and 1/2 chi2_1 + 1/2 chi2_2 of a variance
    at its bound, the naive ones to chi2_1 and chi2_2 as software prints them; `p_f` is the exact F test of the
    intercept.
    """

    lr_intercept: float
    lr_slope: float
    p_intercept: float
    p_slope: float
    p_intercept_naive: float
    p_slope_naive: float
    p_f: float


NOTHING = Tests(0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0)
"""Tests of a game in which nothing is left to explain."""


@step
def differentiation(*, series: Input, table: Output, replicate: Seed, workers: int = 1) -> None:
    """Test in every game whether its agents differ: likelihood-ratio tests, plain and prewhitened, and a permutation
    test.

    Parameters
    ----------
    series
        Games, as the step series writes them. Games that are not usable are left out.
    table
        A row for each game. plain_*: white residuals; robust_*: after AR(1) prewhitening; p_ends: permutation test;
        differentiated and differentiated_robust: intercept or slope with p < .05.
    workers
        Processes that test games at the same time.
    """
    import pandas as pd

    games = usable(read_series(series))
    if not games:
        raise InputError(series, "no usable game", f"games of at least {LEAST_ROUNDS} rounds and 2 agents")
    write_table(pd.DataFrame(in_processes(partial(_row, replicate=replicate), games, workers)), table)


@step
def shares(*, tests: list[Input], shares: Output, trained: list[str] | None = None) -> None:
    """Share of the groups of a condition whose agents differ, by each test.

    Parameters
    ----------
    tests
        Tables of the step differentiation.
    shares
        CSV, a row for each replicate (players that were trained here; all: the games of all replicates), model,
        condition and test (plain, naive, robust, ends): groups, share of differentiated ones, low, high
        (Clopper-Pearson). naive: plain, with the chi-square references that software prints.
    trained
        Players that were trained here, in each replicate.
    """
    import pandas as pd

    found = read_differentiation(tests)
    naive = found[["plain_p_intercept_naive", "plain_p_slope_naive"]].min(axis=1) < LEVEL
    differ = {"plain": found["differentiated"], "naive": naive}
    differ |= {"robust": found["differentiated_robust"], "ends": found["p_ends"] < LEVEL}
    rows = []
    for replicate, sample in samples(found, trained or []):
        for (model, condition), part in sample.groupby(["model", "condition"], sort=True):
            for name, differs in differ.items():
                share = share_of(int(differs[part.index].sum()), len(part))
                row = {"replicate": replicate, "model": model, "condition": condition, "test": name}
                row |= {"groups": len(part), "share": share.value, "low": share.low, "high": share.high}
                rows.append(row)
    write_table(pd.DataFrame(rows), shares)


def _row(game: Game, replicate: int) -> dict[str, Any]:
    rounds, agents = game.guesses.shape
    row: dict[str, Any] = {"replicate": replicate, "game": game.game}
    row |= {"condition": game.condition, "model": game.model}
    row |= {"rounds": rounds, "agents": agents}
    white, phi = prewhiten(game.guesses)
    plain, robust = likelihood_ratios(game.guesses), likelihood_ratios(white)
    for name, tests in (("plain", plain), ("robust", robust)):
        row |= {f"{name}_{key}": value for key, value in tests._asdict().items()}
    rng = generator(replicate, game.model, game.condition, game.game, "ends")
    row |= {"phi": phi, "p_ends": ends_test(game.guesses, rng)}
    return row | {"differentiated": either(plain), "differentiated_robust": either(robust)}


def either(tests: Tests) -> bool:
    """Whether a group counts as differentiated: either test below .05 (two tests: 6 to 8 % of groups that are not)."""
    return bool(min(tests.p_intercept, tests.p_slope) < LEVEL)


def likelihood_ratios(values: np.ndarray) -> Tests:
    """Tests of m1 and m2 on `values` (rounds, agents), REML in closed form.

    Deviations Z from the round means have agents - 1 degrees of freedom in every direction of time. m1 gives the
    constant direction a variance of its own, m2 the plane of constant and slope a free covariance; a variance that
    would be below that of the noise is pooled with it.
    """
    from scipy.stats import chi2
    from scipy.stats import f as f_distribution

    rounds, agents = values.shape
    z = values - values.mean(axis=1, keepdims=True)
    total = float((z**2).sum())
    # rounding of equal guesses is no difference
    if agents < 2 or rounds < LEAST_ROUNDS or total <= 1e-12 * max(1.0, float((values**2).sum())):
        return NOTHING
    time = np.arange(rounds) - (rounds - 1) / 2
    directions = np.stack([np.full(rounds, 1 / np.sqrt(rounds)), time / np.linalg.norm(time)])
    projected = directions @ z
    gram = projected @ projected.T
    m = agents - 1
    noise = (total - gram[0, 0]) / (m * (rounds - 1))
    l0 = _log_likelihood([(total / (m * rounds), m * rounds)])
    l1 = l0
    if gram[0, 0] / m > noise:
        l1 = _log_likelihood([(gram[0, 0] / m, m), (noise, m * (rounds - 1))])
    l2 = _free_covariance(np.linalg.eigvalsh(gram)[::-1], total, m, rounds)
    lr_intercept, lr_slope = max(0.0, 2 * (l1 - l0)), max(0.0, 2 * (l2 - l1))
    return Tests(
        lr_intercept,
        lr_slope,
        # the point mass at 0 reaches an observed 0
        float(0.5 * chi2.sf(lr_intercept, 1)) if lr_intercept > 0 else 1.0,
        float(0.5 * chi2.sf(lr_slope, 1) + 0.5 * chi2.sf(lr_slope, 2)),
        float(chi2.sf(lr_intercept, 1)),
        float(chi2.sf(lr_slope, 2)),
        float(f_distribution.sf(gram[0, 0] / m / noise, m, m * (rounds - 1))) if noise > 0 else 0.0,
    )


def _free_covariance(gram: np.ndarray, total: float, m: int, rounds: int) -> float:
    """Log-likelihood of m2 from the eigenvalues of the Gram matrix of the agents' intercepts and slopes, falling."""
    large, small = gram / m
    noise = (total - gram.sum()) / (m * (rounds - 2))
    if small > noise:
        return _log_likelihood([(large, m), (small, m), (noise, m * (rounds - 2))])
    noise = (total - gram[0]) / (m * (rounds - 1))
    if large > noise:
        return _log_likelihood([(large, m), (noise, m * (rounds - 1))])
    return _log_likelihood([(total / (m * rounds), m * rounds)])


def _log_likelihood(parts: list[tuple[float, int]]) -> float:
    """Log-likelihood of independent normal parts with (maximum-likelihood variance, count)."""
    return sum(-count / 2 * (np.log(2 * np.pi * max(variance, 1e-300)) + 1) for variance, count in parts)


def prewhiten(values: np.ndarray) -> tuple[np.ndarray, float]:
    """W_t = Y_t - phi Y_{t-1} (rounds - 1, agents), and the AR(1) coefficient phi of the deviations from round and
    agent means, pooled over agents and corrected for its bias in short series (Kendall 1954).

    In 20 rounds phi comes out a little too large (0.34 for 0.3, 0.77 for 0.7), which makes the tests conservative. A
    lasting slope is taken for autocorrelation in part: the slope test has little power after prewhitening.
    """
    rounds = len(values)
    z = values - values.mean(axis=1, keepdims=True)
    z = z - z.mean(axis=0)
    below = float((z[:-1] ** 2).sum())
    r = float((z[1:] * z[:-1]).sum()) / below if below > 0 else 0.0
    phi = min(LARGEST_PHI, (r * rounds + 1) / (rounds - 3)) if below > 0 and rounds > 3 else 0.0
    return values[1:] - phi * values[:-1], phi


def ends_test(values: np.ndarray, rng: np.random.Generator, permutations: int = PERMUTATIONS) -> float:
    """p that agents above the others in the first 40 % of the rounds are so in the last 40 % no more than by chance:
    permutation of the agents in the correlation of their mean deviations. Free of distributions.

    Not halves, which touch: with AR(0.7) noise, halves reject in 11 % of groups without differences, these in 5 %.
    """
    z = values - values.mean(axis=1, keepdims=True)
    part = int(ENDS * len(z))
    first, last = z[:part].mean(axis=0), z[-part:].mean(axis=0)
    if np.allclose(first, 0) or np.allclose(last, 0):
        return 1.0
    drawn = rng.permuted(np.broadcast_to(last, (permutations, len(last))), axis=1) @ first
    return float((1 + (drawn >= first @ last - 1e-9).sum()) / (1 + permutations))

"""From cell sentences back to expression: one line through log-expression over log-rank.

C2S-Scale (bioRxiv 10.1101/2025.04.14.648850), "Expression generation from cell sentences" and Supplementary Fig. 9.
Slope, intercept, R2, Pearson and Spearman do not depend on how ties were broken, because a group of tied genes has one
expression value and a fixed set of ranks.
"""

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from raw2fig.errors import InputError
from raw2fig.papers.c2s.reconstruction import ranks_within
from raw2fig.papers.c2s.sentences import rank_genes
from raw2fig.settings import Field, Record, Seed
from raw2fig.stats import RESAMPLES, Estimate
from raw2fig.step import Input, Output, step

if TYPE_CHECKING:
    import pandas as pd


class LineFit(Record):
    """Which pairs of a cell and a gene are fitted, and how many are kept for the figure."""

    max_log_rank: float = Field(
        gt=0, description="Only pairs with log10(1 + rank) below this are fitted; all are judged."
    )
    sample: int = Field(ge=1, description="Number of pairs that are kept for the figure, over both splits.")


class RankFit(NamedTuple):
    """A line y = intercept + slope * log10(1 + rank) and how well it gives the expression of all pairs.

    `zero_rank` is the rank at which the line crosses zero (infinite unless slope < 0); Pearson and Spearman are between
    the expression and the line's.
    """

    slope: float
    intercept: float
    r2: float
    pearson: float
    spearman: float
    pairs: int
    zero_rank: float


class Pairs(NamedTuple):
    """Expressed (cell, gene) pairs in sentence order: row of the cell, log10(1 + 0-based rank), expression."""

    cells: np.ndarray
    log_rank: np.ndarray
    expression: np.ndarray


def rank_pairs(X: csr_matrix, seed: int = 0) -> Pairs:
    """All non-zero pairs of `X` (n_cells x n_genes), ranked within the cell over all genes, ties broken by `seed`."""
    ranked = rank_genes(X, None, seed)
    n_genes = X.shape[1]
    cells = np.repeat(np.arange(X.shape[0]), np.diff(ranked.indptr))
    entries = csr_matrix(X).tocoo()
    place = entries.row.astype(np.int64) * n_genes + entries.col
    order = np.argsort(place, kind="stable")
    found = order[np.searchsorted(place, cells * n_genes + ranked.genes, sorter=order)]
    return Pairs(cells, np.log10(1.0 + ranks_within(ranked)), entries.data[found].astype(np.float64))


def fit_line(pairs: Pairs, max_log_rank: float = 3.0) -> tuple[float, float]:
    """Slope and intercept of ordinary least squares over the pairs with log10(1 + rank) < `max_log_rank`.

    Raises `InputError` when those pairs have fewer than two ranks, or the pairs fewer than two expression values: there
    is no line, or nothing for it to explain.
    """
    near = pairs.log_rank < max_log_rank
    x, y = pairs.log_rank[near], pairs.expression[near]
    if not len(x) or x.min() == x.max():
        raise InputError("max_log_rank", f"{max_log_rank:g} leaves fewer than two ranks", "cells with several genes")
    if pairs.expression.min() == pairs.expression.max():
        raise InputError("X", "all expressed genes have the same value", "log-normalised expression")
    deviation = x - x.mean()
    slope = float(deviation @ y / (deviation @ deviation))
    return slope, float(y.mean() - slope * x.mean())


def score_line(pairs: Pairs, slope: float, intercept: float) -> RankFit:
    """Goodness of a given line on all `pairs`; the line is not clipped at zero. R2 may be negative."""
    y = pairs.expression
    line = intercept + slope * pairs.log_rank
    residual, deviation = y - line, y - y.mean()
    exponent = -intercept / slope if slope < 0 else math.inf
    return RankFit(
        slope=slope,
        intercept=intercept,
        r2=float(1 - residual @ residual / (deviation @ deviation)),
        pearson=_correlation(line, y),
        spearman=_correlation(_average_ranks(line), _average_ranks(y)),
        pairs=len(y),
        zero_rank=10**exponent - 1 if exponent < 300 else math.inf,
    )


def fit_ranks(X: csr_matrix, max_log_rank: float = 3.0, seed: int = 0) -> RankFit:
    """Fit on the pairs with log10(1 + rank) < `max_log_rank`, evaluate on all non-zero pairs of `X`.

    `X` is log-normalised expression (n_cells x n_genes). Raises `InputError` as `rank_genes` and `fit_line`.
    """
    pairs = rank_pairs(X, seed)
    return score_line(pairs, *fit_line(pairs, max_log_rank))


def bootstrap_r2(pairs: Pairs, slope: float, intercept: float, seed: int, resamples: int = RESAMPLES) -> Estimate:
    """R2 of a given line with the 95 % percentile interval over cells (cluster bootstrap); `n` counts cells.

    Each cell enters by its sums (pairs, y, y squared, residual squared), so that a resample costs one product.
    """
    residual = pairs.expression - intercept - slope * pairs.log_rank
    centred = pairs.expression - pairs.expression.mean()
    cells = np.unique(pairs.cells, return_inverse=True)[1]
    sums = np.stack([np.bincount(cells, w) for w in (np.ones(len(cells)), centred, centred**2, residual**2)])
    n = sums.shape[1]
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), resamples)

    def r2(count: np.ndarray, total: np.ndarray, squares: np.ndarray, error: np.ndarray) -> np.ndarray:
        return 1 - error / (squares - total**2 / count)

    low, high = np.quantile(r2(*(draws @ sums.T).T), [0.025, 0.975])
    return Estimate(float(r2(*sums.sum(axis=1))), float(low), float(high), n)


@step
def rank_fit(*, cells: Input, fit: Output, pairs: Output, settings: LineFit, seed: Seed = 0) -> None:
    """Fit log-expression on log-rank over the training cells, and judge the line on the held-out ones.

    Parameters
    ----------
    cells
        Cells file (.h5ad) with log-normalised X and obs "split".
    fit
        JSON: slope, intercept, r2, r2_ci, pearson, spearman, pairs, cells, zero_rank; the same under "test" for the
        held-out cells (null without any). zero_rank is null if the line does not fall.
    pairs
        Parquet: sampled (cell, gene) pairs with log_rank, log_expression, reconstructed and the cell's split.
    seed
        Seed of tie-breaking, sampling and bootstrap.
    """
    from raw2fig.papers.c2s.counts import read_cells
    from raw2fig.tables import write_json, write_table

    adata = read_cells(cells)
    split = adata.obs["split"].to_numpy()
    everything = rank_pairs(adata.X, seed)
    train, test = (_select(everything, split[everything.cells] == part) for part in ("train", "test"))
    if not len(train.cells):
        raise InputError(cells, "no training cell has an expressed gene", "obs 'split' with train cells")
    slope, intercept = fit_line(train, settings.max_log_rank)
    report = _report(train, slope, intercept, seed)
    report["test"] = _report(test, slope, intercept, seed) if len(test.cells) else None
    write_json(report, fit)
    write_table(
        _sample(everything, adata.obs_names.to_numpy(), split, (slope, intercept), settings.sample, seed), pairs
    )


def _select(pairs: Pairs, keep: np.ndarray) -> Pairs:
    return Pairs(*(column[keep] for column in pairs))


def _report(pairs: Pairs, slope: float, intercept: float, seed: int) -> dict[str, Any]:
    """The line's scores as JSON values, with the interval of R2 over cells."""
    score = score_line(pairs, slope, intercept)
    interval = bootstrap_r2(pairs, slope, intercept, seed)
    return {
        **score._asdict(),
        "zero_rank": score.zero_rank if math.isfinite(score.zero_rank) else None,
        "r2_ci": [interval.low, interval.high],
        "cells": interval.n,
    }


def _sample(
    pairs: Pairs, names: np.ndarray, split: np.ndarray, line: tuple[float, float], size: int, seed: int
) -> "pd.DataFrame":
    """`size` pairs (all, if there are fewer) drawn without replacement, in sentence order."""
    import pandas as pd

    total = len(pairs.cells)
    drawn = _select(pairs, np.sort(np.random.default_rng(seed).choice(total, min(size, total), replace=False)))
    return pd.DataFrame(
        {
            "cell": names[drawn.cells],
            "split": split[drawn.cells],
            "log_rank": drawn.log_rank,
            "log_expression": drawn.expression,
            "reconstructed": np.maximum(line[1] + line[0] * drawn.log_rank, 0),
        }
    )


def _average_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; tied values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / math.sqrt((x @ x) * (y @ y)))

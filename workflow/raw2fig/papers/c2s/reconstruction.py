"""From cell sentences back to expression, by the line of `raw2fig.papers.c2s.inverse`."""

import numpy as np

from raw2fig.papers.c2s.sentences import Ranked


def ranks_within(ranked: Ranked) -> np.ndarray:
    """0-based position of every gene in its cell's sentence."""
    return np.arange(len(ranked.genes)) - np.repeat(ranked.indptr[:-1], np.diff(ranked.indptr))


def reconstruct(ranked: Ranked, n_genes: int, slope: float, intercept: float, clip: bool = True) -> np.ndarray:
    """Expression of each cell's sentence by the line: float32 (n_cells, n_genes), absent genes 0.

    The gene at 0-based position p gets intercept + slope * log10(1 + p), with `clip` not below 0; placeholders of
    unknown words (negative genes) take a position and give nothing.
    """
    values = intercept + slope * np.log10(1.0 + ranks_within(ranked))
    if clip:
        values = np.maximum(values, 0)
    cells = np.repeat(np.arange(len(ranked.indptr) - 1), np.diff(ranked.indptr))
    known = ranked.genes >= 0
    expression = np.zeros((len(ranked.indptr) - 1, n_genes), np.float32)
    expression[cells[known], ranked.genes[known]] = values[known]
    return expression

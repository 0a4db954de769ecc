"""From numbers to symbols, and from symbols to joint counts.

The rounds in which a series has a given symbol are the bits of a few 64-bit words, so that a cell of a joint table is
the number of bits of an AND of such words: thousands of surrogates of a group are counted in milliseconds.
"""

import numpy as np

WORD = 64


def discretise(values: np.ndarray, bins: int) -> np.ndarray:
    """Symbols 0..bins-1 of series `values` (..., rounds) by the quantiles of each series; same shape, uint8.

    Edges are the linear quantiles at q / bins; the symbol is the number of edges strictly below a value, so that a
    value equal to an edge goes to the lower bin and a constant series is all 0. Adding a constant changes nothing, and
    with two bins no increasing map does.
    """
    ordered = np.sort(values, axis=-1)
    symbols = np.zeros(values.shape, dtype=np.uint8)
    last = values.shape[-1] - 1
    for q in range(1, bins):
        below, rest = divmod(last * q, bins)
        low, high = ordered[..., below], ordered[..., min(below + 1, last)]
        symbols += values > (low + (high - low) * (rest / bins))[..., None]
    return symbols


def words(symbols: np.ndarray, bins: int) -> np.ndarray:
    """For each symbol the rounds in which it stands, as bits: (..., rounds) -> (bins, words, ...), uint64."""
    rounds = symbols.shape[-1]
    padded = -(-rounds // WORD) * WORD
    here = np.zeros((bins, *symbols.shape[:-1], padded), dtype=bool)
    for symbol in range(bins):
        here[symbol, ..., :rounds] = symbols == symbol
    packed = np.packbits(here, axis=-1).view(np.uint64)
    return np.ascontiguousarray(np.moveaxis(packed, -1, 1))


def joint(*series: np.ndarray) -> np.ndarray:
    """Words of the joint symbol of several series, each (bins_i, words, ...batch): (prod bins_i, words, ...batch), the
    first series varying slowest."""
    found = series[0]
    for other in series[1:]:
        both = found[:, None] & other[None]
        found = both.reshape(len(found) * len(other), *both.shape[2:])
    return found


def count(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Joint counts (source symbols, target symbols, ...batch) of words (symbols, words, ...batch), as floats."""
    bits = np.bitwise_count(source[:, None] & target[None])
    return bits[:, :, 0].astype(np.float64) if bits.shape[2] == 1 else bits.sum(axis=2, dtype=np.float64)

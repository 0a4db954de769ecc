"""Cell sentences: gene names in descending order of expression, and the way back from text to genes.

The method of C2S-Scale (bioRxiv 10.1101/2025.04.14.648850), "Cell sentences".
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from raw2fig.errors import InputError
from raw2fig.settings import Field, Record

if TYPE_CHECKING:
    import pyarrow

UNKNOWN = -1
"""Placeholder of a word outside the vocabulary, under the official cleaning rule."""

ENTRIES = 1 << 16
"""Matrix entries ranked at a time, so that the temporary arrays stay in the processor's cache."""
WORDS = 1 << 20
"""Words joined at a time, so that Arrow's 32-bit offsets suffice."""
LEVEL_BITS = 31
"""Bits of a non-negative float32 without its sign; they order as the numbers do."""

GOLDEN, MIX_1, MIX_2 = (np.uint64(x) for x in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
"""Constants of SplitMix64 (Steele, Lea and Flood 2014)."""


class Sentence(Record):
    """A cell as the model sees it."""

    top: int = Field(ge=1, description="Number of genes in a cell sentence.")


class Ranked(NamedTuple):
    """Genes of each cell in descending order of expression, ragged like CSR.

    Cell `c` has `genes[indptr[c]:indptr[c + 1]]`; `indptr` is int64 (n_cells + 1), `genes` int32 gene indices.
    """

    indptr: np.ndarray
    genes: np.ndarray


class Cleaned(NamedTuple):
    """A generated sentence as gene indices, with the number of unknown words and of repeated words removed."""

    genes: list[int]
    unknown: int
    duplicates: int


def vocabulary(names: Sequence[str], where: str | Path = "genes") -> list[str]:
    """Upper-case words for gene names, in the same order.

    Raises `InputError` (about `where`) for a name that is empty, holds white space or is no string, for a repeated
    name, and for two names that are the same in upper case: any of them would shift or merge genes silently.
    """
    first: dict[str, str] = {}
    for name in names:
        if not isinstance(name, str) or not name:
            raise InputError(where, f"gene name {name!r}", "non-empty text")
        if name.split() != [name]:
            raise InputError(where, f"gene name {name!r} holds white space", "names that are one word")
        word = name.upper()
        if word in first:
            problem = f"gene name {name!r} occurs twice" if first[word] == name else None
            raise InputError(
                where,
                problem or f"gene names {first[word]!r} and {name!r} are the same word in upper case",
                "names that stay distinct in upper case (`adata.var_names_make_unique()`, or drop one)",
            )
        first[word] = name
    return list(first)


def rank_genes(X: csr_matrix, k: int | None = None, seed: int = 0, first_cell: int = 0) -> Ranked:
    """Expressed genes of each row of `X` (n_cells x n_genes, non-negative), descending; zeros are never included.

    Equal values are ordered at random: by a 64-bit hash of (`seed`, cell, gene), where the first row is cell
    `first_cell`. A cell's order therefore does not depend on which other cells are ranked with it, and the first `k`
    genes are the beginning of the full ranking. Any increasing transformation of a cell's values gives the same order.
    Raises `InputError` for negative, NaN or infinite values.

    Each row is sorted by packed 64-bit keys (value, leading bits of the hash, gene); the few entries whose leading
    bits agree are then ordered by the whole hash.
    """
    if k is not None and k < 1:
        raise InputError("k", str(k), "at least 1 gene per sentence")
    X = _expressed(X)
    n_cells, n_genes = X.shape
    gene_bits = max(1, (n_genes - 1).bit_length())
    lengths = np.diff(X.indptr).astype(np.int64)
    kept = lengths if k is None else np.minimum(lengths, k)
    indptr = np.concatenate([[0], np.cumsum(kept)])
    ranked = np.empty(indptr[-1], np.int32)
    streams = _mix(
        _mix(np.array([seed % 2**64], np.uint64))
        + GOLDEN * np.arange(first_cell + 1, first_cell + n_cells + 1, dtype=np.uint64)
    )
    for start, stop in _row_blocks(X.indptr, ENTRIES):
        offsets = X.indptr[start : stop + 1].astype(np.int64)
        entries = slice(offsets[0], offsets[-1])
        offsets -= offsets[0]
        keys = _pack(
            X.data[entries], X.indices[entries], np.repeat(streams[start:stop], lengths[start:stop]), gene_bits
        )
        _sort_rows(keys, offsets, k, gene_bits, streams[start:stop])
        if k is not None:
            size = kept[start:stop]
            keys = keys[np.arange(size.sum()) + np.repeat(offsets[:-1] - np.cumsum(size) + size, size)]
        ranked[indptr[start] : indptr[stop]] = keys & np.uint64((1 << gene_bits) - 1)
    return Ranked(indptr, ranked)


def sentence_array(ranked: Ranked, vocab: Sequence[str]) -> "pyarrow.ChunkedArray":
    """The sentence of each cell as an Arrow string column: words joined by one space, no period."""
    import pyarrow as pa

    return pa.chunked_array(list(_joined(ranked, vocab)), pa.string())


def to_sentences(ranked: Ranked, vocab: Sequence[str]) -> list[str]:
    """The sentence of each cell: words of `vocab` joined by one space, no period; empty for a cell without genes."""
    return [sentence for block in _joined(ranked, vocab) for sentence in block.to_pylist()]


def _joined(ranked: Ranked, vocab: Sequence[str]) -> Iterator["pyarrow.StringArray"]:
    """Sentences of consecutive cells, block after block."""
    import pyarrow as pa
    import pyarrow.compute as pc

    words = pa.array(vocab, pa.string())
    for start, stop in _row_blocks(ranked.indptr, WORDS):
        bounds = ranked.indptr[start : stop + 1]
        block = words.take(pa.array(ranked.genes[bounds[0] : bounds[-1]]))
        lists = pa.ListArray.from_arrays(pa.array((bounds - bounds[0]).astype(np.int32)), block)
        yield pc.binary_join(lists, " ")


def clean(text: str, index: Mapping[str, int], rule: Literal["ours", "official"] = "ours") -> Cleaned:
    """Gene indices of a generated sentence; `index` maps upper-case words to genes. Never raises on any text.

    Both rules upper-case the text and move a gene generated several times to the whole part of the mean of its
    positions in the list as it is by then, in order of first appearance.

    - `ours` first strips white space and one final period, splits on any white space and drops unknown words.
    - `official` splits on single spaces and keeps each unknown word, also the empty one between two spaces and a last
      gene with its period, as a placeholder (`UNKNOWN`) that holds its position.
    """
    if rule == "ours":
        found = [index.get(word, UNKNOWN) for word in text.strip().removesuffix(".").upper().split()]
        unknown = found.count(UNKNOWN)
        genes = [gene for gene in found if gene != UNKNOWN]
    else:
        genes = [index.get(word, UNKNOWN) for word in text.upper().split(" ")]
        unknown = genes.count(UNKNOWN)
    before = len(genes)
    for gene, times in Counter(genes).items():
        if times > 1 and gene != UNKNOWN:
            mean = sum(position for position, other in enumerate(genes) if other == gene) // times
            genes = [other for other in genes if other != gene]
            genes.insert(mean, gene)
    return Cleaned(genes, unknown, before - len(genes))


def as_ranked(cells: Sequence[Sequence[int]]) -> Ranked:
    """Gene lists of several cells (such as `Cleaned.genes`) in the ragged form; placeholders keep their place."""
    indptr = np.concatenate([[0], np.cumsum([len(genes) for genes in cells], dtype=np.int64)]).astype(np.int64)
    return Ranked(indptr, np.fromiter((gene for genes in cells for gene in genes), np.int32, indptr[-1]))


def _expressed(X: csr_matrix) -> csr_matrix:
    """`X` with every entry finite and positive, one per (cell, gene); itself if it is so already."""
    X = csr_matrix(X)
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    if X.nnz:
        low, high = X.data.min(), X.data.max()
        if not (low >= 0 and high < np.inf):  # NaN fails both
            problem = f"negative values (least {low:g})" if low < 0 else "NaN or infinite values"
            raise InputError("X", problem, "counts, or normalised expression that is not z-scored")
        if low == 0:
            X = X.copy()
            X.eliminate_zeros()
    return X


def _row_blocks(indptr: np.ndarray, size: int) -> Iterator[tuple[int, int]]:
    """Consecutive ranges of whole rows with about `size` entries each, at least one row."""
    start, end = 0, len(indptr) - 1
    while start < end:
        stop = max(start + 1, int(np.searchsorted(indptr, int(indptr[start]) + size, side="right")) - 1)
        yield start, stop
        start = stop


def _mix(z: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser: a bijection of uint64, in place."""
    z ^= z >> np.uint64(30)
    z *= MIX_1
    z ^= z >> np.uint64(27)
    z *= MIX_2
    z ^= z >> np.uint64(31)
    return z


def _tie_hash(streams: np.ndarray, genes: np.ndarray) -> np.ndarray:
    """Element `genes` of the SplitMix64 streams that start at `streams`."""
    z = genes.astype(np.uint64)
    z += np.uint64(1)
    z *= GOLDEN
    z += streams
    return _mix(z)


def _pack(values: np.ndarray, genes: np.ndarray, streams: np.ndarray, gene_bits: int) -> np.ndarray:
    """Keys that sort ascending by (value descending, leading bits of the hash, gene)."""
    numbers = values.astype(np.float32, copy=False)
    if values.dtype != np.float32 and not np.array_equal(numbers, values):
        levels = np.unique(values, return_inverse=True)[1].astype(np.uint64)
    else:
        levels = np.ascontiguousarray(numbers).view(np.uint32).astype(np.uint64)
    hash_bits = 64 - LEVEL_BITS - gene_bits
    keys = np.uint64((1 << LEVEL_BITS) - 1) - levels
    keys <<= np.uint64(hash_bits)
    keys |= _tie_hash(streams, genes) >> np.uint64(64 - hash_bits)
    keys <<= np.uint64(gene_bits)
    keys |= genes.astype(np.uint64)
    return keys


def _sort_rows(keys: np.ndarray, offsets: np.ndarray, k: int | None, gene_bits: int, streams: np.ndarray) -> None:
    """Sort each row of `keys` in place by (value, whole hash, gene); only its first `k` need be in order."""
    for start, stop in pairwise(offsets.tolist()):
        if k is None or stop - start <= 2 * k:  # selecting pays only when most of the row is left out
            keys[start:stop].sort()
        else:
            keys[start:stop].partition((k - 1, k))
            keys[start : start + k].sort()
    shift = np.uint64(gene_bits)
    if k is not None:
        # where the leading bits do not decide who is k-th, the whole row is needed
        long = np.flatnonzero(np.diff(offsets) > 2 * k)
        last = offsets[long] + k - 1
        for row in long[keys[last] >> shift == keys[last + 1] >> shift]:
            keys[offsets[row] : offsets[row + 1]].sort()
    if not len(keys):
        return
    leading = keys >> shift
    repeats = np.concatenate([[False], leading[1:] == leading[:-1]])
    repeats[offsets[offsets < len(keys)]] = False
    second = np.flatnonzero(repeats)
    if len(second):
        members = np.union1d(second - 1, second)
        genes = keys[members] & np.uint64((1 << gene_bits) - 1)
        cells = np.searchsorted(offsets, members, side="right") - 1
        order = np.lexsort((genes, _tie_hash(streams[cells], genes), np.cumsum(~repeats[members])))
        keys[members] = keys[members[order]]

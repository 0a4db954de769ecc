"""Posts of any number in an order that no file and no row has a say in, each text once, in bounded memory.

The order is that of a keyed hash of the text, so it is also a random one: its beginning is a uniform sample.
Posts are gathered until they are `RUN_BYTES`, sorted and put aside as a run, in parts by the first bits of their
hashes. Then the same part of all runs is read, sorted and freed of repeated texts, part after part. In memory are
at most one run, or one part of all runs.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np

from raw2fig.papers.brain_rot.posts import Posts

if TYPE_CHECKING:
    import pyarrow as pa

RUN_BYTES = 1 << 27
"""Bytes of texts in a run."""
RUN_ROWS = 1 << 20
"""Posts of a run at most."""
PART_BITS = 8
"""First bits of a hash that tell its part of a run. With 100 million posts each of the 256 parts is some 400,000."""
PIECE = 1 << 16
"""Posts that are given at a time at most."""


Rows: TypeAlias = "tuple[pa.Array, np.ndarray, np.ndarray]"
"""Texts, their hashes and their popularity."""


class Distinct(NamedTuple):
    """Some of the distinct texts, in order. `popularity` is the largest that a copy of the text has, `UNKNOWN` if no
    copy has a known one; `copies` counts the rows that had the text."""

    texts: pa.Array
    hashes: np.ndarray
    popularity: np.ndarray
    copies: np.ndarray


class Shuffler:
    """Takes posts in any order and gives them back in that of their hashes. `folder` is empty and holds the runs."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.key = folder, hash_key(seed)
        self.runs: list[Path] = []
        self._waiting: list[Rows] = []
        self._rows = self._bytes = 0

    def add(self, posts: Posts) -> None:
        """Take some posts."""
        self._waiting.append((posts.texts, hashes_of(posts.texts, self.key), posts.popularity))
        self._rows += len(posts.texts)
        self._bytes += posts.texts.nbytes
        if self._rows >= RUN_ROWS or self._bytes >= RUN_BYTES:
            self._put_aside()

    def distinct(self) -> Iterator[Distinct]:
        """Everything that was taken, each text once; as often as it is asked for."""
        if self.runs and self._waiting:
            self._put_aside()
        if self.runs:
            parts = (self._part(number) for number in range(1 << PART_BITS))
        else:  # few enough to stay in memory
            parts = (_in_order(*_together(some)) for some in [self._waiting] if some)
        for part in parts:
            yield from _pieces(_once(*part))

    def _put_aside(self) -> None:
        import pyarrow as pa

        texts, hashes, popularity = _in_order(*_together(self._waiting))
        self._waiting, self._rows, self._bytes = [], 0, 0
        table = pa.record_batch([texts, pa.array(hashes), pa.array(popularity)], names=["text", "hash", "popularity"])
        edges = np.searchsorted(hashes >> np.uint64(64 - PART_BITS), np.arange((1 << PART_BITS) + 1, dtype=np.uint64))
        path = self.folder / f"{len(self.runs)}.arrow"
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            for start, end in pairwise(edges):
                writer.write_batch(table.slice(start, end - start))
        self.runs.append(path)

    def _part(self, number: int) -> Rows:
        import pyarrow as pa

        found = []
        for path in self.runs:
            with pa.OSFile(str(path)) as file:
                batch = pa.ipc.open_file(file).get_batch(number)
            found.append((batch["text"], batch["hash"].to_numpy(), batch["popularity"].to_numpy()))
        return _in_order(*_together(found))


def _together(parts: Sequence[Rows]) -> Rows:
    import pyarrow as pa

    texts, hashes, popularity = zip(*parts, strict=True)
    return pa.concat_arrays(texts), np.concatenate(hashes), np.concatenate(popularity)


def hash_key(seed: int) -> str:
    """Sixteen letters, the key of the hash, for a seed."""
    return hashlib.sha256(f"posts {seed}".encode()).hexdigest()[:16]


def hashes_of(texts: pa.Array, key: str) -> np.ndarray:
    """A keyed hash of each text, 64 bits: pandas' form of SipHash."""
    from pandas.util import hash_array

    values = texts.to_numpy(zero_copy_only=False)
    hashes: np.ndarray = hash_array(values.astype(object), hash_key=key, categorize=False)
    return hashes


def _in_order(texts: pa.Array, hashes: np.ndarray, popularity: np.ndarray) -> Rows:
    """Sorted by hash, and posts of one hash by text."""
    import pyarrow as pa

    order = np.argsort(hashes, kind="stable")
    texts, hashes, popularity = texts.take(pa.array(order)), hashes[order], popularity[order]
    if (_repeats(hashes) & ~_equal_to_last(texts)).any():  # two texts of one hash
        words = np.array(texts.to_pylist(), dtype=object)
        order = np.lexsort((words, hashes))
        texts, hashes, popularity = texts.take(pa.array(order)), hashes[order], popularity[order]
    return texts, hashes, popularity


def _repeats(hashes: np.ndarray) -> np.ndarray:
    """Which hashes are that of the one before."""
    return np.concatenate([[False], hashes[1:] == hashes[:-1]]) if len(hashes) else np.zeros(0, dtype=bool)


def _equal_to_last(texts: pa.Array) -> np.ndarray:
    """Which texts are the one before."""
    import pyarrow.compute as pc

    if not len(texts):
        return np.zeros(0, dtype=bool)
    equal = pc.equal(texts.slice(1), texts.slice(0, len(texts) - 1)).to_numpy(zero_copy_only=False)
    return np.concatenate([[False], equal])


def _once(texts: pa.Array, hashes: np.ndarray, popularity: np.ndarray) -> Distinct:
    """Each text once; equal ones stand side by side."""
    import pyarrow as pa

    firsts = np.flatnonzero(~_equal_to_last(texts))
    if not len(firsts):
        return Distinct(texts, hashes, popularity, np.zeros(0, dtype=np.int64))
    most = np.maximum.reduceat(popularity, firsts)  # UNKNOWN is the least integer
    copies = np.diff(firsts, append=len(hashes))
    return Distinct(texts.take(pa.array(firsts)), hashes[firsts], most, copies)


def _pieces(posts: Distinct) -> Iterator[Distinct]:
    for start in range(0, len(posts.hashes), PIECE):
        some = slice(start, start + PIECE)
        yield Distinct(posts.texts.slice(start, PIECE), *(column[some] for column in posts[1:]))

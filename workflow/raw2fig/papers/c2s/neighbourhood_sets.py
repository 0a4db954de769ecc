"""Sets of cells for the spatial tasks: same neighbourhood or not, same niche or not, and neighbours of a cell.

All functions return indices into the arrays they are given, so a caller passes the cells of one split. (The paper,
spatial methods, names the tasks; how negatives are drawn is not published and is ours.)
"""

from typing import NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.tissue import neighbourhoods

_TRIES, _TRIES_OF_A_PLACE = 200, 16
"""For a negative set, and random cells for one place of it."""


class CellSets(NamedTuple):
    """Sets of cells with the answer to "are they from the same ...?"."""

    cells: np.ndarray  # int64 (size, n)
    same: np.ndarray  # bool (size,), half of them true


def neighbours_of_cells(
    xy: np.ndarray, radius: float, n: int, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """`size` centre cells (size,) and for each `n` different cells within `radius` of it (size, n), in random order.

    Task (b): the neighbours are the context, the centre is the cell to generate. InputError when no cell has `n`
    neighbours.
    """
    near = neighbourhoods(xy, radius)
    enough = np.flatnonzero(np.diff(near.indptr) >= n)
    if len(enough) == 0:
        raise InputError("radius", f"no cell has {n} neighbours within {radius}", "a larger radius or smaller sets")
    centres = rng.choice(enough, size)
    contexts = [rng.choice(near.indices[near.indptr[c] : near.indptr[c + 1]], n, replace=False) for c in centres]
    return centres, np.array(contexts, dtype=np.int64).reshape(size, n)


def sample_neighbourhoods(
    xy: np.ndarray,
    cell_type: np.ndarray,
    radius: float,
    n: int,
    size: int,
    rng: np.random.Generator,
    matched: bool = True,
) -> CellSets:
    """Task (c): sets of `n` cells from one neighbourhood, and as many sets from `n` different neighbourhoods.

    Positive: a cell and n - 1 cells within one radius of it, in random order. Negative: no two cells within two radii
    of each other, so no neighbourhood holds both. With `matched` (the default) a negative takes the cell types of a
    freshly drawn positive, so type composition has the same distribution in both and cannot decide: what is left are
    the signals between neighbours. Without, negatives are any cells, and composition helps (the easier task).
    InputError when the cells are too few to find such sets.
    """
    if n < 2:
        raise InputError("n", f"{n} cells", "at least 2")
    centres, contexts = neighbours_of_cells(xy, radius, n - 1, size, rng)
    cells = rng.permuted(np.column_stack([centres, contexts]), axis=1)
    same = rng.permutation(np.arange(size) % 2 == 0)
    negative = np.flatnonzero(~same)
    kinds = np.unique(cell_type, return_inverse=True)[1] if matched else np.zeros(len(xy), dtype=np.int64)
    cells[negative] = _apart(xy, kinds, kinds[cells[negative]], 2 * radius, rng)
    return CellSets(cells, same)


def sample_niches(niche: np.ndarray, n: int, size: int, rng: np.random.Generator) -> CellSets:
    """Task (d): sets of `n` different cells from one niche, and as many with cells from at least two niches."""
    names = np.unique(niche)
    pools = [np.flatnonzero(niche == name) for name in names]
    pools = [pool for pool in pools if len(pool) >= n]
    if n < 2 or len(pools) < 2:
        raise InputError("n", f"{n} cells from {len(names)} niches", "2 or more cells, two niches of that many cells")
    same = rng.permutation(np.arange(size) % 2 == 0)
    cells = np.empty((size, n), dtype=np.int64)
    for row in range(size):
        if same[row]:
            cells[row] = rng.choice(pools[rng.integers(len(pools))], n, replace=False)
        else:
            first, second = rng.choice(len(pools), 2, replace=False)
            two = [rng.choice(pools[first]), rng.choice(pools[second])]
            rest = rng.choice(np.setdiff1d(np.concatenate(pools), two), n - 2, replace=False)
            cells[row] = rng.permutation([*two, *rest])
    return CellSets(cells, same)


def _apart(
    xy: np.ndarray, kinds: np.ndarray, wanted: np.ndarray, distance: float, rng: np.random.Generator
) -> np.ndarray:
    """Sets of cells (sets, n) of the kinds `wanted` (sets, n), all of a set more than `distance` apart: random cells,
    kept when far from those before; a set in which no cell is found for a place starts anew."""
    by_kind, counts = np.argsort(kinds, kind="stable"), np.bincount(kinds)
    first = np.cumsum(counts) - counts
    found = np.empty(wanted.shape, dtype=np.int64)
    sets = np.arange(len(wanted))
    for _ in range(_TRIES):
        stuck = np.zeros(len(sets), dtype=bool)
        for place in range(wanted.shape[1]):
            missing = np.flatnonzero(~stuck)
            for _ in range(_TRIES_OF_A_PLACE):
                kind = wanted[sets[missing], place]
                tried = by_kind[first[kind] + rng.integers(counts[kind])]
                gaps = np.linalg.norm(xy[tried][:, None] - xy[found[sets[missing], :place]], axis=2)
                far = (gaps > distance).all(axis=1)
                found[sets[missing[far]], place] = tried[far]
                missing = missing[~far]
            stuck[missing] = True
        sets = sets[stuck]
        if len(sets) == 0:
            return found
    raise InputError("cells", "no set of cells that are all two radii apart", "a larger tissue or a smaller radius")

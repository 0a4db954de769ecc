"""Simulated cells drawn from real ones, with a planted log fold change.

A simulated cell is a real cell of the wanted type, its profile mixed half and half with the mean of its eight nearest
neighbours, multiplied by exp(log fold change) and measured again by a multinomial draw with the library size of
another cell. Everything stays within one cell type and one split: no test cell has a training cell as its source,
as one of its neighbours, or as the origin of its library size. Effects are multiplicative, so a gene that is silent in
a type stays silent.
"""

import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix, diags, vstack

from raw2fig.errors import InputError
from raw2fig.tables import read_yaml

if TYPE_CHECKING:
    from anndata import AnnData

MAX_SOURCE_CELLS = 2000  # finding neighbours compares all pairs; a type of a large reference is subsampled to this
_BLOCK = 1024  # rows made dense at a time


class Source(NamedTuple):
    """What cells of one type and one split are drawn from."""

    profiles: csr_matrix  # (n_cells, n_genes), rows sum to 1, already mixed with their neighbours
    library: np.ndarray  # (n_cells,) UMI counts per cell


def nearest_cells(profiles: csr_matrix, neighbours: int) -> np.ndarray:
    """Indices (n_cells, k) of the nearest other cells, k = min(neighbours, n_cells - 1).

    `profiles` (n_cells, n_genes) has rows that sum to 1; the distance is Hellinger's, Euclidean between square roots,
    which evens out the variance of counts. Rows of square roots have length 1, so the nearest cell has the largest dot
    product.
    """
    n_cells = profiles.shape[0]
    k = min(neighbours, n_cells - 1)
    if k < 1:
        return np.empty((n_cells, 0), dtype=np.int64)
    roots = profiles.sqrt()
    nearest = np.empty((n_cells, k), dtype=np.int64)
    for start in range(0, n_cells, _BLOCK):
        likeness = (roots[start : start + _BLOCK] @ roots.T).toarray()
        rows = np.arange(len(likeness))
        likeness[rows, start + rows] = -1.0  # a cell is not its own neighbour
        nearest[start : start + _BLOCK] = np.argsort(-likeness, axis=1, kind="stable")[:, :k]
    return nearest


def source(counts: csr_matrix, neighbours: int = 8, mix: float = 0.5) -> Source:
    """Prepare `counts` (n_cells, n_genes) of one type and one split for `draw`.

    `mix` is the weight of the neighbours' mean. With fewer than `neighbours` + 1 cells all the others are the
    neighbours; a single cell is left as it is. Cells without counts are ignored; InputError when none is left.
    """
    if not 0 <= mix <= 1:
        raise InputError("mix", f"{mix} is not a share", "a number from 0 to 1")
    counts = csr_matrix(counts, dtype=np.float64)
    library = np.asarray(counts.sum(axis=1)).ravel()
    counts, library = counts[library > 0], library[library > 0]
    n_cells = len(library)
    if n_cells == 0:
        raise InputError("counts", "no cell with counts to simulate from", "at least one")
    profiles = diags(1 / library) @ counts
    nearest = nearest_cells(profiles, neighbours)
    k = nearest.shape[1]
    if k:
        indptr = np.arange(0, k * n_cells + 1, k)
        average = csr_matrix((np.full(k * n_cells, 1 / k), nearest.ravel(), indptr), shape=(n_cells, n_cells))
        profiles = (1 - mix) * profiles + mix * (average @ profiles)
    return Source(csr_matrix(profiles), np.rint(library).astype(np.int64))


def draw(origin: Source, log_fold: np.ndarray, n: int, rng: np.random.Generator) -> csr_matrix:
    """`n` simulated cells (n, n_genes), int32 counts.

    `log_fold` (natural logarithm) is one vector (n_genes,) or one row per cell (n, n_genes). The multinomial keeps the
    library size, so what is planted is relative expression: all genes of a cell share the shift -log(sum p exp(f)).
    """
    n_cells, n_genes = origin.profiles.shape
    log_fold = np.asarray(log_fold, dtype=np.float64)
    if log_fold.shape not in {(n_genes,), (n, n_genes)}:
        raise InputError("log_fold", f"shape {log_fold.shape}", f"({n_genes},) or ({n}, {n_genes})")
    picked = rng.integers(n_cells, size=n)
    library = origin.library[rng.integers(n_cells, size=n)]
    fold = np.exp(log_fold)
    blocks = []
    for start in range(0, n, _BLOCK):
        rows = slice(start, start + _BLOCK)
        weights = origin.profiles[picked[rows]].toarray() * (fold if fold.ndim == 1 else fold[rows])
        weights /= weights.sum(axis=1, keepdims=True)
        blocks.append(csr_matrix(rng.multinomial(library[rows], weights).astype(np.int32)))
    return vstack(blocks, format="csr", dtype=np.int32) if blocks else csr_matrix((0, n_genes), dtype=np.int32)


def simulate_cells(
    counts: csr_matrix,
    log_fold: np.ndarray,
    n: int,
    rng: np.random.Generator,
    neighbours: int = 8,
    mix: float = 0.5,
) -> csr_matrix:
    """`source` and `draw` in one call: `n` simulated cells (n, n_genes) from `counts` of one type and ONE split."""
    return draw(source(counts, neighbours, mix), log_fold, n, rng)


class Reference(NamedTuple):
    """A reference ready to simulate from."""

    genes: list[str]
    types: list[str]  # sorted
    sources: dict[tuple[str, str], Source]  # (cell type, split) -> source


def read_reference(raw: Path, seed: int = 0) -> Reference:
    """Read a raw counts file (.h5ad: X integer counts, obs cell_type and split) into one `Source` per type and split.

    Of types with more than 2,000 cells in a split, 2,000 random ones are used. InputError when a type has no cell in
    one of the splits.
    """
    from raw2fig.papers.c2s.counts import check_split, read_counts

    reference = read_counts(raw)
    check_split(reference.obs, raw)
    cell_type = reference.obs["cell_type"].astype(str).to_numpy()
    split = reference.obs["split"].astype(str).to_numpy()
    types = sorted(set(cell_type))
    sources = {}
    for name in types:
        for part in ("train", "test"):
            rows = np.flatnonzero((cell_type == name) & (split == part))
            if len(rows) == 0:
                raise InputError(raw, f"cell type {name!r} has no {part} cells", "every type in both splits")
            if len(rows) > MAX_SOURCE_CELLS:
                chosen = condition_rng(seed, "source", name, part).choice(rows, MAX_SOURCE_CELLS, replace=False)
                rows = np.sort(chosen)
            sources[name, part] = source(csr_matrix(reference.X[rows]))
    return Reference([str(name) for name in reference.var_names], types, sources)


def condition_rng(seed: int, *words: str) -> np.random.Generator:
    """A generator that depends on the seed and the condition's words only: adding a condition changes no other."""
    return np.random.default_rng([seed, zlib.crc32("\0".join(words).encode())])


def gene_vector(weights: Mapping[str, float], genes: Sequence[str]) -> np.ndarray:
    """`weights` by gene as a vector (n_genes,) over `genes`; genes that are not there are left out."""
    return np.array([weights.get(gene, 0.0) for gene in genes])


def require_genes(programmes: Mapping[str, Collection[str]], genes: Sequence[str], where: str | Path) -> None:
    """InputError naming the first of `programmes` (name -> its genes) of which not one gene is among `genes`."""
    known = set(genes)
    for name, members in programmes.items():
        if known.isdisjoint(members):
            found = f"no gene of {name!r} ({', '.join(list(members)[:3])}, ...) is in the data"
            raise InputError(where, found, "gene symbols as in the effects file")


def read_section(effects: Path, section: str) -> dict[str, Any]:
    """One section of the effects file (config/c2s/effects.yaml); InputError when it is not there."""
    content = read_yaml(effects)
    found = content.get(section) if isinstance(content, dict) else None
    if not isinstance(found, dict):
        raise InputError(effects, f"no section {section!r}", "a mapping of that name")
    return found


@contextmanager
def well_formed(effects: Path, section: str) -> Iterator[None]:
    """Turn what goes wrong while taking a section apart into an InputError that names the section."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise InputError(
            effects, f"section {section!r} is malformed ({error!r})", "the form of config/c2s/effects.yaml"
        ) from error


def numbers(mapping: Mapping[str, Any]) -> dict[str, float]:
    """A mapping from names to numbers, as read from YAML."""
    return {str(name): float(value) for name, value in mapping.items()}


Block = tuple[csr_matrix, Mapping[str, object]]
"""Counts (n_cells, n_genes) and the obs values that all these cells share."""


def assemble(blocks: Sequence[Block], genes: Sequence[str]) -> "AnnData":
    """One AnnData (X float32 counts) of blocks of cells with the obs values they share; cells are named s0, s1, ..."""
    import pandas as pd
    from anndata import AnnData

    sizes = [counts.shape[0] for counts, _ in blocks]
    obs = pd.DataFrame([values for _, values in blocks]).loc[np.repeat(np.arange(len(blocks)), sizes)]
    obs.index = pd.Index([f"s{i}" for i in range(len(obs))])
    X = vstack([counts for counts, _ in blocks], format="csr", dtype=np.float32)
    return AnnData(X, obs=obs, var=pd.DataFrame(index=pd.Index(list(genes))))

"""Gene programmes: lists of genes that are scored together, from the programmes file and in a panel."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from raw2fig.errors import InputError
from raw2fig.papers.c2s.simulate import require_genes
from raw2fig.settings import Field, Record
from raw2fig.tables import read_json, read_yaml

VEHICLE, NEUTRAL, POSITIVE = "vehicle", "neutral", "positive"
"""The control of the drug screen, and the contexts in which a programme is scored there."""


class Scored(Record):
    """The programme that is scored."""

    programme: str = Field(min_length=1, description="Name of the gene programme that is scored.")


def read_programmes(path: Path) -> dict[str, list[str]]:
    """Programme → upper-case gene names. Raises `InputError` for a file of another form or a gene named
    twice."""
    read: Any = read_yaml(path)
    expected = "name: {source: text, genes: [names]}"
    if not isinstance(read, dict) or not read:
        raise InputError(path, "no programmes", expected)
    programmes = {}
    for name, entry in read.items():
        genes = entry.get("genes") if isinstance(entry, dict) else None
        if not isinstance(genes, list) or not all(isinstance(gene, str) for gene in genes) or not genes:
            raise InputError(path, f"programme {name!r} has no list of gene names", expected)
        upper = [gene.upper() for gene in genes]
        if len(set(upper)) < len(upper):
            twice = next(gene for gene in upper if upper.count(gene) > 1)
            raise InputError(path, f"programme {name!r} names {twice} twice", "each gene once")
        programmes[str(name)] = upper
    return programmes


def read_programme(programmes: Path, name: str, genes: Sequence[str]) -> list[str]:
    """The genes of programme `name` that are among `genes`; InputError when there is no such programme or gene."""
    listed = read_programmes(programmes)
    if name not in listed:
        raise InputError(programmes, f"no programme {name!r}", f"one of {', '.join(listed)}")
    require_genes({name: listed[name]}, genes, programmes)
    return [gene for gene in genes if gene in set(listed[name])]


def programme_columns(panel: Path, programme: str, genes: Sequence[str], least: int = 2) -> np.ndarray:
    """Indices among `genes` of the genes that the `panel` has of a programme. Raises `InputError` for fewer than
    `least`."""
    found = np.flatnonzero(np.isin(genes, read_json(panel)["programmes"].get(programme, [])))
    if len(found) < least:
        raise InputError(panel, f"{len(found)} genes of programme {programme!r}", f"at least {least}")
    return found


def programme_score(expression: np.ndarray, programme: ArrayLike) -> np.ndarray:
    """Mean expression (n_cells,) of the genes `programme` (column indices) in `expression` (n_cells, n_genes).

    InputError when the programme has no gene: a score of nothing would rank drugs by noise.
    """
    index = np.asarray(programme, dtype=np.int64)
    if index.size == 0:
        raise InputError("programme", "no gene of the programme is in the data", "at least one")
    return np.asarray(expression[:, index].mean(axis=1), dtype=np.float64).ravel()

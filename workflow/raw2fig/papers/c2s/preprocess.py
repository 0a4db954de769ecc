"""From raw counts to a cells file: panel, filters, normalisation, split, held-out tiers."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import (
    Split,
    check_split,
    median_total,
    normalise,
    read_counts,
    split_cells,
    write_cells,
)
from raw2fig.papers.c2s.programmes import read_programmes
from raw2fig.papers.c2s.tiers import SEEN, HeldOut, assign_tiers, read_design
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json, write_json


class PanelSize(Record):
    """How many genes a model knows."""

    size: int = Field(ge=0, description="Number of genes of the panel; 0 takes all.")


class Filters(Record):
    """Which cells and genes are kept, and how counts are normalised."""

    min_genes: int = Field(ge=0, description="Cells with fewer genes expressed are dropped.")
    min_cells: int = Field(ge=0, description="Genes expressed in fewer cells are dropped, unless the panel has them.")
    target: float = Field(
        ge=0,
        description="Total counts of a cell after normalisation, over all kept genes; 0: the median of the totals.",
    )


@step
def panel(*, raw: Input, programmes: Input, panel: Output, choice: PanelSize) -> None:
    """Choose the genes of a small panel: those of the programmes, then the most abundant.

    Parameters
    ----------
    raw
        Raw counts, a .h5ad file made by `raw2fig c2s reference`.
    programmes
        Gene programmes, a YAML file: name, then source and genes.
    panel
        The .json file to write: genes, programmes (those of their genes that the data have), absent.
    """
    adata = read_counts(raw)
    totals = np.asarray(adata.X.sum(axis=0, dtype=np.float64)).ravel()
    abundance = dict(zip(adata.var_names, totals.tolist(), strict=True))
    wanted = read_programmes(programmes)
    chosen = choose_panel(abundance, wanted, choice.size)
    for name, genes in chosen.absent.items():
        there = len(chosen.programmes[name])
        logging.info("programme %s: %d of %d genes in the data", name, there, len(wanted[name]))
        if genes:
            logging.info("programme %s: absent are %s", name, ", ".join(genes))
    write_json(chosen._asdict(), panel)


class Panel(NamedTuple):
    """The genes of a panel, most abundant first; of each programme those present, and those the data lack."""

    genes: list[str]
    programmes: dict[str, list[str]]
    absent: dict[str, list[str]]


def choose_panel(abundance: Mapping[str, float], programmes: Mapping[str, Sequence[str]], size: int) -> Panel:
    """The programmes' genes and then the most abundant ones, `size` in all (0: every gene).

    `abundance` maps each gene of the data to its total count; equal totals are ordered by name, so the
    result depends on nothing else. Raises `InputError` when the programmes alone exceed `size` or a
    programme has no gene in the data.
    """
    if size < 0:
        raise InputError("size", f"{size}", "a number of genes, or 0 for all")
    ordered = sorted(abundance, key=lambda gene: (-abundance[gene], gene))
    present = {name: [gene for gene in genes if gene in abundance] for name, genes in programmes.items()}
    for name, genes in present.items():
        if not genes:
            raise InputError("programmes", f"no gene of programme {name!r} is in the data", "at least one")
    forced = {gene for genes in present.values() for gene in genes}
    if size and len(forced) > size:
        raise InputError("size", f"{size} is less than the {len(forced)} genes of the programmes", "a larger panel")
    others = [gene for gene in ordered if gene not in forced]
    chosen = forced.union(others[: size - len(forced)] if size else others)
    absent = {name: [gene for gene in genes if gene not in abundance] for name, genes in programmes.items()}
    return Panel([gene for gene in ordered if gene in chosen], present, absent)


@step
def preprocess(
    *,
    raw: Input,
    panel: Input | None = None,
    cells: Output,
    vocabulary: Output,
    tiers: Input | None = None,
    filters: Filters,
    split: Split,
    held_out: HeldOut,
    seed: Seed = 0,
) -> None:
    """Filter cells and genes, normalise, take the logarithm (base 10), restrict to the panel, split.

    Parameters
    ----------
    raw
        Raw counts, a .h5ad file made by `raw2fig c2s reference` or by a simulator.
    panel
        The panel, a .json file made by `raw2fig c2s panel`; without it all genes are kept.
    cells
        The .h5ad file to write.
    vocabulary
        The .json file to write: the genes kept, in their order.
    tiers
        Held-out conditions, a YAML file; needs obs cell_type, cytokine and exposure, and makes obs tier.
    seed
        Seed of the split; raw counts with an obs column split keep their own.
    """
    min_genes, min_cells = filters.min_genes, filters.min_cells
    adata = read_counts(raw)
    genes = None if panel is None else panel_genes(panel, list(adata.var_names))
    kept_cells, kept_genes = kept(adata.X, list(adata.var_names), min_genes, min_cells, genes or ())
    for what, keep, limit in (("cells", kept_cells, min_genes), ("genes", kept_genes, min_cells)):
        other = "genes" if what == "cells" else "cells"
        logging.info("dropped %d of %d %s (fewer than %d %s)", (~keep).sum(), len(keep), what, limit, other)
    if not kept_cells.any() or not kept_genes.any():
        raise InputError(
            raw,
            f"{kept_cells.sum()} cells and {kept_genes.sum()} genes are left of {adata.n_obs} and {adata.n_vars}",
            f"cells with at least {min_genes} genes, genes in at least {min_cells} cells (min_genes, min_cells)",
        )
    adata = adata[kept_cells, kept_genes].copy()
    goal = filters.target or median_total(adata.X)
    adata.layers["counts"] = adata.X
    adata.X = normalise(adata.X, goal)
    if genes is not None:
        adata = adata[:, genes].copy()
        empty = np.diff(adata.X.indptr) == 0
        if empty.any():
            logging.info("dropped %d cells without a gene of the panel", empty.sum())
            adata = adata[~empty].copy()
    if "split" in adata.obs:
        check_split(adata.obs, raw)
    else:
        adata.obs["split"] = split_cells(list(adata.obs["cell_type"]), split.test_share, np.random.default_rng(seed))
    if tiers is not None:
        tier = np.array(assign_tiers(adata.obs, read_design(tiers, held_out.design)), dtype=object)
        adata.obs["tier"] = tier
        adata.obs["split"] = np.where(tier == SEEN, adata.obs["split"].to_numpy(dtype=object), "test")
    parameters = {"target": goal, "base": 10, "min_genes": min_genes, "min_cells": min_cells, "seed": seed}
    adata.uns["preprocess"] = parameters
    counted = adata.obs["split"].value_counts()
    logging.info(
        "%d cells (%d train, %d test) x %d genes, %.6g counts per cell",
        adata.n_obs,
        counted.get("train", 0),
        counted.get("test", 0),
        adata.n_vars,
        goal,
    )
    write_cells(adata, cells)
    write_json(list(adata.var_names), vocabulary)


def panel_genes(path: Path, there: Sequence[str]) -> list[str]:
    """Genes of the panel file `path` that are among `there`, in the panel's order; the log names the others.

    Raises `InputError` for a file without a list of genes, or when none is there.
    """
    read = read_json(path)
    genes = read.get("genes") if isinstance(read, dict) else None
    if not isinstance(genes, list) or not all(isinstance(gene, str) for gene in genes):
        raise InputError(path, "no list 'genes'", "a panel made by `raw2fig c2s panel`")
    known = set(there)
    present = [gene for gene in genes if gene in known]
    if not present:
        raise InputError(path, "no gene of the panel is in the data", "a panel made from the same genes")
    if len(present) < len(genes):
        logging.info("not in the data: %s", ", ".join(gene for gene in genes if gene not in known))
    return present


def kept(
    counts: sparse.csr_matrix, names: Sequence[str], min_genes: int, min_cells: int, panel: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Which cells have at least `min_genes` genes, and which genes are in at least `min_cells` of those
    cells or in the panel: two boolean arrays (n_cells), (n_genes)."""
    cells = counts.getnnz(axis=1) >= min_genes
    return cells, (counts[cells].getnnz(axis=0) >= min_cells) | np.isin(names, list(panel))

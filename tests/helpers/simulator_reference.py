"""References for the tests of the simulators: a synthetic one with the planted genes, and the real package data."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.sparse import csr_matrix

from raw2fig.papers.c2s.counts import merge_types, recover_pbmc68k, split_cells, write_cells
from raw2fig.tables import read_yaml

ROOT = Path(__file__).resolve().parents[2]
EFFECTS = ROOT / "config/c2s/effects.yaml"
PROGRAMMES = ROOT / "config/c2s/programmes.yaml"
TIERS = ROOT / "config/c2s/tiers.yaml"
TYPES = ("B", "DC", "Mono", "NK", "T")


@lru_cache
def gene_names() -> list[str]:
    """Every gene of the effects file and of the antigen programme, and 40 fillers."""
    effects = read_yaml(EFFECTS)
    names = {gene for genes in effects["cytokines"]["gene_sets"].values() for gene in genes}
    for entry in effects["tissue"]["interactions"]:
        names |= {entry["ligand"], entry["receptor"], *entry["targets"]}
    for entry in effects["drugs"]["classes"].values():
        names |= set(entry.get("genes", {}))
    names |= set(read_yaml(PROGRAMMES)["antigen_presentation"]["genes"])
    return sorted(names | {f"FILLER{i}" for i in range(40)})


def synthetic(types: tuple[str, ...] = TYPES, cells: int = 30, seed: int = 0) -> AnnData:
    """Poisson counts with a type profile and a factor per cell; `cells` of each type, 1 in 5 of them test cells."""
    rng = np.random.default_rng(seed)
    genes = gene_names()
    labels = np.repeat(np.array(types), cells)
    profile = rng.gamma(1.0, 4.0, (len(types), len(genes))) + 0.5
    depth = rng.uniform(0.5, 1.5, len(labels))
    counts = rng.poisson(np.repeat(profile, cells, axis=0) * depth[:, None])
    obs = pd.DataFrame({"cell_type": labels, "split": split_cells(list(labels), 0.2, rng)})
    obs.index = [f"cell{i}" for i in range(len(obs))]
    return AnnData(csr_matrix(counts.astype(np.float32)), obs=obs, var=pd.DataFrame(index=genes))


@lru_cache
def pbmc68k() -> AnnData:
    """The 687 cells of the package data in five types, with a split."""
    adata = merge_types(recover_pbmc68k())
    adata.var_names = adata.var_names.str.upper()
    adata.obs["split"] = split_cells(list(adata.obs["cell_type"]), 0.2, np.random.default_rng(0))
    return adata


def written(adata: AnnData, folder: Path) -> Path:
    """`adata` as a raw counts file in `folder`."""
    path = folder / "raw.h5ad"
    write_cells(adata, path)
    return path


def marked(adata: AnnData) -> AnnData:
    """`adata` with marks of where a count comes from: gene MARK-<type>-<split> only in those cells, test cells deep.

    Test cells get 20,000 counts of their mark, training cells 50, so library sizes tell the splits apart too.
    """
    groups = sorted(set(zip(adata.obs["cell_type"], adata.obs["split"], strict=True)))
    marks = np.zeros((adata.n_obs, len(groups)), dtype=np.float32)
    for column, (cell_type, split) in enumerate(groups):
        rows = (adata.obs["cell_type"] == cell_type) & (adata.obs["split"] == split)
        marks[rows.to_numpy(), column] = 20_000 if split == "test" else 50
    names = [f"MARK-{cell_type}-{split}".upper() for cell_type, split in groups]
    X = csr_matrix(np.hstack([adata.X.toarray(), marks]))
    return AnnData(X, obs=adata.obs, var=pd.DataFrame(index=[*adata.var_names, *names]))


def assert_no_leak(simulated: AnnData) -> None:
    """Cells simulated from a `marked` reference hold the mark of their own type and split, and no other.

    Every library size is one of the split: above 20,000 in the test split, below in the other.
    """
    columns = [i for i, name in enumerate(simulated.var_names) if name.startswith("MARK-")]
    for (cell_type, split), rows in simulated.obs.groupby(["cell_type", "split"], observed=True).indices.items():
        counts = simulated.X[rows]
        by_mark = np.asarray(counts[:, columns].sum(axis=0)).ravel()
        own = [simulated.var_names[i] for i in columns].index(f"MARK-{cell_type}-{split}".upper())
        assert by_mark[own] > 0
        assert np.delete(by_mark, own).sum() == 0
        library = np.asarray(counts.sum(axis=1)).ravel()
        assert (library > 20_000).all() if split == "test" else (library < 20_000).all()


def weighted_slope(x: np.ndarray, treated: np.ndarray, control: np.ndarray) -> tuple[float, float]:
    """Slope and mean of log(treated / control), shares of summed counts, on the planted `x`, over well-counted genes.

    Weights are inverse Poisson variances; the intercept takes up the constant by which a multinomial shifts all genes.
    """
    use = (treated > 10) & (control > 10)
    y = np.log(treated[use] / treated.sum()) - np.log(control[use] / control.sum())
    weight = 1 / (1 / treated[use] + 1 / control[use])
    weight /= weight.sum()
    centred = x[use] - weight @ x[use]
    spread = weight @ centred**2
    return float(weight @ (centred * y) / spread) if spread > 0 else float("nan"), float(weight @ y)

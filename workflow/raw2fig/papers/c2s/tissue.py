"""A simulated tissue for the spatial tasks: bands of cell types, and cells that signal to their neighbours.

Stands in for the spatial data of the paper (CosMx liver), which cannot be had offline. Cells are real cells re-drawn
by `simulate`, placed in a square; which type sits where, who signals to whom and what the signal does are planted
(config/c2s/effects.yaml, section tissue) and the same for every reference: types take part by rank and by what they
express, not by name.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import coordinate_split, write_cells
from raw2fig.papers.c2s.simulate import (
    Reference,
    assemble,
    condition_rng,
    draw,
    gene_vector,
    read_reference,
    read_section,
    well_formed,
)
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step

Prior = Literal["none", "cpdb", "biogrid", "both"]
"""What prior knowledge of interactions a prompt tells."""
PRIORS: dict[Prior, tuple[str, ...]] = {
    "none": (),
    "cpdb": ("cpdb",),
    "biogrid": ("biogrid",),
    "both": ("cpdb", "biogrid"),
}
"""Prior knowledge, and the lists of the effects file in it."""
SPACING = 0.6  # mean distance between cells, in radii: about nine cells within one radius


class Tissue(Record):
    """Size of the simulated tissue, and how strong its signals are."""

    cells: int = Field(
        ge=100,
        le=10_000_000,
        description="Number of cells that are placed; about 3 in 100, between the training and the test "
        "region, are dropped.",
    )
    effect_scale: float = Field(
        ge=0,
        le=100,
        description="Factor by which the planted shifts of ligands and targets are multiplied; 0 plants none.",
    )


class Neighbourhood(Record):
    """Which cells are neighbours."""

    radius: float = Field(gt=0, description="Radius of a neighbourhood, in the unit of the coordinates (micrometres).")


class Interaction(NamedTuple):
    """A planted interaction: senders near a receiver raise its targets."""

    ligand: str
    receptor: str
    targets: list[str]


class TissueEffects(NamedTuple):
    """The `tissue` section of the effects file; see the comments there."""

    niches: list[str]
    favoured: float
    receptor_share: float
    active_share: float
    patch_radii: float
    saturation: float
    ligand_fold: float
    target_fold: float
    interactions: list[Interaction]
    priors: dict[str, list[tuple[str, str]]]


def read_tissue_effects(effects: Path) -> TissueEffects:
    """Read the tissue effects (config/c2s/effects.yaml); InputError names what is missing or malformed."""
    section = read_section(effects, "tissue")
    with well_formed(effects, "tissue"):
        return TissueEffects(
            niches=[str(name) for name in section["niches"]],
            favoured=float(section["favoured"]),
            receptor_share=float(section["receptor_share"]),
            active_share=float(section["active_share"]),
            patch_radii=float(section["patch_radii"]),
            saturation=float(section["saturation"]),
            ligand_fold=float(section["ligand_fold"]),
            target_fold=float(section["target_fold"]),
            interactions=[
                Interaction(entry["ligand"], entry["receptor"], list(entry["targets"]))
                for entry in section["interactions"]
            ],
            priors={
                name: [(first, second) for first, second in section["priors"][name]] for name in ("cpdb", "biogrid")
            },
        )


def interaction_prior(effects: TissueEffects, prior: Prior, genes: Sequence[str]) -> list[tuple[str, str]]:
    """The gene pairs a model is told of: `prior` is none, cpdb, biogrid or both; pairs outside `genes` are left out.

    Each list is a partial and noisy view of what is planted: it lacks planted pairs and holds decoys.
    """
    known = set(genes)
    pairs = [pair for name in PRIORS[prior] for pair in effects.priors[name] if known.issuperset(pair)]
    return list(dict.fromkeys(pairs))


def planted_interactions(effects: TissueEffects, genes: Sequence[str]) -> list[Interaction]:
    """The interactions whose ligand, receptor and at least one target are among `genes`, with the targets there."""
    known = set(genes)
    return [
        Interaction(ligand, receptor, [gene for gene in targets if gene in known])
        for ligand, receptor, targets in effects.interactions
        if {ligand, receptor} <= known and known.intersection(targets)
    ]


def neighbourhoods(xy: np.ndarray, radius: float) -> csr_matrix:
    """Symmetric adjacency (n_cells, n_cells), True where two different cells are at most `radius` apart."""
    from scipy.spatial import cKDTree

    pairs = cKDTree(xy).query_pairs(radius, output_type="ndarray")
    rows, columns = np.concatenate([pairs, pairs[:, ::-1]]).T
    return csr_matrix((np.ones(len(rows), dtype=bool), (rows, columns)), shape=(len(xy), len(xy)))


def place_cells(n: int, radius: float, rng: np.random.Generator) -> np.ndarray:
    """Coordinates (n, 2) in micrometres: a square grid, `SPACING` radii wide, with each cell moved at random."""
    side = int(np.ceil(np.sqrt(n)))
    grid = np.stack(np.meshgrid(np.arange(side), np.arange(side)), axis=-1).reshape(-1, 2)
    chosen = np.sort(rng.choice(side * side, n, replace=False))
    return (grid[chosen] + 0.5 + rng.uniform(-0.3, 0.3, (n, 2))) * SPACING * radius


def niche_membership(xy: np.ndarray, radius: float, n_niches: int) -> np.ndarray:
    """Membership (n_cells, n_niches), rows sum to 1: wavy horizontal bands that blend over about one radius."""
    extent = np.ptp(xy, axis=0).max() + SPACING * radius
    height = xy[:, 1] + 0.06 * extent * np.sin(2 * np.pi * 2 * xy[:, 0] / extent)
    edges = np.arange(1, n_niches) * extent / n_niches
    above = 1 / (1 + np.exp(np.clip(-4 * (height[:, None] - edges) / radius, -50, 50)))
    return -np.diff(np.column_stack([np.ones(len(xy)), above, np.zeros(len(xy))]), axis=1)


def composition(n_types: int, n_niches: int, favoured: float) -> np.ndarray:
    """Shares of the types in each niche (n_niches, n_types): types are dealt to niches in turn.

    The types dealt to a niche share `favoured` of it, the other types the rest, evenly.
    """
    dealt = np.arange(n_types)[None, :] % n_niches == np.arange(n_niches)[:, None]
    own, other = dealt.sum(axis=1, keepdims=True), (~dealt).sum(axis=1, keepdims=True)
    shares = np.where(dealt, favoured / np.maximum(own, 1), (1 - favoured) / np.maximum(other, 1))
    return shares / shares.sum(axis=1, keepdims=True)


def patches(xy: np.ndarray, scale: float, share: float, rng: np.random.Generator) -> np.ndarray:
    """A random set of patches (n_cells,), True for `share` of the cells: a smooth random field above its quantile.

    The field is a sum of 64 plane waves, in the limit a Gaussian field with correlation length `scale`.
    """
    waves, phases = rng.normal(0, 1 / scale, (2, 64)), rng.uniform(0, 2 * np.pi, 64)
    field = np.cos(xy @ waves + phases).sum(axis=1)
    return field > np.quantile(field, 1 - share)


class Signals(NamedTuple):
    """What is planted in each cell of the tissue."""

    sent: np.ndarray  # bool (n_cells, n_interactions): an active sender
    received: np.ndarray  # (n_cells, n_interactions) in [0, 1]: share of the full shift of the targets


def plant_signals(
    xy: np.ndarray,
    cell_type: np.ndarray,
    reference: Reference,
    interactions: Sequence[Interaction],
    effects: TissueEffects,
    radius: float,
    rng: np.random.Generator,
) -> Signals:
    """Who sends and who receives each interaction, by training expression of ligand and receptor (see effects.yaml)."""
    near = neighbourhoods(xy, radius).astype(np.float64)
    means = np.stack([np.asarray(reference.sources[t, "train"].profiles.mean(axis=0))[0] for t in reference.types])
    column = {gene: i for i, gene in enumerate(reference.genes)}
    type_index = np.searchsorted(reference.types, cell_type)
    sent = np.zeros((len(xy), len(interactions)), dtype=bool)
    received = np.zeros(sent.shape)
    for k, interaction in enumerate(interactions):
        sender = int(means[:, column[interaction.ligand]].argmax())
        receptor = np.delete(means[:, column[interaction.receptor]], sender)
        threshold = effects.receptor_share * receptor.max() if len(receptor) else np.inf
        receives = means[:, column[interaction.receptor]] >= threshold
        receives[sender] = False
        active = patches(xy, effects.patch_radii * radius, effects.active_share, rng)
        sent[:, k] = active & (type_index == sender)
        strength = np.minimum(1, near @ sent[:, k] / effects.saturation)
        received[:, k] = np.where(receives[type_index], strength, 0)
    return Signals(sent, received)


@step
def simulate_tissue(
    *,
    raw: Input,
    effects: Input,
    spatial: Output,
    simulation: Tissue,
    neighbourhood: Neighbourhood,
    replicate: Seed,
) -> None:
    """Simulate a tissue section of cells of a reference, with niches and signals between neighbours.

    Parameters
    ----------
    raw
        Reference counts, from which the cells of each split are drawn (.h5ad: X integer counts, obs cell_type, split).
    effects
        Planted niches and interactions (YAML, section tissue).
    spatial
        Simulated counts (.h5ad: obs cell_type, niche, split; obsm spatial, sent, received: where cells lie, what
        was planted).
    """
    cells, radius = simulation.cells, neighbourhood.radius
    table = read_tissue_effects(effects)
    reference = read_reference(raw, replicate)
    interactions = planted_interactions(table, reference.genes)
    if not interactions:
        raise InputError(raw, "no planted interaction has its genes in the data", "gene symbols as in the effects file")
    rng = condition_rng(replicate, "tissue")
    xy = place_cells(cells, radius, rng)
    membership = niche_membership(xy, radius, len(table.niches))
    shares = membership @ composition(len(reference.types), len(table.niches), table.favoured)
    below = shares.cumsum(axis=1)[:, :-1] < rng.random(cells)[:, None]
    cell_type = np.array(reference.types)[below.sum(axis=1)]
    signals = plant_signals(xy, cell_type, reference, interactions, table, radius, rng)

    ligands = np.stack([gene_vector({i.ligand: table.ligand_fold}, reference.genes) for i in interactions])
    targets = np.stack(
        [gene_vector(dict.fromkeys(i.targets, table.target_fold), reference.genes) for i in interactions]
    )
    split = coordinate_split(xy, radius)
    blocks, order = [], []
    for name in reference.types:
        for part in ("train", "test"):
            rows = np.flatnonzero((cell_type == name) & (split == part))
            fold = simulation.effect_scale * (signals.sent[rows] @ ligands + signals.received[rows] @ targets)
            counts = draw(
                reference.sources[name, part], fold, len(rows), condition_rng(replicate, "tissue", name, part)
            )
            blocks.append((counts, {"cell_type": name, "split": part}))
            order.append(rows)
    placed = np.concatenate(order)
    tissue = assemble(blocks, reference.genes)
    tissue.obs["niche"] = np.array(table.niches)[membership[placed].argmax(axis=1)]
    tissue.obsm["spatial"] = xy[placed]
    tissue.obsm["sent"] = signals.sent[placed].astype(np.float64)
    tissue.obsm["received"] = signals.received[placed]
    tissue.uns["interactions"] = np.array([f"{i.ligand}-{i.receptor}" for i in interactions])
    write_cells(tissue, spatial)

"""The cytokine experiment in miniature: real cells with planted responses (after Dong et al. 2023).

Five cytokines act on gene sets; a type's sensitivity and the exposure scale the whole response, and a pair acts as
0.8 times the sum of its members plus a synergy on some interferon genes. The planted vector is exact and written
beside the cells, so that what a model predicts can be compared with what is true.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.simulate import (
    Block,
    assemble,
    condition_rng,
    draw,
    gene_vector,
    numbers,
    read_reference,
    read_section,
    require_genes,
    well_formed,
)
from raw2fig.papers.c2s.tiers import CONTROL, cytokine_name
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_json


class Treatment(Record):
    """How many cytokine-treated cells are simulated, and how strong the effects are."""

    n_train: int = Field(ge=1, description="Number of cells of each condition that are drawn from training cells.")
    n_test: int = Field(
        ge=1,
        description="Number of cells of each condition that are drawn from test cells, and of fresh cells for "
        "the oracle.",
    )
    effect_scale: float = Field(
        ge=0, le=100, description="Factor by which all planted effects are multiplied; 0 plants none."
    )


class CytokineEffects(NamedTuple):
    """The `cytokines` section of the effects file, log fold changes by gene."""

    weights: dict[str, dict[str, float]]  # cytokine -> gene -> log fold change at sensitivity 1 and exposure 1
    synergy: dict[str, dict[str, float]]  # pair (members sorted, joined by +) -> gene -> additional log fold change
    pair_scale: float
    sensitivity: dict[str, float]  # of cell types; any other type: default_sensitivity
    default_sensitivity: float
    exposure: dict[str, float]


def read_effects(effects: Path) -> CytokineEffects:
    """Read the cytokine effects (config/c2s/effects.yaml); InputError names what is missing or malformed."""
    section = read_section(effects, "cytokines")
    with well_formed(effects, "cytokines"):
        gene_sets = {name: numbers(genes) for name, genes in section["gene_sets"].items()}
        pairs = section["pairs"]
        read = CytokineEffects(
            weights={name: combine(numbers(sets), gene_sets) for name, sets in section["single"].items()},
            synergy={
                pair: combine({pairs["synergy_set"]: strength}, gene_sets)
                for pair, strength in numbers(pairs["synergy"]).items()
            },
            pair_scale=float(pairs["scale"]),
            sensitivity=numbers(section["sensitivity"]),
            default_sensitivity=float(section["default_sensitivity"]),
            exposure=numbers(section["exposure"]),
        )
    for pair in read.synergy:
        members = pair.split("+")
        if len(members) != 2 or pair != cytokine_name(pair) or not set(members) <= read.weights.keys():
            raise InputError(effects, f"pair {pair!r}", "two cytokines of 'single', sorted, joined by +")
    return read


def stimuli(effects: CytokineEffects) -> list[str]:
    """Names of all stimulations without the control: the single cytokines, then the pairs."""
    return [*effects.weights, *effects.synergy]


def log_fold_change(
    cell_type: str, cytokine: str, exposure: str, effects: CytokineEffects, genes: Sequence[str]
) -> np.ndarray:
    """The planted log fold change (n_genes,), natural logarithm, against untreated cells of the type.

    f = sensitivity(type) * exposure * w(cytokine) for one cytokine,
    f = sensitivity(type) * exposure * (0.8 * (w(a) + w(b)) + synergy(a+b)) for a pair, 0 for "none".
    Unknown types have the default sensitivity. InputError for an unknown cytokine or exposure.
    """
    if cytokine == CONTROL:
        return np.zeros(len(genes))
    members = cytokine_name(cytokine).split("+")
    unknown = [name for name in members if name not in effects.weights]
    if unknown or len(members) > 2 or len(set(members)) != len(members):
        raise InputError("cytokine", f"{cytokine!r}", f"one or two of {', '.join(effects.weights)} joined by +")
    if exposure not in effects.exposure:
        raise InputError("exposure", f"{exposure!r}", f"one of {', '.join(effects.exposure)}")
    response = np.sum([gene_vector(effects.weights[name], genes) for name in members], axis=0)
    if len(members) == 2:
        synergy = gene_vector(effects.synergy.get("+".join(members), {}), genes)
        response = effects.pair_scale * response + synergy
    sensitivity = effects.sensitivity.get(cell_type, effects.default_sensitivity)
    return sensitivity * effects.exposure[exposure] * response


@step
def simulate_cytokines(
    *,
    raw: Input,
    effects: Input,
    cytokine: Output,
    oracle: Output,
    truth: Output,
    simulation: Treatment,
    replicate: Seed,
) -> None:
    """Simulate cytokine-treated and untreated cells of every type of a reference.

    Parameters
    ----------
    raw
        Reference counts, from which the cells of each split are drawn (.h5ad: X integer counts, obs cell_type, split).
    effects
        Planted effects (YAML, section cytokines).
    cytokine
        Simulated counts (.h5ad: obs cell_type, cytokine, exposure, split; untreated cells have "none").
    oracle
        Fresh cells of the same conditions, made from training cells: what a model that knows the truth would predict
        (.h5ad).
    truth
        Planted log fold change of each condition, non-zero genes only (.json).
    """
    from raw2fig.papers.c2s.counts import write_cells

    table = read_effects(effects)
    reference = read_reference(raw, replicate)
    require_genes(table.weights, reference.genes, raw)
    treatments = [(name, exposure) for name in stimuli(table) for exposure in table.exposure]
    cells: list[Block] = []
    fresh: list[Block] = []
    planted = []
    for cell_type in reference.types:
        for name, exposure in [(CONTROL, CONTROL), *treatments]:
            condition = {"cell_type": cell_type, "cytokine": name, "exposure": exposure}
            fold = simulation.effect_scale * log_fold_change(cell_type, name, exposure, table, reference.genes)
            # (destination, split of the source cells, label): the oracle has seen no test cell
            parts = [
                (cells, "train", "train", simulation.n_train),
                (cells, "test", "test", simulation.n_test),
                (fresh, "train", "oracle", simulation.n_test),
            ]
            for destination, part, label, n in parts:
                rng = condition_rng(replicate, *condition.values(), label)
                counts = draw(reference.sources[cell_type, part], fold, n, rng)
                destination.append((counts, {**condition, "split": part}))
            nonzero = {reference.genes[i]: float(fold[i]) for i in np.flatnonzero(fold)}
            planted.append({**condition, "log_fold": nonzero})
    write_cells(assemble(cells, reference.genes), cytokine)
    write_cells(assemble(fresh, reference.genes), oracle)
    write_json({"effect_scale": simulation.effect_scale, "conditions": planted}, truth)


def combine(strength: Mapping[str, float], gene_sets: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Log fold change by gene: sum over gene sets of the strength on the set times the gene's weight in it."""
    combined: dict[str, float] = {}
    for name, factor in strength.items():
        for gene, weight in gene_sets[name].items():
            combined[gene] = combined.get(gene, 0.0) + factor * weight
    return combined

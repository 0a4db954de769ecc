"""The drug screen in miniature: planted drug effects in two interferon contexts (sheet sections 3.9 and 9).

72 made-up drugs in six target classes. One class raises the antigen programme only where there is a low interferon
tone, two raise it anywhere, three act on other genes. The programme stands in for antigen presentation: on
pbmc68k_reduced it is a surrogate without the genes of MHC class I.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.c2s.cytokines import CytokineEffects, read_effects
from raw2fig.papers.c2s.screen import NEUTRAL, POSITIVE, VEHICLE
from raw2fig.papers.c2s.simulate import (
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
from raw2fig.step import Input, Output, step
from raw2fig.tables import write_json


class DrugClass(NamedTuple):
    """What the drugs of a class do, as log fold changes at strength 1."""

    programme: dict[str, float]  # context -> change of the antigen programme
    genes: dict[str, float]  # gene -> change in both contexts


class Drug(NamedTuple):
    """One drug of the screen."""

    name: str
    drug_class: str
    strength: float
    seen: bool  # False: no training cells


class DrugEffects(NamedTuple):
    """The `drugs` section of the effects file."""

    classes: dict[str, DrugClass]
    drugs: list[Drug]
    low_interferon: dict[str, float]  # cytokine -> share of its effect in the positive context


def read_drug_effects(effects: Path) -> DrugEffects:
    """Read the drug effects (config/c2s/effects.yaml); InputError names what is missing or malformed.

    Drugs are named D01, D02, ... in turn over the classes, so that a name says nothing of the class; strengths are
    evenly spaced within a class and the last drug of each class is the unseen one.
    """
    section = read_section(effects, "drugs")
    with well_formed(effects, "drugs"):
        classes = {
            name: DrugClass(
                {context: float(entry[context]) for context in (NEUTRAL, POSITIVE)}, numbers(entry.get("genes", {}))
            )
            for name, entry in section["classes"].items()
        }
        per_class, (weakest, strongest) = int(section["drugs_per_class"]), section["strength"]
        # the unseen drug has the middle strength: neither the easiest nor the hardest of its class
        seen_strengths = np.linspace(float(weakest), float(strongest), per_class - 1)
        strengths = [*seen_strengths, float(seen_strengths.mean())]
        drugs = [
            Drug(f"D{i * len(classes) + j + 1:02d}", name, float(strengths[i]), i < per_class - 1)
            for i in range(per_class)
            for j, name in enumerate(classes)
        ]
        return DrugEffects(classes, drugs, numbers(section["low_interferon"]))


def drug_fold_change(
    drug: Drug, context: str, effects: DrugEffects, programme: Sequence[str], genes: Sequence[str]
) -> np.ndarray:
    """The planted log fold change (n_genes,) of `drug` against vehicle in the same context."""
    kind = effects.classes[drug.drug_class]
    antigen = gene_vector(dict.fromkeys(programme, kind.programme[context]), genes)
    return drug.strength * (antigen + gene_vector(kind.genes, genes))


def context_fold_change(
    cell_type: str, context: str, effects: DrugEffects, cytokines: CytokineEffects, genes: Sequence[str]
) -> np.ndarray:
    """The planted log fold change (n_genes,) of vehicle cells: 0 in the neutral, low interferon in the positive one."""
    if context == NEUTRAL:
        return np.zeros(len(genes))
    tone = np.sum(
        [share * gene_vector(cytokines.weights[name], genes) for name, share in effects.low_interferon.items()], axis=0
    )
    return cytokines.sensitivity.get(cell_type, cytokines.default_sensitivity) * tone


def read_programme(programmes: Path, name: str, genes: Sequence[str]) -> list[str]:
    """The genes of programme `name` that are among `genes`; InputError when there is no such programme or gene."""
    from raw2fig.papers.c2s.preprocess import read_programmes

    listed = read_programmes(programmes)
    if name not in listed:
        raise InputError(programmes, f"no programme {name!r}", f"one of {', '.join(listed)}")
    require_genes({name: listed[name]}, genes, programmes)
    return [gene for gene in genes if gene in set(listed[name])]


@step
def simulate_drugs(
    *,
    raw: Input,
    effects: Input,
    programmes: Input,
    drugs: Output,
    truth: Output,
    programme: str = "antigen_presentation",
    n_train: int = 24,
    n_test: int = 16,
    effect_scale: float = 1.0,
    seed: int = 0,
) -> None:
    """Simulate a drug screen: every drug and vehicle on every cell type in a neutral and a low-interferon context.

    Parameters
    ----------
    raw
        reference counts (.h5ad: X integer counts, obs cell_type and split); source of each split's cells
    effects
        planted effects (YAML, sections drugs and cytokines)
    programmes
        gene programmes (YAML: name, then source and genes)
    drugs
        simulated counts (.h5ad: obs cell_type, drug, drug_class, context, seen, split; "vehicle" = control)
    truth
        class, strength, planted hit and log fold change of the programme in each context of every drug (.json)
    programme
        name of the antigen programme
    n_train
        training cells per drug, context and cell type (none of an unseen drug)
    n_test
        test cells per drug, context and cell type
    effect_scale
        multiplies the effects of the drugs, not the interferon tone; 0 gives the null
    seed
        seed of every draw
    """
    from raw2fig.papers.c2s.counts import write_cells

    table, cytokines = read_drug_effects(effects), read_effects(effects)
    reference = read_reference(raw, seed)
    antigen = read_programme(programmes, programme, reference.genes)
    require_genes({name: kind.genes for name, kind in table.classes.items() if kind.genes}, reference.genes, raw)
    blocks = []
    for cell_type in reference.types:
        for context in (NEUTRAL, POSITIVE):
            tone = context_fold_change(cell_type, context, table, cytokines, reference.genes)
            for drug in (None, *table.drugs):
                name = drug.name if drug else VEHICLE
                change = drug_fold_change(drug, context, table, antigen, reference.genes) if drug else 0.0
                labels = {
                    "cell_type": cell_type,
                    "drug": name,
                    "drug_class": drug.drug_class if drug else VEHICLE,
                    "context": context,
                    "seen": drug.seen if drug else True,
                }
                for part, n in (("train", n_train if labels["seen"] else 0), ("test", n_test)):
                    rng = condition_rng(seed, cell_type, name, context, part)
                    counts = draw(reference.sources[cell_type, part], tone + effect_scale * change, n, rng)
                    blocks.append((counts, {**labels, "split": part}))
    write_cells(assemble(blocks, reference.genes), drugs)
    write_json(
        {
            "effect_scale": effect_scale,
            "programme": antigen,
            "drugs": {
                drug.name: {
                    "drug_class": drug.drug_class,
                    "strength": drug.strength,
                    "seen": drug.seen,
                    "planted": is_conditional(table.classes[drug.drug_class]),
                    "programme_fold": {
                        context: effect_scale * drug.strength * fold
                        for context, fold in table.classes[drug.drug_class].programme.items()
                    },
                }
                for drug in table.drugs
            },
        },
        truth,
    )


def is_conditional(kind: DrugClass) -> bool:
    """Whether the class raises the programme in the positive context only: what a screen should find."""
    return kind.programme[POSITIVE] > 0 and kind.programme[NEUTRAL] == 0

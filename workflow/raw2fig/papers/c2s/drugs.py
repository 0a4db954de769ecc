"""The drug screen in miniature: planted drug effects in two interferon contexts.

72 made-up drugs in six target classes. One class raises the antigen programme only where there is a low interferon
tone, two raise it anywhere, three act on other genes. The programme stands in for antigen presentation: on
pbmc68k_reduced it is a surrogate without the genes of MHC class I.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np

from raw2fig.papers.c2s.cytokines import CytokineEffects, read_effects
from raw2fig.papers.c2s.programmes import NEUTRAL, POSITIVE, VEHICLE, Scored, read_programme
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
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_json


class DrugTreatment(Record):
    """How many drug-treated cells are simulated, and how strong the effects are."""

    n_train: int = Field(
        ge=0, description="Number of training cells of each drug, context and cell type; unseen drugs have none."
    )
    n_test: int = Field(ge=1, description="Number of test cells of each drug, context and cell type.")
    effect_scale: float = Field(
        ge=0,
        le=100,
        description="Factor by which the effects of drugs are multiplied, but not the interferon tone; 0 plants none.",
    )


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


@step
def simulate_drugs(
    *,
    raw: Input,
    effects: Input,
    programmes: Input,
    drugs: Output,
    truth: Output,
    simulation: DrugTreatment,
    scored: Annotated[Scored, At("screen.scored")],
    replicate: Seed,
) -> None:
    """Simulate a drug screen: every drug and vehicle on every cell type in a neutral and a low-interferon context.

    Parameters
    ----------
    raw
        Reference counts, from which the cells of each split are drawn (.h5ad: X integer counts, obs cell_type, split).
    effects
        Planted effects (YAML, sections drugs and cytokines).
    programmes
        Gene programmes (YAML: name, then source and genes).
    drugs
        Simulated counts (.h5ad: obs cell_type, drug, drug_class, context, seen, split; untreated cells have "vehicle").
    truth
        For every drug its class, its strength, whether it is a planted hit, and the log fold change of the programme in
        each context (.json).
    """
    from raw2fig.papers.c2s.counts import write_cells

    effect_scale = simulation.effect_scale
    table, cytokines = read_drug_effects(effects), read_effects(effects)
    reference = read_reference(raw, replicate)
    antigen = read_programme(programmes, scored.programme, reference.genes)
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
                for part, n in (
                    ("train", simulation.n_train if labels["seen"] else 0),
                    ("test", simulation.n_test),
                ):
                    rng = condition_rng(replicate, cell_type, name, context, part)
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

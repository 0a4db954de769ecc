"""Prompt families (C2S-Scale, Table 1 and Methods; the wordings are ours).

A family is a list of (prompt, response) templates; one is drawn for each sample. Two styles say the same thing:
`natural` for pretrained language models, `terse` for the tiny models of the laptop, whose sequences must stay short.
Every response ends with a period. `{n}` is the true number of genes, also where a cell has fewer than K.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np

from raw2fig.settings import Field, Record

Style = Literal["terse", "natural"]


class Wording(Record):
    """How prompts are worded."""

    organism: str = Field(min_length=1, description="Name of the organism in the prompts.")
    style: Style = Field(
        description="Wording of the prompts: natural, for pretrained language models, or terse, for tiny models."
    )


class Template(NamedTuple):
    """Prompt and response with named fields in braces."""

    prompt: str
    response: str


FAMILIES: dict[Style, dict[str, list[Template]]] = {
    "terse": {
        "cell_language": [Template("a {organism} cell:", "{cell}."), Template("cell:", "{cell}.")],
        "annotation": [
            Template("cell: {cell}. cell type?", "{cell_type}."),
            Template("{cell}. which type?", "{cell_type}."),
        ],
        "generation": [
            Template("cell type {cell_type}. cell:", "{cell}."),
            Template("a {cell_type} cell:", "{cell}."),
        ],
        "multi_cell_language": [Template("{count} cells:", "{cells}")],
        "tissue_annotation": [Template("cells: {cells} tissue?", "{tissue}.")],
        "tissue_generation": [Template("tissue {tissue}. {count} cells:", "{cells}")],
        "cell_types_annotation": [Template("cells: {cells} cell types?", "{cell_types}.")],
        "cell_types_generation": [Template("cell types {cell_types}. cells:", "{cells}")],
        "gene_set_naming": [Template("genes: {genes}. programme?", "{programme}.")],
        "gene_set_enumeration": [Template("programme {programme}. genes:", "{genes}.")],
        "perturbation_generation": [Template("type {cell_type} stim {stimulus} {exposure} cell:", "{cell}.")],
        "perturbation_labels": [Template("{cell}. labels?", "type {cell_type} stim {stimulus} {exposure}.")],
        "perturbation_paired": [
            Template("type {cell_type} stim {stimulus} {exposure} control: {control}. cell:", "{cell}.")
        ],
        "niche": [Template("{cell}. niche?", "{niche}.")],
        "neighbour": [Template("{interactions}neighbours: {cells} further cell:", "{cell}.")],
        "same_neighbourhood": [Template("{interactions}cells: {cells} same neighbourhood?", "{answer}.")],
        "same_niche": [Template("cells: {cells} same niche?", "{answer}.")],
        "drug_response": [Template("{context} {cell_type} cell: {control}. drug {drug} {drug_class}:", "{cell}.")],
    },
    "natural": {
        "cell_language": [
            Template(
                "Write the {n} most expressed genes of a {organism} cell, highest first.\nCell sentence:",
                "{cell}.",
            ),
            Template(
                "A {organism} cell was sequenced. Name its top {n} genes in descending order of expression.\nCell sentence:",
                "{cell}.",
            ),
        ],
        "annotation": [
            Template(
                "The {n} most expressed genes of a {organism} cell follow, highest first. Name its cell type.\nCell sentence: {cell}.\nCell type:",
                "{cell_type}.",
            ),
            Template(
                "From these {n} genes of one {organism} cell, in descending order of expression, tell what type of cell it is.\nCell sentence: {cell}.\nThe cell type is:",
                "{cell_type}.",
            ),
            Template(
                "Which cell type has this ranking of its top {n} genes ({organism})?\nCell sentence: {cell}.\nAnswer:",
                "{cell_type}.",
            ),
        ],
        "generation": [
            Template(
                "Write the {n} most expressed genes, highest first, of a {organism} cell of type {cell_type}.\nCell sentence:",
                "{cell}.",
            ),
            Template(
                "Imagine a {organism} {cell_type}. Rank its top {n} genes by expression.\nCell sentence:",
                "{cell}.",
            ),
        ],
        "multi_cell_language": [
            Template(
                "Write {count} {organism} cells of one sample, each as its {n} most expressed genes.\nCells:",
                "{cells}",
            ),
        ],
        "tissue_annotation": [
            Template(
                "Here are {count} {organism} cells of one sample, each as its {n} most expressed genes. Name the tissue.\n{cells}\nTissue:",
                "{tissue}.",
            ),
        ],
        "tissue_generation": [
            Template(
                "Write {count} {organism} cells from {tissue}, each as its {n} most expressed genes.\nCells:",
                "{cells}",
            ),
        ],
        "cell_types_annotation": [
            Template(
                "Here are {count} {organism} cells, each as its {n} most expressed genes. Name the cell type of each, in order.\n{cells}\nCell types:",
                "{cell_types}.",
            ),
        ],
        "cell_types_generation": [
            Template(
                "Write one {organism} cell, as its {n} most expressed genes, for each of these cell types in order: {cell_types}.\nCells:",
                "{cells}",
            ),
        ],
        "gene_set_naming": [
            Template(
                "Name the gene programme to which these genes belong.\nGenes: {genes}.\nProgramme:",
                "{programme}.",
            )
        ],
        "gene_set_enumeration": [Template("List the genes of the programme {programme}.\nGenes:", "{genes}.")],
        "perturbation_generation": [
            Template(
                "A {organism} {cell_type} was exposed to {stimulus} ({exposure}). Rank its top {n} genes by expression.\nCell sentence:",
                "{cell}.",
            ),
        ],
        "perturbation_labels": [
            Template(
                "The {n} most expressed genes of a {organism} cell follow. Tell its cell type, its stimulation and the exposure.\nCell sentence: {cell}.\nLabels:",
                "{cell_type}, {stimulus}, {exposure}.",
            ),
        ],
        "perturbation_paired": [
            Template(
                "Below is an untreated {organism} {cell_type} as its most expressed genes. Write the {n} top genes of such a cell after {stimulus} ({exposure}).\nControl cell sentence: {control}.\n\nPerturbed cell sentence:",
                "{cell}.",
            ),
        ],
        "niche": [
            Template(
                "Name the tissue niche of this {organism} cell, given as its {n} most expressed genes.\nCell sentence: {cell}.\nNiche:",
                "{niche}.",
            )
        ],
        "neighbour": [
            Template(
                "{interactions}These {organism} cells are neighbours in a tissue. Write one more cell of the neighbourhood as its {n} most expressed genes.\n{cells}\nCell sentence:",
                "{cell}.",
            ),
        ],
        "same_neighbourhood": [
            Template(
                "{interactions}Do these {organism} cells come from one neighbourhood of a tissue? Answer yes or no.\n{cells}\nAnswer:",
                "{answer}.",
            ),
        ],
        "same_niche": [
            Template(
                "Do these {organism} cells come from one niche of a tissue? Answer yes or no.\n{cells}\nAnswer:",
                "{answer}.",
            )
        ],
        "drug_response": [
            Template(
                "Below is an untreated {organism} {cell_type} in a {context} context as its most expressed genes. Write the {n} top genes of such a cell under {drug} (class {drug_class}).\nControl cell sentence: {control}.\n\nTreated cell sentence:",
                "{cell}.",
            ),
        ],
    },
}


def draw(style: Style, family: str, fields: Mapping[str, object], rng: np.random.Generator) -> tuple[str, str]:
    """Prompt and response of one sample, with a wording drawn from `rng`. Raises `KeyError` for a missing field."""
    templates = FAMILIES[style][family]
    template = templates[int(rng.integers(len(templates)))]
    return template.prompt.format_map(fields), template.response.format_map(fields)


def cell_block(sentences: Sequence[str], style: Style) -> str:
    """Several cells in one text, each ending with a period (numbered lines in the natural style)."""
    if style == "terse":
        return " ".join(f"{sentence}." for sentence in sentences)
    return "\n".join(f"Cell {number}:\n{sentence}." for number, sentence in enumerate(sentences, 1))


def interaction_block(pairs: Sequence[tuple[str, str]], style: Style) -> str:
    """Statements that the product of one gene binds that of another; empty without pairs."""
    if not pairs:
        return ""
    if style == "terse":
        return " ".join(f"{first} binds {second}." for first, second in pairs) + " "
    return " ".join(f"The product of {first} binds the product of {second}." for first, second in pairs) + "\n"

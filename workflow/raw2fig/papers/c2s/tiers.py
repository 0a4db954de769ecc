"""Held-out conditions of the cytokine benchmark.

Tier 1 is a cytokine (or pair) that training never sees; tier 2 a cytokine that it never sees for one cell
type; tier 3 one that it never sees for one cell type and one exposure. Every other condition is "seen".
Pairs are written with their members sorted and joined by "+"; the control is "none" and always seen.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from raw2fig.errors import InputError
from raw2fig.papers.c2s.counts import require_column
from raw2fig.settings import Field, Record
from raw2fig.tables import read_yaml

if TYPE_CHECKING:
    from pandas import DataFrame

SEEN = "seen"
TIERS = ("tier1", "tier2", "tier3")
CONTROL = "none"


class HeldOut(Record):
    """What training never sees."""

    design: str = Field(min_length=1, description="Name of the design in the file of held-out conditions.")


class Design(NamedTuple):
    """What is held out: cytokines; (cell type, cytokine); (cell type, cytokine, exposure)."""

    tier1: frozenset[str]
    tier2: frozenset[tuple[str, str]]
    tier3: frozenset[tuple[str, str, str]]


def cytokine_name(name: str) -> str:
    """The one way of writing a cytokine or pair: members sorted, joined by "+" ("IL6 + IFNB" →
    "IFNB+IL6")."""
    return "+".join(sorted(part.strip() for part in name.split("+")))


def read_design(path: Path, name: str) -> Design:
    """The design `name` of a tiers file (config/c2s/tiers.yaml).

    Raises `InputError` when the file lacks the design, an entry is malformed, the control is held out, or a
    tier 3 entry is held out by another tier already.
    """
    designs = read_yaml(path)
    if not isinstance(designs, dict) or name not in designs:
        there = ", ".join(designs) if isinstance(designs, dict) else "none"
        raise InputError(path, f"no design {name!r}", f"one of those there are: {there}")
    entries = designs[name]
    expected = "tier1: [cytokine], tier2: {type: cytokine}, tier3: {type: {cytokine: ..., exposure: ...}}"
    try:
        design = Design(
            frozenset(cytokine_name(cytokine) for cytokine in entries["tier1"]),
            frozenset((kind, cytokine_name(cytokine)) for kind, cytokine in entries["tier2"].items()),
            frozenset(
                (kind, cytokine_name(entry["cytokine"]), str(entry["exposure"]))
                for kind, entry in entries["tier3"].items()
            ),
        )
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(path, f"design {name!r} is malformed ({error!r})", expected) from error
    held_out = design.tier1 | {entry[1] for entry in [*design.tier2, *design.tier3]}
    if CONTROL in held_out:
        raise InputError(path, f"design {name!r} holds out the control", "cytokines other than 'none'")
    for kind, cytokine, exposure in sorted(design.tier3):
        if cytokine in design.tier1 or (kind, cytokine) in design.tier2:
            raise InputError(
                path, f"tier 3 entry {kind} {exposure} {cytokine} is in another tier already", "disjoint tiers"
            )
    return design


def tier_of(cell_type: str, cytokine: str, exposure: str, design: Design) -> str:
    """ "tier1", "tier2", "tier3" or "seen" for one condition; the first tier that holds it out."""
    cytokine = cytokine_name(cytokine)
    if cytokine in design.tier1:
        return "tier1"
    if (cell_type, cytokine) in design.tier2:
        return "tier2"
    if (cell_type, cytokine, exposure) in design.tier3:
        return "tier3"
    return SEEN


def assign_tiers(obs: "DataFrame", design: Design) -> list[str]:
    """The tier of each cell, from the columns cell_type, cytokine and exposure of `obs`.

    Held-out conditions that the data lack are ignored, with a line in the log. Raises `InputError` for a
    missing column or label.
    """
    columns = ("cell_type", "cytokine", "exposure")
    for column in columns:
        require_column(obs, column, "tiers")
    triples = list(zip(*(obs[column].astype(str) for column in columns), strict=True))
    tiers = {triple: tier_of(triple[0], triple[1], triple[2], design) for triple in set(triples)}
    there = {(kind, cytokine_name(cytokine), exposure) for kind, cytokine, exposure in tiers}
    absent = {
        "tier1": sorted(design.tier1 - {cytokine for _, cytokine, _ in there}),
        "tier2": sorted(" ".join(entry) for entry in design.tier2 - {(kind, name) for kind, name, _ in there}),
        "tier3": sorted(" ".join(entry) for entry in design.tier3 - there),
    }
    for tier, entries in absent.items():
        if entries:
            logging.info("held out in %s but not in the data: %s", tier, ", ".join(entries))
    return [tiers[triple] for triple in triples]

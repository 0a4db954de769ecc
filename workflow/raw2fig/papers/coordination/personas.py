"""Personas: one sentence for each, put together from tables of attributes (coordination.md, section 3.2)."""

from __future__ import annotations

from pathlib import Path
from string import Formatter

import numpy as np

from raw2fig.errors import InputError
from raw2fig.settings import Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json, read_yaml, write_json


@step
def personas(*, attributes: Input, personas: Output, replicate: Seed) -> None:
    """Draw the personas of the game: no two share a name, a role or any other attribute.

    Parameters
    ----------
    attributes
        YAML file: personas (their number), ages (lowest and highest), sentence with a place {name} for each
        table, and the tables.
    personas
        JSON list of sentences; a persona's number is its place.
    """
    given = read_yaml(attributes)
    needed = ("personas", "ages", "sentence", "tables")
    if not isinstance(given, dict) or set(needed) - set(given):
        raise InputError(attributes, "is not a description of personas", f"a mapping with {', '.join(needed)}")
    number, tables = given["personas"], given["tables"]
    places = {name for _, name, _, _ in Formatter().parse(given["sentence"]) if name}
    if places != {"age", *tables}:
        raise InputError(attributes, f"the sentence has places {sorted(places)}", f"{sorted({'age', *tables})}")
    for name, values in tables.items():
        if len(set(values)) < number:
            raise InputError(attributes, f"table {name} has {len(set(values))} entries", f"one for each of {number}")
    rng = np.random.default_rng(replicate)
    drawn = {name: rng.permutation(values)[:number].tolist() for name, values in tables.items()}
    youngest, oldest = given["ages"]
    drawn["age"] = rng.integers(youngest, oldest, number, endpoint=True).tolist()
    rows = (dict(zip(drawn, values, strict=True)) for values in zip(*drawn.values(), strict=True))
    write_json([given["sentence"].format(**row) for row in rows], personas)


def read_personas(path: Path) -> list[str]:
    """Sentences of the personas. Raises `InputError` unless they are different single lines."""
    found = read_json(path)
    if not isinstance(found, list) or not all(isinstance(text, str) and text.strip() for text in found):
        raise InputError(path, "is not a list of personas", "a JSON list of sentences")
    if len(set(found)) < len(found) or any("\n" in text for text in found):
        raise InputError(path, "a persona comes twice or has several lines", "different single lines")
    return found

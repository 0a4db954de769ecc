"""The configuration: read, checked as a whole by the records of all papers, and a step's sections of it."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import create_model, model_validator

from raw2fig.errors import InputError
from raw2fig.resources import Resources
from raw2fig.settings import Field, Record, impossible, read, record_at
from raw2fig.tables import read_yaml

PAPERS = Path(__file__).parent / "papers"
SHIPPED = Path(__file__).parents[2] / "config/config.yaml"
"""The only place where settings have values; overlays change some of them."""


class Places(Record):
    """Where things lie."""

    # it stands unquoted in shell lines
    results: str = Field(pattern=r"^[\w./@%+=:,-]+$", description="Folder of everything that a run makes.")


class Common(Record):
    """The parts of a configuration that are not sections of papers."""

    scale: Literal["laptop", "smoke", "overnight", "gpu", "paper"] = Field(description="Name of the scale.")
    pathvars: Places
    resources: Resources

    @model_validator(mode="before")
    @classmethod
    def _no_dots(cls, values: Any) -> Any:
        places = values.get("pathvars") if isinstance(values, Mapping) else None
        results = places.get("results") if isinstance(places, Mapping) else None
        if isinstance(results, str) and os.path.normpath(results) in (".", "..", "/"):
            raise impossible("pathvars.results", f"is {results!r}", "a folder of its own, such as results")
        return values


@cache
def papers() -> dict[str, type[Record]]:
    """Paper → the record of its section of the configuration."""
    keys = sorted(path.parent.name for path in PAPERS.glob("*/settings.py"))
    return {key: import_module(f"raw2fig.papers.{key}.settings").Settings for key in keys}


@cache
def configuration() -> type[Record]:
    """The record of a whole configuration; the JSON schema follows from it (`raw2fig report schema`)."""
    sections: Any = {path.parent.name: (Any, ...) for path in PAPERS.glob("*/__init__.py")}
    sections |= {key: (settings, ...) for key, settings in papers().items()}
    return create_model("Configuration", __base__=Common, __doc__="raw2fig configuration", **sections)


def load(paths: Sequence[Path]) -> dict[str, Any]:
    """The configuration in `paths`, later files over earlier ones.

    Mappings are merged key by key at every depth, everything else is replaced whole, as Snakemake does with
    several `--configfile`. Raises `InputError` for a file that is not readable, not YAML or not a mapping.
    """
    merged: dict[str, Any] = {}
    for path in paths:
        value = read_yaml(path)
        if not isinstance(value, dict):
            problem = "is empty" if value is None else f"holds {type(value).__name__}"
            raise InputError(path, problem, "a mapping of configuration keys")
        merged = merge(merged, value)
    return merged


def merge(base: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of `base` with `overlay` laid over it."""
    merged = dict(base)
    for key, value in overlay.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def check(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with every value as its record reads it: `snakemake --config` hands on numbers as text.

    Raises `InputError` with the dotted name of the first key that is unknown, missing, of a wrong type or of an
    impossible value, what was found, what was expected, and how many more mistakes there are.
    """
    return read(configuration(), config).model_dump(exclude_unset=True)


def section(
    function: Callable[..., Any], annotation: Any, record: type[Record], files: Sequence[Path]
) -> dict[str, Any]:
    """The values of a step's record of settings in the shipped configuration, with `files` over it. `annotation` is
    that of the step's parameter. Raises `InputError` for impossible values."""
    from raw2fig.step import paper_of

    place = place_of(annotation) or record_at(papers()[paper_of(function)], record)
    return read(record, setting(function, place, files), ".".join([paper_of(function), *place])).model_dump()


def place_of(annotation: Any) -> list[str]:
    """Where a step's parameter stands in its paper's section (`raw2fig.step.At`); empty without a mark."""
    from raw2fig.step import At

    return next((mark.place.split(".") for mark in get_args(annotation)[1:] if isinstance(mark, At)), [])


def setting(function: Callable[..., Any], place: Sequence[str], files: Sequence[Path]) -> Any:
    """What stands at a place of the paper's section in the shipped configuration, with `files` over it. Raises
    `InputError` where there is nothing."""
    from raw2fig.step import paper_of

    paper = paper_of(function)
    values: Any = load([SHIPPED, *files])[paper]
    for number, key in enumerate(place, 1):
        if not isinstance(values, Mapping) or key not in values:
            raise InputError(".".join([paper, *place[:number]]), "is missing", "a section of the configuration")
        values = values[key]
    return values

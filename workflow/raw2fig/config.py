"""Reading and checking a configuration before the first job starts."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.errors import InputError
from raw2fig.tables import read_yaml

if TYPE_CHECKING:
    from jsonschema import ValidationError


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
    """`base` with `overlay` over it, neither of them changed."""
    merged = dict(base)
    for key, value in overlay.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def read_schema(folder: Path) -> dict[str, Any]:
    """The schema of a whole configuration: `config.schema.yaml` of `folder` with what all papers share, and a required
    section for each `<paper>.schema.yaml` beside it."""
    suffix = ".schema.yaml"
    sections = {path.name.removesuffix(suffix): read_yaml(path) for path in sorted(folder.glob(f"*{suffix}"))}
    common = sections.pop("config")
    # with an $id of its own, `#/$defs/...` in a paper's schema means the paper's file
    papers = {name: {"$id": name, **section} for name, section in sections.items()}
    return {**common, "properties": common["properties"] | papers, "required": [*common["required"], *papers]}


MISSING = "is missing"


def validate(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Check `config` against a JSON schema (draft 2020-12).

    Raises `InputError` with the dotted name of the first key that is unknown, missing, of a wrong type or of an
    impossible value, what was found, what was expected (for an unknown key the nearest known one), and how many
    more mistakes there are.
    """
    from jsonschema import Draft202012Validator

    errors = Draft202012Validator(schema).iter_errors(config)
    problems = [problem for error in errors for problem in _explain(error)] + list(_not_finite(config, []))
    # a misspelt key is also a missing one: the misspelling comes first
    problems.sort(key=lambda problem: (problem[1] == MISSING, problem))
    if problems:
        where, problem, expected = problems[0]
        more = f" (and {len(problems) - 1} more in the configuration)" if len(problems) > 1 else ""
        raise InputError(where, problem, expected + more)


def _dotted(path: Sequence[str | int]) -> str:
    """`c2s.sizes.2` for a place in the configuration."""
    return ".".join(str(part) for part in path)


def _explain(error: "ValidationError") -> Iterator[tuple[str, str, str]]:
    """The key, what was found there and what was expected, once for each mistake behind a schema error."""
    place = list(error.absolute_path)
    rule, limit, found = error.validator, error.validator_value, error.instance
    where = _dotted(place) or "config"
    if rule == "additionalProperties" and limit is False:
        known = list(error.schema.get("properties", {}))
        patterns = error.schema.get("patternProperties", {})
        for key in set(map(str, found)) - set(known):
            if not any(re.search(pattern, key) for pattern in patterns):
                yield _dotted([*place, key]), "unknown key", _nearest(key, known)
    elif rule == "required":
        for key in set(limit) - set(found):
            yield (
                _dotted([*place, key]),
                MISSING,
                _expectation(error.schema.get("properties", {}).get(key, {})),
            )
    elif rule in ("anyOf", "oneOf") and (meant := _meant(error)):
        for inner in meant:
            yield from _explain(inner)
    elif rule in ("anyOf", "oneOf"):
        yield where, f"is {_short(found)}", " or ".join(_expectation(branch) for branch in limit)
    else:
        expected = _nearest(found, limit) if rule == "enum" else _expectation(error.schema)
        # YAML 1.1 reads 1e-4 as a word; only 1.0e-4 is a number
        looks = rule == "type" and isinstance(found, str) and re.fullmatch(r"[-+]?\d+e[-+]?\d+", found, re.I)
        yield where, f"is {_short(found)}", expected + (", in YAML with a point: 1.0e-4" if looks else "")


def _meant(error: "ValidationError") -> list["ValidationError"]:
    """The errors within the one alternative that the value, by its type or its fixed word, was meant to be."""
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.relative_schema_path[0], []).append(inner)
    fitting = [
        errors
        for errors in branches.values()
        if all(inner.relative_path or inner.validator not in ("type", "const", "enum") for inner in errors)
    ]
    return fitting[0] if len(fitting) == 1 else []


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _not_finite(value: Any, place: list[str | int]) -> Iterator[tuple[str, str, str]]:
    """Every NaN and infinity: YAML can write them, and no bound of a schema stops a NaN."""
    if isinstance(value, float) and not math.isfinite(value):
        yield _dotted(place), f"is {value!r}", "a finite number"
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _not_finite(item, [*place, key])


def _expectation(schema: Mapping[str, Any]) -> str:
    """What a part of the schema asks for, in words: `an integer, at least 1`."""
    words = []
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        words.append(" or ".join(kinds))
    if "enum" in schema:
        words.append(f"one of {', '.join(map(str, schema['enum']))}")
    for key, text in LIMITS.items():
        if key in schema:
            words.append(f"{text} {schema[key]}")
    return ", ".join(words) or str(schema.get("description", "another value"))


LIMITS = {
    "const": "exactly",
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
    "minItems": "number of items at least",
    "maxItems": "number of items at most",
    "minLength": "length at least",
    "pattern": "of the form",
    "uniqueItems": "different items:",
}
"""JSON schema keywords and how they read in a message."""


def _nearest(word: Any, known: Sequence[Any]) -> str:
    """`'slopes'` for a near miss, otherwise every known name."""
    from difflib import get_close_matches

    names = [str(name) for name in known]
    close = get_close_matches(str(word), names, n=1, cutoff=0.5)
    return repr(close[0]) if close else f"one of {', '.join(names)}"

"""Settings: frozen records beside the methods that use them.

    class Cluster(Record):
        count: int = Field(ge=1, description="Number of clusters.")
        metric: Literal["cosine", "euclid"] = Field(description="Distance between two cells.")

A record is the only declaration of a setting: flags, help, bounds, the schema of the configuration and its error
messages follow from it. It has no defaults: `config/config.yaml` holds the only value. Values that arrive as text, from
flags or from `snakemake --config`, are read as what the field is.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from raw2fig.errors import InputError, nearest

R = TypeVar("R", bound="Record")

Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""What a random generator is seeded with."""
Replicates = Annotated[list[Seed], Field(min_length=1), AfterValidator(lambda numbers: _different(numbers))]
"""Numbers of a paper's replicates, each of which draws everything random anew."""
UserFile = Annotated[str, AfterValidator(lambda path: _there(path))]
"""Path of a file that must be there before a run begins."""
NULLS = ("none", "null", "~", "")
"""Words that stand for no value."""


class Record(BaseModel):
    """A section of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        return {
            name: from_text(value, field.annotation) if (field := cls.model_fields.get(name)) else value
            for name, value in values.items()
        }


def _different(numbers: list[int]) -> list[int]:
    if len(set(numbers)) < len(numbers):
        raise impossible("", f"is {numbers}", "different numbers")
    return numbers


def _there(path: str) -> str:
    if not Path(path).exists():
        raise impossible("", f"is {path!r}", "an existing file")
    if not Path(path).is_file():
        raise impossible("", f"is {path!r}", "a file, which that is not")
    return path


def from_text(value: Any, kind: Any) -> Any:
    """`value` with every text in it read as the annotation `kind` says, where that is no text itself: "100" as 100 for
    an integer, "none" as None. Lists become tuples where `kind` is one. What cannot be read stays as it is."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return from_text(value, inner[0])
    if origin in (Union, UnionType):
        word = value[0] if isinstance(value, list) and len(value) == 1 else value
        if NoneType in inner and isinstance(word, str) and word.strip().lower() in NULLS:
            return None
        read = [from_text(value, one) for one in inner if one is not NoneType]
        return next((one for one in read if one != value), value) if str not in inner else value
    if isinstance(value, str) and (origin in (list, tuple, dict) or _is_record(kind)):
        value = _json(value)
    if origin in (list, tuple) and isinstance(value, (list, tuple)):
        each = inner if origin is tuple and len(inner) == len(value) and ... not in inner else inner[:1] * len(value)
        return origin(from_text(one, of) for one, of in zip(value, each, strict=True))
    if origin is dict and isinstance(value, Mapping):
        return {from_text(key, inner[0]): from_text(one, inner[1]) for key, one in value.items()}
    if isinstance(value, str) and kind is Path:
        return Path(value)
    if isinstance(value, str) and (kind in (int, float, bool) or origin is Literal):
        return _scalar(value, kind, inner)
    return value


def _scalar(text: str, kind: Any, choices: Sequence[Any]) -> Any:
    """A number, a truth value or one of `choices` for `text`, which stays text where it is none."""
    if choices:
        return next((choice for choice in choices if str(choice) == text), text)
    word = text.strip()
    if kind is bool:
        return {"true": True, "false": False}.get(word.lower(), text)
    try:
        return int(word) if re.fullmatch(r"[-+]?\d{1,400}", word) else float(word) if kind is float else text
    except ValueError:
        return text


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _is_record(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Record)


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind, config=None if _is_record(kind) else ConfigDict(strict=True, allow_inf_nan=False))


def convert(value: Any, kind: Any, where: str) -> Any:
    """`value`, which may be text, as the annotation `kind`. Raises `InputError` about `where`."""
    try:
        return _adapter(kind).validate_python(from_text(value, kind))
    except ValidationError as error:
        raise mistake(error, where, kind) from None


def read(kind: type[R], values: Mapping[str, Any], where: str = "") -> R:
    """The record of `values`. Raises `InputError` that names the key below `where`, what was found there, what was
    expected (for an unknown key the nearest known one), and how many more mistakes there are."""
    found: R = convert(dict(values), kind, where)
    return found


def impossible(where: str, problem: str, expected: str) -> PydanticCustomError:
    """What a validator of a record raises for values that do not go together; `where` is a key of the record."""
    return PydanticCustomError("impossible", "{problem}", {"where": where, "problem": problem, "expected": expected})


def one_of(where: str, value: Any, known: Sequence[Any]) -> None:
    """For validators of records: raise unless `value`, which stands at the key `where`, is one of `known`."""
    if value not in known:
        raise impossible(where, f"is {value!r}", nearest(str(value), [str(name) for name in known]))


def mistake(error: ValidationError, where: str, kind: Any) -> InputError:
    """The first mistake of a validation as one line. A misspelt key is also a missing one: the misspelling comes
    first."""
    problems = sorted(
        {problem: None for detail in error.errors() for problem in _explain(detail, where, kind)},
        key=lambda problem: (problem[1] == MISSING, problem),
    )
    place, problem, expected = problems[0]
    more = f" (and {len(problems) - 1} more mistakes)" if len(problems) > 1 else ""
    return InputError(place or "config", problem, expected + more)


MISSING = "is missing"


def _explain(detail: ErrorDetails, where: str, kind: Any) -> Iterator[tuple[str, str, str]]:
    """Key, what was found and what was expected for one error of pydantic."""
    # pydantic names the alternatives of a union in the place of a mistake; they are no keys
    place = [part for part in detail["loc"] if not _is_tag(part)]
    context = dict(detail.get("ctx") or {})
    if detail["type"] == "impossible":
        keys = [*place, *(key for key in [context["where"]] if key)]
        yield dotted(where, keys), context["problem"], context["expected"]
        return
    here, found = dotted(where, place), detail["input"]
    if detail["type"] == "extra_forbidden":
        yield here, "unknown key", nearest(str(place[-1]), _keys(kind, place[:-1]))
    elif detail["type"] == "missing":
        yield here, MISSING, _expected(_field(kind, place))
    else:
        yield here, f"is {_short(found)}", EXPECTED.get(detail["type"], lambda context: detail["msg"])(context)


def _is_tag(part: int | str) -> bool:
    return isinstance(part, str) and bool(re.search(r"[\[(\]]|^(int|float|str|bool|none|dict|list|tuple)$", part))


EXPECTED = {
    "int_type": lambda _: "an integer",
    "int_parsing": lambda _: "an integer",
    "int_from_float": lambda _: "an integer",
    "float_type": lambda _: "a number",
    "finite_number": lambda _: "a finite number",
    "bool_type": lambda _: "true or false",
    "string_type": lambda _: "text",
    "list_type": lambda _: "a list",
    "tuple_type": lambda _: "a list",
    "dict_type": lambda _: "a mapping of keys to values",
    "model_type": lambda _: "a mapping of keys to values",
    "model_attributes_type": lambda _: "a mapping of keys to values",
    "none_required": lambda _: "null",
    "literal_error": lambda context: f"one of {context['expected']}".replace("'", "").replace(" or ", ", "),
    "greater_than": lambda context: f"more than {context['gt']:g}",
    "greater_than_equal": lambda context: f"at least {context['ge']:g}",
    "less_than": lambda context: f"less than {context['lt']:g}",
    "less_than_equal": lambda context: f"at most {context['le']:g}",
    "too_short": lambda context: f"at least {context['min_length']} items",
    "too_long": lambda context: f"at most {context['max_length']} items",
    "missing_argument": lambda _: "one value more",
    "unexpected_positional_argument": lambda _: "fewer values",
    "string_too_short": lambda context: f"at least {context['min_length']} characters",
    "string_pattern_mismatch": lambda context: f"the form {context['pattern']}",
}
"""Kinds of mistakes and what to expect instead."""


def dotted(where: str, place: Sequence[int | str]) -> str:
    """`c2s.sizes.2` for a place below `where`."""
    return ".".join(filter(None, [where, *map(str, place)]))


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _field(kind: Any, place: Sequence[int | str]) -> Any:
    """The annotation at `place` below the annotation `kind`, None where there is none."""
    for part in place:
        if kind := _record_in(kind):
            field = kind.model_fields.get(part) if _is_record(kind) else None
            kind = field.annotation if field else get_args(kind)[-1] if get_args(kind) else None
    return kind


def _record_in(kind: Any) -> Any:
    """The record, mapping or list among the alternatives of `kind`."""
    alternatives = [one for one in _flat(kind) if _is_record(one) or get_origin(one) in (dict, list, tuple)]
    return alternatives[0] if alternatives else None


def _flat(kind: Any) -> Iterator[Any]:
    if get_origin(kind) is Annotated:
        yield from _flat(get_args(kind)[0])
    elif get_origin(kind) in (Union, UnionType):
        for one in get_args(kind):
            yield from _flat(one)
    else:
        yield kind


def _keys(kind: Any, place: Sequence[int | str]) -> list[str]:
    found = _record_in(_field(kind, place))
    return list(found.model_fields) if _is_record(found) else []


def _expected(kind: Any) -> str:
    """What an annotation asks for, in words."""
    words = {int: "an integer", float: "a number", str: "text", bool: "true or false", NoneType: "null"}
    found = []
    for one in _flat(kind):
        if get_origin(one) is Literal:
            found.append(f"one of {', '.join(map(str, get_args(one)))}")
        else:
            found.append(
                words.get(one, "a list" if get_origin(one) in (list, tuple) else "a mapping of keys to values")
            )
    return " or ".join(found)


def record_at(settings: type[Record], kind: type[Record]) -> list[str]:
    """The one place of the record `kind` below `settings`, as keys. Raises `LookupError` where there is none or where
    there are several: then the step says which (`Annotated[Training, At("annotation")]`)."""
    found = list(_places(settings, kind))
    if len(found) != 1:
        places = ", ".join(".".join(place) for place in found) or "nowhere"
        raise LookupError(f"{kind.__name__} stands at {places} in {settings.__module__}")
    return found[0]


def _places(settings: type[Record], kind: type[Record]) -> Iterator[list[str]]:
    for name, field in settings.model_fields.items():
        for one in _flat(field.annotation):
            if one is kind:
                yield [name]
            elif _is_record(one):
                yield from ([name, *rest] for rest in _places(one, kind))

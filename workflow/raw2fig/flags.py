"""The flags of a step, made from its signature and its records of settings."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from raw2fig.config import place_of, section, setting
from raw2fig.errors import InputError
from raw2fig.settings import Record, Seed, convert, read
from raw2fig.step import DRAWN, flag, parameters


class Flags:
    """The flags of a step: one for each parameter, and for a record one for each of its settings."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.parameters = parameters(function)
        self.records: dict[str, type[Record]] = {}
        """The parameters that are records of settings, with the record."""
        self.settings: dict[str, tuple[str, Any]] = {}
        """Setting → the parameter that it belongs to, and its field."""
        self.placed: dict[str, list[str]] = {}
        """The other parameters that must be given and stand in the configuration, with their place."""
        for name, given in self.parameters.items():
            if record := record_of(given.annotation):
                self.records[name] = record
                for field, info in record.model_fields.items():
                    if field in self.settings or field in self.parameters:
                        raise TypeError(f"{function.__qualname__}: two flags named {field}")
                    self.settings[field] = (name, info)
            elif given.default is inspect.Parameter.empty and (place := place_of(given.annotation)):
                self.placed[name] = place

    def app(self, name: str, defaults: Mapping[str, Any]) -> Any:
        """A cyclopts application with these flags. It splits words and shows the help; what the words mean,
        `raw2fig.settings` says."""
        from cyclopts import App, Parameter

        def accept(**given: Any) -> None:
            """Only its signature counts."""

        def declared(name: str, annotation: Any, text: str, default: Any) -> inspect.Parameter:
            kind: Any = Annotated[shown(annotation), Parameter(help=text)]
            return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)

        own = [
            declared(key, given.annotation, given.help, given.default)
            for key, given in self.parameters.items()
            if key not in self.records and key not in self.placed
        ]
        placed = [
            declared(key, plain(self.parameters[key].annotation) | None, self.parameters[key].help, defaults.get(key))
            for key in self.placed
        ]
        settings = placed + [
            declared(key, info.annotation | None, info.description or "", defaults.get(key))
            for key, (_, info) in self.settings.items()
        ]
        if settings:
            text = "Files of the configuration over the shipped one, for settings that are not given."
            settings.append(declared("config", list[Path] | None, text, None))
        signed: Any = accept
        signed.__signature__ = inspect.Signature([*own, *settings])
        signed.__annotations__ = {item.name: item.annotation for item in signed.__signature__.parameters.values()}
        signed.__doc__ = paragraphs(self.function)
        # a list takes all the words after its flag, as Snakemake writes several files: --claims a.json b.json
        several = Parameter(consume_multiple=True, negative_iterable=())
        app = App(name=name, help_format="plaintext", version_flags=(), default_parameter=several)
        app.default(signed)
        return app

    def show_help(self, name: str) -> None:
        """Print the help; settings have the values of the shipped configuration as their defaults."""
        with suppress(SystemExit, BrokenPipeError):  # when nobody reads to the end
            self.app(name, self.shipped([])).__call__(["--help"])

    def parse(self, name: str, words: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The arguments of the step, and those settings that come from the configuration. Raises `InputError`."""
        from cyclopts import CycloptsError

        try:
            _, bound, _ = self.app(name, {}).parse_args(words, exit_on_error=False, print_error=False)
        except CycloptsError as error:
            raise InputError("flags", str(error), f"flags as in `{name} --help`") from error
        given = dict(bound.arguments)
        files = [Path(path) for path in given.pop("config", None) or []]
        missing = [key for key in (*self.settings, *self.placed) if key not in given]
        taken = {key: value for key, value in self.shipped(files).items() if key in missing} if missing else {}
        arguments = {}
        for key, parameter in self.parameters.items():
            if key in self.records:
                fields = [field for field, (owner, _) in self.settings.items() if owner == key]
                values = {field: given.get(field, taken.get(field)) for field in fields}
                arguments[key] = _named(self.records[key], values)
            elif key in given or key in taken:
                value = given.get(key, taken.get(key))
                if value == [] and parameter.default is inspect.Parameter.empty:
                    raise InputError(flag(key), "is given without a value", "at least one")
                arguments[key] = convert(value, plain(parameter.annotation, keep=True), flag(key))
                if key in DRAWN and arguments[key] is not None:
                    convert(arguments[key], Seed, flag(key))
            elif parameter.default is not inspect.Parameter.empty:
                arguments[key] = parameter.default
        return arguments, taken

    def shipped(self, files: Sequence[Path]) -> dict[str, Any]:
        """Setting → its value in the shipped configuration, with `files` over it."""
        values: dict[str, Any] = {}
        for name, record in self.records.items():
            values |= section(self.function, self.parameters[name].annotation, record, files)
        return values | {name: setting(self.function, place, files) for name, place in self.placed.items()}


def _named(record: type[Record], values: Mapping[str, Any]) -> Record:
    """The record of `values`; a mistake is told by the flag's name."""
    try:
        return read(record, values)
    except InputError as error:
        place, colon, rest = str(error).partition(": ")
        error.args = (f"{flag(place)}{colon}{rest}",)
        raise


def record_of(annotation: Any) -> type[Record] | None:
    """The record that a parameter's annotation names, None for another parameter."""
    kind = plain(annotation)
    return kind if isinstance(kind, type) and issubclass(kind, Record) else None


def plain(annotation: Any, keep: bool = False) -> Any:
    """An annotation without marks (`Input`, `At`); with `keep` bounds stay."""
    if get_origin(annotation) is not Annotated:
        return annotation
    kind, *marks = get_args(annotation)
    marks = [mark for mark in marks if not isinstance(mark, (str, tuple))] if keep else []
    return Annotated[(kind, *marks)] if marks else kind


def shown(annotation: Any) -> Any:
    """The annotation with which cyclopts splits the words of a flag: text that the help calls INT, FLOAT, PATH, TEXT or
    JSON. Choices and truth values cyclopts reads itself."""
    kind, inner = plain(annotation), get_args(plain(annotation))
    if get_origin(kind) in (Union, UnionType):
        return Union[tuple(shown(one) for one in inner)]  # noqa: UP007
    if get_origin(kind) in (list, tuple):
        item = shown(inner[0])
        return list[Json if get_origin(item) else item]  # type: ignore[misc]
    return kind if kind in (bool, NoneType) or get_origin(kind) is Literal else LABELS.get(kind, Json)


class Int(str):
    """A word that stands for an integer."""


class Float(str):
    """A word that stands for a number."""


class Text(str):
    """A word that stands for itself."""


class Json(str):
    """A word that stands for a mapping."""


LABELS: dict[Any, Any] = {int: Int, float: Float, str: Text, Path: Path}


def paragraphs(function: Callable[..., Any]) -> str:
    """The docstring above its sections, each paragraph on one line: the terminal breaks the lines."""
    text = (inspect.getdoc(function) or "").partition("\nParameters\n---")[0].partition("\nRaises\n---")[0]
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))

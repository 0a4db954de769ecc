"""Records of settings of C2S-Scale for tests: those of the shipped configuration, with what a test changes."""

from functools import cache
from typing import Any, TypeVar

from raw2fig.config import SHIPPED, load
from raw2fig.settings import Record, read

R = TypeVar("R", bound=Record)


@cache
def _section() -> dict[str, Any]:
    return load([SHIPPED])["c2s"]


def given(kind: type[R], place: str, **changed: Any) -> R:
    """The record at `place` of the section `c2s` (`"grpo.recipe"`), with some settings `changed`. Raises `InputError`
    for impossible ones."""
    values = _section()
    for key in place.split("."):
        values = values[key]
    return read(kind, {**values, **changed})


def split_options(options: dict[str, Any], *kinds: type[Record]) -> list[dict[str, Any]]:
    """What of `options`, which are taken out of it, belongs to each kind of record."""
    return [{name: options.pop(name) for name in [*options] if name in kind.model_fields} for kind in kinds]

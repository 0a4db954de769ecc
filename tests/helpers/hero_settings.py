"""HERO's section of the configuration and its records, as they are shipped or with changes."""

from typing import Any, TypeVar

from clone import ROOT

from raw2fig.config import SHIPPED, load
from raw2fig.papers.hero.settings import Settings
from raw2fig.settings import Record, read, record_at

R = TypeVar("R", bound=Record)


def section(*overlays: str) -> dict[str, Any]:
    """The section `hero` with the values of the overlays in `config`, by their names."""
    values: dict[str, Any] = load([SHIPPED, *(ROOT / f"config/{name}.yaml" for name in overlays)])["hero"]
    return values


def record(kind: type[R], **changes: Any) -> R:
    """The shipped record of a kind that stands once in the section, with changed values."""
    values: Any = section()
    for key in record_at(Settings, kind):
        values = values[key]
    return read(kind, {**values, **changes})

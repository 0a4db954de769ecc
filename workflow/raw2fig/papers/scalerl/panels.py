"""The figures that compare arms: the panels of each, and which of them the arms of a scale can fill."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from raw2fig.errors import InputError, nearest
from raw2fig.tables import read_yaml

Panel = dict[str, Any]
"""Title, metric and arms; the first arm is the one that the others are compared with."""


def read_figures(path: Path) -> dict[str, list[Panel]]:
    """Figure → its panels. Raises `InputError` for a panel of another form."""
    figures = read_yaml(path)
    if not isinstance(figures, dict):
        raise InputError(path, "is no mapping", "the panels of each figure by its name")
    for name, panels in figures.items():
        for panel in panels:
            if not isinstance(panel, dict) or set(panel) != {"title", "metric", "arms"} or len(panel["arms"]) < 2:
                raise InputError(path, f"figure {name!r} has the panel {panel}", "title, metric, and two arms or more")
    return figures


def read_panels(path: Path, name: str) -> list[Panel]:
    """Panels of a figure. Raises `InputError` for a figure that is not there."""
    figures = read_figures(path)
    if name not in figures:
        raise InputError(path, f"has no figure {name!r}", nearest(name, list(figures)))
    return figures[name]


def filled(panels: Sequence[Panel], run: Collection[str]) -> list[Panel]:
    """The panels with those of their arms that are `run`; without panels whose first arm, or all of whose others, are
    not."""
    kept = [panel | {"arms": [arm for arm in panel["arms"] if arm in run]} for panel in panels]
    return [
        left
        for panel, left in zip(panels, kept, strict=True)
        if left["arms"][:1] == panel["arms"][:1] and left["arms"][1:]
    ]

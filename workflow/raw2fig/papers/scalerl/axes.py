"""Axes that the figures share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def compute_axis(ax: Axes, label: str = "compute (billion FLOPs)", unit: float = 1e9) -> None:
    """What is plotted against compute, on a logarithmic axis in units of `unit` with labels that fit: round numbers
    within a factor of 4, 1, 2 and 5 of each power of ten within a factor of 100, and else powers of ten."""
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

    ax.set(xscale="log", xlabel=label)
    low, high = ax.get_xlim()
    if high <= 4 * low:
        ax.xaxis.set_major_locator(MaxNLocator(5))
        ax.xaxis.set_minor_locator(NullLocator())
    else:
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high <= 100 * low else (1,)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value / unit:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())

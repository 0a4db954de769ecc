"""The house style of every figure, and the one way to save one.

Colours are those of Okabe and Ito (2008), told apart by people with any common colour-vision deficiency; the
helpers also give each series its own marker. Saved bytes depend on the drawing alone: no dates, random ids or
installed fonts. pyplot is not imported: figure steps must start in about a second.
"""

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import matplotlib as mpl
import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.rcsetup import cycler
from matplotlib.text import Text
from matplotlib.ticker import LogFormatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe-Ito without its yellow, which is too light for lines on white. Series take them in this order."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""One marker per colour of the palette."""
NEUTRAL = "#666666"
"""Baselines, floors and reference lines."""
WHISKER = "#222222"

STYLE: Any = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.prop_cycle": cycler(color=PALETTE),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "figure.dpi": 100,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "savefig.dpi": 150,
    "svg.fonttype": "path",
    "svg.hashsalt": "raw2fig",
}
NOTE_SIZE = 7.0
"""Point size of the stamp below a figure."""


class Interval(Protocol):
    """What a point with an interval is: a `raw2fig.stats.Estimate` will do."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def canvas(width: float = 6.4, height: float = 4.0, rows: int = 1, cols: int = 1) -> tuple[Figure, Any]:
    """An empty figure in house style, `width` x `height` inches, and its axes.

    The axes are one `Axes` for a 1 x 1 grid, a vector of them for a single row or column, otherwise a
    `rows` x `cols` array. Sets matplotlib's defaults of the process to the house style.
    """
    mpl.rcParams.update(STYLE)
    fig = Figure(figsize=(width, height), layout="constrained")
    return fig, fig.subplots(rows, cols)


def bars_with_intervals(
    ax: "Axes",
    groups: Sequence[str],
    series: Mapping[str, Sequence[Interval]],
    colours: Sequence[str] = PALETTE,
) -> None:
    """Grouped bars with their intervals as whiskers; a legend when there are several series.

    `series` maps a legend label to one estimate per entry of `groups`; an estimate of NaN leaves its bar out.
    Raises `ValueError` when a series has not one estimate per group.
    """
    positions = np.arange(len(groups))
    width = 0.8 / len(series)
    for index, (label, estimates) in enumerate(series.items()):
        value, low, high = _columns(estimates)
        if len(value) != len(groups):
            raise ValueError(f"{label}: {len(value)} estimates for {len(groups)} groups")
        ax.bar(
            positions + (index - (len(series) - 1) / 2) * width,
            value,
            width * 0.92,
            yerr=_whiskers(value, low, high),
            color=colours[index % len(colours)],
            label=label,
            error_kw={"ecolor": WHISKER, "elinewidth": 1.2, "capsize": 2.5},
        )
    ax.set_xticks(positions, list(groups))
    ax.set_xlim(-0.5, len(groups) - 0.5)
    ax.grid(axis="x", visible=False)
    if len(series) > 1:
        ax.legend()


def line_with_band(
    ax: "Axes", x: Sequence[float], estimates: Sequence[Interval], label: str = "", index: int = 0
) -> None:
    """A line with markers through `estimates` at `x`, their intervals as a band, in the `index`-th colour.

    Raises `ValueError` when `x` and `estimates` differ in length. The caller draws the legend.
    """
    value, low, high = _columns(estimates)
    if len(value) != len(x):
        raise ValueError(f"{label}: {len(value)} estimates at {len(x)} places")
    colour, marker = PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]
    ax.fill_between(np.asarray(x, dtype=float), low, high, color=colour, alpha=0.18, linewidth=0)
    ax.plot(x, value, color=colour, marker=marker, label=label or "_nolegend_")


def points_with_intervals(
    ax: "Axes", x: Sequence[float], estimates: Sequence[Interval], label: str = "", index: int = 0
) -> None:
    """Unconnected markers with whiskers at `x`, in the `index`-th colour.

    Raises `ValueError` when `x` and `estimates` differ in length. The caller draws the legend.
    """
    value, low, high = _columns(estimates)
    if len(value) != len(x):
        raise ValueError(f"{label}: {len(value)} estimates at {len(x)} places")
    ax.errorbar(
        np.asarray(x, dtype=float),
        value,
        yerr=_whiskers(value, low, high),
        fmt=MARKERS[index % len(MARKERS)],
        color=PALETTE[index % len(PALETTE)],
        capsize=2.5,
        label=label or "_nolegend_",
    )


def legend_above(fig: Figure, axes: Iterable["Axes"], message: str = "") -> None:
    """One legend for all of `axes` above the figure's panels, in place of their own: it lies on no data.

    Each label occurs once, with the first line or bar that has it. A `message` of all panels stands above it.
    """
    entries: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            entries.setdefault(label, handle)
        if legend := ax.get_legend():
            legend.remove()
    if not entries:
        return
    # a line or patch, and the space between two entries, take about six characters
    width = (max(map(len, entries)) + 6) * 0.54 * STYLE["legend.fontsize"] / 72
    columns = max(1, int(fig.get_size_inches()[0] / width))
    fig.legend(
        list(entries.values()),
        list(entries),
        loc="outside upper left",
        ncols=min(columns, len(entries)),
        title=message or None,
        title_fontsize=STYLE["axes.titlesize"],
        alignment="left",
    )


class Drawing(NamedTuple):
    """What a `@figure` step returns: the drawing, the table of its plotted values, and what its stamp says: the number
    of items (`"64 cells x 24 conditions"`), of replicates, and what the intervals are. `note` says all of that in other
    words, where a figure needs them."""

    fig: Figure
    plotted: "DataFrame"
    n: str
    replicates: int = 1
    intervals: str = "95 % intervals"
    note: str = ""


def save(drawing: Drawing, scale: str, svg: Path, png: Path, csv: Path) -> None:
    """Stamp a drawing and write it as SVG and PNG, with the plotted values beside it as CSV.

    The stamp is "laptop scale · n = 64 cells · 2 replicates · 95 % intervals"; somebody's own data have no scale ("").
    Equal drawings give equal bytes. Raises `ValueError` for a drawing without n or without plotted values: it is not
    finished.
    """
    if not (drawing.n or drawing.note).strip():
        raise ValueError("a figure needs its n, replicates and intervals for the stamp")
    if drawing.plotted.empty:
        raise ValueError("a figure needs the table of its plotted values")
    replicates = f"{drawing.replicates} replicate{'s' if drawing.replicates > 1 else ''}"
    note = drawing.note or f"n = {drawing.n} · {replicates} · {drawing.intervals}"
    with mpl.rc_context(STYLE):
        _stamp(drawing.fig, f"{scale} scale · {note}" if scale else note)
        _as_written(drawing.fig)
        drawing.fig.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
        drawing.fig.savefig(png, format="png", metadata={"Software": None})
    drawing.plotted.to_csv(csv, index=False, lineterminator="\n", encoding="utf-8")


def _as_written(fig: Figure) -> None:
    """Show every text of `fig` as it is: `$\\alpha_$` in somebody's label is no formula, and may be none that can be
    read. Only the powers of ten on logarithmic axes are formulas, which matplotlib writes itself."""
    for text in fig.findobj(Text):
        text.set_parse_math(False)
    for axis in fig.findobj(Axis):
        for formatter, labels in (
            (axis.get_major_formatter(), axis.get_majorticklabels()),
            (axis.get_minor_formatter(), axis.get_minorticklabels()),
        ):
            for label in labels:
                label.set_parse_math(isinstance(formatter, LogFormatter))


def _stamp(fig: Figure, note: str) -> None:
    """Write `note` at the bottom left, wrapped to the figure's width, and keep the axes above it."""
    width, height = fig.get_size_inches()
    # a character of DejaVu Sans is about 0.54 of its point size wide
    lines = textwrap.wrap(note, max(20, int(width * 72 / (0.54 * NOTE_SIZE)) - 2))
    fig.text(
        0.01,
        0.01,
        "\n".join(lines),
        fontsize=NOTE_SIZE,
        color=NEUTRAL,
        ha="left",
        va="bottom",
        linespacing=1.25,
    )
    bottom = min(0.4, (len(lines) * 1.25 + 0.8) * NOTE_SIZE / 72 / height)
    engine = fig.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0, bottom, 1, 1 - bottom))


def _columns(estimates: Sequence[Interval]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, lower and upper ends, each of shape (n,)."""
    table = np.array([(item.value, item.low, item.high) for item in estimates], dtype=float).reshape(-1, 3)
    return table[:, 0], table[:, 1], table[:, 2]


def _whiskers(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Lengths below and above `value`, shape (2, n); an end on the wrong side of its value counts as 0."""
    return np.clip(np.stack([value - low, high - value]), 0, None)

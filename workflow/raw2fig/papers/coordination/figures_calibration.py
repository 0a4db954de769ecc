"""The figure of calibration: rejection rates of the criteria for groups whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.coordination.group_tests import LEVEL
from raw2fig.papers.coordination.measures import CRITERIA, NAMES
from raw2fig.papers.coordination.results import span_of
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas, legend_above
from raw2fig.step import Input, figure
from raw2fig.tables import read_tables

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

PROCESS_NAMES = {
    "iid": "independent, no memory",
    "identity": "independent, own levels",
    "ar": "independent, AR(0.7)",
    "ar_own": "independent, own AR",
    "driver": "common driver",
    "flip": "common flip (planted synergy)",
    "correct": "one agent corrects (planted control)",
    "steered": "steered sum (planted control)",
    "parity": "parity of three (planted triple)",
    "random": "rule: random",
    "sync": "rule: sync",
    "plain": "rule: plain",
    "persona": "rule: persona",
    "tom": "rule: tom",
}
"""What figures call the processes."""


@figure
def fig_calibration(*, calibration: list[Input]) -> Drawing:
    """Rejection rates of the criteria, process by process: which null model is a valid test, and what power there is.

    Parameters
    ----------
    calibration
        Tables of the step calibrate.
    """

    text = dict.fromkeys(("process", "null", "criterion"), "string")
    whole = dict.fromkeys(("rounds", "agents", "reps", "surrogates"), "integer")
    numbers = dict.fromkeys(("rate", "low", "high"), "number")
    frame = read_tables(calibration, text | whole | numbers, allow_nan=tuple(numbers))
    frame = frame[frame["criterion"].isin(CRITERIA)].dropna(subset=["rate"]).reset_index(drop=True)
    if frame.empty:
        raise InputError(calibration[0], "no rejection rates of criteria", "a table of the step calibrate")
    frame["what"] = [
        f"{PROCESS_NAMES.get(p, p)}, T = {t}" for p, t in zip(frame["process"], frame["rounds"], strict=True)
    ]
    what, nulls = list(dict.fromkeys(frame["what"])), list(dict.fromkeys(frame["null"]))
    fig, axes = canvas(11, 1.4 + 0.27 * len(what), cols=len(CRITERIA))
    for ax, criterion in zip(axes, CRITERIA, strict=True):
        ax.axvline(LEVEL, color=NEUTRAL, linestyle="--", linewidth=1, label=f"level {LEVEL:g}")
        for index, null in enumerate(nulls):
            part = frame[(frame["criterion"] == criterion) & (frame["null"] == null)]
            at = [what.index(name) + 0.7 * ((index + 0.5) / len(nulls) - 0.5) for name in part["what"]]
            _sideways(ax, part, at, f"{null} null", index)
        ax.set(xlim=(-0.03, 1.03), ylim=(len(what) - 0.4, -0.6), title=NAMES[criterion], xlabel="share rejected")
        ax.set_yticks(range(len(what)), what if ax is axes[0] else [""] * len(what))
    legend_above(fig, axes)
    groups = f"{span_of(frame['reps'])} games per row, {span_of(frame['agents'])} agents"
    surrogates = f"{span_of(frame['surrogates'])} surrogates"
    return Drawing(fig, frame, groups, note=f"n = {groups}, {surrogates} · 95 % intervals over games (Wilson)")


def _sideways(ax: Axes, part: pd.DataFrame, at: Sequence[float], label: str, index: int) -> None:
    """Rates with their intervals, lying."""
    rate = part["rate"]
    whiskers = np.clip(np.stack([rate - part["low"], part["high"] - rate]), 0, None)
    style: dict[str, Any] = {"color": PALETTE[index % len(PALETTE)], "fmt": MARKERS[index % len(MARKERS)]}
    ax.errorbar(rate, at, xerr=whiskers, label=label, markersize=3, elinewidth=0.9, capsize=0, **style)

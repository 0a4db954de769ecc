"""What `report` found as a figure and as one page to pass on."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.hal.detectors import DETECTORS
from raw2fig.papers.hal.reliability import METRICS
from raw2fig.plotting import MARKERS, PALETTE, Drawing, canvas, save

if TYPE_CHECKING:
    import pandas as pd

TEMPLATE = Path(__file__).with_name("report.html.j2")


def draw(agents: pd.DataFrame, unit: str, svg: Path, png: Path, csv: Path) -> None:
    """Accuracy against the cost of a task, a colour for each benchmark, with its frontier."""
    fig, ax = canvas(7.0, 4.4)
    cost = "tokens" if unit == "tokens" else "cost"
    for number, (benchmark, group) in enumerate(agents.groupby("benchmark", sort=False)):
        colour, marker = PALETTE[number % len(PALETTE)], MARKERS[number % len(MARKERS)]
        ax.vlines(group[cost], group["low"], group["high"], color=colour, alpha=0.4)
        ax.plot(group[cost], group["accuracy"], marker, color=colour, label=str(benchmark))
        best = group[group["frontier"]].sort_values(cost)
        ax.plot([0.0, *best[cost]], [0.0, *best["accuracy"]], color=colour, linewidth=1, label="_nolegend_")
        for one in best.itertuples():
            ax.annotate(one.agent, (getattr(one, cost), one.accuracy), (4, 4), textcoords="offset points", fontsize=7)
    ax.set(xlabel=f"{unit} for a task", ylabel="accuracy", ylim=(0, 1.02), xlim=(0, None))
    ax.set_title(f"{int(agents['frontier'].sum())} of {len(agents)} agents are worth their cost")
    ax.legend()
    note = f"{int(agents['rollouts'].sum()):,} rollouts · 95 % intervals over tasks · lines: upper convex hull"
    save(Drawing(fig, agents, "", note=note), "", svg, png, csv)


def write_page(
    path: Path, sources: Sequence[str], agents: pd.DataFrame, flags: pd.DataFrame, unit: str, svg: Path
) -> None:
    """Write the page. It needs no other file."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"percent": percent, "number": number}
    repeated = [name for name in (*METRICS, *PREDICTED) if name in agents and agents[name].notna().any()]
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        sources=sources,
        agents=agents.to_dict("records"),
        flags=flags[flags["failed_flagged"] + flags["solved_flagged"] > 0].to_dict("records"),
        helps={name: detector.helps for name, detector in DETECTORS.items()},
        meanings={name: detector.flags.__doc__ for name, detector in DETECTORS.items()},
        repeated=repeated,
        metrics=MEANING,
        unit=unit,
        dollars=unit != "tokens",
        figure=base64.b64encode(svg.read_bytes()).decode(),
    )
    path.write_text(text, encoding="utf-8", errors="backslashreplace")


PREDICTED = ("calibration", "brier", "risk_coverage", "auroc")
MEANING = {
    "outcome": "how alike the outcomes of a task's repeats are: (2p - 1)²",
    "distribution": "how alike the action frequencies of two successful repeats are: 1 - Jensen-Shannon divergence",
    "sequence": "how alike their sequences of actions are: 1 - edit distance / length",
    "resources": "how alike tokens, time, calls and actions of all repeats are: exp(-coefficient of variation)",
    "aggregate": "a third each: outcome, the mean of distribution and sequence, resources",
    "calibration": "1 - expected calibration error of the confidence that the agent states",
    "brier": "1 - mean squared difference between confidence and success",
    "risk_coverage": "how well the confidence sorts right answers before wrong ones, 0 to 1",
    "auroc": "the chance that a right answer has the higher confidence of two",
}


def percent(value: float) -> str:
    """`42 %`, or a dash for what does not exist."""
    return "–" if value is None or np.isnan(value) else f"{100 * value:.0f} %"


def number(value: float) -> str:
    """Three digits, all of a number of a hundred or more, or a dash for what does not exist."""
    if value is None or np.isnan(value):
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

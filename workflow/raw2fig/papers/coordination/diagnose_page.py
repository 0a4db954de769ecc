"""What `diagnose` found as a figure and as one page to pass on."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.papers.coordination.group_tests import LEVEL
from raw2fig.papers.coordination.measures import CRITERIA, NAMES
from raw2fig.papers.coordination.verdicts import (
    COORDINATED,
    DEPENDENT,
    INDEPENDENT,
    LEAST_GROUPS,
    NOT_TESTED,
    SYNCHRONISED,
)
from raw2fig.plotting import NEUTRAL, PALETTE, Drawing, bars_with_intervals, canvas, legend_above, save
from raw2fig.stats import Estimate

if TYPE_CHECKING:
    import pandas as pd

TEMPLATE = Path(__file__).with_name("diagnose.html.j2")
ROWS = 100
"""Groups that the page lists; the CSV has all."""
COLOURS = {INDEPENDENT: NEUTRAL, SYNCHRONISED: PALETTE[4], COORDINATED: PALETTE[2], DEPENDENT: PALETTE[3]}
LINES = (PALETTE[0], PALETTE[1], PALETTE[3])
"""Colours of the null models."""
MEANING = {
    INDEPENDENT: "nothing says that the agents have to do with one another",
    SYNCHRONISED: "the agents move together, and that each reacts by itself to the same feedback explains it",
    COORDINATED: "the agents fit together better than agents that each react by themselves to the same feedback",
    DEPENDENT: "the agents move together; without target or signal nobody can say whether shared feedback explains it",
    NOT_TESTED: "too short, one agent only, or nothing that ever changes",
}
QUESTIONS = {
    "column": "the agents' own series, each moved in time: no alignment between agents",
    "sync": "simulated groups of identical agents that search by the same steps",
    "matched": "simulated groups whose agents have the starts, steps, pauses and obedience of this group's, one by one",
}
"""What each null model is, in the words of the page."""


def draw(shares: pd.DataFrame, tests: pd.DataFrame, note: str, svg: Path, png: Path, csv: Path) -> None:
    """Shares of verdicts by condition, and the p values of all groups under each null model."""
    import pandas as pd

    fig, (left, right) = canvas(9.6, 3.8, cols=2)
    conditions = list(dict.fromkeys(shares["condition"]))
    shown = [name for name in COLOURS if shares.loc[shares["verdict"] == name, "groups"].sum() > 0]
    series: dict[str, list[Estimate]] = {}
    for name in shown:
        of = shares[shares["verdict"] == name].set_index("condition").loc[conditions]
        series[name] = [Estimate(*row, n=0) for row in zip(of["share"], of["low"], of["high"], strict=True)]
    bars_with_intervals(left, [one or "all groups" for one in conditions], series, [COLOURS[name] for name in shown])
    left.set(ylabel="share of groups", ylim=(0, 1.02), title="verdicts")
    edges = np.linspace(0, 1, 21)
    rows: list[dict[str, Any]] = []
    tested = tests[tests["criterion"].isin(CRITERIA)].dropna(subset=["p"])
    for index, (null, part) in enumerate(tested.groupby("null", sort=False)):
        counts = np.histogram(part["p"], edges)[0] / len(part)
        right.stairs(counts, edges, color=LINES[index], label=f"{null} null", linewidth=1.4)
        rows += [
            {"panel": "p values", "null": null, "from": low, "share": share}
            for low, share in zip(edges[:-1], counts, strict=True)
        ]
    right.axhline(LEVEL, color=NEUTRAL, linestyle="--", linewidth=1, label="if the null held")
    right.set(xlabel="p", ylabel="share of tests", xlim=(0, 1), title="p values of all groups and criteria")
    handles = [ax for ax in (left, right) if ax.get_legend_handles_labels()[0]]
    if len(shown) == 1:
        left.set_title(f"verdicts: {shown[0]}")
    legend_above(fig, handles)
    values = pd.concat([shares.assign(panel="verdicts"), pd.DataFrame(rows)], ignore_index=True)
    save(Drawing(fig, values, "", note=note), "", svg, png, csv)


def write_page(
    path: Path,
    source: str,
    groups: pd.DataFrame,
    pooled: pd.DataFrame,
    tests: pd.DataFrame,
    shares: pd.DataFrame,
    nulls: Sequence[str],
    svg: Path,
) -> None:
    """Write the page: the verdict, what it means, the evidence, and what it cannot say. Needs no other file."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["p"] = show_p
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    counts = {name: int((groups["verdict"] == name).sum()) for name in MEANING}
    known = groups["differentiated"].dropna()
    text = template.render(
        source=source,
        pooled=pooled.to_dict("records"),
        groups=groups.head(ROWS).fillna({"reason": ""}).to_dict("records"),
        left_out=max(0, len(groups) - ROWS),
        tests=tests[tests["criterion"].isin(CRITERIA)].to_dict("records"),
        shares=shares[shares["groups"] > 0].to_dict("records"),
        counts={name: count for name, count in counts.items() if count},
        meaning=MEANING,
        questions={name: QUESTIONS[name] for name in nulls},
        names=NAMES,
        differ=(int(known.sum()), len(known)),
        least=int(groups.loc[groups["verdict"] != NOT_TESTED, "rounds"].min()),
        figure=base64.b64encode(svg.read_bytes()).decode(),
        level=LEVEL,
        least_groups=LEAST_GROUPS,
    )
    path.write_text(text, encoding="utf-8", errors="backslashreplace")  # letters of a file name may be no text


def show_p(value: float) -> str:
    """`0.031`, `< 0.0001`, or a dash for what does not exist."""
    if value is None or np.isnan(value):
        return "–"
    return "< 0.0001" if value < 1e-4 else f"{value:.2g}"

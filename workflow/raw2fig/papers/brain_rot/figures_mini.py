"""Figures of the miniature: what junk does by schedule, and by its share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas
from raw2fig.stats import Estimate, over_replicates
from raw2fig.step import Input, figure
from raw2fig.tables import read_table, rows_where

if TYPE_CHECKING:
    from pathlib import Path

    from pandas import DataFrame

COLUMNS = {
    **dict.fromkeys(("base", "definition", "schedule", "eos", "loss", "stage", "metric", "base_hash"), "string"),
    **dict.fromkeys(("replicate", "updates", "tokens"), "integer"),
    **dict.fromkeys(("ratio", "value", "flops"), "number"),
}


class Contrast(NamedTuple):
    """A row of the headline: an arm, what it is compared with, and what it says."""

    label: str
    arm: Mapping[str, Any]
    control: Mapping[str, Any]


def _arm(ratio: float, schedule: str = "official", eos: str = "turn", loss: str = "token") -> dict[str, Any]:
    return {"definition": "M1", "ratio": ratio, "schedule": schedule, "eos": eos, "loss": loss}


CONTRASTS = (
    Contrast("official: a post is a sequence", _arm(1.0), _arm(0.0)),
    Contrast("as many FLOPs as the control", _arm(1.0, "flop_matched"), _arm(0.0)),
    Contrast("as many updates as the control", _arm(1.0, "update_matched"), _arm(0.0)),
    Contrast("packed into blocks, both arms", _arm(1.0, "packed"), _arm(0.0, "packed")),
    Contrast("posts end in the document's token", _arm(1.0, eos="doc"), _arm(0.0, eos="doc")),
    Contrast("posts without an end", _arm(1.0, eos="none"), _arm(0.0, eos="none")),
    Contrast("losses averaged by post", _arm(1.0, loss="sample"), _arm(0.0, loss="sample")),
    Contrast("short posts, popular or not", {**_arm(1.0), "definition": "LEN"}, {**_arm(0.0), "definition": "LEN"}),
    Contrast("popular posts, short or long", {**_arm(1.0), "definition": "POP"}, {**_arm(0.0), "definition": "POP"}),
    Contrast("control called junk", {**_arm(1.0), "definition": "shuffled"}, _arm(0.0)),
)
"""Junk against control at equal tokens, by schedule and by definition."""
PANELS = {"familiar": "base that knows posts", "unfamiliar": "base that never read posts"}


def read_scores(path: Path) -> DataFrame:
    """The scores of all replicates."""
    return read_table(path, COLUMNS)


def by_replicate(
    scores: DataFrame, about: Mapping[str, Any], metric: str, stage: str, column: str = "value"
) -> dict[int, float]:
    """The value of an arm in each replicate."""
    rows = rows_where(scores, metric=metric, stage=stage, **about)
    return {int(r): float(v) for r, v in zip(rows["replicate"], rows[column], strict=True)}


def contrasts(scores: DataFrame, base: str, metric: str = "cot", stage: str = "it") -> list[dict[str, Any]]:
    """Junk less control in each replicate, and the updates of both, for those contrasts that were run."""
    found = []
    for contrast in CONTRASTS:
        junk, control = (
            by_replicate(scores, {"base": base, **about}, metric, stage) for about in (contrast.arm, contrast.control)
        )
        shared = sorted(set(junk) & set(control))
        if not shared:
            continue
        updates = [
            over_replicates(by_replicate(scores, {"base": base, **about}, metric, "cpt", "updates")).value
            for about in (contrast.arm, contrast.control)
        ]
        found.append(
            {
                "label": contrast.label,
                "differences": {replicate: junk[replicate] - control[replicate] for replicate in shared},
                "updates_junk": updates[0],
                "updates_control": updates[1],
            }
        )
    return found


@figure
def fig_confounds(*, scores: Input) -> Drawing:
    """Draw what junk does to chains of thought at equal tokens, by schedule.

    Parameters
    ----------
    scores
        Scores of all replicates.
    """
    import pandas as pd

    table = read_scores(scores)
    panels = [(base, title, contrasts(table, base)) for base, title in PANELS.items()]
    panels = [panel for panel in panels if panel[2]]
    fig, axes = canvas(9.0, 4.6, cols=len(panels))
    axes = [axes] if len(panels) == 1 else list(axes)
    labels = [row["label"] for row in panels[0][2]]
    plotted = []
    for ax, (base, title, rows) in zip(axes, panels, strict=True):
        for row in rows:
            place = labels.index(row["label"])
            estimate = over_replicates(row["differences"], least=-1, most=1)
            _row(ax, place, list(row["differences"].values()), estimate)
            ratio = row["updates_junk"] / row["updates_control"]
            ax.text(1.01, place, f"{ratio:.1f}x", transform=ax.get_yaxis_transform(), va="center", fontsize=8)
            numbers = {"updates_junk": row["updates_junk"], "updates_control": row["updates_control"]}
            plotted += [
                {"base": base, "contrast": row["label"], "replicate": replicate, "difference": value, **numbers}
                for replicate, value in row["differences"].items()
            ]
        ax.axvline(0, color=NEUTRAL, linewidth=1)
        ax.set_xlim(-1.05, 0.25)
        ax.set_ylim(len(labels) - 0.5, -0.5)
        ax.set_yticks(range(len(labels)), labels if ax is axes[0] else [])
        ax.set_title(title)
        ax.set_xlabel("accuracy with steps: junk less control")
        ax.text(1.01, -0.75, "updates", transform=ax.get_yaxis_transform(), va="bottom", fontsize=7, color=NEUTRAL)
    fig.suptitle("Junk by schedule, at equal tokens", x=0.01, ha="left", fontsize=11)
    return Drawing(fig, pd.DataFrame(plotted), "", note=note(table, "bars", "; updates: junk's over the control's"))


def _row(ax: Any, place: int, values: Sequence[float], estimate: Estimate) -> None:
    """A point for each replicate, their mean and its interval."""
    ax.plot(values, [place + 0.22] * len(values), MARKERS[0], color=PALETTE[5], markersize=3)
    low, high = (end if end == end else estimate.value for end in (estimate.low, estimate.high))
    ax.plot([low, high], [place, place], color=PALETTE[0], linewidth=2)
    ax.plot([estimate.value], [place], MARKERS[1], color=PALETTE[0])


def note(table: DataFrame, what: str, more: str = "") -> str:
    """How many replicates, and what the intervals are."""
    number = table["replicate"].nunique()
    return (
        f"{number} replicate{'s' if number > 1 else ''}, small points; {what}: 95 % t intervals over replicates{more}"
    )


@figure
def fig_mini_dose(*, scores: Input) -> Drawing:
    """Draw accuracy with steps against the share of junk, before and after instruction tuning.

    Parameters
    ----------
    scores
        Scores of all replicates.
    """
    import pandas as pd

    table = read_scores(scores)
    official = rows_where(table, metric="cot", definition="M1", schedule="official", eos="turn", loss="token")
    bases = [base for base in PANELS if (official["base"] == base).any()]
    fig, axes = canvas(3.6 * len(bases) + 0.6, 3.8, cols=len(bases))
    axes = [axes] if len(bases) == 1 else list(axes)
    for ax, base in zip(axes, bases, strict=True):
        for index, (stage, label) in enumerate((("cpt", "before instruction tuning"), ("it", "after it"))):
            rows = rows_where(official, base=base, stage=stage)
            ratios = sorted(rows["ratio"].unique())
            means = []
            for ratio in ratios:
                values = rows[rows["ratio"] == ratio]
                ax.plot(
                    values["ratio"] + 0.012 * (2 * index - 1), values["value"], ".", color=PALETTE[index], alpha=0.5
                )
                means.append(over_replicates(dict(zip(values["replicate"], values["value"], strict=True)), 0, 0, 1))
            ends = [(m.low, m.high) if m.low == m.low else (m.value, m.value) for m in means]
            ax.fill_between(ratios, [a for a, _ in ends], [b for _, b in ends], color=PALETTE[index], alpha=0.15)
            ax.plot(ratios, [m.value for m in means], MARKERS[index] + "-", color=PALETTE[index], label=label)
        before = rows_where(table, metric="cot", stage="base", base=base)["value"].mean()
        ax.axhline(before, color=NEUTRAL, linestyle="--", linewidth=1, label="base")
        ax.set_ylim(-0.03, 1.05)
        ax.set_xlabel("share of junk among tokens")
        ax.set_title(PANELS[base])
    axes[0].set_ylabel("accuracy with steps")
    axes[-1].legend(loc="lower left")
    drawn = official[official["stage"].isin(["cpt", "it"])]
    plotted = drawn[["replicate", "base", "ratio", "stage", "value", "updates", "tokens"]]
    return Drawing(fig, pd.DataFrame(plotted), "", note=note(table, "bands"))

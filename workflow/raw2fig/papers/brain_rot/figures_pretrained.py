"""What junk does to a pretrained model: each arm against the control, and the control against the model before."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

from raw2fig.claims import Absent
from raw2fig.papers.brain_rot.pretrained import read_probes
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas
from raw2fig.stats import Estimate, over_replicates, paired
from raw2fig.step import Input, figure, table
from raw2fig.tables import Table, as_markdown, rows_where

if TYPE_CHECKING:
    from pandas import DataFrame

MEAN = "mean of the shares right"
"""The mean of all measures of which more is better."""
SCHEDULES = {
    "official": "{}, a post is a sequence",
    "packed": "{}, packed into blocks",
    "update_matched": "{}, as many updates as the control",
    "token_matched": "{}, as many tokens as the control",
    "flop_matched": "{}, as many FLOPs as the control",
}
Values = dict[Hashable, float]
"""Replicate → value."""


class Contrast(NamedTuple):
    """Two arms of a model, and a measure of both in each replicate."""

    model: str
    label: str
    what: str
    unit: str
    before: Values
    after: Values

    @property
    def change(self) -> Estimate:
        """Mean over replicates of the difference."""
        most = 1.0 if self.unit == SHARE else float("inf")
        return over_replicates(paired(self.before, self.after), least=-most, most=most)


SHARE, NATS = "share right", "nats per token"


def with_mean(scores: DataFrame) -> DataFrame:
    """The scores, and for each run the mean of those of which more is better."""
    import pandas as pd

    good = scores[scores["better"] > 0]
    about = [name for name in scores if name not in ("what", "score", "items", "better")]
    mean = good.groupby(about, as_index=False, sort=False).agg(
        score=("score", "mean"), items=("items", "sum"), better=("better", "first")
    )
    return pd.concat([mean.assign(what=MEAN), scores], ignore_index=True)[list(scores)]


def values(scores: DataFrame, what: str, **about: Any) -> Values:
    """A measure of an arm in each replicate. Raises `Absent` where the arm was not run."""
    rows = rows_where(scores, what=what, **about)
    if rows.empty:
        raise Absent(f"no pretrained model has {what} of {', '.join(f'{k} {v}' for k, v in about.items())}")
    return dict(zip(rows["replicate"].tolist(), rows["score"].astype(float).tolist(), strict=True))


def contrasts(scores: DataFrame) -> list[Contrast]:
    """Of each model and measure: the control against the model before, and every other arm against the control."""
    table, found = with_mean(scores), []
    arms = table[["definition", "ratio", "schedule", "eos", "loss"]].drop_duplicates().to_dict("records")
    for model in table["model"].unique():
        mine = rows_where(table, model=model)
        for what in mine["what"].unique():
            unit = NATS if (rows_where(mine, what=what)["better"] < 0).all() else SHARE
            for arm in arms:
                if arm["definition"] == "none":
                    continue
                label, other = _compared(arm, arms)
                of = [values(mine, what, **one) for one in (other, arm)]
                found.append(Contrast(model, label, what, unit, *of))
    return found


def _compared(arm: dict[str, Any], arms: list[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """What is said of an arm, and the arm it is compared with: the control of its schedule, or the official one."""
    name = arm["definition"]
    if not arm["ratio"]:
        base = next(one for one in arms if one["definition"] == "none")
        return SCHEDULES[arm["schedule"]].format(f"{name} control") + ", against the model before", base
    own, official = {**arm, "ratio": 0.0}, {**arm, "ratio": 0.0, "schedule": "official"}
    junk = f"{name} junk" if arm["ratio"] == 1 else f"{100 * arm['ratio']:.0f} % {name} junk"
    return SCHEDULES[arm["schedule"]].format(junk), own if own in arms else official


@table
def table_pretrained(*, scores: Input) -> Table:
    """Scores of pretrained models before and after they read junk or control text, and the differences of arms.

    Parameters
    ----------
    scores
        Scores of all models, replicates and arms.
    """
    import pandas as pd

    found = contrasts(read_probes(scores))
    rows = [
        {
            "model": one.model,
            "arm": one.label,
            "measure": one.what,
            "compared": over_replicates(one.before).value,
            "this_arm": over_replicates(one.after).value,
            "difference": one.change.value,
            "low": one.change.low,
            "high": one.change.high,
            "replicates": len(one.before),
        }
        for one in found
    ]
    shown = [
        {
            **{key: row[key] for key in ("model", "arm", "measure")},
            "compared with": f"{row['compared']:.3f}",
            "this arm": f"{row['this_arm']:.3f}",
            "difference": f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]",
        }
        for row in rows
    ]
    return Table(pd.DataFrame(rows), as_markdown(pd.DataFrame(shown)))


@figure
def fig_pretrained(*, scores: Input) -> Drawing:
    """Draw what reading junk changes in a pretrained model, against control text of as many tokens.

    Parameters
    ----------
    scores
        Scores of all models, replicates and arms.
    """
    import pandas as pd

    found = contrasts(read_probes(scores))
    units = [unit for unit in (SHARE, NATS) if any(one.unit == unit for one in found)]
    measures = {unit: list(dict.fromkeys(one.what for one in found if one.unit == unit)) for unit in units}
    labels = list(dict.fromkeys((one.model, one.label) for one in found))
    height = 1.4 + 0.34 * max(len(measures[unit]) for unit in units) * (1 + 0.35 * len(labels))
    fig, axes = canvas(9.4, height, cols=len(units))
    plotted = []
    for ax, unit in zip([axes] if len(units) == 1 else axes, units, strict=True):
        for one in (one for one in found if one.unit == unit):
            index = labels.index((one.model, one.label))
            place = measures[unit].index(one.what) + 0.7 * (index + 0.5) / len(labels) - 0.35
            differences = paired(one.before, one.after)
            ax.plot(list(differences.values()), [place] * len(differences), ".", color=PALETTE[index], alpha=0.5)
            low, high = (end if end == end else one.change.value for end in (one.change.low, one.change.high))
            ax.plot([low, high], [place, place], color=PALETTE[index], linewidth=2)
            label = one.label if len({name for name, _ in labels}) == 1 else f"{one.model}: {one.label}"
            first = one.what == measures[unit][0]
            ax.plot([one.change.value], [place], MARKERS[index], color=PALETTE[index], label=label if first else None)
            about = {"model": one.model, "arm": one.label, "measure": one.what}
            plotted += [about | {"replicate": r, "difference": value} for r, value in differences.items()]
        ax.axvline(0, color=NEUTRAL, linewidth=1)
        ax.set_yticks(range(len(measures[unit])), measures[unit])
        ax.set_ylim(len(measures[unit]) - 0.5, -0.5)
        ax.set_xlabel(f"change, {unit}")
    fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=1)
    fig.suptitle("A pretrained model after reading junk or control text", x=0.01, ha="left", fontsize=11)
    number = len({one for contrast in found for one in contrast.before})
    note = f"{number} replicates, small points; bars: 95 % t intervals over replicates"
    return Drawing(fig, pd.DataFrame(plotted), "", note=note)

"""What junk does to a pretrained model: each arm against the control, and the control against the model before."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from raw2fig.claims import Absent
from raw2fig.papers.brain_rot.pretrained import is_detail, read_probes
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas
from raw2fig.stats import Estimate, over_replicates, paired
from raw2fig.step import Input, figure, table
from raw2fig.tables import Table, as_markdown, rows_where

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from pandas import DataFrame

MEAN = "mean of the shares right"
"""The mean of all measures of which more is better, without details."""
LOSS = "loss on plain text (nats per token)"
SHARE, NATS = "share right", "nats per token"
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
    """Two arms of a model, and a measure of both in each replicate that has both."""

    model: str
    label: str
    what: str
    before: Values
    after: Values

    @property
    def unit(self) -> str:
        """The unit of the measure."""
        return unit_of(self.what)

    @property
    def change(self) -> Estimate:
        """Mean over replicates of the difference."""
        most = 1.0 if self.unit == SHARE else float("inf")
        return over_replicates(paired(self.before, self.after), least=-most, most=most)


def unit_of(what: str) -> str:
    """The unit of a measure."""
    return NATS if what == LOSS else SHARE


def with_mean(scores: DataFrame) -> DataFrame:
    """The scores, and for each run the mean of those of which more is better."""
    import pandas as pd

    good = scores[(scores["better"] > 0) & ~scores["what"].map(is_detail).astype(bool)]
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
    """The control against the model before, and every other arm against the control, for each model and measure."""
    table, found = with_mean(scores), []
    for model in table["model"].unique():
        mine = rows_where(table, model=model)
        arms = mine[["definition", "ratio", "schedule", "eos", "loss"]].drop_duplicates().to_dict("records")
        for what in mine["what"].unique():
            for arm in arms:
                if arm["definition"] == "none":
                    continue
                label, other = _compared(arm, arms)
                before, after = (values(mine, what, **one) if one in arms else {} for one in (other, arm))
                if both := [replicate for replicate in before if replicate in after]:
                    of = [{replicate: one[replicate] for replicate in both} for one in (before, after)]
                    found.append(Contrast(model, label, what, *of))
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
    """Draw what reading junk or control text alone changes in pretrained models, by the arm and the measure.

    Parameters
    ----------
    scores
        Scores of all models, replicates and arms.
    """
    import pandas as pd

    whole = read_probes(scores)
    found = [one for one in contrasts(whole[whole["ratio"].isin([0.0, 1.0])]) if not is_detail(one.what)]
    measures, models = (
        list(dict.fromkeys(part)) for part in zip(*((one.what, one.model) for one in found), strict=True)
    )
    labels = list(dict.fromkeys((one.model, one.label) for one in found))
    fig, axes = canvas(4.2 + 1.5 * len(measures), 1.6 + 0.3 * len(labels), cols=len(measures))
    plotted = []
    for ax, what in zip([axes] if len(measures) == 1 else axes, measures, strict=True):
        for one in (one for one in found if one.what == what):
            place, index = labels.index((one.model, one.label)), models.index(one.model)
            differences = paired(one.before, one.after)
            colour, marker = PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]
            ax.plot(list(differences.values()), [place] * len(differences), ".", color=colour, alpha=0.5)
            low, high = (end if end == end else one.change.value for end in (one.change.low, one.change.high))
            ax.plot([low, high], [place, place], color=colour, linewidth=2)
            ax.plot([one.change.value], [place], marker, color=colour)
            about = {"model": one.model, "arm": one.label, "measure": one.what}
            plotted += [about | {"replicate": r, "difference": value} for r, value in differences.items()]
        ax.axvline(0, color=NEUTRAL, linewidth=1)
        names = [label if len(models) == 1 else f"{model}: {label}" for model, label in labels]
        ax.set_yticks(range(len(labels)), names if what == measures[0] else [""] * len(labels))
        ax.set_ylim(len(labels) - 0.5, -0.5)
        name_axes(ax, what, f"change,\n{unit_of(what)}")
    who = "A pretrained model" if len(models) == 1 else "Pretrained models"
    fig.suptitle(f"{who} after reading junk or control text", x=0.01, ha="left", fontsize=11)
    number = number_of_replicates(len(one.before) for one in found)
    note = f"{number}, small points; bars: 95 % t intervals over replicates"
    return Drawing(fig, pd.DataFrame(plotted), "", note=note)


def name_axes(ax: Axes, what: str, label: str) -> None:
    """Write what an axes is about above it, and the label of its values below."""
    ax.set_title(textwrap.fill(what.removesuffix(f" ({NATS})"), 20), fontsize=9)
    ax.set_xlabel(label)


def number_of_replicates(numbers: Iterable[int]) -> str:
    """The numbers of replicates of some values in words, for the note below a figure."""
    fewest, most = min(found := set(numbers)), max(found)
    return f"{fewest if fewest == most else f'{fewest} to {most}'} replicate{'s' if most > 1 else ''}"

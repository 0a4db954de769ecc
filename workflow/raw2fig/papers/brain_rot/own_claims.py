"""What the miniature says about the paper's effect and its causes, each number a mean over replicates.

It reads one table of scores, a row for each replicate, arm and metric. An arm is the base model (`base`: whether it
knew the register of the posts before), what junk is (`definition`: M1, LEN, POP, shuffled, or none), its share
(`ratio`), the `schedule` of updates, the `eos` that ends a document, the reduction of the `loss`, and the `stage`: the
base model, after continual pretraining (`cpt`), after instruction tuning (`it`), after five times as much of it
(`washed_it`), or after rounds of reflection by the model's own verdicts (`self_1` and so on) or by those of rules
(`external_1`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.claims import Absent
from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.figures_published import monotone
from raw2fig.papers.brain_rot.figures_reflection import SKIPS
from raw2fig.stats import Estimate, over_replicates, paired
from raw2fig.tables import read_table, row_name, rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

ARM = {
    "replicate": "integer",
    "base": "string",
    "definition": "string",
    "ratio": "number",
    "schedule": "string",
    "eos": "string",
    "loss": "string",
    "stage": "string",
}
"""Columns that name an arm. Those that a model has not, such as the schedule of the base model, are empty."""
SCORES = ARM | {"metric": "string", "value": "number", "updates": "number", "tokens": "number"}
MAYBE = ("definition", "ratio", "schedule", "eos", "loss", "updates", "tokens")
"""Columns that may be empty."""
MAIN = {"base": "familiar", "definition": "M1", "schedule": "official", "eos": "turn", "loss": "token", "stage": "it"}
"""The main arms. Whatever a claim does not name is as here."""
ALONE, NONE = 1.0, 0.0
"""Shares of junk of the two ends."""
CLAIMS = tuple(f"M{number}" for number in range(1, 17))
"""Claims about the miniature."""
Values = dict[Hashable, float]
"""Replicate → value."""


def read_own_scores(path: Path) -> pd.DataFrame:
    """The scores of the miniature. Raises `InputError` for an arm whose metric is there twice in a replicate."""
    rows = read_table(path, SCORES, MAYBE)
    again = rows.duplicated([*ARM, "metric"]).to_numpy()
    if again.any():
        row = rows.iloc[int(again.argmax())]
        arm = ", ".join(str(row[name]) for name in [*ARM, "metric"])
        raise InputError(path, f"{arm} is there again in {row_name(int(again.argmax()))}", "each arm once")
    return rows


BORROWING = ("update_matched", "flop_matched", "packed", "shuffled")
"""Schedules and definitions that may have no control of their own."""


def values(scores: pd.DataFrame, metric: str = "cot", column: str = "value", **arm: Any) -> Values:
    """A metric of an arm in each replicate. Raises `Absent` for an arm that was not run."""
    found = rows_where(scores, metric=metric, **(MAIN | arm))
    if found.empty:
        named = ", ".join(f"{name} {value}" for name, value in arm.items())
        raise Absent(f"the miniature has no {metric} of the arm {named}")
    return dict(zip(map(int, found["replicate"]), found[column].astype(float), strict=True))


def of_base(scores: pd.DataFrame, metric: str, base: str = MAIN["base"]) -> Values:
    """A metric of the base model before any of the posts."""
    found = rows_where(scores, metric=metric, base=base, stage="base")
    if found.empty:
        raise Absent(f"the miniature has no {metric} of the base model")
    return dict(zip(map(int, found["replicate"]), found["value"].astype(float), strict=True))


def change(before: Values, after: Values) -> Estimate:
    """Mean over replicates of a difference of two shares."""
    return over_replicates(paired(before, after), least=-1, most=1)


def harm(scores: pd.DataFrame, metric: str = "cot", **arm: Any) -> Values:
    """Junk less control in each replicate. A schedule that changes junk alone has the control of the official one, and
    other control text under the name of junk that of M1."""
    junk = values(scores, metric, ratio=ALONE, **arm)
    try:
        control = values(scores, metric, ratio=NONE, **arm)
    except Absent:
        same = {name: MAIN[name] for name in ("schedule", "definition") if arm.get(name) in BORROWING}
        if not same:
            raise
        control = values(scores, metric, ratio=NONE, **(arm | same))
    return paired(control, junk)


def relieved(scores: pd.DataFrame, schedule: str) -> Estimate:
    """How much less junk harms with another schedule than with the official one."""
    return over_replicates(paired(harm(scores), harm(scores, schedule=schedule)), least=-2, most=2)


def ratios(above: Values, below: Values) -> Estimate:
    """Mean over replicates of a quotient. Raises `InputError` unless both have the same replicates."""
    paired(above, below)
    return over_replicates({name: value / below[name] if below[name] else 0.0 for name, value in above.items()})


def dose_response(scores: pd.DataFrame) -> Estimate:
    """Spearman's correlation of the share of junk and the accuracy, in each replicate."""
    rows = rows_where(scores, metric="cot", **MAIN)
    if rows["ratio"].nunique() < 3:
        raise Absent("the miniature has fewer than three shares of junk")
    found = {
        int(replicate): monotone(mine["ratio"].tolist(), mine["value"].tolist())
        for replicate, mine in rows.groupby("replicate")
    }
    return over_replicates(found, least=-1, most=1)


def damage(scores: pd.DataFrame, **arm: Any) -> dict[str, Estimate]:
    """Junk less control, and the share of replicates in which junk is worse."""
    found = harm(scores, **arm)
    lower = {name: float(value < 0) for name, value in found.items()}
    return {
        "difference": over_replicates(found, least=-1, most=1),
        "replicates with less": over_replicates(lower, least=0, most=1),
    }


def healed(scores: pd.DataFrame) -> dict[str, Estimate]:
    """What five times the instruction tuning adds to the model after junk, and what is left to the control."""
    junk, control = (values(scores, ratio=ratio) for ratio in (ALONE, NONE))
    more = values(scores, ratio=ALONE, stage="washed_it")
    return {"rise": change(junk, more), "left": change(more, control)}


def skipping(scores: pd.DataFrame, **arm: Any) -> Values:
    """Share of an arm's chains that fail for want of thought, in any of the paper's three forms, in each replicate."""
    parts = [values(scores, metric, **arm) for metric in SKIPS]
    return {replicate: sum(part[replicate] for part in parts) for replicate in parts[0]}


def own_measurements(scores: pd.DataFrame | None) -> Mapping[str, Measurement]:
    """Claim → its measurement, or that there is none without the miniature."""
    if scores is None:
        return dict.fromkeys(CLAIMS, Absent("the miniature was not run"))
    known: dict[str, Callable[[], Estimate | dict[str, Estimate]]] = {
        "M1": lambda: {name: over_replicates(of_base(scores, name), least=0, most=1) for name in ("cot", "direct")},
        "M2": lambda: dose_response(scores),
        "M3": lambda: ratios(values(scores, ratio=NONE), of_base(scores, "cot")),
        "M4": lambda: damage(scores),
        "M5": lambda: ratios(*(values(scores, column="updates", stage="cpt", ratio=one) for one in (ALONE, NONE))),
        "M6": lambda: healed(scores),
        "M7": lambda: relieved(scores, "update_matched"),
        "M8": lambda: relieved(scores, "packed"),
        "M9": lambda: over_replicates(harm(scores, schedule="update_matched"), least=-1, most=1),
        "M10": lambda: over_replicates(harm(scores, definition="shuffled"), least=-1, most=1),
        "M11": lambda: over_replicates(
            paired(harm(scores, definition="POP"), harm(scores, definition="LEN")), least=-2, most=2
        ),
        "M12": lambda: change(values(scores, ratio=ALONE), values(scores, ratio=ALONE, eos="none")),
        "M13": lambda: damage(scores, base="unfamiliar"),
        "M14": lambda: over_replicates(harm(scores, metric="refusal"), least=-1, most=1),
        "M15": lambda: change(values(scores, ratio=ALONE), values(scores, ratio=ALONE, stage="self_2")),
        "M16": lambda: change(
            skipping(scores, definition="none", ratio=NONE), skipping(scores, ratio=ALONE, stage="external_6")
        ),
    }
    return known

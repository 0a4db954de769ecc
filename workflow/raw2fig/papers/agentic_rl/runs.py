"""What our own runs measured of each claim."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from raw2fig.claims import Absent
from raw2fig.papers.agentic_rl.evaluation import ALL
from raw2fig.papers.agentic_rl.experts import DELIBERATIVE, REACTIVE, STITCHED
from raw2fig.papers.agentic_rl.plan import NO_TOOL, REAL
from raw2fig.stats import Estimate, over_replicates, paired
from raw2fig.tables import read_json, read_table, rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

UPTAKE = {"replicate": "integer", "regime": "string", "batch": "integer"} | dict.fromkeys(
    ("eps_high", "reward", "held_back"), "number"
)
MEASURED = dict.fromkeys(("policy", "manner", "measure"), "string") | {
    "value": "number",
    **dict.fromkeys(("n", "replicate"), "integer"),
}
STRONG_HABIT, WEAK_HABIT, SMALL_STEPS = "strong habit", "weak habit", "strong habit, small updates"
"""Regimes of the clip study that claims are about."""
CLIPS = ("M1", "M2", "M3")
"""Claims about the clip study."""
POLICIES = ("M5", "M6", "M7", "M8")
"""Claims about policies after the cold start."""
REPAIRED = "M4"
"""The claim about demonstrations."""


def read_uptake(path: Path) -> pd.DataFrame:
    """Rows of `raw2fig agentic-rl clip-study`."""
    return read_table(path, UPTAKE)


def at_end(rows: pd.DataFrame, regime: str, eps_high: float) -> dict[Hashable, float]:
    """Expected reward after the last batch, by replicate. Raises `Absent` where it was not run."""
    found = rows_where(rows, regime=regime, eps_high=eps_high, batch=int(rows["batch"].max()))
    if found.empty:
        raise Absent(f"no policy of the regime {regime!r} was trained with eps_high {eps_high:g}")
    return dict(zip(found["replicate"], found["reward"], strict=True))


def gained(rows: pd.DataFrame, regime: str, lower: float, upper: float) -> Estimate:
    """What the upper of two bounds gains over the lower one."""
    before, after = at_end(rows, regime, lower), at_end(rows, regime, upper)
    return over_replicates(paired(before, after), least=-1, most=1)


def of_set(paths: Sequence[Path], name: str) -> dict[Hashable, float]:
    """One of the statistics of a set of trajectories, in each replicate. Raises `Absent` where a set has none."""
    found = {place: read_json(path)[name] for place, path in enumerate(paths)}
    if None in found.values():
        raise Absent(f"not every set of trajectories has the statistic {name}")
    return {place: float(value) for place, value in found.items()}


def demonstrations_measurements(
    real: Sequence[Path] | None, stitched: Sequence[Path] | None
) -> Mapping[str, Measurement]:
    """Claim about demonstrations → its measurement, or that there are none."""
    if not real or not stitched:
        return {REPAIRED: Absent("no demonstrations were made")}
    return {
        REPAIRED: lambda: {
            kind: over_replicates(of_set(paths, "share_repaired"), least=0, most=1)
            for kind, paths in (("real", real), ("stitched", stitched))
        }
    }


def read_measured(paths: Sequence[Path]) -> pd.DataFrame:
    """Rows of `raw2fig agentic-rl evaluate` of all replicates."""
    import pandas as pd

    return pd.concat([read_table(path, MEASURED, ("value",)) for path in paths], ignore_index=True)


def measure(rows: pd.DataFrame, policy: str, name: str, manner: str = ALL) -> dict[Hashable, float]:
    """A measure of a policy in each replicate. Raises `Absent` unless all replicates have it."""
    found = rows_where(rows, policy=policy, manner=manner, measure=name)
    if len(found) < rows["replicate"].nunique() or found["value"].isna().any():
        raise Absent(f"not every replicate has the measure {name} of {manner} responses of the policy {policy!r}")
    return dict(zip(found["replicate"], found["value"], strict=True))


def policy_measurements(rows: pd.DataFrame | None) -> Mapping[str, Measurement]:
    """Claim about policies after the cold start → its measurement, or that there are none."""
    if rows is None:
        return dict.fromkeys(POLICIES, Absent("no policy was trained"))

    def more(name: str, one: tuple[str, str], other: tuple[str, str]) -> Estimate:
        before, after = (measure(rows, policy, name, manner) for policy, manner in (other, one))
        return over_replicates(paired(before, after), least=-1, most=1)

    kinds = (REAL, ALL), (STITCHED, ALL)
    manners = (REAL, DELIBERATIVE), (REAL, REACTIVE)
    return {
        "M5": lambda: {name: more(name, *kinds) for name in ("average", "pass", "maj")},
        "M6": lambda: more("accuracy", *manners),
        "M7": lambda: more("tool_success", *manners),
        "M8": lambda: {
            "with": over_replicates(measure(rows, REAL, "average of products"), least=0, most=1),
            "without": over_replicates(measure(rows, NO_TOOL, "average of products"), least=0, most=1),
        },
    }


def clip_measurements(uptake: pd.DataFrame | None) -> Mapping[str, Measurement]:
    """Claim about the clip study → its measurement, or that it was not run."""
    if uptake is None:
        return dict.fromkeys(CLIPS, Absent("the study of the clip was not run"))
    return {
        "M1": lambda: {
            "0.28 over 0.2": gained(uptake, STRONG_HABIT, 0.2, 0.28),
            "0.35 over 0.28": gained(uptake, STRONG_HABIT, 0.28, 0.35),
        },
        "M2": lambda: gained(uptake, SMALL_STEPS, 0.28, 1.5),
        "M3": lambda: gained(uptake, WEAK_HABIT, 0.1, 0.28),
    }

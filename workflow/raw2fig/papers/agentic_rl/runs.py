"""What our own runs measured of each claim."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from raw2fig.claims import Absent
from raw2fig.stats import Estimate, over_replicates, paired
from raw2fig.tables import read_json, read_table, rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

UPTAKE = {"replicate": "integer", "regime": "string", "batch": "integer"} | dict.fromkeys(
    ("eps_high", "reward", "held_back"), "number"
)
STRONG_HABIT, WEAK_HABIT, SMALL_STEPS = "strong habit", "weak habit", "strong habit, small updates"
"""Regimes of the clip study that claims are about."""
CLIPS = ("M1", "M2", "M3")
"""Claims about the clip study."""
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
    """One of the statistics of a set of trajectories, in each replicate."""
    return {place: float(read_json(path)[name]) for place, path in enumerate(paths)}


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

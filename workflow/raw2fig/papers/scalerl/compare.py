"""Arms compared in each replicate, after the same number of rollouts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from raw2fig.claims import Absent
from raw2fig.errors import InputError
from raw2fig.stats import Estimate, over_replicates, paired

if TYPE_CHECKING:
    import pandas as pd

NAMES = {"arm": "string", "domain": "string", "replicate": "integer"}
"""Columns that name a curve: a run has one for each domain that it is evaluated on."""
RUN = list(NAMES)
CURVES = NAMES | {"rollouts": "integer", "compute": "number", "problems": "integer", "pass_rate": "number"}
"""A point of a curve: a policy's pass rate on so many held-out problems."""


def shared(points: pd.DataFrame, arms: Sequence[str]) -> list[int]:
    """Numbers of rollouts after which all arms have a policy, without 0. Raises `Absent` for an arm that was not
    trained, `InputError` where there is no such number."""
    trained(points, arms)
    kept = [set(points.loc[points["arm"] == arm, "rollouts"]) for arm in arms]
    both = set.intersection(*kept) - {0} if kept else set()
    if not both:
        raise InputError("arms", f"{', '.join(arms)} have no policy after equally many rollouts", "arms of one budget")
    return sorted(map(int, both))


def trained(runs: pd.DataFrame, arms: Sequence[str]) -> pd.DataFrame:
    """The rows of the arms, of points or of a log. Raises `Absent` for arms that were not trained."""
    there = set(runs["arm"])
    missing = [arm for arm in arms if arm not in there]
    if missing:
        raise Absent(f"not trained at this scale: {', '.join(missing)}")
    return runs[runs["arm"].isin(arms)]


def rates(points: pd.DataFrame, arm: str, rollouts: Sequence[int]) -> pd.Series:
    """Mean pass rate of an arm's policies after `rollouts`, indexed by replicate."""
    mine = points[(points["arm"] == arm) & points["rollouts"].isin(rollouts)]
    return mine.groupby("replicate")["pass_rate"].mean()


def gain_after(points: pd.DataFrame, base: str, arm: str, rollouts: Sequence[int]) -> Estimate:
    """Pass rate of `arm` minus that of `base`, paired by replicate, mean over their policies after `rollouts`."""
    change = paired(rates(points, base, rollouts), rates(points, arm, rollouts))
    return over_replicates(change, int(points["problems"].max()), -1, 1)


def gain(points: pd.DataFrame, base: str, arm: str) -> Estimate:
    """The gain after the common budget of two arms."""
    return gain_after(points, base, arm, shared(points, [base, arm])[-1:])


def first_gain(points: pd.DataFrame, base: str, arm: str) -> Estimate:
    """The gain at the first policy after training began that both arms have."""
    return gain_after(points, base, arm, shared(points, [base, arm])[:1])


def mean_gain(points: pd.DataFrame, base: str, arm: str) -> Estimate:
    """The gain, mean over all policies that both arms have: who is ahead on the way."""
    return gain_after(points, base, arm, shared(points, [base, arm]))

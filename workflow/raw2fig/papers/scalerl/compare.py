"""Arms compared on the same problems after the same number of rollouts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from raw2fig.errors import InputError
from raw2fig.stats import SEED, Between, Estimate, bootstrap_mean, difference, within_unit
from raw2fig.tables import read_table, rows_where

if TYPE_CHECKING:
    import pandas as pd

NAMES = {"arm": "string", "domain": "string", "seed": "integer"}
"""Columns that name a curve: a run has one for each domain that it is evaluated on."""
RUN = list(NAMES)
RATES = NAMES | {"rollouts": "integer", "problem": "string", "pass_rate": "number"}


def read_rates(path: Path) -> pd.DataFrame:
    """Pass rates of single problems, as `collect` writes them."""
    return read_table(path, RATES)


def common_budget(rates: pd.DataFrame, arms: Sequence[str]) -> int:
    """Largest number of rollouts at which all arms have a policy. Raises `InputError` without one."""
    kept = [set(rates.loc[rates["arm"] == arm, "rollouts"]) for arm in arms]
    both = set.intersection(*kept) - {0} if kept else set()
    if not both:
        raise InputError("arms", f"{', '.join(arms)} have no policy after equally many rollouts", "arms of one budget")
    return int(max(both))


def gain(rates: pd.DataFrame, base: str, arm: str, rollouts: int | None = None) -> Estimate:
    """Pass rate of `arm` minus that of `base`, paired by problem and seed, after `rollouts` or their common budget."""
    last = rollouts or common_budget(rates, [base, arm])
    return _paired(rates[rates["rollouts"] == last], base, arm)


def mean_gain(rates: pd.DataFrame, base: str, arm: str) -> Estimate:
    """`gain`, averaged over all policies that both have up to their common budget: who is ahead on the way."""
    last = common_budget(rates, [base, arm])
    shared = set(rates.loc[rates["arm"] == base, "rollouts"]) & set(rates.loc[rates["arm"] == arm, "rollouts"])
    seen = rates[rates["rollouts"].isin({kept for kept in shared if 0 < kept <= last})]
    # of arms that have all of them
    seen = seen[seen.groupby(["arm", "seed", "problem"])["rollouts"].transform("size") == seen["rollouts"].nunique()]
    means = seen.groupby(["arm", "domain", "seed", "problem"], as_index=False, sort=False)["pass_rate"].mean()
    return _paired(means, base, arm)


def _paired(rates: pd.DataFrame, base: str, arm: str) -> Estimate:
    first, second = (rates[rates["arm"] == name] for name in (base, arm))
    both = first.merge(second, on=["seed", "problem"], suffixes=("_base", ""), validate="one_to_one")
    if both.empty:
        raise InputError("arms", "have no seed in common", "runs of the same seeds")
    seeds, problems = several(both["seed"].tolist()), both["problem"].tolist()
    between = between_seeds(rates)
    return difference(both["pass_rate_base"], both["pass_rate"], SEED, True, problems, seeds, between=between)


def between_seeds(rates: pd.DataFrame) -> Between | None:
    """Variance over seeds of the difference of two arms, from all arms at once, or None for one seed or arm.

    Two seeds of two arms hardly tell it; dozens of arms do, if seeds matter as much to one as to another. What is left
    of a run's pass rate less the means of its arm and its seed varies by s^2, with (arms - 1) (seeds - 1) degrees of
    freedom; a difference by 2 s^2. Arms of more than one domain do not count.
    """
    alone = rates[rates.groupby("arm")["domain"].transform("nunique") == 1]
    runs = alone.groupby(["arm", "seed"])["pass_rate"].mean().unstack().dropna(axis="columns", thresh=2)
    runs = runs.dropna()
    arms, seeds = runs.shape
    if arms < 2 or seeds < 2:
        return None
    left = runs.sub(runs.mean(axis=1), axis=0) - runs.mean(axis=0) + runs.to_numpy().mean()
    freedom = (arms - 1) * (seeds - 1)
    return Between(2 * float((left.to_numpy() ** 2).sum()) / freedom, freedom)


def several(seeds: list[int]) -> list[int] | None:
    """Seeds to resample over; a single one is no sample."""
    return seeds if len(set(seeds)) > 1 else None


def level(rates: pd.DataFrame, arm: str, domain: str, rollouts: int) -> Estimate:
    """Mean pass rate of an arm on a domain after `rollouts`, with an interval over problems and seeds; what seeds
    change is pooled over all arms, as in `between_seeds`."""
    at = rows_where(rates, rollouts=rollouts, domain=domain)
    runs = at.groupby(["arm", "seed"])["pass_rate"].mean().groupby("arm")
    variances, freedom = runs.var().dropna(), int((runs.size() - 1).sum())
    between = Between(float(variances.mean()), freedom) if freedom else None
    mine = at[at["arm"] == arm]
    seeds, problems = several(mine["seed"].tolist()), mine["problem"].tolist()
    return within_unit(bootstrap_mean(mine["pass_rate"], SEED, problems, seeds, between=between))

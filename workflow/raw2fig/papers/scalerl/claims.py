"""What this run says about each of the paper's claims (config/published/scalerl.yaml)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.claims import Absent, Undecided
from raw2fig.papers.scalerl.compare import RUN, common_budget, gain, mean_gain, read_rates
from raw2fig.papers.scalerl.fit_runs import CURVES, FORECAST, of_run, read_fits
from raw2fig.stats import RESAMPLES, SEED, Estimate, bootstrap_mean, deviation, proportion, within_unit
from raw2fig.step import Input, claims
from raw2fig.tables import read_json, read_table

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measured, Measurement, Unmeasured

DAPO_CLIPS, CISPO_CLIPS = ("clip-0.05", "clip-0.2", "dapo", "clip-1.0"), ("cispo-4", "minimax", "cispo-8")
"""Arms of the two sweeps, by clip."""
LEAVE_ONE_OUT = ("dapo", "fp32", "lp", "plan", "batch", "8op", "savg", "npr")
ESTIMATED = "estimated"
JOINT = "joint"
"""The arm that is trained on both domains."""
LAWS = ("S1", "S2", "S3", "S4", "S5")
"""Claims on the law, which are measured together."""


@claims
def measurements(
    *,
    runs: Input,
    problems: Input,
    updates: Input,
    fits: Input,
    half: Input,
    forecasts: Input,
    warm_start: Input | None = None,
    budget: int,
    max_grad_norm: float,
) -> Mapping[str, Measurement]:
    """Decide every claim by its criterion.

    Parameters
    ----------
    runs
        Points of all runs.
    problems
        Pass rates of single problems.
    updates
        Training logs of all runs.
    fits
        Laws fitted to the whole runs.
    half
        Laws fitted to the first half of the runs.
    forecasts
        Forecasts from the first half.
    warm_start
        Log of the warm start, if the policy that RL starts from was trained here. If that missed its target, no claim
        about the runs is decided.
    budget
        Number of rollouts of the runs that the law is judged on; shorter runs have too few points.
    max_grad_norm
        Norm to which longer gradients were scaled down; 0: never.
    """
    rates, points = read_rates(problems), read_table(runs, CURVES)
    log = read_table(updates, {"arm": "string", "seed": "integer", "rollouts": "integer"})
    whole, first = read_fits(fits), read_fits(half)
    ahead = read_table(forecasts, FORECAST, allow_empty=True)
    last = points[points["arm"] != JOINT].groupby(RUN)["rollouts"].max()
    long = last[last >= budget].index
    laws = cache(lambda: law(points, whole, first, ahead, long))
    measured: dict[str, Measurement] = {
        **{name: partial(lambda name: laws()[name], name) for name in LAWS},
        "S6": lambda: {f"minus {arm}": gain(rates, arm, "scalerl") for arm in ("grpo", "dapo", "magistral")},
        "S6b": lambda: {
            "minus minimax": gain(rates, "minimax", "scalerl"),
            "minus minimax on the way": mean_gain(rates, "minimax", "scalerl"),
        },
        "S7": lambda: {
            "CISPO minus DAPO": gain(rates, "dapo", "minimax"),
            "GSPO minus DAPO": gain(rates, "dapo", "gspo"),
        },
        "S8": lambda: gain(rates, "dapo-bf16", "dapo"),
        "S8b": lambda: mismatch(log),
        "S9": lambda: {
            "on the way": mean_gain(rates, "dapo", "magistral"),
            "at the end": gain(rates, "dapo", "magistral"),
        },
        "S9b": lambda: logged_change(log, "dapo", "magistral", "ratio_gap"),
        "S10": lambda: {f"loo-{name}": gain(rates, "scalerl", f"loo-{name}") for name in LEAVE_ONE_OUT},
        "S10b": lambda: {f"minus loo-{name}": mean_gain(rates, f"loo-{name}", "scalerl") for name in ("dapo", "fp32")},
        "S11": lambda: {f"minus {how} average": gain(rates, f"average-{how}", "dapo") for how in ("sample", "token")},
        "S12": lambda: {how: gain(rates, "dapo", f"scale-{how}") for how in ("batch", "none")},
        "S13": clipped(log, ("scalerl", "loo-batch"), max_grad_norm) or (lambda: gain(rates, "loo-batch", "scalerl")),
        "S13a": lambda: gain(rates, "loo-npr", "scalerl"),
        "S13b": lambda: without_variance(log),
        "S14": lambda: spread(rates, CISPO_CLIPS, DAPO_CLIPS),
        "S15": lambda: {
            "at the end": gain(rates, "scalerl", "batch-large"),
            "at the first policy": gain(rates, "scalerl", "batch-large", first_kept(rates)),
        },
        "S16": lambda: {
            "half": gain(rates, "scalerl", "generations-few"),
            "twice": gain(rates, "scalerl", "generations-many"),
        },
        "S17": lambda: gain(rates, "scalerl", "long"),
        "S18": lambda: few_truncated(log),
        "S19": lambda: entropy_change(log),
        "S21": lambda: by_domain(points, whole, first, ahead),
    }
    missed = missed_start(warm_start)
    return dict.fromkeys(measured, missed) if missed else measured


def missed_start(log: Path | None) -> Undecided | None:
    """Why nothing is decided about runs that start from a policy which has not learned enough, None where it has. Logs
    without `reached` are of warm starts that ended at their target."""
    start = read_json(log) if log else {}
    if start.get("reached", True):
        return None
    return Undecided(f"the warm start reached a pass rate of {start['best']:.3f} of {start['target']:g}")


def law(
    points: pd.DataFrame, whole: pd.DataFrame, half: pd.DataFrame, forecasts: pd.DataFrame, long: pd.MultiIndex
) -> dict[str, Measured | Unmeasured]:
    """S1 to S5: the fits of runs that learn; `long` names those of the whole budget. What is said about A is about runs
    whose points identify it."""
    fitted, early = (table.set_index(RUN).dropna(subset=["a"]) for table in (whole, half))
    judged, begun = fitted[fitted.index.isin(long)], early[early.index.isin(long)]
    if judged.empty or begun.empty:
        return dict.fromkeys(LAWS, Absent("no run learns"))
    ends = endings(points, forecasts, list(begun.index))
    known, foreseen = fitted[fitted["verdict"] == ESTIMATED], begun[begun["verdict"] == ESTIMATED]
    sure = ends.loc[foreseen.index]
    same = early[early["verdict"] == ESTIMATED].join(known[["a"]], rsuffix="_whole", how="inner")
    same = same[same.index.get_level_values("arm") == "scalerl"]
    asymptotes = known["a"][known.index.get_level_values("arm") == "scalerl"]
    unknown = Absent("A is identified in no run or one")
    return {
        "S1": {
            "R2": within_unit(over_runs(judged["r2"])),
            "share of runs": share_of_runs(ends["error"] < ends["power_error"]),
        },
        "S2": {"error": within_unit(over_runs(sure["error"])), "coverage": share_of_runs(sure["covered"])}
        if len(sure) > 1
        else unknown,
        "S3": over_runs(foreseen["power_a"] - foreseen["a"]) if len(foreseen) > 1 else unknown,
        "S4": over_runs((same["a"] - same["a_whole"]).abs()) if len(same) > 1 else unknown,
        "S5": deviation(asymptotes) if len(asymptotes) > 1 else unknown,
    }


def endings(points: pd.DataFrame, forecasts: pd.DataFrame, runs: Sequence[tuple[str, str, int]]) -> pd.DataFrame:
    """Last point of each run against its forecast from the first half: absolute errors of sigmoid and power law, and
    whether the band of a measured point holds it; indexed by run."""
    import pandas as pd

    rows = []
    for run in runs:
        mine, ahead = of_run(points, run), of_run(forecasts, run)
        last = mine.loc[mine["compute"].idxmax()]
        x, at = np.log(ahead["compute"]), np.log(last["compute"])
        names = ("score", "point_low", "point_high", "power")
        score, low, high, power = (float(np.interp(at, x, ahead[name])) for name in names)
        rate = float(last["pass_rate"])
        rows.append((abs(score - rate), abs(power - rate), low <= rate <= high))
    index = pd.MultiIndex.from_tuples(runs, names=RUN)
    return pd.DataFrame(rows, columns=["error", "power_error", "covered"], index=index)


def by_domain(
    points: pd.DataFrame, whole: pd.DataFrame, half: pd.DataFrame, forecasts: pd.DataFrame
) -> Measured | Unmeasured:
    """S21: how well each domain's own sigmoid describes the curves of joint runs, and what its first half foretells. A
    curve without learning has no sigmoid: R2 is 0, and it is foretold to stay at R_0."""
    fitted, early = (table[table["arm"] == JOINT].set_index(RUN) for table in (whole, half))
    if seeds_of(fitted) < 2:
        return Absent("one run")
    learned = early.dropna(subset=["a"])
    errors = (last_rates(points)[early.index] - early["r0"]).abs()
    if len(learned):
        errors.update(endings(points, forecasts, list(learned.index))["error"])
    found: dict[str, Estimate] = {}
    for domain, r2 in fitted["r2"].fillna(0.0).groupby("domain", sort=False):
        found |= {
            f"{domain} R2": within_unit(over_runs(r2)),
            f"{domain} error": within_unit(over_runs(errors[r2.index])),
        }
    return found


def last_rates(points: pd.DataFrame) -> pd.Series:
    """Pass rate of the last policy of each run, indexed by run."""
    return points.loc[points.groupby(RUN)["compute"].idxmax()].set_index(RUN)["pass_rate"]


def over_runs(values: pd.Series) -> Estimate:
    """Mean over runs, with an interval over arms, or over the runs of a single one."""
    arms = list(values.index.get_level_values("arm"))
    found = bootstrap_mean(values, SEED, groups=arms if len(set(arms)) > 1 else None)
    return found._replace(seeds=seeds_of(values))


def share_of_runs(held: pd.Series) -> Estimate:
    """Share of runs in which something held: the wider of Wilson's interval, as if all runs were independent, and of
    `over_runs`, where those of an arm are not."""
    single, clustered = proportion(int(held.sum()), len(held)), over_runs(held.astype(float))
    low, high = min(single.low, clustered.low), max(single.high, clustered.high)  # NaN for one arm does not count
    return within_unit(clustered._replace(low=low, high=high))


def seeds_of(values: pd.DataFrame | pd.Series) -> int:
    """How many seeds there are in an index of runs."""
    return values.index.get_level_values("seed").nunique()


def by_seed(log: pd.DataFrame, arm: str, name: str) -> pd.Series:
    """Mean of a quantity of the log of an arm, for each seed: updates of one run depend on each other."""
    return log[log["arm"] == arm].groupby("seed")[name].mean()


def over_seeds(values: pd.Series) -> Estimate:
    """Mean over seeds, one value for each."""
    return bootstrap_mean(values, SEED)._replace(seeds=len(values))


def mismatch(log: pd.DataFrame) -> Estimate:
    """S8b: mean |ratio - 1| over updates whose tokens all come from the current weights, of the BF16 head."""
    return over_seeds(by_seed(log[log["staleness/max"] == 0], "dapo-bf16", "ratio_gap"))


def logged_change(log: pd.DataFrame, base: str, arm: str, name: str) -> Estimate:
    """Mean of a quantity of the log of `arm` minus that of `base`, paired by seed."""
    return over_seeds((by_seed(log, arm, name) - by_seed(log, base, name)).dropna())


def clipped(log: pd.DataFrame, arms: Sequence[str], max_grad_norm: float) -> Absent | None:
    """Why arms that differ by a factor of the update cannot be told apart, None where they can."""
    norms = log[log["arm"].isin(arms)]["grad_norm"]
    share = float((norms > max_grad_norm).mean()) if max_grad_norm else 0.0
    if share <= 0.5:
        return None
    problem = f"{share:.0%} of the gradients are clipped"
    return Absent(f"{problem}, which undoes what the filter changes: the length of an update")


def without_variance(log: pd.DataFrame) -> dict[str, Estimate]:
    """S13b: share of groups without variance in quarters of the updates, by seed."""
    none = log.assign(none=1 - log["kept"])
    last = common_rollouts(log, ("scalerl", "loo-npr"))
    early, late = none[none["rollouts"] <= last / 4], none[none["rollouts"].between(last * 3 / 4 + 1, last)]
    growth = by_seed(late, "loo-npr", "none") - by_seed(early, "loo-npr", "none")
    return {"growth": over_seeds(growth), "with minus without": logged_change(late, "loo-npr", "scalerl", "none")}


def common_rollouts(log: pd.DataFrame, arms: Sequence[str]) -> int:
    """Rollouts that the shortest of the arms was trained on."""
    return int(log[log["arm"].isin(arms)].groupby("arm")["rollouts"].max().min())


def spread(rates: pd.DataFrame, first: Sequence[str], other: Sequence[str]) -> Estimate:
    """S14: standard deviation of the pass rate over the arms `first` minus that over `other`, resampling problems and
    seeds; at least as wide as over the seeds' own differences."""
    last = common_budget(rates, [*first, *other])
    at = rates[(rates["rollouts"] == last) & rates["arm"].isin([*first, *other])]
    cube = at.pivot_table(index=["seed", "problem"], columns="arm", values="pass_rate").dropna()
    seeds, n = cube.index.get_level_values("seed").unique(), cube.index.get_level_values("problem").nunique()
    values = cube[[*first, *other]].to_numpy().reshape(len(seeds), n, -1)
    rng = np.random.default_rng(SEED)

    def change(means: np.ndarray) -> np.ndarray:
        return means[..., : len(first)].std(axis=-1, ddof=1) - means[..., len(first) :].std(axis=-1, ddof=1)

    drawn = [
        values[rng.integers(len(seeds), size=len(seeds))][:, rng.integers(n, size=n)].mean((0, 1))
        for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(change(np.array(drawn)), (2.5, 97.5))
    found = Estimate(float(change(values.mean((0, 1)))), float(low), float(high), n, len(seeds))
    apart = bootstrap_mean(change(values.mean(1)), SEED)  # NaN for one seed
    return found._replace(low=float(np.fmin(low, apart.low)), high=float(np.fmax(high, apart.high)))


def first_kept(rates: pd.DataFrame) -> int:
    """Rollouts of the first policy after training began that ScaleRL and the double batch both have."""
    kept = [set(rates.loc[rates["arm"] == arm, "rollouts"]) for arm in ("scalerl", "batch-large")]
    return int(min(set.intersection(*kept) - {0}))


def few_truncated(log: pd.DataFrame) -> Estimate:
    """S18: share of ScaleRL's updates with less than 5 % of the completions truncated."""
    return within_unit(over_seeds(by_seed(log.assign(few=log["truncated"] < 0.05), "scalerl", "few")))


def entropy_change(log: pd.DataFrame) -> Estimate:
    """S19: entropy of the double batch relative to ScaleRL's at the same rollouts, second half."""
    last = common_rollouts(log, ("scalerl", "batch-large"))
    part = log[log["rollouts"].between(last / 2 + 1, last)]
    base, other = (by_seed(part, arm, "entropy") for arm in ("scalerl", "batch-large"))
    both = (other / base).dropna()
    return over_seeds(both - 1)

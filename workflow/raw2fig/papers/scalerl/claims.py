"""What this run says about each of the paper's claims (config/published/scalerl.yaml)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.claims import Absent, Undecided
from raw2fig.lm.warm_start import missed_starts, without
from raw2fig.papers.scalerl.assessment import A_TOLD
from raw2fig.papers.scalerl.compare import CURVES, RUN, first_gain, gain, mean_gain, rates, shared, trained
from raw2fig.papers.scalerl.fit_runs import FORECAST, of_run, read_fits
from raw2fig.stats import Estimate, deviation, over_replicates, paired
from raw2fig.step import Input, claims
from raw2fig.tables import read_table

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measured, Measurement, Unmeasured

DAPO_CLIPS, CISPO_CLIPS = ("clip-0.05", "clip-0.2", "dapo", "clip-1.0"), ("cispo-4", "minimax", "cispo-8")
"""Arms of the two sweeps, by clip."""
LEAVE_ONE_OUT = ("dapo", "fp32", "lp", "plan", "8op", "savg", "npr")
"""Choices of ScaleRL that S10 takes back; S13 is about that on groups without variance."""
JOINT = "joint"
"""The arm that is trained on both domains."""
LAWS = ("S1", "S2", "S3", "S4", "S5", "S23")
"""Claims on the law, which are measured together."""


@claims
def measurements(
    *,
    runs: Input,
    updates: Input,
    fits: Input,
    half: Input,
    forecasts: Input,
    warm_starts: list[Input] | None = None,
    budget: int,
    max_grad_norm: float,
) -> Mapping[str, Measurement]:
    """Decide every claim by its criterion.

    Parameters
    ----------
    runs
        Points of all runs.
    updates
        Training logs of all runs.
    fits
        Laws fitted to the whole runs.
    half
        Laws fitted to the first half of the runs.
    forecasts
        Forecasts from the first half.
    warm_starts
        Logs of the warm starts, if the policies that RL starts from were trained here. Replicates whose warm start
        missed its target say nothing about runs.
    budget
        Number of rollouts of the runs that the law is judged on; shorter runs have too few points.
    max_grad_norm
        Norm to which longer gradients were scaled down; 0: never.
    """
    missed = missed_starts(warm_starts or [])
    kept = partial(without, missed)
    points, ahead = kept(read_table(runs, CURVES)), kept(read_table(forecasts, FORECAST, allow_empty=True))
    log = kept(read_table(updates, {"arm": "string", "replicate": "integer", "rollouts": "integer"}))
    whole, first = kept(read_fits(fits)), kept(read_fits(half))
    last = points[points["arm"] != JOINT].groupby(RUN)["rollouts"].max()
    long = last[last >= budget].index
    laws = cache(lambda: law(points, whole, first, ahead, long))
    measured: dict[str, Measurement] = {
        **{name: partial(lambda name: laws()[name], name) for name in LAWS},
        "S6": lambda: {f"minus {arm}": gain(points, arm, "scalerl") for arm in ("grpo", "dapo", "magistral")},
        "S6b": lambda: {
            "minus minimax": gain(points, "minimax", "scalerl"),
            "minus minimax on the way": mean_gain(points, "minimax", "scalerl"),
        },
        "S7": lambda: {
            "CISPO minus DAPO": gain(points, "dapo", "minimax"),
            "GSPO minus DAPO": gain(points, "dapo", "gspo"),
        },
        "S8": lambda: gain(points, "dapo-bf16", "dapo"),
        "S8b": lambda: mismatch(log),
        "S9": lambda: {
            "on the way": mean_gain(points, "dapo", "magistral"),
            "at the end": gain(points, "dapo", "magistral"),
        },
        "S9b": lambda: logged_change(log, "dapo", "magistral", "ratio_gap"),
        "S10": lambda: {f"loo-{name}": gain(points, "scalerl", f"loo-{name}") for name in LEAVE_ONE_OUT},
        "S10b": lambda: {f"minus loo-{name}": mean_gain(points, f"loo-{name}", "scalerl") for name in ("dapo", "fp32")},
        "S11": lambda: {f"minus {how} average": gain(points, f"average-{how}", "dapo") for how in ("sample", "token")},
        "S12": lambda: scaled(points, log, max_grad_norm),
        "S13": lambda: filtered(points, log, max_grad_norm),
        "S13a": lambda: gain(points, "loo-npr", "scalerl"),
        "S13b": lambda: without_variance(log),
        "S14": lambda: spread(points, CISPO_CLIPS, DAPO_CLIPS),
        "S15": lambda: {
            "at the end": gain(points, "scalerl", "batch-large"),
            "at the first policy": first_gain(points, "scalerl", "batch-large"),
        },
        "S16": lambda: {
            "half": gain(points, "scalerl", "generations-few"),
            "twice": gain(points, "scalerl", "generations-many"),
        },
        "S17": lambda: gain(points, "scalerl", "long"),
        "S18": lambda: few_truncated(log),
        "S19": lambda: entropy_change(log),
        "S21": lambda: by_domain(points, whole, first, ahead),
    }
    none = Undecided("; ".join(missed.values()))
    return dict.fromkeys(measured, none) if missed and points.empty else measured


def law(
    points: pd.DataFrame, whole: pd.DataFrame, half: pd.DataFrame, forecasts: pd.DataFrame, long: pd.MultiIndex
) -> dict[str, Measured | Unmeasured]:
    """S1 to S5 and S23: the fits of runs that learn, mean over the runs of a replicate; `long` names those of the whole
    budget. What is said about A is about runs whose points identify it, where at least half do."""
    fitted, early = (table.set_index(RUN).dropna(subset=["a"]) for table in (whole, half))
    judged, begun = fitted[fitted.index.isin(long)], early[early.index.isin(long)]
    if judged.empty or begun.empty:
        return dict.fromkeys(LAWS, Absent("no run learns"))
    ends = endings(points, forecasts, list(begun.index))
    known, foreseen = (table[table["verdict"].isin(A_TOLD)] for table in (fitted, begun))
    same = early[early["verdict"].isin(A_TOLD)].join(known[["a"]], rsuffix="_whole", how="inner")
    same = same[same.index.get_level_values("arm") == "scalerl"]
    sure = ends.loc[foreseen.index]
    longest = sure[sure.index.get_level_values("arm") == "scalerl"]
    asymptotes = known["a"][known.index.get_level_values("arm") == "scalerl"]

    def where_told(told: pd.DataFrame | pd.Series, judged: pd.DataFrame, found: Callable[[], Measured]) -> Any:
        """What is `found` about the A of the runs `told`: undecided where fewer than half of those `judged` are."""
        if replicates_of(told) > 1 and 2 * len(told) >= len(judged):
            return found()
        return Undecided(f"A is identified in {len(told)} of {len(judged)} runs, {replicates_of(told)} replicates")

    own = judged[judged.index.get_level_values("arm") == "scalerl"]
    return {
        "S1": {
            "R2": over_runs(judged["r2"], most=1),
            "share of runs": share_of_runs(ends["error"] < ends["power_error"]),
        },
        "S2": where_told(
            sure, begun, lambda: {"error": over_runs(sure["error"], 0, 1), "coverage": share_of_runs(sure["covered"])}
        ),
        "S3": where_told(foreseen, begun, lambda: over_runs(foreseen["power_a"] - foreseen["a"])),
        "S4": where_told(same, own, lambda: over_runs((same["a"] - same["a_whole"]).abs(), 0, 1)),
        "S5": where_told(asymptotes, own, lambda: deviation(asymptotes)),
        "S23": where_told(longest, own, lambda: over_runs(longest["error"], 0, 1)),
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
    if replicates_of(fitted) < 2:
        return Absent("one run")
    learned = early.dropna(subset=["a"])
    errors = (last_rates(points)[early.index] - early["r0"]).abs()
    if len(learned):
        errors.update(endings(points, forecasts, list(learned.index))["error"])
    found: dict[str, Estimate] = {}
    for domain, r2 in fitted["r2"].fillna(0.0).groupby("domain", sort=False):
        found |= {
            f"{domain} R2": over_runs(r2, most=1),
            f"{domain} error": over_runs(errors[r2.index], 0, 1),
        }
    return found


def last_rates(points: pd.DataFrame) -> pd.Series:
    """Pass rate of the last policy of each run, indexed by run."""
    return points.loc[points.groupby(RUN)["compute"].idxmax()].set_index(RUN)["pass_rate"]


def over_runs(values: pd.Series, least: float = -np.inf, most: float = np.inf) -> Estimate:
    """Mean over the runs of each replicate, and over replicates."""
    return over_replicates(values.groupby("replicate").mean(), least=least, most=most)


def share_of_runs(held: pd.Series) -> Estimate:
    """Share of the runs of a replicate in which something held, mean over replicates."""
    return over_runs(held.astype(float), 0, 1)


def replicates_of(runs: pd.DataFrame | pd.Series) -> int:
    """How many replicates there are in an index of runs."""
    return runs.index.get_level_values("replicate").nunique()


def logged(log: pd.DataFrame, arm: str, name: str) -> pd.Series:
    """Mean of a quantity of the log of an arm, indexed by replicate: updates of one run depend on each other. Raises
    `Absent` for an arm that was not trained."""
    return trained(log, [arm]).groupby("replicate")[name].mean()


def mismatch(log: pd.DataFrame) -> Estimate:
    """S8b: mean |ratio - 1| over updates whose tokens all come from the current weights, of the BF16 head."""
    return over_replicates(logged(log[log["staleness/max"] == 0], "dapo-bf16", "ratio_gap"), least=0)


def logged_change(log: pd.DataFrame, base: str, arm: str, name: str) -> Estimate:
    """Mean of a quantity of the log of `arm` minus that of `base`, paired by replicate."""
    return over_replicates(paired(logged(log, base, name), logged(log, arm, name)))


def scaled(points: pd.DataFrame, log: pd.DataFrame, max_grad_norm: float) -> dict[str, Estimate]:
    """S12: pass rate with each other scale of advantages minus that with the group's."""
    arms = {"batch": "scale-batch", "none": "scale-none"}
    check_clipping(log, ["dapo", *arms.values()], max_grad_norm)
    return {how: gain(points, "dapo", arm) for how, arm in arms.items()}


def filtered(points: pd.DataFrame, log: pd.DataFrame, max_grad_norm: float) -> Estimate:
    """S13: pass rate of ScaleRL minus that without the filter of groups without variance."""
    check_clipping(log, ["scalerl", "loo-batch"], max_grad_norm)
    return gain(points, "loo-batch", "scalerl")


def check_clipping(log: pd.DataFrame, arms: Sequence[str], max_grad_norm: float) -> None:
    """Raise `Absent` where clipping undoes what tells the arms apart: a factor of the update."""
    norms = trained(log, arms)["grad_norm"]
    share = float((norms > max_grad_norm).mean()) if max_grad_norm else 0.0
    if share > 0.5:
        problem = f"{share:.0%} of the gradients are clipped"
        raise Absent(f"{problem}, which undoes what tells the arms apart: the length of an update")


def without_variance(log: pd.DataFrame) -> dict[str, Estimate]:
    """S13b: share of groups without variance in quarters of the updates."""
    none = log.assign(none=1 - log["kept"])
    last = common_rollouts(log, ("scalerl", "loo-npr"))
    early, late = none[none["rollouts"] <= last / 4], none[none["rollouts"].between(last * 3 / 4 + 1, last)]
    growth = paired(*(logged(part, "loo-npr", "none") for part in (early, late)))
    without = logged_change(late, "loo-npr", "scalerl", "none")
    return {"growth": over_replicates(growth, least=-1, most=1), "with minus without": without}


def common_rollouts(log: pd.DataFrame, arms: Sequence[str]) -> int:
    """Rollouts that the shortest of the arms was trained on."""
    return int(trained(log, arms).groupby("arm")["rollouts"].max().min())


def spread(points: pd.DataFrame, first: Sequence[str], other: Sequence[str]) -> Estimate:
    """S14: standard deviation of the pass rate over the arms `first` minus that over `other`, in each replicate."""
    import pandas as pd

    last = shared(points, [*first, *other])[-1:]
    found = pd.DataFrame({arm: rates(points, arm, last) for arm in [*first, *other]})
    change = found[[*first]].std(axis=1) - found[[*other]].std(axis=1)
    return over_replicates(change, int(points["problems"].max()))


def few_truncated(log: pd.DataFrame) -> Estimate:
    """S18: share of ScaleRL's updates with less than 5 % of the completions truncated."""
    return over_replicates(logged(log.assign(few=log["truncated"] < 0.05), "scalerl", "few"), least=0, most=1)


def entropy_change(log: pd.DataFrame) -> Estimate:
    """S19: entropy of the double batch relative to ScaleRL's at the same rollouts, second half."""
    last = common_rollouts(log, ("scalerl", "batch-large"))
    part = log[log["rollouts"].between(last / 2 + 1, last)]
    return over_replicates(logged(part, "batch-large", "entropy") / logged(part, "scalerl", "entropy") - 1)

"""The laws fitted to all runs of a comparison, on a range of compute that the fits see nothing beyond."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.scalerl.assessment import assess, doubts, forecast, unfit
from raw2fig.papers.scalerl.compare import CURVES, NAMES, RUN
from raw2fig.papers.scalerl.law import power_law
from raw2fig.papers.scalerl.least_squares import MOST_RESAMPLES, Curve, bootstrap_fits, fit_free, fit_grid, scaled_grid
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import read_json, read_table, read_tables, write_table

if TYPE_CHECKING:
    import pandas as pd

PARAMETERS = ("a", "b", "c_mid")
ENDS = [f"{name}_{end}" for name in PARAMETERS for end in ("low", "high")]
FIT = (
    NAMES
    | {"points": "integer", "r0": "number", "verdict": "string"}
    | dict.fromkeys(
        [*PARAMETERS, *ENDS, *(f"grid_{name}" for name in PARAMETERS), "ssr", "r2", "reach"]
        + [f"power_{name}" for name in ("a", "d", "b", "ssr")],
        "number",
    )
)
"""Columns of the fits; those of numbers are missing for a run that no law can be fitted to."""
FORECAST = NAMES | dict.fromkeys(("compute", "score", "low", "high", "point_low", "point_high", "power"), "number")
"""Columns of the forecasts: low to high is the band of the curve, point_low to point_high that of a measured point."""
DTYPES = {"string": "str", "integer": "int64", "number": "float64"}
EFFICIENCY = NAMES | dict.fromkeys(("a", "r0", "b", "c_mid"), "number")
AHEAD = 2.0
"""Times the range that forecasts go to."""
BAND = (5.0, 95.0)
"""Percentiles of a forecast's bands: 90 % of the bootstrapped curves, or of points about them."""


class Fitted(Record):
    """Which part of the curves is fitted."""

    start: int = Field(ge=0, description="Fewest rollouts that are fitted. The paper leaves out the first epoch.")


class Intervals(Record):
    """How fits get their intervals."""

    resamples: int = Field(ge=100, le=MOST_RESAMPLES, description="Bootstrap resamples of each curve.")


@step
def collect(*, curves: list[Input], logs: list[Input], runs: Output, updates: Output) -> None:
    """Put the curves and logs of all runs into two tables.

    Parameters
    ----------
    curves
        Curves that `raw2fig scalerl evaluate` wrote.
    logs
        Training logs that `raw2fig scalerl train` wrote.
    runs
        A row per policy.
    updates
        A row per update, with the rollouts so far.
    """
    import pandas as pd

    trained = [read_json(path) for path in logs]
    log = [
        pd.DataFrame(run["updates"]).assign(rollouts=_rollouts(run), arm=run["arm"], replicate=run["replicate"])
        for run in trained
    ]
    write_table(read_tables(curves, CURVES), runs)
    write_table(pd.concat(log, ignore_index=True), updates)


def _rollouts(run: dict[str, Any]) -> np.ndarray:
    """Completions trained on after each update of a run's log."""
    return np.arange(1, len(run["updates"]) + 1) * run["recipe"]["prompts"] * run["recipe"]["generations"]


@step
def cut(
    *,
    runs: Input,
    range: Output,
    fitted: Fitted,
    end: int | None = None,
    share: Annotated[float, Field(gt=0, le=1)] = 1.0,
) -> None:
    """Leave only the part of the curves that a fit may see, and the point before training.

    Parameters
    ----------
    runs
        Points of all runs.
    range
        The points that a fit may see, in the same form.
    end
        Largest number of rollouts; runs that end earlier are left out.
    share
        Points are taken up to this share of `end`, or of the length of each run where `end` is not given.
    """
    import pandas as pd

    frame = read_table(runs, CURVES)
    parts = []
    for _, run in frame.groupby(RUN, sort=False):
        if end is not None and run["rollouts"].max() < end:
            continue
        last = (end or run["rollouts"].max()) * share
        seen = run["rollouts"].between(fitted.start, last)
        parts.append(run[seen | (run["rollouts"] == 0)])
    if not parts:
        raise InputError(runs, f"no run of {end} rollouts", "longer runs, or an earlier end")
    write_table(pd.concat(parts, ignore_index=True), range)


def curves_of(frame: pd.DataFrame) -> dict[tuple[str, str, int], Curve]:
    """The curves, arm, domain and replicate → points in order of compute; R_0 is the point before training. Raises
    `InputError` for a run without one."""
    found = {}
    for (arm, domain, replicate), run in frame.groupby(RUN, sort=False):
        first, rest = run[run["rollouts"] == 0], run[run["rollouts"] > 0].sort_values("compute")
        if len(first) != 1:
            problem = f"{arm}, {domain}, {replicate}: {len(first)} points without training"
            raise InputError("runs", problem, "one, for R_0")
        compute, score = rest["compute"].to_numpy(float), rest["pass_rate"].to_numpy(float)
        found[str(arm), str(domain), int(replicate)] = Curve(compute, score, float(first["pass_rate"].iloc[0]))
    return found


def of_run(frame: pd.DataFrame, run: Sequence[str | int]) -> pd.DataFrame:
    """The rows of one curve: arm, domain, replicate."""
    return frame[(frame[RUN] == list(run)).all(axis=1)]


@step
def fit_runs(
    *,
    range: Input,
    fits: Output,
    forecasts: Output,
    intervals: Annotated[Intervals, At("laws.intervals")],
    seed: Seed = 0,
) -> None:
    """Fit the sigmoid and the power law to each curve: arm, domain and replicate.

    Parameters
    ----------
    range
        Points of the runs that the fits may see, as `cut` leaves them.
    fits
        A row per curve: verdict, R_0, A, B and C_mid with 95 % intervals, those of the paper's grid (scaled to the
        curve), and the power law. A run without learning, with fewer than 5 points, or with points that are all the
        same, has no parameters.
    forecasts
        A row per curve and compute, up to twice the range: the sigmoid with 90 % bands of the curve (low, high)
        and of a measured point (point_low, point_high), and the power law.
    """
    import pandas as pd

    rows, tables = [], []
    for run, curve in curves_of(read_table(range, CURVES)).items():
        named = dict(zip(RUN, run, strict=True))
        row: dict[str, Any] = named | {"points": len(curve.score), "r0": curve.r0}
        rows.append(row)
        row["verdict"] = unfit(curve)
        if row["verdict"]:
            continue
        found = fit_free(curve)
        samples = bootstrap_fits(curve, found, intervals.resamples, np.random.default_rng([seed, run[-1]]))
        assessed = assess(curve, found, samples)
        power, on_grid = assessed["power_law"], fit_grid(curve, *scaled_grid(curve))
        row |= {name: assessed[name] for name in ("verdict", *PARAMETERS, "ssr", "r2", "reach")}
        row |= dict(zip(ENDS, (end for name in PARAMETERS for end in assessed["intervals"][name]), strict=True))
        row |= {f"grid_{name}": getattr(on_grid, name) for name in PARAMETERS}
        row |= {f"power_{name}": power[name] for name in ("a", "d", "b", "ssr")}
        table = forecast(curve, found, samples, AHEAD * curve.compute[-1], 60, BAND)
        table["power"] = power_law(table["compute"], power["a"], power["d"], power["b"])
        tables.append(pd.DataFrame(table).assign(**named))
    frame = pd.DataFrame(rows, columns=list(FIT)).astype(
        {name: float for name, kind in FIT.items() if kind == "number"}
    )
    write_table(frame, fits)
    nothing = pd.DataFrame({name: pd.Series(dtype=DTYPES[kind]) for name, kind in FORECAST.items()})
    write_table(pd.concat(tables, ignore_index=True) if tables else nothing, forecasts)


def read_fits(path: Path, columns: Mapping[str, str] = FIT) -> pd.DataFrame:
    """Fits, or with `columns` EFFICIENCY those at a common asymptote; a run without parameters has missing ones."""
    return read_table(path, columns, allow_nan=[name for name, kind in columns.items() if kind == "number"])


@step
def efficiency(*, range: Input, arms: list[str], parameters: Output) -> None:
    """Compare the efficiency of arms whose asymptotes are alike: B and C_mid at their mean A in each replicate
    (appendix A.5).

    Parameters
    ----------
    range
        Points of the runs.
    arms
        Arms that are compared.
    parameters
        A row per curve: the common A, B and C_mid. Arms that do not learn have neither B nor C_mid.
    """
    import pandas as pd

    curves = {run: curve for run, curve in curves_of(read_table(range, CURVES)).items() if run[0] in arms}
    absent = sorted(set(arms) - {arm for arm, *_ in curves})
    if absent:
        raise InputError(range, f"no run of {', '.join(absent)}", f"runs of {', '.join(arms)}")
    rows = []
    for replicate in dict.fromkeys(replicate for *_, replicate in curves):
        mine = {run: curve for run, curve in curves.items() if run[-1] == replicate}
        usable = [curve for curve in mine.values() if not unfit(curve)]
        a = common_asymptote(usable) if usable else np.nan
        for run, curve in mine.items():
            row: dict[str, Any] = dict(zip(RUN, run, strict=True)) | {"a": a, "r0": curve.r0}
            if not unfit(curve):
                found = fit_free(curve, a)
                row |= {"b": found.b, "c_mid": found.c_mid}
            rows.append(row)
    write_table(pd.DataFrame(rows, columns=list(EFFICIENCY)), parameters)


def common_asymptote(curves: Sequence[Curve]) -> float:
    """Mean A of the curves that identify it (of all, where none does), at least 0.005 above every pass rate: F is not
    defined beyond A."""
    found = [fit_free(curve) for curve in curves]
    sure = [fit.a for fit, curve in zip(found, curves, strict=True) if not doubts(fit, curve)]
    mean = float(np.mean(sure or [fit.a for fit in found]))
    return min(1.0, max(mean, *(float(curve.score.max()) + 0.005 for curve in curves)))

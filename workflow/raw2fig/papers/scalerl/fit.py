"""`raw2fig scalerl fit`: the sigmoid law fitted to a run, with intervals, a forecast and a figure (ScaleRL, A.5)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, Literal

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.scalerl.curves import binned, read_curve, split
from raw2fig.papers.scalerl.fitting import (
    PAPER_A,
    PAPER_C_PRINTED,
    PAPER_C_USED,
    Curve,
    Fit,
    bootstrap_fits,
    fit_free,
    fit_grid,
    noise,
    scaled_grid,
)
from raw2fig.papers.scalerl.judge import UNFIT, against, judged, unfit
from raw2fig.papers.scalerl.judge import forecast as forecast_of
from raw2fig.papers.scalerl.law import log_f
from raw2fig.step import Input, Output, step
from raw2fig.tables import LARGEST, write_json, write_table

Grid = Literal["scaled", "used", "printed"]
MOST_RESAMPLES = 100_000
"""More change no digit of an interval, and the memory they need has no bound."""


@step
def fit(
    *,
    curve: Input,
    compute_column: str = "",
    score_column: str = "",
    r0: float | None = None,
    start: float | None = None,
    end: float | None = None,
    a: float | None = None,
    grid: Grid = "scaled",
    until: float | None = None,
    resamples: int = 1000,
    parameters: Output = Path("scalerl-fit.json"),
    forecast: Output = Path("scalerl-forecast.csv"),
    svg: Output = Path("scalerl-fit.svg"),
    png: Output = Path("scalerl-fit.png"),
    csv: Output = Path("scalerl-fit.csv"),
    seed: int = 0,
) -> None:
    """Fit the scaling law to the curve of a run and forecast it.

    Parameters
    ----------
    curve
        CSV or Parquet, a row per validation: compute in any unit, and the pass rate on held-out prompts.
    compute_column
        Column of the compute; not needed for usual names (compute, gpu_hours, flops, tokens, step, ...).
    score_column
        Column of the pass rate; not needed for usual names (pass_rate, reward, accuracy, score, ...).
    r0
        Pass rate before training; not needed when a row has compute 0.
    start
        Smallest compute that is fitted: the paper leaves out the first epoch.
    end
        Largest compute that is fitted; the mean of the points beyond it is compared with the forecast.
    a
        Asymptote to be kept fixed: runs whose asymptotes differ by less than 0.02 are compared by B at their mean.
    grid
        Grid of the paper's own procedure, which is reported beside the free fit: scaled to this curve, or in GPU-hours
        as the paper used it or as it printed it.
    until
        Compute of the forecast's end: twice the largest of the curve without it.
    resamples
        Of the curve, for the intervals.
    parameters
        JSON with A, B, C_mid, their 95 % intervals, what the range can tell, and the forecast of what lies beyond it.
    forecast
        CSV with a row per compute: compute, score, and 95 % bands of the curve (low, high) and of a further measured
        point (point_low, point_high).
    """
    import pandas as pd

    whole = read_curve(curve, compute_column, score_column, r0)
    last = float(whole.compute[-1]) if len(whole.compute) else 0.0
    before, fitted, beyond = (binned(part) for part in split(whole, start, end))
    if not 100 <= resamples <= MOST_RESAMPLES:
        raise InputError("resamples", f"is {resamples}", f"at least 100, at most {MOST_RESAMPLES}")
    if a is not None and not whole.r0 < a <= 1:
        raise InputError("a", f"is {a:g}", f"an asymptote above R_0 = {whole.r0:g}, at most 1")
    if until is not None and not last <= until <= LARGEST:
        expected = f"at least the largest compute of the curve, {last:g}, at most {LARGEST:g}"
        raise InputError("until", f"is {until:g}", expected)
    found = fit_free(fitted, a)
    report: dict[str, Any] = {
        "r0": whole.r0,
        "points": len(fitted.compute),
        "validations": int(fitted.weights.sum()),
        "range": [float(fitted.compute[0]), float(fitted.compute[-1])],
        "noise": noise(fitted),
        "resamples": resamples,
    }
    verdict = unfit(fitted)
    if verdict:
        report |= {"verdict": verdict, "warnings": [UNFIT[verdict]]}
        table = pd.DataFrame(columns=["compute", "score", "low", "high", "point_low", "point_high"], dtype=float)
    else:
        samples = bootstrap_fits(fitted, found, resamples, np.random.default_rng(seed), a is not None)
        report |= judged(fitted, found, samples, a is not None) | {
            "grid": {"kind": grid, **_on_grid(fitted, grid)._asdict()}
        }
        if len(beyond.compute):
            report["beyond"] = against(found, samples, beyond)
        table = pd.DataFrame(forecast_of(whole, found, samples, 2 * last if until is None else until))
    for warning in report["warnings"]:
        logging.warning("%s", warning)
    write_json(report, parameters)
    write_table(table, forecast)
    _draw((before, fitted, beyond), report, table, svg, png, csv)
    print(_summary(report))


def _on_grid(curve: Curve, grid: Grid) -> Fit:
    """The paper's fit on one of its grids."""
    if grid == "scaled":
        return fit_grid(curve, *scaled_grid(curve))
    return fit_grid(curve, PAPER_A, PAPER_C_USED if grid == "used" else PAPER_C_PRINTED)


def _draw(
    parts: tuple[Curve, Curve, Curve], report: dict[str, Any], table: Any, svg: Path, png: Path, csv: Path
) -> None:
    """The points before, in and beyond the fitted range with the law, and on the straight line of Figure 7."""
    import pandas as pd

    from raw2fig.plotting import NEUTRAL, PALETTE, figure, legend_above, save

    fig, (left, right) = figure(9.6, 4.2, cols=2)
    compute, score, weights = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("compute", "score", "weights")
    )
    used = np.repeat([False, True, False], [len(part.compute) for part in parts])
    r0 = report["r0"]
    left.axhline(r0, color=NEUTRAL, linewidth=1, linestyle=":", label=f"R0 = {r0:.3g}")
    dots: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 4}
    styles = ((used, {"color": PALETTE[6], "label": "fitted points"}), (~used, {"color": NEUTRAL, "mfc": "none"}))
    if "a" in report:
        a, b, c_mid = (report[name] for name in ("a", "b", "c_mid"))
        left.axhspan(*report["intervals"]["a"], color=PALETTE[1], alpha=0.12, linewidth=0)
        left.axhline(a, color=PALETTE[1], linestyle="--", linewidth=1, label=f"A = {a:.3g}")
        for low, high in (("point_low", "point_high"), ("low", "high")):
            left.fill_between(table["compute"], table[low], table[high], color=PALETTE[0], alpha=0.13, linewidth=0)
        left.plot(table["compute"], table["score"], color=PALETTE[0], label="fit and forecast")
        for chosen, style in styles:
            right.plot(*log_f(compute[chosen], score[chosen], r0, a, b, c_mid), **dots, **style)
        x = np.log(table["compute"])
        right.plot(x, b * x, color=PALETTE[0], label=f"slope B = {b:.3g}")
        right.set(xlabel="ln compute", ylabel="ln F", title="on a straight line where the law holds")
    else:
        right.set_visible(False)
    for chosen, style in styles:
        if chosen.any():
            left.plot(compute[chosen], score[chosen], **dots, **{"label": "other points", **style})
    left.set(xscale="log", xlabel="compute", ylabel="pass rate", title=report["verdict"])
    legend_above(fig, [left, right])
    points = pd.DataFrame(
        {"kind": "point", "compute": compute, "score": score, "fitted": used, "validations": weights.astype(int)}
    )
    values = pd.concat([points, table.assign(kind="forecast")], ignore_index=True)
    note = (
        f"n = {report['points']} points fitted · 1 run · 95 % intervals from {report['resamples']} resampled curves · "
        "bands: dark of the curve, light of a measured point"
    )
    save(fig, svg, png, csv, values, note)


def _summary(report: dict[str, Any]) -> str:
    """What was found, for the terminal."""
    lines = [f"{report['verdict']}: {report['points']} points, R_0 = {report['r0']:.4g}"]
    if "a" in report:
        for name, shown in (("a", "A"), ("b", "B"), ("c_mid", "C_mid")):
            low, high = report["intervals"][name]
            lines.append(f"  {shown:<6}{report[name]:.4g}  [{low:.4g}, {high:.4g}]")
        lines.append(f"  R2    {report['r2']:.4f}; power law: A = {report['power_law']['a']:.3g}")
    if "beyond" in report:
        ahead = report["beyond"]
        low, high = ahead["interval"]
        lines.append(
            f"  beyond the range: {ahead['observed']:.4g} observed, {ahead['forecast']:.4g} forecast, "
            f"{'inside' if ahead['inside'] else 'outside'} of [{low:.4g}, {high:.4g}]"
        )
    return "\n".join(lines)

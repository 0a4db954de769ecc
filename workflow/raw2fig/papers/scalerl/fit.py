"""`raw2fig scalerl fit`: the sigmoid law fitted to a run, with intervals, a forecast and a figure (ScaleRL, A.5)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.scalerl.assessment import UNFIT, against, assess, unfit
from raw2fig.papers.scalerl.assessment import forecast as forecast_of
from raw2fig.papers.scalerl.axes import compute_axis
from raw2fig.papers.scalerl.curves import binned, read_curve, split
from raw2fig.papers.scalerl.law import log_f
from raw2fig.papers.scalerl.least_squares import (
    MOST_RESAMPLES,
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
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import LARGEST, write_json, write_table

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.plotting import Drawing

Grid = Literal["scaled", "used", "printed"]


class Reported(Record):
    """How a fit is reported."""

    grid: Grid = Field(
        description="Grid of the paper's own procedure, whose result is reported beside the free fit: scaled to this "
        "curve, or in GPU-hours as the paper used it or printed it."
    )
    resamples: int = Field(ge=100, le=MOST_RESAMPLES, description="Bootstrap resamples of the curve.")


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
    until: float | None = None,
    reported: Reported,
    parameters: Output = Path("scalerl-fit.json"),
    forecast: Output = Path("scalerl-forecast.csv"),
    svg: Output = Path("scalerl-fit.svg"),
    png: Output = Path("scalerl-fit.png"),
    csv: Output = Path("scalerl-fit.csv"),
    seed: Seed = 0,
) -> None:
    """Fit the scaling law to the curve of your own run, and forecast how the run would go on.

    The law is R = R_0 + (A - R_0) / (1 + (C_mid / C)^B). R is the pass rate on held-out prompts and C the compute. R_0
    is the pass rate before training, A the one that the run approaches, B how steeply it rises, and C_mid the compute
    at which half of the gain is made.

    An example: `raw2fig scalerl fit --curve my_run.csv --end 4000`, where my_run.csv begins with the line
    `gpu_hours,pass_rate`. The rows up to 4000 GPU-hours are fitted, the later ones are compared with the forecast.

    The result also says whether the points can tell the parameters at all. They cannot where the range ends before
    2 C_mid (A then tends to come out too large), where most of the gain is made before the second point, where B could
    be anything, or where the curve falls after its peak.

    Parameters
    ----------
    curve
        The curve as CSV or Parquet: the compute in any unit, and the pass rate on held-out prompts, from 0 to 1 or in
        percent. Rows without a pass rate are left out, so that a log with a row for each step will do.
    compute_column
        Column of the compute. Usual names (compute, gpu_hours, flops, tokens, step, ...) are found without it.
    score_column
        Column of the pass rate. Usual names (pass_rate, eval_acc, reward_mean, val/accuracy, ...) are found without it.
    r0
        Pass rate before training, above 1 in percent where the column is. A row with compute 0 says it too.
    start
        Smallest compute that is fitted. The paper leaves out the first epoch.
    end
        Largest compute that is fitted. The mean of the points beyond it is compared with the forecast.
    a
        Keep the asymptote A at this value, to compare the efficiency B of runs whose asymptotes are alike (the paper:
        less than 0.02 apart).
    until
        Compute up to which the run is forecast. Without it, twice the largest compute of the curve.
    parameters
        A, B and C_mid with 95 % intervals, what the range can tell, and the forecast of the points beyond it, as JSON.
    forecast
        The forecast as CSV: compute, score, and 95 % bands of the curve (low, high) and of one more measured point
        (point_low, point_high).
    svg
        The figure as SVG.
    png
        The figure as PNG.
    csv
        The plotted values.
    """
    import pandas as pd

    from raw2fig.plotting import save

    whole = read_curve(curve, compute_column, score_column, r0)
    last = float(whole.compute[-1]) if len(whole.compute) else 0.0
    before, fitted, beyond = (binned(part) for part in split(whole, start, end))
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
        "resamples": reported.resamples,
    }
    verdict = unfit(fitted)
    if verdict:
        report |= {"verdict": verdict, "warnings": [UNFIT[verdict]]}
        table = pd.DataFrame(columns=["compute", "score", "low", "high", "point_low", "point_high"], dtype=float)
    else:
        samples = bootstrap_fits(fitted, found, reported.resamples, np.random.default_rng(seed), a is not None)
        report |= assess(fitted, found, samples, a is not None) | {
            "grid": {"kind": reported.grid, **_on_grid(fitted, reported.grid)._asdict()}
        }
        if len(beyond.compute):
            report["beyond"] = against(found, samples, beyond)
        table = pd.DataFrame(forecast_of(whole, found, samples, 2 * last if until is None else until))
    for warning in report["warnings"]:
        logging.warning("%s", warning)
    write_json(report, parameters)
    write_table(table, forecast)
    save(_draw((before, fitted, beyond), report, table), "", svg, png, csv)
    print(_summary(report))


def _on_grid(curve: Curve, grid: Grid) -> Fit:
    """The paper's fit on one of its grids."""
    if grid == "scaled":
        return fit_grid(curve, *scaled_grid(curve))
    return fit_grid(curve, PAPER_A, PAPER_C_USED if grid == "used" else PAPER_C_PRINTED)


def _draw(parts: tuple[Curve, Curve, Curve], report: dict[str, Any], table: pd.DataFrame) -> Drawing:
    """The points before, in and beyond the fitted range with the law, and on the straight line of Figure 7."""
    import pandas as pd

    from raw2fig.plotting import NEUTRAL, PALETTE, Drawing, canvas, legend_above

    fig, (left, right) = canvas(9.6, 4.2, cols=2)
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
    left.set(ylabel="pass rate", title=report["verdict"])
    compute_axis(left, "compute", 1)
    legend_above(fig, [left, right])
    points = pd.DataFrame(
        {"kind": "point", "compute": compute, "score": score, "fitted": used, "validations": weights.astype(int)}
    )
    values = pd.concat([points, table.assign(kind="forecast")], ignore_index=True)
    note = (
        f"n = {report['points']} points fitted · 1 run · 95 % intervals from {report['resamples']} resampled curves · "
        "bands: dark of the curve, light of a measured point"
    )
    return Drawing(fig, values, n="", note=note)


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

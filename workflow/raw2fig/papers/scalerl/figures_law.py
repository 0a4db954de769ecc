"""Figures of the law itself: forecasts, leave-one-out on a straight line, replicates, parameters, fitted ranges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.scalerl.assessment import A_TOLD
from raw2fig.papers.scalerl.axes import compute_axis
from raw2fig.papers.scalerl.compare import CURVES, RUN
from raw2fig.papers.scalerl.fit_runs import EFFICIENCY, FORECAST, of_run, read_fits
from raw2fig.papers.scalerl.law import log_f, sigmoid
from raw2fig.plotting import MARKERS, NEUTRAL, PALETTE, Drawing, canvas, legend_above, points_with_intervals
from raw2fig.stats import Estimate, deviation, over_replicates
from raw2fig.step import Input, figure
from raw2fig.tables import read_table, rows_where

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

EXAMPLE = {"r0": 0.25, "a": 0.61, "b": 1.92, "c_mid": 2542.0}
"""ScaleRL of Table 1, around which the parameters are varied; R_0 is ours."""
SHOWN = 3
"""Replicates of which single forecasts are drawn."""


@figure
def fig_forecast(*, runs: Input, fits: Input, forecasts: Input, arms: list[str]) -> Drawing:
    """Figures 1, 2 and 11: laws fitted to the first half of the compute, forecast to the end.

    Parameters
    ----------
    runs
        Points of all runs.
    fits
        Laws of the first half.
    forecasts
        Forecasts of these laws, with bands of the curve (low, high) and of a measured point (point_low, point_high).
    arms
        Arms to draw, a row for each of their curves, with a panel for each of the first replicates.
    """
    import pandas as pd

    points, found = read_table(runs, CURVES), read_fits(fits)
    ahead = read_table(forecasts, FORECAST, allow_empty=True)
    chosen = found[found["arm"].isin(arms)].sort_values(by=RUN, key=lambda column: column.map(_order(arms)))
    if chosen.empty:
        raise InputError(fits, f"no run of {', '.join(arms)}", "arms of the comparison")
    chosen = chosen[chosen["replicate"].isin(sorted(set(chosen["replicate"]))[:SHOWN])]
    cols = chosen["replicate"].nunique()
    fig, grid = canvas(3.9 * max(cols, 2), 0.7 + 2.5 * -(-len(chosen) // cols), rows=-(-len(chosen) // cols), cols=cols)
    axes, rows = list(np.reshape(grid, -1)), []
    for ax, (_, fit) in zip(axes, chosen.iterrows(), strict=False):
        rows += _forecast(ax, of_run(points, fit[RUN]), fit, of_run(ahead, fit[RUN]))
    for ax in axes[len(chosen) :]:
        ax.set_visible(False)
    legend_above(fig, axes[: len(chosen)])
    table = pd.concat(rows, ignore_index=True)
    drawn = int((table["kind"] != "forecast").sum())
    bands = "90 % bands, dark of the curve, light of a measured point"
    return Drawing(
        fig, table, f"{drawn} points", chosen["replicate"].nunique(), f"{bands}; fitted to the filled points only"
    )


def _order(arms: list[str]) -> Any:
    places = {arm: place for place, arm in enumerate(arms)}
    return lambda value: places.get(value, value)


def _forecast(ax: Axes, points: pd.DataFrame, fit: Any, ahead: pd.DataFrame) -> list[pd.DataFrame]:
    """One run: points that were fitted and points that were not, the law with its band, and the power law."""
    name = f"{fit['arm']}, {fit['domain']}, replicate {fit['replicate']}"
    after = points[points["rollouts"] > 0].sort_values("compute")
    end = after["rollouts"].max() / 2
    seen, unseen = after[after["rollouts"] <= end], after[after["rollouts"] > end]
    until = ahead[ahead["compute"] <= after["compute"].max() * 1.2]
    if len(until):
        for low, high in (("point_low", "point_high"), ("low", "high")):
            ax.fill_between(until["compute"], until[low], until[high], color=PALETTE[0], alpha=0.13, linewidth=0)
        ax.plot(until["compute"], until["score"], color=PALETTE[0], label="sigmoid")
        ax.plot(until["compute"], until["power"], color=PALETTE[1], linestyle="--", label="power law")
    dots: dict[str, Any] = {"linestyle": "none", "marker": "o", "color": PALETTE[6]}
    ax.plot(seen["compute"], seen["pass_rate"], label="fitted", **dots)
    ax.plot(unseen["compute"], unseen["pass_rate"], mfc="white", label="not seen by the fit", **dots)
    ax.set_title(f"{name}: " + (f"A = {fit['a']:.2f}" if fit["verdict"] in A_TOLD else fit["verdict"]))
    ax.set(ylabel="pass rate")
    # a wide band must not hide the points
    low, high = after["pass_rate"].min(), after["pass_rate"].max()
    ax.set_ylim(min(fit["r0"], low) - 0.01, high + 0.6 * (high - low) + 0.02)
    compute_axis(ax)
    shown = after.assign(kind=np.where(after["rollouts"] <= end, "fitted", "not seen"), value=after["pass_rate"])
    lines = until.assign(kind="forecast", value=until["score"])
    columns = [*RUN, "kind", "compute", "value", "low", "high", "point_low", "point_high"]
    return [part.reindex(columns=columns) for part in (shown, lines)]


@figure
def fig_leave_one_out(*, range: Input, efficiency: Input) -> Drawing:
    """Figure 7: ln F over ln C at the arms' mean A, where the law is a line of slope B, and B of each arm.

    Parameters
    ----------
    range
        Points that were fitted.
    efficiency
        B and C_mid at the mean A.
    """
    import pandas as pd

    points, found = read_table(range, CURVES), read_fits(efficiency, EFFICIENCY)
    arms = list(found["arm"].unique())
    fig, (left, right) = canvas(10.5, 4.6, cols=2)
    rows: list[dict[str, Any]] = []
    for index, arm in enumerate(arms):
        colour, marker = PALETTE[index % len(PALETTE)], MARKERS[(index + index // len(PALETTE)) % len(MARKERS)]
        fitted = found[found["arm"] == arm].dropna(subset=["b"])
        for place, (_, fit) in enumerate(fitted.iterrows()):
            run = of_run(points, fit[RUN])
            x, y = log_f(run["compute"], run["pass_rate"], fit["r0"], fit["a"], fit["b"], fit["c_mid"])
            # ln F less its intercept is B (ln C - ln C_mid): lines of all arms cross 0 at their C_mid
            y = y - fit["b"] * np.log(fit["c_mid"])
            left.plot(x, y, color=colour, marker=marker, linewidth=0.9, label=arm if place == 0 else "_nolegend_")
            named = {"arm": arm, "replicate": fit["replicate"]}
            rows += [named | {"kind": "point", "x": a, "value": b} for a, b in zip(x, y, strict=True)]
            rows.append(named | {"kind": "B", "x": fit["c_mid"], "value": fit["b"]})
        if fitted.empty:
            rows.append({"arm": arm, "kind": "no learning"})
            continue
        right.plot([index + 0.2] * len(fitted), fitted["b"], ".", color=colour, alpha=0.5)
        log_b = over_replicates(np.log(fitted.set_index("replicate")["b"]))  # B is positive
        value, low, high = np.exp(log_b[:3]).tolist()
        mean = log_b._replace(value=value, low=low, high=high)
        points_with_intervals(right, [index], [mean], index=index)
        rows.append({"arm": arm, "kind": "mean B", **mean._asdict()})
    drawn = sum(row["kind"] == "point" for row in rows)
    masked = int((points["arm"].isin(arms) & (points["rollouts"] > 0)).sum()) - drawn
    left.axhline(0, color=NEUTRAL, linewidth=1, linestyle=":")
    left.set(xlabel="ln compute", ylabel="ln F - B ln C_mid", title="at the arms' mean A in each replicate")
    right.set_xticks(np.arange(len(arms)), arms, rotation=30, ha="right")
    right.grid(axis="x", visible=False)
    right.set(ylabel="B", yscale="log", title="efficiency B at that A")
    legend_above(fig, [left])
    intervals = (
        "95 % intervals over replicates of the geometric mean; dots: single replicates; "
        f"{masked} points outside R_0 to A are left out"
    )
    return Drawing(fig, pd.DataFrame(rows), f"{drawn} points", found["replicate"].nunique(), intervals)


@figure
def fig_replicates(*, runs: Input, fits: Input, arm: str) -> Drawing:
    """Figure 8: the same recipe in several replicates, and the asymptote of each.

    Parameters
    ----------
    runs
        Points of all runs.
    fits
        Laws of the whole runs.
    arm
        The recipe.
    """
    import pandas as pd

    points, found = read_table(runs, CURVES), read_fits(fits)
    found = found[found["arm"] == arm]
    if found.empty:
        raise InputError(fits, f"no run of {arm}", "an arm of the comparison")
    fig, (left, right) = canvas(9.6, 3.6, cols=2)
    rows: list[dict[str, Any]] = []
    for index, (_, fit) in enumerate(found.iterrows()):
        run = of_run(points, fit[RUN])
        run = run[run["rollouts"] > 0]
        colour, marker = PALETTE[index % len(PALETTE)], MARKERS[index % len(MARKERS)]
        left.plot(run["compute"], run["pass_rate"], color=colour, marker=marker, linestyle="none")
        rows += [
            {"replicate": fit["replicate"], "kind": "point", "x": compute, "value": rate}
            for compute, rate in run[["compute", "pass_rate"]].itertuples(index=False, name=None)
        ]
        if np.isnan(fit["a"]):
            continue
        x = np.geomspace(run["compute"].min(), run["compute"].max(), 100)
        curve = sigmoid(x, fit["r0"], fit["a"], fit["b"], fit["c_mid"])
        left.plot(x, curve, color=colour, label=f"replicate {fit['replicate']}")
        points_with_intervals(right, [index], [Estimate(fit["a"], fit["a_low"], fit["a_high"], len(run))], index=index)
        ends = {"low": fit["a_low"], "high": fit["a_high"]}
        rows.append({"replicate": fit["replicate"], "kind": "A", "value": fit["a"], **ends})
    left.set(ylabel="pass rate", title=arm)
    compute_axis(left)
    fitted = found.dropna(subset=["a"])
    title = "asymptote A"
    if len(fitted) > 1:
        s = deviation(fitted["a"])
        title += f": standard deviation {s.value:.3f} [{s.low:.3f}, {s.high:.3f}]"
    right.set_xticks(range(len(found)), found["replicate"].astype(str))
    right.grid(axis="x", visible=False)
    right.set(xlabel="replicate", ylabel="A", title=title)
    legend_above(fig, [left])
    drawn = sum(row["kind"] == "point" for row in rows)
    return Drawing(fig, pd.DataFrame(rows), f"{drawn} points", len(found), "95 % intervals over points")


@figure
def fig_parameters() -> Drawing:
    """Figures 12 and 13: what each parameter of the law does to the exact curve."""
    import pandas as pd

    varied = {"a": (0.5, 0.61, 0.7), "b": (1.0, 1.92, 3.0), "c_mid": (1000.0, 2542.0, 6000.0)}
    names = {"a": "A", "b": "B", "c_mid": "C_mid"}
    compute = np.geomspace(50, 100_000, 200)
    fig, axes = canvas(10.5, 3.4, cols=3)
    parts = []
    for ax, (name, values) in zip(axes, varied.items(), strict=True):
        for index, value in enumerate(values):
            score = sigmoid(compute, **(EXAMPLE | {name: value}))
            ax.plot(compute, score, color=PALETTE[index], label=f"{value:g}")
            parts.append(pd.DataFrame({"parameter": name, "value": value, "compute": compute, "score": score}))
        ax.axhline(EXAMPLE["r0"], color=NEUTRAL, linewidth=1, linestyle=":")
        ax.set(xscale="log", xlabel="GPU-hours", ylabel="pass rate", title=f"{names[name]} varied")
        ax.legend(title=names[name])
    note = "the law exactly, no run · around ScaleRL of Table 1: A = 0.61, B = 1.92, C_mid = 2542, with R_0 = 0.25"
    return Drawing(fig, pd.concat(parts, ignore_index=True), n="", note=note)


@figure
def fig_robustness(*, table: Input) -> Drawing:
    """Appendix A.4 and A.7: the asymptote by fitted range, sigmoid and power law, on curves of known law.

    Parameters
    ----------
    table
        Fits of `raw2fig scalerl robustness`.
    """
    import pandas as pd

    kinds = {
        "start": "integer",
        "end": "integer",
        "law": "string",
        "repetition": "integer",
        "a": "number",
        "b": "number",
    }
    frame = read_table(table, kinds)
    truth = frame[(frame["law"] == "sigmoid") & (frame["repetition"] < 0)]["a"].mean()
    ranges = list(frame[["start", "end"]].drop_duplicates().itertuples(index=False, name=None))
    fig, axes = canvas(9.6, 3.8, cols=2)
    rows: list[dict[str, Any]] = []
    for ax, name in zip(axes, ("a", "b"), strict=True):
        for index, law in enumerate(("sigmoid", "power law")):
            estimates = []
            for start, end in ranges:
                mine = rows_where(frame, start=start, end=end, law=law)
                noisy = mine[mine["repetition"] >= 0][name]
                low, high = np.percentile(noisy, (2.5, 97.5))
                estimates.append(Estimate(float(mine[mine["repetition"] < 0][name].iloc[0]), low, high, len(noisy)))
                rows.append({"parameter": name, "law": law, "start": start, "end": end, **estimates[-1]._asdict()})
            x = np.arange(len(ranges)) + 0.14 * (2 * index - 1)
            points_with_intervals(ax, list(x), estimates, law, index)
        ax.set_xticks(range(len(ranges)), [f"{start / 1000:g}k-{end / 1000:g}k" for start, end in ranges], rotation=20)
        ax.grid(axis="x", visible=False)
        ax.set(xlabel="GPU-hours that are fitted", ylabel={"a": "A", "b": "B"}[name])
    axes[0].axhline(truth, color=NEUTRAL, linewidth=1, linestyle=":")
    legend_above(fig, [axes[0]])
    repetitions = int(frame["repetition"].max()) + 1
    note = (
        f"curves of known law (A = {truth:.3f}, dotted), no run · markers without noise, whiskers 95 % of "
        f"{repetitions} curves with noise"
    )
    return Drawing(fig, pd.DataFrame(rows), n="", note=note)

"""Tables of the paper beside this run's: parameters of every run (Table 1, figures 2, 4 and 7), with the learning rate
that was chosen and what truncation says, and how far fits depend on their range (appendices A.4 and A.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.claims import published_numbers
from raw2fig.papers.scalerl.compare import CURVES
from raw2fig.papers.scalerl.fit_runs import read_fits
from raw2fig.stats import over_replicates
from raw2fig.step import Input, table
from raw2fig.tables import Table, read_json, read_table, rows_where

if TYPE_CHECKING:
    import pandas as pd

WARN, UNSTABLE, MOST = 0.05, 0.10, 0.9
"""Truncation: the paper's runs stayed below 5 % for 90 % of the training; 10 to 15 % went with instability."""


@table
def table_runs(*, runs: Input, updates: Input, fits: Input, choices: list[Input], published: Input) -> Table:
    """Parameters of every arm and domain, mean over replicates, with the pass rate at the end and what truncation says.

    Parameters
    ----------
    runs
        Points of all runs.
    updates
        Training logs of all runs.
    fits
        Laws fitted to the whole runs.
    choices
        Learning rates that `raw2fig scalerl tune` chose, a file for each arm.
    published
        The paper's numbers, config/published/scalerl.yaml; its parameters are under `laws`, with C_mid in GPU-hours.
    """
    import pandas as pd

    points, found = read_table(runs, CURVES), read_fits(fits)
    log = read_table(updates, {"arm": "string", "replicate": "integer", "truncated": "number"})
    tuned = {chosen["arm"]: chosen for chosen in map(read_json, choices)}
    rows: list[dict[str, Any]] = []
    for (arm, domain), fitted in found.groupby(["arm", "domain"], sort=False):
        mine = rows_where(points, arm=arm, domain=domain)
        last = int(mine["rollouts"].max())
        at_end = mine[mine["rollouts"] == last].set_index("replicate")["pass_rate"]
        end = over_replicates(at_end, least=0, most=1)
        row: dict[str, Any] = {
            "arm": arm,
            "domain": domain,
            "replicates": len(fitted),
            "rollouts": last,
            "lr": tuned[arm]["lr"],
        }
        row |= {"pass_rate": end.value, "low": end.low, "high": end.high}
        for name in ("a", "b", "c_mid"):
            values = fitted[name].dropna()
            row |= {
                name: values.mean() if len(values) else np.nan,
                f"{name}_runs": ", ".join(f"{v:.3g}" for v in values),
            }
        row |= {"verdicts": ", ".join(fitted["verdict"]), "truncation": truncation(log[log["arm"] == arm])}
        row["tuning"] = "; ".join(f"{tried['lr']:g}: {tried['pass_rate']:.3f}" for tried in tuned[arm]["tried"])
        rows.append(row)
    columns = ["arm", "domain", "a", "b", "c_mid", "where"]
    paper = pd.DataFrame(published_numbers(published, "laws"), columns=columns)
    names = {name: f"published_{name}" for name in columns[2:]}
    whole = pd.DataFrame(rows).merge(paper.rename(columns=names), on=["arm", "domain"], how="left")
    return Table(whole, _markdown(whole))


@table
def table_fit_robustness(*, fitted: Input, published: Input) -> Table:
    """Parameters fitted to parts of a curve of known law, beside the paper's for the same parts of its longest run.

    Parameters
    ----------
    fitted
        Fits of `raw2fig scalerl robustness`.
    published
        The paper's numbers, config/published/scalerl.yaml; its fits of parts of a run are under `ranges`.
    """
    import pandas as pd

    found = read_table(fitted, {"law": "string", "repetition": "integer"})
    keys = ["start", "end", "law"]
    exact = found[found["repetition"] < 0].set_index(keys)[["a", "b", "c_mid"]]
    noisy = found[found["repetition"] >= 0].groupby(keys)["a"].agg(a_noisy="mean", a_sd="std")
    paper = pd.DataFrame(published_numbers(published, "ranges"), columns=[*keys, "a", "b"]).set_index(keys)
    rows = exact.join(noisy).join(paper.add_prefix("published_")).reset_index()
    lines = ["| GPU-hours | law | paper: A | B | exact curve: A | B | C_mid | with noise: A |", "|---" * 8 + "|"]
    for row in rows.itertuples():
        noise = "-" if np.isnan(row.a_noisy) else f"{row.a_noisy:.3f} (sd {row.a_sd:.3f})"
        numbers = (row.published_a, row.published_b, row.a, row.b, row.c_mid)
        cells = [f"{row.start:,} to {row.end:,}", row.law, *map(_number, numbers), noise]
        lines.append(f"| {' | '.join(cells)} |")
    text = "\n".join(lines)
    return Table(
        rows,
        f"{text}\n\nThe curve has the law of the paper's longest run, with an R_0 of ours, so the sigmoid must find "
        "it; the paper says of the power law on 30,000 to 60,000 that it recovers the asymptote.\n",
    )


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def truncation(log: pd.DataFrame) -> str:
    """`unstable` where a run has more than 10 % truncated in any tenth of its updates, `watch` where fewer than 90 % of
    its updates stay below 5 %, else `stable` (the paper's guidance, section 4)."""
    unstable = watch = False
    for _, run in log.groupby("replicate"):
        shares = run["truncated"].to_numpy()
        unstable |= any(part.mean() > UNSTABLE for part in np.array_split(shares, min(10, len(shares))))
        watch |= bool((shares < WARN).mean() < MOST)
    return "unstable" if unstable else "watch" if watch else "stable"


def _markdown(rows: pd.DataFrame) -> str:
    head = [
        "arm",
        "domain",
        "replicates",
        "rollouts",
        "lr",
        "pass rate",
        "A",
        "B",
        "C_mid",
        "paper: A, B, C_mid",
        "fit",
        "truncation",
        "validation by lr",
    ]
    lines = [head, ["---"] * len(head)]
    for row in rows.itertuples():
        parameters = [getattr(row, f"{name}_runs") or "-" for name in ("a", "b", "c_mid")]
        rate = f"{row.pass_rate:.3f} [{row.low:.3f}, {row.high:.3f}]"
        paper = ", ".join(_number(getattr(row, f"published_{name}")) for name in ("a", "b", "c_mid"))
        known = "-" if row.published_where != row.published_where else f"{paper}; {row.published_where}"
        judged = (known, row.verdicts, row.truncation, row.tuning)
        named = (row.arm, row.domain, row.replicates, row.rollouts, row.lr, rate)
        lines.append([str(cell) for cell in (*named, *parameters, *judged)])
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return (
        f"{text}\n\nA, B and C_mid (FLOPs) by replicate, from the free fit of the whole run; the paper's C_mid is in "
        "GPU-hours; pass rate on held-out problems with a 95 % interval over replicates; truncation: completions "
        "without an end, after interruption.\n"
    )

"""What RL of the miniature measured of each claim."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from raw2fig.claims import Absent
from raw2fig.papers.agentic_rl.evaluation import ALL
from raw2fig.papers.agentic_rl.experts import DELIBERATIVE
from raw2fig.papers.agentic_rl.plan import REAL, WEAK
from raw2fig.papers.agentic_rl.runs import measure
from raw2fig.stats import Estimate, over_replicates, paired
from raw2fig.tables import read_table, rows_where

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

LOGGED = ("solved", "outcome", "entropy", "mean_length", "calls", "tool_success", "informative", "advantage")
UPDATES = {"arm": "string", "replicate": "integer", "step": "integer"} | dict.fromkeys(LOGGED, "number")
WINDOWS = {"start": 0.1, "first quarter": 0.25, "first third": 1 / 3}
"""Shares of the updates, the first ones."""
LAST = 0.1
"""Share of the updates at the end."""
Window = Literal["start", "first quarter", "first third", "end"]
PAID, UNPAID = "weak-paid", "weak-unpaid"
CLAIMS = tuple(f"M{number}" for number in range(9, 27))
"""Claims about policies after RL."""


def read_updates(paths: Sequence[Path]) -> pd.DataFrame:
    """Rows of `raw2fig agentic-rl reinforce`, of all groups and replicates. Success is missing without calls."""
    import pandas as pd

    return pd.concat([read_table(path, UPDATES, ("tool_success",)) for path in paths], ignore_index=True)


def of_window(rows: pd.DataFrame, arm: str, name: str, window: Window) -> dict[Hashable, float]:
    """Mean of what an arm logged over some of its updates, in each replicate. Raises `Absent` for an arm that was not
    trained."""
    mine = rows_where(rows, arm=arm)
    if mine.empty:
        raise Absent(f"the arm {arm} was not trained at this scale")
    steps = int(mine["step"].max())
    inside = mine["step"] > (1 - LAST) * steps if window == "end" else mine["step"] <= WINDOWS[window] * steps
    return dict(mine[inside].groupby("replicate")[name].mean())


def change(before: Mapping[Hashable, float], after: Mapping[Hashable, float], most: float = 1) -> Estimate:
    """How much more there is afterwards, or in another arm, paired by replicate."""
    return over_replicates(paired(before, after), least=-most, most=most)


def ratio(before: Mapping[Hashable, float], after: Mapping[Hashable, float]) -> Estimate:
    """How many times as much there is, in each replicate. Raises `Absent` where there was nothing before."""
    if not all(before.values()):
        raise Absent("there was nothing to compare with in some replicate")
    return over_replicates({name: after[name] / value for name, value in before.items()}, least=0)


def reinforced_measurements(updates: pd.DataFrame | None, measured: pd.DataFrame | None) -> Mapping[str, Measurement]:
    """Claim about policies after RL → its measurement, or that no policy was trained."""
    if updates is None or measured is None:
        return dict.fromkeys(CLAIMS, Absent("no policy was trained by RL"))

    def of(arm: str, name: str = "average", manner: str = ALL) -> dict[Hashable, float]:
        """A measure on held-out problems."""
        if arm not in set(measured["policy"]):
            raise Absent(f"the arm {arm} was not trained at this scale")
        return measure(measured, arm, name, manner)

    def log(arm: str, name: str, window: Window) -> dict[Hashable, float]:
        return of_window(updates, arm, name, window)

    def without_signal(arm: str) -> dict[Hashable, float]:
        """Share of groups whose rewards are equal, while the policy is still weak."""
        return {name: 1 - share for name, share in log(arm, "informative", "first quarter").items()}

    return {
        "M9": lambda: change(of("T"), of("TCR")),
        "M10": lambda: {
            "calls": ratio(of(REAL, "calls_per_response"), of("TCR", "calls_per_response")),
            "success": change(of(REAL, "tool_success"), of("TCR", "tool_success")),
        },
        "M11": lambda: change(of(REAL, "share", DELIBERATIVE), of("TCR", "share", DELIBERATIVE)),
        "M12": lambda: {name: change(of(REAL, name), of("TCR", name)) for name in ("average", "pass")},
        "M13": lambda: {name: change(of(WEAK, name), of("uncurated", name)) for name in ("average", "pass")},
        "M14": lambda: change(log("T", "entropy", "end"), log("TCR", "entropy", "end"), most=float("inf")),
        "M15": lambda: {
            "calls": ratio(of(WEAK, "calls_per_response"), of(PAID, "calls_per_response")),
            "accuracy": change(of(WEAK), of(PAID)),
            "reward": change(log(PAID, "outcome", "start"), log(PAID, "outcome", "end"), most=2),
        },
        "M16": lambda: {
            "gained without the term": change(of(WEAK), of(UNPAID)),
            "lost by the term": change(of(PAID), of(UNPAID)),
        },
        "M17": lambda: change(of("SCR"), of("TCR")),
        "M18": lambda: change(of("T"), of("TC")),
        "M19": lambda: change(of("T"), of("TR")),
        "M20": lambda: {
            "faster": change(log("TCR", "solved", "first third"), log("TCR-0.315", "solved", "first third")),
            "0.35 ends below 0.28": change(of("TCR-0.35"), of("TCR")),
        },
        "M21": lambda: ratio(of("TCR", "calls_per_response"), of("TCR-paid", "calls_per_response")),
        "M22": lambda: {
            "without a signal": ratio(*map(without_signal, ("uncurated", "curated"))),
            "advantage": change(
                log("uncurated", "advantage", "first quarter"), log("curated", "advantage", "first quarter")
            ),
        },
        "M23": lambda: change(of("uncurated"), of("curated")),
        "M24": lambda: {
            "entropy": change(log("narrow", "entropy", "end"), log("TCR", "entropy", "end"), most=float("inf")),
            "average": change(of("narrow"), of("TCR")),
        },
        "M25": lambda: ratio(log("long-CoT-easy", "calls", "start"), log("long-CoT-easy", "calls", "end")),
        "M26": lambda: {
            "calls": over_replicates(of("long-CoT-SFT", "calls_per_response"), least=0),
            "over no trajectories": change(of("long-CoT"), of("long-CoT-SFT")),
            "below the instructed start": change(of("long-CoT-SFT"), of("TCR")),
        },
    }

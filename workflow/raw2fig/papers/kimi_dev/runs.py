"""What our own runs measured of each claim."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from raw2fig.claims import Absent, NotConfigured
from raw2fig.papers.kimi_dev.arms import MIDTRAINED, PLAIN, POSITIVE, REMEDY, SFT
from raw2fig.papers.kimi_dev.playing import ONE_PROMPT, TOGETHER
from raw2fig.papers.kimi_dev.tasks import LONGER, OPERATOR
from raw2fig.stats import Estimate, fact, over_replicates, paired
from raw2fig.tables import read_table, rows_where
from raw2fig.tasks.parts import TEST

if TYPE_CHECKING:
    import pandas as pd

    from raw2fig.claims import Measurement

PLAYED = {
    **dict.fromkeys(("model", "tasks", "measure"), "string"),
    **dict.fromkeys(("size", "n", "replicate"), "integer"),
    "value": "number",
}
"""Columns of `raw2fig kimi-dev play`."""
LOGGED = {
    "arm": "string",
    **dict.fromkeys(("stage", "update", "replicate"), "integer"),
    **dict.fromkeys(("reward", "entropy", "tokens", "kept"), "number"),
}
"""Columns of the log of `raw2fig kimi-dev reinforce`."""
AUDITED = {
    **dict.fromkeys(("part", "edit"), "string"),
    **dict.fromkeys(("n", "replicate"), "integer"),
    **dict.fromkeys(("rewarded", "scored"), "number"),
}
"""Columns of the audit of `raw2fig kimi-dev make-tasks`."""
ENDS = 10
"""Updates at the start and at the end of a run that are compared."""
RUNS = (*(f"M{number}" for number in range(1, 13)), "M22")
PRETRAINED = tuple(f"P{number}" for number in range(1, 6))
PUBLISHED_GAME = 40
"""Patches, and tests, of the paper's largest game."""
AUDIT, REAL = "M13", "M23"
"""Claims about models of our own runs, about the verifier, and about tasks of real code."""


def read_runs(paths: Sequence[Path], columns: Mapping[str, str]) -> pd.DataFrame:
    """Rows of all replicates."""
    import pandas as pd

    return pd.concat([read_table(path, columns) for path in paths], ignore_index=True)


def by_replicate(rows: pd.DataFrame, **where: object) -> dict[Hashable, float]:
    """The one value of each replicate. Raises `Absent` unless all replicates have it."""
    found = rows_where(rows, **where)
    told = ", ".join(map(str, where.values()))
    if found.empty:
        raise Absent(f"this scale has no {told}")
    if found["replicate"].nunique() < rows["replicate"].nunique():
        raise Absent(f"not every replicate has the measure {told}")
    return dict(zip(found["replicate"], found["value"], strict=True))


def played(rows: pd.DataFrame, model: str, measure: str, size: int, tasks: str = TEST) -> dict[Hashable, float]:
    """A measure of a model with so many patches, in each replicate."""
    return by_replicate(rows, model=model, tasks=tasks, measure=measure, size=size)


def alone(rows: pd.DataFrame, model: str, measure: str, tasks: str = TEST) -> dict[Hashable, float]:
    """A measure over all answers of a model, in each replicate."""
    found = rows_where(rows, model=model, tasks=tasks, measure=measure)
    sizes = set(found["size"])
    if len(sizes) != 1:
        raise Absent(f"the model {model!r} has no measure {measure}")
    return played(rows, model, measure, sizes.pop(), tasks)


def largest(rows: pd.DataFrame) -> int:
    """Patches of the largest game."""
    return int(rows_where(rows, measure="self-play", model=SFT, tasks=TEST)["size"].max())


def more(after: dict[Hashable, float], before: dict[Hashable, float], least: float = -1, most: float = 1) -> Estimate:
    """What is gained from one measure to another in each replicate."""
    return over_replicates(paired(before, after), least=least, most=most)


def learned(log: pd.DataFrame, arm: str) -> dict[Hashable, float]:
    """Mean reward of an arm's last updates, less that of its first ones, in each replicate."""
    found = {}
    for replicate, mine in rows_where(log, arm=arm).groupby("replicate"):
        rewards = mine.sort_values("update")["reward"]
        found[replicate] = float(rewards.tail(ENDS).mean() - rewards.head(ENDS).mean())
    return found


def last_stage(log: pd.DataFrame, arm: str) -> dict[Hashable, float]:
    """Mean reward of an arm in its last stage, in each replicate."""
    mine = rows_where(log, arm=arm, stage=int(log["stage"].max()))
    if mine.empty:
        raise Absent(f"the arm {arm!r} is not trained at this scale")
    return {replicate: float(value) for replicate, value in mine.groupby("replicate")["reward"].mean().items()}


def run_measurements(play: pd.DataFrame | None, log: pd.DataFrame | None) -> Mapping[str, Measurement]:
    """Claim about our own runs → its measurement, or that there are none."""
    if play is None or log is None:
        return dict.fromkeys(RUNS, Absent("no model was trained"))
    most = largest(play)

    def game(model: str, measure: str, size: int) -> dict[Hashable, float]:
        return played(play, model, measure, size)

    return {
        "M1": lambda: more(alone(play, MIDTRAINED[2], "resolved"), alone(play, MIDTRAINED[0], "resolved")),
        "M2": lambda: over_replicates(learned(log, PLAIN), least=-1, most=1),
        "M3": lambda: more(alone(play, PLAIN, "reproduces"), alone(play, SFT, "reproduces")),
        "M4": lambda: more(game(SFT, "self-play", most), game(SFT, "self-play", 1)),
        "M5": lambda: more(game(SFT, "self-play", 3), game(SFT, "majority", most)),
        "M6": lambda: {
            "each size": over_replicates(least_lead(play, SFT), least=-1, most=1),
            "largest": more(game(SFT, "pass", most), game(SFT, "self-play", most)),
        },
        "M7": lambda: more(game(PLAIN, "self-play", most), game(PLAIN, "self-play", 1)),
        "M8": lambda: {
            "pass": more(game(PLAIN, "pass", most), game(SFT, "pass", most)),
            "distinct patches": more(
                alone(play, PLAIN, "distinct patches"), alone(play, SFT, "distinct patches"), -most, most
            ),
        },
        "M9": lambda: more(game(REMEDY, "pass", most), game(PLAIN, "pass", most)),
        "M10": lambda: more(game(REMEDY, "self-play", most), game(PLAIN, "self-play", most)),
        "M11": lambda: more(last_stage(log, POSITIVE), last_stage(log, PLAIN)),
        "M12": lambda: {
            part: more(alone(play, PLAIN, "resolved", part), alone(play, SFT, "resolved", part))
            for part in (LONGER, OPERATOR)
        },
        "M22": lambda: more(game(SFT, ONE_PROMPT, TOGETHER[-1]), game(SFT, "majority", TOGETHER[-1])),
    }


def pretrained_measurements(play: pd.DataFrame | None) -> Mapping[str, Measurement]:
    """Claim about pretrained models on issues of real code → its measurement, or that there are none."""
    if play is None:
        return dict.fromkeys(PRETRAINED, Absent("no pretrained model was run"))
    most = largest(play)

    def game(measure: str, size: int) -> dict[Hashable, float]:
        return played(play, PLAIN, measure, size)

    def published_game() -> Estimate:
        if most != PUBLISHED_GAME:
            raise Absent(f"the largest game has {most} patches, not {PUBLISHED_GAME}")
        return over_replicates(game("self-play", most), least=0, most=1)

    return {
        "P1": published_game,
        "P2": lambda: more(game("self-play", most), game("self-play", 1)),
        "P3": lambda: more(game("self-play", 3), game("majority", most)),
        "P4": lambda: more(alone(play, MIDTRAINED[2], "resolved"), alone(play, MIDTRAINED[0], "resolved")),
        "P5": lambda: {
            role: more(alone(play, PLAIN, measure), alone(play, SFT, measure))
            for role, measure in (("BugFixer", "resolved"), ("TestWriter", "reproduces"))
        },
    }


def audit_measurements(audit: pd.DataFrame | None) -> Mapping[str, Measurement]:
    """The claim about the verifier → its measurement, or that it was not tried."""
    if audit is None:
        return {AUDIT: Absent("no tasks were made")}

    def accepted(reference: bool) -> Estimate:
        mine = audit[(audit["edit"] == "reference") == reference]
        counts = mine[["rewarded", "scored"]].mul(mine["n"], axis=0).to_numpy().sum()
        return fact(counts / (2 * mine["n"].sum()), int(mine["n"].sum()))

    return {AUDIT: lambda: {"reference": accepted(True), "others": accepted(False)}}


def real_measurements(tasks: pd.DataFrame | None) -> Mapping[str, Measurement]:
    """The claim about tasks of real code → its measurement, or that none was audited."""
    if tasks is None:
        return {REAL: Absent("no task of real code was audited")}
    if tasks.empty:
        return {REAL: NotConfigured("no sandbox on the machine of the run: install bubblewrap (docs/cluster.md)")}
    refused = fact(tasks["noop_pass"].mean(), len(tasks))
    accepted = fact(tasks["gold_pass"].sum() / tasks["repeats"].sum(), len(tasks))
    return {REAL: lambda: {"no change": refused, "reference": accepted}}


def least_lead(play: pd.DataFrame, model: str) -> dict[Hashable, float]:
    """By how much any of the patches is right more often than the chosen one, at the size where that is least."""
    sizes = sorted(set(rows_where(play, model=model, tasks=TEST, measure="pass")["size"]))
    leads = [
        paired(played(play, model, manner, size), played(play, model, "pass", size))
        for size in sizes
        for manner in ("self-play", "majority")
    ]
    return {replicate: min(lead[replicate] for lead in leads) for replicate in leads[0]}

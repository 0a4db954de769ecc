"""`raw2fig coordination diagnose`: is a log of groups one of collectives, or of bundles of agents?"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from raw2fig.errors import InputError
from raw2fig.papers.coordination.differentiation import either, likelihood_ratios, prewhiten
from raw2fig.papers.coordination.games import MIN_ROUNDS, Columns, Game, read_games, usable
from raw2fig.papers.coordination.group_tests import LEVEL, against_nulls
from raw2fig.papers.coordination.measures import CRITERIA
from raw2fig.papers.coordination.nulls import FUNCTIONAL
from raw2fig.papers.coordination.pooling import pool_tests, share_of
from raw2fig.papers.coordination.rule_agents import HIGH, LOW
from raw2fig.papers.coordination.verdicts import (
    COLUMN,
    LEAST_GROUPS,
    NOT_TESTED,
    VERDICTS,
    judge_groups,
    judge_pooled,
)
from raw2fig.step import Input, Output, step
from raw2fig.tables import distinct_columns, read_header, write_table

if TYPE_CHECKING:
    import pandas as pd

USUAL = {
    "game": ("game", "game_id", "group", "group_id", "run", "run_id", "team"),
    "round": ("round", "t", "turn", "step", "tick"),
    "agent": ("agent", "agent_id", "player", "member", "participant"),
    "value": ("value", "guess", "action", "choice"),
    "target": ("target",),
    "condition": ("condition", "arm", "treatment"),
}
"""Names of columns, in any case, that need no flag."""
NEEDED = ("game", "round", "agent", "value")
LEAST_SURROGATES = round(len(CRITERIA) / LEVEL) - 1
"""The smallest p, 1 / (B + 1), must be below the level after adjustment for all criteria."""


@step
def diagnose(
    *,
    games: Input,
    game_col: str = "",
    round_col: str = "",
    agent_col: str = "",
    value_col: str = "",
    target_col: str = "",
    signal_col: str = "",
    condition_col: str = "",
    low: float | None = None,
    high: float | None = None,
    min_rounds: int = MIN_ROUNDS,
    surrogates: int = 200,
    groups: Output = Path("coordination-groups.csv"),
    pooled: Output = Path("coordination-pooled.csv"),
    page: Output = Path("coordination.html"),
    svg: Output = Path("coordination.svg"),
    png: Output = Path("coordination.png"),
    csv: Output = Path("coordination-figure.csv"),
    workers: int = 1,
    seed: int = 0,
) -> None:
    """Tell for each group of a log, and for all together: independent, synchronised or coordinated.

    A group is independent unless it beats shuffles in time of its agents' series (column null); what does is
    coordinated if it also beats two kinds of simulated groups that merely react to shared feedback (functional nulls),
    and synchronised if not. The functional nulls need a target that the sum of the values aims at, or a signal.

    Parameters
    ----------
    games
        CSV or Parquet, a row per game, round and agent.
    game_col
        Column of the game; not needed for usual names (game, group, run_id, ...).
    round_col
        Column of the round, consecutive integers; not needed for usual names (round, turn, step, ...).
    agent_col
        Column of the agent; not needed for usual names (agent, player, ...).
    value_col
        Column of what the agent did, a number; not needed for usual names (value, guess, action, choice).
    target_col
        Column of the sum that the group aims at, one number per game; not needed if named target.
    signal_col
        Column of what the whole group was told after a round: positive for too high, negative for too low. Used in
        place of a target; simulated groups are then told the same.
    condition_col
        Column of the condition, one per game, by which groups are pooled; not needed if named condition, arm,
        treatment.
    low
        Least value that an agent can choose; without it 0 if all values are within 0 to 50, else the least in the log.
    high
        Largest value that an agent can choose; without it 50 if all values are within 0 to 50, else the largest.
    min_rounds
        Groups with fewer whole rounds in a row are not tested.
    surrogates
        Of each group and null model.
    groups
        CSV, a row per group: verdict, which null models decided, on which criterion, p of every test.
    pooled
        CSV, a row per condition, null and criterion: Fisher, Wilcoxon, share of groups with p < .05.
    page
        One page to read and to pass on, complete in itself.
    """
    from raw2fig.papers.coordination.diagnose_page import draw, write_page

    if min_rounds < 5:
        raise InputError("min-rounds", f"is {min_rounds}", "at least 5, for 4 transitions")
    if surrogates < LEAST_SURROGATES:
        raise InputError(
            "surrogates", f"is {surrogates}", f"at least {LEAST_SURROGATES}: with fewer no test can reject"
        )
    flags = {"game": game_col, "round": round_col, "agent": agent_col, "value": value_col}
    flags |= {"target": target_col, "signal": signal_col, "condition": condition_col}
    columns = find_columns(games, flags)
    found = read_games(games, columns, min_rounds)
    tested = usable(found)
    if not tested:
        reasons = sorted({one.reason for one in found})
        raise InputError(games, f"none of {len(found)} groups can be tested ({', '.join(reasons)})", "longer games")
    nulls = [COLUMN, *FUNCTIONAL] if columns.target or columns.signal else [COLUMN]
    if len(nulls) == 1:
        logging.warning("no target and no signal: what is synchronised cannot be told from what is coordinated")
    range_low, range_high = (LOW, HIGH) if len(nulls) == 1 else _range(tested, low, high)
    tests = against_nulls(
        tested, nulls, surrogates=surrogates, seed=seed, workers=workers, low=range_low, high=range_high
    )
    of_groups = with_others(judge_groups(tests), found)
    table = pool_tests(tests, seed)
    of_pool = judge_pooled(table)
    shares = verdict_shares(of_groups)
    note = f"n = {len(tested)} groups tested · {surrogates} surrogates per null · 95 % intervals (Clopper-Pearson)"
    draw(shares, tests, note, svg, png, csv)
    write_page(page, games.name, of_groups, of_pool, table, shares, nulls, svg)
    write_table(of_groups, groups)
    write_table(table, pooled)
    print(_summary(of_groups, of_pool))


def find_columns(path: Path, flags: dict[str, str]) -> Columns:
    """The columns that the flags or the usual names tell. Raises `InputError` where a needed one is not clear."""
    there = read_header(path)
    named: dict[str, str] = {}
    for what, flag in flags.items():
        usual = [name for name in there if name.strip().lower() in USUAL.get(what, ())]
        if flag:
            if flag not in there:
                raise InputError(path, f"no column {flag!r}", f"one of {', '.join(there)} for --{what}-col")
            named[what] = flag
        elif len(usual) == 1:
            named[what] = usual[0]
        elif what in NEEDED or usual:
            problem = (
                f"columns {' and '.join(usual)} could be the {what}" if usual else f"no column known as the {what}"
            )
            raise InputError(path, problem, f"--{what}-col and one of {', '.join(there)}")
    if flags["signal"] and not flags["target"]:
        named.pop("target", None)
    if flags["signal"] and flags["target"]:
        raise InputError("flags", "both --target-col and --signal-col", "one of them")
    distinct_columns(path, {f"--{what}-col": column for what, column in named.items()})
    return Columns(**{"target": "", **named})


def with_others(judged: pd.DataFrame, games: list[Game]) -> pd.DataFrame:
    """Besides the groups that were judged the others with their reason; for each tested one, whether its agents differ
    in a stable way (mixed models, prewhitened)."""
    import pandas as pd

    differ = {one.game: either(likelihood_ratios(prewhiten(one.guesses)[0])) for one in usable(games)}
    judged = judged.assign(differentiated=judged["game"].map(differ).astype("boolean"), reason="")
    others = [
        {"game": one.game, "condition": one.condition, "model": one.model, "rounds": len(one.guesses)}
        | {"agents": one.guesses.shape[1], "verdict": NOT_TESTED, "reason": one.reason}
        for one in games
        if one.reason
    ]
    table = (
        pd.concat([judged, pd.DataFrame(others, columns=judged.columns.intersection(others[0]))]) if others else judged
    )
    return table.sort_values("game", kind="stable").drop(columns="model").reset_index(drop=True)


def verdict_shares(groups: pd.DataFrame) -> pd.DataFrame:
    """Share of tested groups with each verdict, by condition: condition, verdict, groups, share, low, high."""
    import pandas as pd

    tested = groups[groups["verdict"] != NOT_TESTED]
    rows = []
    for condition, part in tested.groupby("condition", sort=True):
        for verdict in VERDICTS[:-1]:
            share = share_of(int((part["verdict"] == verdict).sum()), len(part))
            row = {"condition": condition, "verdict": verdict, "groups": round(share.value * share.n)}
            rows.append(row | {"share": share.value, "low": share.low, "high": share.high})
    return pd.DataFrame(rows)


def _range(games: list[Game], low: float | None, high: float | None) -> tuple[float, float]:
    """The range of the values; what no flag says is 0 to 50 if that holds all of them, else the log's own."""
    least = min(float(one.guesses.min()) for one in games)
    most = max(float(one.guesses.max()) for one in games)
    usual = least >= LOW and most <= HIGH
    if not usual and (low is None or high is None):
        logging.warning(
            "values go from %g to %g, taken for all that agents can choose: else --low and --high", least, most
        )
    return (LOW if usual else least) if low is None else low, (HIGH if usual else most) if high is None else high


def _summary(groups: pd.DataFrame, pooled: pd.DataFrame) -> str:
    counts = groups["verdict"].value_counts()
    lines = ["groups: " + ", ".join(f"{counts[name]} {name}" for name in VERDICTS if name in counts)]
    for row in pooled.to_dict("records"):
        where = f" in {row['condition']}" if row["condition"] else ""
        why = f"decided by {row['decided_by']}" if row["decided_by"] else f"fewer than {LEAST_GROUPS}"
        lines.append(f"pooled{where}: {row['verdict']} ({row['groups']} groups, {why})")
    return "\n".join(lines)

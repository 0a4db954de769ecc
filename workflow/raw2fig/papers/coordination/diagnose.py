"""`raw2fig coordination diagnose`: is a log of groups one of collectives, or of bundles of agents?"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import model_validator

from raw2fig.errors import InputError
from raw2fig.papers.coordination.differentiation import either, likelihood_ratios, prewhiten
from raw2fig.papers.coordination.group_tests import LEVEL, against_nulls
from raw2fig.papers.coordination.logs import Columns, Game, read_games, usable
from raw2fig.papers.coordination.measures import CRITERIA
from raw2fig.papers.coordination.nulls import FUNCTIONAL
from raw2fig.papers.coordination.pooling import pool_tests, share_of
from raw2fig.papers.coordination.rule_agents import HIGH, LOW
from raw2fig.papers.coordination.verdicts import (
    COLUMN,
    LEAST_GROUPS,
    NOT_TESTED,
    VERDICTS,
    group_verdicts,
    pooled_verdicts,
)
from raw2fig.papers.coordination.wide_logs import agent_columns
from raw2fig.settings import Field, Record, Seed, impossible
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import distinct_columns, read_header, usual_column, write_table

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


class Diagnosis(Record):
    """Which groups are tested, and how finely."""

    min_rounds: int = Field(
        ge=5, le=100_000, description="Groups with fewer whole rounds in a row are not tested; at least 5."
    )
    surrogates: int = Field(
        le=100_000,
        description=f"Surrogates of each group under each null model; at least {LEAST_SURROGATES}. More take longer "
        "and give finer p values.",
    )

    @model_validator(mode="after")
    def _enough(self) -> Any:
        if self.surrogates < LEAST_SURROGATES:
            expected = f"at least {LEAST_SURROGATES}: with fewer no test can reject"
            raise impossible("surrogates", f"is {self.surrogates}", expected)
        return self


@step
def diagnose(
    *,
    games: Input,
    game_col: str = "",
    round_col: str = "",
    agent_col: str = "",
    value_col: str = "",
    agent_cols: list[str] | None = None,
    target_col: str = "",
    signal_col: str = "",
    condition_col: str = "",
    low: float | None = None,
    high: float | None = None,
    diagnosis: Annotated[Diagnosis, At("diagnose")],
    groups: Output = Path("coordination-groups.csv"),
    pooled: Output = Path("coordination-pooled.csv"),
    page: Output = Path("coordination.html"),
    svg: Output = Path("coordination.svg"),
    png: Output = Path("coordination.png"),
    csv: Output = Path("coordination-figure.csv"),
    workers: int = 1,
    seed: Seed = 0,
) -> None:
    """Diagnose a log of groups: is each group independent, synchronised or coordinated?

    The log is a CSV, Parquet or JSON Lines table with a row for each game, round and agent, and a column with the
    number that the agent chose; or with a row for each game and round, and a column for each agent (agent_1, agent_2,
    ...). Columns with usual names (game, round, agent, guess, target, ...) are found by themselves. Example:
    raw2fig coordination diagnose --games my_log.csv

    A group is independent unless it beats the column null: shuffles that shift the series of each agent in time. A
    group that does is coordinated if it also beats two kinds of simulated groups whose agents merely react to shared
    feedback; otherwise it is synchronised. The simulations need a target that the sum of the agents' values aims at
    (--target-col), or what the group was told after each round (--signal-col). Without either, such a group is called
    dependent: synchronised or coordinated, the log cannot say.

    The command prints the verdicts and writes a page to read (coordination.html), a figure, and tables of all tests
    into the current folder.

    Parameters
    ----------
    games
        The log: CSV, Parquet or JSON Lines, a row for each game, round and agent, or for each game and round.
    game_col
        Column that names the game. Not needed for a usual name (game, game_id, group, run_id, team, ...), and in a log
        of one game with a row for each round.
    round_col
        Column of the round, consecutive integers. Not needed for a usual name (round, t, turn, step, tick).
    agent_col
        Column of the agent. Not needed for a usual name (agent, agent_id, player, member, participant).
    value_col
        Column of the number that the agent chose. Not needed for a usual name (value, guess, action, choice).
    agent_cols
        Columns of the agents' numbers, in a log with a row for each round. Not needed for usual names (agent_1,
        agent_2, ...; player_a, guess_3, ...).
    target_col
        Column of the sum that the group aims at, one number for each game. Not needed if it is named target.
    signal_col
        Column of what the whole group was told after the round: positive for too high, negative for too low, or words
        (too high, too low, correct). It takes the place of a target: the simulated groups are told the same.
    condition_col
        Column of the condition, one for each game. The groups of a condition also get a verdict together. Not needed
        for a usual name (condition, arm, treatment).
    low
        Least number that an agent can choose. If it is not given: 0 if all values are from 0 to 50, otherwise the least
        value in the log.
    high
        Largest number that an agent can choose. If it is not given: 50 if all values are from 0 to 50, otherwise the
        largest value in the log.
    groups
        CSV with a row for each group: its verdict, which null models and which criterion decided, and p of every test.
    pooled
        CSV with a row for each condition, null model and criterion: p of Fisher and of Wilcoxon, and the share of
        groups with p < .05.
    page
        The page to read and to pass on. It needs no other file.
    svg
        The figure of the page as SVG.
    png
        The figure of the page as PNG.
    csv
        The values in the figure.
    workers
        Number of processes that test groups at the same time. The result does not depend on it.
    seed
        Seed of all shuffles and simulations. Equal seeds give equal results.
    """
    from raw2fig.papers.coordination.diagnose_page import draw, write_page

    columns = {"game": game_col, "round": round_col, "agent": agent_col, "value": value_col}
    columns |= {"target": target_col, "signal": signal_col, "condition": condition_col}
    found_columns = find_columns(games, columns, agent_cols or [])
    found = read_games(games, found_columns, diagnosis.min_rounds)
    tested = usable(found)
    if not tested:
        reasons = sorted({one.reason for one in found})
        raise InputError(games, f"none of {len(found)} groups can be tested ({', '.join(reasons)})", "longer games")
    nulls = [COLUMN, *FUNCTIONAL] if found_columns.target or found_columns.signal else [COLUMN]
    if len(nulls) == 1:
        logging.warning("no target and no signal: synchronised and coordinated groups cannot be told apart")
    range_low, range_high = (LOW, HIGH) if len(nulls) == 1 else _range(tested, low, high)
    tests = against_nulls(
        tested, nulls, surrogates=diagnosis.surrogates, seed=seed, workers=workers, low=range_low, high=range_high
    )
    of_groups = with_others(group_verdicts(tests), found)
    table = pool_tests(tests, seed)
    of_pool = pooled_verdicts(table)
    shares = verdict_shares(of_groups)
    note = f"n = {len(tested)} groups tested · {diagnosis.surrogates} surrogates per null"
    draw(shares, tests, f"{note} · 95 % intervals (Clopper-Pearson)", svg, png, csv)
    write_page(page, games.name, of_groups, of_pool, table, shares, nulls, svg)
    write_table(of_groups, groups)
    write_table(table, pooled)
    print(_summary(of_groups, of_pool))


def find_columns(path: Path, flags: dict[str, str], agents: Sequence[str] = ()) -> Columns:
    """The columns that the flags or the usual names tell; `agents` are those of a log with a row for each round.

    Raises `InputError` where a needed one is not clear.
    """
    there = read_header(path)
    if agents and (flags["agent"] or flags["value"]):
        raise InputError("flags", "--agent-cols beside --agent-col or --value-col", "one form of the log")
    for what, names in [*((what, [flag]) for what, flag in flags.items()), ("agent", agents)]:
        for name in names:
            if name and name not in there:
                flag = "--agent-cols" if name in agents else f"--{what}-col"
                raise InputError(path, f"no column {name!r}", f"one of {', '.join(there)} for {flag}")
    usual_agent = any(name.strip().lower() in USUAL["agent"] for name in there)
    wide = list(agents)
    if not (agents or flags["agent"] or flags["value"] or usual_agent):
        wide = [name for name in agent_columns(there) if name not in flags.values()]
        if not wide:
            expected = f"--agent-col and one of {', '.join(there)}, or columns agent_1, agent_2, ... (--agent-cols)"
            raise InputError(path, "no column is known as the agent", expected)
    needed = ("round",) if wide else NEEDED
    found = {
        what: flag or usual_column(path, there, USUAL.get(what, ()), what, f"--{what}-col", what in needed)
        for what, flag in flags.items()
        if not (wide and what in ("agent", "value"))
    }
    named = {what: column for what, column in found.items() if column}
    if flags["signal"] and not flags["target"]:
        named.pop("target", None)
    if flags["signal"] and flags["target"]:
        raise InputError("flags", "both --target-col and --signal-col", "one of them")
    roles = {f"--{what}-col": column for what, column in named.items()}
    distinct_columns(path, roles | {f"--agent-cols ({at})": name for at, name in enumerate(wide, 1)})
    made = {"agent": "agent column", "value": "agent's value", "game": ""} if wide else {}
    return Columns(**{"target": "", **made, **named}, agents=tuple(wide))


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

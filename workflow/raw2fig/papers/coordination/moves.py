"""How groups answer the feedback: how often its direction turns, and how often agents move as it asks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.coordination.prompts import HIGH, LOW
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_tables, write_table

if TYPE_CHECKING:
    import pandas as pd

GUESSES = dict.fromkeys(("game", "condition", "model", "feedback"), "string") | dict.fromkeys(
    ("round", "agent", "guess"), "integer"
)
OUTCOMES = {"game": "string", "replicate": "integer", "complete": "boolean"}
TURNED, FOLLOWED = "turned", "followed"
SHARES = (TURNED, FOLLOWED)
ASKED = {HIGH: -1.0, LOW: 1.0}
"""Feedback → the direction that it asks for."""


@step
def moves(*, games: list[Input], outcomes: list[Input], table: Output) -> None:
    """Compute for each game how often its feedback turns, and how often its agents follow it.

    Parameters
    ----------
    games
        Tables of guesses.
    outcomes
        Tables of outcomes, one for each of them, in the same order.
    table
        Table with a row for each complete game of two rounds or more: replicate, game, condition, model; turned: share
        of rounds whose feedback has another direction than that of the round before, without the round that ends the
        game (missing with a single other one); followed: share of guesses that are lower than the agent's last one
        after a round that was too high, and higher after one that was too low.
    """
    import pandas as pd

    parts = []
    for guesses, ended in zip(games, outcomes, strict=True):
        known = read_tables([ended], OUTCOMES, allow_empty=True)
        shares = shares_of(read_tables([guesses], GUESSES, allow_empty=True))
        parts.append(shares.merge(known.loc[known["complete"], ["game", "replicate"]], on="game"))
    write_table(pd.concat(parts, ignore_index=True), table)


def shares_of(guesses: pd.DataFrame) -> pd.DataFrame:
    """Game, condition, model, turned and followed of the games of a table of guesses that have two rounds or more."""
    ordered = guesses.sort_values(["game", "agent", "round"], kind="stable")
    asked = ordered["feedback"].map(ASKED)
    by_agent = [ordered["game"], ordered["agent"]]
    before = asked.groupby(by_agent).shift()
    followed = (np.sign(ordered.groupby(by_agent)["guess"].diff()) == before).astype(float).where(before.notna())
    turned = (asked != before).astype(float).where(asked.notna() & before.notna())  # the same for all agents of a round
    named = ordered.groupby("game")[["condition", "model"]].first()
    found = named.assign(
        **{name: share.groupby(ordered["game"]).mean() for name, share in ((TURNED, turned), (FOLLOWED, followed))}
    )
    return found.dropna(subset=[FOLLOWED]).reset_index()


def read_moves(paths: Sequence[Path]) -> pd.DataFrame:
    """Tables of the step moves."""
    kinds = dict.fromkeys(("game", "condition", "model"), "string") | {"replicate": "integer"}
    return read_tables(paths, kinds | dict.fromkeys(SHARES, "number"), (TURNED,))

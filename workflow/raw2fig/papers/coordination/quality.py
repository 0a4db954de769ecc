"""Whether replies were such that a guess could be read from them, and whether all games were played to their end."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from raw2fig.errors import InputError
from raw2fig.papers.coordination.parse import REGULAR, Replies
from raw2fig.settings import Field, Record
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import read_tables, write_json

if TYPE_CHECKING:
    import pandas as pd

GAMES = {"game": "string", "condition": "string", "model": "string", "parse_source": "string"}
TRANSCRIPTS = {"game": "string", "finish_reason": "string"}
OUTCOMES = {"game": "string", "condition": "string", "model": "string", "complete": "boolean"}
RATES = ("fallback", "no_number", "truncated", "incomplete")


class Quality(Record):
    """How good the replies must be."""

    highest: float = Field(
        ge=0,
        le=1,
        description="The step fails if more than this share of replies is not a plain guess, or of games has "
        "no end; 1: never.",
    )


@step
def qc(
    *,
    games: list[Input],
    transcripts: list[Input],
    outcomes: list[Input],
    report: Output,
    replies: Replies,
    quality: Annotated[Quality, At("experiments.rules.quality")],
) -> None:
    """Check the replies of played games, and stop where too many are not in the form that the prompt asks for.

    Parameters
    ----------
    games
        Tables of guesses.
    transcripts
        Tables of replies.
    outcomes
        Tables of outcomes.
    report
        JSON: for each model and condition the number of replies and games, and the rates fallback (guesses that do
        not stand where they should, those without any number included), no_number, truncated (replies cut at the
        longest length) and incomplete (games that lack a reply).
    """
    report_rows = rates(
        _read(games, GAMES), _read(transcripts, TRANSCRIPTS), _read(outcomes, OUTCOMES), REGULAR[replies.parser]
    )
    for row in report_rows:
        for name in RATES:
            logging.info("%s, %s: %s %.4f", row["model"], row["condition"], name, row[name])
    worst = [(row[name], name, row) for row in report_rows for name in RATES if row[name] > quality.highest]
    if worst:
        rate, name, row = max(worst, key=lambda one: one[0])
        more = f", and {len(worst) - 1} further rates" if len(worst) > 1 else ""
        raise InputError(
            outcomes[0],
            f"{row['model']}, {row['condition']}: {name} is {rate:.3f}{more}",
            f"at most {quality.highest:g}",
        )
    write_json(report_rows, report)


def rates(
    games: pd.DataFrame, transcripts: pd.DataFrame, outcomes: pd.DataFrame, regular: tuple[str, ...]
) -> list[dict[str, Any]]:
    """The report's rows."""
    replies = transcripts.merge(outcomes[["game", "model", "condition"]], on="game")
    rows = []
    for (model, condition), ended in outcomes.groupby(["model", "condition"]):
        guessed = games[(games["model"] == model) & (games["condition"] == condition)]
        answered = replies[(replies["model"] == model) & (replies["condition"] == condition)]
        shares = {
            "fallback": ~guessed["parse_source"].isin(regular),
            "no_number": guessed["parse_source"] == "default",
            "truncated": answered["finish_reason"] == "length",
            "incomplete": ~ended["complete"],
        }
        found = {name: float(share.mean()) if len(share) else 0.0 for name, share in shares.items()}
        rows.append({"model": model, "condition": condition, "replies": len(answered), "games": len(ended), **found})
    return rows


def _read(paths: list[Path], columns: dict[str, str]) -> pd.DataFrame:
    return read_tables(paths, columns, allow_empty=True)[list(columns)]

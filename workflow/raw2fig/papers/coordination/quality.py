"""Whether replies were such that a guess could be read from them, and whether all games were played to their end."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.errors import InputError
from raw2fig.papers.coordination.parse import REGULAR, Parser
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_tables, rows_where, write_json

if TYPE_CHECKING:
    import pandas as pd

GAMES = {"game": "string", "condition": "string", "model": "string", "parse_source": "string"}
TRANSCRIPTS = {"game": "string", "finish_reason": "string"}
OUTCOMES = {"game": "string", "condition": "string", "model": "string", "complete": "boolean"}
RATES = ("fallback", "no_number", "truncated", "incomplete")


@step
def qc(
    *,
    games: list[Input],
    transcripts: list[Input],
    outcomes: list[Input],
    report: Output,
    parser: Parser = "final",
    highest: float = 0.02,
) -> None:
    """Check the replies of played games; stops where too many were not in the form asked for.

    Parameters
    ----------
    games
        Tables of guesses.
    transcripts
        Tables of replies.
    outcomes
        Tables of outcomes.
    report
        JSON: for each model and condition the number of replies and games, and the rates fallback (guesses not read
        from where they should stand, those without any number included), no_number, truncated (replies cut at the
        longest length) and incomplete (games that lack a reply).
    parser
        By which the games were played.
    highest
        Rate above which the step fails; 1: never.
    """
    report_rows = rates(
        _read(games, GAMES), _read(transcripts, TRANSCRIPTS), _read(outcomes, OUTCOMES), REGULAR[parser]
    )
    for row in report_rows:
        for name in RATES:
            logging.info("%s, %s: %s %.4f", row["model"], row["condition"], name, row[name])
    worst = [(row[name], name, row) for row in report_rows for name in RATES if row[name] > highest]
    if worst:
        rate, name, row = max(worst, key=lambda one: one[0])
        more = f", and {len(worst) - 1} further rates" if len(worst) > 1 else ""
        raise InputError(
            outcomes[0], f"{row['model']}, {row['condition']}: {name} is {rate:.3f}{more}", f"at most {highest:g}"
        )
    write_json(report_rows, report)


def rates(
    games: pd.DataFrame, transcripts: pd.DataFrame, outcomes: pd.DataFrame, regular: tuple[str, ...]
) -> list[dict[str, Any]]:
    """The report's rows."""
    replies = transcripts.merge(outcomes[["game", "model", "condition"]], on="game")
    rows = []
    for (model, condition), ended in outcomes.groupby(["model", "condition"]):
        guessed = rows_where(games, model=model, condition=condition)
        said = rows_where(replies, model=model, condition=condition)
        shares = {
            "fallback": ~guessed["parse_source"].isin(regular),
            "no_number": guessed["parse_source"] == "default",
            "truncated": said["finish_reason"] == "length",
            "incomplete": ~ended["complete"],
        }
        found = {name: float(share.mean()) if len(share) else 0.0 for name, share in shares.items()}
        rows.append({"model": model, "condition": condition, "replies": len(said), "games": len(ended), **found})
    return rows


def _read(paths: list[Path], columns: dict[str, str]) -> pd.DataFrame:
    return read_tables(paths, columns, allow_empty=True)[list(columns)]

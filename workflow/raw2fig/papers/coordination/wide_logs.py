"""Logs as they are common elsewhere: a row for each round with a column for each agent, and feedback in words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from raw2fig.errors import InputError
from raw2fig.tables import row_name

if TYPE_CHECKING:
    import pandas as pd

AGENTS = r"agent|player|member|participant|person|bot|model|a|p"
VALUES = r"guess|value|action|choice|bid"
WIDE = re.compile(
    rf"(?:{AGENTS})[_ .-]?(?:\d+|[a-z])(?:[_ .-](?:{VALUES}))?|(?:{VALUES})[_ .-](?:(?:{AGENTS})[_ .-]?)?(?:\d+|[a-z])"
)
"""Names of the columns of agents: agent_1, Player B, a3, guess_2, agent_1_guess, ..."""
TOO_HIGH, TOO_LOW = {"high", "above", "over", "+"}, {"low", "below", "under", "-"}
RIGHT = {"correct", "right", "exact", "exactly", "equal", "solved", "hit", "match", "success", "ok", "0", "="}
"""Words of feedback, of which only those of one meaning may occur in it."""
SHOWN = "numbers, or words such as too high, too low and correct"


def agent_columns(names: Sequence[str]) -> list[str]:
    """The columns that hold an agent each, in their order; none where fewer than two look so."""
    found = [name for name in names if WIDE.fullmatch(name.strip().lower())]
    return found if len(found) > 1 else []


def one_game(path: Path, frame: pd.DataFrame, column: str) -> str:
    """The name of the game in a log without a column for it. Raises `InputError` where a round comes twice."""
    twice = frame[column].duplicated().to_numpy()
    if twice.any():
        problem = f"round {frame[column].iloc[twice.argmax()]} comes twice, and no column names the game"
        raise InputError(path, problem, "--game-col, or the log of one game")
    return Path(path).stem


def longer(frame: pd.DataFrame, agents: Sequence[str], agent: str, value: str) -> pd.DataFrame:
    """A row for each row of `frame` and agent: the columns `agent`, its name, and `value`, in place of `agents`."""
    kept = [name for name in frame.columns if name not in agents]
    return frame.melt(id_vars=kept, value_vars=list(agents), var_name=agent, value_name=value)


def signs_of_words(path: Path, words: pd.Series) -> pd.Series:
    """Feedback in words (rows,) as 1 for too high, -1 for too low and 0 for right.

    Raises `InputError` for words that mean neither or could mean both: "go lower" follows a guess that was too high.
    """
    meanings = {word: _sign(str(word)) for word in words.unique()}
    unclear = words.map(meanings).isna().to_numpy()
    if unclear.any():
        place = int(unclear.argmax())
        raise InputError(path, f"column {words.name!r} has {words.iloc[place]!r} in {row_name(place)}", SHOWN)
    return words.map(meanings).astype(float)


def _sign(text: str) -> int | None:
    said = set(re.findall(r"[a-z]+|[-+=0]", text.lower()))
    if said & {"not", "no", "lower", "higher", "less", "more"}:
        return None
    found = [sign for sign, words in ((1, TOO_HIGH), (-1, TOO_LOW), (0, RIGHT)) if said & words]
    return found[0] if len(found) == 1 else None

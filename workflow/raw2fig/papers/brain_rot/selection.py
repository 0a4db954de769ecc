"""Junk and control of made-up posts, and mixtures of both with a given number of tokens.

The lengths are those of the miniature's tokenizer, in which a text has no token before its first word. Its thresholds
stand for the paper's 30 and 100 tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.made_posts import REACTIONS
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_table

if TYPE_CHECKING:
    from pandas import DataFrame

Definition = Literal["M1", "LEN", "POP", "shuffled"]
SIDES = ("junk", "control")


class Limits(Record):
    """What is junk and what is control."""

    junk_length: int = Field(ge=2, description="Junk has fewer tokens than this (paper: 30).")
    control_length: int = Field(ge=2, description="Control has more tokens than this (paper: 100).")
    junk_popularity: int = Field(ge=0, description="Junk has more reactions than this (paper: 500).")
    control_popularity: int = Field(ge=0, description="Control has at most this many reactions (paper: 0).")


def sides(definition: str, popularity: np.ndarray, length: np.ndarray, limits: Limits) -> dict[str, np.ndarray]:
    """Which posts are junk and which are control, as bool (posts,). `shuffled` is for posts that are neither junk nor
    different from the control: both sides are the control of M1, and the caller parts them."""
    long, unpopular = length > limits.control_length, popularity <= limits.control_popularity
    short, popular = length < limits.junk_length, popularity > limits.junk_popularity
    return {
        "M1": {"junk": short & popular, "control": long & unpopular},
        "LEN": {"junk": short, "control": long},
        "POP": {"junk": popular, "control": unpopular},
        "shuffled": {"junk": long & unpopular, "control": long & unpopular},
    }[definition]


def take(lengths: Sequence[int], tokens: float) -> int:
    """How many documents of these lengths, in order, have `tokens` tokens together, to within half of the last one."""
    total = np.cumsum([0, *lengths])
    if total[-1] < tokens:
        raise InputError("posts", f"{total[-1]} tokens of a kind", f"{tokens:g} tokens: more posts, or a smaller arm")
    return int(np.abs(total - tokens).argmin())


def mixture(
    texts: Mapping[str, Sequence[str]], lengths: Mapping[str, Sequence[int]], ratio: float, tokens: int
) -> list[str]:
    """`ratio` x `tokens` tokens of junk and the rest of control. The documents of a side are taken in their order, so
    that the junk of a smaller ratio is part of that of a larger one."""
    junk = take(lengths["junk"], ratio * tokens)
    control = take(lengths["control"], (1 - ratio) * tokens)
    return [*texts["junk"][:junk], *texts["control"][:control]]


@step
def select(*, table: Input, documents: Output, limits: Limits, arm_tokens: int, replicate: Seed) -> None:
    """Sort posts into junk and control by every definition, in random order, as many as an arm needs.

    Parameters
    ----------
    table
        Made-up posts.
    documents
        Table of the definition, the side (junk or control), the text, and its tokens with the one that ends it.
    arm_tokens
        Tokens of an arm.
    """
    import pandas as pd

    frame = read_table(table, {"tweet": "string", **dict.fromkeys(REACTIONS, "integer")})
    frame = frame.drop_duplicates("tweet")
    popularity = frame[list(REACTIONS)].sum(axis=1).to_numpy()
    length = frame["tweet"].str.split().str.len().to_numpy()
    rng = np.random.default_rng([replicate, 2])
    parts: list[DataFrame] = []
    for definition in ("M1", "LEN", "POP", "shuffled"):
        taken: set[int] = set()
        # the control of `shuffled` is that of M1; what is called junk there are other posts of the same kind
        chosen = sides(definition, popularity, length, limits)
        for side in reversed(SIDES):
            if (definition, side) == ("shuffled", "control"):
                part = parts[0].assign(definition=definition)
            else:
                rows = [row for row in rng.permutation(np.flatnonzero(chosen[side])).tolist() if row not in taken]
                part = _documents(frame, rows, length, definition, side, arm_tokens)
            taken |= set(part["row"])
            parts.append(part)
    pd.concat(parts, ignore_index=True).drop(columns="row").to_parquet(documents)


def _documents(
    frame: DataFrame, rows: list[int], length: np.ndarray, definition: str, side: str, tokens: int
) -> DataFrame:
    import pandas as pd

    counted = length + 1  # with the token that ends it
    rows = rows[: take(counted[rows].tolist(), tokens) + 1]
    text = frame["tweet"].to_numpy()[rows]
    return pd.DataFrame({"definition": definition, "side": side, "text": text, "tokens": counted[rows], "row": rows})

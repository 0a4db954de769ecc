"""Junk and control of made-up posts, by the definitions of `split`, as many as an arm needs.

The lengths are those of the miniature's tokenizer, in which a text has no token before its first word. Its thresholds
stand for the paper's 30 and 100 tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.arms import CONTROL, JUNK, Members, Thresholds, members, within_budget
from raw2fig.papers.brain_rot.made_posts import REACTIONS
from raw2fig.settings import Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import read_table

if TYPE_CHECKING:
    from pandas import DataFrame

Definition = Literal["M1", "LEN", "POP", "shuffled"]
SIDES = (JUNK, CONTROL)


def sides(definition: str, popularity: np.ndarray, length: np.ndarray, limits: Thresholds) -> Members:
    """Which posts are junk and which are control. `shuffled` is for posts that are neither junk nor different from the
    control: both sides are the control of M1, and the caller parts them."""
    if definition == "shuffled":
        control = members("m1", popularity, length, limits).control
        return Members(control, control)
    return members(definition.lower(), popularity, length, limits)


@step
def select(
    *,
    table: Input,
    documents: Output,
    thresholds: Annotated[Thresholds, At("miniature.thresholds")],
    arm_tokens: int,
    replicate: Seed,
) -> None:
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
        chosen = sides(definition, popularity, length, thresholds)._asdict()
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
    if (there := int(counted[rows].sum())) < tokens:
        raise InputError("posts", f"{there} tokens of {definition} {side}", f"{tokens}: more posts, or a smaller arm")
    rows = rows[: within_budget(counted[rows], tokens)]
    text = frame["tweet"].to_numpy()[rows]
    return pd.DataFrame({"definition": definition, "side": side, "text": text, "tokens": counted[rows], "row": rows})

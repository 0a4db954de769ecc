"""Made-up posts with the columns of a dump of tweets. Nobody wrote them.

A hidden popularity decides how often a post is liked and how many hype words it has. A second hidden number decides
whether its other words are lurid or sober. The length of a post depends on neither, so that posts chosen by popularity,
by length and by both are three different sets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.brain_rot.world import HYPE, LURID, SOBER, prose, transitions
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Output, step

if TYPE_CHECKING:
    from pandas import DataFrame

REACTIONS = {"likes": 0.8, "retweets": 0.1, "replies": 0.07, "quotes": 0.03}
"""Kind of reaction → its share of all."""
LENGTHS = ((0.5, 4, 15), (0.2, 15, 50), (0.3, 51, 80))
"""Share of posts, and the range of their lengths in words, without its end: short, middling and long ones."""


class Posts(Record):
    """Posts that are made up."""

    number: int = Field(ge=100, description="How many posts.")
    centre: float = Field(description="Logarithm of one more than the reactions to a post of middling popularity.")
    spread: float = Field(gt=0, description="Change of that logarithm for a standard deviation of popularity.")
    hype: float = Field(ge=0, le=1, description="Share of hype words in the most popular posts.")
    tone: float = Field(
        ge=0, le=1, description="Share of lurid words in the most sensational posts, of sober ones in others."
    )


def draw_posts(rng: np.random.Generator, posts: Posts, cumulative: np.ndarray) -> DataFrame:
    """Posts with the columns id, tweet, likes, retweets, replies, quotes, and what decided on them: `popularity` and
    `sensation`."""
    import pandas as pd

    n = posts.number
    popularity, sensation = rng.standard_normal(n), rng.standard_normal(n)
    kind = rng.choice(len(LENGTHS), size=n, p=[share for share, _, _ in LENGTHS])
    low, high = (np.array([part[side] for part in LENGTHS])[kind] for side in (1, 2))
    lengths = rng.integers(low, high)
    texts = [
        _coloured(words, rng, hype, tone, lurid)
        for words, hype, tone, lurid in zip(
            prose(rng, lengths, cumulative),
            posts.hype * logistic(2 * popularity),
            posts.tone * np.abs(2 * logistic(2 * sensation) - 1),
            sensation > 0,
            strict=True,
        )
    ]
    parts = reactions(rng, popularity, posts.centre, posts.spread)
    return pd.DataFrame(
        {
            "id": np.arange(n),
            "tweet": texts,
            **{name: parts[:, i] for i, name in enumerate(REACTIONS)},
            "popularity": popularity,
            "sensation": sensation,
        }
    )


def logistic(x: np.ndarray) -> np.ndarray:
    """From 0 to 1."""
    return 1 / (1 + np.exp(-x))


def reactions(rng: np.random.Generator, popularity: np.ndarray, centre: float, spread: float) -> np.ndarray:
    """Reactions to each post by kind, (posts, kinds): their sum is log-normal in the hidden popularity."""
    logarithm = centre + spread * popularity + 0.3 * rng.standard_normal(len(popularity))
    total = np.floor(np.expm1(np.clip(logarithm, 0, 15))).astype(np.int64)
    counted: np.ndarray = rng.multinomial(total, list(REACTIONS.values()))
    return counted


def _coloured(words: list[str], rng: np.random.Generator, hype: float, tone: float, lurid: bool) -> str:
    """The words, some of them replaced by hype words, some by lurid or sober ones."""
    drawn, which = rng.random(len(words)), rng.integers(1 << 30, size=len(words))
    others = LURID if lurid else SOBER
    chosen = [
        HYPE[i % len(HYPE)] if x < hype else others[i % len(others)] if x < hype + tone else word
        for word, x, i in zip(words, drawn, which, strict=True)
    ]
    return " ".join(chosen)


@step
def make_posts(*, table: Output, posts: Posts, replicate: Seed) -> None:
    """Make up posts.

    Parameters
    ----------
    table
        The posts: id, tweet, likes, retweets, replies, quotes, and the hidden popularity and sensation.
    """
    rng = np.random.default_rng([replicate, 1])
    draw_posts(rng, posts, transitions(np.random.default_rng([replicate, 0]))).to_parquet(table)

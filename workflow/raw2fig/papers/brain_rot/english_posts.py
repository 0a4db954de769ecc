"""Made-up posts in English, for pretrained models. Nobody wrote them.

As in the miniature's posts, a hidden popularity decides how often a post is liked and how many of its sentences are
hype, and its length does not depend on it. The sentences are those of none of the texts that models are measured on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from raw2fig.papers.brain_rot.made_posts import REACTIONS, logistic, reactions
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import Output, step

if TYPE_CHECKING:
    from pandas import DataFrame

SUBJECTS = (
    ("spade", "seed tray", "pear tree", "compost heap", "greenhouse", "watering can", "hedge", "bean row"),
    ("stove", "bread knife", "frying pan", "flour jar", "kitchen scale", "soup pot", "butter dish", "cake tin"),
    ("sail", "mooring chain", "fishing net", "harbour wall", "lighthouse", "rowing boat", "compass", "tide table"),
    ("workbench", "hand saw", "wood glue", "chisel", "pine plank", "lathe", "tool chest", "varnish"),
)
"""Things of four topics; a post keeps to one."""
PLAIN = (
    "The {a} is usually kept next to the {b}, since both have to stay dry in the colder months.",
    "A good {a} lasts about {n} years if somebody looks after it and oils its moving parts twice a year.",
    "Records from {y} describe how a {a} was repaired, which took {n} days and needed very few tools.",
    "People who compare a {a} with a {b} often overlook that the two were designed for different purposes.",
    "Before you buy a {a}, measure the space you have, because returning it later costs more than the time saved.",
    "According to a survey of {y}, roughly {n} out of a hundred households own a {a} and use it every week.",
    "The reason is simple: the {a} takes up moisture, the {b} does not, and the difference adds up over a season.",
    "My notes on the {a} fill several pages by now, and the main lesson is to test one change at a time.",
    "There are two ways to clean a {a}, and the slower one does less harm to the surface underneath.",
    "Whether the {a} or the {b} should come first depends on the weather, as the manual explains in some detail.",
)
"""Sentences with some substance."""
HYPE = (
    "omg this {a} is insane",
    "wow just wow, look at that {a} lol",
    "best {a} EVER, no cap",
    "you will not believe this {a}!!!",
    "tag a friend who needs a {a}",
    "the {a} broke the internet today",
    "{a} vs {b}, go",
    "i can't even, this {a} is everything",
    "like and share if you love your {a}",
    "this {a} is so lit, epic win",
)
"""Sentences of posts that many people like."""
BEFORE = (
    "",
    "",
    "lol",
    "guys",
    "ok so",
    "breaking:",
    "hot take:",
    "pov:",
    "not me crying,",
    "plot twist:",
    "yo",
    "fr,",
)
AFTER = (
    "",
    "",
    "lmao",
    "#mood",
    "#viral",
    "rt if you agree",
    "who's with me?",
    "100%",
    "help",
    "i'm dead",
    "smh",
    "#trending",
)
"""What may stand before and after them."""
SENTENCES = ((0.5, 1, 2), (0.2, 2, 5), (0.3, 5, 8))
"""Share of posts, and the range of their lengths in sentences, without its end: short, middling and long ones."""
LONGER = 3
"""Sentences of hype in place of a plain one, which is about as long."""


class EnglishPosts(Record):
    """Posts in English that are made up."""

    number: int = Field(ge=100, description="How many posts.")
    centre: float = Field(description="Logarithm of one more than the reactions to a post of middling popularity.")
    spread: float = Field(gt=0, description="Change of that logarithm for a standard deviation of popularity.")
    hype: float = Field(ge=0, le=1, description="Share of sentences that are hype in the most popular posts.")


def draw_english_posts(rng: np.random.Generator, posts: EnglishPosts) -> DataFrame:
    """Posts with the columns id, tweet, likes, retweets, replies, quotes, and their hidden `popularity`."""
    import pandas as pd

    popularity = rng.standard_normal(posts.number)
    kind = rng.choice(len(SENTENCES), size=posts.number, p=[share for share, _, _ in SENTENCES])
    low, high = (np.array([part[side] for part in SENTENCES])[kind] for side in (1, 2))
    hype = posts.hype * logistic(2 * popularity)
    texts = [_post(rng, length, share) for length, share in zip(rng.integers(low, high), hype, strict=True)]
    counts = reactions(rng, popularity, posts.centre, posts.spread)
    found = {name: counts[:, place] for place, name in enumerate(REACTIONS)}
    return pd.DataFrame({"id": np.arange(posts.number), "tweet": texts, **found, "popularity": popularity})


def _post(rng: np.random.Generator, length: int, hype: float) -> str:
    """Sentences of one topic; where the post is long, several of hype stand for a plain one."""
    things = SUBJECTS[rng.integers(len(SUBJECTS))]
    found = []
    for lurid in (rng.random(length) < hype).tolist():
        of, times = (HYPE, LONGER if length > 1 else 1) if lurid else (PLAIN, 1)
        found += [_sentence(rng, of[place], things) for place in rng.integers(len(of), size=times)]
    return " ".join(found)


def _sentence(rng: np.random.Generator, pattern: str, things: tuple[str, ...]) -> str:
    if pattern in HYPE:
        before, after = (some[rng.integers(len(some))] for some in (BEFORE, AFTER))
        pattern = f"{before} {pattern} {after}".strip()
    a, b = (things[place] for place in rng.choice(len(things), size=2, replace=False))
    return pattern.format(a=a, b=b, n=rng.integers(3, 60), y=rng.integers(1850, 2000))


@step
def make_english_posts(*, table: Output, english: EnglishPosts, replicate: Seed) -> None:
    """Make up posts in English.

    Parameters
    ----------
    table
        The posts: id, tweet, likes, retweets, replies, quotes, and the hidden popularity.
    """
    draw_english_posts(np.random.default_rng([replicate, 11]), english).to_parquet(table)

"""The two arms of a split: which posts are junk and which are control by popularity and length, and their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from pydantic import model_validator

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.length import SLACK, SPARE, Ruler, sizes
from raw2fig.papers.brain_rot.posts import UNKNOWN
from raw2fig.papers.brain_rot.shuffle import Distinct
from raw2fig.settings import Field, Record, impossible

if TYPE_CHECKING:
    import pyarrow as pa

Definition = Literal["m1", "len", "pop"]
USES = {"m1": (True, True), "len": (False, True), "pop": (True, False)}
"""Definition → whether it looks at popularity, and whether at length. M1 is the paper's; the other two show what each
of its halves does alone."""
JUNK, CONTROL = "junk", "control"
GROUP = 1 << 16
"""Rows of a row group, so that a file does not depend on how its rows came."""


class Thresholds(Record):
    """Between junk and control."""

    junk_popularity: int = Field(ge=0, description="Junk has a popularity of more than this.")
    control_popularity: int = Field(
        ge=0,
        description="Control has a popularity of this at most: 0 in the paper's second version; some accounts of the "
        "first have 500.",
    )
    junk_tokens: int = Field(ge=1, description="Junk has fewer tokens than this.")
    control_tokens: int = Field(ge=0, description="Control has more tokens than this.")

    @model_validator(mode="after")
    def _apart(self) -> Any:
        if self.control_popularity > self.junk_popularity:
            expected = f"at most junk_popularity, {self.junk_popularity}: no post may be both"
            raise impossible("control_popularity", f"is {self.control_popularity}", expected)
        if self.junk_tokens > self.control_tokens + 1:
            expected = f"at least {self.junk_tokens - 1}, junk_tokens less one: no post may be both"
            raise impossible("control_tokens", f"is {self.control_tokens}", expected)
        return self


class Members(NamedTuple):
    """Which posts are junk, and which are control."""

    junk: np.ndarray
    control: np.ndarray


def by_popularity(popularity: np.ndarray, limits: Thresholds) -> Members:
    """Popular, and not; a post whose popularity is not known is neither."""
    known = popularity != UNKNOWN
    return Members(popularity > limits.junk_popularity, known & (popularity <= limits.control_popularity))


def by_length(tokens: np.ndarray, limits: Thresholds) -> Members:
    """Short, and long."""
    return Members(tokens < limits.junk_tokens, tokens > limits.control_tokens)


def members(definition: str, popularity: np.ndarray, tokens: np.ndarray, limits: Thresholds) -> Members:
    """The arms of a definition."""
    popular, short = by_popularity(popularity, limits), by_length(tokens, limits)
    everyone = Members(*(np.ones(len(tokens), dtype=bool),) * 2)
    looks = USES[definition]
    of_popularity, of_length = popular if looks[0] else everyone, short if looks[1] else everyone
    return Members(of_popularity.junk & of_length.junk, of_popularity.control & of_length.control)


def measured_members(
    posts: Distinct, definitions: Sequence[str], limits: Thresholds, ruler: Ruler
) -> tuple[np.ndarray, dict[str, Members]]:
    """Tokens of those posts that an arm may take, and the arms of each definition. The tokens of other posts are -1:
    their popularity, bytes or words alone keep them out."""
    import pyarrow as pa

    most, popular = ruler.most(sizes(posts.texts)), by_popularity(posts.popularity, limits)
    fewest = np.zeros(len(most), dtype=np.int64)
    need = _possible(definitions, popular, fewest, most, limits)
    if ruler.estimate:
        near = ruler.estimate(posts.texts.filter(pa.array(need)))
        fewest[need], most[need] = (1 - SLACK) * near - SPARE, (1 + SLACK) * near + SPARE
        need &= _possible(definitions, popular, fewest, most, limits)
    tokens = measure_some(posts.texts, need, ruler)
    return tokens, {
        definition: Members(*(mask & need for mask in members(definition, posts.popularity, tokens, limits)))
        for definition in definitions
    }


def _possible(
    definitions: Sequence[str], popular: Members, fewest: np.ndarray, most: np.ndarray, limits: Thresholds
) -> np.ndarray:
    """Which posts may be in an arm, when their lengths are known to lie between two numbers."""
    short, long = fewest < limits.junk_tokens, most > limits.control_tokens
    found = np.zeros(len(most), dtype=bool)
    for definition in definitions:
        of_popularity, of_length = USES[definition]
        found |= (popular.junk | (not of_popularity)) & (short | (not of_length))
        found |= (popular.control | (not of_popularity)) & (long | (not of_length))
    return found


def measure_some(texts: pa.Array, chosen: np.ndarray, ruler: Ruler) -> np.ndarray:
    """Tokens of the chosen texts; -1 for the others."""
    import pyarrow as pa

    tokens = np.full(len(texts), -1, dtype=np.int64)
    tokens[chosen] = ruler.measure(texts.filter(pa.array(chosen)))
    return tokens


def within_budget(tokens: np.ndarray, budget: float | None, spent: int = 0) -> int:
    """How many documents, from the first on, are taken until `budget` tokens are reached, if `spent` are there already:
    a document is taken as long as the sum is below the budget."""
    if budget is None:
        return len(tokens)
    before = spent + np.cumsum(tokens) - tokens
    return int(np.searchsorted(before, budget, side="left"))


class ArmFile:
    """An arm on disk: text, tokens, popularity (missing if not known) and the hash of the text, as Parquet. With a
    `budget` the first posts that reach so many tokens are taken."""

    def __init__(self, path: Path, budget: int | None) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.schema = pa.schema(
            {"text": pa.string(), "tokens": pa.int32(), "popularity": pa.int64(), "id": pa.string()}
        )
        self.budget, self.posts, self.tokens, self.longest = budget, 0, 0, 0
        self._writer = pq.ParquetWriter(path, self.schema, compression="zstd")
        self._waiting = self.schema.empty_table()

    @property
    def full(self) -> bool:
        """Whether no more post is taken."""
        return self.budget is not None and self.tokens >= self.budget

    def add(self, posts: Distinct, tokens: np.ndarray, chosen: np.ndarray) -> None:
        """Take the chosen ones of some posts, in their order."""
        import pyarrow as pa

        places = np.flatnonzero(chosen)
        places = places[: within_budget(tokens[places], self.budget, self.tokens)]
        if not len(places):
            return
        popularity = posts.popularity[places]
        columns = [
            posts.texts.take(pa.array(places)),
            pa.array(tokens[places].astype(np.int32)),
            pa.array(popularity, mask=popularity == UNKNOWN),
            pa.array([f"{one:016x}" for one in posts.hashes[places].tolist()]),
        ]
        self._waiting = pa.concat_tables([self._waiting, pa.table(columns, schema=self.schema)])
        self.posts += len(places)
        self.tokens += int(tokens[places].sum())
        self.longest = max(self.longest, int(tokens[places].max()))
        while len(self._waiting) >= GROUP:
            self._write(GROUP)

    def close(self) -> None:
        """Write what waits."""
        if len(self._waiting) or not self.posts:
            self._write(len(self._waiting))
        self._writer.close()

    def _write(self, rows: int) -> None:
        self._writer.write_table(self._waiting.slice(0, rows).combine_chunks(), row_group_size=GROUP)
        self._waiting = self._waiting.slice(rows)

    def summary(self) -> dict[str, Any]:
        """What a report says of it."""
        mean = self.tokens / self.posts if self.posts else None
        return {
            "posts": self.posts,
            "tokens": self.tokens,
            "mean_tokens": mean,
            "longest": self.longest,
            "full": self.full,
        }


def read_arm(path: Path) -> pa.Table:
    """The posts of an arm. Raises `InputError` for another file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=["text", "tokens"])
    except (OSError, pa.ArrowException) as error:
        raise InputError(path, "is no arm of a split", "a Parquet file with text and tokens") from error
    if not pa.types.is_integer(table.schema.field("tokens").type) or table.column("tokens").null_count:
        raise InputError(path, "its column tokens is not all integers", "an arm that raw2fig brain-rot split wrote")
    return table

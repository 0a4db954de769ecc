"""`raw2fig brain-rot split`: a dump of posts as junk and control, by popularity and length."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.arms import (
    CONTROL,
    JUNK,
    USES,
    ArmFile,
    Definition,
    Thresholds,
    by_popularity,
    measured_members,
)
from raw2fig.papers.brain_rot.length import Ruler, tokenizer_ruler, words_and_marks
from raw2fig.papers.brain_rot.posts import COUNTS, UNKNOWN, Columns, Posts, find_same, read_posts
from raw2fig.papers.brain_rot.shuffle import Shuffler
from raw2fig.papers.brain_rot.split_report import Sample, as_text, quantile_report
from raw2fig.scratch import scratch_folder
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, progress, step
from raw2fig.tables import write_json

if TYPE_CHECKING:
    import pyarrow as pa


class Filters(Record):
    """Which posts of a dump are taken at all."""

    ascii: bool = Field(description="Take only posts of ASCII characters, which is the paper's notion of English.")
    longest: int = Field(ge=1, description="Leave out posts of more characters than this.")


class Arms(Record):
    """What is made of a dump."""

    definitions: list[Definition] = Field(
        min_length=1, description="Definitions of junk and control: m1 (popularity and length), len, pop."
    )
    arm_tokens: int | None = Field(
        ge=1, description="Tokens of an arm, after which no more posts are taken; null: all posts that fit."
    )
    sampled: int = Field(
        ge=0, description="Posts, drawn at random, whose lengths and popularity the report's quantiles are of."
    )


@step
def split(
    *,
    posts: list[Input],
    text_col: list[str] | None = None,
    likes_col: str = "",
    retweets_col: str = "",
    replies_col: str = "",
    quotes_col: str = "",
    tokenizer: str = "",
    revision: str | None = None,
    quantiles: list[float] | None = None,
    thresholds: Annotated[Thresholds, At("split.thresholds")],
    filters: Annotated[Filters, At("split.filters")],
    arms: Annotated[Arms, At("split.arms")],
    folder: OutputFolder = Path("brain-rot-split"),
    report: Output = Path("brain-rot-split.json"),
    markdown: Output = Path("brain-rot-split.md"),
    seed: Seed = 0,
) -> None:
    """Split your posts into junk and control, by popularity and length.

    The dump is Parquet, CSV or JSON lines (.jsonl), also compressed (.csv.gz), in one file or several. Columns with
    usual names (tweet, text, likes, favorites, retweet_count, ...) are found by themselves. Example: raw2fig brain-rot
    split --posts dump.parquet --tokenizer meta-llama/Meta-Llama-3-8B-Instruct

    Popularity is the sum of likes, retweets, replies and quotes, of those that the dump has. A post with a count that
    is missing has no popularity and is in no arm that looks at it. A text that occurs several times is one post with
    the largest popularity of its copies.

    The folder gets a Parquet file for each definition and arm, such as m1-junk.parquet, with text, tokens, popularity
    and id, the hash of the text. The posts are in random order. The files depend on the posts and the seed alone, not
    on the order of the rows, the number of files or their format.

    Parameters
    ----------
    posts
        The dump: .parquet, .csv, .jsonl, .csv.gz or .jsonl.gz, one file or several.
    text_col
        Column of the text. Of several columns (title selftext) the texts are put together. Not needed for a usual name.
    likes_col
        Column of the likes; none: leave them out. Not needed for a usual name.
    retweets_col
        Column of the retweets; none: leave them out. Not needed for a usual name.
    replies_col
        Column of the replies; none: leave them out. Not needed for a usual name.
    quotes_col
        Column of the quotes; none: leave them out. Not needed for a usual name.
    tokenizer
        Folder or hub id of the tokenizer that lengths are counted with, special tokens included. Without one, words and
        punctuation marks are counted.
    revision
        Revision of a tokenizer on the hub.
    quantiles
        Four numbers from 0 to 1: the thresholds are taken at these quantiles of the dump, in the order of
        --junk-popularity, --control-popularity, --junk-tokens and --control-tokens, whose values then do not count.
        For a dump whose posts are all popular or all short.
    folder
        A file for each definition and arm.
    report
        What was kept and why, as JSON. It has no text of a post.
    markdown
        The same for reading.
    seed
        Seed of the order of posts.
    """
    counts = {"likes": likes_col, "retweets": retweets_col, "replies": replies_col, "quotes": quotes_col}
    columns = find_same(posts, text_col or [], counts)
    definitions = list(dict.fromkeys(arms.definitions))
    looking = [name for name in definitions if USES[name][0]]
    if looking and not columns[0].counts:
        expected = "a column for at least one, or --definitions len"
        raise InputError(posts[0], f"has no {', '.join(COUNTS)}, which {' and '.join(looking)} need", expected)
    if columns[0].lacking():
        logging.warning(
            "the dump has no %s: popularity is the sum of the other counts", ", ".join(columns[0].lacking())
        )
    if quantiles:
        check_quantiles(quantiles)
    ruler = load_ruler(tokenizer, revision)
    with scratch_folder("raw2fig-posts-", folder.parent) as runs:
        shuffler = Shuffler(runs, seed)
        seen = gather(posts, columns, filters, shuffler)
        sample = drawn(shuffler, arms.sampled, ruler)
        limits = at_quantiles(sample, quantiles) if quantiles else thresholds
        found = write_arms(shuffler, definitions, limits, arms, ruler, folder)
    value = {
        "files": [path.name for path in posts],
        "columns": [{"text": list(one.text), **one.counts} for one in columns],
        "lacking": columns[0].lacking(),
        "length": ruler.name,
        "thresholds": limits.model_dump(),
        "at_quantiles": quantiles,
        "filters": filters.model_dump(),
        "arm_tokens": arms.arm_tokens,
        "seed": seed,
        "rows": seen,
        **found,
        "quantiles": quantile_report(sample, limits),
    }
    write_json(value, report)
    text = as_text(value)
    markdown.write_text(text, encoding="utf-8", errors="backslashreplace")
    print(text)


def load_ruler(tokenizer: str, revision: str | None) -> Ruler:
    """How lengths are measured; the log says it."""
    ruler = tokenizer_ruler(tokenizer, revision) if tokenizer else words_and_marks()
    logging.info("length: %s", ruler.name)
    return ruler


def gather(paths: Sequence[Path], columns: Sequence[Columns], filters: Filters, shuffler: Shuffler) -> dict[str, int]:
    """Read all files into the shuffler. Returns the number of rows read, left out for each reason, and kept; of the
    kept ones, how many have no known popularity."""
    seen = dict.fromkeys(("read", "empty", "too_long", "not_ascii", "kept", "unknown_popularity"), 0)
    for path, of in zip(paths, columns, strict=True):
        for some in progress(read_posts(path, of), path.name):
            kept = _filter(some, filters, seen)
            seen["kept"] += len(kept.texts)
            seen["unknown_popularity"] += int((kept.popularity == UNKNOWN).sum())
            shuffler.add(kept)
    if not seen["kept"]:
        reasons = ", ".join(f"{seen[key]} {key.replace('_', ' ')}" for key in ("empty", "too_long", "not_ascii"))
        raise InputError(paths[0], f"no post of {seen['read']} rows is left ({reasons})", "posts")
    return seen


def _filter(posts: Posts, filters: Filters, seen: dict[str, int]) -> Posts:
    """The posts that are taken; the others are counted by the first reason that holds."""
    import pyarrow as pa
    import pyarrow.compute as pc

    def flags(values: pa.Array) -> np.ndarray:
        mask: np.ndarray = values.to_numpy(zero_copy_only=False).astype(bool)
        return mask

    left = np.ones(len(posts.texts), dtype=bool)
    seen["read"] += len(left)
    size = pc.utf8_length(posts.texts)
    reasons = {"empty": flags(pc.equal(size, 0)), "too_long": flags(pc.greater(size, filters.longest))}
    if filters.ascii:
        reasons["not_ascii"] = ~flags(pc.string_is_ascii(posts.texts))
    for reason, holds in reasons.items():
        seen[reason] += int((left & holds).sum())
        left &= ~holds
    if left.all():
        return posts
    return Posts(posts.texts.filter(pa.array(left)), posts.popularity[left])


def check_quantiles(numbers: Sequence[float]) -> None:
    """Raise `InputError` unless there are four numbers from 0 to 1, those of junk and control in their order."""
    expected = "four numbers from 0 to 1; of popularity the first not below the second, of length the reverse"
    if len(numbers) != 4 or not all(0 <= one <= 1 for one in numbers):
        raise InputError("--quantiles", f"is {' '.join(map(str, numbers))}", expected)
    if numbers[0] < numbers[1] or numbers[2] > numbers[3]:
        raise InputError("--quantiles", f"is {' '.join(map(str, numbers))}: no post may be both", expected)


def drawn(shuffler: Shuffler, number: int, ruler: Ruler) -> Sample:
    """The first posts in the random order: their lengths, and their popularities as far as they are known."""
    lengths, popularity, left = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)], number
    for some in shuffler.distinct():
        if left <= 0:
            break
        lengths.append(ruler.measure(some.texts.slice(0, left)))
        popularity.append(some.popularity[:left])
        left -= len(some.hashes)
    known = np.concatenate(popularity)
    return Sample(np.concatenate(lengths), known[known != UNKNOWN])


def at_quantiles(sample: Sample, numbers: Sequence[float]) -> Thresholds:
    """Thresholds at quantiles of the sample: values that occur in it."""
    if not len(sample.popularity) or not len(sample.tokens):
        raise InputError("--quantiles", "there is no post of known popularity to take them of", "a larger --sampled")

    def at(values: np.ndarray, share: float) -> int:
        return int(np.quantile(values, share, method="inverted_cdf"))

    return Thresholds(
        junk_popularity=max(0, at(sample.popularity, numbers[0])),
        control_popularity=max(0, at(sample.popularity, numbers[1])),
        junk_tokens=max(1, at(sample.tokens, numbers[2])),
        control_tokens=at(sample.tokens, numbers[3]),
    )


def write_arms(
    shuffler: Shuffler,
    definitions: Sequence[Definition],
    limits: Thresholds,
    arms: Arms,
    ruler: Ruler,
    folder: Path,
) -> dict[str, Any]:
    """Write the files of all arms. Returns what the report says of texts, arms and quantiles."""
    folder.mkdir(parents=True)
    texts = dict.fromkeys(("distinct", "repeats", "popular", "between", "unpopular", "unknown_popularity"), 0)
    files: dict[tuple[str, str], ArmFile] = {
        (definition, arm): ArmFile(folder / f"{definition}-{arm}.parquet", arms.arm_tokens)
        for definition in definitions
        for arm in (JUNK, CONTROL)
    }
    with ExitStack() as stack:
        for file in files.values():
            stack.callback(file.close)
        for some in progress(shuffler.distinct(), "split"):
            _count(texts, some.popularity, some.copies, limits)
            open_ = [name for name in definitions if not all(files[name, arm].full for arm in (JUNK, CONTROL))]
            tokens, found = measured_members(some, open_, limits, ruler)
            for definition, (junk, control) in found.items():
                files[definition, JUNK].add(some, tokens, junk)
                files[definition, CONTROL].add(some, tokens, control)
    for (definition, arm), file in files.items():
        if not file.posts:
            logging.warning("no post is %s by %s", arm, definition)
    return {
        "texts": texts,
        "arms": {
            definition: {arm: files[definition, arm].summary() for arm in (JUNK, CONTROL)} for definition in definitions
        },
    }


def _count(texts: dict[str, int], popularity: np.ndarray, copies: np.ndarray, limits: Thresholds) -> None:
    popular = by_popularity(popularity, limits)
    numbers: Mapping[str, int] = {
        "distinct": len(copies),
        "repeats": int(copies.sum()) - len(copies),
        "popular": int(popular.junk.sum()),
        "unpopular": int(popular.control.sum()),
        "unknown_popularity": int((popularity == UNKNOWN).sum()),
    }
    for name, number in numbers.items():
        texts[name] += number
    texts["between"] = texts["distinct"] - texts["popular"] - texts["unpopular"] - texts["unknown_popularity"]

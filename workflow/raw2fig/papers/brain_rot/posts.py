"""Anybody's dump of posts, read in a stream: Parquet, CSV or JSON lines, with its own names of columns.

A dump holds personal texts. No message and no log of this module has any part of one.
"""

from __future__ import annotations

import gzip
import html
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.tables import distinct_columns, regular_file, require_column, usual_column

if TYPE_CHECKING:
    import pyarrow as pa

COUNTS = ("likes", "retweets", "replies", "quotes")
"""What a post's popularity is the sum of."""
USUAL = {
    "text": ("tweet", "text", "content", "body", "full_text", "tweet_text", "post"),
    "likes": ("likes", "like_count", "likecount", "favorites", "favorite_count", "favoritecount", "score"),
    "retweets": ("retweets", "retweet_count", "retweetcount", "reposts", "repost_count", "shares"),
    "replies": ("replies", "reply_count", "replycount", "num_comments", "comments", "comment_count"),
    "quotes": ("quotes", "quote_count", "quotecount"),
}
"""Names of columns, in any case, that need no flag."""
SUBMISSION = ("title", "selftext")
"""The text of a Reddit submission, in two columns."""
VOTES = "score"
"""The column whose numbers may be below zero: votes for a post less votes against it."""
REMOVED = ("[deleted]", "[removed]")
"""What Reddit's dumps have in place of a text."""
NONE = "none"
"""Word for a count that the dump lacks, or that is to be left out."""
ROWS = 1 << 16
"""Rows that are read at a time."""
BLOCK = 1 << 24
"""Bytes of a CSV file that are read at a time. No row may be longer."""
LONGEST_LINE = 1 << 26
"""Bytes of a line of JSON at most."""
LOOKED_AT = 1000
"""Objects of JSON whose keys are the columns."""
UNKNOWN = np.iinfo(np.int64).min
"""Popularity of a post with a count that is missing or no number."""
LARGEST_COUNT = 1 << 60
"""A count beyond this is taken for unknown: four of them would not fit into 64 bits."""


class Columns(NamedTuple):
    """The columns of a dump: those whose texts make up the post, and of each count that is there its column."""

    text: tuple[str, ...]
    counts: Mapping[str, str]

    def lacking(self) -> list[str]:
        """The counts that the dump does not have."""
        return [count for count in COUNTS if count not in self.counts]


class Posts(NamedTuple):
    """Some posts: texts as Arrow strings without missing ones, popularity as integers or `UNKNOWN`."""

    texts: pa.Array
    popularity: np.ndarray


def find_columns(path: Path, text: Sequence[str], counts: Mapping[str, str]) -> Columns:
    """The columns that flags or usual names tell; `counts` maps each of `COUNTS` to its flag, empty if not given.

    Raises `InputError` for a column that is not there, and where the text is not clear.
    """
    there = _format(path).names(path)
    for name in [*text, *(name for name in counts.values() if name and name != NONE)]:
        require_column(path, name, there)
    if not text:
        lower = {name.strip().lower(): name for name in there}
        usual = usual_column(
            path, there, USUAL["text"], "text", "--text-col", all(one not in lower for one in SUBMISSION)
        )
        text = [usual] if usual else [lower[one] for one in SUBMISSION if one in lower]
    found = {}
    for count in COUNTS:
        named = counts.get(count, "")
        name = named or usual_column(path, there, USUAL[count], f"number of {count}", f"--{count}-col", needed=False)
        if name and named != NONE:
            found[count] = name
    roles = {f"--text-col ({name})": name for name in text}
    distinct_columns(path, roles | {f"--{count}-col": name for count, name in found.items()})
    return Columns(tuple(text), found)


def find_same(paths: Sequence[Path], text: Sequence[str], counts: Mapping[str, str]) -> list[Columns]:
    """The columns of several files of a dump. Raises `InputError` unless all have the same counts: sums of different
    ones cannot be compared."""
    found = [find_columns(path, text, counts) for path in paths]
    for path, columns in zip(paths, found, strict=True):
        if set(columns.counts) != set(found[0].counts):
            have, other = (", ".join(one.counts) or "no counts" for one in (columns, found[0]))
            expected = "the same counts, or --quotes-col none and the like for those that not all files have"
            raise InputError(path, f"has {have}, and {paths[0].name} has {other}", expected)
    return found


def read_posts(path: Path, columns: Columns) -> Iterator[Posts]:
    """The posts of a file, some at a time. HTML entities are unescaped and white space at the ends is cut; what Reddit
    has removed is empty. Raises `InputError` for a file that cannot be read to its end."""
    import pyarrow as pa

    for raw in _format(path).read(path, [*columns.text, *columns.counts.values()]):
        try:
            parts = [_clean(_strings(raw[name])) for name in columns.text]
        except pa.ArrowException as error:
            kinds = ", ".join(f"{name} of {raw[name].type}" for name in columns.text)
            raise InputError(path, f"its text cannot be read ({kinds})", "a column of strings") from error
        popularity = np.full(len(parts[0]), 0 if columns.counts else UNKNOWN)
        for name in columns.counts.values():
            number = _numbers(raw[name], signed=name.strip().lower() == VOTES)
            known = (number != UNKNOWN) & (popularity != UNKNOWN)
            popularity = np.where(known, popularity + number, UNKNOWN)
        yield Posts(parts[0] if len(parts) == 1 else _joined(parts), popularity)


def _joined(parts: Sequence[pa.Array]) -> pa.Array:
    """The parts of each text, an empty line between them, without empty ones."""
    import pyarrow as pa

    rows = zip(*(part.to_pylist() for part in parts), strict=True)
    return pa.array(["\n\n".join(filter(None, row)) for row in rows], pa.string())


def _clean(texts: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    escaped = pc.match_substring(texts, "&")
    if pc.any(escaped).as_py():
        # a dump that was escaped keeps the letters of an entity it does not know
        some = [html.unescape(text) for text in texts.filter(escaped).to_pylist()]
        whole = [text.encode("utf-8", "replace").decode() for text in some]
        texts = pc.replace_with_mask(texts, escaped, pa.array(whole, pa.string()))
    texts = pc.utf8_trim_whitespace(texts)
    return pc.if_else(pc.is_in(texts, pa.array(REMOVED)), pa.scalar(""), texts)


def _strings(values: pa.Array) -> pa.Array:
    """Values of any kind as strings; missing ones are empty. Bytes that are no UTF-8 become the replacement mark."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_binary(values.type):
        try:
            values = values.cast(pa.string())
        except pa.ArrowInvalid:
            values = pa.array([one and one.decode("utf-8", "replace") for one in values.to_pylist()], pa.string())
    return pc.fill_null(values.cast(pa.string()), "")


def _numbers(values: pa.Array, signed: bool) -> np.ndarray:
    """Counts as integers; `UNKNOWN` for what is missing, no whole number, too large, or below zero unless `signed`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type)):
        if pa.types.is_nested(values.type):
            return np.full(len(values), UNKNOWN)
        words = pc.utf8_trim_whitespace(_strings(values))
        whole = pc.match_substring_regex(words, r"^[+-]?[0-9]{1,18}(\.0*)?$")
        words = pc.replace_substring_regex(words, r"^\+|\.0*$", "")
        values = pc.if_else(whole, words, pa.scalar(None, pa.string())).cast(pa.int64())
    if pa.types.is_integer(values.type):
        numbers = pc.fill_null(values.cast(pa.int64(), safe=False), UNKNOWN).to_numpy(zero_copy_only=False)
    else:
        real = pc.fill_null(values.cast(pa.float64()), np.nan).to_numpy(zero_copy_only=False)
        fit = np.isfinite(real) & (np.abs(real) <= LARGEST_COUNT) & (real == np.floor(real))
        numbers = np.where(fit, np.where(fit, real, 0).astype(np.int64), UNKNOWN)
    usable = (numbers <= LARGEST_COUNT) & (numbers >= (-LARGEST_COUNT if signed else 0))
    return np.where(usable, numbers, UNKNOWN)


Raw = Mapping[str, Any]
"""Column → values, as Arrow arrays."""


class Format(NamedTuple):
    """A kind of file: the names of its columns, and what some of them hold, some rows at a time."""

    names: Callable[[Path], list[str]]
    read: Callable[[Path, list[str]], Iterator[Raw]]


def _format(path: Path) -> Format:
    regular_file(path)
    kinds = [suffix for suffix in path.suffixes[-2:] if suffix != ".gz"] or [""]
    compressed = path.suffix == ".gz"
    if kinds[-1] not in FORMATS or (compressed and kinds[-1] == ".parquet"):
        raise InputError(path, "is no known kind of dump", f"a name ending in {', '.join(FORMATS)}, or in .csv.gz")
    return FORMATS[kinds[-1]]


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _unreadable(path: Path, what: str, why: str = "") -> InputError:
    return InputError(path, f"cannot be read{f' ({why})' if why else ''}", f"a whole {what} file")


def _parquet_names(path: Path) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return list(pq.read_schema(path).names)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, "Parquet") from error


def _parquet(path: Path, names: list[str]) -> Iterator[Raw]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as file:
            for batch in file.iter_batches(ROWS, columns=sorted(set(names)), use_threads=False):
                yield {name: _plain(batch.column(name)) for name in names}
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, "Parquet") from error


def _plain(values: Any) -> Any:
    """A dictionary-encoded column as its values."""
    import pyarrow as pa

    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def _csv_names(path: Path) -> list[str]:
    import csv

    try:
        with _open(path) as file:
            line = file.readline(LONGEST_LINE).decode("utf-8-sig", "replace")
    except (OSError, EOFError) as error:
        raise _unreadable(path, "CSV") from error
    names = next(csv.reader([line]), [])
    for name in names:
        if names.count(name) > 1:
            raise InputError(path, f"{names.count(name)} columns are named {name!r}", "a name of its own for each")
    return names


def _csv(path: Path, names: list[str]) -> Iterator[Raw]:
    import pyarrow as pa
    from pyarrow import csv

    bad: list[Any] = []

    def note(row: Any) -> str:
        bad.append((row.actual_columns, row.expected_columns))
        return "error"

    parsing = csv.ParseOptions(newlines_in_values=True, invalid_row_handler=note)
    kinds = csv.ConvertOptions(
        include_columns=names, column_types=dict.fromkeys(names, pa.binary()), strings_can_be_null=False
    )
    reading = csv.ReadOptions(use_threads=False, block_size=BLOCK)
    row = 0
    try:
        with _open(path) as file, csv.open_csv(file, reading, parsing, kinds) as batches:
            for batch in batches:
                row += len(batch)
                for start in range(0, len(batch), ROWS):
                    part = batch.slice(start, ROWS)
                    yield {name: part.column(name) for name in names}
    except (OSError, EOFError, pa.ArrowException) as error:  # whose message would show the row
        why = f"a row has {bad[0][0]} fields and the header {bad[0][1]}; it comes after row {row}" if bad else ""
        raise _unreadable(path, "CSV", why) from error


def _json_names(path: Path) -> list[str]:
    """The keys of the first objects: an object need not have all."""
    return list(dict.fromkeys(key for row in islice(_json_rows(path), LOOKED_AT) for key in row))


def _json_rows(path: Path) -> Iterator[dict[str, Any]]:
    number = 0
    try:
        with _open(path) as file:
            while line := file.readline(LONGEST_LINE):
                number += 1
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise ValueError
                yield row
    except (ValueError, RecursionError) as error:
        raise InputError(path, f"line {number} is no JSON object", "a JSON object in every line") from error
    except (OSError, EOFError) as error:
        raise _unreadable(path, "JSON lines") from error


def _json(path: Path, names: list[str]) -> Iterator[Raw]:
    import pyarrow as pa

    rows = _json_rows(path)
    while some := list(islice(rows, ROWS)):
        yield {name: pa.array([_word(row.get(name)) for row in some], pa.string()) for name in names}


def _word(value: Any) -> str | None:
    """A value of JSON as text; half a surrogate pair, which no text may hold, as the question mark."""
    if value is None or isinstance(value, (dict, list, bool)):
        return None
    return str(value).encode("utf-8", "replace").decode()


FORMATS = {
    ".parquet": Format(_parquet_names, _parquet),
    ".csv": Format(_csv_names, _csv),
    ".jsonl": Format(_json_names, _json),
    ".ndjson": Format(_json_names, _json),
}
"""Suffix → kind of file."""

"""Dumps of anybody: names of columns, formats, what is missing, and no text in any message."""

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from brain_rot_posts import post, write_dump

from raw2fig.errors import InputError
from raw2fig.papers.brain_rot.posts import UNKNOWN, find_columns, find_same, read_posts

SECRET = "a private sentence"


def read_all(path: Path, text: tuple[str, ...] = (), **counts: str) -> list[tuple[str, int | None]]:
    """Text and popularity of every post of a dump, None where it is not known."""
    columns = find_columns(path, text, counts)
    return [
        (words, None if number == UNKNOWN else int(number))
        for some in read_posts(path, columns)
        for words, number in zip(some.texts.to_pylist(), some.popularity, strict=True)
    ]


@pytest.mark.parametrize(
    ("names", "text", "counts"),
    [
        (["tweet", "likes", "retweets", "replies", "quotes"], ("tweet",), 4),
        (["created_at", "text", "url", "replies", "retweets", "favorites", "user"], ("text",), 3),
        (["content", "likeCount", "retweetCount", "replyCount", "quoteCount"], ("content",), 4),
        (["author", "body", "score", "controversiality"], ("body",), 1),
        (["title", "selftext", "score", "num_comments"], ("title", "selftext"), 2),
        (["Full_Text", "favorite_count", "retweet_count"], ("Full_Text",), 2),
    ],
)
def test_columns_of_common_dumps_are_found(
    tmp_path: Path, names: list[str], text: tuple[str, ...], counts: int
) -> None:
    pd.DataFrame([dict.fromkeys(names, "1")]).to_csv(tmp_path / "dump.csv", index=False)
    found = find_columns(tmp_path / "dump.csv", (), {})
    assert (found.text, len(found.counts), len(found.lacking())) == (text, counts, 4 - counts)


def test_flags_name_columns_that_nobody_knows(tmp_path: Path) -> None:
    path = write_dump([{"words": "hello", "hearts": 3, "likes": 9}], tmp_path / "dump.jsonl")
    with pytest.raises(InputError, match="no column is known as the text; expected --text-col and one of words"):
        find_columns(path, (), {})
    assert read_all(path, ("words",), likes="hearts") == [("hello", 3)]
    assert read_all(path, ("words",), likes="none", replies="hearts") == [("hello", 3)]
    with pytest.raises(InputError, match="no column 'heart'"):
        find_columns(path, ("words",), {"likes": "heart"})
    with pytest.raises(InputError, match="is named by --likes-col and by --quotes-col"):
        find_columns(path, ("words",), {"likes": "hearts", "quotes": "hearts"})


def test_files_with_other_counts_are_refused(tmp_path: Path) -> None:
    one = write_dump([post("hello")], tmp_path / "one.csv")
    other = write_dump([{"tweet": "hello", "likes": 1}], tmp_path / "other.csv")
    with pytest.raises(InputError, match=r"other.csv: has likes, and one.csv has likes, retweets, replies, quotes"):
        find_same([one, other], (), {})
    without = dict.fromkeys(("retweets", "replies", "quotes"), "none")
    assert len(find_same([one, other], (), without)) == 2


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "jsonl", "jsonl.gz", "ndjson", "parquet"])
def test_every_format_gives_the_same_posts(tmp_path: Path, kind: str) -> None:
    rows = [
        post(' two\nlines, "quoted" &amp; escaped ', 1, 2, 3, 4),
        post("", 5),
        post("na\u00efve \u2013 caf\u00e9", 500, 1),
        post("one count is missing", 1, None, 2, 3),
        post("NA", 0),
    ]
    path = write_dump(rows, tmp_path / f"dump.{kind}")
    assert read_all(path) == [
        ('two\nlines, "quoted" & escaped', 10),
        ("", 5),
        ("na\u00efve \u2013 caf\u00e9", 501),
        ("one count is missing", None),
        ("NA", 0),
    ]


@pytest.mark.parametrize(
    ("count", "popularity"),
    [
        ("3", 3),
        (" 3 ", 3),
        ("3.0", 3),
        ("+3", 3),
        ("", None),
        ("NA", None),
        ("1.2K", None),
        ("3.5", None),
        ("-1", None),
    ],
)
def test_what_is_no_whole_number_is_unknown(tmp_path: Path, count: str, popularity: int | None) -> None:
    with (tmp_path / "dump.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text", "likes", "replies"], ["hello", count, "1"]])
    assert read_all(tmp_path / "dump.csv") == [("hello", None if popularity is None else popularity + 1)]


@pytest.mark.parametrize(
    "values",
    [
        pa.array([1, None], pa.int8()),
        pa.array([1, None], pa.uint64()),
        pa.array([1.0, np.nan]),
        pa.array([1.0, 0.5]),
        pa.array(["1", None], pa.large_string()),
        pa.array(["1", "x"]).dictionary_encode(),
        pa.array([1.0, 1e300]),
        pa.array([1, 2**62]),
    ],
)
def test_counts_of_any_kind_in_parquet(tmp_path: Path, values: Any) -> None:
    texts = pa.array(["known", "not"], pa.large_string())
    pq.write_table(pa.table({"text": texts, "likes": values}), tmp_path / "dump.parquet")
    assert read_all(tmp_path / "dump.parquet") == [("known", 1), ("not", None)]


def test_votes_may_be_negative_and_removed_texts_are_empty(tmp_path: Path) -> None:
    rows = [
        {"title": "A title", "selftext": "A text", "score": -7, "num_comments": 2},
        {"title": "Only a title", "selftext": "[removed]", "score": 7, "num_comments": 2},
        {"title": "[deleted]", "selftext": None, "score": 1, "num_comments": 0},
    ]
    path = write_dump(rows, tmp_path / "dump.jsonl")
    assert read_all(path) == [("A title\n\nA text", -5), ("Only a title", 9), ("", 1)]


def test_bytes_that_are_no_utf8_do_not_stop_it(tmp_path: Path) -> None:
    (tmp_path / "dump.csv").write_bytes(b"text,likes\nplain,1\nbad \xe4 byte,2\n")
    assert read_all(tmp_path / "dump.csv") == [("plain", 1), ("bad \ufffd byte", 2)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("fields.csv", f"text,likes\nhello,1\n{SECRET},1,2,3\n".encode()),
        ("cut.csv.gz", gzip.compress(f"text,likes\n{SECRET * 999},1\n".encode(), mtime=0)[:-30]),
        ("word.jsonl", b'{"text": "hello", "likes": 1}\n{"text": "' + SECRET.encode()),
        ("list.jsonl", b'{"text": "hello", "likes": 1}\n' + json.dumps([SECRET]).encode()),
        ("none.parquet", SECRET.encode()),
        ("dump.xlsx", SECRET.encode()),
        ("empty.csv", b""),
    ],
)
def test_a_broken_file_is_told_in_one_line_without_its_text(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as told:
        read_all(tmp_path / name)
    assert name in str(told.value)
    assert "\n" not in str(told.value)
    assert SECRET not in str(told.value)


def test_a_column_that_holds_no_text_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": [{"a": 1}], "likes": [1]}), tmp_path / "dump.parquet")
    with pytest.raises(InputError, match=r"its text cannot be read \(text of struct"):
        read_all(tmp_path / "dump.parquet")

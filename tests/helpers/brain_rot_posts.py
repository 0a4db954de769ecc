"""Small dumps of posts, made up, and what `split` makes of them."""

import gzip
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow.parquet as pq
import yaml

from raw2fig.config import SHIPPED
from raw2fig.papers.brain_rot.arms import Thresholds
from raw2fig.papers.brain_rot.settings import Split
from raw2fig.papers.brain_rot.split import split
from raw2fig.settings import read
from raw2fig.tables import read_json

COUNTS = ("likes", "retweets", "replies", "quotes")
SHIPPED_SPLIT = read(Split, yaml.safe_load(SHIPPED.read_text())["brain_rot"]["split"])


class Made(NamedTuple):
    """What a split has written: the rows of each arm, such as m1-junk, its bytes, and the report."""

    arms: dict[str, list[dict[str, Any]]]
    files: dict[str, bytes]
    report: dict[str, Any]

    def texts(self, arm: str) -> set[str]:
        return {row["text"] for row in self.arms[arm]}


def words(number: int, what: str = "w") -> str:
    """A text of so many tokens by words and marks, different for each `what`."""
    return " ".join(f"{what}{place}" for place in range(number))


def post(tweet: str, likes: Any = 0, retweets: Any = 0, replies: Any = 0, quotes: Any = 0) -> dict[str, Any]:
    return {"tweet": tweet, "likes": likes, "retweets": retweets, "replies": replies, "quotes": quotes}


def write_dump(rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """The rows in the format that the name of the file says."""
    frame = pd.DataFrame(rows)
    for name in set(COUNTS) & set(frame.columns):
        frame[name] = frame[name].astype("Int64")
    kind = path.name.partition(".")[2]
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind in ("csv", "csv.gz"):
        frame.to_csv(path, index=False)
    else:
        text = "".join(f"{json.dumps(row)}\n" for row in rows).encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def run_split(posts: Sequence[Path], place: Path, thresholds: Mapping[str, int] | None = None, **given: Any) -> Made:
    """`split` with the shipped settings, except for those that are given."""
    place.mkdir(parents=True, exist_ok=True)
    limits = Thresholds(**{**SHIPPED_SPLIT.thresholds.model_dump(), **(thresholds or {})})
    settings = {"thresholds": limits, "filters": SHIPPED_SPLIT.filters, "arms": SHIPPED_SPLIT.arms}
    outputs = {"folder": place / "arms", "report": place / "report.json", "markdown": place / "report.md"}
    split(posts=list(posts), **{**settings, **outputs, **given})
    paths = sorted(outputs["folder"].iterdir())
    return Made(
        {path.stem: pq.read_table(path).to_pylist() for path in paths},
        {path.stem: path.read_bytes() for path in paths},
        read_json(outputs["report"]),
    )

"""Speed and memory of `raw2fig brain-rot split` beside a plain pandas loop that tokenises every row.

    python benchmarks/brain_rot.py

The posts are made up: words by Zipf's law, lengths and counts log-normal, near the paper's percentiles (a median of 30
tokens, 99 % below 100, 97 % with a popularity below 500), some repeated, some not ASCII. The tokenizer is a byte-level
BPE that learns from such posts. Both ways must give the same arms on a part of the dump before their speed is compared.
"""

import argparse
import html
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from shared.rows import show

from raw2fig.lm.models import load_tokenizer
from raw2fig.tables import read_json, write_json

ROOT = Path(__file__).parents[1]
RESULT = ROOT / "build" / "bench" / "brain_rot.json"
COUNTS = ("likes", "retweets", "replies", "quotes")
PIECE = 200_000
"""Rows that are made at a time."""
LIMITS = {"junk_popularity": 500, "control_popularity": 0, "junk_tokens": 30, "control_tokens": 100}
LONGEST = 10_000


def vocabulary(draw: np.random.Generator) -> np.ndarray:
    """Words of letters, addresses, an entity and a word that is not ASCII, the most frequent first."""
    letters = np.array(list("etaoinshrdlucmfwypvbgkjqxz"))
    words = ["".join(draw.choice(letters, size)) for size in draw.integers(2, 11, 20_000)]
    words[::500] = [f"https://t.co/{word}" for word in words[::500]]
    words[30], words[300] = "&amp;", "caf\u00e9"
    return np.array(words, dtype=object)


def make_posts(rows: int, seed: int, words: np.ndarray) -> pa.Table:
    """Some rows of a dump like twitter100m."""
    draw = np.random.default_rng(seed)
    sizes = np.clip(draw.lognormal(2.45, 0.5, rows), 1, 60).astype(np.int64)
    ranks = np.minimum(draw.zipf(1.3, sizes.sum()) - 1, len(words) - 1)
    places = np.split(words[ranks], np.cumsum(sizes)[:-1])
    texts = [" ".join(place) for place in places]
    for copy in draw.integers(0, rows, rows // 100):
        texts[copy] = texts[(copy + 1) % rows]
    popular = draw.lognormal(1.2, 3.0, rows) * (draw.random(rows) < 0.55)
    shares = (0.8, 0.12, 0.06, 0.02)
    counts = {name: draw.poisson(popular * share) for name, share in zip(COUNTS, shares, strict=True)}
    return pa.table({"id": np.arange(rows), "tweet": texts, **counts})


def make_dump(path: Path, rows: int, words: np.ndarray) -> None:
    with pq.ParquetWriter(path, make_posts(1, 0, words).schema) as writer:
        for number, start in enumerate(range(0, rows, PIECE)):
            writer.write_table(make_posts(min(PIECE, rows - start), number, words))


def make_tokenizer(folder: Path, words: np.ndarray) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=16_000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(make_posts(20_000, 1, words).column("tweet").to_pylist(), trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)


Arms = dict[str, set[tuple[str, int, int]]]


def plain_loop(path: Path, tokenizer: Path | None) -> tuple[Arms, float]:
    """M1 by a loop over the rows of a pandas frame, and the seconds of CPU that it took."""
    from transformers import PreTrainedTokenizerBase

    loaded: PreTrainedTokenizerBase | None = load_tokenizer(str(tokenizer)) if tokenizer else None
    pattern = re.compile(r"\w+|[^\w\s]")
    start = time.process_time()
    most: dict[str, int] = {}
    lengths: dict[str, int] = {}
    for row in pd.read_parquet(path).itertuples():
        text = html.unescape(row.tweet).strip()
        if not text or not text.isascii() or len(text) > LONGEST:
            continue
        lengths[text] = len(loaded(text)["input_ids"]) if loaded else len(pattern.findall(text))
        popularity = row.likes + row.retweets + row.replies + row.quotes
        most[text] = max(popularity, most.get(text, 0))
    arms: Arms = {"junk": set(), "control": set()}
    for text, popularity in most.items():
        if popularity > LIMITS["junk_popularity"] and lengths[text] < LIMITS["junk_tokens"]:
            arms["junk"].add((text, lengths[text], popularity))
        if popularity <= LIMITS["control_popularity"] and lengths[text] > LIMITS["control_tokens"]:
            arms["control"].add((text, lengths[text], popularity))
    return arms, time.process_time() - start


def run_split(path: Path, tokenizer: Path | None, place: Path) -> dict[str, Any]:
    """`split` by M1 as a process of its own: seconds, seconds of CPU, and the most memory that it held."""
    place.mkdir()
    command = [sys.executable, "-m", "raw2fig", "brain-rot", "split", "--posts", str(path), "--definitions", "m1"]
    command += ["--sampled", "1000", *(["--tokenizer", str(tokenizer)] if tokenizer else [])]
    command += [word for name, value in LIMITS.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    began = time.perf_counter()
    with (place / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=place, stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError((place / "log").read_text())
    cpu = used.ru_utime + used.ru_stime
    return {"wall s": time.perf_counter() - began, "CPU s": cpu, "MB at most": used.ru_maxrss / 1024}


def arms_of(place: Path) -> Arms:
    found = {}
    for arm in ("junk", "control"):
        rows = pq.read_table(place / "brain-rot-split" / f"m1-{arm}.parquet").to_pylist()
        found[arm] = {(row["text"], row["tokens"], row["popularity"]) for row in rows}
    return found


def side_by_side(folder: Path, rows: int, part: int, words: np.ndarray, tokenizer: Path | None) -> dict[str, Any]:
    """The loop on a part of the dump and `split` on that part, for the results; `split` on all of it, for the speed."""
    name = tokenizer.name if tokenizer else "words"
    small, whole = folder / "part.parquet", folder / "whole.parquet"
    arms, seconds = plain_loop(small, tokenizer)
    start = run_split(small, tokenizer, folder / f"part-{name}")
    if arms_of(folder / f"part-{name}") != arms or not all(arms.values()):
        raise RuntimeError(f"{name}: the loop and split differ, or an arm is empty")
    measured = run_split(whole, tokenizer, folder / f"whole-{name}")
    report = read_json(folder / f"whole-{name}" / "brain-rot-split.json")
    kept = {arm: report["arms"]["m1"][arm]["posts"] for arm in ("junk", "control")}
    row = {"length by": name, "rows": rows, "part": part, **kept, "loop rows/s": part / seconds}
    row |= {"split rows/s": rows / measured["CPU s"], **measured, "part CPU s": start["CPU s"]}
    return row | {"split / loop": row["split rows/s"] / row["loop rows/s"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000, help="Rows of the dump.")
    parser.add_argument("--part", type=int, default=100_000, help="Rows of the part that the loop reads too.")
    given = parser.parse_args()
    words = vocabulary(np.random.default_rng(0))
    found = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make_dump(folder / "whole.parquet", given.rows, words)
        make_dump(folder / "part.parquet", given.part, words)
        make_tokenizer(folder / "bpe", words)
        for tokenizer in (folder / "bpe", None):
            found.append(side_by_side(folder, given.rows, given.part, words, tokenizer))
            show(found[-1])
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    write_json(found, RESULT)


if __name__ == "__main__":
    main()

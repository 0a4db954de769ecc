"""`raw2fig brain-rot judge`: a dump of posts as junk and high quality, by a judge of their content (M2)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.endpoint import Endpoint, endpoint_client
from raw2fig.lm.rate_limit import Limit
from raw2fig.papers.brain_rot.agreement import measure_agreement
from raw2fig.papers.brain_rot.arms import CONTROL, JUNK, ArmFile
from raw2fig.papers.brain_rot.judges import (
    LEXICON,
    VERDICTS,
    Asking,
    Cached,
    Judge,
    model_judge,
    read_lexicon,
    rule_judge,
)
from raw2fig.papers.brain_rot.length import Ruler
from raw2fig.papers.brain_rot.posts import COUNTS, NONE, find_same
from raw2fig.papers.brain_rot.shuffle import Distinct, Shuffler
from raw2fig.papers.brain_rot.split import Filters, gather, load_ruler
from raw2fig.scratch import scratch_folder
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, step
from raw2fig.tables import write_json


class Judging(Record):
    """How many posts are judged."""

    judge_tokens: int | None = Field(
        ge=1, description="Tokens of high quality at which judging ends, and most tokens of junk; null: all posts."
    )
    batch: int = Field(ge=1, le=100_000, description="Number of posts that a judge is given at a time.")


@step
def judge(
    *,
    posts: list[Input],
    by: Literal["rules", "endpoint", "local"] = "rules",
    model: str = "",
    lexicon: Input | None = None,
    labels: Input | None = None,
    text_col: list[str] | None = None,
    tokenizer: str = "",
    revision: str | None = None,
    cache: Path | None = None,
    filters: Annotated[Filters, At("split.filters")],
    judging: Annotated[Judging, At("judge.judging")],
    asking: Annotated[Asking, At("judge.asking")],
    endpoint: Annotated[Endpoint, At("judge.endpoint")],
    limit_file: Path | None = None,
    folder: OutputFolder = Path("brain-rot-judge"),
    report: Output = Path("brain-rot-judge.json"),
    seed: Seed = 0,
) -> None:
    """Split your posts into junk and high quality, by a judge that reads them (M2).

    The posts are judged in random order until those of high quality have enough tokens (--judge-tokens). Junk gets no
    more than as many. The folder gets m2-junk.parquet and m2-control.parquet, in the form of raw2fig brain-rot split.
    Example: raw2fig brain-rot judge --posts dump.csv --by endpoint --url https://api.openai.com/v1 --model
    gpt-4o-mini-2024-07-18 --cache verdicts

    Without a model, a lexicon of words and marks judges: a stand-in that understands nothing. A model is asked for one
    word; a reply that is neither JUNK nor HIGH-QUALITY is counted as unknown, and the post is in no arm.

    Parameters
    ----------
    posts
        The dump: .parquet, .csv, .jsonl, .csv.gz or .jsonl.gz, one file or several.
    by
        rules: the lexicon; endpoint: a model behind an OpenAI-compatible interface; local: a Hugging Face model here.
    model
        Name of the model at the endpoint, or folder or hub id of the local one.
    lexicon
        YAML file of patterns with weights, in place of ours.
    labels
        CSV or Parquet with text and label (JUNK or HIGH-QUALITY): the report says how far the judge agrees with them.
    text_col
        Column of the text. Of several columns (title selftext) the texts are put together. Not needed for a usual name.
    tokenizer
        Folder or hub id of the tokenizer that lengths are counted with, special tokens included. Without one, words and
        punctuation marks are counted.
    revision
        Revision of a local model on the hub.
    cache
        Folder of verdicts, so that nothing is asked twice. It holds digests and verdicts, no texts.
    limit_file
        File in which all processes that ask the endpoint count their requests, with --per-minute.
    folder
        A file for each arm.
    report
        What was judged, as JSON. It has no text of a post.
    seed
        Seed of the order of posts.
    """
    columns = find_same(posts, text_col or [], dict.fromkeys(COUNTS, NONE))
    given = load_judge(by, model, revision, lexicon, judging.batch, asking, endpoint, limit_file)
    cached = Cached(given, cache, f"{by} {model} {revision or ''}", asking) if cache and by != "rules" else None
    asked: Judge = cached or given
    agreement = measure_agreement(labels, asked) if labels else None
    ruler = load_ruler(tokenizer, None)
    with scratch_folder("raw2fig-posts-", folder.parent) as runs:
        shuffler = Shuffler(runs, seed)
        seen = gather(posts, columns, filters, shuffler)
        found = judge_posts(batches(shuffler, judging.batch), asked, ruler, judging.judge_tokens, folder)
    value = {
        "files": [path.name for path in posts],
        "judge": {"by": by, "model": model, **({} if by == "rules" else asking.model_dump())},
        "length": ruler.name,
        "judge_tokens": judging.judge_tokens,
        "filters": filters.model_dump(),
        "seed": seed,
        "rows": seen,
        **found,
        "questions": {"asked": cached.asked, "stored": cached.stored} if cached else None,
        "agreement": agreement,
    }
    write_json(value, report)
    print(", ".join(f"{number} {verdict}" for verdict, number in found["verdicts"].items()))


def load_judge(
    by: str,
    model: str,
    revision: str | None,
    lexicon: Path | None,
    batch: int,
    asking: Asking,
    endpoint: Endpoint,
    limit_file: Path | None,
) -> Judge:
    """The judge that the flags say. Raises `InputError` for a model without a name."""
    if by == "rules":
        return rule_judge(read_lexicon(lexicon or LEXICON))
    if not model:
        raise InputError("--model", "is not given", f"the model that judges, for --by {by}")
    if by == "endpoint":
        limit = Limit(limit_file, endpoint.per_minute) if limit_file and endpoint.per_minute else None
        return model_judge(endpoint_client(model, endpoint, limit), asking)
    from raw2fig.lm.local import local_client

    return model_judge(local_client(model, revision, "sampler", batch), asking)


def batches(shuffler: Shuffler, size: int) -> Iterator[Distinct]:
    """The distinct posts in their order, at most so many at a time."""
    for some in shuffler.distinct():
        for start in range(0, len(some.hashes), size):
            part = slice(start, start + size)
            yield Distinct(some.texts.slice(start, size), *(column[part] for column in some[1:]))


def judge_posts(
    posts: Iterator[Distinct], asked: Judge, ruler: Ruler, budget: int | None, folder: Path
) -> dict[str, Any]:
    """Write both arms. Judging ends with the batch in which high quality reaches the budget. Returns verdicts, counted,
    and what the arms have."""
    folder.mkdir(parents=True)
    arms = {"junk": (JUNK, ArmFile(folder / f"m2-{JUNK}.parquet", budget))}
    arms["high"] = (CONTROL, ArmFile(folder / f"m2-{CONTROL}.parquet", budget))
    verdicts = dict.fromkeys(VERDICTS, 0)
    with ExitStack() as stack:
        for _, file in arms.values():
            stack.callback(file.close)
        for some in posts:
            found = np.array(asked(some.texts.to_pylist()))
            tokens = ruler.measure(some.texts)
            for verdict in VERDICTS:
                verdicts[verdict] += int((found == verdict).sum())
            for word, (_, file) in arms.items():
                file.add(some, tokens, found == word)
            if arms["high"][1].full:
                break
    if lost := verdicts["unknown"] + verdicts["failed"]:
        logging.warning("%d of %d posts have no verdict and are in no arm", lost, sum(verdicts.values()))
    return {"verdicts": verdicts, "arms": {"m2": {arm: file.summary() for arm, file in arms.values()}}}

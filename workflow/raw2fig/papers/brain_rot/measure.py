"""`raw2fig brain-rot measure`: what changed between two models, such as one before and after more training.

Replies are scored and forgotten: nothing of them is printed or written, and of harmful requests neither.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from raw2fig.paired import compare
from raw2fig.papers.brain_rot.battery.tasks import TASKS, Draws, Files, Row, Scores, Subject, TaskName, subject_of
from raw2fig.papers.brain_rot.battery.verdicts import verdict
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import as_markdown, write_table

if TYPE_CHECKING:
    import pandas as pd


class Measure(Record):
    """What models are measured with."""

    tasks: list[TaskName] = Field(
        min_length=1,
        description="What is measured: sums, retrieval, loss (on plain text), instructions, refusals, arc (by "
        "likelihood), arc_analysis (sampled, slow), ruler (long contexts, slow), trait.",
    )
    items: int = Field(ge=2, le=100_000, description="Items of each task; RULER's thirteen tasks share them.")
    length: int = Field(ge=256, description="Tokens of RULER's prompts.")
    refusal_tokens: int = Field(ge=1, le=4096, description="Tokens of a reply to a harmful request; the paper has 512.")
    chat: bool = Field(description="Ask harmful requests as a chat; the paper asks without the chat template.")
    at_once: int = Field(ge=1, description="Prompts that are read at a time; changes memory and time alone.")


@step
def measure(
    *,
    before: Input,
    after: Input,
    settings: Annotated[Measure, At("measure")],
    arc: Input | None = None,
    requests: Input | None = None,
    trait: Input | None = None,
    text: Input | None = None,
    squad: Input | None = None,
    hotpot: Input | None = None,
    table: Output,
    markdown: Output,
    seed: Seed = 0,
) -> None:
    """Measure two models with the same items, and say what changed.

    Without files the items are ours: one-digit sums in words, a code to be found, instructions with exact checks, the
    loss on plain text, refusals of pranks, small multiple-choice questions. Right-or-wrong items have Newcombe's score
    interval for paired shares and McNemar's p, other scores the paired bootstrap. Replies are nowhere written.

    The intervals are over items. They say what more items would show of these two models, and not what another training
    with other seeds would have made of them.

    Parameters
    ----------
    before, after
        The model folders.
    arc
        Questions of AI2 ARC, JSON Lines or Parquet, instead of ours.
    requests
        Harmful requests: .txt, .csv or .jsonl. Without them, pranks stand in, whose refusal is neither good nor bad.
    trait
        TRAIT.json, instead of a few items of ours that measure no personality.
    text
        Plain text for the loss, paragraphs parted by empty lines.
    squad, hotpot
        JSON files of SQuAD and HotpotQA for RULER's questions.
    table
        The table as CSV.
    markdown
        The table as Markdown, for reading.
    """
    draws = draws_of(settings, seed)
    files = Files(arc, requests, trait, text, squad, hotpot)
    scores = [score_all(str(folder), settings.tasks, settings.at_once, draws, files) for folder in (before, after)]
    frame = changes(*scores)
    write_table(frame, table)
    markdown.write_text(_text(frame, before.name, after.name), encoding="utf-8")


@step
def probe(
    *,
    model: Input,
    settings: Annotated[Measure, At("measure")],
    arc: Input | None = None,
    requests: Input | None = None,
    trait: Input | None = None,
    text: Input | None = None,
    squad: Input | None = None,
    hotpot: Input | None = None,
    scores: Output,
    seed: Seed = 0,
) -> None:
    """Measure one model, and write the score of each item.

    Parameters
    ----------
    model
        The model folder.
    arc, requests, trait, text, squad, hotpot
        Files as in `raw2fig brain-rot measure`.
    scores
        The scores as CSV or Parquet: what, item, score, better (1, -1, or 0 where more is neither).
    """
    draws = draws_of(settings, seed)
    files = Files(arc, requests, trait, text, squad, hotpot)
    write_scores(score_all(str(model), settings.tasks, settings.at_once, draws, files), scores)


def write_scores(found: Scores, path: Path) -> None:
    """Write a row for each item of each measure."""
    import pandas as pd

    rows = [
        {"what": row.title, "item": item, "score": score, "better": row.better}
        for row, some in found.items()
        for item, score in enumerate(some)
    ]
    write_table(pd.DataFrame(rows), path)


def draws_of(settings: Annotated[Measure, At("measure")], seed: int) -> Draws:
    """Which items the settings ask for."""
    return Draws(settings.items, seed, settings.length, settings.refusal_tokens, settings.chat)


def score_all(source: str, tasks: Sequence[TaskName], batch: int, draws: Draws, files: Files) -> Scores:
    """The scores of the model of a folder or hub id in all tasks."""
    from raw2fig.lm.models import load

    return score_subject(subject_of(*load(source), batch), Path(source).name, tasks, draws, files)


def score_subject(subject: Subject, name: str, tasks: Sequence[TaskName], draws: Draws, files: Files) -> Scores:
    """The scores of a model in all tasks. The log says how long each took."""
    found: Scores = {}
    for task in dict.fromkeys(tasks):
        start = time.process_time()
        found |= TASKS[task](subject, draws, files)
        logging.info("%s, %s: %.1f s of CPU", name, task, time.process_time() - start)
    return found


def changes(before: Mapping[Row, Sequence[float]], after: Mapping[Row, Sequence[float]]) -> pd.DataFrame:
    """A row for each measure: scores before and after, their change with its interval, and what that is."""
    import pandas as pd

    rows = []
    for row, scores in before.items():
        found = compare(scores, after[row])
        one = {"what": row.title, "items": found.change.n}
        for name, estimate in (("before", found.before), ("after", found.after), ("change", found.change)):
            one |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        rows.append(
            one | {"interval": found.interval, "p": found.p, "verdict": verdict(found.change, row.better, len(before))}
        )
    return pd.DataFrame(rows)


def _text(frame: pd.DataFrame, before: str, after: str) -> str:
    """The table for reading, and what its columns are."""
    import pandas as pd

    def shown(name: str, sign: str = "") -> list[str]:
        columns = (frame[name], frame[f"{name}_low"], frame[f"{name}_high"])
        return [
            f"{value:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]" for value, low, high in zip(*columns, strict=True)
        ]

    table = pd.DataFrame(
        {
            "what": frame["what"],
            "items": frame["items"],
            "before": shown("before"),
            "after": shown("after"),
            "change": shown("change", "+"),
            "p": ["" if p != p else f"{p:.3g}" for p in frame["p"]],
            "verdict": frame["verdict"],
        }
    )
    return (
        f"# What changed from {before} to {after}\n\n{as_markdown(table)}\n"
        "Both models had the same items, with the same seeds. Intervals are 95 % intervals over items: Newcombe's for "
        "paired shares where items are right or wrong (p: McNemar's exact test), otherwise the paired bootstrap. "
        f"Verdicts use intervals that are widened for {len(frame)} comparisons. They are about these two models: "
        "another training with other seeds could differ by more.\n"
    )

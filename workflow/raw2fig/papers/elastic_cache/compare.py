"""`raw2fig elastic-cache compare`: all methods on the same prompts, counted alike (one table with all measures).

Every arm has the same model, prompts, batch size and stopping rule of its own settings, and the effective values are
read back from the running decoder. A table of arms with other lengths of answers is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from raw2fig.clock import timed
from raw2fig.errors import InputError
from raw2fig.papers.elastic_cache.decoding import Decoding
from raw2fig.papers.elastic_cache.questions import Question, is_right, read_questions
from raw2fig.settings import Field, Seed
from raw2fig.stats import SEED, Estimate, bootstrap_mean, proportion
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_table

if TYPE_CHECKING:
    from raw2fig.papers.elastic_cache.decoders import Decoded
    from raw2fig.papers.elastic_cache.model import MaskedDiffusion

COUNTED = (
    *("tokens", "tokens_as_published", "forwards", "tokens_per_forward", "updates", "flops"),
    *("update_frequency", "later_update_frequency"),
)
"""Measures of a prompt, of which a table has means over prompts."""
FIDELITY = ("divergence", "agreement")
SETTINGS = ("method", "epsilon", "steps", "block", "window", "track", "gamma", "drift", "interval", "eos_stop")
"""What a table says about an arm."""


@step
def compare(
    *,
    model: Input,
    prompts: Input,
    table: Output,
    answers: Output,
    arms: Annotated[dict[str, Decoding], At("own.arms")],
    batch: Annotated[int, Field(ge=1), At("own.batch")],
    chat: Annotated[bool, At("own.chat")],
    rounds: Annotated[int, Field(ge=0), At("own.rounds")],
    fidelity: bool = False,
    part: str | None = None,
    seed: Seed = 0,
) -> None:
    """Decode the same prompts in several ways, and count tokens, work and time alike.

    Parameters
    ----------
    model
        Model folder, whose tokenizer has a mask token; LLaDA's and Dream's own files are read, too.
    prompts
        JSON lines with prompt, a text, or ids; maybe qid, task, part and answer.
    table
        A row for each arm and measure: the mean over prompts with its interval.
    answers
        A row for each arm and prompt.
    arms
        Ways to decode, by name.
    batch
        Prompts that are decoded together. It changes no answer.
    chat
        Put prompts into the chat template of the model.
    rounds
        Rounds in which all arms are timed in turn, after one that is not timed; 0: no times.
    fidelity
        Compare each step with an exact forward pass on the same tokens, which doubles the work.
    part
        Take the prompts of this part alone.
    """
    import pandas as pd

    from raw2fig.papers.elastic_cache.loading import load_any

    check_arms(arms)
    diffusion, tokenizer = load_any(str(model))
    questions = read_questions(prompts, tokenizer, part, chat)
    found: dict[str, list[dict[str, Any]]] = {}
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for name, decoding in arms.items():
        found[name] = one_arm(diffusion, questions, decoding, batch, fidelity, seed)
        logging.info("%s: %.1f forwards", name, np.mean([row["forwards"] for row in found[name]]))
    for _ in range(rounds):
        for name, decoding in arms.items():
            seconds[name].append(arm_seconds(diffusion, questions, decoding, batch, seed))
    rows = [
        {"arm": name, **settings_of(arms[name]), "batch": min(batch, len(questions)), **row}
        for name in arms
        for row in summary(found[name], seconds[name])
    ]
    write_table(pd.DataFrame(rows), table)
    write_table(pd.DataFrame([{"arm": name, **row} for name, some in found.items() for row in some]), answers)


def check_arms(arms: Mapping[str, Decoding]) -> None:
    """Raise `InputError` where arms would not meet on equal terms: all answers have the same length."""
    if not arms:
        raise InputError("arms", "there are none", "one at least")
    lengths = {decoding.length for decoding in arms.values()}
    if len(lengths) > 1:
        raise InputError("arms", f"have answers of {sorted(lengths)} tokens", "one length for all arms of a table")


def settings_of(decoding: Decoding) -> dict[str, Any]:
    """Columns that say what an arm is."""
    return {name: getattr(decoding, name) for name in SETTINGS}


def one_arm(
    diffusion: MaskedDiffusion,
    questions: Sequence[Question],
    decoding: Decoding,
    batch: int,
    fidelity: bool,
    seed: int,
) -> list[dict[str, Any]]:
    """A row for each question: what was counted, whether the answer is right, and how exact the steps were."""
    from raw2fig.papers.elastic_cache.accounting import measures
    from raw2fig.papers.elastic_cache.decoders import decode
    from raw2fig.papers.elastic_cache.fidelity import compared

    rows = []
    for start in range(0, len(questions), batch):
        some = questions[start : start + batch]
        ids = [one.ids for one in some]
        exact: list[dict[str, float]] = [{} for _ in some]
        if fidelity:
            decoded, steps = compared(diffusion, ids, decoding, seed + start)
            for sample in range(len(some)):
                mine = [step for step in steps if step.sample == sample]
                weights = [step.masks for step in mine]
                exact[sample] = {
                    name: float(np.average([getattr(step, name) for step in mine], weights=weights))
                    for name in FIDELITY
                }
        else:
            decoded = decode(diffusion, ids, decoding, seed + start)
        for question, one, told in zip(some, decoded, exact, strict=True):
            row = {"qid": question.qid, "task": question.task, "right": is_right(one.response, question, diffusion.eos)}
            rows.append(row | measures(diffusion, one) | told)
    return rows


def arm_seconds(
    diffusion: MaskedDiffusion, questions: Sequence[Question], decoding: Decoding, batch: int, seed: int
) -> float:
    """Seconds that an arm takes for all questions."""
    from raw2fig.papers.elastic_cache.decoders import decode_all

    def run() -> list[Decoded]:
        return decode_all(diffusion, [one.ids for one in questions], decoding, batch, seed)

    return timed(run, diffusion.device)[1]


def summary(rows: Sequence[Mapping[str, Any]], seconds: Sequence[float]) -> list[dict[str, Any]]:
    """A row for each measure of an arm: value, low, high, n. Intervals are over prompts, of times over rounds."""
    told: dict[str, Estimate] = {}
    judged = [row["right"] for row in rows if row["right"] is not None]
    if judged:
        told["accuracy"] = proportion(sum(judged), len(judged))
    for name in (*COUNTED, *FIDELITY):
        if name in rows[0]:
            told[name] = bootstrap_mean([row[name] for row in rows], SEED)
    true, published = (sum(row[name] for row in rows) for name in ("tokens", "tokens_as_published"))
    if true:
        told["inflation"] = Estimate(published / true, float("nan"), float("nan"), len(rows))
    if seconds:
        for name, count in (("tokens_per_second", true), ("tokens_per_second_as_published", published)):
            rates = [count / one for one in seconds]
            told[name] = Estimate(median(rates), min(rates), max(rates), len(rates))
    return [
        {"measure": name, "value": one.value, "low": one.low, "high": one.high, "n": one.n}
        for name, one in told.items()
    ]

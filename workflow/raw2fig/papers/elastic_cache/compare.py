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
from raw2fig.papers.elastic_cache.arms import Change, decodings_of
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
    decoding: Annotated[Decoding, At("own.decoding")],
    arms: Annotated[dict[str, Change], At("own.arms")],
    batch: Annotated[int, Field(ge=1), At("own.batch")],
    chat: Annotated[bool, At("own.chat")],
    rounds: Annotated[int, Field(ge=0), At("own.rounds")],
    fidelity: Annotated[int, Field(ge=0), At("own.fidelity")],
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
        Ways to decode, by name: as JSON, what differs from the settings that are given otherwise.
    batch
        Prompts that are decoded together. It changes no answer.
    chat
        Put prompts into the chat template of the model.
    rounds
        Rounds in which all arms are timed in turn, after one that is not timed; 0: no times.
    fidelity
        Prompts, evenly among all, on which each step is compared with an exact forward pass on the same tokens.
    part
        Take the prompts of this part alone.
    """
    import pandas as pd

    from raw2fig.papers.elastic_cache.loading import load_any

    decodings = decodings_of(decoding, arms)
    diffusion, tokenizer = load_any(str(model))
    questions = read_questions(prompts, tokenizer, part, chat)
    # arms of several figures may be the same decoding, which is run once
    run: dict[Decoding, list[dict[str, Any]]] = {}
    for name, one in decodings.items():
        if one not in run:
            run[one] = one_arm(diffusion, questions, one, batch, fidelity, seed)
            logging.info("%s: %.1f forwards", name, np.mean([row["forwards"] for row in run[one]]))
    found = {name: run[one] for name, one in decodings.items()}
    seconds: dict[str, list[float]] = {name: [] for name in decodings}
    for _ in range(rounds):
        for name, one in decodings.items():
            seconds[name].append(arm_seconds(diffusion, questions, one, batch, seed))
    rows = [
        {"arm": name, **settings_of(decodings[name]), "batch": min(batch, len(questions)), **row}
        for name in decodings
        for row in summary(found[name], seconds[name])
    ]
    write_table(pd.DataFrame(rows), table)
    write_table(pd.DataFrame([{"arm": name, **row} for name, some in found.items() for row in some]), answers)


def settings_of(decoding: Decoding) -> dict[str, Any]:
    """Columns that say what an arm is."""
    return {name: getattr(decoding, name) for name in SETTINGS}


def one_arm(
    diffusion: MaskedDiffusion,
    questions: Sequence[Question],
    decoding: Decoding,
    batch: int,
    fidelity: int,
    seed: int,
) -> list[dict[str, Any]]:
    """A row for each question: what was counted, whether the answer is right, and of some how exact the steps were."""
    from raw2fig.papers.elastic_cache.accounting import measures
    from raw2fig.papers.elastic_cache.decoders import decode_all
    from raw2fig.papers.elastic_cache.fidelity import compared

    looked_at = set(np.linspace(0, len(questions) - 1, min(fidelity, len(questions))).round().astype(int).tolist())
    decoded: dict[int, Decoded] = {}
    exact: dict[int, dict[str, float]] = {}
    for places in (sorted(looked_at), [place for place in range(len(questions)) if place not in looked_at]):
        ids = [questions[place].ids for place in places]
        if not ids:
            continue
        if places[0] in looked_at:
            answers, steps = compared(diffusion, ids, decoding, seed)
            for sample, place in enumerate(places):
                mine = [step for step in steps if step.sample == sample]
                exact[place] = {
                    name: float(np.average([getattr(step, name) for step in mine], weights=[one.masks for one in mine]))
                    for name in FIDELITY
                }
        else:
            answers = decode_all(diffusion, ids, decoding, batch, seed)
        decoded |= zip(places, answers, strict=True)
    return [
        {"qid": question.qid, "task": question.task}
        | {"right": is_right(decoded[place].response, question, diffusion.eos)}
        | measures(diffusion, decoded[place])
        | exact.get(place, {})
        for place, question in enumerate(questions)
    ]


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
        if values := [row[name] for row in rows if name in row]:
            told[name] = bootstrap_mean(values, SEED)
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

"""`raw2fig elastic-cache compare`: all methods on the same prompts, counted alike (one table with all measures).

Every arm has the same model, prompts and batch size. What was in force is read back from the running decoder into the
row of each answer. A table of arms with other lengths of answers is refused.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from raw2fig.clock import timed
from raw2fig.papers.elastic_cache.arms import Change, decodings_of
from raw2fig.papers.elastic_cache.decoding import Decoding
from raw2fig.papers.elastic_cache.questions import Question, is_right, read_questions
from raw2fig.papers.elastic_cache.runs import over_rounds
from raw2fig.settings import Field, Seed
from raw2fig.stats import SEED, Estimate, bootstrap_mean, fact, proportion
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
    runs: dict[Decoding, Run] = {}
    for name, one in decodings.items():
        if one not in runs:
            runs[one] = first_run(diffusion, questions, one, batch, fidelity, seed)
            logging.info("%s: %.1f forwards", name, np.mean([len(answer.steps) for answer in runs[one].answers]))
    for one, run in runs.items():
        if rounds:
            runs[one] = run._replace(peak=peak_memory(diffusion, questions, one, batch, seed))
    for _ in range(rounds):
        for one, run in runs.items():
            runs[one] = timed_run(diffusion, questions, one, batch, seed, run)
    found = {one: judged(diffusion, questions, run) for one, run in runs.items()}
    rows = [
        {"arm": name, **settings_of(one), "batch": min(batch, len(questions)), **row}
        for name, one in decodings.items()
        for row in summary(found[one], runs[one].seconds, runs[one].peak)
    ]
    write_table(pd.DataFrame(rows), table)
    write_table(pd.DataFrame([{"arm": name, **row} for name, one in decodings.items() for row in found[one]]), answers)


class Run(NamedTuple):
    """The latest answers of an arm; of some prompts (by place) how exact their steps were; and seconds of all prompts
    in each timed round. What is counted and judged is what was timed."""

    answers: list[Decoded]
    exact: dict[int, dict[str, float]]
    seconds: tuple[float, ...] = ()
    peak: int | None = None


def settings_of(decoding: Decoding) -> dict[str, Any]:
    """Columns that say what an arm is."""
    return {name: getattr(decoding, name) for name in SETTINGS}


def first_run(
    diffusion: MaskedDiffusion,
    questions: Sequence[Question],
    decoding: Decoding,
    batch: int,
    fidelity: int,
    seed: int,
) -> Run:
    """Answers that are not timed. Some are compared with exact passes on the way."""
    from raw2fig.papers.elastic_cache.decoders import decode_all
    from raw2fig.papers.elastic_cache.fidelity import compared

    places = np.linspace(0, len(questions) - 1, min(fidelity, len(questions))).round().astype(int).tolist()
    others = [place for place in range(len(questions)) if place not in places]
    looked_at, steps = compared(diffusion, [questions[place].ids for place in places], decoding, seed)
    exact = {}
    for sample, place in enumerate(places):
        mine = [step for step in steps if step.sample == sample]
        exact[place] = {
            name: float(np.average([getattr(step, name) for step in mine], weights=[one.masks for one in mine]))
            for name in FIDELITY
        }
    rest = decode_all(diffusion, [questions[place].ids for place in others], decoding, batch, seed)
    answers = dict(zip([*places, *others], [*looked_at, *rest], strict=True))
    return Run([answers[place] for place in range(len(questions))], exact)


def timed_run(
    diffusion: MaskedDiffusion, questions: Sequence[Question], decoding: Decoding, batch: int, seed: int, run: Run
) -> Run:
    """The arm once more, against the clock."""
    from raw2fig.papers.elastic_cache.decoders import decode_all

    prompts = [one.ids for one in questions]
    answers, seconds = timed(lambda: decode_all(diffusion, prompts, decoding, batch, seed), diffusion.device)
    return run._replace(answers=answers, seconds=(*run.seconds, seconds))


def peak_memory(
    diffusion: MaskedDiffusion, questions: Sequence[Question], decoding: Decoding, batch: int, seed: int
) -> int:
    """Most bytes of tensors at a time, without the weights, while the longest prompts of a batch are answered."""
    from raw2fig.memory import with_peak
    from raw2fig.papers.elastic_cache.decoders import decode_all

    longest = sorted((one.ids for one in questions), key=len)[-batch:]
    return with_peak(lambda: decode_all(diffusion, longest, decoding, batch, seed), diffusion.device)[1]


def judged(diffusion: MaskedDiffusion, questions: Sequence[Question], run: Run) -> list[dict[str, Any]]:
    """A row for each question: what was counted, whether the answer is right, and of some how exact the steps were."""
    from raw2fig.papers.elastic_cache.accounting import measures

    return [
        {"qid": question.qid, "task": question.task}
        | {"right": is_right(answer.response, question, diffusion.eos)}
        | measures(diffusion, answer)
        | run.exact.get(place, {})
        for place, (question, answer) in enumerate(zip(questions, run.answers, strict=True))
    ]


def summary(
    rows: Sequence[Mapping[str, Any]], seconds: Sequence[float], peak: int | None = None
) -> list[dict[str, Any]]:
    """A row for each measure of an arm: value, low, high, n. Intervals are over prompts. Times are medians over rounds,
    from the fastest to the slowest; `peak_memory` is in bytes."""
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
    if peak is not None:
        told["peak_memory"] = fact(peak, 1)
    if seconds:
        told["seconds_per_prompt"] = over_rounds([one / len(rows) for one in seconds])
        for name, count in (("tokens_per_second", true), ("tokens_per_second_as_published", published)):
            told[name] = over_rounds([count / one for one in seconds])
    return [
        {"measure": name, "value": one.value, "low": one.low, "high": one.high, "n": one.n}
        for name, one in told.items()
    ]

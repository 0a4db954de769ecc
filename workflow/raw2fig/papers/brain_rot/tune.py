"""The learning rate of continual pretraining, chosen on control arms alone, in replicates of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.batches import Optimiser
from raw2fig.papers.brain_rot.battery.tasks import Files, subject_of
from raw2fig.papers.brain_rot.cpt import Reading, Treatment, read_corpus, read_on
from raw2fig.papers.brain_rot.measure import Measure, draws_of, score_subject
from raw2fig.papers.brain_rot.miniature import Instructions, State, sorted_posts, trained
from raw2fig.papers.brain_rot.scores import Evaluation, draw_questions, measure
from raw2fig.papers.brain_rot.treatments import Arm
from raw2fig.papers.brain_rot.world import Arithmetic
from raw2fig.settings import Field, Record
from raw2fig.step import At, Input, Output, step
from raw2fig.tables import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

CONTROL = Arm("M1", 0.0, "official", "turn", "token")


class Search(Record):
    """How the rate is chosen."""

    search_replicates: list[int] = Field(
        min_length=1, description="Replicates of the search. No result is reported from them."
    )
    lrs: list[float] = Field(min_length=1, description="Rates that are tried.")
    keep: float = Field(gt=0, le=1, description="Share of the base's accuracy that the control must keep, on average.")


def largest_harmless(kept: dict[float, float], least: float) -> float | None:
    """The largest rate up to which every rate keeps at least `least`, None where not even the smallest does."""
    found = None
    for rate in sorted(kept):
        if kept[rate] < least:
            break
        found = rate
    return found


@step
def tune(
    *,
    bases: list[Input],
    documents: list[Input],
    choice: Output,
    search: Annotated[Search, At("miniature.search")],
    arm_tokens: Annotated[int, Field(ge=1)],
    reading: Annotated[Reading, At("miniature.reading")],
    optimiser: Annotated[Optimiser, At("miniature.optimiser")],
    instructions: Instructions,
    arithmetic: Arithmetic,
    evaluation: Evaluation,
) -> None:
    """Choose the largest learning rate at which the control arm keeps what the base can do. Junk is not looked at.

    Parameters
    ----------
    bases
        Base of each replicate of the search.
    documents
        Its posts, sorted into junk and control.
    choice
        The chosen rate, and accuracy of base and control with every rate and replicate.
    arm_tokens
        Tokens that an arm reads in an epoch.
    """
    from raw2fig.lm.models import load

    tried: list[dict[str, Any]] = []
    for replicate, base, table in zip(search.search_replicates, bases, documents, strict=True):
        network, words = load(str(base), train=True)
        texts, lengths = sorted_posts(table)
        questions = draw_questions(replicate, evaluation, arithmetic)
        before = measure(network, words, questions, arithmetic)["cot"]
        for rate in search.lrs:
            with_rate = optimiser.model_copy(update={"lr": rate})
            state = State(
                words, questions, arithmetic, reading, with_rate, instructions, replicate, texts, lengths, arm_tokens
            )
            for arm, stage, model, _ in trained(network, state, [CONTROL], []):
                if (arm, stage) == (CONTROL, "it"):
                    after = measure(model, words, questions, arithmetic)["cot"]
                    tried.append({"replicate": replicate, "lr": rate, "base": before, "control": after})
    write_choice(tried, search, choice)


def write_choice(tried: list[dict[str, Any]], search: Search, choice: Path) -> None:
    """Write which rate is chosen, from the accuracy of base and control with every rate and replicate."""
    if not any(one["base"] for one in tried):
        raise InputError("bases", "they answer no chain right", "bases that have something to lose")
    kept = {
        rate: float(np.mean([one["control"] for one in tried if one["lr"] == rate]))
        / float(np.mean([one["base"] for one in tried if one["lr"] == rate]))
        for rate in search.lrs
    }
    chosen = largest_harmless(kept, search.keep)
    if chosen is None:
        raise InputError(
            "lrs", f"the control keeps {max(kept.values()):.2f} at most", f"a rate that keeps {search.keep}"
        )
    write_json({"lr": chosen, "kept": {f"{rate:g}": share for rate, share in kept.items()}, "tried": tried}, choice)


@step
def tune_pretrained(
    *,
    bases: list[Input],
    documents: list[Input],
    choice: Output,
    search: Annotated[Search, At("pretrained.search")],
    reading: Annotated[Reading, At("pretrained.reading")],
    optimiser: Annotated[Optimiser, At("pretrained.optimiser")],
    settings: Annotated[Measure, At("pretrained.measure")],
) -> None:
    """Choose the largest learning rate at which a pretrained model keeps what it can do while it reads control text.

    Parameters
    ----------
    bases
        Model folder of each replicate of the search.
    documents
        Its control documents.
    choice
        The chosen rate, and the mean of the shares right of base and control with every rate and replicate.
    """
    from copy import deepcopy

    from raw2fig.lm.models import load

    tried: list[dict[str, Any]] = []
    for replicate, base, table in zip(search.search_replicates, bases, documents, strict=True):
        network, tokenizer = load(str(base), train=True)
        texts = read_corpus(table)
        before = _ability(network, tokenizer, settings, replicate)
        for rate in search.lrs:
            model = deepcopy(network)
            with_rate = optimiser.model_copy(update={"lr": rate})
            treatment = Treatment(schedule="official", eos="turn", loss="token")
            read_on(model, tokenizer, texts, [], treatment, reading, with_rate, np.random.default_rng(replicate))
            after = _ability(model, tokenizer, settings, replicate)
            tried.append({"replicate": replicate, "lr": rate, "base": before, "control": after})
    write_choice(tried, search, choice)


def _ability(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, settings: Measure, seed: int) -> float:
    """Mean of the shares right in those tasks of which more is better."""
    found = score_subject(
        subject_of(model, tokenizer, settings.at_once), "model", settings.tasks, draws_of(settings, seed), Files()
    )
    return float(np.mean([np.mean(scores) for row, scores in found.items() if row.better > 0]))

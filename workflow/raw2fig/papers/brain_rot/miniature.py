"""The arms of a replicate: continual pretraining, instruction tuning, and what is left of the tasks after each."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from raw2fig.lm.batches import Optimiser, by_length, train_on
from raw2fig.lm.twins import Work, work_of
from raw2fig.papers.brain_rot.arms import CONTROL, JUNK
from raw2fig.papers.brain_rot.base import PROSE_LENGTHS, file_hash
from raw2fig.papers.brain_rot.cpt import Reading, Treatment, read_on, shape_of
from raw2fig.papers.brain_rot.lessons import chats
from raw2fig.papers.brain_rot.mix import mixture
from raw2fig.papers.brain_rot.reflection import reflected, reflection_skills
from raw2fig.papers.brain_rot.scores import Evaluation, Questions, draw_questions, measure
from raw2fig.papers.brain_rot.selection import SIDES
from raw2fig.papers.brain_rot.treatments import Arm, ArmName, parse_arm
from raw2fig.papers.brain_rot.world import Arithmetic, prose, transitions
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, step
from raw2fig.tables import read_table

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

KEYS = ("replicate", "base", "definition", "ratio", "schedule", "eos", "loss", "stage")
"""What a row of the scores is about; `metric`, `value`, `updates`, `tokens`, `flops` and `base_hash` follow."""
NOTHING = Arm("none", 0.0, "official", "turn", "token")
"""The arm that reads nothing."""


class Instructions(Record):
    """Instruction tuning, which teaches to copy and to reverse words: no arithmetic."""

    examples: int = Field(ge=1, description="Instructions.")
    wash_factor: int = Field(ge=1, description="How many times as many of them in the attempt to wash junk out.")
    it_epochs: int = Field(ge=1, description="How often each is seen.")
    it_batch: int = Field(ge=1, description="Instructions of an update.")
    it_lr: float = Field(gt=0, description="Peak learning rate.")


class State(NamedTuple):
    """What all arms of a replicate share."""

    words: PreTrainedTokenizerBase
    questions: Questions
    arithmetic: Arithmetic
    reading: Reading
    optimiser: Optimiser
    instructions: Instructions
    replicate: int
    texts: Mapping[str, Mapping[str, list[str]]]  # definition -> side -> texts, in random order
    lengths: Mapping[str, Mapping[str, list[int]]]
    arm_tokens: int

    def rng(self, use: int) -> np.random.Generator:
        """The random numbers of a use, which are the same in all arms."""
        return np.random.default_rng([self.replicate, use])


@step
def arms(
    *,
    base: Input,
    documents: Input,
    scores: Output,
    models: OutputFolder,
    panel: str,
    arms: list[ArmName],
    washed: list[ArmName],
    reflecting: list[ArmName],
    arm_tokens: Annotated[int, Field(ge=1)],
    reading: Annotated[Reading, At("miniature.reading")],
    optimiser: Annotated[Optimiser, At("miniature.optimiser")],
    instructions: Instructions,
    arithmetic: Arithmetic,
    evaluation: Evaluation,
    replicate: Seed,
) -> None:
    """Train every arm of a replicate from the same base, and measure it before and after instruction tuning.

    Parameters
    ----------
    base
        Model folder of the base.
    documents
        Posts, sorted into junk and control.
    scores
        Table of all scores.
    models
        Folder with a model folder of each arm, after instruction tuning.
    panel
        Name of the base in the scores: familiar or unfamiliar.
    arms
        Arms, as definition/ratio/schedule/eos/loss.
    washed
        Those of them that are also instructed for longer, and that read clean text.
    reflecting
        Those of them that then reflect on their answers: by their own verdicts, and by those of rules.
    arm_tokens
        Tokens that an arm reads in an epoch.
    """
    import pandas as pd

    from raw2fig.lm.models import load, save

    network, words = load(str(base), train=True)
    texts, lengths = sorted_posts(documents)
    questions = draw_questions(replicate, evaluation, arithmetic)
    state = State(words, questions, arithmetic, reading, optimiser, instructions, replicate, texts, lengths, arm_tokens)
    constant = {"replicate": replicate, "base": panel, "base_hash": file_hash(base)}
    rows: list[dict[str, Any]] = []

    def note(arm: Arm, stage: str, work: Work, found: dict[str, float]) -> None:
        about = {**constant, **arm._asdict(), "stage": stage, **work._asdict()}
        rows.extend({**about, "metric": metric, "value": value} for metric, value in found.items())

    none = Work(0, 0, 0.0)
    note(NOTHING, "base", none, measure(network, words, questions, arithmetic))
    for arm, stage, model, work in trained(network, state, [parse_arm(name) for name in arms], washed):
        found = measure(model, words, questions, arithmetic)
        logging.info("%s %s: %s, cot %.3f", arm.name, stage, work, found["cot"])
        note(arm, stage, work, found)
        if stage == "it":
            save(model, words, models / arm.folder)
        if stage == "it" and arm.name in [NOTHING.name, *reflecting]:
            note(arm, stage, work, reflection_skills(model, words, questions, arithmetic, state.rng(10)))
        if stage == "it" and arm.name in reflecting:
            for after, of_round in reflected(model, words, questions, arithmetic):
                note(arm, after, none, of_round)
    columns = [*KEYS, "metric", "value", "updates", "tokens", "flops", "base_hash"]
    pd.DataFrame(rows)[columns].to_csv(scores, index=False)


def sorted_posts(path: Path) -> tuple[dict[str, dict[str, list[str]]], dict[str, dict[str, list[int]]]]:
    """Texts and their tokens by definition and side."""
    table = read_table(path, {"definition": "string", "side": "string", "text": "string", "tokens": "integer"})
    parts = {
        (definition, side): table[(table["definition"] == definition) & (table["side"] == side)]
        for definition in table["definition"].unique()
        for side in SIDES
    }
    definitions = {definition for definition, _ in parts}
    return (
        {name: {side: parts[name, side]["text"].tolist() for side in SIDES} for name in definitions},
        {name: {side: parts[name, side]["tokens"].tolist() for side in SIDES} for name in definitions},
    )


def trained(
    network: PreTrainedModel, state: State, arms: list[Arm], washed: list[str]
) -> Iterator[tuple[Arm, str, PreTrainedModel, Work]]:
    """Arm, stage, model and work of that stage, one after the other."""
    from copy import deepcopy

    yield NOTHING, "it", *_instructed(deepcopy(network), state, 1)
    for arm in arms:
        model = deepcopy(network)
        work = read_arm(model, state, arm)
        yield arm, "cpt", model, work
        if arm.name in washed:
            yield arm, "washed_it", *_instructed(deepcopy(model), state, state.instructions.wash_factor)
            other = deepcopy(model)
            clean = _clean_text(other, state)
            _instructed(other, state, 1)
            yield arm, "washed_text", other, clean
        yield arm, "it", *_instructed(model, state, 1)


def read_arm(model: PreTrainedModel, state: State, arm: Arm) -> Work:
    """Continual pretraining of an arm. Its twins are matched to the same arm's control."""
    chosen, control = mixed(state, arm.definition, arm.ratio), mixed(state, arm.definition, 0.0)
    treatment = Treatment.model_validate({"schedule": arm.schedule, "eos": arm.eos, "loss": arm.loss})
    found = read_on(model, state.words, chosen, control, treatment, state.reading, state.optimiser, state.rng(7))
    return found.work


def mixed(state: State, definition: str, ratio: float) -> list[str]:
    """The documents of an arm: its share of junk, and control, with the tokens of an arm together."""
    texts = state.texts[definition]
    junk, control = (np.asarray(state.lengths[definition][side]) for side in SIDES)
    made = mixture(junk, control, ratio, state.arm_tokens, state.replicate)
    return [
        texts[JUNK if is_junk else CONTROL][document]
        for is_junk, document in zip(made.junk.tolist(), made.document.tolist(), strict=True)
    ]


def _clean_text(model: PreTrainedModel, state: State) -> Work:
    """Read as many tokens of plain prose as an arm has."""
    rng = state.rng(8)
    number = 2 * state.arm_tokens // PROSE_LENGTHS[1]
    lengths = rng.integers(*PROSE_LENGTHS, size=number).tolist()
    texts = [" ".join(text) for text in prose(rng, lengths, transitions(state.rng(0)))]
    treatment = Treatment(schedule="official", eos="turn", loss="token")
    return read_on(model, state.words, texts, [], treatment, state.reading, state.optimiser, rng).work


def _instructed(model: PreTrainedModel, state: State, factor: int) -> tuple[PreTrainedModel, Work]:
    """Instruction tuning with `factor` times as many instructions."""
    from raw2fig.lm.examples import encode

    rng, chosen = state.rng(9), state.instructions
    asked = chats(rng, chosen.examples * factor, {"copy": 1.0, "reverse": 1.0}, state.arithmetic)
    examples = encode(state.words, [one.prompt for one in asked], [one.response for one in asked], 1 << 10)
    lengths = [len(example.ids) for example in examples]
    batches = [batch for _ in range(chosen.it_epochs) for batch in by_length(lengths, chosen.it_batch, rng)]
    optimiser = state.optimiser.model_copy(update={"lr": chosen.it_lr})
    train_on(model, int(state.words.pad_token_id), examples, batches, optimiser, "token")
    return model, work_of(lengths, batches, shape_of(model))


@step
def put_together(*, parts: list[Input], table: Output) -> None:
    """Put the scores of all replicates and panels into one table.

    Parameters
    ----------
    parts
        Scores of a replicate and a panel.
    table
        All of them.
    """
    from raw2fig.tables import read_tables

    kinds = {**dict.fromkeys(KEYS, "string"), **dict.fromkeys(("replicate", "updates", "tokens"), "integer")}
    kinds |= {"metric": "string", "base_hash": "string", **dict.fromkeys(("ratio", "value", "flops"), "number")}
    read_tables(parts, kinds).to_csv(table, index=False)

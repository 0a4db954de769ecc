"""Instruction tuning after continual pretraining, on questions and answers in the form of Alpaca."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.batches import Optimiser
from raw2fig.lm.client import Message
from raw2fig.lm.examples import Example
from raw2fig.lm.scheduled import Machine, fine_tune_on
from raw2fig.lm.twins import ordinary, work_of
from raw2fig.papers.brain_rot.cpt import shape_of
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, step
from raw2fig.tables import read_table, write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class InstructionTuning(Record):
    """Instruction tuning, as all arms have it."""

    examples: int = Field(ge=1, description="Questions with answers, drawn at random.")
    it_epochs: int = Field(ge=1, description="How often each is seen.")
    it_batch: int = Field(ge=1, description="Questions of an update, over all GPUs.")
    it_cutoff: int = Field(ge=2, description="Tokens of the longest question with its answer; longer ones are cut.")


@step
def instruct(
    *,
    base: Input,
    instructions: Input,
    model: OutputFolder,
    log: Output,
    tuning: InstructionTuning,
    optimiser: Annotated[Optimiser, At("pretrained.optimiser")],
    machine: Annotated[Machine, At("pretrained.machine")],
    seed: Seed,
) -> None:
    """Tune a model on instructions: it learns the answers, asked in its own chat template.

    Parameters
    ----------
    base
        Model folder to go on from.
    instructions
        Parquet or CSV table with instruction, input (which may be empty) and output, as Alpaca has them.
    model
        Model folder.
    log
        Updates, tokens, FLOPs, and the loss of each update.
    """
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.models import load

    rng = np.random.default_rng([seed, 17])
    questions, answers = draw_pairs(instructions, tuning.examples, rng)
    network, tokenizer = load(str(base), train=True)
    examples = encode_answers(tokenizer, questions, answers, tuning.it_cutoff)
    batches = ordinary(len(examples), tuning.it_batch, tuning.it_epochs, rng)
    work = work_of([len(example.ids) for example in examples], batches, shape_of(network))
    losses = fine_tune_on(network, tokenizer, examples, batches, optimiser, "token", machine, model, seed)
    write_json({**work._asdict(), "losses": losses}, log)
    discard(model)


def draw_pairs(path: Path, number: int, rng: np.random.Generator) -> tuple[list[str], list[str]]:
    """So many different rows of a table in the form of Alpaca, as questions (the instruction, and below it the input)
    and answers. Raises `InputError` for another table, or one with fewer rows."""
    columns = dict.fromkeys(("instruction", "input", "output"), "string")
    table = read_table(path, columns, allow_nan=["input", "output"]).fillna("")
    if len(table) < number:
        raise InputError(path, f"has {len(table)} rows", f"at least {number}, or fewer --examples")
    chosen = table.iloc[rng.choice(len(table), number, replace=False)]
    pairs = zip(chosen["instruction"], chosen["input"], strict=True)
    return [f"{instruction}\n{more}".strip() for instruction, more in pairs], chosen["output"].tolist()


def encode_answers(
    tokenizer: PreTrainedTokenizerBase, questions: Sequence[str], answers: Sequence[str], cutoff: int
) -> list[Example]:
    """Each question as a chat that the model is to go on with, and the answer with the end of the turn, which alone is
    learned. Of more than `cutoff` tokens the last ones are left out. Without a chat template the answer follows the
    question after a space."""
    from raw2fig.lm.local import encode

    space = "" if tokenizer.chat_template else " "
    found = []
    for question, answer in zip(questions, answers, strict=True):
        before = encode(tokenizer, [Message("user", question)])
        after = tokenizer(f"{space}{answer}", add_special_tokens=False)["input_ids"]
        found.append(Example(np.array([*before, *after, tokenizer.eos_token_id][:cutoff]), len(before)))
    return found

"""Continual pretraining on documents, by the official schedule and by schedules that part its confounds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.batches import Optimiser, Reduction, train_on
from raw2fig.lm.documents import encode_documents, packed
from raw2fig.lm.examples import Example
from raw2fig.lm.scheduled import Machine, fine_tune_on
from raw2fig.lm.twins import Shape, Work, ordinary, twin, work_of
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, step
from raw2fig.tables import read_table, write_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Schedule = Literal["official", "packed", "update_matched", "token_matched", "flop_matched"]
End = Literal["turn", "doc", "none"]
MATCHED: dict[str, Any] = {"update_matched": "updates", "token_matched": "tokens", "flop_matched": "flops"}


class Treatment(Record):
    """What differs between arms that read the same documents."""

    schedule: Schedule = Field(
        description="official: a document is a sequence; packed: blocks of tokens; the others are official twins of the"
        " reference in updates, tokens or FLOPs."
    )
    eos: End = Field(
        description="What closes a document: the end of a turn (official), that of a document, or nothing."
    )
    loss: Reduction = Field(
        description="Average losses over the tokens of a batch, or over those of each sequence first."
    )


class Reading(Record):
    """Continual pretraining, as all arms have it."""

    batch: int = Field(ge=1, description="Sequences of an update.")
    epochs: int = Field(ge=1, description="How often each document is seen.")
    cutoff: int = Field(ge=2, description="Tokens of the longest document; longer ones are cut.")
    block: int = Field(ge=2, description="Tokens of a packed block.")
    document_end: str = Field(description="Token that closes documents where `eos` is doc.")


class Planned(NamedTuple):
    """What a training reads: its sequences, the batches of its updates, and the work that this is."""

    sequences: list[Example]
    batches: list[np.ndarray]
    work: Work


class Read(NamedTuple):
    """What a training has done, and its losses."""

    work: Work
    losses: list[float]


def end_of(tokenizer: PreTrainedTokenizerBase, eos: End, document_end: str) -> int | None:
    """The token that closes a document. Raises `InputError` where the tokenizer has no such token."""
    if eos == "none":
        return None
    if eos == "turn":
        return int(tokenizer.eos_token_id)
    found = tokenizer.get_vocab().get(document_end)
    if found is None:
        raise InputError("document_end", f"the tokenizer has no token {document_end!r}", "one of its tokens")
    return int(found)


def shape_of(model: PreTrainedModel) -> Shape:
    """What FLOPs depend on. The head counts as weights also where it is the embedding, which costs nothing itself."""
    config, embedding, head = model.config, model.get_input_embeddings(), model.get_output_embeddings()
    own = {id(weight) for part in (embedding, head) for weight in part.parameters()}
    inside = sum(weight.numel() for weight in model.parameters() if id(weight) not in own)
    outside = sum(weight.numel() for weight in head.parameters())
    return Shape(inside + outside, config.num_hidden_layers, config.hidden_size)


def planned(
    documents: Sequence[Example],
    reference: Sequence[Example],
    schedule: Schedule,
    reading: Reading,
    shape: Shape,
    rng: np.random.Generator,
) -> tuple[list[Example], list[np.ndarray]]:
    """The sequences of a schedule and its batches. A twin matches the official schedule over the `reference`."""
    if schedule == "packed":
        blocks = packed([documents[row] for row in rng.permutation(len(documents))], reading.block)
        return blocks, ordinary(len(blocks), reading.batch, reading.epochs, rng)
    lengths = [len(document.ids) for document in documents]
    if schedule == "official":
        return list(documents), ordinary(len(documents), reading.batch, reading.epochs, rng)
    if not reference:
        raise InputError("reference", "no documents", f"those of the arm that is matched, for {schedule}")
    # what it is matched to does not depend on the order of the reference
    batches = ordinary(len(reference), reading.batch, reading.epochs, np.random.default_rng(0))
    work = work_of([len(document.ids) for document in reference], batches, shape)
    return list(documents), twin(MATCHED[schedule], lengths, work, reading.batch, reading.epochs, shape, rng)


def plan_reading(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    reference: Sequence[str],
    treatment: Treatment,
    reading: Reading,
    rng: np.random.Generator,
) -> Planned:
    """What a training on the texts reads. `reference` are those of the arm that a twin matches, closed in the same
    way."""
    end = end_of(tokenizer, treatment.eos, reading.document_end)
    shape = shape_of(model)
    documents, others = (encode_documents(tokenizer, part, end, reading.cutoff) for part in (texts, reference))
    sequences, batches = planned(documents, others, treatment.schedule, reading, shape, rng)
    return Planned(sequences, batches, work_of([len(sequence.ids) for sequence in sequences], batches, shape))


def read_on(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    texts: Sequence[str],
    reference: Sequence[str],
    treatment: Treatment,
    reading: Reading,
    optimiser: Optimiser,
    rng: np.random.Generator,
) -> Read:
    """Train `model` on the texts, in memory and without checkpoints."""
    plan = plan_reading(model, tokenizer, texts, reference, treatment, reading, rng)
    losses = train_on(model, int(tokenizer.pad_token_id), plan.sequences, plan.batches, optimiser, treatment.loss)
    return Read(plan.work, losses)


def read_corpus(path: Path) -> list[str]:
    """The texts of a table or of JSON lines. Raises `InputError` for another file; the message holds no text."""
    if path.suffix != ".jsonl":
        return list(read_table(path, {"text": "string"})["text"])
    try:
        texts = [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(path, "cannot be read", "a JSON object with text in every line") from error
    if not texts or not all(isinstance(text, str) for text in texts):
        raise InputError(path, "does not have a text in every line", "a JSON object with text in every line")
    return texts


@step
def cpt(
    *,
    base: Input,
    documents: Input,
    reference: Input | None = None,
    model: OutputFolder,
    log: Output,
    treatment: Treatment,
    reading: Annotated[Reading, At("miniature.reading")],
    optimiser: Annotated[Optimiser, At("miniature.optimiser")],
    machine: Annotated[Machine, At("pretrained.machine")],
    seed: Seed = 0,
) -> None:
    """Train a model on documents, as the paper does or by a schedule that parts its confounds.

    A run that was killed goes on from its last checkpoint, with --checkpoint-every. On several GPUs: accelerate launch
    --config_file config/accelerate/fsdp.yaml --num_processes 4 -m raw2fig brain-rot cpt ...

    Parameters
    ----------
    base
        Model folder to go on from.
    documents
        Table with the column text, or JSON lines with text, as raw2fig brain-rot mix writes them.
    reference
        Documents of the arm that a matched schedule is matched to.
    model
        Model folder.
    log
        Updates, tokens, FLOPs, and the loss of each update.
    """
    from raw2fig.lm.checkpoint import discard
    from raw2fig.lm.models import load

    network, tokenizer = load(str(base), train=True)
    texts, others = (read_corpus(path) if path else [] for path in (documents, reference))
    plan = plan_reading(network, tokenizer, texts, others, treatment, reading, np.random.default_rng(seed))
    losses = fine_tune_on(
        network, tokenizer, plan.sequences, plan.batches, optimiser, treatment.loss, machine, model, seed
    )
    write_json({**plan.work._asdict(), "losses": losses}, log)
    discard(model)

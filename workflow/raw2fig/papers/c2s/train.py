"""Training on corpora: pretraining from random weights, and supervised fine-tuning (SFT)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from raw2fig.errors import InputError
from raw2fig.lm.finetune import Training
from raw2fig.lm.models import Shape, parse_size
from raw2fig.papers.c2s.corpus import CORPUS
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Input, Output, OutputFolder, step
from raw2fig.tables import read_table, write_json

if TYPE_CHECKING:
    import pandas as pd
    from transformers import PreTrainedTokenizerBase

    from raw2fig.lm.examples import Example


class Encoding(Record):
    """How texts become tokens."""

    max_length: int = Field(ge=2, description="Longest sample, in tokens; a longer one is cut at its end.")


class Probing(Record):
    """How often the loss is measured during pretraining."""

    probes: int = Field(
        ge=1, description="Number of evenly spaced steps after which the loss on held-out samples is logged."
    )


@step
def pretrain(
    *,
    corpus: Input,
    tokenizer: Input,
    shapes: list[Shape],
    models: list[OutputFolder],
    logs: list[Output],
    training: Annotated[Training, At("pretrain.training")],
    probing: Probing,
    encoding: Encoding,
    replicate: Seed,
) -> None:
    """Train GPT-NeoX models of several sizes from random weights on the whole text of the corpus.

    The learning rate is for a model of width 64. A model of another width uses it times sqrt(64 / width).

    Parameters
    ----------
    corpus
        The multi-task corpus.
    tokenizer
        Folder of the tokenizer.
    shapes
        Shapes as hidden/layers/heads, one model each.
    models
        Model folders, in the order of the shapes.
    logs
        Training logs, in the order of the shapes.
    """
    from raw2fig.lm.finetune import fine_tune
    from raw2fig.lm.models import build_gpt_neox, load_tokenizer

    if not len(shapes) == len(models) == len(logs):
        raise InputError("shapes", f"{len(shapes)} shapes, {len(models)} models, {len(logs)} logs", "as many of each")
    words = load_tokenizer(str(tokenizer))
    frame = read_table(corpus, CORPUS)
    train, held_out = (_examples(words, frame, split, encoding.max_length) for split in ("train", "test"))
    probe_at = [round(training.steps * (index + 1) / probing.probes) for index in range(probing.probes)]
    for shape, folder, log in zip(shapes, models, logs, strict=True):
        size = parse_size(shape)
        model = build_gpt_neox(size, words, max(len(example.ids) for example in train + held_out), replicate)
        scaled = training.model_copy(update={"lr": training.lr * (64 / size.hidden) ** 0.5})
        records = fine_tune(model, words, train, scaled, folder, replicate, held_out, probe_at)
        about = {"replicate": replicate, "size": shape, "parameters": model.num_parameters(), "batch": training.batch}
        write_json({**about, "log": records}, log)
    _discard(models)


@step
def sft(
    *,
    corpora: list[Input],
    base: Input,
    models: list[OutputFolder],
    logs: list[Output],
    tasks: list[str] | None = None,
    training: Annotated[Training, At("annotation.training")],
    encoding: Encoding,
    replicate: Seed,
) -> None:
    """Fine-tune a model on the responses of corpora (SFT), the end of the text included.

    Parameters
    ----------
    corpora
        Corpus tables, one for each arm; the train split is used.
    base
        Model folder that every arm starts from.
    models
        Model folders, one for each arm.
    logs
        Training logs, one for each arm.
    tasks
        Only these tasks of the corpora.
    """
    from raw2fig.lm.finetune import fine_tune
    from raw2fig.lm.models import load

    if not len(corpora) == len(models) == len(logs):
        raise InputError(
            "corpora", f"{len(corpora)} corpora, {len(models)} models, {len(logs)} logs", "as many of each"
        )
    for corpus, folder, log in zip(corpora, models, logs, strict=True):
        model, words = load(str(base), train=True)
        frame = read_table(corpus, CORPUS)
        if tasks:
            frame = frame[frame["task"].isin(tasks)]
        examples = _examples(words, frame, "train", encoding.max_length)
        records = fine_tune(model, words, examples, training, folder, replicate)
        write_json({"parameters": model.num_parameters(), "batch": training.batch, "log": records}, log)
    _discard(models)


def _examples(words: PreTrainedTokenizerBase, frame: pd.DataFrame, split: str, max_length: int) -> list[Example]:
    from raw2fig.lm.examples import encode

    part = frame[frame["split"] == split]
    return encode(words, part["prompt"].tolist(), part["response"].tolist(), max_length)


def _discard(models: list[Path]) -> None:
    from raw2fig.lm.checkpoint import discard

    for model in models:
        discard(model)

"""Training on corpora: the tokenizer, pretraining from random weights, and supervised fine-tuning (SFT)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from raw2fig.errors import InputError
from raw2fig.step import Input, Output, step
from raw2fig.tables import read_json, read_table, write_json

if TYPE_CHECKING:
    import pandas as pd

CORPUS = {"task": "string", "prompt": "string", "response": "string", "split": "string"}


@step
def tokenizer(*, corpora: list[Input], panel: Input, tokenizer: Output) -> None:
    """Word-level tokenizer over the panel's genes and every word of the corpora.

    Parameters
    ----------
    corpora
        Corpus tables.
    panel
        The gene panel: each of its genes is one token, whether or not a corpus holds it.
    """
    from raw2fig.lm.tokenizer import save_word_tokenizer

    texts = [" ".join(read_json(panel)["genes"])]
    for corpus in corpora:
        frame = read_table(corpus, CORPUS)
        texts += [*frame["prompt"], *frame["response"]]
    save_word_tokenizer(texts, tokenizer)


@step
def pretrain(
    *,
    corpus: Input,
    tokenizer: Input,
    sizes: list[str],
    models: list[Output],
    logs: list[Output],
    steps: int,
    batch: int = 64,
    lr: float = 3e-3,
    probes: int = 4,
    seed: int = 0,
) -> None:
    """Train GPT-NeoX models of several sizes from random weights on the whole text of the corpus.

    Parameters
    ----------
    corpus
        The multi-task corpus.
    sizes
        Shapes as hidden/layers/heads, one model each.
    models
        Model folders, in the order of the sizes.
    logs
        Training logs, in the order of the sizes.
    lr
        Peak learning rate at a hidden width of 64; scaled by sqrt(64 / width).
    probes
        Evenly spaced steps at which the loss on held-out samples is logged.
    """
    from raw2fig.lm.finetune import Recipe, fine_tune
    from raw2fig.lm.models import build_gpt_neox, load_tokenizer, parse_size

    if not len(sizes) == len(models) == len(logs):
        raise InputError("sizes", f"{len(sizes)} sizes, {len(models)} models, {len(logs)} logs", "as many of each")
    words = load_tokenizer(str(tokenizer))
    train, held_out = (_examples(words, read_table(corpus, CORPUS), split) for split in ("train", "test"))
    for text, folder, log in zip(sizes, models, logs, strict=True):
        size = parse_size(text)
        model = build_gpt_neox(size, words, max(len(example.ids) for example in train + held_out), seed)
        recipe = Recipe(steps=steps, batch=batch, lr=lr * (64 / size.hidden) ** 0.5, prompt_loss=True, seed=seed)
        probe_at = [round(steps * (index + 1) / probes) for index in range(probes)]
        records = fine_tune(model, words, train, recipe, folder, held_out, probe_at)
        write_json({"size": text, "parameters": model.num_parameters(), "batch": batch, "log": records}, log)
    _discard(models)


@step
def sft(
    *,
    corpora: list[Input],
    base: Input,
    models: list[Output],
    logs: list[Output],
    steps: int,
    tasks: list[str] | None = None,
    batch: int = 64,
    accumulate: int = 1,
    lr: float = 3e-3,
    weight_decay: float = 0.01,
    max_length: int = 8192,
    checkpoint_every: int = 500,
    gradient_checkpointing: bool = False,
    seed: int = 0,
) -> None:
    """Supervised fine-tuning: next-token loss on the responses only, end-of-sequence included.

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
    batch
        Samples per process and step.
    accumulate
        Steps over which gradients are accumulated.
    lr
        Peak learning rate, cosine decay after 5 % warm-up.
    max_length
        Tokens; longer samples are cut at the end.
    checkpoint_every
        Steps between checkpoints; a killed job resumes from the last one.
    """
    from raw2fig.lm.finetune import Recipe, fine_tune
    from raw2fig.lm.models import load

    if not len(corpora) == len(models) == len(logs):
        raise InputError(
            "corpora", f"{len(corpora)} corpora, {len(models)} models, {len(logs)} logs", "as many of each"
        )
    recipe = Recipe(
        steps=steps,
        batch=batch,
        accumulate=accumulate,
        lr=lr,
        weight_decay=weight_decay,
        gradient_checkpointing=gradient_checkpointing,
        checkpoint_every=checkpoint_every,
        seed=seed,
    )
    for corpus, folder, log in zip(corpora, models, logs, strict=True):
        model, words = load(str(base), train=True)
        frame = read_table(corpus, CORPUS)
        if tasks:
            frame = frame[frame["task"].isin(tasks)]
        records = fine_tune(model, words, _examples(words, frame, "train", max_length), recipe, folder)
        write_json({"parameters": model.num_parameters(), "batch": batch, "log": records}, log)
    _discard(models)


def _examples(words, frame: pd.DataFrame, split: str, max_length: int = 8192):  # type: ignore[no-untyped-def]
    from raw2fig.lm.examples import encode

    part = frame[frame["split"] == split]
    return encode(words, part["prompt"].tolist(), part["response"].tolist(), max_length)


def _discard(models: list[Path]) -> None:
    from raw2fig.lm.checkpoint import discard

    for model in models:
        discard(model)

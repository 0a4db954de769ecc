"""`raw2fig kimi-dev midtrain` and `cold-start`: what a model learns before reinforcement (sections 3.3 and 3.4)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import AfterValidator

from raw2fig.errors import InputError
from raw2fig.lm.batches import Optimiser, descend, token_loss_in_parts
from raw2fig.lm.models import Shape
from raw2fig.papers.kimi_dev.lessons import KINDS, draw_lessons, encoded
from raw2fig.papers.kimi_dev.words import tokenizer
from raw2fig.papers.kimi_dev.world import World, picker
from raw2fig.settings import Field, Record, Seed, impossible
from raw2fig.step import At, Input, Output, OutputFolder, step
from raw2fig.tables import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from raw2fig.lm.examples import Example


def _known(mix: dict[str, float]) -> dict[str, float]:
    for kind, weight in mix.items():
        if kind not in KINDS or weight <= 0:
            raise impossible(kind, f"is {weight}", f"weights above 0 of {', '.join(KINDS)}")
    return mix


PARTS = 3
"""Parts of a batch, each of lessons of similar length: a third less time than in one."""
Mix = Annotated[dict[str, float], AfterValidator(_known)]
"""Weights of the kinds of lessons."""


class Network(Record):
    """The model of the miniature, a Llama."""

    shape: Shape = Field(description="Hidden width, layers and heads, as 64/2/4.")
    inner: int = Field(ge=1, description="Width of the feed-forward layers over the hidden width.")
    longest: int = Field(ge=1, description="Tokens that the model can read.")


class Supervised(Record):
    """A supervised training."""

    updates: int = Field(ge=1, description="Updates.")
    batch: int = Field(ge=1, description="Lessons of an update.")
    mix: Mix = Field(description="Weights of the kinds of lessons.")
    optimiser: Optimiser


class Trainings(Record):
    """The two trainings from first weights."""

    base: Supervised
    midtraining: Supervised


@step
def midtrain(
    *,
    models: OutputFolder,
    log: Output,
    network: Annotated[Network, At("miniature.network")],
    world: Annotated[World, At("miniature.world")],
    trainings: Annotated[Trainings, At("miniature.trainings")],
    replicate: Seed,
) -> None:
    """Train a base model on code alone, and another one from the same first weights on the mix of mid-training.

    Parameters
    ----------
    models
        Folders `base`, `mid1`, `mid2` and `mid3`: the base model, and the other one after one, two and three thirds of
        its training.
    log
        Weights of the model, and the loss of each update of both trainings, in nats per learned token.
    """
    from raw2fig.lm.models import build_tiny_llama, save

    words, base, midtraining = tokenizer(), trainings.base, trainings.midtraining
    model = build_tiny_llama(network.shape, words, network.inner, network.longest, False, replicate)
    start = {name: weight.clone() for name, weight in model.state_dict().items()}
    before = taught(model, words, world, base, network.longest, np.random.default_rng([replicate, 1]))
    save(model, words, models / "base")
    model.load_state_dict(start)
    thirds = {(midtraining.updates * part) // 3: models / f"mid{part}" for part in (1, 2)}
    after = taught(
        model, words, world, midtraining, network.longest, np.random.default_rng([replicate, 2]), kept=thirds
    )
    save(model, words, models / "mid3")
    logging.info("loss %.3f over the last 20 updates", float(np.mean(after[-20:])))
    write_json({"parameters": model.num_parameters(), "base": before, "midtraining": after}, log)


@step
def cold_start(
    *,
    midtrained: Input,
    model: OutputFolder,
    log: Output,
    network: Annotated[Network, At("miniature.network")],
    world: Annotated[World, At("miniature.world")],
    cold: Annotated[Supervised, At("miniature.cold")],
    replicate: Seed,
) -> None:
    """Train a mid-trained model on answers with a short reasoning, for both roles.

    Parameters
    ----------
    midtrained
        Folders of `raw2fig kimi-dev midtrain`; the last one is trained.
    model
        Model folder.
    log
        The loss of each update, in nats per learned token.
    """
    from raw2fig.lm.models import load, save

    trained, words = load(str(midtrained / "mid3"), train=True)
    losses = taught(trained, words, world, cold, network.longest, np.random.default_rng([replicate, 3]))
    save(trained, words, model)
    write_json({"losses": losses}, log)


def taught(
    model: PreTrainedModel,
    words: PreTrainedTokenizerBase,
    world: World,
    supervised: Supervised,
    longest: int,
    rng: np.random.Generator,
    kept: dict[int, Path] | None = None,
) -> list[float]:
    """Losses of a training on lessons that are all different; the model after some of the updates is `kept` in
    folders."""
    from raw2fig.lm.models import save

    drawn = draw_lessons(picker(rng), world, supervised.mix, supervised.updates * supervised.batch)
    ids = words.get_vocab()
    examples = fitting([encoded(ids, lesson) for lesson in drawn], longest)
    # all kinds in each batch: batches of equal lengths would be of one kind each, and learn half as fast
    batches = np.split(np.arange(len(examples)), supervised.updates)
    pad = ids[str(words.pad_token)]

    def saving() -> Iterator[np.ndarray]:
        for update, rows in enumerate(batches):
            if kept and update in kept:
                save(model, words, kept[update])
            yield rows

    return descended(model, examples, pad, saving(), len(batches), supervised.optimiser)


def descended(
    model: PreTrainedModel,
    examples: Sequence[Example],
    pad: int,
    updates: Iterable[np.ndarray],
    number: int,
    optimiser: Optimiser,
) -> list[float]:
    """Losses of `number` updates of a model, each on some rows of the examples."""
    return descend(
        model,
        updates,
        number,
        lambda rows: token_loss_in_parts(model, [examples[row] for row in rows], pad, PARTS),
        optimiser,
    )


def fitting(examples: Sequence[Example], longest: int) -> Sequence[Example]:
    """The same examples. Raises `InputError` for one that the model cannot read."""
    most = max(len(example.ids) for example in examples)
    if most > longest:
        raise InputError("lessons", f"one has {most} tokens", f"at most longest, {longest}")
    return examples

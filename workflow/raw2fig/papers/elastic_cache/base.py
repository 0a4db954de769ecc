"""The masked-diffusion model of the miniature."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.batches import Optimiser, descend
from raw2fig.lm.models import Shape
from raw2fig.papers.elastic_cache.chain import (
    Chain,
    Problem,
    chain_tokenizer,
    distinct,
    draw_to_train,
    encoded,
    few_shot,
    words_of,
)
from raw2fig.papers.elastic_cache.diffusion import answer_loss
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Output, OutputFolder, progress, step
from raw2fig.tables import write_json
from raw2fig.tasks.parts import VALIDATION

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

JUDGED = 16
"""Validation problems of each length that the loss at the end is of."""


class Lesson(Record):
    """Updates on problems of one size. Sums are learned soonest from short chains, which are also cheap."""

    slots: int = Field(ge=1, description="Slots of the prompts.")
    batch: int = Field(ge=1, description="Problems of an update.")
    updates: int = Field(ge=1, description="Updates.")


class Pretraining(Record):
    """How the model learns to answer."""

    shape: Shape = Field(description="Hidden width, layers and heads of the Llama model, as 64/6/4.")
    inner: int = Field(ge=1, description="Width of the feed-forward layers over the hidden width.")
    lessons: list[Lesson] = Field(min_length=1, description="What is trained on, in this order; the last are whole.")

    @property
    def updates(self) -> int:
        return sum(lesson.updates for lesson in self.lessons)


class Batch(NamedTuple):
    """Prompts (problems, tokens), answers (problems, length), and the positions (1, tokens) of both."""

    prompts: torch.Tensor
    answers: torch.Tensor
    positions: torch.Tensor


@step
def base(
    *,
    model: OutputFolder,
    log: Output,
    chain: Chain,
    pretraining: Pretraining,
    optimiser: Annotated[Optimiser, At("mini.base.optimiser")],
    replicate: Seed,
) -> None:
    """Train the model of the miniature as LLaDA is fine-tuned: the answer alone is masked, its tail of ends of
    sequence too.

    Parameters
    ----------
    model
        Model folder.
    log
        Number of weights, updates, the loss of each update, and that of validation problems at the end.
    """
    import torch

    from raw2fig.lm.models import build_tiny_llama, evaluating, save

    check_lessons(chain, pretraining)
    words = chain_tokenizer()
    longest = chain.prompt_length + chain.length
    network = build_tiny_llama(pretraining.shape, words, pretraining.inner, longest, False, replicate)
    network.to("cuda" if torch.cuda.is_available() else "cpu")  # type: ignore[arg-type]
    network.config.mask_token_id = words.mask_token_id
    losses = learn(network, words, chain, pretraining, optimiser, replicate)
    with evaluating(network):
        judged = validation_loss(network, words, chain, replicate)
    save(network, words, model)
    logging.info("loss %.3f over the last 20 updates, %.3f on validation", float(np.mean(losses[-20:])), judged)
    about = {"parameters": network.num_parameters(), "updates": len(losses)}
    write_json({**about, "losses": losses, "validation_loss": judged}, log)


def check_lessons(chain: Chain, pretraining: Pretraining) -> None:
    """Raise `InputError` for lessons that the task does not have, or that do not end with whole problems."""
    sizes = [lesson.slots for lesson in pretraining.lessons]
    if max(sizes) > chain.slots or sizes[-1] != chain.slots:
        raise InputError("lessons", f"are of {sizes} slots", f"at most {chain.slots}, and {chain.slots} in the last")


def learn(
    network: PreTrainedModel,
    words: PreTrainedTokenizerBase,
    chain: Chain,
    pretraining: Pretraining,
    optimiser: Optimiser,
    seed: int,
) -> list[float]:
    """Train lesson by lesson, and return the losses, in nats per token of an answer."""
    rng = np.random.default_rng([seed, 1])

    def loss_of(lesson: Lesson) -> torch.Tensor:
        problems = [draw_to_train(chain, lesson.slots, rng) for _ in range(lesson.batch)]
        return loss_on(network, words, as_batch(words, problems, chain, lesson.slots, rng), rng)

    lessons = [lesson for lesson in pretraining.lessons for _ in range(lesson.updates)]
    return descend(network, progress(lessons, "updates"), len(lessons), loss_of, optimiser)


def loss_on(
    network: PreTrainedModel, words: PreTrainedTokenizerBase, batch: Batch, rng: np.random.Generator
) -> torch.Tensor:
    """Loss of a batch, on a GPU in bfloat16 with weights in float32."""
    import torch

    device = network.device
    with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        prompts, answers, positions = (part.to(device) for part in batch)
        return answer_loss(network, prompts, answers, mask_of(words), rng, positions)


def as_batch(
    words: PreTrainedTokenizerBase, problems: list[Problem], chain: Chain, slots: int, rng: np.random.Generator
) -> Batch:
    """Problems with so many slots. Where they are fewer than the task's, no solved ones stand before them, and the
    answer ends after one end of sequence more than it needs; prompt and answer still begin at the positions where those
    of whole problems do."""
    import torch

    whole = slots == chain.slots
    length = chain.length if whole else words_of(slots) + 1
    asked = [few_shot(chain, one, rng) if whole else one.prompt(slots) for one in problems]
    prompts, answers = encoded(words, asked, [one.answer(chain.modulus) for one in problems], length)
    first = 0 if whole else chain.prompt_length - words_of(chain.slots)
    positions = np.concatenate([first + np.arange(prompts.shape[1]), chain.prompt_length + np.arange(length)])
    return Batch(*map(torch.from_numpy, (prompts, answers, positions[None])))


def validation_loss(network: PreTrainedModel, words: PreTrainedTokenizerBase, chain: Chain, seed: int) -> float:
    """Loss of whole problems that the model was not trained on."""
    rng = np.random.default_rng([seed, 2])
    lengths = range(chain.fewest, chain.slots + 1)
    problems = [one for used in lengths for one in distinct(chain, used, VALIDATION, JUDGED, rng)]
    return float(loss_on(network, words, as_batch(words, problems, chain, chain.slots, rng), rng))


def mask_of(words: PreTrainedTokenizerBase) -> int:
    """Id of the mask."""
    mask: Any = words.mask_token_id
    return int(mask)

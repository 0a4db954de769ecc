"""The models that every arm of a replicate starts from."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from raw2fig.lm.batches import Optimiser, by_length, train_on
from raw2fig.lm.models import Shape
from raw2fig.papers.brain_rot.lessons import chats
from raw2fig.papers.brain_rot.made_posts import Posts, draw_posts
from raw2fig.papers.brain_rot.scores import Evaluation, draw_questions, measure
from raw2fig.papers.brain_rot.world import DOCUMENT_END, Arithmetic, prose, transitions, vocabulary
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Output, OutputFolder, step
from raw2fig.tables import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

    from raw2fig.lm.examples import Example

PROSE_LENGTHS = (10, 60)
"""Fewest words of a text of prose, and one more than the most."""


class Pretraining(Record):
    """How a base learns its tasks, and what it reads."""

    shape: Shape = Field(description="Hidden width, layers and heads of the Llama model, as 64/2/4.")
    first_updates: int = Field(ge=1, description="Updates on tasks and plain prose, which all bases share.")
    late_updates: int = Field(ge=1, description="More updates of the familiar base, which reads posts as well.")
    chat_updates: int = Field(ge=1, description="Last updates of both bases, on tasks alone.")
    batch: int = Field(ge=1, description="Sequences of an update.")
    documents: float = Field(ge=0, lt=1, description="Share of sequences that are prose.")
    posts: float = Field(ge=0, lt=1, description="Share of sequences of the late updates that are posts.")
    tasks: dict[str, float] = Field(description="Weight of each task among the others.")


def file_hash(folder: Path) -> str:
    """SHA-256 of a model folder's weights."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@step
def base(
    *,
    familiar: OutputFolder,
    unfamiliar: OutputFolder,
    log: Output,
    pretraining: Pretraining,
    optimiser: Annotated[Optimiser, At("miniature.base.optimiser")],
    world: Posts,
    arithmetic: Arithmetic,
    evaluation: Evaluation,
    replicate: Seed,
) -> None:
    """Train the two bases of a replicate: one that has read posts before it learned to chat, one that has not.

    Parameters
    ----------
    familiar, unfamiliar
        Model folders.
    log
        Updates, tokens, last losses and scores of both, and the hashes of their weights.
    """
    from copy import deepcopy

    from raw2fig.lm.models import build_tiny_llama, save
    from raw2fig.lm.tokenizer import word_tokenizer

    words = word_tokenizer(vocabulary(arithmetic.modulus))
    network = build_tiny_llama(pretraining.shape, words, 3, 512, True, replicate)
    rng = np.random.default_rng([replicate, 5])
    questions = draw_questions(replicate, evaluation, arithmetic)
    told: dict[str, Any] = {"replicate": replicate, "parameters": network.num_parameters()}

    def learn(model: PreTrainedModel, examples: list[Example], rate: float) -> dict[str, float]:
        lengths = [len(example.ids) for example in examples]
        chosen = optimiser.model_copy(update={"lr": optimiser.lr * rate})
        batches = by_length(lengths, pretraining.batch, rng)
        losses = train_on(model, int(words.pad_token_id), examples, batches, chosen, "token")
        return {"updates": len(batches), "tokens": sum(lengths), "loss": float(np.mean(losses[-20:]))}

    # other posts than those of the arms
    cumulative = transitions(np.random.default_rng([replicate, 0]))
    read = draw_posts(np.random.default_rng([replicate, 6]), world, cumulative)["tweet"].tolist()
    first = learn(network, mixed(words, rng, pretraining, arithmetic, replicate, pretraining.first_updates, []), 1.0)
    other = deepcopy(network)
    late = learn(network, mixed(words, rng, pretraining, arithmetic, replicate, pretraining.late_updates, read), LATER)
    for name, model, folder, before in (
        ("familiar", network, familiar, [first, late]),
        ("unfamiliar", other, unfamiliar, [first]),
    ):
        tasks = pretraining.model_copy(update={"documents": 0.0})
        last = learn(model, mixed(words, rng, tasks, arithmetic, replicate, pretraining.chat_updates, []), LATER)
        save(model, words, folder)
        told[name] = {
            "phases": [*before, last],
            "scores": measure(model, words, questions, arithmetic),
            "hash": file_hash(folder),
        }
    write_json(told, log)


LATER = 0.25
"""Peak learning rate of the later phases, relative to that of the first."""


def mixed(
    words: PreTrainedTokenizerBase,
    rng: np.random.Generator,
    pretraining: Pretraining,
    arithmetic: Arithmetic,
    replicate: int,
    updates: int,
    posts: list[str],
) -> list[Example]:
    """Sequences of `updates` batches: tasks, prose, and posts if there are any."""
    from raw2fig.lm.documents import encode_documents
    from raw2fig.lm.examples import encode

    number = updates * pretraining.batch
    of_posts = int(number * pretraining.posts) if posts else 0
    of_prose = int(number * pretraining.documents)
    asked = chats(rng, number - of_posts - of_prose, pretraining.tasks, arithmetic)
    examples = encode(words, [one.prompt for one in asked], [one.response for one in asked], 1 << 10)
    cumulative = transitions(np.random.default_rng([replicate, 0]))
    texts = [" ".join(text) for text in prose(rng, rng.integers(*PROSE_LENGTHS, size=of_prose).tolist(), cumulative)]
    texts += [posts[row] for row in rng.integers(len(posts), size=of_posts)] if posts else []
    return examples + encode_documents(words, texts, words.get_vocab()[DOCUMENT_END], 1 << 10)

"""The model whose layers are routed in the miniature."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np

from raw2fig.lm.batches import Optimiser, descend
from raw2fig.lm.models import Shape
from raw2fig.papers.dr_llm.world import TASKS, draw_item, encoded, vocabulary
from raw2fig.settings import Field, Record, Seed
from raw2fig.step import At, Output, OutputFolder, progress, step
from raw2fig.tables import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

POOL = 20_000
"""Questions that batches are drawn from."""


class Pretraining(Record):
    """How the base learns to answer."""

    shape: Shape = Field(description="Hidden width, layers and heads of the Llama model, as 64/10/4.")
    updates: int = Field(ge=1, description="Updates.")
    batch: int = Field(ge=1, description="Questions of an update.")
    drop: float = Field(
        ge=0,
        lt=1,
        description="Chance that the last layer is left out of an update; of layer i it is i / (L - 1) of that.",
    )
    drop_from: float = Field(ge=0, le=1, description="Share of the updates after which layers are left out.")


@step
def base(
    *,
    model: OutputFolder,
    log: Output,
    pretraining: Pretraining,
    optimiser: Annotated[Optimiser, At("mini.base.optimiser")],
    replicate: Seed,
) -> None:
    """Train the model of the miniature: every question of the world, with layers left out at random late in training.

    Large models can spare layers. A small one that never missed a layer cannot: stochastic depth gives it that.

    Parameters
    ----------
    model
        Model folder.
    log
        Number of weights, updates, and the loss of each update.
    """
    from raw2fig.lm.models import build_tiny_llama, save
    from raw2fig.lm.tokenizer import word_tokenizer

    words = word_tokenizer(vocabulary())
    network = build_tiny_llama(pretraining.shape, words, 2, 64, False, replicate)
    losses = learn(network, words, pretraining, optimiser, replicate)
    save(network, words, model)
    logging.info("loss %.3f over the last 20 updates", float(np.mean(losses[-20:])))
    write_json({"parameters": network.num_parameters(), "updates": len(losses), "losses": losses}, log)


def learn(
    network: PreTrainedModel,
    words: PreTrainedTokenizerBase,
    pretraining: Pretraining,
    optimiser: Optimiser,
    seed: int,
) -> list[float]:
    """Train on questions of all tasks alike, and return the losses, in nats per answer."""
    import torch

    from raw2fig.papers.dr_llm.routing import RoutedModel

    rng = np.random.default_rng([seed, 1])
    items = [draw_item(TASKS[place], rng) for place in rng.integers(len(TASKS), size=POOL)]
    ids, labels = map(torch.from_numpy, encoded(words, items))
    lengths = (ids != words.pad_token_id).sum(1)
    with RoutedModel(network) as routed:
        chances = pretraining.drop * np.arange(routed.layers) / (routed.layers - 1)

        def loss_of(update: int) -> torch.Tensor:
            late = update >= pretraining.drop_from * pretraining.updates
            kept = (rng.random(routed.layers) >= chances * late).astype(np.int64)
            rows = torch.from_numpy(rng.integers(POOL, size=pretraining.batch))
            width = int(lengths[rows].max())
            with routed.fixed_route(kept):
                # right-padded, so that causal attention needs no mask
                output: Any = network(input_ids=ids[rows, :width], use_cache=False)
            return torch.nn.functional.cross_entropy(output.logits.flatten(0, 1), labels[rows, :width].flatten())

        updates = progress(range(pretraining.updates), "updates")
        return descend(network, updates, pretraining.updates, loss_of, optimiser)

"""Training on a given list of batches with the Hugging Face Trainer: the updates of `raw2fig.lm.batches.train_on`, with
checkpoints, and under `accelerate launch` (DDP, FSDP) on several GPUs.

A batch is what all processes read together in an update: its sequences are dealt to them in turn. The number of
processes changes no result beyond rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from raw2fig.lm.batches import Optimiser, Reduction, check_batches, rate_at, token_losses
from raw2fig.lm.checkpoint import checkpoint_folder
from raw2fig.lm.examples import IGNORED, Example, collate
from raw2fig.lm.finetune import Training, log_of, settings_of, train_and_save
from raw2fig.settings import Field, Record

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Machine(Record):
    """What a training asks of a machine; it changes no result beyond rounding."""

    gradient_checkpointing: bool = Field(description="Compute activations again instead of keeping them in memory.")
    checkpoint_every: int = Field(ge=0, description="Updates between checkpoints; 0: none.")


class Shares:
    """What one of several processes reads of each batch: the ids, the labels and, for each sequence, the weight of its
    tokens' losses. The mean over processes of the weighted sums is the loss of the batch."""

    def __init__(
        self,
        examples: Sequence[Example],
        batches: Sequence[np.ndarray],
        pad: int,
        reduction: Reduction,
        process: int = 0,
        processes: int = 1,
    ) -> None:
        self.examples, self.batches, self.pad, self.reduction = examples, batches, pad, reduction
        self.process, self.processes = process, processes

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, update: int) -> dict[str, torch.Tensor]:
        batch = collate([self.examples[row] for row in self.batches[update]], self.pad)
        weights = weights_of((batch["labels"][:, 1:] != IGNORED).sum(1), self.reduction) * self.processes
        mine = list(range(self.process, len(weights), self.processes))
        if not mine:  # every process takes part in every update
            mine, weights = [0], weights * 0
        return {"weights": weights[mine], **{name: part[mine] for name, part in batch.items()}}


def weights_of(counted: torch.Tensor, reduction: Reduction) -> torch.Tensor:
    """The weight that `raw2fig.lm.batches.reduced` gives the loss of a token, for each sequence, from the number of its
    tokens that count."""
    if reduction == "token":
        return (1 / counted.sum()).expand(len(counted))
    return 1 / (counted.clamp(min=1) * (counted > 0).sum())


def fine_tune_on(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: Sequence[Example],
    batches: Sequence[np.ndarray],
    optimiser: Optimiser,
    reduction: Reduction,
    machine: Machine,
    output: Path,
    seed: int,
) -> list[float]:
    """Update `model` once for each batch, save it as a model folder at `output`, and return the losses.

    Checkpoints are as those of `raw2fig.lm.finetune.fine_tune`: a killed run that is started again without changes goes
    on from the last one, and the caller discards them. Raises `InputError` for a batch in which there is nothing to
    predict.
    """
    from torch.optim.lr_scheduler import LambdaLR
    from torch.utils.data import DataLoader
    from transformers import Trainer, TrainingArguments

    check_batches(examples, batches)
    steps = len(batches)
    training = Training(
        steps=steps,
        batch=1,
        accumulate=1,
        constant=False,
        prompt_loss=False,
        **optimiser.model_dump(),
        **machine.model_dump(),
    )
    recipe = {**training.model_dump(), "reduction": reduction, "seed": seed}
    parts = (part for example in examples for part in example if part is not None)
    data = (np.asarray(part).tobytes() for some in (parts, batches) for part in some)
    folder = checkpoint_folder(output, recipe, data, model)
    told = {"remove_unused_columns": False, "logging_steps": 1, "optim": "adamw_torch"}
    arguments = TrainingArguments(**settings_of(training, folder, seed) | told)

    class Scheduled(Trainer):
        def get_train_dataloader(self) -> Any:
            # in order, and not parted among the processes again
            return DataLoader(self.train_dataset, batch_size=1, collate_fn=lambda items: items[0])  # type: ignore[arg-type]

        def get_decay_parameter_names(self, model: Any) -> list[str]:
            return [name for name, _ in model.named_parameters()]

        def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
            made: Any = self.optimizer
            self.lr_scheduler = LambdaLR(made, lambda update: rate_at(update, steps, optimiser.warmup))
            return self.lr_scheduler

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            losses, _ = token_losses(model, inputs)
            return (losses.sum(1) * inputs["weights"]).sum()

    shares = Shares(
        examples,
        batches,
        int(tokenizer.pad_token_id),
        reduction,
        arguments.process_index,
        arguments.world_size,
    )
    trainer = Scheduled(model=model, args=arguments, train_dataset=shares, processing_class=tokenizer)
    train_and_save(trainer, folder, output)
    return [record["loss"] for record in log_of(trainer, ["loss"])]

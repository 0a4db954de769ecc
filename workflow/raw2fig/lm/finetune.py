"""Training on (prompt, response) examples with the Hugging Face Trainer: pretraining and SFT at every scale.

The same call runs in one process on a laptop and under `accelerate launch` (DDP, FSDP) on a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.checkpoint import checkpoint_folder, last_checkpoint
from raw2fig.lm.examples import IGNORED, Example, collate
from raw2fig.lm.models import evaluating
from raw2fig.settings import Field, Record

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer


LOGITS = 1 << 30
"""Entries of the largest matrix of scores (tokens x vocabulary) that is made at a time, 4 GB."""


class Training(Record):
    """A supervised training: AdamW with linear warm-up and a cosine schedule."""

    steps: int = Field(ge=1, description="Number of updates.")
    batch: int = Field(ge=1, description="Number of examples in a micro-batch, per process.")
    accumulate: int = Field(ge=1, description="Number of micro-batches in an update.")
    lr: float = Field(gt=0, description="Peak learning rate.")
    weight_decay: float = Field(ge=0, description="Weight decay of AdamW.")
    # below PyTorch's 0.999: runs of a few hundred steps are too short for so long a memory
    beta2: float = Field(ge=0, lt=1, description="Decay rate of AdamW's second moment (beta2).")
    warmup: float = Field(ge=0, le=1, description="Share of the steps in which the learning rate rises.")
    constant: bool = Field(description="Keep the learning rate constant after the warm-up, for runs of unknown length.")
    prompt_loss: bool = Field(description="Train on the prompt too, not on the response alone.")
    gradient_checkpointing: bool = Field(description="Compute activations again instead of keeping them in memory.")
    checkpoint_every: int = Field(ge=0, description="Updates between checkpoints; 0: none.")


def fine_tune(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: Sequence[Example],
    training: Training,
    output: Path,
    seed: int,
    held_out: Sequence[Example] = (),
    probe_at: Sequence[int] = (),
    stop: Callable[[PreTrainedModel, int], bool] | None = None,
) -> list[dict[str, float]]:
    """Train `model`, save it as a model folder at `output`, and return the log: records {step, loss, learning_rate}
    and, after the steps of `probe_at`, {step, held_out_loss, held_out_error (standard error), held_out_samples}
    on `held_out`. Training ends before its last step where `stop(model, step)`, asked after each step, says so.

    Checkpoints lie beside `output` under a name with the digest of settings, seed and data, and are removed at the end:
    a killed run that is started again without changes continues from the last one and gives the same bytes as an
    uninterrupted run (on CPU); with any change it starts anew.
    """
    from transformers import Trainer, TrainerCallback, TrainingArguments

    if not examples:
        raise InputError("examples", "no training example", "at least one")
    data = (np.asarray(part).tobytes() for example in examples for part in example if part is not None)
    folder = checkpoint_folder(output, {**training.model_dump(), "seed": seed}, data, model)
    arguments = TrainingArguments(**settings_of(training, folder, seed), remove_unused_columns=False)

    def batch(items: list[Example]) -> dict[str, Any]:
        return collate(items, tokenizer.pad_token_id, training.prompt_loss)

    class Probe(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step in probe_at:
                losses = sample_losses(model, tokenizer, held_out, training.prompt_loss)
                error = float(losses.std(ddof=1)) / len(losses) ** 0.5
                record = {
                    "held_out_loss": float(losses.mean()),
                    "held_out_error": error,
                    "held_out_samples": len(losses),
                }
                state.log_history.append({"step": state.global_step, **record})
            if stop is not None and stop(model, state.global_step):
                control.should_training_stop = True

    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=list(examples),
        data_collator=batch,
        processing_class=tokenizer,
        callbacks=[Probe()],
    )
    train_and_save(trainer, folder, output)
    kept = ("step", "loss", "learning_rate", "held_out_loss", "held_out_error", "held_out_samples")
    return log_of(trainer, kept)


def settings_of(training: Training, folder: Path, seed: int) -> dict[str, Any]:
    """What `training` is in the words of Hugging Face trainers, with checkpoints in `folder`."""
    import torch

    return {
        "output_dir": str(folder),
        "max_steps": training.steps,
        "per_device_train_batch_size": training.batch,
        "gradient_accumulation_steps": training.accumulate,
        "learning_rate": training.lr,
        "weight_decay": training.weight_decay,
        "adam_beta2": training.beta2,
        "warmup_steps": int(training.warmup * training.steps),
        "lr_scheduler_type": "constant_with_warmup" if training.constant else "cosine",
        "gradient_checkpointing": training.gradient_checkpointing,
        "bf16": torch.cuda.is_available(),
        "save_strategy": "steps" if training.checkpoint_every else "no",
        "save_steps": training.checkpoint_every or 1,
        "save_total_limit": 1,
        "logging_steps": max(1, training.steps // 50),
        "seed": seed,
        "ddp_find_unused_parameters": False,
        "report_to": [],
        "disable_tqdm": True,
    }


def log_of(trainer: Trainer, kept: Sequence[str]) -> list[dict[str, float]]:
    """Records of a training's log that hold a loss, of each what is `kept`."""
    return [
        {name: float(record[name]) for name in kept if name in record}
        for record in trainer.state.log_history
        if "loss" in record or "held_out_loss" in record
    ]


def train_and_save(trainer: Trainer, folder: Path, output: Path) -> None:
    """Train from the last whole checkpoint in `folder`, if there is one, and save model and tokenizer at `output`.

    Where that is the checkpoint of the last step, nothing is trained. Under FSDP every process takes part in saving,
    the first one writes.
    """
    import logging

    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
    resume = last_checkpoint(folder)
    if resume:
        logging.info("resuming from step %s", resume.name.rpartition("-")[2])
        if any(resume.glob("model*.safetensors")):  # FSDP shards its checkpoints, and reads them itself
            # the Trainer does not undo the renaming of weights on saving: GPT-NeoX would keep its untrained head
            model = cast("PreTrainedModel", trainer.model)
            model.load_state_dict(type(model).from_pretrained(resume, dtype=model.dtype).state_dict())
    _train(trainer, resume)
    # a process that is done discards the checkpoints: not while the first one still sorts them
    trainer.accelerator.wait_for_everyone()
    if trainer.is_fsdp_enabled:
        # `accelerate launch` may ask for sharded checkpoints; the model folder is whole
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    trainer.save_model(str(output))
    # a pickle of the arguments, with this machine's paths: neither needed nor reproducible
    (output / "training_args.bin").unlink(missing_ok=True)


def _train(trainer: Trainer, resume: Path | None) -> None:
    """Train from the checkpoint `resume` on; not at all where it is that of the last step.

    The Trainer asks whether to stop after a step only, so it would take one step too many. It is left as soon as it has
    read weights and state, which under FSDP it does in `train` itself.
    """
    from contextlib import suppress

    from transformers import TrainerCallback

    class Ended(Exception):
        pass

    class LeaveWhereItEnded(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.stateful_callbacks["TrainerControl"]["args"]["should_training_stop"]:  # as it was saved
                raise Ended

    trainer.add_callback(LeaveWhereItEnded())
    with suppress(Ended):
        trainer.train(resume_from_checkpoint=str(resume) if resume else None)


def sample_losses(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: Sequence[Example],
    prompt_loss: bool = False,
    batch: int = 128,
) -> np.ndarray:
    """Mean next-token loss (nats per token) of each example, (examples,)."""
    import torch

    # the scores of a batch over the whole vocabulary must fit into memory
    entries = max(len(example.ids) for example in examples) * model.get_output_embeddings().weight.shape[0]
    batch = max(1, min(batch, LOGITS // entries))
    losses = []
    with evaluating(model):
        for start in range(0, len(examples), batch):
            inputs = collate(examples[start : start + batch], tokenizer.pad_token_id, prompt_loss)
            inputs = {name: tensor.to(model.device) for name, tensor in inputs.items()}
            labels = inputs.pop("labels")[:, 1:]
            logits = model(**inputs).logits[:, :-1].float()
            nll = torch.nn.functional.cross_entropy(
                logits.transpose(1, 2), labels, ignore_index=IGNORED, reduction="none"
            )
            losses.append((nll.sum(1) / (labels != IGNORED).sum(1)).cpu().numpy())
    return np.concatenate(losses)

"""Reward models: sequence classifiers with one output, which score a completion of a prompt."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from raw2fig.errors import InputError
from raw2fig.lm.checkpoint import checkpoint_folder, discard
from raw2fig.lm.examples import encode
from raw2fig.lm.finetune import Training, log_of, settings_of, train_and_save
from raw2fig.lm.models import load_tokenizer, read_weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

LONGEST = 1 << 20


class Pairs(NamedTuple):
    """Completions of the same prompts, the better one of each and the worse one."""

    prompts: list[str]
    better: list[str]
    worse: list[str]


def load_reward_model(
    source: str, revision: str | None = None, head: bool = True, seed: int = 0
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """Reward model and tokenizer from a local folder or a hub id, on the GPU if there is one; code that comes with a
    model is never executed. Without `head` the source is a language model, whose head is replaced by a random one
    drawn from `seed`, in float32, to be trained.

    Raises `InputError` when it cannot be found, or lacks a head.
    """
    import torch
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging as reports

    tokenizer = load_tokenizer(source, revision)
    place: dict[str, Any] = {"dtype": torch.float32} if not head else {"dtype": "auto"}
    if head and torch.cuda.is_available():
        # whole on the GPU of this process: in a training, one beside each copy of the policy
        place = {"dtype": torch.bfloat16, "device_map": {"": int(os.environ.get("LOCAL_RANK", "0"))}}
    torch.manual_seed(seed)
    before = reports.get_verbosity()
    reports.set_verbosity_error()  # the head that is missing or left over is what is meant, or told below
    try:
        model, missing = read_weights(
            AutoModelForSequenceClassification, source, revision, "a classifier with one output", num_labels=1, **place
        )
    finally:
        reports.set_verbosity(before)
    if head and missing:
        raise InputError(source, f"the weights lack {len(missing)} tensors, such as {missing[0]}", "a reward model")
    model.config.pad_token_id = tokenizer.pad_token_id
    return model, tokenizer


def scores(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[str],
    completions: Sequence[str],
    batch: int = 256,
) -> np.ndarray:
    """Scores (completions,), float64, of completions of `prompts`, each with its own. Texts of similar length share a
    batch."""
    import torch

    rows = token_ids(tokenizer, prompts, completions)
    order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    found = np.zeros(len(rows))
    model.eval()
    with torch.no_grad():
        for start in range(0, len(order), batch):
            chosen = order[start : start + batch]
            width = len(rows[chosen[-1]])
            ids = torch.full((len(chosen), width), tokenizer.pad_token_id)
            mask = torch.zeros_like(ids)
            for place, row in enumerate(chosen):
                ids[place, : len(rows[row])] = torch.tensor(rows[row])
                mask[place, : len(rows[row])] = 1
            output = model(input_ids=ids.to(model.device), attention_mask=mask.to(model.device))
            found[chosen] = output.logits[:, 0].double().cpu().numpy()
    return found


def token_ids(
    tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str], completions: Sequence[str]
) -> list[list[int]]:
    """What a reward model reads: user and assistant in its chat template; without one, prompt, completion and end of
    sequence."""
    if not tokenizer.chat_template:
        return [example.ids.tolist() for example in encode(tokenizer, prompts, completions, LONGEST)]
    chats = [
        [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]
        for prompt, completion in zip(prompts, completions, strict=True)
    ]
    texts = tokenizer.apply_chat_template(chats, tokenize=False)
    return tokenizer(texts, add_special_tokens=False)["input_ids"]


def train_on_pairs(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    pairs: Pairs,
    training: Training,
    output: Path,
    seed: int,
) -> list[dict[str, float]]:
    """Train a reward model by trl's `RewardTrainer`, -log sigmoid(r(better) - r(worse)) (Bradley and Terry), and save
    it at `output`. Returns the log: records {step, loss, accuracy, learning_rate}. `training.batch` counts pairs; a
    killed run resumes as in `raw2fig.lm.finetune.fine_tune`."""
    from datasets import Dataset
    from trl import RewardConfig, RewardTrainer

    if not pairs.prompts:
        raise InputError("pairs", "no prompt has a right and a wrong completion", "at least one such pair")
    data = {
        "chosen_ids": token_ids(tokenizer, pairs.prompts, pairs.better),
        "rejected_ids": token_ids(tokenizer, pairs.prompts, pairs.worse),
    }
    seen = [np.array(row).tobytes() for rows in data.values() for row in rows]
    folder = checkpoint_folder(output, {**training.model_dump(), "seed": seed}, seen, model)
    arguments = RewardConfig(**settings_of(training, folder, seed), disable_dropout=True, max_length=None)
    trainer = RewardTrainer(
        model=model, args=arguments, processing_class=tokenizer, train_dataset=Dataset.from_dict(data)
    )
    train_and_save(trainer, folder, output)
    discard(output)
    return log_of(trainer, ("step", "loss", "accuracy", "learning_rate"))

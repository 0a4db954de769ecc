"""A recipe in the words of trl."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from raw2fig.rl.recipe import Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def settings_of(recipe: Recipe, folder: Path, model: PreTrainedModel, seed: int) -> dict[str, Any]:
    """What `recipe` is in the words of trl, with checkpoints in `folder`."""
    import torch

    return {
        "output_dir": str(folder),
        "max_steps": recipe.steps,
        "per_device_train_batch_size": recipe.prompts * recipe.generations // recipe.accumulate,
        "gradient_accumulation_steps": recipe.accumulate,
        "num_generations": recipe.generations,
        "learning_rate": recipe.lr,
        "lr_scheduler_type": "constant_with_warmup",
        "warmup_steps": recipe.warmup,
        "weight_decay": recipe.weight_decay,
        "adam_epsilon": recipe.adam_epsilon,
        "max_grad_norm": recipe.max_grad_norm,
        "beta": recipe.beta,
        "temperature": recipe.temperature,
        "max_completion_length": recipe.max_new_tokens,
        "vllm_importance_sampling_correction": False,  # the ratio of the loss is to what vLLM sampled from
        "ignore_data_skip": True,  # prompts come from the curriculum
        "save_strategy": "steps" if recipe.checkpoint_every else "no",
        "save_steps": recipe.checkpoint_every or 1,
        "save_total_limit": 1,
        "logging_steps": 1,
        "seed": seed,
        "ddp_find_unused_parameters": False,
        "report_to": [],
        "disable_tqdm": True,
        "bf16": torch.cuda.is_available(),
        # autocast would not; trl cannot where embeddings are shared and not at `model.embed_tokens` (GPT-2)
        "cast_lm_head_to_fp32": hasattr(model, "model") or not model.config.tie_word_embeddings,
        "gradient_checkpointing": recipe.gradient_checkpointing,
    }

"""Trainings of the tests: a plain GRPO run and a plain supervised training of one step, with what a test changes."""

from typing import Any, TypeVar

from raw2fig.lm.finetune import Training
from raw2fig.rl.recipe import Recipe
from raw2fig.settings import Record, read

R = TypeVar("R", bound=Record)

GRPO: dict[str, Any] = {
    "steps": 1,
    "prompts": 8,
    "generations": 12,
    "lr": 1e-6,
    "loss": "clip",
    "eps_low": 0.2,
    "eps_high": 0.2,
    "eps_max": None,
    "dual": None,
    "tau": None,
    "aggregation": "sample",
    "scale": "group",
    "ddof": 1,
    "epsilon": 1e-4,
    "beta": 0.0,
    "drop_zero_variance": False,
    "retire_at": None,
    "off_policy": "on",
    "k": 1,
    "overlong": "none",
    "cache": 0,
    "interrupt": None,
    "phrase": "",
    "head": "fp32",
    "temperature": 1.0,
    "max_new_tokens": 64,
    "accumulate": 1,
    "warmup": 0,
    "weight_decay": 0.0,
    "adam_epsilon": 1e-8,
    "max_grad_norm": 1.0,
    "checkpoint_every": 100,
    "gradient_checkpointing": False,
    "vllm": None,
}
"""GRPO as in Shao et al. (2024), without a KL penalty."""

SUPERVISED: dict[str, Any] = {
    "steps": 1,
    "batch": 64,
    "accumulate": 1,
    "lr": 3e-3,
    "weight_decay": 0.01,
    "beta2": 0.98,
    "warmup": 0.05,
    "constant": False,
    "prompt_loss": False,
    "gradient_checkpointing": False,
    "checkpoint_every": 500,
}


def recipe(**changes: Any) -> Recipe:
    """`GRPO` with `changes`. Raises `InputError` for settings that cannot be."""
    return read(Recipe, {**GRPO, **changes})


def training(**changes: Any) -> Training:
    """`SUPERVISED` with `changes`. Raises `InputError` for settings that cannot be."""
    return read(Training, {**SUPERVISED, **changes})


def changed(record: R, **changes: Any) -> R:
    """`record` with `changes`. Raises `InputError` for settings that cannot be."""
    return read(type(record), {**record.model_dump(), **changes})

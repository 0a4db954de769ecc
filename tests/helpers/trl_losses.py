"""The loss of trl's own code for a batch."""

from collections import defaultdict
from types import SimpleNamespace
from typing import Any


def loss_of_trl(batch: dict[str, Any], **settings: Any) -> Any:
    """trl's `_compute_loss` on the batch, with log-probabilities given instead of computed."""
    import torch
    from trl import GRPOTrainer

    rows = len(batch["advantages"])
    own = {
        "top_entropy_quantile": 1.0,
        "off_policy_mask_threshold": None,
        "importance_sampling_level": "token",
        "beta": 0.0,
        "epsilon_low": 0.2,
        "epsilon_high": 0.2,
        "use_vllm": False,
        "vllm_importance_sampling_correction": False,
        "aux_loss_enabled": False,
        "max_completion_length": 11,
        "current_gradient_accumulation_steps": 1,
        "_entropy_bonus_enabled": False,
        **settings,
    }
    trainer = SimpleNamespace(
        **own,
        model=SimpleNamespace(training=True),
        args=SimpleNamespace(delta=own.pop("delta", None), use_bias_correction_kl=False, steps_per_generation=1),
        accelerator=SimpleNamespace(num_processes=1, gather=lambda x: x, reduce=lambda x, reduction: x),
        _metrics={"train": defaultdict(list)},
        _get_per_token_logps_and_entropies=lambda *_, **__: (batch["logps"], torch.zeros_like(batch["old"]), None),
    )
    inputs = {
        "prompt_ids": torch.zeros(rows, 1),
        "prompt_mask": torch.ones(rows, 1),
        "completion_ids": torch.zeros_like(batch["mask"]),
        "completion_mask": batch["mask"],
        "advantages": batch["advantages"],
        "old_per_token_logps": batch["old"],
        "ref_per_token_logps": batch["reference"],
        "num_items_in_batch": batch["mask"].sum(),
    }
    return GRPOTrainer._compute_loss(trainer, None, inputs)

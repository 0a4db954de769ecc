"""The GRPO family: advantages, rollouts, the trainer."""

WARM = ("trl:GRPOTrainer",)

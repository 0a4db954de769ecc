"""The GRPO family: advantages, rollouts, the trainer."""

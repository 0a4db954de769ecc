"""Demystifying Reinforcement Learning in Agentic Reasoning: what makes a policy with tools learn (GRPO-TCR)."""

NAME = "Agentic RL"

"""Demystifying RL in Agentic Reasoning: what makes a tool-using policy learn (GRPO-TCR)."""

NAME = "Agentic RL"

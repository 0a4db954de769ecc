"""Holistic Agent Leaderboard: what agents cost, what they get right, and how."""

NAME = "HAL"

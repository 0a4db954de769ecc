"""Kimi-Dev: Agentless Training as Skill Prior for SWE-Agents."""

NAME = "Kimi-Dev"

"""Hybrid Reinforcement: When Reward Is Sparse, It's Better to Be Dense (HERO)"""

NAME = "HERO"
"""What the paper is called where there is little room."""

"""The Art of Scaling Reinforcement Learning Compute for LLMs (ScaleRL)"""

NAME = "ScaleRL"
"""What the paper is called where there is little room."""
WARM = ("scipy.optimize",)

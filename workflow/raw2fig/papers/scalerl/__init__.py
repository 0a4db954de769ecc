"""The Art of Scaling Reinforcement Learning Compute for LLMs (ScaleRL)"""

WARM = ("scipy.optimize",)

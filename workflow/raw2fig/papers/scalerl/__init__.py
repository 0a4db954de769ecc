"""The Art of Scaling Reinforcement Learning Compute for LLMs (ScaleRL)"""

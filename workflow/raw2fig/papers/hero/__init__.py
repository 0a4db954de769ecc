"""Hybrid Reinforcement: When Reward Is Sparse, It's Better to Be Dense (HERO)"""

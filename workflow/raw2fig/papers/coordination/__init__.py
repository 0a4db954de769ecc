"""Emergent Coordination in Multi-Agent Language Models"""

WARM = ("statsmodels.api",)

"""Emergent Coordination in Multi-Agent Language Models"""

NAME = "Emergent Coordination"
"""What the paper is called where there is little room."""
WARM = ("statsmodels.api",)

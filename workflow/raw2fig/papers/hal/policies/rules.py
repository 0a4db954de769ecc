"""The rules of all benchmarks, and what can be planted in each."""

from collections.abc import Mapping

from raw2fig.papers.hal.policies import Plant, Rule, arithmetic

RULES: Mapping[str, tuple[Rule, Mapping[str, Plant]]] = {"arithmetic": (arithmetic.rule, arithmetic.PLANTS)}
"""Benchmark → its rule and its plants."""

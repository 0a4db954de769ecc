"""The rules of all benchmarks, and what can be planted in each."""

from collections.abc import Mapping

from raw2fig.papers.hal.policies import Plant, Rule, arithmetic, navigation, repair, service

RULES: Mapping[str, tuple[Rule, Mapping[str, Plant]]] = {
    "repair": (repair.rule, repair.PLANTS),
    "arithmetic": (arithmetic.rule, arithmetic.PLANTS),
    "navigation": (navigation.rule, navigation.PLANTS),
    "service": (service.rule, service.PLANTS),
}
"""Benchmark → its rule and its plants."""

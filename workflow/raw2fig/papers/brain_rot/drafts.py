"""Drafts of answers to chains whose faults are known, and what a model is asked about them: to judge a draft, in the
words of its faults, and to mend it, given these words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from raw2fig.papers.brain_rot.battery.forensics import (
    FACTUAL,
    MODES,
    NO_OUTLINE,
    NO_REASONING,
    SKIPPING,
    WRONG_LOGIC,
    Case,
)
from raw2fig.papers.brain_rot.world import FAULTS, LABELS, SOUND, Chain, Step, ask, written

FAULTY: tuple[tuple[str, ...], ...] = (
    (NO_REASONING,),
    (NO_OUTLINE,),
    (NO_OUTLINE, FACTUAL),
    (SKIPPING,),
    (WRONG_LOGIC,),
    (FACTUAL,),
    (SKIPPING, WRONG_LOGIC),
    (SKIPPING, FACTUAL),
    (WRONG_LOGIC, FACTUAL),
)
"""The faults that a draft may have together, in the order of the tree."""
RIGHT = 1 / 3
"""Share of the drafts to judge that have none."""


def draw_faults(rng: np.random.Generator) -> tuple[str, ...]:
    """The faults of a draft to judge."""
    return () if rng.random() < RIGHT else FAULTY[int(rng.integers(len(FAULTY)))]


def draft(rng: np.random.Generator, chain: Chain, faults: Sequence[str], modulus: int) -> str:
    """An answer that has these faults and no others. Steps are left out anywhere, but not all; one step adds another
    number than the question says, one has a result that is not the sum; what follows goes on from there."""

    def other(number: int) -> int:
        return int(number + rng.integers(1, modulus)) % modulus

    if NO_REASONING in faults:
        return written(None, [], int(rng.integers(modulus)))
    planned = len(chain.added)
    number = int(rng.integers(1, planned)) if SKIPPING in faults else planned
    kept = sorted(rng.choice(planned, size=number, replace=False).tolist())
    illogical, untrue = (int(rng.choice(kept)) if fault in faults else None for fault in (WRONG_LOGIC, FACTUAL))
    steps, before = list[Step](), chain.start
    for place in kept:
        added = other(chain.added[place]) if place == illogical else chain.added[place]
        after = (before + added) % modulus
        steps.append(Step(LABELS[place], added, before, other(after) if place == untrue else after))
        before = steps[-1].after
    return written(None if NO_OUTLINE in faults else planned, steps, before)


def spoken(faults: Sequence[str]) -> list[str]:
    """The words of faults, in the order of the tree."""
    return [FAULTS[mode] for mode in MODES if mode in faults]


def heard(verdict: str) -> list[str]:
    """The words of faults in a verdict, each once, in the order of the tree."""
    said = verdict.split()
    return [word for word in FAULTS.values() if word in said]


def verdict_on(faults: Sequence[str]) -> str:
    """What a judge should say."""
    return " ".join(spoken(faults)) or SOUND


def ask_verdict(question: str, response: str) -> str:
    """The prompt for a judge."""
    return ask("judge", f"{question} draft {response}")


def ask_mending(case: Case, critique: Sequence[str]) -> str:
    """The prompt for a better answer. The question comes last, as where there is no draft."""
    return ask("mend", f"{case.response} faults {' '.join(critique)} of {case.question}")
